/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Told before a device's own unrealize: replaces that method of its class.
 * DeviceListener.unrealize comes after the device has lost its configuration
 * space and its bus. See stock.h.
 */
#include "qemu/osdep.h"

#include "stock.h"

/* DeviceClass to the unrealize method it had. */
static GHashTable *own_methods;

static void (*tell)(DeviceState *dev);

static void warned_unrealize(DeviceState *dev)
{
    ObjectClass *k = object_get_class(OBJECT(dev));
    DeviceUnrealize unrealize;

    tell(dev);
    /* A class initialized after its parent was hooked inherited the hook. */
    while (!g_hash_table_contains(own_methods, k)) {
        k = object_class_get_parent(k);
    }
    unrealize = g_hash_table_lookup(own_methods, k);
    if (unrealize) {
        unrealize(dev);
    }
}

static void watch_class(DeviceClass *dc)
{
    if (dc->unrealize == warned_unrealize) {
        return;
    }
    if (!own_methods) {
        own_methods = g_hash_table_new(NULL, NULL);
    }
    g_hash_table_insert(own_methods, dc, dc->unrealize);
    dc->unrealize = warned_unrealize;
}

void stock_watch_unrealize(DeviceState *dev,
                           void (*unrealizing)(DeviceState *dev))
{
    BusState *bus;
    BusChild *kid;

    tell = unrealizing;
    watch_class(DEVICE_GET_CLASS(dev));
    QLIST_FOREACH(bus, &dev->child_bus, sibling) {
        QTAILQ_FOREACH(kid, &bus->children, sibling) {
            stock_watch_unrealize(kid->child, unrealizing);
        }
    }
}
