/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands to vcma_import.ko, which maps a program's dma-buf for a device.
 */
#ifndef HVCMA_TESTS_GUEST_IMPORTER_H
#define HVCMA_TESTS_GUEST_IMPORTER_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/** importer() - have @device do @verb with the buffer @fd. Return: 0 or a positive errno. */
static inline int importer(const char *device, const char *verb, int fd)
{
	int importer_fd = open("/dev/vcma_import", O_WRONLY), err = 0;
	char line[32];

	snprintf(line, sizeof(line), "%s %s %d", device, verb, fd);
	if (write(importer_fd, line, strlen(line)) < 0)
		err = errno;
	close(importer_fd);
	return err;
}

#endif /* HVCMA_TESTS_GUEST_IMPORTER_H */
