// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A random machine. See machine.h. Only machines that start: what is refused at
 * the start has tests of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/glue/machine.h"

#define MIB	(1024ull * 1024)

static void add(char *text, size_t bytes, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void add(char *text, size_t bytes, const char *format, ...)
{
	size_t used = strlen(text);
	va_list ap;
	int len;

	va_start(ap, format);
	len = vsnprintf(text + used, bytes - used, format, ap);
	va_end(ap);
	assert_true(len >= 0 && (size_t)len < bytes - used);
}

#define option(m, ...)	add((m)->options, sizeof((m)->options), __VA_ARGS__)
#define property(d, ...) add((d)->device, sizeof((d)->device), __VA_ARGS__)

static const char *one_of(struct random *r, const char *const *words, size_t nr)
{
	return words[random_below(r, nr)];
}

static void add_devices(struct machine *m, struct random *r)
{
	unsigned int latency_ns = random_one_in(r, 2) ? 0 : 2000000;

	if (m->has[SLOT_NVME])
		option(m, "-drive if=none,id=dn,driver=null-co,size=16M,read-zeroes=on,latency-ns=%u "
		       "-device nvme,id=nv0,serial=nv0,drive=dn,addr=4 ", latency_ns);
	if (m->has[SLOT_BLK])
		option(m, "-drive if=none,id=db,driver=null-co,size=16M,read-zeroes=on,latency-ns=%u "
		       "-device virtio-blk-pci,id=vb0,drive=db,iommu_platform=on,"
		       "disable-legacy=on,addr=5 ", latency_ns);
	if (m->has[SLOT_SCSI])
		option(m, "-drive if=none,id=ds,driver=null-co,size=16M,read-zeroes=on,latency-ns=%u "
		       "-device virtio-scsi-pci,id=vs0,iommu_platform=on,disable-legacy=on,"
		       "addr=6 -device scsi-hd,bus=vs0.0,drive=ds ", latency_ns);
	if (m->has[SLOT_EDU])
		option(m, "-device edu,id=edu0,addr=7 ");
	option(m, "-device pcie-root-port,id=rp0,chassis=1,slot=1,addr=8 "
	       "-device pcie-root-port,id=rp1,chassis=2,slot=2,addr=9 ");
	if (m->edu1)
		option(m, "-device edu,id=edu1,bus=rp0 ");
}

/* @taken: clients of regions whose addresses are of another kind */
static void add_clients(struct machine *m, struct region *d, struct random *r, unsigned int allowed)
{
	static const char *const ids[] = { "nv0", "vb0", "vs0", "edu0", "rp1", "edu1", "rp0" };
	static const enum place slots[] = { SLOT_NVME, SLOT_BLK, SLOT_SCSI, SLOT_EDU, SLOT_PORT1 };
	const char *sep = ",clients=";
	size_t i;

	for (i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		bool there = i < 5 ? m->has[slots[i]] : i == 5 ? m->edu1 : random_one_in(r, 3);

		if (there && allowed & 1u << i && !random_one_in(r, 3)) {
			property(d, "%s%s", sep, ids[i]);
			sep = ":";
		}
	}
}

static void add_region(struct machine *m, unsigned int i, struct random *r, bool noiommu,
		       unsigned int allowed)
{
	static const char *const policies[] = { "best-fit", "first-fit", "next-fit" };
	static const char *const modes[] = { "private", "private", "private", "reusable", "auto" };
	static const char *const methods[] = { "back", "pin", "hpa", "discard", "quiesce" };
	struct region *d = &m->region[i];
	struct random steps;
	bool small = random_one_in(r, 4);
	const char *mode = one_of(r, modes, 5);

	snprintf(d->id, sizeof(d->id), "cma%u", i);
	d->bytes = small ? 4 * MIB : (64 + 64 * random_below(r, 2)) * MIB;
	d->granule_bytes = small ? 4096 : 2 * MIB;
	d->slot = (uint8_t)(i < 2 ? SLOT_CMA0 + i : 0);
	d->bus = (uint8_t)(i < 2 ? 0 : m->edu1 ? 2 : 1 + random_below(r, 2));
	d->bar = d->bus ? BUS_WINDOW(d->bus) : SLOT_BAR(d->slot);

	property(d, "virtio-cma-pci,id=%s,memdev=m%u,granule=%llu,x-provider=fake", d->id, i,
		 (unsigned long long)d->granule_bytes);
	property(d, ",memaddr=%llu", REGION_BASE(i));
	if (d->bus)
		property(d, ",bus=rp%u", d->bus - 1u);
	else
		property(d, ",addr=%u", d->slot);
	if (noiommu)
		property(d, ",unsafe-noiommu=on,x-fabric=on,x-fake-base=%llu",
			 0x7700000000ull + i * 0x100000000ull);
	if (random_one_in(r, 3))
		property(d, ",x-fake-shuffle=on,x-fake-extent=%u", 1 + (unsigned int)random_below(r, 4));
	/* Of a copy: what follows is as it was when the cases were found. */
	steps = *r;
	if (random_one_in(&steps, 2))
		property(d, ",x-fake-pin-us=%u,x-fake-step=%u",
			 20 + (unsigned int)random_below(&steps, 400),
			 1 + (unsigned int)random_below(&steps, 16));
	property(d, ",policy=%s,mode=%s", one_of(r, policies, 3), mode);
	if (!strcmp(mode, "private") && !random_one_in(r, 4))
		property(d, ",discard=on");
	if (random_one_in(r, 4))
		property(d, ",pin-limit=%llu", (unsigned long long)d->bytes / 2);
	if (!i && random_one_in(r, 2))
		property(d, ",default=on,spare-clients=%u", (unsigned int)random_below(r, 4));
	if (random_one_in(r, 5)) {
		property(d, ",x-fake-fault=%s:%u:%u:%u", one_of(r, methods, 5),
			 3 + (unsigned int)random_below(r, 6), 1 + (unsigned int)random_below(r, 9),
			 random_one_in(r, 2) ? 12 : 5);
		m->faults = true;
	}
	if (random_one_in(r, 6))
		property(d, ",trace=on");
	if (random_one_in(r, 8))
		property(d, ",vectors=0");
	add_clients(m, d, r, allowed);
	option(m, "-object memory-backend-memfd,id=m%u,size=%llu ", i, (unsigned long long)d->bytes);
	option(m, "-device %s ", d->device);
}

void machine_random(struct machine *m, struct random *r)
{
	bool noiommu = random_one_in(r, 3), mixed = random_one_in(r, 5);
	bool regions_first = random_one_in(r, 2);
	unsigned int i;

	memset(m, 0, sizeof(*m));
	/* With TCG QEMU 10.0 asserts in a migration that no block of memory is longer than the first. */
	option(m, "-object memory-backend-ram,id=ram,size=256M -machine memory-backend=ram ");
	m->nr_regions = 1 + (unsigned int)random_below(r, MAX_REGIONS);
	for (i = SLOT_NVME; i <= SLOT_EDU; i++)
		m->has[i] = !random_one_in(r, 3);
	m->has[SLOT_PORT0] = m->has[SLOT_PORT1] = true;
	m->edu1 = random_one_in(r, 2);
	if (!regions_first || m->nr_regions > 2)
		add_devices(m, r);
	for (i = 0; i < m->nr_regions; i++) {
		bool other = mixed && i == 1;

		add_region(m, i, r, noiommu != other, !mixed ? 0xff : other ? 0xaa : 0x55);
	}
	if (regions_first && m->nr_regions <= 2)
		add_devices(m, r);
	m->migratable = !m->has[SLOT_NVME] && !noiommu && !mixed;
}

const struct region *machine_hot(const struct machine *m)
{
	const struct region *d = &m->region[2];

	return m->nr_regions > 2 && d->bus == 1 ? d : NULL;
}
