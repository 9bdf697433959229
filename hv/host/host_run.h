/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Running other programs (modprobe, gzip, QEMU), and hearing what they say. Through no shell.
 */
#ifndef HVCMA_HOST_HOST_RUN_H
#define HVCMA_HOST_HOST_RUN_H

#include <stddef.h>

/**
 * hvcma_host_run() - run a program to its end, found in PATH.
 * @argv: ends with NULL
 * @in: file that is its standard input; NULL: /dev/null
 * @out: what it prints, standard error too, @room bytes with the zero at the end; what is
 *	longer is read and dropped
 * @seconds: after so many it is ended
 *
 * Return: its exit status; 127 also if there is no such program; -EINTR: a signal ended it;
 * another negative errno: it could not be started, or @in not be opened.
 */
int hvcma_host_run(const char *const argv[], const char *in, char *out, size_t room, unsigned int seconds);

#endif /* HVCMA_HOST_HOST_RUN_H */
