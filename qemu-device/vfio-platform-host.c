/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A platform device as the host has it, see vfio-platform.h: what is refused
 * before VFIO is asked for it, by sysfs and by the host's tree, and what only
 * VFIO knows.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include <dlfcn.h>

#include "qapi/error.h"
#include "qemu/error-report.h"

#include "hv/host/bus_windows.h"
#include "hv/host/vfio_noiommu.h"
#include "printable.h"
#include "vfio-platform.h"

#define PLATFORM_DEVICES "/sys/bus/platform/devices"
#define AMBA_DEVICES "/sys/bus/amba/devices"
#define VFIO_DRIVER "vfio-platform"

/* ---- the options ---- */

static bool claims_once(const VFIOPlatformNoiommu *p)
{
    return p->reset && !strcmp(p->reset, "once");
}

static bool check_options(const VFIOPlatformNoiommu *p, Error **errp)
{
    g_auto(GStrv) rates = g_strsplit(p->clock_rates ?: "", ":", -1);
    unsigned int hz;
    int i;

    if (p->reset && strcmp(p->reset, "auto") && !claims_once(p)) {
        g_autofree char *text = hvcma_printable(p->reset);

        error_setg(errp, "%s: reset='%s' is not supported, supported: auto, "
                   "once", p->vbasedev.name, text);
        return false;
    }
    for (i = 0; rates[i]; i++) {
        if (qemu_strtoui(rates[i], NULL, 0, &hz)) {
            g_autofree char *text = hvcma_printable(rates[i]);

            error_setg(errp, "%s: clock-rates=: '%s' is no rate in Hz, limit: "
                       "%u", p->vbasedev.name, text, UINT32_MAX);
            return false;
        }
    }
    return true;
}

/* ---- sysfs ---- */

/* From here on its name is one that can be printed: the kernel made it. */
static bool find_device(VFIOPlatformNoiommu *p, Error **errp)
{
    g_autofree char *name = hvcma_printable(p->vbasedev.name ?: "");
    g_autofree char *amba = g_build_filename(AMBA_DEVICES, name, NULL);

    if (!*name || strchr(name, '/')) {
        error_setg(errp, "host='%s' is to be the name of a platform device, as "
                   "in " PLATFORM_DEVICES, name);
        return false;
    }
    p->vbasedev.sysfsdev = g_build_filename(PLATFORM_DEVICES, p->vbasedev.name,
                                            NULL);
    if (g_file_test(p->vbasedev.sysfsdev, G_FILE_TEST_EXISTS)) {
        return true;
    }
    if (g_file_test(amba, G_FILE_TEST_EXISTS)) {
        error_setg(errp, "'%s' is an AMBA device (" AMBA_DEVICES "), which "
                   "takes vfio-amba: supported are those in "
                   PLATFORM_DEVICES, name);
        return false;
    }
    error_setg(errp, "there is no platform device '%s' in " PLATFORM_DEVICES,
               name);
    return false;
}

static bool check_driver(const VFIOPlatformNoiommu *p, Error **errp)
{
    g_autofree char *link = g_build_filename(p->vbasedev.sysfsdev, "driver",
                                             NULL);
    g_autofree char *target = g_file_read_link(link, NULL);
    g_autofree char *driver = target ? g_path_get_basename(target) : NULL;

    if (driver && !strcmp(driver, VFIO_DRIVER)) {
        return true;
    }
    error_setg(errp, "%s is not bound to " VFIO_DRIVER ", but to %s: 'hvcma "
               "bind %s' does it", p->vbasedev.name, driver ?: "no driver",
               p->vbasedev.name);
    return false;
}

static bool check_group(const VFIOPlatformNoiommu *p, Error **errp)
{
    struct hvcma_vfio_group group;
    struct hvcma_error why;

    if (hvcma_vfio_group_of(p->vbasedev.sysfsdev, &group)) {
        hvcma_vfio_no_group(p->vbasedev.name, VFIO_DRIVER, &why);
        error_setg(errp, "%s: %s", p->vbasedev.name, why.text);
        return false;
    }
    if (!group.is_noiommu) {
        error_setg(errp, "%s has an IOMMU (group %d): this device is for those "
                   "without", p->vbasedev.name, group.id);
        return false;
    }
    return true;
}

static bool find_node(VFIOPlatformNoiommu *p, Error **errp)
{
    struct hvcma_error err;

    p->node = g_malloc(HVCMA_NODE_PATH_BYTES);
    if (hvcma_platform_node(&hvcma_this_machine, p->vbasedev.name, p->node,
                            &err)) {
        error_setg(errp, "%s", err.text);
        return false;
    }
    return true;
}

/* ---- the tree ---- */

/* The tree that it was booted with may not have it: an overlay came since. */
static bool read_tree(VFIOPlatformNoiommu *p, Error **errp)
{
    struct hvcma_fdt_error why;
    struct hvcma_error err;

    if (hvcma_machine_tree_live(hvcma_this_machine.sysfs, &p->host_tree,
                                &err)) {
        error_setg(errp, "%s: %s", p->vbasedev.name, err.text);
        return false;
    }
    if (hvcma_fdt_validate(p->host_tree.blob, p->host_tree.bytes, &why)) {
        error_setg(errp, "%s: the host's device tree: %s", p->vbasedev.name,
                   why.text);
        return false;
    }
    return true;
}

/* All that the tree alone tells: VFIO has not touched the device yet. */
static bool judge_tree(const VFIOPlatformNoiommu *p, Error **errp)
{
    struct hvcma_fdt_error err;

    if (hvcma_fdt_judge_device(p->host_tree.blob, p->node, NULL, &err)) {
        error_setg(errp, "%s can't be passed through: %s", p->vbasedev.name,
                   err.text);
        return false;
    }
    return platform_fdt_judge(p, errp);
}

/* ---- reset ---- */

/* Installed beside the plugin, which is this very file. */
static char *own_rules(void)
{
    g_autofree char *folder = NULL;
    Dl_info self;

    if (!dladdr((void *)own_rules, &self)) {
        return NULL;
    }
    folder = g_path_get_dirname(self.dli_fname);
    return g_build_filename(folder, HVCMA_PLATFORM_RULES_FILE, NULL);
}

static bool find_rule(VFIOPlatformNoiommu *p, Error **errp)
{
    g_autofree char *installed = own_rules();
    int node = fdt_path_offset(p->host_tree.blob, p->node);
    struct hvcma_error err;
    const char *compatible;
    int len, ret;

    compatible = fdt_getprop(p->host_tree.blob, node, "compatible", &len);
    if (!compatible) {
        return true;
    }
    ret = hvcma_platform_rule_search(p->rules, installed, compatible, len,
                                     &p->rule, &err);
    p->has_rule = !ret;
    if (ret && ret != -ENOENT) {
        error_setg(errp, "%s: %s", p->vbasedev.name, err.text);
        return false;
    }
    return true;
}

bool platform_host_read(VFIOPlatformNoiommu *p, Error **errp)
{
    return find_device(p, errp) && check_options(p, errp) &&
           check_driver(p, errp) && check_group(p, errp) &&
           find_node(p, errp) && read_tree(p, errp) && judge_tree(p, errp) &&
           find_rule(p, errp);
}

/* ---- what VFIO has ---- */

static bool judge_vfio(const VFIOPlatformNoiommu *p, Error **errp)
{
    struct hvcma_host_device vfio = {
        .nr_regs = p->nr_regions,
        .nr_irqs = p->nr_irqs,
    };
    struct hvcma_fdt_error err;
    uint32_t i;

    if (p->nr_regions > HVCMA_GUEST_MAX_REGISTERS ||
        p->nr_irqs > HVCMA_GUEST_MAX_INTERRUPTS) {
        error_setg(errp, "%s has %u ranges of registers and %u interrupts, "
                   "limits: %d, %d", p->vbasedev.name, p->nr_regions,
                   p->nr_irqs, HVCMA_GUEST_MAX_REGISTERS,
                   HVCMA_GUEST_MAX_INTERRUPTS);
        return false;
    }
    for (i = 0; i < p->nr_regions; i++) {
        vfio.reg_bytes[i] = p->regions[i].vfio.size;
    }
    for (i = 0; i < p->nr_irqs; i++) {
        vfio.is_level[i] = p->irqs[i].is_level;
    }
    if (hvcma_fdt_judge_device(p->host_tree.blob, p->node, &vfio, &err)) {
        error_setg(errp, "%s can't be passed through: %s", p->vbasedev.name,
                   err.text);
        return false;
    }
    return true;
}

static bool check_reset(const VFIOPlatformNoiommu *p, Error **errp)
{
    if (p->has_rule || p->vbasedev.reset_works) {
        return true;
    }
    if (claims_once(p)) {
        warn_report("%s: has no reset: it can be claimed once, and the memory "
                    "that it was claimed with stays pinned for good",
                    p->vbasedev.name);
        return true;
    }
    error_setg(errp, "%s has no reset: the host's kernel has no reset module "
               "for it, and no file of rules has one for its compatible "
               "strings", p->vbasedev.name);
    error_append_hint(errp, "A rule in " HVCMA_PLATFORM_RULES_OWN " or rules= "
                      "says how its registers stop it; with reset=once it can "
                      "be claimed once.\n");
    return false;
}

bool platform_host_judge(VFIOPlatformNoiommu *p, Error **errp)
{
    return judge_vfio(p, errp) && check_reset(p, errp);
}

void platform_host_free(VFIOPlatformNoiommu *p)
{
    hvcma_machine_tree_free(&p->host_tree);
    g_free(p->node);
    p->node = NULL;
    g_free(p->vbasedev.sysfsdev);
    p->vbasedev.sysfsdev = NULL;
}
