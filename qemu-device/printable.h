/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text of the user on its way into messages: nothing in it steers a terminal or
 * breaks a line of a log. Knows nothing of what it says.
 */
#ifndef QEMU_DEVICE_PRINTABLE_H
#define QEMU_DEVICE_PRINTABLE_H

#include <glib.h>
#include <stdbool.h>

/**
 * hvcma_is_printable() - is @text UTF-8 without control characters and marks
 * that turn the direction of writing?
 */
bool hvcma_is_printable(const char *text);

/**
 * hvcma_printable() - @text with \xNN or \uNNNN for what is not.
 * @text: NULL gives "(none)"
 *
 * Return: g_malloc'ed.
 */
char *hvcma_printable(const char *text);

#endif /* QEMU_DEVICE_PRINTABLE_H */
