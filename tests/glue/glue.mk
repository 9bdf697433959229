# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the layer "glue" runs: the plugin in other ways of building it, and the fuzzer.

# The plugin as random guests see it: with AddressSanitizer and the engine's invariants; the same
# with a fault planted, to be found; and counting which of its lines are run.
# glue_rules FOLDER FLAGS
define glue_rules
$(O)/$(1)/obj/qemu-device/%.o: $(call plugin_from,$(QEMU_SERIES))/%.c config.mak $(QH_$(NATIVE))/cflags | $(PLUGIN_TRACE) $(call plugin_headers,$(QEMU_SERIES))
	$(say) CC $(1)/qemu-device/$$*.o
	$(Q)mkdir -p $$(@D) && $$(CC) $$$$(cat $(QH_$(NATIVE))/cflags) -DHVCMA_QEMU=$(call series_code,$(QEMU_SERIES)) -iquote $(srcdir) -iquote $(dir $(PLUGIN_TRACE)) $(CFLAGS) -fPIC \
		-fvisibility=hidden $(PLUGIN_WARN) $(2) -MMD -MP -c -o $$@ $$<
$(O)/$(1)/obj/%.o: $(srcdir)/%.c config.mak
	$(say) CC $(1)/$$*.o
	$(Q)mkdir -p $$(@D) && $$(CC) $$(BASE_CFLAGS) -DHVCMA_DEBUG $(2) -c -o $$@ $$<
$(O)/$(1)/$(PLUGIN_SO): $(patsubst $(srcdir)/%.c,$(O)/$(1)/obj/%.o,$(TESTING_SRC) $(HV_TEST_SRC))
	$(say) LD $$(@:$(O)/%=%)
	$(Q)$$(CC) -shared $(2) -o $$@ $$^ -luring -lfdt -lglib-2.0
$(O)/$(1)/hvcma-preload.so: $(O)/$(NATIVE)/hvcma-preload.so
	$(Q)mkdir -p $$(@D) && cp $$< $$@
endef
$(eval $(call glue_rules,glue,-fsanitize=address -fno-omit-frame-pointer))
$(eval $(call glue_rules,glue-coverage,--coverage))

PLANTED = $(O)/glue-planted/obj/qemu-device/requests
$(PLANTED).c: $(call plugin_from,$(QEMU_SERIES))/requests.c $(srcdir)/tests/glue/planted.sed
	$(Q)mkdir -p $(@D) && sed -f $(srcdir)/tests/glue/planted.sed $< >$@.new && ! cmp -s $< $@.new && mv $@.new $@
$(PLANTED).o: $(PLANTED).c config.mak $(QH_$(NATIVE))/cflags
	$(say) CC glue-planted/qemu-device/requests.o
	$(Q)$(CC) $$(cat $(QH_$(NATIVE))/cflags) -DHVCMA_QEMU=$(call series_code,$(QEMU_SERIES)) -iquote $(call plugin_from,$(QEMU_SERIES)) -iquote $(srcdir) $(CFLAGS) -fPIC \
		-fvisibility=hidden -fsanitize=address -MMD -MP -c -o $@ $<
$(O)/glue-planted/$(PLUGIN_SO): $(PLANTED).o $(filter-out %/requests.o,$(patsubst $(srcdir)/%.c,$(O)/glue/obj/%.o,$(TESTING_SRC) $(HV_TEST_SRC)))
	$(say) LD $(@:$(O)/%=%)
	$(Q)$(CC) -shared -fsanitize=address -o $@ $^ -luring -lfdt -lglib-2.0
$(O)/glue-planted/hvcma-preload.so: $(O)/$(NATIVE)/hvcma-preload.so
	$(Q)mkdir -p $(@D) && cp $< $@

GLUE_BIN = $(O)/tests/glue/fuzz_glue
GLUE_SRC = $(sort $(wildcard $(srcdir)/tests/glue/*.c)) $(srcdir)/tests/qtest/qtest.c
$(O)/tests/obj/tests/glue/fuzz_glue.o: TEST_CFLAGS += -DHVCMA_ASAN_LIBRARY='"$(realpath $(shell $(CC) -print-file-name=libasan.so))"'
$(GLUE_BIN): $(patsubst $(srcdir)/%.c,$(O)/tests/obj/%.o,$(GLUE_SRC))
	$(call link_test,$(CC) -rdynamic)
glue_plugin = $(O)/$(1)/$(PLUGIN_SO) $(O)/$(1)/hvcma-preload.so
