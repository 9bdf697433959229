/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A slot for hotplug on q35, as a guest with ACPI hotplug drives it:
 *
 *	root bus 0 --- root port "rp0" --- bus 1: one slot
 */
#ifndef TESTS_QTEST_HOTPLUG_H
#define TESTS_QTEST_HOTPLUG_H

#include "tests/qtest/qtest.h"

#define HOTPLUG_PORT	"-device pcie-root-port,id=rp0 "
#define HOTPLUG_DEL(id)	"{'execute': 'device_del', 'arguments': {'id': '" id "'}}"

/** hotplug_set_up() - give the port its bus number and memory window. */
void hotplug_set_up(struct qtest *q);

/** hotplug_let_go() - the guest lets go of what is in the slot. */
void hotplug_let_go(struct qtest *q);

/** hotplug_eject() - the same, and QEMU has freed it. */
void hotplug_eject(struct qtest *q);

#endif /* TESTS_QTEST_HOTPLUG_H */
