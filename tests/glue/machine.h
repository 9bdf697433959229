/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A random machine: regions, clients, and where they are on the buses.
 *
 *	bus 0: slot 1, 2  regions cma0, cma1
 *	       slot 4     nv0, NVMe
 *	       slot 5     vb0, virtio-blk	(iommu_platform=on)
 *	       slot 6     vs0, virtio-scsi	(iommu_platform=on)
 *	       slot 7     edu0
 *	       slot 8     rp0, a port for hotplug --- bus 1: edu1 or region cma2
 *	       slot 9     rp1, a port		  --- bus 2: region cma2, or nothing
 *
 * All but the ports may be missing; any but the regions may be a client.
 */
#ifndef TESTS_GLUE_MACHINE_H
#define TESTS_GLUE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/glue/random.h"

#define MAX_REGIONS	3

/* Where things are put: configuration space in memory, BARs, each bus's window. */
#define ECAM		0xb0000000ull
#define SLOT_BAR(slot)	(0xe8000000ull + (slot) * 0x100000ull)
#define BUS_WINDOW(bus)	(0xe9000000ull + (bus) * 0x100000ull)

/* Byte 3 of a region's addresses has the bit that is the bus reset in a bridge's control. */
#define REGION_BASE(i)		(0x140000000ull + (i) * 0x100000000ull)
#define REGION_RESET_BYTE	3

enum place { SLOT_CMA0 = 1, SLOT_CMA1, SLOT_NVME = 4, SLOT_BLK, SLOT_SCSI, SLOT_EDU, SLOT_PORT0,
	     SLOT_PORT1, NR_SLOTS };

struct region {
	char id[8];
	uint8_t bus, slot;
	uint64_t bar;
	uint64_t bytes, granule_bytes;
	char device[512];		/* what follows -device */
};

struct machine {
	char options[8192];
	struct region region[MAX_REGIONS];
	unsigned int nr_regions;
	bool has[NR_SLOTS];
	bool edu1;			/* behind rp0, at first */
	bool migratable;
	bool faults;			/* something will fail: pins may stay */
};

void machine_random(struct machine *m, struct random *r);

/** machine_hot() - the region behind the port for hotplug, or NULL. */
const struct region *machine_hot(const struct machine *m);

#endif /* TESTS_GLUE_MACHINE_H */
