# SPDX-License-Identifier: GPL-2.0-or-later
#
# What each goal needs from outside, and getting it before anything else is done: packages of this
# machine (groups of tests/env/deps) and the test environment (steps of tests/env/build). Plain
# "make" and the like have no line here: they use what they find.
#
#	config.mak		written by configure, once the packages are there
#	build/environment.mak	written when the steps are there, under build/env
#
# Both are included: make begins anew after each, and sees what there is.

ENV = $(O)/env
# This machine, where configure has not said it; and what builds for arm64, if that is another.
ifndef NATIVE
NATIVE := $(or $(shell { uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/'; } 2>/dev/null),amd64)
endif
CROSS_NEEDED = $(filter-out $(NATIVE:arm64=cross),cross)
CLOUD = kernel-arm64-6.12-cloud
KERNELS = kernel-amd64-6.1 kernel-amd64-6.12 kernel-arm64-6.1 kernel-arm64-6.12
NEWEST = kernel-amd64-newest kernel-arm64-newest
# With the kernel's own instruments: what "make check" boots, and the others.
CHECKED = kernel-amd64-6.12-checked
CHECKED_LONG = kernel-arm64-6.12-checked kernel-amd64-6.12-races kernel-amd64-6.12-rt \
	kernel-arm64-6.12-64k
# Of the others the one that T=NAME boots.
checked_of_arm64 = arm64/6.12-checked
checked_of_races = amd64/6.12-races
checked_of_races_stress = amd64/6.12-races
checked_of_rt = amd64/6.12-rt
checked_of_faults = arm64/6.12-checked
checked_of_64k = arm64/6.12-64k
CHECKED_T = $(checked_of_$(T:test_%=%))
# The host that has iommufd for devices without an IOMMU: for one test, which is long.
IOMMUFD_HOST = kernel-amd64-7.3-iommufd
IOMMUFD_T = $(if $(findstring iommufd,$(T)),$(IOMMUFD_HOST))
# The libvirts beside the one that "make check" runs: likewise.
LIBVIRT_LONG = libvirt-amd64-9.0 libvirt-amd64-newest confinement-amd64-newest qemu-amd64
LIBVIRT_T = $(if $(findstring with_older,$(T)),libvirt-amd64-9.0) $(if $(findstring with_newest,$(T)),libvirt-amd64-newest confinement-amd64-newest) \
	$(if $(findstring confinement,$(T)),$(LIBVIRT_LONG)) $(if $(findstring enforced,$(T))$(findstring selinux,$(T)),qemu-amd64)
# The arm64 machine that builds hvcma itself: likewise.
ARM64_HOST = machine-of-arm64 seed-of-arm64 kernel-arm64-6.12-cloud
ARM64_HOST_T = $(if $(findstring arm64_host,$(T)),$(ARM64_HOST))
# Series that the demonstration is asked for, beside what it takes if not asked.
DEMO_SERIES = 6.12 $(filter 6.1,$(DEMO_ARGS))

# ---- the table: packages, steps ----------------------------------------------
packages_plugin = plugin
steps_plugin = $(if $(QEMU_HEADERS),,qemu-headers-$(NATIVE))
packages_plugin-testing = $(packages_plugin)
steps_plugin-testing = $(steps_plugin)
packages_plugin-others = plugin
steps_plugin-others = $(steps_plugin) $(OTHERS_HERE:%=qemu-headers-$(NATIVE)-%)
packages_plugin-others-testing = $(packages_plugin-others)
steps_plugin-others-testing = $(steps_plugin-others)
packages_install = $(packages_plugin)
steps_install = $(steps_plugin)
packages_deb = deb plugin
steps_deb = $(if $(filter arm64,$(filter-out $(NATIVE),$(DEB_ARCH))),qemu-headers-arm64 package-arm64,$(steps_plugin))
packages_arm64 = native env
steps_arm64 = cross
packages_arm64-service = native env
steps_arm64-service = cross sysroot-arm64-service
packages_arm64-plugin = plugin
steps_arm64-plugin = qemu-headers-arm64
packages_arm64-xen = native env
steps_arm64-xen = cross $(foreach r,4.17 4.20,xen-arm64-$(r) xen-tools-arm64-$(r) sysroot-arm64-xen-$(r))
packages_install-xen = $(packages_arm64-xen)
steps_install-xen = $(steps_arm64-xen)
packages_guest = native guest
steps_guest = $(KERNELS) $(NEWEST) cross
packages_guest-all = $(packages_guest)
steps_guest-all = $(steps_guest) kernel-arm64-6.1-cloud $(CLOUD) headers-amd64-6.1-cloud \
	headers-amd64-6.12-cloud headers-amd64-newest-cloud headers-arm64-newest-cloud
packages_world = plugin guest
steps_world = $(steps_plugin) $(steps_arm64-plugin) $(steps_arm64-service) $(steps_guest)

packages_demo = plugin guest boot
steps_demo = qemu-$(NATIVE) rootfs-arm64 busybox-arm64 e2fs-arm64 qemu-headers-arm64 \
	$(DEMO_SERIES:%=kernel-arm64-%) $(DEMO_SERIES:%=kernel-arm64-%-cloud)

packages_check-layers = core
packages_check-build = core plugin
steps_check-build = $(steps_plugin)
packages_check-unit = test
packages_check-service = test
packages_check-fdt = test schema
packages_check-fdt-corpus = test
steps_check-fdt-corpus = dtbs-arm64-6.1 dtbs-arm64-6.12 dtbs-armhf-6.1 dtbs-armhf-6.12
packages_check-fdt-linux = test
steps_check-fdt-linux = $(steps_check-fdt-corpus) dtbs-arm64-newest linux-src-6.1 linux-src-6.12
packages_check-loopback = test
packages_check-asan = test
packages_check-fuzz = test fuzz
packages_check-marathon = $(packages_check-fuzz)
packages_check-conformance = test env
steps_check-conformance = qemu-$(NATIVE) $(CROSS_NEEDED)
packages_check-qtest = test plugin
steps_check-qtest = qemu-$(NATIVE) $(steps_plugin)
packages_check-glue = $(packages_check-qtest) fuzz
steps_check-glue = $(steps_check-qtest)
packages_check-vm = test plugin vm $(if $(IOMMUFD_T),kernel)
steps_check-vm = qemu-$(NATIVE) $(steps_plugin) $(steps_guest) busybox-amd64 busybox-arm64 $(CLOUD) \
	udev-amd64 kexec-arm64 initramfs-tools firmware $(IOMMUFD_T) $(ARM64_HOST_T)
packages_check-libvirt = test plugin vm
steps_check-libvirt = libvirt-amd64 confinement-amd64 confinement-amd64-9.0 selinux-amd64 kubernetes-amd64 $(steps_plugin) kernel-amd64-6.12 busybox-amd64 $(LIBVIRT_T)
packages_check-nested = test plugin guest boot
steps_check-nested = $(steps_demo) kernel-arm64-6.1 kernel-arm64-6.1-cloud cross sysroot-arm64-service firmware \
	vfio-platform-arm64-6.12
packages_check-xen = test guest boot
steps_check-xen = qemu-$(NATIVE) busybox-arm64 e2fs-arm64 kernel-arm64-6.1 kernel-arm64-6.12 $(steps_arm64-xen)
packages_check-instruments = test plugin vm kernel
steps_check-instruments = qemu-$(NATIVE) $(steps_plugin) busybox-amd64 $(CHECKED) \
	$(addprefix kernel-,$(subst /,-,$(CHECKED_T)))

packages_check-intree = test plugin series
steps_check-intree = qemu-src $(if $(findstring plugins,$(T)),$(steps_plugin-others) qemu-amd64-newest)
# To build QEMU: "make check-long" does.
packages_check-intree-long = $(packages_check-intree) intree
steps_check-intree-long = $(steps_check-qtest) $(steps_plugin-others) qemu-src qemu-src-newest qemu-amd64-newest meson

packages_bench = core plugin vm
steps_bench = $(steps_check-vm) $(steps_check-nested) $(steps_check-xen) libvirt-amd64 qemu-src
packages_fuzz = $(packages_check-glue)
steps_fuzz = $(steps_check-glue) qemu-src meson
packages_fuzz-coverage = $(packages_fuzz)
steps_fuzz-coverage = $(steps_fuzz)
packages_lint = core vm
steps_lint = $(CLOUD) qemu-src

# Several layers, and the kernels that are only built for.
of_layers = $(foreach l,$(2),$($(1)_check-$(l)))
packages_check = $(call of_layers,packages,$(LAYERS))
steps_check = $(call of_layers,steps,$(LAYERS))
packages_check-quick = $(call of_layers,packages,$(QUICK_LAYERS))
steps_check-quick = $(call of_layers,steps,$(QUICK_LAYERS))
packages_check-long = $(packages_check) intree
steps_check-long = $(steps_check) $(steps_guest-all) $(steps_check-fdt-linux) $(steps_check-intree-long) compilers \
	$(CHECKED_LONG) $(IOMMUFD_HOST) $(LIBVIRT_LONG) $(ARM64_HOST)
# A file for one guest kernel: build/guest/ARCH/SERIES/...
kernel_of_file = $(subst $() ,-,$(wordlist 1,2,$(subst /, ,$(patsubst $(O)/guest/%,%,$(filter-out \
	$(O)/guest/%/bin/%,$(filter $(O)/guest/%,$(1)))))))
steps_of_file = $(if $(kernel_of_file),$(filter %-$(kernel_of_file),$(sort $(steps_guest-all) $(CHECKED) $(CHECKED_LONG))) \
	$(if $(filter arm64-%,$(kernel_of_file)),cross))
packages_of = $(or $(packages_$(1)),$(if $(kernel_of_file),$(packages_guest)))
steps_of = $(or $(steps_$(1)),$(steps_of_file))
# ------------------------------------------------------------------------------

PACKAGES = $(sort $(foreach g,$(GOALS),$(call packages_of,$(g))))
STEPS = $(sort $(foreach g,$(GOALS),$(call steps_of,$(g))))

ifneq ($(filter-out $(NO_CONFIG_GOALS),$(GOALS)),)
include config.mak
endif

# Packages that come later can make configure find more.
ifneq ($(filter-out $(PACKAGES_CHECKED),$(PACKAGES)),)
config.mak: FORCE
else
CONFIGURED = $(CC)
endif
config.mak: $(srcdir)/configure
	$(if $(PACKAGES),$(srcdir)/tests/env/deps $(PACKAGES))
	$(srcdir)/configure $(or $(CONFIGURE_ARGS),$(CONFIGURED_WITH))
	@echo 'PACKAGES_CHECKED = $(sort $(PACKAGES) $(PACKAGES_CHECKED))' >>$@

# Whoever asks by name for what configure lacked something for is told.
parts_plugin = plugin keeper
parts_plugin-testing = $(parts_plugin)
parts_plugin-others = $(parts_plugin)
parts_plugin-others-testing = $(parts_plugin)
parts_service = service
parts_install = command plugin keeper
parts_$(NATIVE) = command keeper
parts_world = command plugin keeper
parts_bench = command plugin keeper tests
parts_fuzz = tests
ifdef CONFIGURED
$(foreach g,$(GOALS),$(foreach p,$(parts_$(g))$(if $(filter check%,$(g)), tests),$(if $(MISSING_$(p)),\
	$(error "make $(g)" needs the $(p), which can't be built, missing: $(MISSING_$(p)); run configure again once that is there))))
endif

# The builder is asked by every make, once: it looks whether its products are as it made them. (make
# that begins anew is the same process.)
ifneq ($(and $(CONFIGURED),$(STEPS)),)
include $(O)/environment.mak
ifneq ($(ASKED_BY),$(shell echo $$PPID))
$(O)/environment.mak: FORCE
endif
endif
ENV_BUILD = $(srcdir)/tests/env/build --out $(ENV) --cache $(HVCMA_CACHE)
$(O)/environment.mak:
	$(Q)mkdir -p $(@D) && $(ENV_BUILD) $(STEPS)
	@echo "ASKED_BY = $$PPID" >$@

# make steps GOAL=NAME: those of a goal
steps:
	@echo $(sort $(call steps_of,$(GOAL)))
.PHONY: steps

# Everything that there is.
env: | config.mak
	$(Q)$(srcdir)/tests/env/deps all
	$(Q)$(ENV_BUILD) all

# Nothing of it is ever written, or deleted, by make.
$(ENV)/%:
	$(error no $@: "make env" brings all of the test environment, "make plugin", "make check-LAYER" their part)
