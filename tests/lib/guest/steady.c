// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * steady: read the first register of a device over and over.
 *
 *	steady FILE		what shows it when mapped
 *
 * Prints what it read and ends with 1 when that changes, else never ends.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

int main(int argc, char **argv)
{
	volatile uint32_t *reg;
	uint32_t first, now;
	int fd;

	if (argc != 2)
		return 2;
	fd = open(argv[1], O_RDONLY);
	reg = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (fd < 0 || reg == MAP_FAILED) {
		perror(argv[1]);
		return 2;
	}
	first = *reg;
	while ((now = *reg) == first)
		;
	printf("0x%08x became 0x%08x\n", first, now);
	return 1;
}
