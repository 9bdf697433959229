// SPDX-License-Identifier: GPL-2.0-only
/*
 * hold PID NAME: takes a copy of that process's descriptor whose target in /proc has NAME in it, says
 * "held", and keeps it until it is killed: as a child would that the process had before. By root.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd	438	/* Linux 5.6 */
#endif

static int find(const char *pid, const char *name)
{
	char path[512], target[256];
	struct dirent *e;
	int found = -1;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	while (dir && found < 0 && (e = readdir(dir))) {
		ssize_t bytes;

		snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, e->d_name);
		bytes = readlink(path, target, sizeof(target) - 1);
		if (bytes <= 0)
			continue;
		target[bytes] = '\0';
		if (strstr(target, name))
			found = atoi(e->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

int main(int argc, char **argv)
{
	long process, copy;
	int fd;

	if (argc != 3)
		return 2;
	fd = find(argv[1], argv[2]);
	process = syscall(SYS_pidfd_open, atoi(argv[1]), 0);
	copy = fd < 0 || process < 0 ? -1 : syscall(SYS_pidfd_getfd, (int)process, fd, 0);
	if (copy < 0) {
		perror("hold");
		return 1;
	}
	puts("held");
	fflush(stdout);
	pause();
	return 0;
}
