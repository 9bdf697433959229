/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests that have children: what fails in one, and what it, or a program, said. Include after
 * <cmocka.h>.
 */
#ifndef TESTS_LIB_CHILD_H
#define TESTS_LIB_CHILD_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define assert_words(text, words)						\
	do {									\
		if (!strstr(text, words))					\
			fail_msg("'%s' is not in '%s'", words, text);		\
	} while (0)

/* In a child: a failing assertion must not carry on with the parent's tests. */
static inline void be_a_child(void)
{
	setenv("CMOCKA_TEST_ABORT", "1", 1);
}

static inline void must(bool ok, const char *what)
{
	if (ok)
		return;
	printf("# child: %s: %s\n", what, strerror(errno));
	fflush(NULL);
	_exit(99);
}

#endif /* TESTS_LIB_CHILD_H */
