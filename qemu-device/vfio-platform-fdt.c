/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nodes of platform devices without IOMMU in the guest's tree, see
 * vfio-platform.h; written out of the host's by fdt/guest_device.c, when QEMU's
 * own part of the tree is complete.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "hw/arm/virt.h"

#include "fdt/blob.h"
#include "printable.h"
#include "vfio-platform.h"

typedef struct Described {
    VFIOPlatformNoiommu *p;
    QLIST_ENTRY(Described) next;
} Described;

static QLIST_HEAD(, Described) devices = QLIST_HEAD_INITIALIZER(devices);
static void (*next_modify_dtb)(const struct arm_boot_info *info, void *fdt);

/* hvcma_fdt_need_fn */
static void say_left_out(void *opaque, const char *property,
                         enum hvcma_fdt_need need)
{
    const VFIOPlatformNoiommu *p = opaque;
    g_autofree char *name = hvcma_printable(property);

    info_report("%s: '%s' is left out of the guest's tree: %s",
                p->vbasedev.name, name, need == HVCMA_NEED_HOST ?
                "it stays as the host has left it" :
                need == HVCMA_NEED_DRIVEN ? "the guest does without" :
                "it may refer to another node of the host");
}

/* "24000000:48000000"; was checked when the device was realized. */
static GArray *clock_rates(const VFIOPlatformNoiommu *p)
{
    GArray *rates = g_array_new(false, false, sizeof(uint32_t));
    g_auto(GStrv) words = g_strsplit(p->clock_rates ?: "", ":", -1);
    int i;

    for (i = 0; words[i]; i++) {
        uint32_t hz = 0;

        qemu_strtoui(words[i], NULL, 0, &hz);
        g_array_append_val(rates, hz);
    }
    return rates;
}

bool platform_fdt_judge(const VFIOPlatformNoiommu *p, Error **errp)
{
    g_auto(GStrv) without = g_strsplit(p->without ?: "", ":", -1);
    g_autoptr(GArray) rates = clock_rates(p);
    const struct hvcma_guest_device d = {
        .clock_hz = (const uint32_t *)rates->data,
        .nr_clock_hz = rates->len,
        .without = (const char *const *)without,
        .nr_without = g_strv_length(without),
    };
    struct hvcma_fdt_error err;

    if (hvcma_fdt_judge_guest_device(p->host_tree.blob, p->node, &d, &err)) {
        error_setg(errp, "%s: %s", p->vbasedev.name, err.text);
        return false;
    }
    return true;
}

static bool describe(const VFIOPlatformNoiommu *p, VirtMachineState *vms,
                     void *fdt, Error **errp)
{
    g_auto(GStrv) without = g_strsplit(p->without ?: "", ":", -1);
    g_autoptr(GArray) rates = clock_rates(p);
    g_autofree char *bus = NULL;
    struct hvcma_guest_device d = {
        .bus_base = vms->memmap[VIRT_PLATFORM_BUS].base,
        .nr_regs = p->nr_regions,
        .nr_irqs = p->nr_irqs,
        .clock_hz = (const uint32_t *)rates->data,
        .nr_clock_hz = rates->len,
        .without = (const char *const *)without,
        .nr_without = g_strv_length(without),
    };
    char node[HVCMA_FDT_PATH_BYTES];
    struct hvcma_fdt_error err;
    uint32_t i;

    bus = g_strdup_printf("/platform-bus@%" PRIx64, d.bus_base);
    d.bus = bus;
    for (i = 0; i < p->nr_regions; i++) {
        d.reg[i].base = d.bus_base + p->regions[i].closed.addr;
        d.reg[i].bytes = p->regions[i].vfio.size;
    }
    for (i = 0; i < p->nr_irqs; i++) {
        d.spi[i] = vms->irqmap[VIRT_PLATFORM_BUS] + p->irqs[i].line;
        d.is_level[i] = p->irqs[i].is_level;
    }
    if (hvcma_fdt_add_guest_device(fdt, p->host_tree.blob, p->node, &d,
                                   say_left_out, (void *)p, node, &err)) {
        error_setg(errp, "%s: %s", p->vbasedev.name, err.text);
        return false;
    }
    return true;
}

static bool describe_all(const struct arm_boot_info *info, void *fdt,
                         Error **errp)
{
    VirtMachineState *vms = container_of(info, VirtMachineState, bootinfo);
    Described *d;

    QLIST_FOREACH(d, &devices, next) {
        if (info->firmware_loaded && vms->acpi != ON_OFF_AUTO_OFF) {
            error_setg(errp, "%s: a platform device is in the device tree "
                       "only, but firmware gives the guest ACPI (-M acpi=off)",
                       d->p->vbasedev.name);
            return false;
        }
        if (info->dtb_filename) {
            error_setg(errp, "%s: its node is written into QEMU's own device "
                       "tree, not into -dtb", d->p->vbasedev.name);
            return false;
        }
        if (!describe(d->p, vms, fdt, errp)) {
            return false;
        }
    }
    return true;
}

/* There is no way to fail here; before the guest runs, leaving is right. */
static void modify_dtb(const struct arm_boot_info *info, void *fdt)
{
    Error *err = NULL;

    if (next_modify_dtb) {
        next_modify_dtb(info, fdt);
    }
    if (!describe_all(info, fdt, &err)) {
        error_report_err(err);
        exit(1);
    }
}

void platform_fdt_add(VFIOPlatformNoiommu *p)
{
    struct arm_boot_info *info = &VIRT_MACHINE(qdev_get_machine())->bootinfo;
    static bool listening;
    Described *d = g_new0(Described, 1);

    d->p = p;
    QLIST_INSERT_HEAD(&devices, d, next);
    if (!listening) {
        listening = true;
        next_modify_dtb = info->modify_dtb;
        info->modify_dtb = modify_dtb;
    }
}

void platform_fdt_remove(VFIOPlatformNoiommu *p)
{
    Described *d;

    QLIST_FOREACH(d, &devices, next) {
        if (d->p == p) {
            QLIST_REMOVE(d, next);
            g_free(d);
            return;
        }
    }
}
