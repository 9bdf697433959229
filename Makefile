# SPDX-License-Identifier: GPL-2.0-or-later
#
# The one Makefile. "make help" lists the targets.
# Builds into ./build; run ../configure in another folder to build out of tree.

O = build
# One name for one folder, however it was called: the dependency files have it in them.
override O := $(patsubst $(CURDIR)/%,%,$(abspath $(O)))
.DEFAULT_GOAL = all
SETUP_GOALS = demo check check-% bench world plugin guest lint fuzz
NO_CONFIG_GOALS = help clean distclean

GOALS := $(or $(MAKECMDGOALS),all)
ifneq ($(filter-out $(NO_CONFIG_GOALS),$(GOALS)),)
include config.mak
endif
srcdir ?= .

# Targets that test or demonstrate bring their own prerequisites; plain "make"
# only uses what it finds.
config.mak: $(srcdir)/configure
	$(if $(filter $(SETUP_GOALS),$(GOALS)),$(srcdir)/tests/env/deps all)
	$(srcdir)/configure $(CONFIGURE_ARGS)

ifeq ($(V),1)
Q =
say = @:
else
Q = @
say = @printf '  %-7s %s\n'
endif

.SUFFIXES:
.DELETE_ON_ERROR:
# What the environment builder made is no intermediate file of ours.
.SECONDARY:
.PHONY: all world plugin guest guest-all guest-others env demo check bench fuzz lint install \
	install-guest uninstall uninstall-guest help clean distclean FORCE

all: native

# ---- one set of rules, instantiated for each architecture --------------------
CORE_SRC := $(sort $(wildcard $(srcdir)/hv/core/*.c))
HOST_SRC := $(sort $(filter-out %_main.c,$(wildcard $(srcdir)/hv/host/*.c)))
FDT_SRC := $(sort $(wildcard $(srcdir)/fdt/*.c))
CLI_SRC := $(sort $(wildcard $(srcdir)/hv/cli/*.c))
PLUGIN_SRC := $(sort $(filter-out %/loader.c,$(wildcard $(srcdir)/qemu-device/*.c)))

ENV = $(O)/env
VERSION = 0.1
BASE_CFLAGS = -std=gnu11 $(CFLAGS) $(WARN) $(DEFS) -DHVCMA_VERSION='"$(VERSION)"' -fPIC -fvisibility=hidden \
	-I$(srcdir) -MMD -MP

CC_native = $(CC)
AR_native = $(AR)
JSON_native = $(JSON_C_CFLAGS)
JSON_LIBS_native = $(JSON_C_LIBS)
CROSS = $(abspath $(ENV))/cross/bin/aarch64-linux-gnu-
CC_cross = $(CROSS)gcc
AR_cross = $(CROSS)ar
JSON_cross = -I$(abspath $(ENV))/sysroot-arm64/usr/include/json-c
JSON_LIBS_cross = -ljson-c

# arch_rules ARCH KIND: ARCH names the output folder, KIND the tool set
define arch_rules
A_$(1) = $(O)/$(1)
QH_$(1) = $$(or $$(QEMU_HEADERS_$(1)),$(ENV)/qemu-headers-$(1))

obj_$(1) = $$(patsubst $(srcdir)/%.c,$(O)/$(1)/obj/%.o,$$(1))

$(O)/$(1)/obj/hv/%.o: $(srcdir)/hv/%.c config.mak | $$(ready_$(2))
	$(say) CC $(1)/hv/$$*.o
	$(Q)mkdir -p $$(@D) && $$(CC_$(2)) $$(BASE_CFLAGS) $$(if $$(findstring /cli/,$$@),$$(JSON_$(2))) -c -o $$@ $$<

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

$(O)/$(1)/hvcma: $$(call obj_$(1),$(CLI_SRC)) $(O)/$(1)/libhvcma-fdt.a $(O)/$(1)/libhvcma-host.a $(O)/$(1)/libhvcma-core.a
	$(say) LD $$(@:$(O)/%=%)
	$(Q)$$(CC_$(2)) $(LDFLAGS) -o $$@ $$^ $$(JSON_LIBS_$(2)) -luring -lfdt

$(O)/$(1)/hvcma-pin-keeper: $(O)/$(1)/obj/hv/host/pin_keeper_main.o $(O)/$(1)/libhvcma-host.a
	$(say) LD $$(@:$(O)/%=%)
	$(Q)$$(CC_$(2)) $(LDFLAGS) -o $$@ $$^ -luring

$(O)/$(1)/obj/qemu-device/%.o: $(srcdir)/qemu-device/%.c config.mak $$(QH_$(1))/cflags
	$(say) CC $(1)/qemu-device/$$*.o
	$(Q)mkdir -p $$(@D) && $$(CC_$(2)) $$$$(cat $$(QH_$(1))/cflags) -iquote $(srcdir) \
		$(CFLAGS) -fPIC -fvisibility=hidden $(PLUGIN_WARN) -MMD -MP -c -o $$@ $$<

$(O)/$(1)/hvcma-qemu.so: $$(call obj_$(1),$(PLUGIN_SRC)) $(O)/$(1)/libhvcma-fdt.a $(O)/$(1)/libhvcma-host.a $(O)/$(1)/libhvcma-core.a
	$(say) LD $$(@:$(O)/%=%)
	$(Q)$$(CC_$(2)) -shared $(LDFLAGS) -o $$@ $$^ -luring -lfdt -lglib-2.0

$(O)/$(1)/hvcma-preload.so: $(srcdir)/qemu-device/loader.c config.mak | $$(ready_$(2))
	$(say) LD $$(@:$(O)/%=%)
	$(Q)mkdir -p $$(@D) && $$(CC_$(2)) $$(BASE_CFLAGS) -shared $(LDFLAGS) -o $$@ $$< -ldl

$(1): $(O)/$(1)/hvcma $(O)/$(1)/hvcma-pin-keeper
$(1)-plugin: $(O)/$(1)/hvcma-preload.so $(O)/$(1)/hvcma-qemu.so $(O)/$(1)/hvcma-pin-keeper
.PHONY: $(1) $(1)-plugin
endef

PLUGIN_WARN = $(filter-out -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition,$(WARN))
ready_native =
ready_cross = $(ENV)/cross/bin $(ENV)/sysroot-arm64
QEMU_HEADERS_$(NATIVE) = $(QEMU_HEADERS)
NATIVE ?= amd64
$(eval $(call arch_rules,$(NATIVE),native))
ifneq ($(NATIVE),arm64)
$(eval $(call arch_rules,arm64,cross))
endif

native: $(NATIVE)
plugin: $(NATIVE)-plugin

# ---- test environment --------------------------------------------------------
ENV_BUILD = $(srcdir)/tests/env/build --out $(ENV) --cache $(HVCMA_CACHE)
ENV_PLUGIN = qemu-amd64 qemu-headers-amd64

# Everything the virtual machines need, from Debian packages.
env:
	$(Q)$(srcdir)/tests/env/deps all
	$(Q)$(ENV_BUILD) all

$(ENV)/%:
	$(Q)$(srcdir)/tests/env/deps all
	$(Q)$(ENV_BUILD) all

# ---- guest modules -----------------------------------------------------------
# Those that are booted; and those that are only built for, the newest where it could be had.
GUEST_KERNELS = amd64/6.1 amd64/6.12 arm64/6.1 arm64/6.12
GUEST_OTHERS = amd64/6.1-cloud amd64/6.12-cloud arm64/6.1-cloud arm64/6.12-cloud \
	$(patsubst $(ENV)/kernel/%,%,$(wildcard $(ENV)/kernel/*/newest $(ENV)/kernel/*/newest-cloud))
GUEST_CORE := $(wildcard $(srcdir)/hv/core/region_text.[ch])
GUEST_SRC := $(shell find $(srcdir)/guest-driver $(srcdir)/tests/guest $(srcdir)/hv/abi -type f) $(GUEST_CORE)
GUEST_DIRS := $(wildcard $(srcdir)/guest-driver $(srcdir)/tests/guest)
GUEST_DEBUG = amd64/6.12/debug arm64/6.12/debug
guest_ko = $(1:%=$(O)/guest/%/virtio_cma.ko)

# kbuild writes beside the sources, so each kernel gets a copy of them. Same contents as last
# time, same modules: git touches files without changing them. What has changed is new in the
# copy, whenever it was written here: an older build may have been under way then.
# kbuild_copy KERNEL FOLDERS ASSIGNMENTS: modules of these folders beside the target
define kbuild_copy
	$(Q)d=$(abspath $(@D))/src && mkdir -p $$d && \
	key=$$(cat $(GUEST_SRC) $(ENV)/kernel/$(1)/kbuild | sha256sum) && \
	if [ -e $@ ] && [ "$$key" = "$$(cat $$d/key 2>/dev/null)" ]; then touch $@; exit; fi && \
	printf '  %-7s %s\n' KBUILD $(patsubst $(O)/%/,%,$(dir $@)) && rm -f $$d/key && \
	for f in $(patsubst $(srcdir)/%,%,$(GUEST_SRC)); do \
		copy=$$d/$${f#tests/}; \
		cmp -s $(srcdir)/$$f $$copy || { mkdir -p $${copy%/*} && cp $(srcdir)/$$f $$copy; } || exit 1; \
	done && \
	for m in $(2); do \
		env -u MAKEFLAGS -u MFLAGS $(ENV)/kernel/$(1)/kbuild W=1 M=$$d/$$m $(3) modules >$$d/$$m.log 2>&1 || { cat $$d/$$m.log; exit 1; }; \
		if grep -q 'warning:' $$d/$$m.log; then cat $$d/$$m.log; exit 1; fi; \
		cp $$d/$$m/*.ko $(@D)/ || exit 1; \
	done && echo "$$key" >$$d/key
endef

$(O)/guest/%/virtio_cma.ko: $(GUEST_SRC) | $(ENV)/kernel/%/kbuild
	$(call kbuild_copy,$*,$(notdir $(GUEST_DIRS)))
# The driver alone, checking its invariants after every change.
$(O)/guest/%/debug/virtio_cma.ko: $(GUEST_SRC) | $(ENV)/kernel/%/kbuild
	$(call kbuild_copy,$*,guest-driver,VCMA_DEBUG=1)

# Programs that run inside guests: static, one file each.
GUEST_PROGRAMS = $(basename $(notdir $(wildcard $(srcdir)/tests/lib/guest/*.c $(srcdir)/examples/*.c)))
GUEST_BIN = $(foreach a,amd64 arm64,$(GUEST_PROGRAMS:%=$(O)/guest/$(a)/bin/%))
guest_program = $(Q)mkdir -p $(@D) && $(1) -std=gnu11 -O2 $(WARN) -I$(srcdir)/guest-driver/uapi -static -o $@ $<
vpath %.c $(srcdir)/tests/lib/guest $(srcdir)/examples

$(O)/guest/$(NATIVE)/bin/%: %.c $(srcdir)/guest-driver/uapi/vcma.h config.mak
	$(say) CC guest/$(NATIVE)/bin/$*
	$(call guest_program,$(CC))
ifneq ($(NATIVE),arm64)
$(O)/guest/arm64/bin/%: %.c $(srcdir)/guest-driver/uapi/vcma.h config.mak | $(ready_cross)
	$(say) CC guest/arm64/bin/$*
	$(call guest_program,$(CC_cross))
endif

guest: $(call guest_ko,$(GUEST_KERNELS) $(GUEST_DEBUG)) $(GUEST_BIN)
# In a make of its own: only when the environment is there is it known which others there are.
guest-all: guest
	$(Q)$(MAKE) --no-print-directory guest-others
guest-others: $(call guest_ko,$(GUEST_OTHERS))

world: native plugin arm64 arm64-plugin guest

# ---- tests -------------------------------------------------------------------
TEST_CFLAGS = $(BASE_CFLAGS) $(CMOCKA_CFLAGS) $(JSON_C_CFLAGS) -UNDEBUG -DHVCMA_DEBUG
HV_TEST_SRC = $(CORE_SRC) $(HOST_SRC) $(FDT_SRC)
UNIT_BIN = $(patsubst $(srcdir)/tests/%.c,$(O)/tests/%,$(sort $(wildcard $(srcdir)/tests/unit/test_*.c)))
LOOPBACK_BIN = $(patsubst $(srcdir)/tests/%.c,$(O)/tests/%,$(sort $(wildcard $(srcdir)/tests/loopback/test_*.c)))
FDT_BIN = $(patsubst $(srcdir)/tests/%.c,$(O)/tests/%,$(sort $(wildcard $(srcdir)/tests/fdt/test_*.c)))
QTEST_BIN = $(patsubst $(srcdir)/tests/%.c,$(O)/tests/%,$(sort $(wildcard $(srcdir)/tests/qtest/test_*.c)))
QTEST_LIB = $(sort $(filter-out $(srcdir)/tests/qtest/test_%,$(wildcard $(srcdir)/tests/qtest/*.c)))
FUZZ_BIN = $(patsubst $(srcdir)/tests/%.c,$(O)/tests/%,$(sort $(wildcard $(srcdir)/tests/fuzz/fuzz_*.c)))
BENCH_BIN = $(patsubst $(srcdir)/tests/%.c,$(O)/tests/%,$(sort $(wildcard $(srcdir)/tests/bench/bench_*.c)))
ASAN_BIN = $(patsubst $(O)/tests/%,$(O)/tests/asan/%,$(UNIT_BIN) $(LOOPBACK_BIN) $(FDT_BIN))

# Tests compile the engine with its invariants checked after every change.
hv_test_objs = $(patsubst $(srcdir)/%.c,$(O)/tests/$(1)/%.o,$(HV_TEST_SRC))
FUZZ = -fsanitize=fuzzer,address,undefined
ASAN = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

$(O)/tests/obj/%.o: $(srcdir)/%.c config.mak
	$(say) CC tests/$*.o
	$(Q)mkdir -p $(@D) && $(CC) $(TEST_CFLAGS) -c -o $@ $<
$(O)/tests/obj-asan/%.o: $(srcdir)/%.c config.mak
	$(say) CC asan/$*.o
	$(Q)mkdir -p $(@D) && $(CC) $(TEST_CFLAGS) $(ASAN) -c -o $@ $<
$(O)/tests/obj-fuzz/%.o: $(srcdir)/%.c config.mak
	$(say) CC fuzz/$*.o
	$(Q)mkdir -p $(@D) && $(CLANG) -std=gnu11 -O1 -g -I$(srcdir) -DHVCMA_DEBUG -MMD -MP \
		-fsanitize=fuzzer-no-link,address,undefined \
		-fno-sanitize-recover=undefined -c -o $@ $<

# link_test CC FLAGS: the test's own object, the parts under test, libraries
link_test = $(say) LD $(@:$(O)/%=%) ; mkdir -p $(@D) && $(1) -o $@ $^ -lcmocka -luring -ljson-c -lfdt
ifneq ($(V),1)
link_test = @printf '  %-7s %s\n' LD $(@:$(O)/%=%) && mkdir -p $(@D) && $(1) -o $@ $^ -lcmocka -luring -ljson-c -lfdt
endif

$(UNIT_BIN) $(LOOPBACK_BIN) $(FDT_BIN): $(O)/tests/%: $(O)/tests/obj/tests/%.o $(call hv_test_objs,obj)
	$(call link_test,$(CC))
$(ASAN_BIN): $(O)/tests/asan/%: $(O)/tests/obj-asan/tests/%.o $(call hv_test_objs,obj-asan)
	$(call link_test,$(CC) $(ASAN))
$(FUZZ_BIN): $(O)/tests/%: $(O)/tests/obj-fuzz/tests/%.o $(patsubst $(srcdir)/%.c,$(O)/tests/obj-fuzz/%.o,$(CORE_SRC) $(FDT_SRC))
	$(call link_test,$(CLANG) $(FUZZ))
$(QTEST_BIN): $(O)/tests/%: $(O)/tests/obj/tests/%.o $(patsubst $(srcdir)/%.c,$(O)/tests/obj/%.o,$(QTEST_LIB) $(CORE_SRC))
	$(call link_test,$(CC) -rdynamic)
# What tests put into QEMU beside the plugin.
QTEST_MAPPER = $(O)/tests/qtest/hvcma-test-mapper.so
$(QTEST_MAPPER): $(srcdir)/tests/qtest/plugin/mapper.c $(QH_$(NATIVE))/cflags $(O)/$(NATIVE)/libhvcma-host.a
	$(say) LD $(@:$(O)/%=%)
	$(Q)mkdir -p $(@D) && $(CC) $$(cat $(QH_$(NATIVE))/cflags) -iquote $(srcdir) $(CFLAGS) -fPIC $(PLUGIN_WARN) \
		-shared -o $@ $(filter %.c %.a,$^) -luring
# Figures are taken from what ships: optimised, without invariant checks.
$(BENCH_BIN): $(O)/tests/%: $(srcdir)/tests/%.c $(O)/$(NATIVE)/libhvcma-fdt.a $(O)/$(NATIVE)/libhvcma-host.a $(O)/$(NATIVE)/libhvcma-core.a
	$(say) LD $(@:$(O)/%=%)
	$(Q)mkdir -p $(@D) && $(CC) $(BASE_CFLAGS) -o $@ $< $(if $(findstring bench_queue,$@),$(QTEST_LIB)) \
		$(filter %.a,$^) -luring -lcmocka -ljson-c -lfdt

# Bare metal for arm64, and what judges its answers.
CONFORMANCE_BIN = $(O)/tests/conformance/el2.elf $(O)/tests/conformance/compare
$(O)/tests/conformance/el2.elf: $(srcdir)/tests/conformance/start.S $(srcdir)/tests/conformance/at.c \
		$(srcdir)/tests/conformance/el2.ld $(srcdir)/tests/conformance/stream.h | $(ready_cross)
	$(say) LD $(@:$(O)/%=%)
	$(Q)mkdir -p $(@D) && $(CC_cross) -std=gnu11 -O2 $(WARN) -I$(srcdir) -ffreestanding -fno-pic -nostdlib -static \
		-fno-stack-protector -mgeneral-regs-only -mstrict-align -Wl,--build-id=none -Wl,--no-warn-rwx-segments \
		-Wl,-T,$(srcdir)/tests/conformance/el2.ld -o $@ $(filter %.S %.c,$^)
$(O)/tests/conformance/compare: $(O)/tests/obj/tests/conformance/compare.o $(patsubst $(srcdir)/%.c,$(O)/tests/obj/%.o,$(CORE_SRC))
	$(call link_test,$(CC))

LAYERS = layers unit fdt loopback asan fuzz conformance qtest vm nested
RUN = HVCMA_SRC=$(abspath $(srcdir)) HVCMA_BUILD=$(abspath $(O)) $(srcdir)/tests/run

need_layers = $(NATIVE)
need_unit = $(NATIVE) $(UNIT_BIN)
need_fdt = $(NATIVE) $(FDT_BIN)
need_loopback = $(LOOPBACK_BIN)
need_asan = $(NATIVE) $(ASAN_BIN)
need_fuzz = $(FUZZ_BIN)
need_conformance = $(CONFORMANCE_BIN) $(ENV)/qemu-amd64
need_qtest = plugin $(QTEST_BIN) $(QTEST_MAPPER)
need_vm = world guest-all $(UNIT_BIN) $(addprefix $(ENV)/,udev-amd64 kexec-arm64 initramfs-tools)
need_nested = world

check: $(foreach l,$(LAYERS),$(need_$(l)))
	$(Q)start=$$(date +%s) && $(RUN) $(if $(T),-t $(T)) $(LAYERS) && \
		$(if $(T),:,echo $$(($$(date +%s) - start)) >$(O)/logs/check.seconds)

define check_rule
check-$(1): $$(need_$(1))
	$(Q)$$(RUN) $$(if $$(T),-t $$(T)) $(1)
.PHONY: check-$(1)
endef
$(foreach l,$(LAYERS),$(eval $(call check_rule,$(l))))

bench: world $(BENCH_BIN)
	$(Q)$(RUN) $(if $(B),-t $(B)) bench

# FUZZ_SECONDS per fuzzer; "make check" uses a few.
fuzz: $(FUZZ_BIN)
	$(Q)FUZZ_SECONDS=$(or $(FUZZ_SECONDS),600) $(RUN) fuzz

demo: world
	$(Q)HVCMA_SRC=$(abspath $(srcdir)) HVCMA_BUILD=$(abspath $(O)) $(srcdir)/tests/nested/demo $(DEMO_ARGS)

lint: | $(ENV)/kernel
	$(Q)HVCMA_SRC=$(abspath $(srcdir)) HVCMA_BUILD=$(abspath $(O)) $(srcdir)/tests/lint

# ---- installation ------------------------------------------------------------
PLUGINDIR = $(libdir)/hvcma
MAN_SECTIONS = 1 4 7
install: native plugin
	install -D -m 755 $(O)/$(NATIVE)/hvcma $(DESTDIR)$(bindir)/hvcma
	install -D -m 644 -t $(DESTDIR)$(PLUGINDIR) $(O)/$(NATIVE)/hvcma-preload.so $(O)/$(NATIVE)/hvcma-qemu.so
	install -D -m 755 -t $(DESTDIR)$(PLUGINDIR) $(O)/$(NATIVE)/hvcma-pin-keeper
	$(foreach s,$(MAN_SECTIONS),install -D -m 644 -t $(DESTDIR)$(mandir)/man$(s) $(wildcard $(srcdir)/docs/man/*.$(s)) &&) true

# For guests: sources for dkms, and what loads the module in time. No kernel is needed for it.
GUEST_PREFIX = /usr
GUEST_SRCDIR = $(GUEST_PREFIX)/src/virtio-cma-$(VERSION)
install-guest:
	install -d $(DESTDIR)$(GUEST_SRCDIR)/hv/core
	cp -r $(srcdir)/guest-driver $(DESTDIR)$(GUEST_SRCDIR)/
	cp -r $(srcdir)/hv/abi $(DESTDIR)$(GUEST_SRCDIR)/hv/
	install -m 644 -t $(DESTDIR)$(GUEST_SRCDIR)/hv/core $(GUEST_CORE)
	sed 's/@VERSION@/$(VERSION)/' $(srcdir)/packaging/dkms.conf >$(DESTDIR)$(GUEST_SRCDIR)/dkms.conf
	install -D -m 644 $(srcdir)/packaging/modprobe.conf $(DESTDIR)$(GUEST_PREFIX)/lib/modprobe.d/virtio-cma.conf
	install -D -m 644 $(srcdir)/packaging/udev.rules $(DESTDIR)$(GUEST_PREFIX)/lib/udev/rules.d/70-virtio-cma.rules
	install -D -m 644 $(srcdir)/packaging/sysusers.conf $(DESTDIR)$(GUEST_PREFIX)/lib/sysusers.d/virtio-cma.conf
	install -D -m 755 $(srcdir)/packaging/initramfs-hook $(DESTDIR)$(GUEST_PREFIX)/share/initramfs-tools/hooks/virtio_cma
	install -D -m 644 $(srcdir)/guest-driver/uapi/vcma.h $(DESTDIR)$(GUEST_PREFIX)/include/hvcma/vcma.h

uninstall-guest:
	rm -rf $(DESTDIR)$(GUEST_SRCDIR)
	rm -f $(DESTDIR)$(GUEST_PREFIX)/lib/modprobe.d/virtio-cma.conf \
		$(DESTDIR)$(GUEST_PREFIX)/lib/udev/rules.d/70-virtio-cma.rules \
		$(DESTDIR)$(GUEST_PREFIX)/lib/sysusers.d/virtio-cma.conf \
		$(DESTDIR)$(GUEST_PREFIX)/share/initramfs-tools/hooks/virtio_cma \
		$(DESTDIR)$(GUEST_PREFIX)/include/hvcma/vcma.h

uninstall:
	rm -f $(DESTDIR)$(bindir)/hvcma
	rm -rf $(DESTDIR)$(PLUGINDIR)
	rm -f $(foreach s,$(MAN_SECTIONS),$(patsubst $(srcdir)/docs/man/%,$(DESTDIR)$(mandir)/man$(s)/%,$(wildcard $(srcdir)/docs/man/*.$(s))))

clean:
	rm -rf $(filter-out $(O)/env,$(wildcard $(O)/*))

distclean:
	rm -rf $(O) config.mak config.log

help:
	@echo 'Two to start with:'
	@echo '  make demo       the main job, end to end: a device without an IOMMU driven by its'
	@echo '                  stock driver in a nested guest; sets up all it needs'
	@echo '  make check      every test layer; T=name runs the tests whose name contains it'
	@echo
	@echo 'Building:'
	@echo '  make            libraries, the hvcma command, the pin keeper'
	@echo '  make plugin     the QEMU plugin for this machine (needs "make env" or --qemu-headers)'
	@echo '  make guest      virtio_cma.ko for the kernels that tests boot; guest-all: for every'
	@echo '                  kernel of the test environment'
	@echo '  make world      make, plugin and guest, the first two for this machine and for arm64'
	@echo '  make env        the test environment: stock QEMU, kernels, cross tools, from packages'
	@echo '  make install    command, plugin, manual pages (DESTDIR, and the folders of configure)'
	@echo '  make install-guest  for guests: sources for dkms, softdeps, initramfs hook, udev rule'
	@echo '  make clean      remove what was built, keep the environment; distclean removes that too'
	@echo
	@echo 'Testing:'
	@echo '  make check-L    one layer, L being one of: $(LAYERS)'
	@echo '  make bench      the figures; B=name runs one'
	@echo '  make fuzz       the fuzzers for FUZZ_SECONDS each (600)'
	@echo '  make lint       checkpatch, sparse, shellcheck'
	@echo
	@echo 'Variables: V=1 shows commands; CONFIGURE_ARGS; HVCMA_CACHE (downloads and images,'
	@echo '~/.cache/hvcma); DEMO_ARGS (see tests/nested/demo --help).'

-include $(shell find $(O) -name env -prune -o -name guest -prune -o -name '*.d' -print 2>/dev/null)
