// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which granules of a region are pinned: see pin_table.h.
 */
#define _GNU_SOURCE	/* memfd_create */
#include "hv/service/pin_table.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_MASK	UINT64_C(3)
#define ADDRESS_MASK	(~UINT64_C(0) << HVCMAD_PIN_ADDRESS_BIT)

static const bool transition_ok[HVCMAD_PIN_NR_STATES][HVCMAD_PIN_NR_STATES] = {
	[HVCMAD_PIN_NONE] = { [HVCMAD_PIN_PINNING] = true },
	[HVCMAD_PIN_PINNING] = { [HVCMAD_PIN_PINNED] = true, [HVCMAD_PIN_NONE] = true },
	[HVCMAD_PIN_PINNED] = { [HVCMAD_PIN_UNPINNING] = true },
	[HVCMAD_PIN_UNPINNING] = { [HVCMAD_PIN_NONE] = true, [HVCMAD_PIN_PINNED] = true },
};

static size_t bytes_of(uint64_t nr)
{
	return nr * sizeof(uint64_t);
}

static int map(struct hvcmad_pin_table *t, int fd, uint64_t nr)
{
	void *at = mmap(NULL, bytes_of(nr), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	*t = (struct hvcmad_pin_table){ .fd = fd, .entry = at, .nr = nr };
	return 0;
}

int hvcmad_pin_table_make(struct hvcmad_pin_table *t, uint64_t nr)
{
	int fd = memfd_create("hvcmad-pins", MFD_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	/* Its pages, too: a store to it can't fail afterwards. */
	ret = -posix_fallocate(fd, 0, (off_t)bytes_of(nr));
	if (!ret)
		ret = map(t, fd, nr);
	if (ret)
		close(fd);
	return ret;
}

int hvcmad_pin_table_adopt(struct hvcmad_pin_table *t, int fd, uint64_t nr)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (nr > SIZE_MAX / sizeof(uint64_t) || (uint64_t)st.st_size < bytes_of(nr))
		return -EINVAL;
	return map(t, fd, nr);
}

void hvcmad_pin_table_fini(struct hvcmad_pin_table *t)
{
	munmap(t->entry, bytes_of(t->nr));
	close(t->fd);
}

enum hvcmad_pin_state hvcmad_pin_table_state(const struct hvcmad_pin_table *t, uint64_t granule)
{
	return (enum hvcmad_pin_state)(t->entry[granule] & STATE_MASK);
}

bool hvcmad_pin_table_all(const struct hvcmad_pin_table *t, uint64_t first, uint64_t nr, enum hvcmad_pin_state state)
{
	uint64_t i = first;

	while (i < first + nr && hvcmad_pin_table_state(t, i) == state)
		i++;
	return i == first + nr;
}

/* One store each, in the order of the program: a kill falls between two. */
void hvcmad_pin_table_set(struct hvcmad_pin_table *t, uint64_t first, uint64_t nr, enum hvcmad_pin_state state)
{
	uint64_t i;

	for (i = first; i < first + nr; i++) {
		assert(transition_ok[hvcmad_pin_table_state(t, i)][state]);
		__atomic_store_n(&t->entry[i], (t->entry[i] & (state == HVCMAD_PIN_NONE ? HVCMAD_PIN_BACKED : ~STATE_MASK)) |
				 state, __ATOMIC_SEQ_CST);
	}
}

uint64_t hvcmad_pin_table_next(const struct hvcmad_pin_table *t, uint64_t from, enum hvcmad_pin_state state,
			       uint64_t *first)
{
	uint64_t i = from;

	while (i < t->nr && hvcmad_pin_table_state(t, i) != state)
		i++;
	*first = i;
	while (i < t->nr && hvcmad_pin_table_state(t, i) == state)
		i++;
	return i - *first;
}

void hvcmad_pin_table_set_backed(struct hvcmad_pin_table *t, uint64_t first, uint64_t nr, bool backed)
{
	uint64_t i;

	for (i = first; i < first + nr; i++)
		__atomic_store_n(&t->entry[i], (t->entry[i] & ~HVCMAD_PIN_BACKED) | (backed ? HVCMAD_PIN_BACKED : 0),
				 __ATOMIC_SEQ_CST);
}

bool hvcmad_pin_table_is_backed(const struct hvcmad_pin_table *t, uint64_t granule)
{
	return t->entry[granule] & HVCMAD_PIN_BACKED;
}

void hvcmad_pin_table_set_address(struct hvcmad_pin_table *t, uint64_t granule, uint64_t hpa)
{
	__atomic_store_n(&t->entry[granule], (hpa & ADDRESS_MASK) | (t->entry[granule] & ~ADDRESS_MASK),
			 __ATOMIC_SEQ_CST);
}

uint64_t hvcmad_pin_table_address(const struct hvcmad_pin_table *t, uint64_t granule)
{
	return t->entry[granule] & ADDRESS_MASK;
}
