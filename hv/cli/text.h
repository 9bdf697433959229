/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text of others - names and messages from QEMU, from files, from the command
 * line - on its way to people and programs: nothing in it steers a terminal, and
 * JSON is valid UTF-8. Knows nothing of what it says.
 */
#ifndef HVCMA_CLI_TEXT_H
#define HVCMA_CLI_TEXT_H

#include <stdio.h>

#include <json-c/json.h>

/**
 * hvcma_printable() - @text without what a terminal would obey: control
 * characters, those that turn the direction of writing, and bytes that are no
 * UTF-8 become \xNN or \uNNNN.
 *
 * Return: malloc'ed, never NULL: without memory the program ends.
 */
char *hvcma_printable(const char *text);

/** hvcma_put_printable() - print that. */
void hvcma_put_printable(FILE *out, const char *text);

/**
 * hvcma_json_printable() - a copy in which all keys and strings are printable.
 * @obj: may be NULL, as JSON's null is
 *
 * Return: a reference owned by the caller; NULL for NULL.
 */
struct json_object *hvcma_json_printable(struct json_object *obj);

/**
 * hvcma_print_json() - print @obj and a newline on stdout.
 * @flags: JSON_C_TO_STRING_*
 *
 * The same value, whatever is in its strings, but for bytes that are no UTF-8:
 * each is U+FFFD.
 */
void hvcma_print_json(struct json_object *obj, int flags);

#endif /* HVCMA_CLI_TEXT_H */
