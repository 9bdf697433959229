/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device tree of a machine with static regions. See static-fdt.h.
 *
 * An extent ends where the next granule lies elsewhere in host memory:
 *
 *    guest RAM   |kernel|  ...  |initrd| dtb |  ...  g|  ...  pool g|  ... g|
 *    on the bus  '------------ window 0 -------------' '- window 1 -' '- w2 -'
 *
 * The last page of each extent becomes a guard ("g"): no buffer can lie across
 * a border. Where the machine's images lie there can be no guard, and what the
 * kernel frees of them later is memory like any other: so a border there is
 * refused.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "hw/arm/virt.h"
#include "hw/core/cpu.h"
#include "hw/loader.h"
#include "hw/pci/pci.h"
#include "hw/virtio/virtio-pci.h"

#include "attr.h"
#include "clients.h"
#include "fdt/bus.h"
#include "fdt/guard.h"
#include "printable.h"
#include "static.h"
#include "static-fdt.h"

/* Linux' CMA wants whole pageblocks: 2 MiB or 4 MiB with pages of 4 KiB. */
#define POOL_ALIGN_BYTES (4 * MiB)
/* Of guest RAM, unless the operator says otherwise. */
#define POOL_RAM_BYTES (64 * MiB)
/* A kernel of a format that does not tell. */
#define KERNEL_UNKNOWN_BYTES (128 * MiB)

#define GUARD_NAME "dma-guard"

typedef struct StaticRegion {
    VirtIOCMA *s;
    QLIST_ENTRY(StaticRegion) next;
} StaticRegion;

static QLIST_HEAD(, StaticRegion) regions = QLIST_HEAD_INITIALIZER(regions);
static void (*next_modify_dtb)(const struct arm_boot_info *info, void *fdt);
static bool is_hooked;
static bool is_written;

/* What is loaded into guest memory before it runs. */
typedef struct Image {
    const char *name;
    uint64_t base_gpa;
    uint64_t bytes;
} Image;

enum { IMAGE_KERNEL, IMAGE_INITRD, IMAGE_DTB, NR_IMAGES };

/* Memory from the start of the kernel that it will use for itself. */
static uint64_t kernel_bytes(const struct arm_boot_info *info)
{
    struct {
        uint32_t code[2];
        uint64_t text_offset;
        uint64_t image_size;
        uint64_t flags;
        uint64_t reserved[3];
        uint32_t magic;
        uint32_t pe;
    } header;                       /* Documentation/arch/arm64/booting.rst */
    const void *rom;

    if (!info->kernel_filename) {
        return 0;
    }
    rom = rom_ptr(info->entry, sizeof(header));
    if (rom) {
        memcpy(&header, rom, sizeof(header));
        if (le32_to_cpu(header.magic) == 0x644d5241 && header.image_size) {
            return le64_to_cpu(header.image_size);
        }
    }
    return KERNEL_UNKNOWN_BYTES;
}

static void find_images(const struct arm_boot_info *info, const void *fdt,
                        Image *image)
{
    image[IMAGE_KERNEL] = (Image) {
        "kernel", info->entry, kernel_bytes(info)
    };
    image[IMAGE_INITRD] = (Image) {
        "initial RAM disk", info->initrd_start, info->initrd_size
    };
    image[IMAGE_DTB] = (Image) {
        "device tree", info->dtb_start, fdt_totalsize(fdt)
    };
}

static const Image *image_at(const Image *image, uint64_t base, uint64_t bytes)
{
    int i;

    for (i = 0; i < NR_IMAGES; i++) {
        if (image[i].bytes && base < image[i].base_gpa + image[i].bytes &&
            image[i].base_gpa < base + bytes) {
            return &image[i];
        }
    }
    return NULL;
}

/* ---- windows ---- */

/* The part of an extent that clients reach, or that of one window of theirs. */
static void add_windows_of(VirtIOCMA *s,
                           const struct hvcma_dma_windows *reached,
                           uint64_t first, uint64_t nr, uint64_t dma,
                           GArray *windows)
{
    uint64_t gpa = s->config.region_base_gpa + first * s->config.granule_bytes;
    uint64_t end = dma + nr * s->config.granule_bytes;
    uint64_t from = dma, part, bytes;

    while (from < end && hvcma_dma_windows_reach(reached, from, end - from,
                                                 UINT64_MAX, &part, &bytes)) {
        struct hvcma_window w = {
            .gpa = gpa + (part - dma),
            .bytes = bytes,
        };

        hvcma_dma_windows_to_bus(reached, part, bytes, &w.dma);
        g_array_append_val(windows, w);
        from = part + bytes;
    }
}

static void add_windows(VirtIOCMA *s, const struct hvcma_dma_windows *reached,
                        GArray *windows)
{
    uint64_t from = 0, first, nr, dma;

    while (hvcma_engine_next_extent(s->engine, from, &first, &nr, &dma)) {
        add_windows_of(s, reached, first, nr, dma, windows);
        from = first + nr;
    }
}

/*
 * dma-ranges are the host bridge's, in the guest as on the host: the windows of
 * all clients have to be the same.
 */
static bool common_windows(struct hvcma_dma_windows *common, Error **errp)
{
    const char *first = NULL;
    StaticRegion *r;
    uint32_t i;

    hvcma_dma_windows_identity(common);
    QLIST_FOREACH(r, &regions, next) {
        for (i = 0; i < r->s->config.nr_clients; i++) {
            const char *id = hvcma_clients_id(r->s->clients, i);
            const struct hvcma_dma_windows *w =
                hvcma_engine_client_windows(r->s->engine, i, NULL);

            if (hvcma_engine_client_state(r->s->engine, i) ==
                VIRTIO_CMA_CLIENT_ABSENT) {
                continue;
            }
            if (!first) {
                first = id;
                *common = *w;
            } else if (!hvcma_dma_windows_equal(common, w)) {
                error_setg(errp, "virtio-cma: static regions: clients '%s' "
                           "and '%s' have other windows (dma-windows=), but "
                           "share a PCI host bridge in the guest, and with it "
                           "its dma-ranges", first, id);
                return false;
            }
        }
    }
    return true;
}

static bool collect_windows(GArray *windows, Error **errp)
{
    struct hvcma_dma_windows reached;
    struct hvcma_fdt_error err;
    StaticRegion *r;
    size_t nr;

    if (!common_windows(&reached, errp)) {
        return false;
    }
    QLIST_FOREACH(r, &regions, next) {
        add_windows(r->s, &reached, windows);
    }
    if (hvcma_windows_check((struct hvcma_window *)windows->data, windows->len,
                            HVCMA_GUARD_BYTES, &err)) {
        error_setg(errp, "virtio-cma: static regions: %s", err.text);
        return false;
    }
    nr = windows->len;
    hvcma_windows_merge((struct hvcma_window *)windows->data, &nr);
    g_array_set_size(windows, nr);
    return true;
}

static bool check_borders(const GArray *windows, const Image *image,
                          Error **errp)
{
    guint i;

    for (i = 0; i < windows->len; i++) {
        const struct hvcma_window *w =
            &g_array_index(windows, struct hvcma_window, i);
        uint64_t border = w->gpa + w->bytes;
        const Image *hit = image_at(image, border - HVCMA_GUARD_BYTES,
                                    HVCMA_GUARD_BYTES);

        if (hit) {
            g_autofree char *name = hvcma_printable(hit->name);

            error_setg(errp, "virtio-cma: static regions: the %s is loaded to "
                       "0x%" PRIx64 ", %" PRIu64 " bytes, but an extent of "
                       "host memory ends inside, at 0x%" PRIx64, name,
                       hit->base_gpa, hit->bytes, border);
            error_append_hint(errp, "Use larger hugepages (1 GiB) for the "
                              "machine's RAM.\n");
            return false;
        }
    }
    return true;
}

/* ---- nodes ---- */

/* What is left of a window above the images in it and below its guard. */
static struct hvcma_range run_of_window(const Image *image, uint64_t base,
                                        uint64_t end)
{
    int i;

    end -= HVCMA_GUARD_BYTES;

    for (i = 0; i < NR_IMAGES; i++) {
        uint64_t image_end = image[i].base_gpa + image[i].bytes;

        if (image[i].bytes && image[i].base_gpa < end && image_end > base) {
            base = MIN(image_end, end);
        }
    }
    base = QEMU_ALIGN_UP(base, POOL_ALIGN_BYTES);
    end = QEMU_ALIGN_DOWN(end, POOL_ALIGN_BYTES);
    return (struct hvcma_range) { base, end > base ? end - base : 0 };
}

/* Windows of all regions, joined: those of this one, or the parts in it. */
static struct hvcma_range longest_run(VirtIOCMA *s, const GArray *windows,
                                      const Image *image)
{
    uint64_t first = s->config.region_base_gpa;
    uint64_t last = first + s->config.region_bytes;
    struct hvcma_range longest = { };
    guint i;

    for (i = 0; i < windows->len; i++) {
        const struct hvcma_window *w =
            &g_array_index(windows, struct hvcma_window, i);
        uint64_t base = MAX(w->gpa, first), end = MIN(w->gpa + w->bytes, last);
        struct hvcma_range run = { };

        if (base < end) {
            run = run_of_window(image, base, end);
        }
        if (run.bytes > longest.bytes) {
            longest = run;
        }
    }
    return longest;
}

/* At the end of the longest run: kernels like the start of memory. */
static bool place_pool(VirtIOCMA *s, const GArray *windows, const Image *image,
                       struct hvcma_range *pool, Error **errp)
{
    struct hvcma_range run = longest_run(s, windows, image);
    uint64_t wanted = s->opts.pool_bytes;

    if (!wanted) {
        wanted = hvcma_static_is_ram(s) ?
                 QEMU_ALIGN_DOWN(MIN(POOL_RAM_BYTES, run.bytes / 2),
                                 POOL_ALIGN_BYTES) : run.bytes;
    }
    if (!wanted || wanted > run.bytes) {
        error_setg(errp, "virtio-cma '%s': a pool of %" PRIu64 " bytes does "
                   "not fit: its extents of host memory have room for %" PRIu64
                   " bytes, in units of %" PRIu64, s->config.name,
                   MAX(wanted, POOL_ALIGN_BYTES), run.bytes,
                   (uint64_t)POOL_ALIGN_BYTES);
        return false;
    }
    pool->bytes = QEMU_ALIGN_UP(wanted, POOL_ALIGN_BYTES);
    pool->base = run.base + run.bytes - pool->bytes;
    return true;
}

/* A region's name may have any characters, a node's may not. */
static char *node_name(VirtIOCMA *s)
{
    char *name = g_strndup(s->config.name, 31);

    return g_strcanon(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
                      "WXYZ0123456789,._+-", '-');
}

static bool bind_clients(VirtIOCMA *s, void *fdt, const char *pool,
                         Error **errp)
{
    char path[HVCMA_FDT_PATH_BYTES];
    struct hvcma_fdt_error err;
    const char *bus, *where;
    uint32_t i;

    for (i = 0; i < s->config.nr_clients; i++) {
        hvcma_clients_bus_path(s->clients, i, &bus, &where);
        if (strcmp(bus, "pci")) {
            continue;           /* not plugged: a later one needs no node */
        }
        if (hvcma_fdt_pci_node(fdt, where, path, &err) ||
            hvcma_fdt_bind(fdt, path, pool, &err)) {
            error_setg(errp, "virtio-cma '%s': client '%s': %s", s->config.name,
                       hvcma_clients_id(s->clients, i), err.text);
            return false;
        }
    }
    return true;
}

static bool describe_region(VirtIOCMA *s, void *fdt, const GArray *windows,
                            const Image *image, Error **errp)
{
    struct hvcma_range whole = {
        s->config.region_base_gpa, s->config.region_bytes
    };
    g_autofree char *name = node_name(s);
    struct hvcma_fdt_region pool = {
        .name = name,
        .pool = HVCMA_FDT_REUSABLE,
        .is_default = s->opts.is_default,
        .has_base = true,
        .granule_bytes = s->config.granule_bytes,
    };
    char path[HVCMA_FDT_PATH_BYTES];
    struct hvcma_fdt_error err;
    struct hvcma_range place;

    if (!place_pool(s, windows, image, &place, errp)) {
        return false;
    }
    pool.base = place.base;
    pool.bytes = place.bytes;
    if ((!hvcma_static_is_ram(s) &&
         hvcma_fdt_add_memory(fdt, &whole, 1, &err)) ||
        hvcma_fdt_add_region(fdt, &pool, path, &err)) {
        error_setg(errp, "virtio-cma '%s': %s", s->config.name, err.text);
        return false;
    }
    return bind_clients(s, fdt, path, errp);
}

/* ---- the bus ---- */

static bool is_client(const char *id)
{
    StaticRegion *r;
    uint32_t i;

    QLIST_FOREACH(r, &regions, next) {
        for (i = 0; id && i < r->s->config.nr_clients; i++) {
            if (!strcmp(hvcma_clients_id(r->s->clients, i), id)) {
                return true;
            }
        }
    }
    return false;
}

/*
 * dma-ranges are the host bridge's: every device on it that asks the kernel for
 * DMA addresses gets host-physical ones. Emulated devices could not use them.
 */
static int find_misfit(Object *obj, void *opaque)
{
    PCIDevice *dev = (PCIDevice *)object_dynamic_cast(obj, TYPE_PCI_DEVICE);
    PCIDevice **misfit = opaque;

    if (!dev || is_client(dev->qdev.id) ||
        pci_get_word(dev->config + PCI_CLASS_DEVICE) >> 8 ==
        PCI_BASE_CLASS_BRIDGE) {
        return 0;
    }
    if (object_dynamic_cast(obj, TYPE_VIRTIO_PCI) &&
        !object_property_get_bool(obj, "iommu_platform", NULL)) {
        return 0;
    }
    *misfit = dev;
    return 1;
}

static bool check_bus(Error **errp)
{
    PCIDevice *misfit = NULL;

    object_child_foreach_recursive(qdev_get_machine(), find_misfit, &misfit);
    if (misfit) {
        g_autofree char *id = hvcma_printable(misfit->qdev.id ?: misfit->name);

        error_setg(errp, "virtio-cma: static regions: the guest would give "
                   "host-physical DMA addresses to device '%s' (%s), too: only "
                   "clients of static regions, bridges and virtio devices "
                   "without iommu_platform=on can be on their PCI bus",
                   id, object_get_typename(OBJECT(misfit)));
    }
    return !misfit;
}

/*
 * Coherency is the host bridge's, too. What the operator says of one client
 * must therefore hold for all; where he says nothing, machine "virt" is
 * coherent.
 */
static bool check_coherency(bool *coherent, Error **errp)
{
    const char *first = NULL;
    StaticRegion *r;
    uint32_t i;

    *coherent = true;
    QLIST_FOREACH(r, &regions, next) {
        for (i = 0; i < r->s->config.nr_clients; i++) {
            const char *id = hvcma_clients_id(r->s->clients, i);
            bool this_one = hvcma_attr_operator(r->s, id) !=
                            VIRTIO_CMA_COHERENT_NO;

            if (!first) {
                first = id;
                *coherent = this_one;
            } else if (*coherent != this_one) {
                error_setg(errp, "virtio-cma: static regions: coherent=off for "
                           "client '%s' and not for '%s': they share a PCI "
                           "host bridge, and with it this property",
                           this_one ? first : id, this_one ? id : first);
                return false;
            }
        }
    }
    return true;
}

/*
 * The bridge is as coherent as the nearest node above it that says so, and the
 * root does. What else does DMA on this machine says it for itself.
 */
static void make_noncoherent(void *fdt, const char *bridge)
{
    int node = fdt_path_offset(fdt, bridge);

    while (node >= 0) {
        fdt_delprop(fdt, node, "dma-coherent");
        node = fdt_parent_offset(fdt, node);
    }
}

static bool describe_bus(void *fdt, const GArray *windows, Error **errp)
{
    const struct hvcma_window *w = (const struct hvcma_window *)windows->data;
    char bridge[HVCMA_FDT_PATH_BYTES];
    struct hvcma_fdt_error err;
    bool coherent;

    if (!check_coherency(&coherent, errp)) {
        return false;
    }
    if (hvcma_fdt_add_guards(fdt, GUARD_NAME, w, windows->len, &err) ||
        hvcma_fdt_host_bridge(fdt, 0, bridge, &err) ||
        hvcma_fdt_set_dma_ranges(fdt, bridge, w, windows->len, &err)) {
        error_setg(errp, "virtio-cma: static regions: %s", err.text);
        return false;
    }
    if (!coherent) {
        make_noncoherent(fdt, bridge);
    }
    return true;
}

static bool check_boot(const struct arm_boot_info *info, const GArray *windows,
                       Error **errp)
{
    const VirtMachineState *vms = container_of(info, VirtMachineState,
                                               bootinfo);

    if (!info->firmware_loaded) {
        return true;
    }
    if (vms->acpi != ON_OFF_AUTO_OFF) {
        error_setg(errp, "virtio-cma: static regions are in the device tree "
                   "only, but firmware gives the guest ACPI (-M acpi=off)");
        return false;
    }
    if (windows->len > 1) {
        error_setg(errp, "virtio-cma: static regions have %u extents: where "
                   "firmware loads a kernel across a border is not known "
                   "(use -kernel, or 1 GiB hugepages)", windows->len);
        return false;
    }
    return true;
}

static bool describe(const struct arm_boot_info *info, void *fdt, Error **errp)
{
    g_autoptr(GArray) windows =
        g_array_new(false, false, sizeof(struct hvcma_window));
    Image image[NR_IMAGES];
    StaticRegion *r;

    find_images(info, fdt, image);
    if (!check_bus(errp) || !collect_windows(windows, errp) ||
        !check_boot(info, windows, errp) ||
        !check_borders(windows, image, errp)) {
        return false;
    }
    QLIST_FOREACH(r, &regions, next) {
        if (!describe_region(r->s, fdt, windows, image, errp)) {
            return false;
        }
    }
    return describe_bus(fdt, windows, errp);
}

/* There is no way to fail here; before the guest runs, leaving is right. */
static void modify_dtb(const struct arm_boot_info *info, void *fdt)
{
    Error *err = NULL;

    if (next_modify_dtb) {
        next_modify_dtb(info, fdt);
    }
    if (!QLIST_EMPTY(&regions)) {
        if (!describe(info, fdt, &err)) {
            error_report_err(err);
            exit(1);
        }
        is_written = true;
    }
}

bool hvcma_static_fdt_is_written(void)
{
    return is_written;
}

void hvcma_static_fdt_add(VirtIOCMA *s)
{
    StaticRegion *r = g_new0(StaticRegion, 1);
    struct arm_boot_info *info = &VIRT_MACHINE(qdev_get_machine())->bootinfo;

    r->s = s;
    QLIST_INSERT_HEAD(&regions, r, next);
    if (!is_hooked) {           /* others hook, too, and call this one */
        is_hooked = true;
        next_modify_dtb = info->modify_dtb;
        info->modify_dtb = modify_dtb;
    }
}

void hvcma_static_fdt_remove(VirtIOCMA *s)
{
    StaticRegion *r;

    QLIST_FOREACH(r, &regions, next) {
        if (r->s == s) {
            QLIST_REMOVE(r, next);
            g_free(r);
            return;
        }
    }
}
