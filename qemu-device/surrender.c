/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * surrender=on: memory of a reusable region for others meanwhile. See
 * surrender.h.
 */
#include "qemu/osdep.h"
#include "exec/memory.h"
#include "exec/ramblock.h"
#include "qapi/visitor.h"
#include "qemu/bitmap.h"

#include "pinned.h"
#include "requests.h"
#include "surrender.h"

struct HvcmaSurrender {
    unsigned long *covered;     /* granules */
};

/* ---- covers ---- */

static void *address_of(VirtIOCMA *s, uint64_t granule)
{
    return memory_region_get_ram_ptr(&s->opts.memdev->mr) +
           granule * s->config.granule_bytes;
}

static off_t offset_of(VirtIOCMA *s, uint64_t granule)
{
    return s->opts.memdev->mr.ram_block->fd_offset +
           granule * s->config.granule_bytes;
}

bool hvcma_surrender_has(const VirtIOCMA *s, uint64_t first, uint64_t nr)
{
    return s->surrender &&
           find_next_bit(s->surrender->covered, first + nr, first) <
           first + nr;
}

/* Over whatever is mapped there. */
static int map(VirtIOCMA *s, uint64_t first, uint64_t nr, int flags, int fd,
               struct hvcma_error *err)
{
    size_t bytes = nr * s->config.granule_bytes;
    void *at = address_of(s, first);
    int ret;

    if (mmap(at, bytes, PROT_READ | PROT_WRITE,
             flags | MAP_FIXED | MAP_NORESERVE, fd,
             fd < 0 ? 0 : offset_of(s, first)) == MAP_FAILED) {
        ret = -errno;
        hvcma_error_set(err, "region %s: can't map %" PRIu64 " granules from %"
                        PRIu64 " anew: %s", s->config.name, nr, first,
                        strerror(-ret));
        return ret;
    }
    /* As QEMU does with all of the guest's memory. */
    madvise(at, bytes, MADV_DONTFORK);
    return 0;
}

int hvcma_surrender_cover(VirtIOCMA *s, uint64_t first, uint64_t nr,
                          struct hvcma_error *err)
{
    int ret = map(s, first, nr, MAP_PRIVATE | MAP_ANONYMOUS, -1, err);

    if (!ret) {
        bitmap_set(s->surrender->covered, first, nr);
    }
    return ret;
}

int hvcma_surrender_uncover(VirtIOCMA *s, uint64_t first, uint64_t nr,
                            struct hvcma_error *err)
{
    int ret = map(s, first, nr, MAP_SHARED,
                  memory_region_get_fd(&s->opts.memdev->mr), err);

    if (!ret) {
        bitmap_clear(s->surrender->covered, first, nr);
    }
    return ret;
}

int hvcma_surrender_make_pages(VirtIOCMA *s, uint64_t first, uint64_t nr,
                               struct hvcma_error *err)
{
    int fd = memory_region_get_fd(&s->opts.memdev->mr), ret;
    off_t bytes = nr * s->config.granule_bytes;

    do {
        ret = fallocate(fd, FALLOC_FL_KEEP_SIZE, offset_of(s, first), bytes) ?
              -errno : 0;
    } while (ret == -EINTR);
    if (!ret) {
        return 0;
    }
    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
              offset_of(s, first), bytes);
    hvcma_error_set(err, "region %s: the host's pool has no hugepages for %"
                    PRIu64 " bytes that the guest would have back: %s",
                    s->config.name, (uint64_t)bytes, strerror(-ret));
    return ret == -ENOSPC ? -ENOMEM : ret;
}

bool hvcma_surrender_restore(VirtIOCMA *s)
{
    uint64_t nr = s->config.region_bytes / s->config.granule_bytes, i = 0;
    struct hvcma_error err;

    while (s->surrender &&
           (i = find_next_bit(s->surrender->covered, nr, i)) < nr) {
        if (hvcma_surrender_make_pages(s, i, 1, &err) ||
            hvcma_surrender_uncover(s, i, 1, &err)) {
            warn_report("virtio-cma '%s': its memdev can't be used again: %s",
                        s->config.name, err.text);
            return false;
        }
    }
    return true;
}

/* ---- options ---- */

static bool has_own_file(VirtIOCMA *s)
{
    HostMemoryBackend *memdev = s->opts.memdev;

    return memdev->share && memory_region_get_fd(&memdev->mr) >= 0 &&
           host_memory_backend_pagesize(memdev) > qemu_real_host_page_size();
}

bool hvcma_surrender_check(VirtIOCMA *s, Error **errp)
{
    if (!s->opts.surrender) {
        return true;
    }
    if (s->config.mode != VIRTIO_CMA_MODE_REUSABLE ||
        s->config.flags & VIRTIO_CMA_FLAG_AUTO || hvcma_pinned_is_all(s)) {
        error_setg(errp, "virtio-cma '%s': surrender=on is of mode=reusable "
                   "without pin=all, not of mode=%s%s", s->config.name,
                   s->opts.mode ?: "private",
                   hvcma_pinned_is_all(s) ? ",pin=all" : "");
        return false;
    }
    if (!has_own_file(s)) {
        error_setg(errp, "virtio-cma '%s': surrender=on needs a memdev of "
                   "hugepages that is a file, with share=on "
                   "(memory-backend-memfd or -file)", s->config.name);
        return false;
    }
    if (s->opts.memdev->policy != HOST_MEM_POLICY_DEFAULT) {
        error_setg(errp, "virtio-cma '%s': surrender=on with a memdev of "
                   "policy=%s: pages that come back could be of another node",
                   s->config.name,
                   HostMemPolicy_str(s->opts.memdev->policy));
        return false;
    }
    return true;
}

/* ---- what the host wants ---- */

static void get_wanted(Object *obj, Visitor *v, const char *name, void *opaque,
                       Error **errp)
{
    visit_type_uint64(v, name, &VIRTIO_CMA(obj)->wanted_bytes, errp);
}

static void set_wanted(Object *obj, Visitor *v, const char *name, void *opaque,
                       Error **errp)
{
    VirtIOCMA *s = VIRTIO_CMA(obj);
    uint64_t bytes;

    if (!hvcma_report_is_there(s, "wanted-bytes", errp) ||
        !visit_type_uint64(v, name, &bytes, errp)) {
        return;
    }
    if (!bytes || bytes > s->config.region_bytes) {
        error_setg(errp, "virtio-cma '%s': wanted-bytes=%" PRIu64 " is not "
                   "from 1 to the region's size %" PRIu64, s->config.name,
                   bytes, s->config.region_bytes);
        return;
    }
    if (!virtio_vdev_has_feature(VIRTIO_DEVICE(s), VIRTIO_CMA_F_SURRENDER) ||
        !(VIRTIO_DEVICE(s)->status & VIRTIO_CONFIG_S_DRIVER_OK)) {
        error_setg(errp, "virtio-cma '%s': wanted-bytes: %s", s->config.name,
                   s->opts.surrender ?
                   "the guest has no driver that could surrender memory" :
                   "the region has surrender=off");
        return;
    }
    hvcma_send_wanted(s, bytes, 0);
}

void hvcma_surrender_class_init(ObjectClass *klass)
{
    object_class_property_add(klass, "wanted-bytes", "uint64", get_wanted,
                              set_wanted, NULL, NULL);
    object_class_property_set_description(klass, "wanted-bytes", "set: ask "
                                          "the guest to surrender so much; "
                                          "get: what it was not asked yet");
}

/* ---- life ---- */

void hvcma_surrender_init(VirtIOCMA *s)
{
    if (!s->opts.surrender) {
        return;
    }
    s->surrender = g_new0(HvcmaSurrender, 1);
    s->surrender->covered = bitmap_new(s->config.region_bytes /
                                       s->config.granule_bytes);
}

void hvcma_surrender_cleanup(VirtIOCMA *s)
{
    if (!s->surrender) {
        return;
    }
    g_free(s->surrender->covered);
    g_free(s->surrender);
    s->surrender = NULL;
}
