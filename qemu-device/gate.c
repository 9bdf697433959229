/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bus-master gate, see gate.h.
 *
 * Ways to the bus-master bit of a closed device, and what is done about each:
 *  - guest or firmware writes configuration space: all accesses go through the
 *    device's configuration gate, pci_device_set_config_gate();
 *  - resets (FLR, secondary bus, power, system) clear the bit in QEMU; VFIO's
 *    kernel part restores what it found, hence off before the reset, and read
 *    again after it;
 *  - D3 to D0: the kernel may restore the command register saved at D3 entry,
 *    hence D0 first, then off;
 *  - an incoming migration loads configuration space behind config_write:
 *    cleared before the VM runs.
 */

#include "qemu/osdep.h"
#include <sys/ioctl.h>
#include <linux/vfio.h>

#include "hw/pci/pci.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_device.h"
#include "hw/vfio/vfio-common.h"
#include "hw/virtio/virtio-pci.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/range.h"
#include "system/runstate.h"

#include "gate.h"
#include "gate-bars.h"
#include "trace.h"
#include "vcpus.h"
#include "vfio-noiommu.h"
#ifdef HVCMA_STOCK_QEMU
#include "vfio-platform.h"
#endif

/* Before the state handlers of devices (0 and up), which may start DMA. */
#define GATE_VM_CHANGE_PRIORITY (-1)

/* The kernel refuses a reset while someone else holds the device's lock. */
#define RESET_TRIES 20
#define RESET_RETRY_US 10000

typedef enum GateState {
    GATE_CLOSED,    /* quiesced, and the guest cannot change that */
    GATE_OPEN,      /* the guest decides */
    GATE_CLOSING,   /* the guest no longer decides; not shown quiesced yet */
    GATE_FAILED,    /* as CLOSING, and the device would not stop */
    GATE_NR_STATES
} GateState;

struct HvcmaGate {
    DeviceState *dev;
    PCIDevice *pci;                     /* NULL: has no bus-master bit */
    VFIODevice *vfio;                   /* NULL: emulated */
    uint64_t vfio_config_offset;
    HvcmaGateBars *bars;                /* hidden unless open; with pci */
#ifdef HVCMA_STOCK_QEMU
    VFIOPlatformNoiommu *platform;      /* without pci: it hides and stops */
#endif
    HvcmaGateGone *gone;
    void *gone_opaque;
    VMChangeStateEntry *vm_change;
    GateState state;
    unsigned int nr_writes;             /* of the guest, under way */
    unsigned int nr_holds;              /* by functions that come back to it */
    bool freed;                         /* meanwhile: the last hold frees it */
    bool needs_reset;                   /* may have been used since a reset */
    QLIST_ENTRY(HvcmaGate) next;
};

static QLIST_HEAD(, HvcmaGate) gates = QLIST_HEAD_INITIALIZER(gates);

static bool emulation_ended;

static HvcmaGate *gate_find(const DeviceState *dev)
{
    HvcmaGate *g;

    QLIST_FOREACH(g, &gates, next) {
        if (g->dev == dev) {
            return g;
        }
    }
    return NULL;
}

static const char *gate_device_name(const DeviceState *dev)
{
    return dev->id ?: object_get_typename(OBJECT(dev));
}

static void gate_set_state(HvcmaGate *g, GateState state)
{
    static const char *const names[GATE_NR_STATES] = {
        [GATE_CLOSED] = "closed",
        [GATE_OPEN] = "open",
        [GATE_CLOSING] = "closing",
        [GATE_FAILED] = "failed",
    };
    static const bool allowed[GATE_NR_STATES][GATE_NR_STATES] = {
        [GATE_CLOSED] = { [GATE_OPEN] = true, [GATE_CLOSING] = true },
        [GATE_OPEN] = { [GATE_CLOSING] = true },
        [GATE_CLOSING] = { [GATE_CLOSED] = true, [GATE_FAILED] = true },
        [GATE_FAILED] = { [GATE_CLOSING] = true },
    };

    trace_virtio_cma_gate(gate_device_name(g->dev), names[g->state],
                          names[state]);
    if (!allowed[g->state][state]) {
        error_report("%s: gate can't go from %s to %s: it stays closed",
                     gate_device_name(g->dev), names[g->state], names[state]);
        state = GATE_FAILED;
    }
    g->state = state;
    if (g->bars) {
        hvcma_gate_bars_hide(g->bars, state != GATE_OPEN);
    }
#ifdef HVCMA_STOCK_QEMU
    if (g->platform) {
        vfio_platform_show(g->platform, state == GATE_OPEN);
    }
#endif
}

/* ---- the bit ---- */

/*
 * Read a word of the device's real configuration space: for VFIO past QEMU's
 * shadow, and told apart from an error, which vfio_pci_read_config() mixes into
 * the value.
 */
static bool gate_read_config(const HvcmaGate *g, uint32_t addr, uint16_t *val,
                             Error **errp)
{
    uint16_t word;

    if (!g->vfio) {
        *val = g->pci->config_read(g->pci, addr, sizeof(word));
        return true;
    }
    if (pread(g->vfio->fd, &word, sizeof(word),
              g->vfio_config_offset + addr) != sizeof(word)) {
        error_setg_errno(errp, errno, "%s: cannot read configuration space "
                         "at 0x%x", gate_device_name(g->dev), addr);
        return false;
    }
    *val = le16_to_cpu(word);
    if (*val == UINT16_MAX) {
        error_setg(errp, "%s: configuration space at 0x%x reads as 0x%04x: "
                   "the device does not answer", gate_device_name(g->dev),
                   addr, *val);
        return false;
    }
    return true;
}

/* Around what the device has to do: it can go, and the gate with it. */
static void gate_hold(HvcmaGate *g)
{
    object_ref(OBJECT(g->dev));
    g->nr_holds++;
}

/* False if the gate was freed. */
static bool gate_release(HvcmaGate *g)
{
    bool freed = g->freed;

    object_unref(OBJECT(g->dev));
    if (!--g->nr_holds && freed) {
        g_free(g);
    }
    return !freed;
}

/*
 * Of a gate that is held. False, with no words, if the device went: it waits
 * for what it has under way.
 */
static bool gate_write_config(HvcmaGate *g, uint32_t addr, uint16_t val)
{
    pci_device_config_write(g->pci, addr, val, sizeof(val));
    return !g->freed;
}

static bool gate_bus_master_off(HvcmaGate *g, Error **errp)
{
    uint16_t command;

    if (!gate_read_config(g, PCI_COMMAND, &command, errp)) {
        return false;
    }
    if (!(command & PCI_COMMAND_MASTER)) {
        return true;
    }
    if (!gate_write_config(g, PCI_COMMAND, command & ~PCI_COMMAND_MASTER) ||
        !gate_read_config(g, PCI_COMMAND, &command, errp)) {
        return false;
    }
    if (command & PCI_COMMAND_MASTER) {
        error_setg(errp, "%s: bus master bit cannot be cleared, command "
                   "register reads as 0x%04x", gate_device_name(g->dev),
                   command);
        return false;
    }
    return true;
}

static bool gate_power_on(HvcmaGate *g, Error **errp)
{
    uint32_t addr = g->pci->pm_cap + PCI_PM_CTRL;
    uint16_t pmcsr;

    if (!g->pci->pm_cap) {
        return true;
    }
    if (!gate_read_config(g, addr, &pmcsr, errp)) {
        return false;
    }
    if (!(pmcsr & PCI_PM_CTRL_STATE_MASK)) {
        return true;
    }
    /* PME status is cleared by writing 1: not ours to clear. */
    pmcsr &= ~(PCI_PM_CTRL_STATE_MASK | PCI_PM_CTRL_PME_STATUS);
    if (!gate_write_config(g, addr, pmcsr) ||
        !gate_read_config(g, addr, &pmcsr, errp)) {
        return false;
    }
    if (pmcsr & PCI_PM_CTRL_STATE_MASK) {
        error_setg(errp, "%s: stays in power state D%d",
                   gate_device_name(g->dev), pmcsr & PCI_PM_CTRL_STATE_MASK);
        return false;
    }
    return true;
}

/* Awake and no bus master: waking up later can't bring the bit back. */
static bool gate_stop(HvcmaGate *g, Error **errp)
{
    return gate_power_on(g, errp) && gate_bus_master_off(g, errp);
}

static void gate_config_write(PCIDevice *pci, uint32_t addr, uint32_t val,
                              int len)
{
    HvcmaGate *g = gate_find(DEVICE(pci));

    if (g->state != GATE_OPEN && hvcma_gate_bars_keeps(g->bars, addr, len)) {
        return;
    }
    if (g->state != GATE_OPEN && range_covers_byte(addr, len, PCI_COMMAND)) {
        uint32_t master = PCI_COMMAND_MASTER << (8 * (PCI_COMMAND - addr));

        if (val & master) {
            trace_virtio_cma_gate_bus_master(gate_device_name(g->dev));
        }
        val &= ~master;
    }
    gate_hold(g);
    g->nr_writes++;
    pci_device_config_write(pci, addr, val, len);
    g->nr_writes--;
    gate_release(g);
}

static void gate_vm_change(void *opaque, bool running, RunState state)
{
    HvcmaGate *g = opaque;
    Error *err = NULL;

    if (!running || g->state == GATE_OPEN) {
        return;
    }
    gate_hold(g);
    if (!gate_bus_master_off(g, &err) && err) {
        error_report_err(err);
    }
    gate_release(g);
}

/* ---- reset ---- */

/*
 * Reset through the kernel, not through vfio_pci_reset(), which does not tell
 * whether it worked. The kernel keeps configuration space and interrupts.
 */
static bool gate_reset_noiommu(HvcmaGate *g)
{
    int tries = RESET_TRIES;

    if (!g->vfio->reset_works) {
        warn_report("%s: has no function-level, power or bus reset: bus master "
                    "is off, but it cannot be claimed again",
                    gate_device_name(g->dev));
        return false;
    }
    while (ioctl(g->vfio->fd, VFIO_DEVICE_RESET)) {
        if (errno != EAGAIN || --tries == 0) {
            warn_report("%s: reset failed: %s: bus master is off, but it "
                        "cannot be claimed again", gate_device_name(g->dev),
                        strerror(errno));
            return false;
        }
        g_usleep(RESET_RETRY_US);
    }
    return true;
}

static bool gate_is_noiommu(const HvcmaGate *g)
{
    return g->vfio && hvcma_vfio_is_noiommu(OBJECT(g->dev));
}

/*
 * Some emulated devices clear what firmware has placed, too, and the guest's
 * kernel relies on. As a kernel that resets a device, put back what has
 * changed, and the command register last.
 */
static void gate_reset_emulated(HvcmaGate *g)
{
    static const uint8_t kept[] = {
        PCI_BASE_ADDRESS_0, PCI_BASE_ADDRESS_1, PCI_BASE_ADDRESS_2,
        PCI_BASE_ADDRESS_3, PCI_BASE_ADDRESS_4, PCI_BASE_ADDRESS_5,
        PCI_ROM_ADDRESS, PCI_INTERRUPT_LINE,
    };
    const uint8_t *config = g->pci->config;
    uint16_t command = pci_get_word(config + PCI_COMMAND) & ~PCI_COMMAND_MASTER;
    uint32_t val[ARRAY_SIZE(kept)];
    int i;

    for (i = 0; i < ARRAY_SIZE(kept); i++) {
        val[i] = pci_get_long(config + kept[i]);
    }
    device_cold_reset(g->dev);
    for (i = 0; i < ARRAY_SIZE(kept) && !g->freed; i++) {
        if (pci_get_long(config + kept[i]) != val[i]) {
            pci_device_config_write(g->pci, kept[i], val[i], sizeof(val[i]));
        }
    }
    if (!g->freed && pci_get_word(config + PCI_COMMAND) != command) {
        gate_write_config(g, PCI_COMMAND, command);
    }
}

/*
 * Only a device without IOMMU can do harm with what it remembers: DMA of the
 * others ends in the guest's own memory.
 */
static void gate_reset(HvcmaGate *g)
{
    if (gate_is_noiommu(g)) {
        if (g->needs_reset && gate_reset_noiommu(g)) {
            g->needs_reset = false;
        }
        return;
    }
    if (g->pci && !g->vfio &&
        !object_dynamic_cast(OBJECT(g->dev), TYPE_PCI_BRIDGE)) {
        gate_reset_emulated(g);
    } else {
        device_cold_reset(g->dev);
    }
    g->needs_reset = false;
}

/* What the device holds comes in the stream that says that it was claimed. */
static bool gate_is_restored(void)
{
    return runstate_check(RUN_STATE_INMIGRATE) ||
           runstate_check(RUN_STATE_RESTORE_VM);
}

static bool gate_quiesce(HvcmaGate *g, Error **errp)
{
    if (emulation_ended && !gate_is_noiommu(g)) {
        return true;
    }
#ifdef HVCMA_STOCK_QEMU
    if (g->platform) {
        g->needs_reset = !vfio_platform_quiet(g->platform, errp);
        return !g->needs_reset;
    }
#endif
    if (!g->pci) {
        gate_reset(g);
        return true;
    }
    /* If it does not stop by itself, a reset may help: the end decides. */
    gate_stop(g, NULL);
    if (!g->freed) {
        gate_reset(g);
    }
    return !g->freed && gate_stop(g, errp);
}

/*
 * A device in the middle of an access by the guest, or of its own bottom half,
 * has DMA under way that came back to us: to reset it would pull away what it
 * stands on.
 */
static bool gate_is_entered(const HvcmaGate *g)
{
    return g->nr_writes || g->dev->mem_reentrancy_guard.engaged_in_io;
}

/* ---- end of the device ---- */

static DeviceState *gate_above(const DeviceState *dev)
{
    return dev->parent_bus ? dev->parent_bus->parent : NULL;
}

/*
 * What is behind a client goes before it, and a reset of the client resets that
 * as well. So the first that goes closes all gates above that go with it.
 */
static void gate_tell_gone(DeviceState *dev)
{
    DeviceState *above;

    for (; dev && !dev->realized; dev = above) {
        HvcmaGate *g = gate_find(dev);

        above = gate_above(dev);
        if (g) {
            g->gone(g->gone_opaque);
            assert(!gate_find(dev));
        }
    }
}

#ifndef HVCMA_STOCK_QEMU
static void gate_unrealizing(DeviceListener *listener, DeviceState *dev)
{
    gate_tell_gone(dev);
}

static DeviceListener gate_listener = {
    .unrealizing = gate_unrealizing,
};

void hvcma_gate_listen(void)
{
    device_listener_register(&gate_listener);
}
#endif

/* ---- interface ---- */

static bool gate_check(DeviceState *dev, Error **errp)
{
    Object *obj = OBJECT(dev);

    if (gate_find(dev)) {
        error_setg(errp, "%s: is a client already", gate_device_name(dev));
        return false;
    }
    if (object_dynamic_cast(obj, TYPE_VIRTIO_PCI) &&
        !object_property_get_bool(obj, "iommu_platform", NULL)) {
        error_setg(errp, "%s: a %s ignores the bus master bit unless it has "
                   "iommu_platform=on", gate_device_name(dev),
                   object_get_typename(obj));
        return false;
    }
    return true;
}

static bool gate_init_vfio(HvcmaGate *g, Error **errp)
{
    g_autofree struct vfio_region_info *info = NULL;
    int ret;

    g->vfio = vfio_get_vfio_device(OBJECT(g->dev));
    if (!g->vfio) {
        return true;
    }
    ret = vfio_get_region_info(g->vfio, VFIO_PCI_CONFIG_REGION_INDEX,
                               &info);
    if (ret) {
        error_setg_errno(errp, -ret, "%s: VFIO does not tell where its "
                         "configuration space is", gate_device_name(g->dev));
        return false;
    }
    g->vfio_config_offset = info->offset;
    return true;
}

/*
 * Something had it before, or may get at it past the gate: firmware, by ports
 * at fixed addresses, or a platform device. Of a device passed through all is
 * hidden. To reset a bridge resets what is behind it, which may be the region
 * itself.
 */
static bool gate_may_be_used(const HvcmaGate *g)
{
    if (object_dynamic_cast(OBJECT(g->dev), TYPE_PCI_BRIDGE)) {
        return false;
    }
    return !g->vfio || (!gate_is_noiommu(g) && hvcma_gate_is_bus_master(g));
}

#ifdef HVCMA_STOCK_QEMU
/*
 * The host's driver has let go of it, whatever it had begun. Where nothing can
 * stop it that has to do, for one claim.
 */
static bool gate_begin_platform(HvcmaGate *g, Error **errp)
{
    g->vfio = &g->platform->vbasedev;
    g->needs_reset = false;
    if (!g->platform->has_rule && !g->vfio->reset_works) {
        return true;
    }
    return vfio_platform_quiet(g->platform, errp);
}
#endif

HvcmaGate *hvcma_gate_new(DeviceState *dev, HvcmaGateGone *gone, void *opaque,
                          Error **errp)
{
    g_autofree HvcmaGate *g = g_new0(HvcmaGate, 1);

    if (!gate_check(dev, errp)) {
        return NULL;
    }
    g->dev = dev;
    g->gone = gone;
    g->gone_opaque = opaque;
    g->state = GATE_CLOSED;
    g->needs_reset = true;
    g->pci = (PCIDevice *)object_dynamic_cast(OBJECT(dev), TYPE_PCI_DEVICE);
    if (g->pci) {
        if (!gate_init_vfio(g, errp)) {
            return NULL;
        }
        g->needs_reset = gate_may_be_used(g);
        if (!gate_stop(g, errp)) {
            return NULL;
        }
        pci_device_set_config_gate(g->pci, gate_config_write);
        g->bars = hvcma_gate_bars_new(g->pci);
        g->vm_change = qemu_add_vm_change_state_handler_prio(
            gate_vm_change, g, GATE_VM_CHANGE_PRIORITY);
    }
#ifdef HVCMA_STOCK_QEMU
    g->platform = vfio_platform_noiommu(dev);
    if (g->platform && !gate_begin_platform(g, errp)) {
        return NULL;
    }
    stock_watch_unrealize(dev, gate_tell_gone);
#endif
    QLIST_INSERT_HEAD(&gates, g, next);
    return g_steal_pointer(&g);
}

#ifdef HVCMA_STOCK_QEMU
void hvcma_gate_device_realized(DeviceState *dev)
{
    DeviceState *above = gate_above(dev);

    while (above && !gate_find(above)) {
        above = gate_above(above);
    }
    if (above) {
        stock_watch_unrealize(dev, gate_tell_gone);
    }
}
#endif

/* Of a closed gate: what it was not reset from when it was closed. */
static bool gate_reset_again(HvcmaGate *g, Error **errp)
{
    if (gate_is_noiommu(g)) {
        error_setg(errp, "%s: was not reset since it was last in use and may "
                   "hold addresses of memory that is no longer its own",
                   gate_device_name(g->dev));
        return false;
    }
    if (gate_is_entered(g)) {
        error_setg(errp, "%s: can't be reset from inside an access to it",
                   gate_device_name(g->dev));
        return false;
    }
    gate_reset(g);
    return true;
}

/* Of a gate that is held. */
static bool gate_open(HvcmaGate *g, Error **errp)
{
    if (g->state == GATE_OPEN || g->freed) {
        return true;
    }
    if (g->state != GATE_CLOSED) {
        error_setg(errp, "%s: could not be stopped before",
                   gate_device_name(g->dev));
        return false;
    }
    if (g->needs_reset && !gate_is_restored() && !gate_reset_again(g, errp)) {
        return false;
    }
    if (!g->freed) {
        g->needs_reset = true;
        gate_set_state(g, GATE_OPEN);
    }
    return true;
}

bool hvcma_gate_open(HvcmaGate *g, Error **errp)
{
    bool opened;

    gate_hold(g);
    hvcma_vcpus_stop();
    opened = gate_open(g, errp);
    hvcma_vcpus_start();
    if (!gate_release(g) && opened) {
        error_setg(errp, "the device went while its gate was opened");
        return false;
    }
    return opened;
}

/* Of a gate that is held. */
static bool gate_close(HvcmaGate *g, Error **errp)
{
    bool inner = g->state == GATE_CLOSING;
    bool quiesced = false;

    if (g->freed ||
        (g->state == GATE_CLOSED && !hvcma_gate_is_bus_master(g))) {
        return true;
    }
    if (!inner) {
        gate_set_state(g, GATE_CLOSING);
    }
    if (inner || !gate_is_entered(g)) {
        quiesced = gate_quiesce(g, errp);
    } else {
        error_setg(errp, "%s: can't be stopped from inside an access to it",
                   gate_device_name(g->dev));
    }
    if (g->freed) {
        return true;            /* closed, from inside, before it was freed */
    }
    if (!inner) {
        gate_set_state(g, quiesced ? GATE_CLOSED : GATE_FAILED);
    }
    return quiesced;
}

bool hvcma_gate_close(HvcmaGate *g, Error **errp)
{
    bool quiesced;

    gate_hold(g);
    hvcma_vcpus_stop();
    quiesced = gate_close(g, errp);
    hvcma_vcpus_start();
    gate_release(g);
    return quiesced;
}

void hvcma_gate_emulation_ended(void)
{
    emulation_ended = true;
}

bool hvcma_gate_is_open(const HvcmaGate *g)
{
    return g->state == GATE_OPEN;
}

bool hvcma_gate_is_bus_master(const HvcmaGate *g)
{
    uint16_t command;

    if (!g->pci) {
        return g->state != GATE_CLOSED;
    }
    return !gate_read_config(g, PCI_COMMAND, &command, NULL) ||
           (command & PCI_COMMAND_MASTER);
}

void hvcma_gate_free(HvcmaGate *g)
{
    if (!g) {
        return;
    }
    if (g->pci) {
        qemu_del_vm_change_state_handler(g->vm_change);
        pci_device_set_config_gate(g->pci, NULL);
        hvcma_gate_bars_free(g->bars);
    }
    QLIST_REMOVE(g, next);
    g->freed = true;
    if (!g->nr_holds) {
        g_free(g);
    }
}
