/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a function of the kernel is that modules are not given.
 */
#ifndef VCMA_TESTS_ADDRESS_OF_H
#define VCMA_TESTS_ADDRESS_OF_H

#include <linux/kprobes.h>

/** address_of() - Return: NULL if there is none of that name. Sleeps. */
static inline void *address_of(const char *name)
{
	struct kprobe kp = { .symbol_name = name };
	void *address;

	if (register_kprobe(&kp))
		return NULL;
	address = kp.addr;
	unregister_kprobe(&kp);
	return address;
}

#endif /* VCMA_TESTS_ADDRESS_OF_H */
