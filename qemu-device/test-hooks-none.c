/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * No test hooks: what is installed has this in place of testing/. See
 * test-hooks.h.
 */
#include "qemu/osdep.h"

#include "test-hooks.h"

const Property *hvcma_test_properties(size_t *nr)
{
    *nr = 0;
    return NULL;
}

void hvcma_test_class_init(ObjectClass *klass)
{
}

bool hvcma_test_check_words(VirtIOCMA *s, Error **errp)
{
    return true;
}

bool hvcma_test_check_options(VirtIOCMA *s, Error **errp)
{
    return true;
}

uint32_t hvcma_test_step(const VirtIOCMA *s)
{
    return 0;
}

bool hvcma_test_is_fake(const VirtIOCMA *s)
{
    return false;
}

int hvcma_test_provider_create(VirtIOCMA *s,
                               const struct hvcma_provider_config *config,
                               struct hvcma_provider **out,
                               struct hvcma_error *err)
{
    return -ENOSYS;
}

void hvcma_test_memory_new(VirtIOCMA *s)
{
}

void hvcma_test_memory_free(VirtIOCMA *s)
{
}

enum virtio_cma_status hvcma_test_pinned(VirtIOCMA *s, HvcmaBacking *b,
                                         uint64_t first, uint64_t nr)
{
    return VIRTIO_CMA_S_OK;
}

void hvcma_test_unpinned(VirtIOCMA *s, uint64_t first, uint64_t nr)
{
}

bool hvcma_test_has_bus(const VirtIOCMA *s)
{
    return false;
}

bool hvcma_test_bus_agrees(const VirtIOCMA *s, const VirtIOCMA *other,
                           const char *id, Error **errp)
{
    return true;
}

void hvcma_test_bus_up(VirtIOCMA *s)
{
}

void hvcma_test_bus_down(VirtIOCMA *s)
{
}

bool hvcma_test_connect(VirtIOCMA *s, DeviceState *dev, const char *client,
                        const struct hvcma_dma_windows *windows, Error **errp)
{
    return true;
}

void hvcma_test_disconnect(VirtIOCMA *s, DeviceState *dev)
{
}

bool hvcma_test_close_fails(VirtIOCMA *s, Error **errp)
{
    return false;
}

void hvcma_test_put_counters(VirtIOCMA *s, Visitor *v)
{
}
