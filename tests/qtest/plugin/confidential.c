/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A confidential guest, for tests: QEMU knows the kinds that processors and KVM
 * have, and refuses them elsewhere. Whatever is plugged after
 *
 *   -device hvcma-test-confidential
 *
 * finds the machine to be one.
 */
#include "qemu/osdep.h"

#include "hw/boards.h"
#include "hw/qdev-core.h"
#include "qemu/module.h"
#include "system/confidential-guest-support.h"

#define TYPE_CONFIDENTIAL "hvcma-test-confidential"
#define TYPE_SUPPORT "hvcma-test-confidential-guest"

static void confidential_realize(DeviceState *dev, Error **errp)
{
    MACHINE(qdev_get_machine())->cgs =
        CONFIDENTIAL_GUEST_SUPPORT(object_new(TYPE_SUPPORT));
}

static void confidential_class_init(ObjectClass *klass, void *data)
{
    DEVICE_CLASS(klass)->realize = confidential_realize;
    DEVICE_CLASS(klass)->user_creatable = true;
}

static const TypeInfo confidential_infos[] = {
    {
        .name = TYPE_SUPPORT,
        .parent = TYPE_CONFIDENTIAL_GUEST_SUPPORT,
        .instance_size = sizeof(ConfidentialGuestSupport),
    },
    {
        .name = TYPE_CONFIDENTIAL,
        .parent = TYPE_DEVICE,
        .instance_size = sizeof(DeviceState),
        .class_init = confidential_class_init,
    },
};

DEFINE_TYPES(confidential_infos)
