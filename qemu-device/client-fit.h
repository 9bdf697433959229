/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices that a region can't serve, by what is known of their kind. Knows no
 * region's state, and nothing of the guest.
 */
#ifndef QEMU_DEVICE_CLIENT_FIT_H
#define QEMU_DEVICE_CLIENT_FIT_H

#include "hw/qdev-core.h"

/**
 * hvcma_client_kind_fits() - can a region that gives out host-physical
 * addresses serve a device of this kind?
 * @dev: realized; emulated behind the test fabric, or passed through
 *
 * An emulated device that can't be used, but shows it by faults, is warned of.
 *
 * Return: false with @errp if it would use memory that is not the region's.
 */
bool hvcma_client_kind_fits(DeviceState *dev, Error **errp);

#endif /* QEMU_DEVICE_CLIENT_FIT_H */
