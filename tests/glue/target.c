// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Addresses at which something happens. See target.h. None are registers of
 * devices that end QEMU by themselves when they are driven wrongly (edu).
 */
#include "tests/glue/guest.h"
#include "tests/glue/target.h"

#define MSI_DOORBELLS	0xfee00000ull
#define IO_APIC		0xfec00000ull
#define NOBODYS_RAM	0x4000000ull
#define UNASSIGNED	0xd0000000ull

uint64_t target_config(uint8_t bus, uint8_t slot)
{
	return ECAM + ((uint64_t)bus << 20 | (uint64_t)slot << 15);
}

static uint64_t config_register(struct guest *g)
{
	/* bridge control, command, BARs; and anything */
	static const uint8_t regs[] = { 0x3e, 0x3e, 0x3e, 0x04, 0x05, 0x10, 0x20, 0x18 };
	uint8_t bus = random_one_in(g->r, 5) ? (uint8_t)(1 + random_below(g->r, 2)) : 0;
	uint8_t slot = bus ? 0 : (uint8_t)(1 + random_below(g->r, NR_SLOTS - 1));
	uint8_t reg = regs[random_below(g->r, sizeof(regs))];

	if (reg == 0x3e && !random_one_in(g->r, 8)) {
		bus = 0;
		slot = random_one_in(g->r, 2) ? SLOT_PORT0 : SLOT_PORT1;
	} else if (random_one_in(g->r, 4)) {
		reg = (uint8_t)random_u64(g->r);
	}
	return target_config(bus, slot) + reg;
}

static uint64_t virtio_register(struct guest *g, uint64_t bar)
{
	static const uint16_t regs[] = { 20, 20, 20, 22, 28, 58, 16, 24, 32, 0x1000, 0x2000, 0x3000,
					 0x3000, 0x3004, 0x3008 };

	return bar + regs[random_below(g->r, sizeof(regs) / sizeof(*regs))];
}

static uint64_t client_register(struct guest *g)
{
	static const uint16_t nvme[] = { 0x14, 0x24, 0x28, 0x30, 0x1000, 0x1004, 0x2000, 0x2008 };

	switch (random_below(g->r, 3)) {
	case 0:
		return SLOT_BAR(SLOT_NVME) + nvme[random_below(g->r, 8)];
	case 1:
		return virtio_register(g, SLOT_BAR(SLOT_BLK));
	default:
		return virtio_register(g, SLOT_BAR(SLOT_SCSI));
	}
}

static uint64_t block(struct guest *g)
{
	const struct driver *d = &g->region[random_below(g->r, g->m->nr_regions)];
	unsigned int i;

	if (!d->nr_blocks)
		return d->base_gpa + random_below(g->r, d->region->bytes);
	i = (unsigned int)random_below(g->r, d->nr_blocks);
	return (random_one_in(g->r, 3) ? d->block[i].gpa : d->block[i].dma) +
	       random_below(g->r, 4096) * 8;
}

uint64_t target_memory(struct guest *g, uint64_t bytes)
{
	switch (random_below(g->r, 6)) {
	case 0:
		return MSI_DOORBELLS + random_below(g->r, 0x100) * 16;
	case 1:
		return UNASSIGNED + random_below(g->r, 4096);
	case 2:
		return UINT64_MAX - random_below(g->r, 2 * bytes);
	case 3:
		return NOBODYS_RAM + random_below(g->r, 0x400000);
	default:
		return block(g);
	}
}

uint64_t target(struct guest *g, uint64_t bytes)
{
	const struct region *d = &g->m->region[random_below(g->r, g->m->nr_regions)];

	switch (random_below(g->r, 16)) {
	case 0:
	case 1:
	case 2:
		return config_register(g);
	case 3:
	case 4:
	case 5:
		return virtio_register(g, d->bar);
	case 6:
		return client_register(g);
	case 7:
		return MSI_DOORBELLS + random_below(g->r, 0x100) * 16;
	case 8:
		return IO_APIC + random_below(g->r, 0x20);
	case 9:
		return UNASSIGNED + random_below(g->r, 4096);
	case 10:
		return random_number(g->r);
	case 11:
	case 12:
		return NOBODYS_RAM + random_below(g->r, 0x400000);
	case 13:
		/* over the end of something */
		return d->bar + 0x4000 - random_below(g->r, bytes + 1);
	default:
		return block(g);
	}
}

void target_capability(struct guest *g, uint64_t config, uint16_t value)
{
	unsigned int nr = 0;
	uint8_t cap = qtest_readb(g->q, config + 0x34);

	for (; cap >= 0x40 && cap != 0xff && nr < 16; nr++) {
		switch (qtest_readb(g->q, config + cap)) {
		case 0x01:		/* power state */
			if (random_one_in(g->r, 3))
				qtest_writew(g->q, config + cap + 4, value & 3);
			break;
		case 0x10:		/* function reset; slot power */
			if (random_one_in(g->r, 3))
				qtest_writew(g->q, config + cap + 8, 0x8000);
			if (random_one_in(g->r, 3))
				qtest_writew(g->q, config + cap + 0x18, value & 0x700);
			break;
		}
		cap = qtest_readb(g->q, config + cap + 1);
	}
}
