/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Test hooks: what tests ask of the device, and nobody else can.
 *
 * The plugin that tests load has properties x-*: host memory that is invented
 * and not pinned, a bus without an IOMMU for emulated clients, calls that fail.
 * All that is in testing/. What is installed has test-hooks-none.c instead: no
 * such property, and none of the code behind them. Everything else is the same
 * object code, and finds out by these functions alone. The options are struct
 * HvcmaTesting in virtio-cma.h; zero where nobody can set them.
 *
 * Functions need the big QEMU lock.
 */
#ifndef QEMU_DEVICE_TEST_HOOKS_H
#define QEMU_DEVICE_TEST_HOOKS_H

#include "hw/pci/pci_device.h"
#include "hw/qdev-properties.h"
#include "qapi/visitor.h"

#include "backing.h"
#include "virtio-cma.h"

/* ---- options ---- */

/**
 * hvcma_test_properties() - properties of the device beyond its own.
 * @nr: out, their number, may be 0
 */
const Property *hvcma_test_properties(size_t *nr);

/** hvcma_test_class_init() - what they are, and what else can be read. */
void hvcma_test_class_init(ObjectClass *klass);

/**
 * hvcma_test_check_words() - are their words known ones? Of @s->config only the
 * name is there.
 * hvcma_test_check_options() - by what else was said: @s->config is filled.
 *
 * Return: false with @errp naming the region, the value and the limit.
 */
bool hvcma_test_check_words(VirtIOCMA *s, Error **errp);
bool hvcma_test_check_options(VirtIOCMA *s, Error **errp);

/** hvcma_test_step() - granules to back or pin in one go; 0: no wish. */
uint32_t hvcma_test_step(const VirtIOCMA *s);

/* ---- host memory ---- */

/** hvcma_test_is_fake() - no memory of the region is ever touched or pinned. */
bool hvcma_test_is_fake(const VirtIOCMA *s);

/** hvcma_test_provider_create() - for such a region; 0 or a negative errno. */
int hvcma_test_provider_create(VirtIOCMA *s,
                               const struct hvcma_provider_config *config,
                               struct hvcma_provider **out,
                               struct hvcma_error *err);

/** hvcma_test_memory_new() - the region gets its memory; has its options. */
void hvcma_test_memory_new(VirtIOCMA *s);
void hvcma_test_memory_free(VirtIOCMA *s);

/**
 * hvcma_test_pinned() - granules are pinned: devices may see them.
 * @b: of this region
 *
 * Return: as hvcma_backing_dma_addr().
 */
enum virtio_cma_status hvcma_test_pinned(VirtIOCMA *s, HvcmaBacking *b,
                                         uint64_t first, uint64_t nr);
/** hvcma_test_unpinned() - they are about to be unpinned. */
void hvcma_test_unpinned(VirtIOCMA *s, uint64_t first, uint64_t nr);

/* ---- clients ---- */

/**
 * hvcma_test_has_bus() - are emulated PCI devices on a bus without an IOMMU, so
 * that they can be clients with unsafe-noiommu=on?
 */
bool hvcma_test_has_bus(const VirtIOCMA *s);

/**
 * hvcma_test_bus_agrees() - can both regions serve device @id?
 *
 * Return: false with @errp if just one of them has that bus.
 */
bool hvcma_test_bus_agrees(const VirtIOCMA *s, const VirtIOCMA *other,
                           const char *id, Error **errp);

/** hvcma_test_bus_up() - the region is registered, and is no more. */
void hvcma_test_bus_up(VirtIOCMA *s);
void hvcma_test_bus_down(VirtIOCMA *s);

/**
 * hvcma_test_connect() - an emulated client is plugged: onto the bus, if there
 * is one, where it reaches memory through its windows, unless x-bus-window says
 * otherwise; false with @errp if it can't be there.
 * hvcma_test_disconnect() - and off it.
 */
bool hvcma_test_connect(VirtIOCMA *s, DeviceState *dev, const char *client,
                        const struct hvcma_dma_windows *windows, Error **errp);
void hvcma_test_disconnect(VirtIOCMA *s, DeviceState *dev);

/** hvcma_test_close_fails() - is this closing of a gate to fail? with @errp. */
bool hvcma_test_close_fails(VirtIOCMA *s, Error **errp);

/* ---- report ---- */

/** hvcma_test_put_counters() - in the struct "counters". */
void hvcma_test_put_counters(VirtIOCMA *s, Visitor *v);

#endif /* QEMU_DEVICE_TEST_HOOKS_H */
