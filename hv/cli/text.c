// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Text of others, made harmless. See text.h.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hv/cli/text.h"

#define ESCAPE_BYTES	6		/* "\u202e" */

/*
 * The character at @p, which has at least one byte.
 * Return: how many bytes it has, 0 if they are no UTF-8.
 */
static size_t decode(const unsigned char *p, size_t bytes, uint32_t *character)
{
	static const struct { unsigned char mask, lead; uint32_t least; } form[] = {
		{ 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 },
	};
	uint32_t c;
	size_t more = 0;

	while ((*p & form[more].mask) != form[more].lead)
		if (++more == sizeof(form) / sizeof(*form))
			return 0;
	if (more >= bytes)
		return 0;
	c = *p & (unsigned char)~form[more].mask;
	for (size_t i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < form[more].least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*character = c;
	return more + 1;
}

/* Control characters (C0, DEL, C1), line separators, marks and overrides of direction. */
static bool is_unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x61c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static void *get_memory(size_t bytes)
{
	void *memory = malloc(bytes);

	if (!memory) {
		fputs("hvcma: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	return memory;
}

char *hvcma_printable(const char *text)
{
	size_t left = strlen(text), n;
	char *copy = get_memory(left * ESCAPE_BYTES + 1), *to = copy;
	uint32_t c;

	for (; left; text += n, left -= n) {
		n = decode((const unsigned char *)text, left, &c);
		if (n && !is_unsafe(c)) {
			memcpy(to, text, n);
			to += n;
		} else if (n && c > 0xff) {
			to += sprintf(to, "\\u%04x", c);
		} else {
			to += sprintf(to, "\\x%02x", n ? c : (unsigned char)*text);
			n = n ? n : 1;
		}
	}
	*to = '\0';
	return copy;
}

/* Most text is plain, and is not copied for that. */
static bool is_plain(const char *text)
{
	while (*text >= ' ' && *text <= '~')
		text++;
	return !*text;
}

void hvcma_put_printable(FILE *out, const char *text)
{
	char *copy;

	if (is_plain(text)) {
		fputs(text, out);
		return;
	}
	copy = hvcma_printable(text);
	fputs(copy, out);
	free(copy);
}

struct json_object *hvcma_json_printable(struct json_object *obj)
{
	struct json_object *copy;
	char *text;

	switch (json_object_get_type(obj)) {
	case json_type_object:
		copy = json_object_new_object();
		json_object_object_foreach(obj, key, value) {
			text = hvcma_printable(key);
			json_object_object_add(copy, text, hvcma_json_printable(value));
			free(text);
		}
		return copy;
	case json_type_array:
		copy = json_object_new_array();
		for (size_t i = 0; i < json_object_array_length(obj); i++)
			json_object_array_add(copy, hvcma_json_printable(json_object_array_get_idx(obj, i)));
		return copy;
	case json_type_string:
		text = hvcma_printable(json_object_get_string(obj));
		copy = json_object_new_string(text);
		free(text);
		return copy;
	default:
		return json_object_get(obj);
	}
}

/* What json-c lets through: only strings can have it, where \u stands for the same. */
void hvcma_print_json(struct json_object *obj, int flags)
{
	const char *text = json_object_to_json_string_ext(obj, flags);
	size_t left = strlen(text), n;
	uint32_t c;

	for (; left; text += n, left -= n) {
		n = decode((const unsigned char *)text, left, &c);
		if (!n || (is_unsafe(c) && c != '\n')) {
			printf("\\u%04x", n ? c : 0xfffd);
			n = n ? n : 1;
		} else {
			fwrite(text, 1, n, stdout);
		}
	}
	putchar('\n');
}
