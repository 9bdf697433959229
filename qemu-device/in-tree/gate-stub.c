/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Without the gate no device is a client: hvcma_gate_new() refuses each, so
 * that nothing else here is ever asked of one.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"

#include "client-fit.h"
#include "gate.h"

HvcmaGate *hvcma_gate_new(DeviceState *dev, HvcmaGateGone *gone, void *opaque,
                          Error **errp)
{
    error_setg(errp, "%s: this QEMU was built without the bus-master gate "
               "(CONFIG_VIRTIO_CMA_GATE) and serves no clients",
               dev->id ?: object_get_typename(OBJECT(dev)));
    return NULL;
}

void hvcma_gate_listen(void)
{
}

bool hvcma_gate_open(HvcmaGate *g, Error **errp)
{
    g_assert_not_reached();
}

bool hvcma_gate_close(HvcmaGate *g, Error **errp)
{
    g_assert_not_reached();
}

void hvcma_gate_emulation_ended(void)
{
}

bool hvcma_gate_is_open(const HvcmaGate *g)
{
    return false;
}

bool hvcma_gate_is_bus_master(const HvcmaGate *g)
{
    return false;
}

void hvcma_gate_free(HvcmaGate *g)
{
}

bool hvcma_client_kind_fits(DeviceState *dev, Error **errp)
{
    return true;
}
