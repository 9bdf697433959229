/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses at which something happens when a device reads or writes them.
 */
#ifndef TESTS_GLUE_TARGET_H
#define TESTS_GLUE_TARGET_H

#include <stdint.h>

struct guest;

/** target() - where @bytes may be meant to go: RAM, blocks, registers, nowhere. */
uint64_t target(struct guest *g, uint64_t bytes);

/** target_memory() - the same without the registers of PCI devices. */
uint64_t target_memory(struct guest *g, uint64_t bytes);

/** target_config() - a function's configuration space. */
uint64_t target_config(uint8_t bus, uint8_t slot);

/** target_capability() - write @value where one of the capabilities begins to act. */
void target_capability(struct guest *g, uint64_t config, uint16_t value);

#endif /* TESTS_GLUE_TARGET_H */
