# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tests, figures, the demonstration: what is built for each, and who runs it. What they need from
# outside is in needs.mk.

TEST_CFLAGS = $(BASE_CFLAGS) -DHVCMA_NATIVE='"$(NATIVE)"' $(CMOCKA_CFLAGS) $(JSON_C_CFLAGS) $(SERVICE_CFLAGS) -UNDEBUG -DHVCMA_DEBUG
HV_TEST_SRC = $(CORE_SRC) $(HOST_SRC) $(HOST_TESTING_SRC) $(FDT_SRC)
UNIT_BIN = $(patsubst $(srcdir)/tests/%.c,$(O)/tests/%,$(sort $(wildcard $(srcdir)/tests/unit/test_*.c)))
LOOPBACK_BIN = $(patsubst $(srcdir)/tests/%.c,$(O)/tests/%,$(sort $(wildcard $(srcdir)/tests/loopback/test_*.c)))
SERVICE_BIN = $(if $(MISSING_service),,$(patsubst $(srcdir)/tests/%.c,$(O)/tests/%,$(sort $(wildcard $(srcdir)/tests/service/test_*.c))))
FDT_BIN = $(patsubst $(srcdir)/tests/%.c,$(O)/tests/%,$(sort $(wildcard $(srcdir)/tests/fdt/test_*.c)))
QTEST_BIN = $(patsubst $(srcdir)/tests/%.c,$(O)/tests/%,$(sort $(wildcard $(srcdir)/tests/qtest/test_*.c)))
QTEST_LIB = $(sort $(filter-out $(srcdir)/tests/qtest/test_%,$(wildcard $(srcdir)/tests/qtest/*.c)))
FUZZ_BIN = $(patsubst $(srcdir)/tests/%.c,$(O)/tests/%,$(sort $(wildcard $(srcdir)/tests/fuzz/fuzz_*.c)))
BENCH_BIN = $(patsubst $(srcdir)/tests/%.c,$(O)/tests/%,$(sort $(wildcard $(srcdir)/tests/bench/bench_*.c)))
ASAN_BIN = $(patsubst $(O)/tests/%,$(O)/tests/asan/%,$(UNIT_BIN) $(SERVICE_BIN) $(LOOPBACK_BIN) $(FDT_BIN))

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
# Fast: null pointers and the ends of objects are seen by the address sanitizer, not twice. The
# words that device trees are compared with are in the fuzzer: comparisons need not be followed.
FUZZ_COVERAGE = -fsanitize=fuzzer-no-link
$(O)/tests/obj-fuzz/fdt/%.o $(O)/tests/obj-fuzz/hv/cli/%.o: FUZZ_COVERAGE = -fsanitize-coverage=inline-8bit-counters,pc-table
$(O)/tests/obj-fuzz/%.o: $(srcdir)/%.c config.mak
	$(say) CC fuzz/$*.o
	$(Q)mkdir -p $(@D) && $(CLANG) -std=gnu11 -O2 -g -I$(srcdir) $(JSON_C_CFLAGS) -DHVCMA_DEBUG -MMD -MP \
		$(FUZZ_COVERAGE) -fsanitize=address,undefined -fno-sanitize=null,object-size \
		-fno-sanitize-recover=undefined -c -o $@ $<

# link_test CC FLAGS, LIBRARIES: the test's own object, the parts under test, libraries
link_test = $(say) LD $(@:$(O)/%=%) ; mkdir -p $(@D) && $(1) -o $@ $^ -lcmocka -luring -ljson-c -lfdt $(2)
ifneq ($(V),1)
link_test = @printf '  %-7s %s\n' LD $(@:$(O)/%=%) && mkdir -p $(@D) && $(1) -o $@ $^ -lcmocka -luring -ljson-c -lfdt $(2)
endif

$(UNIT_BIN) $(LOOPBACK_BIN) $(FDT_BIN): $(O)/tests/%: $(O)/tests/obj/tests/%.o $(call hv_test_objs,obj)
	$(call link_test,$(CC))
# The service's own parts, too.
service_test_objs = $(patsubst $(srcdir)/%.c,$(O)/tests/$(1)/%.o,$(SERVICE_SRC))
$(SERVICE_BIN): $(O)/tests/%: $(O)/tests/obj/tests/%.o $(call hv_test_objs,obj) $(call service_test_objs,obj)
	$(call link_test,$(CC),$(SERVICE_LIBS))
$(ASAN_BIN): $(O)/tests/asan/%: $(O)/tests/obj-asan/tests/%.o $(call hv_test_objs,obj-asan)
	$(call link_test,$(CC) $(ASAN),$(if $(findstring /service/,$@),$(SERVICE_LIBS)))
$(SERVICE_BIN:$(O)/tests/%=$(O)/tests/asan/%): $(call service_test_objs,obj-asan)
# The service under the sanitizers, with its keeper: tests of the layer asan run this one.
$(O)/tests/asan/hvcmad-keeper: $(O)/tests/obj-asan/hv/service/keeper_main.o $(call hv_test_objs,obj-asan)
	$(call link_test,$(CC) $(ASAN),$(SERVICE_LIBS))
$(O)/tests/asan/hvcmad: $(O)/tests/obj-asan/hv/service/hvcmad_main.o $(call hv_test_objs,obj-asan) \
		$(call service_test_objs,obj-asan)
	$(call link_test,$(CC) $(ASAN),$(SERVICE_LIBS))
$(FUZZ_BIN): $(O)/tests/%: $(O)/tests/obj-fuzz/tests/%.o $(patsubst $(srcdir)/%.c,$(O)/tests/obj-fuzz/%.o,$(CORE_SRC) $(FDT_SRC))
	$(call link_test,$(CLANG) $(FUZZ),-lz)
# The command itself, without its main().
$(O)/tests/fuzz/fuzz_fdt_command: $(patsubst $(srcdir)/%.c,$(O)/tests/obj-fuzz/%.o,$(HOST_SRC) \
	$(filter-out %/main.c,$(CLI_SRC)))
$(QTEST_BIN): $(O)/tests/%: $(O)/tests/obj/tests/%.o $(patsubst $(srcdir)/%.c,$(O)/tests/obj/%.o,$(QTEST_LIB) $(CORE_SRC) $(HOST_SRC))
	$(call link_test,$(CC) -rdynamic)
# What tests put into QEMU beside the plugin.
QTEST_PLUGIN = $(O)/tests/qtest/hvcma-test-devices.so
$(QTEST_PLUGIN): $(sort $(wildcard $(srcdir)/tests/qtest/plugin/*.c)) $(QH_$(NATIVE))/cflags $(O)/$(NATIVE)/libhvcma-host.a
	$(say) LD $(@:$(O)/%=%)
	$(Q)mkdir -p $(@D) && $(CC) $$(cat $(QH_$(NATIVE))/cflags) -iquote $(srcdir) $(CFLAGS) -fPIC $(PLUGIN_WARN) \
		-shared -o $@ $(filter %.c %.a,$^) -luring
# A plugin that was built for another layout, as its table of sizes says.
QTEST_MISFIT = $(O)/tests/qtest/misfit/$(PLUGIN_SO)
$(QTEST_MISFIT): $(call plugin_from,$(QEMU_SERIES))/layout.c $(O)/$(NATIVE)/$(PLUGIN_SO) $(O)/$(NATIVE)/hvcma-preload.so
	$(say) LD $(@:$(O)/%=%)
	$(Q)mkdir -p $(@D) && $(CC) $$(cat $(QH_$(NATIVE))/cflags) -iquote $(srcdir) $(CFLAGS) -fPIC -fvisibility=hidden \
		-DHVCMA_QEMU=$(call series_code,$(QEMU_SERIES)) -DHVCMA_LAYOUT_MISFIT=8 -c -o $(@D)/layout.o $< && \
	$(CC) -shared $(LDFLAGS) -o $@ $(@D)/layout.o $(filter-out %/layout.o,$(call obj_$(NATIVE),$(PLUGIN_SRC))) \
		$(addprefix $(O)/$(NATIVE)/libhvcma-,fdt.a host.a core.a) -luring -lfdt -lglib-2.0 && \
	cp $(O)/$(NATIVE)/hvcma-preload.so $(@D)/
# Figures are taken from what ships: optimised, without invariant checks.
$(BENCH_BIN): $(srcdir)/tests/bench/decision.h
$(BENCH_BIN): $(O)/tests/%: $(srcdir)/tests/%.c $(O)/$(NATIVE)/libhvcma-fdt.a $(O)/$(NATIVE)/libhvcma-host.a $(O)/$(NATIVE)/libhvcma-core.a
	$(say) LD $(@:$(O)/%=%)
	$(Q)mkdir -p $(@D) && $(CC) $(BASE_CFLAGS) -DHVCMA_NATIVE='"$(NATIVE)"' -o $@ $< $(if $(findstring qtest/,$(shell grep -h "include .tests/" $<)),$(QTEST_LIB)) \
		$(filter %.a,$^) -luring -lcmocka -ljson-c -lfdt

# What judges the figures of scripts.
BENCH_DECISION = $(O)/tests/bench/decision
$(BENCH_DECISION): $(srcdir)/tests/bench/decision.c $(srcdir)/tests/bench/decision.h
	$(say) LD $(@:$(O)/%=%)
	$(Q)mkdir -p $(@D) && $(CC) $(BASE_CFLAGS) -o $@ $<

# Bare metal for arm64; of the layer conformance, what judges its answers.
BARE_BIN = $(O)/tests/conformance/el2.elf $(O)/tests/nested/capture.elf
CONFORMANCE_BIN = $(O)/tests/conformance/el2.elf $(O)/tests/conformance/compare
$(O)/tests/conformance/el2.elf: $(addprefix $(srcdir)/tests/conformance/,start.S at.c stream.h)
$(O)/tests/nested/capture.elf: $(addprefix $(srcdir)/,tests/nested/bare/start.S tests/nested/bare/capture.c hv/abi/virtio_cma.h)
CC_bare = $(if $(CROSS_NEEDED),$(CC_cross),$(CC))
$(BARE_BIN): $(srcdir)/tests/lib/bare.ld | $(if $(CROSS_NEEDED),$(ready_cross))
	$(say) LD $(@:$(O)/%=%)
	$(Q)mkdir -p $(@D) && $(CC_bare) -std=gnu11 -O2 $(WARN) -I$(srcdir) -ffreestanding -fno-pic -nostdlib -static \
		-fno-stack-protector -mgeneral-regs-only -mstrict-align -Wl,--build-id=none -Wl,--no-warn-rwx-segments \
		-Wl,-T,$(srcdir)/tests/lib/bare.ld -o $@ $(filter %.S %.c,$^)
$(O)/tests/conformance/compare: $(O)/tests/obj/tests/conformance/compare.o $(patsubst $(srcdir)/%.c,$(O)/tests/obj/%.o,$(CORE_SRC))
	$(call link_test,$(CC))

include $(srcdir)/tests/glue/glue.mk

# ---- layers: what is built for each; tests/run finds the tests themselves -----
need_layers = $(NATIVE)
need_build = $(NATIVE) plugin plugin-testing
need_unit = $(NATIVE) $(UNIT_BIN)
need_service = $(NATIVE) $(SERVICE_BIN) $(if $(MISSING_service),,$(SERVICE_BOTH))
need_fdt = $(NATIVE) $(FDT_BIN)
need_loopback = $(LOOPBACK_BIN)
need_asan = $(NATIVE) $(ASAN_BIN) $(if $(MISSING_service),,$(O)/tests/asan/hvcmad $(O)/tests/asan/hvcmad-keeper)
need_fuzz = $(FUZZ_BIN)
need_conformance = $(CONFORMANCE_BIN)
need_qtest = plugin plugin-testing $(QTEST_BIN) $(QTEST_PLUGIN) $(QTEST_MISFIT) $(if $(MISSING_service),,$(SERVICE_BOTH))
need_glue = plugin $(GLUE_BIN) $(call glue_plugin,glue) $(call glue_plugin,glue-planted)
need_vm = native plugin-testing arm64 guest $(call guest_ko,arm64/6.12-cloud) $(UNIT_BIN)
need_libvirt = native plugin-testing $(call guest_ko,amd64/6.12)
need_nested = $(O)/tests/nested/capture.elf $(patsubst %,$(O)/guest/arm64/bin/%,hold as_user taker) arm64 arm64-service arm64-plugin arm64-plugin-testing $(call guest_test_ko,arm64/6.12 arm64/6.1)
need_xen = arm64 arm64-xen $(call guest_test_ko,arm64/6.12 arm64/6.1)
need_instruments = native plugin-testing $(call guest_test_ko,$(GUEST_CHECKED) $(CHECKED_T)) \
	$(filter $(O)/guest/$(NATIVE)/%,$(GUEST_BIN))
need_intree = $(if $(findstring plugins,$(T)),native plugin-others)
need = $(foreach l,$(1),$(need_$(l)))

# T=NAME: also those that "make check" leaves to "make check-long".
RUN = HVCMA_SRC=$(abspath $(srcdir)) HVCMA_BUILD=$(abspath $(O)) $(srcdir)/tests/run $(if $(T),-t $(T))

check: $(call need,$(LAYERS))
	$(Q)$(RUN) $(LAYERS)$(if $(T),, && ps -o etimes= -p $$PPID | tr -d ' ' >$(O)/logs/check.seconds)
check-quick: $(call need,$(QUICK_LAYERS))
	$(Q)$(RUN) $(QUICK_LAYERS)
check-long: $(call need,$(LAYERS)) plugin-others guest-all $(call guest_test_ko,$(GUEST_CHECKED_LONG)) in-tree
	$(Q)$(RUN) -l $(LAYERS)
# Fuzzers that say how often, so often: hours.
check-marathon: $(call need,fuzz)
	$(Q)$(RUN) -m fuzz
.PHONY: check-marathon
# QEMU with virtio-cma built in, of the releases that there are sources of, and the layer that runs on it.
check-intree-long: in-tree plugin-others native
	$(Q)$(RUN) -l intree
in-tree: $(need_qtest)
	$(Q)for step in qemu-src qemu-src-newest; do \
		[ ! -d $(ENV)/$$step ] || { echo "  NINJA   in-tree/$$step" && \
		HVCMA_SRC=$(abspath $(srcdir)) HVCMA_BUILD=$(abspath $(O)) $(srcdir)/tests/intree/build $$step; } || exit; \
	done
.PHONY: in-tree check-intree-long

define check_rule
check-$(1): $$(need_$(1))
	$(Q)$$(RUN) $(1)
.PHONY: check-$(1)
endef
$(foreach l,$(LAYERS),$(eval $(call check_rule,$(l))))

# The long tests of "hvcma fdt" that read what Debian's kernels have.
check-fdt-corpus check-fdt-linux: check-fdt-%: $(need_fdt)
	$(Q)$(RUN) -t $* fdt
.PHONY: check-fdt-corpus check-fdt-linux

# What looks at vCPUs from outside.
BENCH_TCG = $(O)/tests/bench/tcg/lines.so
$(BENCH_TCG): $(srcdir)/tests/bench/tcg/lines.c $(srcdir)/tests/guest/marks.h | $(ENV)/qemu-src/include/qemu/qemu-plugin.h
	$(say) LD $(@:$(O)/%=%)
	$(Q)mkdir -p $(@D) && $(CC) -std=gnu11 $(CFLAGS) $(WARN) -I$(srcdir) -I$(ENV)/qemu-src/include/qemu \
		$$(pkg-config --cflags glib-2.0) -fPIC -shared -o $@ $< -pthread

bench: native plugin-testing arm64 arm64-plugin-testing arm64-xen guest $(BENCH_BIN) $(BENCH_DECISION) $(BENCH_TCG)
	$(Q)$(RUN) $(if $(B),-t $(B)) bench
# The page of them: of benches that have run here their results of now, of others those that it had.
figures:
	$(say) FIGURES docs/figures.md
	$(Q)HVCMA_BUILD=$(O) $(srcdir)/tests/bench/figures take $(O)/logs/bench $(srcdir)/docs/figures && \
		$(srcdir)/tests/bench/figures page $(srcdir)/docs/figures $(srcdir)/docs/figures.md

# FUZZ_SECONDS per fuzzer; "make check" uses a few.
fuzz: $(FUZZ_BIN) $(need_glue) $(O)/tests/generic/seed
	$(say) NINJA generic/build/qemu-fuzz-x86_64
	$(Q)HVCMA_SRC=$(abspath $(srcdir)) HVCMA_BUILD=$(abspath $(O)) $(srcdir)/tests/generic/build
	$(Q)FUZZ_SECONDS=$(or $(FUZZ_SECONDS),600) $(RUN) fuzz glue generic
$(O)/tests/generic/seed: $(O)/tests/obj/tests/generic/seed.o
	$(call link_test,$(CC))
# Which lines of the plugin random guests reach.
fuzz-coverage: $(GLUE_BIN) $(call glue_plugin,glue-coverage)
	$(Q)HVCMA_SRC=$(abspath $(srcdir)) HVCMA_BUILD=$(abspath $(O)) \
		$(srcdir)/tests/glue/coverage $(or $(FUZZ_SECONDS),600)

demo: arm64 arm64-plugin $(if $(findstring wrong-window,$(DEMO_ARGS)),arm64-plugin-testing) $(call guest_ko,$(DEMO_SERIES:%=arm64/%))
	$(Q)HVCMA_SRC=$(abspath $(srcdir)) HVCMA_BUILD=$(abspath $(O)) $(srcdir)/tests/nested/demo $(DEMO_ARGS)

lint:
	$(Q)HVCMA_SRC=$(abspath $(srcdir)) HVCMA_BUILD=$(abspath $(O)) $(srcdir)/tests/lint
	$(Q)HVCMA_SRC=$(abspath $(srcdir)) $(srcdir)/tests/words

# Needs Python only.
format-check:
	$(Q)$(srcdir)/tests/format
