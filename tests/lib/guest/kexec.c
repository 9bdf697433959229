// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kexec: the next kernel of a test guest, loaded by kexec_file_load(2).
 *
 *	kexec load KERNEL INITRAMFS COMMAND-LINE	for "kexec boot"
 *	kexec crash KERNEL INITRAMFS COMMAND-LINE	for a panic
 *	kexec boot					shut devices down, then jump
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int kernel, initramfs, crash;

	if (argc == 2 && !strcmp(argv[1], "boot")) {
		reboot(LINUX_REBOOT_CMD_KEXEC);
		perror("kexec: reboot");
		return 1;
	}
	crash = argc == 5 && !strcmp(argv[1], "crash");
	if (argc != 5 || (!crash && strcmp(argv[1], "load"))) {
		fprintf(stderr, "usage: see the head of kexec.c\n");
		return 2;
	}
	kernel = open(argv[2], O_RDONLY);
	initramfs = open(argv[3], O_RDONLY);
	if (syscall(SYS_kexec_file_load, kernel, initramfs, strlen(argv[4]) + 1, argv[4],
		    crash ? KEXEC_FILE_ON_CRASH : 0)) {
		perror("kexec: kexec_file_load");
		return 1;
	}
	return 0;
}
