// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hugepages of a test's own: see pages.h.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/pool_lock.h"
#include "tests/qtest/pages.h"

#define MAX_POOL	512		/* the machine has other uses for its memory */

static char *folder;
static const char *skip_reason;

const char *pages_folder(void)
{
	return folder;
}

static long pool_figure(const char *name)
{
	char line[128];
	long value = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			value = strtol(line + strlen(name) + 1, NULL, 10);
	if (f)
		fclose(f);
	return value;
}

/* Raises the pool, never lowers it. */
static void want_pages(long nr)
{
	long total = pool_figure("HugePages_Total");
	long missing = nr - (pool_figure("HugePages_Free") - pool_figure("HugePages_Rsvd"));
	FILE *f;

	if (missing <= 0 || total + missing > MAX_POOL)
		return;
	f = fopen("/proc/sys/vm/nr_hugepages", "w");
	if (f) {
		fprintf(f, "%ld", total + missing);
		fclose(f);
	}
}

int pages_mount(void **state)
{
	char name[] = "/tmp/hvcma-huge-XXXXXX";
	int lock;

	(void)state;
	if (geteuid()) {
		skip_reason = "needs root, for hugepages and physical addresses";
		return 0;
	}
	/* Whatever becomes of this program and its QEMU, what they had goes with them. */
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		skip_reason = "cannot have mounts of its own";
		return 0;
	}
	lock = pool_lock();
	want_pages(PAGES_NR + 8);
	folder = mkdtemp(name) ? strdup(name) : NULL;
	if (!folder ||
	    mount("none", folder, "hugetlbfs", 0, "pagesize=2M,size=64M,min_size=64M,mode=1777"))
		skip_reason = "no 32 free hugepages of 2 MiB";
	pool_unlock(lock);
	return 0;
}

int pages_unmount(void **state)
{
	(void)state;
	if (folder) {
		umount(folder);
		rmdir(folder);
		free(folder);
	}
	return 0;
}

long pages_nr_free(void)
{
	struct statfs fs;

	assert_int_equal(statfs(folder, &fs), 0);
	return (long)fs.f_bfree;
}

void pages_assert_free(long nr)
{
	unsigned int i;

	for (i = 0; pages_nr_free() != nr; i++) {
		if (i == QTEST_TIMEOUT_S * 100)
			fail_msg("%ld of %d hugepages are free, not %ld", pages_nr_free(), PAGES_NR, nr);
		usleep(10000);
	}
}

long pages_nr_mapped_by(pid_t pid)
{
	char path[64], line[256];
	long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (strstr(line, "_Hugetlb:"))
			kib += strtol(strchr(line, ':') + 1, NULL, 10);
	fclose(f);
	return kib / 2048;
}

long pages_nr_mapped(const struct qtest *q)
{
	return pages_nr_mapped_by(qtest_pid(q));
}

int pages_check(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	if (skip_reason) {
		print_message("# skipped: %s\n", skip_reason);
		skip();
	}
	pages_assert_free(PAGES_NR);
	return 0;
}

int pages_check_after(void **state)
{
	(void)state;
	qtest_deny(0);
	qtest_kill_leftover();
	if (!skip_reason)
		pages_assert_free(PAGES_NR);
	return 0;
}
