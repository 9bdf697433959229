/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout of QEMU's structures, compared by size. See layout.h.
 */
#include "qemu/osdep.h"
#include "hw/boards.h"
#include "hw/core/cpu.h"
#include "hw/mem/memory-device.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_device.h"
#include "hw/pci/pci_host.h"
#include "hw/sysbus.h"
#if HVCMA_QEMU < 1002
#include "hw/vfio/vfio-common.h"
#else
#include "hw/vfio/vfio-container-legacy.h"
#endif
#include "hw/virtio/virtio-md-pci.h"
#include "hw/virtio/virtio-pci.h"
#include "qapi/qapi-commands-control.h"
#include "qemu-version.h"
#include "qemu/module.h"
#include "system/hostmem.h"

#include "hv/abi/version.h"
#include "layout.h"

#define MAX_FUNCTIONS 16

/* The loader knows the plugin's series by its name, its headers by theirs. */
QEMU_BUILD_BUG_ON(HVCMA_QEMU != QEMU_VERSION_MAJOR * 100 + QEMU_VERSION_MINOR);

/* Of the tests: bytes by which a size is wrong. */
#ifndef HVCMA_LAYOUT_MISFIT
#define HVCMA_LAYOUT_MISFIT 0
#endif

/* Of the QEMU that this was compiled for, where it is known (Makefile). */
#ifndef HVCMA_QEMU_PACKAGE
#define HVCMA_QEMU_PACKAGE ""
#endif

/* "hvcma check" reads it in the file. */
static const char plugin_version[] __attribute__((used)) =
    HVCMA_PLUGIN_VERSION_MARK HVCMA_VERSION;

/* The one list. instance_bytes is 0 for an interface. */
static const struct {
    const char *type;
    size_t instance_bytes;
    size_t class_bytes;
} known[] = {
    { TYPE_OBJECT, sizeof(Object), sizeof(ObjectClass) },
    { TYPE_DEVICE, sizeof(DeviceState), sizeof(DeviceClass) },
    { TYPE_BUS, sizeof(BusState), sizeof(BusClass) },
    { TYPE_MACHINE, sizeof(MachineState), sizeof(MachineClass) },
    { TYPE_CPU, sizeof(CPUState), sizeof(CPUClass) },
    { TYPE_SYS_BUS_DEVICE, sizeof(SysBusDevice), sizeof(SysBusDeviceClass) },
    { TYPE_MEMORY_REGION, sizeof(MemoryRegion), sizeof(MemoryRegionClass) },
    { TYPE_IOMMU_MEMORY_REGION, sizeof(IOMMUMemoryRegion),
      sizeof(IOMMUMemoryRegionClass) },
    { TYPE_MEMORY_BACKEND, sizeof(HostMemoryBackend),
      sizeof(HostMemoryBackendClass) },
    { TYPE_MEMORY_DEVICE, 0, sizeof(MemoryDeviceClass) },
    { TYPE_RESETTABLE_INTERFACE, 0, sizeof(ResettableClass) },
    { TYPE_RAM_DISCARD_MANAGER, 0, sizeof(RamDiscardManagerClass) },
    { TYPE_PCI_BUS, sizeof(PCIBus), sizeof(PCIBusClass) },
    { TYPE_PCI_HOST_BRIDGE, sizeof(PCIHostState), sizeof(PCIHostBridgeClass) },
    { TYPE_PCI_DEVICE, sizeof(PCIDevice) + HVCMA_LAYOUT_MISFIT,
      sizeof(PCIDeviceClass) },
    { TYPE_VIRTIO_DEVICE, sizeof(VirtIODevice), sizeof(VirtioDeviceClass) },
    { TYPE_VIRTIO_PCI, sizeof(VirtIOPCIProxy), sizeof(VirtioPCIClass) },
    { TYPE_VIRTIO_MD_PCI, sizeof(VirtIOMDPCI), sizeof(VirtIOMDPCIClass) },
    { TYPE_VFIO_IOMMU, sizeof(VFIOContainerBase), sizeof(VFIOIOMMUClass) },
    { TYPE_VFIO_IOMMU_LEGACY, sizeof(VFIOContainer), sizeof(VFIOIOMMUClass) },
};

/* How QEMU's private struct TypeImpl begins; the name shows whether it does. */
typedef struct TypeHead {
    const char *name;
    size_t class_bytes;
    size_t instance_bytes;
} TypeHead;

static void (*functions[MAX_FUNCTIONS])(void);
static size_t nr_functions;

/* The release and package of this QEMU, and of that which was compiled for. */
static char *versions(void)
{
    g_autoptr(VersionInfo) info = qmp_query_version(NULL);

    return g_strdup_printf("this is QEMU %" PRId64 ".%" PRId64 ".%" PRId64
                           " (%s), the plugin was built for " QEMU_FULL_VERSION
                           " (%s)", info->qemu->major, info->qemu->minor,
                           info->qemu->micro,
                           info->package[0] ? info->package : "no package",
                           HVCMA_QEMU_PACKAGE[0] ? HVCMA_QEMU_PACKAGE :
                           "no package");
}

/* QEMU's own reports need a monitor, which comes later. */
static void G_GNUC_PRINTF(1, 2) say(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    fputs("virtio-cma: ", stderr);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
}

static bool same(const char *type, const char *what, size_t here, size_t built)
{
    if (here != built) {
        g_autofree char *text = versions();

        say("%s of type '%s' has %zu bytes here, %zu where "
                     "the plugin was built: %s", what, type, here, built, text);
    }
    return here == built;
}

static bool fits(void)
{
    size_t i;

    for (i = 0; i < ARRAY_SIZE(known); i++) {
        ObjectClass *klass = object_class_by_name(known[i].type);
        const TypeHead *head = klass ? (const TypeHead *)klass->type : NULL;

        if (!head) {
            continue;           /* this QEMU has no such thing */
        }
        if (head->name != object_class_get_name(klass)) {
            say("this QEMU does not tell the sizes of its "
                         "types");
            return false;
        }
        if (!same(known[i].type, "an object", head->instance_bytes,
                  known[i].instance_bytes) ||
            !same(known[i].type, "the class", head->class_bytes,
                  known[i].class_bytes)) {
            return false;
        }
    }
    return true;
}

/* Runs once all types of QEMU are registered, and before any is used. */
static void layout_check(void)
{
    size_t i;

    if (!fits()) {
        if (g_strcmp0(g_getenv(HVCMA_LAYOUT_OVERRIDE), "1")) {
            say("no virtio-cma device type is registered");
            return;
        }
        say("UNSAFE: " HVCMA_LAYOUT_OVERRIDE "=1: going on "
                    "with a plugin that does not fit");
    }
    for (i = 0; i < nr_functions; i++) {
        functions[i]();
    }
}

void hvcma_layout_init(void (*function)(void))
{
    if (nr_functions == MAX_FUNCTIONS) {
        abort();                /* of the plugin's own making, and at once */
    }
    functions[nr_functions++] = function;
}

migration_init(layout_check)
