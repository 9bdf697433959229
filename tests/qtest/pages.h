/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hugepages of a test's own: a hugetlbfs mount that reserves them. What that
 * mount says is free is free: nobody else uses it, and a page that is still
 * pinned by anyone does not count. Needs root.
 */
#ifndef TESTS_QTEST_PAGES_H
#define TESTS_QTEST_PAGES_H

#include "tests/qtest/qtest.h"

#define PAGES_NR	32		/* of 2 MiB */

/* Group set-up and tear-down of cmocka; without pages every test is skipped. */
int pages_mount(void **state);
int pages_unmount(void **state);

/* Of each test: all pages are free before, and again after. */
int pages_check(void **state);
int pages_check_after(void **state);

#define PAGES_TEST(name)	\
	cmocka_unit_test_setup_teardown(name, pages_check, pages_check_after)

/** pages_folder() - where they are mounted. */
const char *pages_folder(void);

long pages_nr_free(void);

/** pages_assert_free() - waits: the kernel lets go of pins a little later. */
void pages_assert_free(long nr);

/** pages_nr_mapped() - hugepages QEMU has mapped now: those touched or pinned. */
long pages_nr_mapped(const struct qtest *q);
/** pages_nr_mapped_by() - hugepages that a process has mapped now. */
long pages_nr_mapped_by(pid_t pid);

#endif /* TESTS_QTEST_PAGES_H */
