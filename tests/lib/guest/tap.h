/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Results of a program that runs inside guests, one line of TAP each. No plan: the caller prints it.
 */
#ifndef HVCMA_TESTS_GUEST_TAP_H
#define HVCMA_TESTS_GUEST_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static unsigned int nr_tests, nr_failed;

/** result() - count and print one; returns @good. */
static inline bool result(bool good, const char *fmt, ...)
{
	va_list args;

	nr_tests++;
	nr_failed += !good;
	printf("%s %u - ", good ? "ok" : "not ok", nr_tests);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	return good;
}

#endif /* HVCMA_TESTS_GUEST_TAP_H */
