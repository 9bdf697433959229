/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device whose memory is the guest's RAM stays plugged, whatever the guest
 * ejects (virtio-cma.h).
 *
 * QEMU has that for a network device in failover: partially_hotplugged, which
 * slots of all kinds look at when the guest ejects. From then on it hides the
 * device from the guest's configuration accesses, and a slot of PCI Express is
 * off and empty; so ours is plugged into it again. Nothing tells of an eject
 * that did nothing, so there is a look now and then, for as long as one is
 * waited for.
 */
#include "qemu/osdep.h"
#include "hw/hotplug.h"
#include "hw/pci/pci_device.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/timer.h"

#include "virtio-cma.h"

#define EJECT_LOOK_MS 100

static uint64_t orphaned_bytes(VirtIOCMA *s)
{
    struct hvcma_engine_counters counters;

    hvcma_engine_counters(s->engine, &counters);
    return counters.orphaned_bytes;
}

/* A slot tells the guest only of what was not there at first. */
static void plug_again(PCIDevice *pdev)
{
    DeviceState *dev = DEVICE(pdev);
    HotplugHandler *slot = qdev_get_bus_hotplug_handler(dev);
    Error *err = NULL;

    pdev->partially_hotplugged = false;
    dev->hotplugged = true;
    if (slot) {
        hotplug_handler_plug(slot, dev, &err);
    }
    if (err) {
        error_report_err(err);
    }
}

static void eject_look(void *opaque)
{
    VirtIOCMA *s = opaque;
    PCIDevice *pdev = PCI_DEVICE(s->transport);

    if (!DEVICE(pdev)->pending_deleted_event) {
        warn_report("virtio-cma '%s': the guest has ejected the device, but "
                    "keeps %" PRIu64 " bytes of it as its RAM: it is plugged "
                    "in again", s->config.name, orphaned_bytes(s));
        plug_again(pdev);
    } else if (!orphaned_bytes(s)) {
        pdev->partially_hotplugged = false;
    } else {
        timer_mod(s->eject_timer, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) +
                                 EJECT_LOOK_MS);
    }
}

void hvcma_eject_check(VirtIOCMA *s)
{
    PCIDevice *pdev = (PCIDevice *)object_dynamic_cast(s->transport,
                                                       TYPE_PCI_DEVICE);

    if (!pdev || !DEVICE(pdev)->pending_deleted_event || !orphaned_bytes(s)) {
        return;
    }
    if (!s->eject_timer) {
        s->eject_timer = timer_new_ms(QEMU_CLOCK_VIRTUAL, eject_look, s);
    }
    pdev->partially_hotplugged = true;
    timer_mod(s->eject_timer, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) +
                             EJECT_LOOK_MS);
}

void hvcma_eject_stop(VirtIOCMA *s)
{
    timer_free(s->eject_timer);
    s->eject_timer = NULL;
}
