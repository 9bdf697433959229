// SPDX-License-Identifier: GPL-2.0-only
/*
 * What test modules with a client device check with: TAP, contents that tell where they
 * belong, DMA of the device (selftest.h).
 */
#include <linux/module.h>
#include <linux/string.h>

#include "edu.h"
#include "selftest.h"

bool selftest_result(struct selftest *t, bool good, const char *fmt, ...)
{
	struct va_format vaf;
	va_list args;

	va_start(args, fmt);
	vaf.fmt = fmt;
	vaf.va = &args;
	t->nr_tests++;
	t->nr_failed += !good;
	pr_info(KBUILD_MODNAME ": %s %u - %pV\n", good ? "ok" : "not ok", t->nr_tests, &vaf);
	va_end(args);
	return good;
}

void selftest_skip(struct selftest *t, const char *what, const char *reason)
{
	t->nr_tests++;
	pr_info(KBUILD_MODNAME ": ok %u - %s # SKIP %s\n", t->nr_tests, what, reason);
}

void selftest_fill(void *p, size_t bytes, u32 seed)
{
	u8 *b = p;
	size_t i;

	for (i = 0; i < bytes; i++)
		b[i] = (i * 31 + (i >> 8) * 7 + seed * 131) ^ seed;
}

bool selftest_is_filled(const void *p, size_t bytes, u32 seed)
{
	const u8 *b = p;
	size_t i;

	for (i = 0; i < bytes; i++) {
		if (b[i] != (u8)((i * 31 + (i >> 8) * 7 + seed * 131) ^ seed))
			return false;
	}
	return true;
}

bool selftest_is_byte(const void *p, size_t bytes, u8 value)
{
	return !memchr_inv(p, value, bytes);
}

bool selftest_in_reach(const struct selftest *t, dma_addr_t dma, size_t bytes)
{
	return dma <= t->mask && bytes - 1 <= t->mask - dma;
}

int selftest_device_reads(struct selftest *t, dma_addr_t dma, u32 bytes)
{
	return edu_read_memory(t->regs, dma, bytes);
}

int selftest_device_writes(struct selftest *t, dma_addr_t dma, u32 bytes)
{
	return edu_write_memory(t->regs, dma, bytes);
}
