/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host by its files: sysfs, procfs, /etc, /boot, of the machine that this runs on or of one
 * that was copied into a folder. Small files, whole. Knows no meaning of any.
 *
 * @root, throughout: "" is this machine, else the folder that its / is in. Paths are printf's
 * and begin with "/"; one that is longer than PATH_MAX is -ENAMETOOLONG.
 */
#ifndef HVCMA_HOST_HOST_FILES_H
#define HVCMA_HOST_HOST_FILES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * hvcma_host_read() - the text of a file, without the newline at its end.
 * @text: out, @room bytes; what is longer is cut
 *
 * Return: bytes of @text; the negative errno of opening or reading, @text is empty then.
 */
int hvcma_host_read(const char *root, char *text, size_t room, const char *path, ...)
	__attribute__((format(printf, 4, 5)));

/** hvcma_host_load() - all of it, in memory of the caller's to free; NULL with errno. */
char *hvcma_host_load(const char *root, const char *path, ...) __attribute__((format(printf, 2, 3)));

/** hvcma_host_number() - a decimal number, or 0x. Return: 0, or negative errno (-EIO: it is none). */
int hvcma_host_number(const char *root, uint64_t *value, const char *path, ...)
	__attribute__((format(printf, 3, 4)));

/** hvcma_host_has() - is there a file or folder? */
bool hvcma_host_has(const char *root, const char *path, ...) __attribute__((format(printf, 2, 3)));

/**
 * hvcma_host_link() - the last part of where a symbolic link leads.
 *
 * Return: 0; negative errno, @name is empty then.
 */
int hvcma_host_link(const char *root, char *name, size_t room, const char *path, ...)
	__attribute__((format(printf, 4, 5)));

/** hvcma_host_real() - where a path leads, links resolved. Return: 0 or negative errno. */
int hvcma_host_real(const char *root, char real[PATH_MAX], const char *path, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * hvcma_host_write() - write @text into a file that is there, in one call, as sysfs wants it.
 *
 * Return: 0, or what the kernel said, negative.
 */
int hvcma_host_write(const char *root, const char *text, const char *path, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * hvcma_host_save() - make @text the content of a file, in one step: who looks finds the old
 * one or the new one. Folders on the way are made.
 *
 * Return: 0, or negative errno; the file is what it was.
 */
int hvcma_host_save(const char *root, const char *text, const char *path, ...)
	__attribute__((format(printf, 3, 4)));

/** hvcma_host_remove() - a file; that it is not there is fine. Return: 0 or negative errno. */
int hvcma_host_remove(const char *root, const char *path, ...) __attribute__((format(printf, 2, 3)));

/**
 * hvcma_host_list() - call @each with the names in a folder, in their order, until it returns
 * something else than 0.
 *
 * Return: that, 0, or the negative errno of reading the folder.
 */
typedef int hvcma_host_each_fn(const char *name, void *opaque);
int hvcma_host_list(const char *root, hvcma_host_each_fn *each, void *opaque, const char *path, ...)
	__attribute__((format(printf, 4, 5)));

#endif /* HVCMA_HOST_HOST_FILES_H */
