/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Says of a memdev on hugepages how many it wants, and how many there are: QEMU
 * has "unable to map backing store for guest RAM" alone, before there is a
 * device that could say more. Replaces the alloc methods of memdevs; changes
 * nothing but their error. See stock.h.
 */
#include "qemu/osdep.h"
#include "qemu/memfd.h"
#include "qemu/mmap-alloc.h"
#include "system/hostmem.h"
#include "qapi/error.h"
#include <sys/vfs.h>
#include <linux/magic.h>

#include "hv/host/hugepages.h"
#include "stock.h"

typedef bool AllocFunc(HostMemoryBackend *memdev, Error **errp);

static AllocFunc *memfd_alloc;
static AllocFunc *file_alloc;

/* What a memdev has its pages from, beside the kernel's pool. */
typedef struct Hugepages {
    uint64_t page_bytes;        /* 0: ordinary pages, or not known */
    bool is_limited;            /* by its file system */
    uint64_t limit;             /* pages that the file system has left */
} Hugepages;

static Hugepages memfd_hugepages(Object *memdev)
{
    Hugepages h = { 0 };
    int fd;

    if (!object_property_get_bool(memdev, "hugetlb", NULL)) {
        return h;
    }
    h.page_bytes = object_property_get_uint(memdev, "hugetlbsize", NULL);
    if (!h.page_bytes) {
        fd = memfd_create("hvcma-page-size", MFD_HUGETLB);
        if (fd >= 0) {
            h.page_bytes = qemu_fd_getpagesize(fd);
            close(fd);
        }
    }
    return h;
}

/* A file system of hugepages can have a limit of its own. */
static Hugepages file_hugepages(Object *memdev)
{
    g_autofree char *path = object_property_get_str(memdev, "mem-path", NULL);
    g_autofree char *folder = path ? g_path_get_dirname(path) : NULL;
    Hugepages h = { 0 };
    struct statfs fs;

    if (path && (!statfs(path, &fs) || !statfs(folder, &fs)) &&
        fs.f_type == HUGETLBFS_MAGIC) {
        h.page_bytes = fs.f_bsize;
        h.is_limited = fs.f_blocks;
        h.limit = fs.f_bavail;
    }
    return h;
}

static void say_how_many(HostMemoryBackend *memdev, Hugepages h, Error **errp)
{
    g_autofree char *limit = h.is_limited ?
        g_strdup_printf(", %" PRIu64 " in its file system", h.limit) : NULL;
    struct hvcma_hugepages pool;
    uint64_t wanted, left;

    if (!h.page_bytes || hvcma_hugepages_read(h.page_bytes, &pool)) {
        return;
    }
    wanted = DIV_ROUND_UP(memdev->size, h.page_bytes);
    left = pool.free - pool.reserved;
    if (pool.surplus_limit > pool.surplus) {
        left += pool.surplus_limit - pool.surplus;
    }
    if (left < wanted || (h.is_limited && h.limit < wanted)) {
        error_prepend(errp, "memdev '%s' wants %" PRIu64 " bytes, %" PRIu64
                      " hugepages of %" PRIu64 " bytes, but %" PRIu64 " are "
                      "left in the host's pool%s: ",
                      object_get_canonical_path_component(OBJECT(memdev)),
                      memdev->size, wanted, h.page_bytes, left, limit ?: "");
    }
}

static bool hook_memfd_alloc(HostMemoryBackend *memdev, Error **errp)
{
    ERRP_GUARD();

    if (memfd_alloc(memdev, errp)) {
        return true;
    }
    say_how_many(memdev, memfd_hugepages(OBJECT(memdev)), errp);
    return false;
}

static bool hook_file_alloc(HostMemoryBackend *memdev, Error **errp)
{
    ERRP_GUARD();

    if (file_alloc(memdev, errp)) {
        return true;
    }
    say_how_many(memdev, file_hugepages(OBJECT(memdev)), errp);
    return false;
}

/* A host without memfd lacks that class: nothing to hook. */
static void hook_alloc(const char *class_name, AllocFunc *hook, AllocFunc **own)
{
    ObjectClass *klass = object_class_by_name(class_name);

    if (klass) {
        *own = MEMORY_BACKEND_CLASS(klass)->alloc;
        MEMORY_BACKEND_CLASS(klass)->alloc = hook;
    }
}

static void stock_memdev_hook(void)
{
    hook_alloc(TYPE_MEMORY_BACKEND_MEMFD, hook_memfd_alloc, &memfd_alloc);
    hook_alloc(TYPE_MEMORY_BACKEND_FILE, hook_file_alloc, &file_alloc);
}

type_init(stock_memdev_hook)
