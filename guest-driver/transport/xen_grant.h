/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where this guest's memory is in the machine, on Xen: no interface is for that, but mapping a
 * grant answers with it (GNTTABOP_map_grant_ref, dev_bus_addr), also if a guest has granted the
 * page to itself. That is observed, no contract: so several places of whatever is contiguous are
 * asked for, and are believed only if all of them fit together. What is contiguous the toolstack
 * knows: Xen gave it in one piece, which is Xen's contract. Where it says nothing, a granule is.
 *
 * Xen on Arm never moves memory, so what was true once stays so.
 */
#ifndef VCMA_XEN_GRANT_H
#define VCMA_XEN_GRANT_H

#include <linux/types.h>

/**
 * vcma_xen_machine() - machine addresses of whole granules of this guest. May sleep.
 * @self: this domain's number
 * @base_gpa: of the first granule, a multiple of @granule_bytes
 * @granule_bytes: power of two, a page of Xen at least
 * @joined: bit i, of @nr: granule i is contiguous with the one before, as the toolstack says
 * @machine: out, one for each of @nr granules
 * @wrong: out, on -EUCLEAN: a sentence
 *
 * Return: 0; -EUCLEAN (the answers don't fit together: a run is not contiguous, or two granules are
 * in one place, or memory is said to be where this guest has it, though it is not mapped so);
 * -ENOMEM, -ENOSPC (no grants left); -EIO (Xen does not answer).
 */
int vcma_xen_machine(u16 self, u64 base_gpa, u64 granule_bytes, u64 nr,
		     const unsigned long *joined, u64 *machine, char *wrong, size_t wrong_bytes);

/* Of a page that has no memory. */
#define VCMA_XEN_NOWHERE	U64_MAX

/**
 * vcma_xen_machine_pages() - the same of each of @nr pages of Xen's, of which nobody says that they are
 * contiguous, and some of which may have no memory: @machine of these is VCMA_XEN_NOWHERE.
 */
int vcma_xen_machine_pages(u16 self, u64 base_gpa, u64 nr, u64 *machine, char *wrong,
			   size_t wrong_bytes);

/**
 * vcma_xen_find_self() - this domain's number, for one without xenstore to ask. May sleep.
 * @self: out, on success
 *
 * Xen has no call that tells. A page that was granted to a number can be mapped from there by the domain of
 * that number alone, and what is mapped shows whether it is that page.
 *
 * Return: 0; -ENXIO (none of the numbers that Xen gives to what it starts itself); -ENOMEM, -ENOSPC
 * (no grants left); -EIO (Xen does not answer).
 */
int vcma_xen_find_self(u16 *self);

#endif /* VCMA_XEN_GRANT_H */
