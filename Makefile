# SPDX-License-Identifier: GPL-2.0-or-later
#
# The one Makefile. "make help" lists the targets.
# Builds into ./build; run ../configure in another folder to build out of tree.
# tests/needs.mk: what each goal needs from outside; tests/tests.mk: tests, figures, make demo.

O = build
override O := $(patsubst $(CURDIR)/%,%,$(O))
ifneq ($(words [$(CURDIR)] [$(O)])$(findstring :,$(CURDIR)$(O)),2)
$(error folder names with blanks or colons are not supported: '$(CURDIR)', '$(O)')
endif
# One name for one folder, however it was called: the dependency files have it in them.
override O := $(patsubst $(CURDIR)/%,%,$(abspath $(O)))
ifneq ($(filter $(patsubst %/,%,$(O))/%,$(CURDIR)/ $(abspath $(dir $(lastword $(MAKEFILE_LIST))))/),)
$(error O=$(O) is to be a folder of its own: "make clean" empties it)
endif
.DEFAULT_GOAL = all
# Goals that need no compiler.
NO_CONFIG_GOALS = help clean distclean install-guest uninstall-guest install-vfio uninstall-vfio dist figures steps format-check

# As many jobs as there are processors, if nobody says otherwise.
ifeq ($(MAKELEVEL) $(filter -j% --jobserver%,$(MAKEFLAGS)),0 )
MAKEFLAGS += -j$(shell nproc)
endif

GOALS := $(or $(MAKECMDGOALS),all)
ifndef srcdir
srcdir := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
endif
# The test layers; those without a virtual machine that boots a kernel.
QUICK_LAYERS = layers build unit service fdt loopback asan fuzz conformance qtest
LAYERS = $(QUICK_LAYERS) glue vm libvirt nested xen instruments intree
# Series of QEMU that the plugin is built for: the first, or that of --qemu-headers; with "plugin-others" all
# that the test environment has headers of.
FIRST_SERIES = 10.0
OTHER_SERIES = 10.2
OTHERS_HERE = $(filter-out $(QEMU_SERIES),$(OTHER_SERIES))
include $(srcdir)/tests/needs.mk
QEMU_SERIES ?= $(FIRST_SERIES)

ifeq ($(V),1)
Q =
say = @:
else
Q = @
say = @printf '  %-7s %s\n'
endif

.SUFFIXES:
.DELETE_ON_ERROR:
# What was built on the way is no intermediate file.
.SECONDARY:
.PHONY: all world plugin plugin-testing service guest guest-all guest-others env demo check check-quick check-long bench figures \
	fuzz fuzz-coverage lint format-check install install-guest install-vfio install-xen uninstall uninstall-guest uninstall-vfio uninstall-xen dist deb help clean distclean FORCE

all: native

# ---- one set of rules, instantiated for each architecture --------------------
CORE_SRC := $(sort $(wildcard $(srcdir)/hv/core/*.c))
HOST_SRC := $(sort $(filter-out %_main.c,$(wildcard $(srcdir)/hv/host/*.c)))
FDT_SRC := $(sort $(wildcard $(srcdir)/fdt/*.c))
CLI_SRC := $(sort $(filter-out %/domain_options.c %/domain_xml.c %/domain_hook.c %/domain_live.c %/domain_plug.c,\
	$(wildcard $(srcdir)/hv/cli/*.c)))
# hvcma domain: for the machine it is built on, where libxml2 is.
DOMAIN_SRC := $(sort $(wildcard $(srcdir)/hv/libvirt/*.c) $(filter-out $(CLI_SRC),$(wildcard $(srcdir)/hv/cli/*.c)))
SERVICE_SRC := $(sort $(filter-out %_main.c,$(wildcard $(srcdir)/hv/service/*.c)))
PLUGIN_SRC := $(sort $(filter-out %/loader.c,$(wildcard $(srcdir)/qemu-device/*.c)))
# What only tests may ask for: in the plugin that they load, in nothing that is installed.
HOST_TESTING_SRC := $(sort $(wildcard $(srcdir)/hv/host/testing/*.c))
TESTING_SRC := $(sort $(filter-out %/test-hooks-none.c,$(PLUGIN_SRC)) $(wildcard $(srcdir)/qemu-device/testing/*.c))

# ---- the plugin is of one series of QEMU, and named after it -----------------
# In others than the first, which the sources are written for, things are called otherwise, as for QEMU's
# own sources (qemu-device/in-tree/renames).
plugin_so = hvcma-qemu-$(1).so
PLUGIN_SO = $(call plugin_so,$(QEMU_SERIES))
# --qemu-headers are for the machine it is configured for.
series_of = $(if $(filter $(NATIVE),$(1)),$(QEMU_SERIES),$(FIRST_SERIES))
PLUGIN_HDR := $(wildcard $(srcdir)/qemu-device/*.h $(srcdir)/qemu-device/testing/*.h)
series_code = $(subst .,0,$(1))
plugin_from = $(if $(filter $(FIRST_SERIES),$(1)),$(srcdir)/qemu-device,$(O)/series/$(1)/qemu-device)
plugin_headers = $(if $(filter $(FIRST_SERIES),$(1)),,$(PLUGIN_HDR:$(srcdir)/%=$(O)/series/$(1)/%))
# cc_plugin CC HEADERS SERIES
cc_plugin = mkdir -p $(@D) && $(1) $$(cat $(2)/cflags) -DHVCMA_QEMU=$(call series_code,$(3)) -iquote $(srcdir) \
	-iquote $(dir $(PLUGIN_TRACE)) $(CFLAGS) -fPIC -fvisibility=hidden $(PLUGIN_WARN) \
	$(if $(filter %/layout.o,$@),-DHVCMA_QEMU_PACKAGE='"$(call qemu_package,$(2))"') -MMD -MP -c -o $@ $<
define series_rules
$(O)/series/$(1)/qemu-device/%: $(srcdir)/qemu-device/% $(srcdir)/qemu-device/in-tree/renames
	$(Q)mkdir -p $$(@D) && awk -v qemu=$(call series_code,$(1)) -f $(srcdir)/qemu-device/in-tree/renames \
		-f $(srcdir)/qemu-device/in-tree/rename.awk $$< >$$@
endef
$(foreach s,$(filter-out $(FIRST_SERIES),$(sort $(QEMU_SERIES) $(OTHER_SERIES))),$(eval $(call series_rules,$(s))))

# Of the one list of trace events, as QEMU would make it.
PLUGIN_TRACE = $(O)/trace/trace.h
$(PLUGIN_TRACE): $(srcdir)/qemu-device/trace-events $(srcdir)/qemu-device/trace.awk
	$(say) AWK $(@:$(O)/%=%)
	$(Q)mkdir -p $(@D) && awk -f $(srcdir)/qemu-device/trace.awk $< >$@

VERSION := $(shell sed -n 's/^.define HVCMA_VERSION[[:blank:]]*"\(.*\)"$$/\1/p' $(srcdir)/hv/abi/version.h)
BASE_CFLAGS = -std=gnu11 $(CFLAGS) $(WARN) $(DEFS) -fPIC -fvisibility=hidden -I$(srcdir) -MMD -MP

CC_native = $(CC)
AR_native = $(AR)
JSON_native = $(JSON_C_CFLAGS)
JSON_LIBS_native = $(JSON_C_LIBS)
CROSS = $(abspath $(ENV))/cross/bin/aarch64-linux-gnu-
CC_cross = $(CROSS)gcc
AR_cross = $(CROSS)ar
JSON_cross = -I$(abspath $(ENV))/sysroot-arm64/usr/include/json-c
JSON_LIBS_cross = -ljson-c

# Where the command finds the plugin that was installed with it, and the service the rules beside that.
CLI_DEFS = -DHVCMA_PLUGINDIR='"$(libdir)/hvcma"'

# The service, with libraries that nothing else has.
SERVICE_CONFIG = -DHVCMAD_CONFIG='"$(sysconfdir)/hvcma/hvcmad.conf"' $(CLI_DEFS)
SERVICE_CFLAGS = $(LIBCONFIG_CFLAGS) $(LIBSYSTEMD_CFLAGS) $(SERVICE_CONFIG)
SERVICE_LIBS = $(LIBCONFIG_LIBS) $(LIBSYSTEMD_LIBS) -luring -pthread
SERVICE_CFLAGS_native = $(SERVICE_CFLAGS)
SERVICE_LIBS_native = $(SERVICE_LIBS)
SERVICE_SYSROOT = --sysroot=$(abspath $(ENV))/sysroot-arm64-service
SERVICE_CFLAGS_cross = $(SERVICE_SYSROOT) $(SERVICE_CONFIG)
SERVICE_LIBS_cross = $(SERVICE_SYSROOT) -lconfig -lsystemd -luring -pthread

# libvirt's library is loaded when it is asked something: what else hvcma does needs none.
DOMAIN_CFLAGS = $(if $(MISSING_domain),,-DHVCMA_WITH_DOMAIN -DHVCMA_BINDIR='"$(bindir)"' $(LIBXML_CFLAGS)) \
	$(if $(MISSING_libvirt),,-DHVCMA_WITH_LIBVIRT $(LIBVIRT_CFLAGS))
domain_objs = $(if $(MISSING_domain),,$(patsubst $(srcdir)/%.c,$(O)/$(1)/%.o,$(DOMAIN_SRC)))
DOMAIN_CFLAGS_native = $(DOMAIN_CFLAGS)
DOMAIN_LIBS_native = $(if $(MISSING_domain),,$(LIBXML_LIBS))
DOMAIN_OBJS_native = $(call domain_objs,$(NATIVE)/obj)

# arch_rules ARCH KIND: ARCH names the output folder, KIND the tool set
define arch_rules
A_$(1) = $(O)/$(1)
QH_$(1) = $$(or $$(QEMU_HEADERS_$(1)),$(ENV)/qemu-headers-$(1))

obj_$(1) = $$(patsubst $(srcdir)/%.c,$(O)/$(1)/obj/%.o,$$(1))

$(O)/$(1)/obj/hv/%.o: $(srcdir)/hv/%.c config.mak | $$(ready_$(2))
	$(say) CC $(1)/hv/$$*.o
	$(Q)mkdir -p $$(@D) && $$(CC_$(2)) $$(BASE_CFLAGS) $$(if $$(findstring /cli/,$$@),$$(JSON_$(2)) $(CLI_DEFS)) \
		$$(if $$(findstring /service/,$$@),$$(SERVICE_CFLAGS_$(2))) \
		$$(if $$(or $$(findstring /cli/,$$@),$$(findstring /libvirt/,$$@)),$$(DOMAIN_CFLAGS_$(2))) -c -o $$@ $$<

$(O)/$(1)/obj/fdt/%.o: $(srcdir)/fdt/%.c config.mak | $$(ready_$(2))
	$(say) CC $(1)/fdt/$$*.o
	$(Q)mkdir -p $$(@D) && $$(CC_$(2)) $$(BASE_CFLAGS) -c -o $$@ $$<

$(O)/$(1)/libhvcma-fdt.a: $$(call obj_$(1),$(FDT_SRC))
	$(say) AR $$(@:$(O)/%=%)
	$(Q)rm -f $$@ && $$(AR_$(2)) rcs $$@ $$^

$(O)/$(1)/libhvcma-core.a: $$(call obj_$(1),$(CORE_SRC))
	$(say) AR $$(@:$(O)/%=%)
	$(Q)rm -f $$@ && $$(AR_$(2)) rcs $$@ $$^

$(O)/$(1)/libhvcma-host.a: $$(call obj_$(1),$(HOST_SRC))
	$(say) AR $$(@:$(O)/%=%)
	$(Q)rm -f $$@ && $$(AR_$(2)) rcs $$@ $$^

$(O)/$(1)/hvcma: $$(call obj_$(1),$(CLI_SRC)) $$(DOMAIN_OBJS_$(2)) $(O)/$(1)/libhvcma-fdt.a $(O)/$(1)/libhvcma-host.a $(O)/$(1)/libhvcma-core.a
	$(say) LD $$(@:$(O)/%=%)
	$(Q)$$(CC_$(2)) $(CFLAGS) $(LDFLAGS) -o $$@ $$^ $$(JSON_LIBS_$(2)) $$(DOMAIN_LIBS_$(2)) -luring -lfdt -lz

$(O)/$(1)/hvcma-pin-keeper: $(O)/$(1)/obj/hv/host/pin_keeper_main.o $(O)/$(1)/libhvcma-host.a
	$(say) LD $$(@:$(O)/%=%)
	$(Q)$$(CC_$(2)) $(CFLAGS) $(LDFLAGS) -o $$@ $$^ -luring

$(O)/$(1)/hvcmad: $$(call obj_$(1),$(SERVICE_SRC) $(srcdir)/hv/service/hvcmad_main.c) \
		$(O)/$(1)/libhvcma-host.a $(O)/$(1)/libhvcma-core.a
	$(say) LD $$(@:$(O)/%=%)
	$(Q)$$(CC_$(2)) $(CFLAGS) $(LDFLAGS) -o $$@ $$^ $$(SERVICE_LIBS_$(2))

$(O)/$(1)/hvcmad-keeper: $(O)/$(1)/obj/hv/service/keeper_main.o $(O)/$(1)/libhvcma-host.a
	$(say) LD $$(@:$(O)/%=%)
	$(Q)$$(CC_$(2)) $(CFLAGS) $(LDFLAGS) -o $$@ $$^ $$(SERVICE_LIBS_$(2))

$(O)/$(1)/obj/qemu-device/%.o: $(call plugin_from,$(call series_of,$(1)))/%.c config.mak $$(QH_$(1))/cflags | $(PLUGIN_TRACE) $(call plugin_headers,$(call series_of,$(1)))
	$(say) CC $(1)/qemu-device/$$*.o
	$(Q)$$(call cc_plugin,$$(CC_$(2)),$$(QH_$(1)),$(call series_of,$(1)))

$(O)/$(1)/$(call plugin_so,$(call series_of,$(1))): $$(call obj_$(1),$(PLUGIN_SRC)) $(O)/$(1)/libhvcma-fdt.a $(O)/$(1)/libhvcma-host.a $(O)/$(1)/libhvcma-core.a
	$(say) LD $$(@:$(O)/%=%)
	$(Q)$$(CC_$(2)) $(CFLAGS) -shared $(LDFLAGS) -o $$@ $$^ -luring -lfdt -lglib-2.0

$(O)/$(1)/testing/$(call plugin_so,$(call series_of,$(1))): $$(call obj_$(1),$(TESTING_SRC) $(HOST_TESTING_SRC)) \
		$(O)/$(1)/libhvcma-fdt.a $(O)/$(1)/libhvcma-host.a $(O)/$(1)/libhvcma-core.a
	$(say) LD $$(@:$(O)/%=%)
	$(Q)mkdir -p $$(@D) && $$(CC_$(2)) $(CFLAGS) -shared $(LDFLAGS) -o $$@ $$^ -luring -lfdt -lglib-2.0

$(O)/$(1)/platform-rules: $(srcdir)/hv/host/platform-rules
	$(Q)mkdir -p $$(@D) && cp $$< $$@

$(addprefix $(O)/$(1)/testing/,hvcma-preload.so hvcma-pin-keeper platform-rules): $(O)/$(1)/testing/%: $(O)/$(1)/%
	$(Q)mkdir -p $$(@D) && cp $$< $$@

$(O)/$(1)/hvcma-preload.so: $(srcdir)/qemu-device/loader.c config.mak | $$(ready_$(2))
	$(say) LD $$(@:$(O)/%=%)
	$(Q)mkdir -p $$(@D) && $$(CC_$(2)) $$(BASE_CFLAGS) -shared $(LDFLAGS) -o $$@ $$< -ldl

$(1): $(O)/$(1)/hvcma $(O)/$(1)/hvcma-pin-keeper
$(1)-service: $(O)/$(1)/hvcmad $(O)/$(1)/hvcmad-keeper
$(1)-plugin: $(O)/$(1)/hvcma-preload.so $(O)/$(1)/$(call plugin_so,$(call series_of,$(1))) $(O)/$(1)/hvcma-pin-keeper $(O)/$(1)/platform-rules
$(1)-plugin-testing: $(addprefix $(O)/$(1)/testing/,hvcma-preload.so $(call plugin_so,$(call series_of,$(1))) hvcma-pin-keeper platform-rules)
.PHONY: $(1) $(1)-service $(1)-plugin $(1)-plugin-testing
endef

# qemu_package HEADERS: version of the package whose source they are of, "" if it is none
qemu_package = $(shell src=$$(sed -n 's/.*-iquote \([^ ]*\) -iquote .*/\1/p' $(1)/cflags); \
	awk -F'[()]' '{ print $$2; exit }' "$$src/debian/changelog" 2>/dev/null)
PLUGIN_WARN = $(filter-out -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition,$(WARN))
# Plugins of other series beside it, with the libraries that are the same for all: ARCH KIND SERIES.
define other_series_rules
other_$(1)_$(3) = $$(patsubst $(srcdir)/%.c,$(O)/$(1)/obj-$(3)/%.o,$$(1))
$(O)/$(1)/obj-$(3)/qemu-device/%.o: $(call plugin_from,$(3))/%.c config.mak $(ENV)/qemu-headers-$(1)-$(3)/cflags \
		| $(PLUGIN_TRACE) $(call plugin_headers,$(3))
	$(say) CC $(1)/qemu-$(3)/$$*.o
	$(Q)$$(call cc_plugin,$$(CC_$(2)),$(ENV)/qemu-headers-$(1)-$(3),$(3))
$(O)/$(1)/$(call plugin_so,$(3)): $$(call other_$(1)_$(3),$(PLUGIN_SRC)) $(addprefix $(O)/$(1)/libhvcma-,fdt.a host.a core.a)
	$(say) LD $$(@:$(O)/%=%)
	$(Q)$$(CC_$(2)) $(CFLAGS) -shared $(LDFLAGS) -o $$@ $$^ -luring -lfdt -lglib-2.0
$(O)/$(1)/testing/$(call plugin_so,$(3)): $$(call other_$(1)_$(3),$(filter $(srcdir)/qemu-device/%,$(TESTING_SRC))) \
		$$(call obj_$(1),$(HOST_TESTING_SRC)) $(addprefix $(O)/$(1)/libhvcma-,fdt.a host.a core.a)
	$(say) LD $$(@:$(O)/%=%)
	$(Q)mkdir -p $$(@D) && $$(CC_$(2)) $(CFLAGS) -shared $(LDFLAGS) -o $$@ $$^ -luring -lfdt -lglib-2.0
$(1)-plugin-others: $(O)/$(1)/$(call plugin_so,$(3))
$(1)-plugin-others-testing: $(O)/$(1)/testing/$(call plugin_so,$(3))
endef

ready_native =
ready_cross = $(ENV)/cross/bin $(ENV)/sysroot-arm64
QEMU_HEADERS_$(NATIVE) = $(QEMU_HEADERS)
$(eval $(call arch_rules,$(NATIVE),native))
ifneq ($(NATIVE),arm64)
$(eval $(call arch_rules,arm64,cross))
endif
$(foreach s,$(OTHERS_HERE),$(eval $(call other_series_rules,$(NATIVE),native,$(s))))
.PHONY: plugin-others plugin-others-testing $(NATIVE)-plugin-others $(NATIVE)-plugin-others-testing

SERVICE_BOTH = $(O)/$(NATIVE)/hvcmad $(O)/$(NATIVE)/hvcmad-keeper
service: $(SERVICE_BOTH)

# What configure found no library for is left out; whoever asks for it by name is told.
native: $(if $(MISSING_command),,$(O)/$(NATIVE)/hvcma) $(if $(MISSING_keeper),,$(O)/$(NATIVE)/hvcma-pin-keeper) \
	$(if $(MISSING_service),,$(SERVICE_BOTH))
plugin: $(NATIVE)-plugin
plugin-testing: $(NATIVE)-plugin-testing
plugin-others: plugin $(NATIVE)-plugin-others
plugin-others-testing: plugin-testing $(NATIVE)-plugin-others-testing

# ---- Xen: what runs in its control domain, for Arm; of each release its own libxenctrl ----
XEN_RELEASES = 4.17 4.20
XEN_SRC := $(sort $(wildcard $(srcdir)/hv/xen/*.c $(srcdir)/hv/host/xen/*.c)) $(srcdir)/hv/host/error.c
XEN_HDR := $(wildcard $(srcdir)/hv/xen/*.h $(srcdir)/hv/host/xen/*.h) $(srcdir)/hv/host/provider.h
XEN_LIBS = -lxenctrl -lxenforeignmemory -lxenstore $(JSON_LIBS_cross)
# Libraries of a newer Debian than the compiler's are linked with as they are.
define xen_rules
$(O)/xen/$(1)/hvcma-xen: $(XEN_SRC) $(XEN_HDR) $(O)/arm64/libhvcma-core.a | $(ready_cross) $(ENV)/sysroot-arm64-xen-$(1)
	$(say) LD xen/$(1)/hvcma-xen
	$(Q)mkdir -p $$(@D) && $(CC_cross) -std=gnu11 $(CFLAGS) $(WARN) -I$(srcdir) -I$(ENV)/sysroot-arm64-xen-$(1)/usr/include $(LDFLAGS) -o $$@ \
		$(XEN_SRC) $(O)/arm64/libhvcma-core.a -L$(ENV)/sysroot-arm64-xen-$(1)/usr/lib/aarch64-linux-gnu \
		-Wl,-rpath-link,$(ENV)/sysroot-arm64-xen-$(1)/usr/lib/aarch64-linux-gnu -Wl,--allow-shlib-undefined $(XEN_LIBS)
endef
$(foreach r,$(XEN_RELEASES),$(eval $(call xen_rules,$(r))))
arm64-xen: $(XEN_RELEASES:%=$(O)/xen/%/hvcma-xen)
.PHONY: arm64-xen

# ---- guest modules -----------------------------------------------------------
# Those that are booted, the newest where it could be had; and those that are only built for.
GUEST_KERNELS = amd64/6.1 amd64/6.12 arm64/6.1 arm64/6.12
GUEST_NEWEST = $(patsubst $(ENV)/kernel/%,%,$(wildcard $(ENV)/kernel/*/newest))
GUEST_OTHERS = amd64/6.1-cloud amd64/6.12-cloud arm64/6.1-cloud arm64/6.12-cloud \
	$(patsubst $(ENV)/kernel/%,%,$(wildcard $(ENV)/kernel/*/newest-cloud))
GUEST_DEBUG = amd64/6.12/debug arm64/6.12/debug
# Kernels with instruments; there the driver checks its invariants, too, but where its slots are to be
# what they are everywhere.
GUEST_CHECKED = amd64/6.12-checked
GUEST_CHECKED_LONG = arm64/6.12-checked amd64/6.12-races amd64/6.12-rt arm64/6.12-64k
guest_sources = $(shell find $(1) -type f \( -name '*.[ch]' -o -name Kbuild \) ! -name '*.mod.c')
GUEST_CORE := $(filter-out %/service_wire.c %/service_wire.h %/window_text.c %/window_text.h,$(wildcard $(srcdir)/hv/core/*.[ch]))
# Not of the guest is what goes between QEMU and the service.
GUEST_DRIVER_SRC := $(filter-out %/hvcmad.h,$(call guest_sources,$(srcdir)/guest-driver $(srcdir)/hv/abi)) $(GUEST_CORE)
GUEST_TEST_SRC := $(call guest_sources,$(wildcard $(srcdir)/tests/guest))
guest_ko = $(1:%=$(O)/guest/%/virtio_cma.ko)
guest_test_ko = $(1:%=$(O)/guest/%/vcma_selftest.ko)

# kbuild writes beside the sources, so each kernel gets a copy of them. Same contents as last
# time, same modules: git touches files without changing them. What has changed is new in the
# copy, whenever it was written here: an older build may have been under way then.
# kbuild_copy KERNEL FOLDER SOURCES ASSIGNMENTS: modules of this folder beside the target
define kbuild_copy
	$(Q)d=$(abspath $(@D))/src && mkdir -p $$d && \
	key=$$(cat $(sort $(GUEST_DRIVER_SRC) $(3)) $(ENV)/kernel/$(1)/kbuild | sha256sum) && \
	if [ -e $@ ] && [ "$$key" = "$$(cat $$d/$(2).key 2>/dev/null)" ]; then touch $@; exit; fi && \
	printf '  %-7s %s\n' KBUILD $(@:$(O)/%=%) && rm -f $$d/$(2).key && \
	for f in $(patsubst $(srcdir)/%,%,$(3)); do \
		copy=$$d/$${f#tests/}; \
		cmp -s $(srcdir)/$$f $$copy || { mkdir -p $${copy%/*} && cp $(srcdir)/$$f $$copy; } || exit 1; \
	done && \
	env -u MAKEFLAGS -u MFLAGS $(ENV)/kernel/$(1)/kbuild W=1 M=$$d/$(2) $(4) modules >$$d/$(2).log 2>&1 || { cat $$d/$(2).log; exit 1; } && \
	if grep -q 'warning:' $$d/$(2).log; then cat $$d/$(2).log; exit 1; fi && \
	cp $$d/$(2)/*.ko $(@D)/ && echo "$$key" >$$d/$(2).key
endef

$(O)/guest/%/virtio_cma.ko: $(GUEST_DRIVER_SRC) | $(ENV)/kernel/%/kbuild
	$(call kbuild_copy,$*,guest-driver,$(GUEST_DRIVER_SRC),$(if $(filter $*,$(filter-out %-64k,$(GUEST_CHECKED) $(GUEST_CHECKED_LONG))),VCMA_DEBUG=1))
# All modules of tests/guest. Some use what the driver exports.
$(O)/guest/%/vcma_selftest.ko: $(GUEST_TEST_SRC) $(O)/guest/%/virtio_cma.ko
	$(call kbuild_copy,$*,guest,$(GUEST_TEST_SRC))
# The driver alone, checking its invariants after every change.
$(O)/guest/%/debug/virtio_cma.ko: $(GUEST_DRIVER_SRC) | $(ENV)/kernel/%/kbuild
	$(call kbuild_copy,$*,guest-driver,$(GUEST_DRIVER_SRC),VCMA_DEBUG=1)

# Programs that run inside guests: static, one source each.
GUEST_PROGRAMS = $(basename $(notdir $(wildcard $(srcdir)/tests/lib/guest/*.c $(srcdir)/examples/*.c)))
GUEST_BIN = $(foreach a,amd64 arm64,$(GUEST_PROGRAMS:%=$(O)/guest/$(a)/bin/%))
guest_program = $(Q)mkdir -p $(@D) && $(1) -std=gnu11 -O2 $(WARN) -I$(srcdir)/guest-driver/uapi -iquote $(srcdir) -static -o $@ $<
vpath %.c $(srcdir)/tests/lib/guest $(srcdir)/examples
guest_headers = $(wildcard $(srcdir)/guest-driver/uapi/*.h $(srcdir)/tests/lib/guest/*.h)

$(O)/guest/$(NATIVE)/bin/%: %.c $(guest_headers) config.mak
	$(say) CC guest/$(NATIVE)/bin/$*
	$(call guest_program,$(CC))
ifneq ($(NATIVE),arm64)
$(O)/guest/arm64/bin/%: %.c $(guest_headers) config.mak | $(ready_cross)
	$(say) CC guest/arm64/bin/$*
	$(call guest_program,$(CC_cross))
endif

guest: $(call guest_test_ko,$(GUEST_KERNELS) $(GUEST_NEWEST)) $(call guest_ko,$(GUEST_DEBUG)) $(GUEST_BIN)
guest-all: guest $(call guest_test_ko,$(GUEST_OTHERS))

world: native plugin arm64 arm64-service arm64-plugin guest

include $(srcdir)/tests/tests.mk

# ---- installation ------------------------------------------------------------
# A blank in one of these would make two names of it, and "rm -rf" of each.
whole_names = $(foreach v,DESTDIR GUEST_PREFIX bindir libdir mandir sbindir sysconfdir datarootdir prefix,$(if $(word 2,[$($(v))]),$(error \
	$(v): folder names with blanks are not supported: '$($(v))')))
PLUGINDIR = $(libdir)/hvcma
MAN_SECTIONS = 1 4 7
# The service comes along where it could be built; its configuration is its owner's to write.
SERVICE_MAN = $(wildcard $(srcdir)/docs/man/hvcmad*.8)
SERVICE_UNITS = hvcmad.service hvcmad.socket hvcmad-keeper.service hvcmad-keeper.socket
SERVICE_FILES = $(sbindir)/hvcmad $(sbindir)/hvcmad-keeper $(addprefix $(prefix)/lib/systemd/system/,$(SERVICE_UNITS)) \
	$(prefix)/lib/sysusers.d/hvcmad.conf $(prefix)/lib/tmpfiles.d/hvcmad.conf \
	$(datarootdir)/doc/hvcma/hvcmad.conf $(patsubst $(srcdir)/docs/man/%,$(mandir)/man8/%,$(SERVICE_MAN))
define install_service
	install -D -m 755 -t $(DESTDIR)$(sbindir) $(SERVICE_BOTH)
	install -D -m 644 -t $(DESTDIR)$(prefix)/lib/systemd/system $(addprefix $(srcdir)/packaging/,$(SERVICE_UNITS))
	sed -i 's,@SBINDIR@,$(sbindir),' $(addprefix $(DESTDIR)$(prefix)/lib/systemd/system/,$(filter %.service,$(SERVICE_UNITS)))
	install -D -m 644 $(srcdir)/packaging/hvcmad.sysusers $(DESTDIR)$(prefix)/lib/sysusers.d/hvcmad.conf
	install -D -m 644 $(srcdir)/packaging/hvcmad.tmpfiles $(DESTDIR)$(prefix)/lib/tmpfiles.d/hvcmad.conf
	install -D -m 644 $(srcdir)/packaging/hvcmad.conf $(DESTDIR)$(datarootdir)/doc/hvcma/hvcmad.conf
	install -D -m 644 -t $(DESTDIR)$(mandir)/man8 $(SERVICE_MAN)
endef
# What libvirt runs: emulators with the plugin, and its hook, which it looks for in one place.
LIBVIRT_HOOK = /etc/libvirt/hooks/qemu.d/hvcma
# Rules for AppArmor are where libvirt 9.6 and newer looks; before, one line of the owner's includes them (docs/libvirt.md).
APPARMOR_DIR = /etc/apparmor.d/abstractions
APPARMOR_FILES = $(addprefix $(APPARMOR_DIR)/,libvirt-qemu.d/hvcma hvcma-root hvcma-files)
LIBVIRT_FILES = $(patsubst %,$(bindir)/hvcma-qemu-system-%,x86_64 aarch64) $(datarootdir)/hvcma/domain.rng $(LIBVIRT_HOOK) $(APPARMOR_FILES)
define install_libvirt
	$(foreach a,x86_64 aarch64,install -D -m 755 $(srcdir)/packaging/hvcma-qemu $(DESTDIR)$(bindir)/hvcma-qemu-system-$(a) &&) true
	sed -i 's,@PLUGINDIR@,$(PLUGINDIR),' $(patsubst %,$(DESTDIR)$(bindir)/hvcma-qemu-system-%,x86_64 aarch64)
	install -D -m 755 $(srcdir)/packaging/libvirt-hook $(DESTDIR)$(LIBVIRT_HOOK)
	sed -i 's,@BINDIR@,$(bindir),g' $(DESTDIR)$(LIBVIRT_HOOK)
	install -D -m 644 $(srcdir)/hv/libvirt/domain.rng $(DESTDIR)$(datarootdir)/hvcma/domain.rng
	install -D -m 644 -t $(DESTDIR)$(APPARMOR_DIR)/libvirt-qemu.d $(srcdir)/packaging/apparmor/hvcma
	install -m 644 -t $(DESTDIR)$(APPARMOR_DIR) $(srcdir)/packaging/apparmor/hvcma-root $(srcdir)/packaging/apparmor/hvcma-files
	sed -i 's,@BINDIR@,$(bindir),; s,@PLUGINDIR@,$(PLUGINDIR),' $(addprefix $(DESTDIR),$(APPARMOR_FILES))
endef
# Where the shells look for them: bash, zsh, fish.
COMPLETION_FILES = $(datarootdir)/bash-completion/completions/hvcma $(datarootdir)/zsh/vendor-completions/_hvcma \
	$(datarootdir)/fish/vendor_completions.d/hvcma.fish
# Plugins of other series where they were built: "make plugin-others".
PLUGIN_OTHERS = $(wildcard $(OTHERS_HERE:%=$(O)/$(NATIVE)/hvcma-qemu-%.so))
install: native plugin $(PLUGIN_OTHERS)
	$(whole_names)
	install -D -m 755 $(O)/$(NATIVE)/hvcma $(DESTDIR)$(bindir)/hvcma
	install -D -m 644 -t $(DESTDIR)$(PLUGINDIR) $(O)/$(NATIVE)/hvcma-preload.so $(O)/$(NATIVE)/$(PLUGIN_SO) \
		$(PLUGIN_OTHERS) $(srcdir)/hv/host/platform-rules
	install -D -m 755 -t $(DESTDIR)$(PLUGINDIR) $(O)/$(NATIVE)/hvcma-pin-keeper
	$(foreach s,$(MAN_SECTIONS),install -D -m 644 -t $(DESTDIR)$(mandir)/man$(s) $(wildcard $(srcdir)/docs/man/*.$(s)) &&) true
	install -D -m 644 $(srcdir)/packaging/completion/hvcma.bash $(DESTDIR)$(word 1,$(COMPLETION_FILES))
	install -D -m 644 $(srcdir)/packaging/completion/_hvcma $(DESTDIR)$(word 2,$(COMPLETION_FILES))
	install -D -m 644 $(srcdir)/packaging/completion/hvcma.fish $(DESTDIR)$(word 3,$(COMPLETION_FILES))
	$(if $(MISSING_service),,$(install_service))
	$(if $(MISSING_domain),,$(install_libvirt))

# For guests: sources for dkms, and what loads the module in time. No kernel is needed for it.
# Sources of earlier versions go; dkms is asked by whoever installs.
GUEST_PREFIX = /usr
GUEST_SRCDIR = $(GUEST_PREFIX)/src/virtio-cma-$(VERSION)
GUEST_FILES = lib/modprobe.d/virtio-cma.conf lib/udev/rules.d/70-virtio-cma.rules \
	lib/sysusers.d/virtio-cma.conf share/initramfs-tools/hooks/virtio_cma include/hvcma/vcma.h \
	lib/dracut/modules.d/90virtio_cma/module-setup.sh
# The owner's own, from the first installation on.
GUEST_LOCAL = /etc/modprobe.d/virtio-cma-local.conf
install-guest: uninstall-guest
	$(whole_names)
	$(foreach f,$(patsubst $(srcdir)/%,%,$(GUEST_DRIVER_SRC)),install -D -m 644 $(srcdir)/$(f) $(DESTDIR)$(GUEST_SRCDIR)/$(f) &&) true
	sed 's/@VERSION@/$(VERSION)/' $(srcdir)/packaging/dkms.conf >$(DESTDIR)$(GUEST_SRCDIR)/dkms.conf
	install -D -m 644 $(srcdir)/packaging/modprobe.conf $(DESTDIR)$(GUEST_PREFIX)/lib/modprobe.d/virtio-cma.conf
	install -D -m 644 $(srcdir)/packaging/udev.rules $(DESTDIR)$(GUEST_PREFIX)/lib/udev/rules.d/70-virtio-cma.rules
	install -D -m 644 $(srcdir)/packaging/sysusers.conf $(DESTDIR)$(GUEST_PREFIX)/lib/sysusers.d/virtio-cma.conf
	test -e $(DESTDIR)$(GUEST_LOCAL) || install -D -m 644 $(srcdir)/packaging/modprobe-local.conf $(DESTDIR)$(GUEST_LOCAL)
	install -D -m 755 $(srcdir)/packaging/initramfs-hook $(DESTDIR)$(GUEST_PREFIX)/share/initramfs-tools/hooks/virtio_cma
	install -D -m 755 $(srcdir)/packaging/dracut-module-setup.sh $(DESTDIR)$(GUEST_PREFIX)/lib/dracut/modules.d/90virtio_cma/module-setup.sh
	install -D -m 644 $(srcdir)/guest-driver/uapi/vcma.h $(DESTDIR)$(GUEST_PREFIX)/include/hvcma/vcma.h

uninstall-guest:
	$(whole_names)
	rm -rf $(DESTDIR)$(GUEST_PREFIX)/src/virtio-cma-[0-9]*
	rm -f $(GUEST_FILES:%=$(DESTDIR)$(GUEST_PREFIX)/%)
	@rmdir $(DESTDIR)$(GUEST_PREFIX)/include/hvcma $(DESTDIR)$(GUEST_PREFIX)/lib/dracut/modules.d/90virtio_cma 2>/dev/null || true

# For hosts whose kernel lacks CONFIG_VFIO_NOIOMMU: what dkms builds vfio.ko with.
VFIO_SRCDIR = $(GUEST_PREFIX)/src/hvcma-vfio-$(VERSION)
install-vfio: uninstall-vfio
	$(whole_names)
	install -D -m 755 -t $(DESTDIR)$(VFIO_SRCDIR) $(srcdir)/packaging/vfio-dkms/build-vfio
	sed 's/@VERSION@/$(VERSION)/' $(srcdir)/packaging/vfio-dkms/dkms.conf >$(DESTDIR)$(VFIO_SRCDIR)/dkms.conf

uninstall-vfio:
	$(whole_names)
	rm -rf $(DESTDIR)$(GUEST_PREFIX)/src/hvcma-vfio-[0-9]*

# For control domains of Xen: for each release its own, what chooses among them, and the unit.
XENDIR = $(libdir)/hvcma-xen
XEN_FILES = $(sbindir)/hvcma-xen $(prefix)/lib/systemd/system/hvcma-xen.service $(mandir)/man8/hvcma-xen.8
install-xen: arm64-xen
	$(whole_names)
	$(foreach r,$(XEN_RELEASES),install -D -m 755 $(O)/xen/$(r)/hvcma-xen $(DESTDIR)$(XENDIR)/$(r)/hvcma-xen &&) true
	install -D -m 755 $(srcdir)/packaging/xen/hvcma-xen $(DESTDIR)$(sbindir)/hvcma-xen
	install -D -m 644 -t $(DESTDIR)$(prefix)/lib/systemd/system $(srcdir)/packaging/xen/hvcma-xen.service
	sed -i 's,@XENDIR@,$(XENDIR),; s,@SBINDIR@,$(sbindir),' $(DESTDIR)$(sbindir)/hvcma-xen $(DESTDIR)$(prefix)/lib/systemd/system/hvcma-xen.service
	install -D -m 644 -t $(DESTDIR)$(mandir)/man8 $(srcdir)/docs/man/hvcma-xen.8

uninstall-xen:
	$(whole_names)
	rm -rf $(DESTDIR)$(XENDIR)
	rm -f $(XEN_FILES:%=$(DESTDIR)%)

uninstall:
	$(whole_names)
	rm -f $(DESTDIR)$(bindir)/hvcma
	rm -rf $(DESTDIR)$(PLUGINDIR)
	rm -f $(COMPLETION_FILES:%=$(DESTDIR)%) $(SERVICE_FILES:%=$(DESTDIR)%) $(LIBVIRT_FILES:%=$(DESTDIR)%)
	@rmdir $(DESTDIR)$(datarootdir)/hvcma $(DESTDIR)$(datarootdir)/doc/hvcma $(DESTDIR)$(APPARMOR_DIR)/libvirt-qemu.d 2>/dev/null || true
	rm -f $(foreach s,$(MAN_SECTIONS),$(patsubst $(srcdir)/docs/man/%,$(DESTDIR)$(mandir)/man$(s)/%,$(wildcard $(srcdir)/docs/man/*.$(s))))

# ---- packages ----------------------------------------------------------------
# What is committed, the same bytes from the same commit. Git says what that is: elsewhere there is the tarball already.
DIST = $(O)/hvcma-$(VERSION).tar.xz
dist:
	@git -C $(srcdir) rev-parse --verify -q HEAD >/dev/null || { \
		echo 'make dist: no clone of the repository: $(abspath $(srcdir))' >&2; exit 1; }
	$(say) DIST $(DIST:$(O)/%=%)
	$(Q)mkdir -p $(O) && git -C $(srcdir) archive --prefix=hvcma-$(VERSION)/ -o $(abspath $(DIST:.xz=)) HEAD && \
		xz -T1 -6 -f $(DIST:.xz=)
# Debian's packages of it, for this machine or, with DEB_ARCH=arm64, for that.
DEB_ARCH = $(NATIVE)
deb: dist
	$(Q)$(srcdir)/packaging/deb $(DIST) $(DEB_ARCH) $(abspath $(ENV)) $(O)/deb

clean:
	rm -rf $(filter-out $(O)/env $(O)/environment.mak,$(wildcard $(O)/*))

# Also the Makefile that configure wrote for a build out of tree.
distclean:
	rm -rf $(O) config.mak config.log
	$(if $(filter $(abspath $(srcdir)),$(CURDIR)),,rm -f Makefile)

help:
	@echo 'Two to start with:'
	@echo '  make demo       the main job, end to end: a device without an IOMMU driven by its'
	@echo '                  stock driver in a nested guest; sets up all it needs'
	@echo '  make check      every test layer; T=name runs the tests whose name contains it'
	@echo 'Both fetch what they need, and no more, and say how much before they begin.'
	@echo
	@echo 'Building:'
	@echo '  make            libraries, the hvcma command, the pin keeper, the service hvcmad'
	@echo '  make plugin     the QEMU plugin for this machine, with the headers of Debian'\''s QEMU'
	@echo '                  or those of --qemu-headers; plugin-testing: the one that tests load, with'
	@echo '                  properties x-* that the other does not have; plugin-others: also those for QEMU'\''s'
	@echo '                  other series ($(OTHERS_HERE)), which make install takes along once they are there'
	@echo '  make guest      virtio_cma.ko for the kernels that tests boot; guest-all: for every'
	@echo '                  kernel of the test environment'
	@echo '  make service    the host service hvcmad, which make without a goal builds, too'
	@echo '  make world      make, plugin and guest, the first two for this machine and for arm64'
	@echo '  make env        the test environment: stock QEMU, kernels, cross tools, from packages'
	@echo '  make install    command, plugin, service, what libvirt runs, manual pages (DESTDIR, and the folders of configure)'
	@echo '  make install-guest  for guests: sources for dkms, softdeps, initramfs hook, dracut module, udev rule'
	@echo '  make install-xen  for control domains of Xen on Arm: hvcma-xen for each release, its unit and manual page'
	@echo '  make install-vfio   for hosts whose kernel lacks CONFIG_VFIO_NOIOMMU: what dkms builds vfio.ko with'
	@echo '  make dist       the sources, as committed: build/hvcma-$(VERSION).tar.xz'
	@echo '  make deb        Debian'\''s packages of them: build/deb; with DEB_ARCH=arm64 those for arm64'
	@echo '  make clean      remove what was built, keep the environment; distclean removes that too'
	@echo
	@echo 'Testing:'
	@echo '  make check-quick  the layers without virtual machines that boot a kernel'
	@echo '  make check-long   what takes long for what it shows, and check leaves out'
	@echo '  make check-marathon  fuzzers that say how often, 10,000,000 times each: hours'
	@echo '  make check-fdt-corpus  hvcma fdt on all device trees of Debian'\''s kernels; check-fdt-linux:'
	@echo '                  beside Linux'\''s own code'
	@echo '  make check-intree-long  QEMU with virtio-cma built in, two releases, and the layer qtest on them'
	@echo '  make check-L    one layer, L being one of: $(LAYERS)'
	@echo '  make bench      the figures; B=name runs one'
	@echo '  make figures    docs/figures.md, with plots, out of what make bench has measured'
	@echo '  make fuzz       the fuzzers for FUZZ_SECONDS each (600); fuzz-coverage: what random guests reach'
	@echo '  make lint       checkpatch, sparse, shellcheck, words'
	@echo '  make format-check  do files obey .editorconfig? Nothing is changed'
	@echo
	@echo 'Variables: V=1 shows commands; CONFIGURE_ARGS; HVCMA_CACHE (downloads and images,'
	@echo '~/.cache/hvcma); DEMO_ARGS (see tests/nested/demo --help).'

# Trees of other projects have dependencies, and folders, of that name.
-include $(shell find $(O) -name env -prune -o -name guest -prune -o -path $(O)/in-tree -prune -o \
	-path $(O)/generic -prune -o -path $(O)/compat -prune -o -type f -name '*.d' -print 2>/dev/null)
