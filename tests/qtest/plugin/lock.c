/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Somebody else who disables monitor commands, for tests. Preloaded beside the
 * plugin, which knows nothing of it.
 *
 *   -device hvcma-test-lock,command=NAME
 */
#include "qemu/osdep.h"
#include "hw/qdev-core.h"
#include "hw/qdev-properties.h"
#include "monitor/monitor-internal.h"
#include "qemu/module.h"

#define TYPE_LOCK "hvcma-test-lock"

OBJECT_DECLARE_SIMPLE_TYPE(Lock, LOCK)

struct Lock {
    DeviceState parent_obj;
    char *command;
};

static void lock_realize(DeviceState *dev, Error **errp)
{
    qmp_disable_command(&qmp_commands, LOCK(dev)->command, "locked by a test");
}

static const Property lock_properties[] = {
    DEFINE_PROP_STRING("command", Lock, command),
};

static void lock_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = lock_realize;
    dc->user_creatable = true;
    device_class_set_props(dc, lock_properties);
}

static const TypeInfo lock_info = {
    .name = TYPE_LOCK,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(Lock),
    .class_init = lock_class_init,
};

static void lock_register_types(void)
{
    type_register_static(&lock_info);
}
type_init(lock_register_types)
