/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts of a platform device without IOMMU, see vfio-platform.h.
 *
 *    edge     VFIO -> trigger -> KVM, or this, which pulses the line
 *    level    VFIO, which masks it -> trigger -> KVM raises the line;
 *             the guest's EOI -> KVM -> unmask -> VFIO
 *             without irqfd this raises the line, and lowers it and unmasks
 *             when the guest is at a register: none of them is mapped then
 */
#include "qemu/osdep.h"
#include <sys/ioctl.h>
#include <linux/vfio.h>

#include "hw/arm/virt.h"
#include "hw/irq.h"
#include "hw/platform-bus.h"
#include "qapi/error.h"
#include "qemu/bitops.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "system/kvm.h"

#include "vfio-platform.h"

/* A QEMU for machines that KVM can't run here has neither. */
#pragma weak kvm_irqchip_add_irqfd_notifier_gsi
#pragma weak kvm_irqchip_remove_irqfd_notifier_gsi

static void irq_arrived(void *opaque)
{
    PlatformIrq *i = opaque;

    if (!event_notifier_test_and_clear(&i->trigger)) {
        return;
    }
    if (!i->is_level) {
        qemu_irq_pulse(i->irq);
        return;
    }
    i->is_raised = true;
    qemu_set_irq(i->irq, 1);
}

/* Of a level that is masked, or not: VFIO masks it when it comes. */
static void irq_unmask(PlatformIrq *i)
{
    vfio_unmask_single_irqindex(&i->device->vbasedev, i->index);
}

void platform_irqs_served(VFIOPlatformNoiommu *p)
{
    uint32_t i;

    for (i = 0; i < p->nr_irqs; i++) {
        if (p->irqs[i].is_raised) {
            p->irqs[i].is_raised = false;
            qemu_set_irq(p->irqs[i].irq, 0);
            irq_unmask(&p->irqs[i]);
        }
    }
}

/* ---- on and off ---- */

static bool irq_on(PlatformIrq *i, Error **errp)
{
    VFIODevice *vbasedev = &i->device->vbasedev;

    if (!vfio_set_irq_signaling(vbasedev, i->index, 0,
                                VFIO_IRQ_SET_ACTION_TRIGGER,
                                event_notifier_get_fd(&i->trigger), errp)) {
        return false;
    }
    if (i->is_level && i->has_irqfd &&
        !vfio_set_irq_signaling(vbasedev, i->index, 0,
                                VFIO_IRQ_SET_ACTION_UNMASK,
                                event_notifier_get_fd(&i->unmask), errp)) {
        return false;
    }
    if (i->is_level) {
        irq_unmask(i);          /* it may have been masked when it went off */
    }
    return true;
}

static void irq_off(PlatformIrq *i)
{
    vfio_disable_irqindex(&i->device->vbasedev, i->index);
    event_notifier_test_and_clear(&i->trigger);
    if (i->is_raised) {
        i->is_raised = false;
        qemu_set_irq(i->irq, 0);
    }
}

void platform_irqs_enable(VFIOPlatformNoiommu *p, bool enable)
{
    Error *err = NULL;
    uint32_t i;

    for (i = 0; i < p->nr_irqs; i++) {
        if (!enable) {
            irq_off(&p->irqs[i]);
        } else if (!irq_on(&p->irqs[i], &err)) {
            /* It works without, as far as its driver can poll. */
            error_reportf_err(err, "%s: interrupt %u does not arrive: ",
                              p->vbasedev.name, i);
            err = NULL;
        }
    }
}

/* ---- come and go ---- */

static PlatformBusDevice *platform_bus(void)
{
    return PLATFORM_BUS_DEVICE(VIRT_MACHINE(qdev_get_machine())->
                               platform_bus_dev);
}

/* As QEMU does for devices of its own (platform_bus_map_irq()). */
static bool irq_take_line(PlatformIrq *i, Error **errp)
{
    PlatformBusDevice *bus = platform_bus();

    i->line = find_first_zero_bit(bus->used_irqs, bus->num_irqs);
    if (i->line >= bus->num_irqs) {
        error_setg(errp, "%s: no line is left on the platform bus for "
                   "interrupt %u, limit: %u for all devices",
                   i->device->vbasedev.name, i->index, bus->num_irqs);
        return false;
    }
    set_bit(i->line, bus->used_irqs);
    i->is_taken = true;
    i->irq = bus->irqs[i->line];
    return true;
}

/*
 * KVM numbers the GIC's shared interrupts from 0 on, as machine virt does. QEMU
 * finds the number of a line by itself for GICv2 alone.
 */
static int irq_gsi(const PlatformIrq *i)
{
    return VIRT_MACHINE(qdev_get_machine())->irqmap[VIRT_PLATFORM_BUS] +
           i->line;
}

static bool can_irqfd(const PlatformIrq *i)
{
    return i->device->use_irqfd && kvm_enabled() && kvm_irqfds_enabled() &&
           kvm_irqchip_add_irqfd_notifier_gsi &&
           (!i->is_level || kvm_resamplefds_enabled());
}

static void irq_connect(PlatformIrq *i)
{
    i->has_irqfd = can_irqfd(i) &&
        kvm_irqchip_add_irqfd_notifier_gsi(kvm_state, &i->trigger,
                                           i->is_level ? &i->unmask : NULL,
                                           irq_gsi(i)) >= 0;
    if (!i->has_irqfd) {
        qemu_set_fd_handler(event_notifier_get_fd(&i->trigger), irq_arrived,
                            NULL, i);
    }
}

static bool irq_init(PlatformIrq *i, Error **errp)
{
    int ret = event_notifier_init(&i->trigger, 0);

    if (ret) {
        error_setg_errno(errp, -ret, "%s: no eventfd for interrupt %u",
                         i->device->vbasedev.name, i->index);
        return false;
    }
    ret = event_notifier_init(&i->unmask, 0);
    if (ret) {
        error_setg_errno(errp, -ret, "%s: no eventfd for interrupt %u",
                         i->device->vbasedev.name, i->index);
        event_notifier_cleanup(&i->trigger);
        return false;
    }
    if (!irq_take_line(i, errp)) {
        event_notifier_cleanup(&i->trigger);
        event_notifier_cleanup(&i->unmask);
        return false;
    }
    irq_connect(i);
    return true;
}

static void irq_fini(PlatformIrq *i)
{
    if (i->has_irqfd) {
        kvm_irqchip_remove_irqfd_notifier_gsi(kvm_state, &i->trigger,
                                              irq_gsi(i));
    } else {
        qemu_set_fd_handler(event_notifier_get_fd(&i->trigger), NULL, NULL,
                            NULL);
    }
    clear_bit(i->line, platform_bus()->used_irqs);
    event_notifier_cleanup(&i->trigger);
    event_notifier_cleanup(&i->unmask);
}

bool platform_irqs_new(VFIOPlatformNoiommu *p, Error **errp)
{
    p->irqs = g_new0(PlatformIrq, p->vbasedev.num_irqs);
    for (; p->nr_irqs < p->vbasedev.num_irqs; p->nr_irqs++) {
        struct vfio_irq_info info = {
            .argsz = sizeof(info),
            .index = p->nr_irqs,
        };
        PlatformIrq *i = &p->irqs[p->nr_irqs];

        if (ioctl(p->vbasedev.fd, VFIO_DEVICE_GET_IRQ_INFO, &info)) {
            error_setg_errno(errp, errno, "%s: VFIO does not tell about "
                             "interrupt %u", p->vbasedev.name, p->nr_irqs);
            return false;
        }
        i->device = p;
        i->index = p->nr_irqs;
        i->is_level = info.flags & VFIO_IRQ_INFO_AUTOMASKED;
        if (!irq_init(i, errp)) {
            return false;
        }
    }
    return true;
}

void platform_irqs_free(VFIOPlatformNoiommu *p)
{
    while (p->nr_irqs) {
        irq_fini(&p->irqs[--p->nr_irqs]);
    }
    g_free(p->irqs);
    p->irqs = NULL;
}
