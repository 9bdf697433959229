/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whoever runs the machine: monitor commands, hotplug, migration; and what must
 * hold whatever the guest does. What does not hold fails the running test.
 */
#ifndef TESTS_GLUE_OPERATOR_H
#define TESTS_GLUE_OPERATOR_H

#include "tests/glue/guest.h"

/** operator_step() - one thing that may be asked of QEMU at any time. */
void operator_step(struct guest *g);

/** operator_migrate() - into another QEMU, by a file; if there is something in the way: stay. */
void operator_migrate(struct guest *g);

/** operator_check() - no bus master that nobody has claimed. */
void operator_check(struct guest *g);

/**
 * operator_settle() - reset the machine and put everything in order, as firmware and drivers
 * do; then nothing may be pinned and each region must answer.
 */
void operator_settle(struct guest *g);

#endif /* TESTS_GLUE_OPERATOR_H */
