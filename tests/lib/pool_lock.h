/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests that run side by side take pages of the host's pool one after the other:
 * between looking how many are free and having them. Those of scripts use the
 * same file (hugepages.sh).
 */
#ifndef TESTS_LIB_POOL_LOCK_H
#define TESTS_LIB_POOL_LOCK_H

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

/** pool_lock() - waits. Return: for pool_unlock(), negative without the lock. */
static inline int pool_lock(void)
{
	int fd = open("/tmp/hvcma-hugepages-2048.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		flock(fd, LOCK_EX);
	return fd;
}

static inline void pool_unlock(int fd)
{
	if (fd >= 0)
		close(fd);
}

#endif /* TESTS_LIB_POOL_LOCK_H */
