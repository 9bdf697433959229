// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Regions as text: see region_text.h. A parser by recursive descent over a text
 * that ends with NUL; every step looks at one character.
 *
 * The guest's kernel module includes this file: it must stay freestanding.
 */
#include "hv/core/region_text.h"

static enum virtio_cma_status fail(struct hvcma_text_error *err, const char *from, const char *to,
				   const char *sentence)
{
	err->slice.text = from;
	err->slice.bytes = (size_t)(to - from);
	err->sentence = sentence;
	return VIRTIO_CMA_S_INVAL;
}

/* At one character, or at the end of the text. */
static enum virtio_cma_status fail_at(struct hvcma_text_error *err, const char *at,
				      const char *sentence)
{
	return fail(err, at, *at ? at + 1 : at, sentence);
}

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '-' || c == '_' || c == '.' || c == ':' || c == '+';
}

bool hvcma_slice_equal(const struct hvcma_slice *a, const struct hvcma_slice *b)
{
	size_t i;

	if (a->bytes != b->bytes)
		return false;
	for (i = 0; i < a->bytes; i++)
		if (a->text[i] != b->text[i])
			return false;
	return true;
}

bool hvcma_slice_is(const struct hvcma_slice *slice, const char *string)
{
	size_t i;

	for (i = 0; i < slice->bytes; i++)
		if (slice->text[i] != string[i] || !string[i])
			return false;
	return !string[i];
}

/* --- words ------------------------------------------------------------ */

/* A name of less than @field_bytes, which counts a terminator. */
static enum virtio_cma_status parse_word(const char **p, size_t field_bytes,
					 struct hvcma_slice *word, const char *missing,
					 const char *too_long, struct hvcma_text_error *err)
{
	const char *from = *p, *to = from;

	while (is_word(*to))
		to++;
	if (to == from)
		return fail_at(err, from, missing);
	if ((size_t)(to - from) >= field_bytes)
		return fail(err, from, to, too_long);
	word->text = from;
	word->bytes = (size_t)(to - from);
	*p = to;
	return VIRTIO_CMA_S_OK;
}

bool hvcma_region_text_client(struct hvcma_slice *rest, struct hvcma_slice *client)
{
	size_t bytes = 0;

	while (bytes < rest->bytes && rest->text[bytes] != ',')
		bytes++;
	if (!bytes)
		return false;
	client->text = rest->text;
	client->bytes = bytes;
	bytes += bytes < rest->bytes;		/* the comma */
	rest->text += bytes;
	rest->bytes -= bytes;
	return true;
}

static enum virtio_cma_status parse_clients(const char **p, struct hvcma_region_text *e,
					    struct hvcma_text_error *err)
{
	const char *from = *p + 1;		/* behind the slash */
	struct hvcma_slice client;

	do {
		++*p;
		if (parse_word(p, VIRTIO_CMA_NAME_BYTES, &client, "client is missing",
			       "client has more than 31 bytes", err))
			return VIRTIO_CMA_S_INVAL;
	} while (**p == ',');
	e->clients.text = from;
	e->clients.bytes = (size_t)(*p - from);
	if (**p != '(')
		return VIRTIO_CMA_S_OK;
	++*p;
	if (parse_word(p, VIRTIO_CMA_KIND_BYTES, &e->kind, "kind is missing",
		       "kind has more than 15 bytes", err))
		return VIRTIO_CMA_S_INVAL;
	if (**p != ')')
		return fail_at(err, *p, "expected ')' after the kind");
	++*p;
	return VIRTIO_CMA_S_OK;
}

/* --- numbers ---------------------------------------------------------- */

static int digit_of(char c, uint32_t radix)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (radix == 16 && c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (radix == 16 && c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static uint32_t shift_of(char c)
{
	switch (c) {
	case 'K':
	case 'k':
		return 10;
	case 'M':
	case 'm':
		return 20;
	case 'G':
	case 'g':
		return 30;
	case 'T':
	case 't':
		return 40;
	default:
		return 0;
	}
}

static enum virtio_cma_status parse_number(const char **p, uint64_t *value, uint32_t *radix,
					   struct hvcma_text_error *err)
{
	const uint64_t most = ~(uint64_t)0;
	const char *from = *p, *to = from;
	int digit;

	*radix = from[0] == '0' && (from[1] == 'x' || from[1] == 'X') ? 16 : 10;
	if (*radix == 16)
		to += 2;
	if (digit_of(*to, *radix) < 0)
		return fail_at(err, to, "number is missing");
	*value = 0;
	for (; (digit = digit_of(*to, *radix)) >= 0; to++) {
		if (*value > (*radix == 16 ? most / 16 : most / 10) ||
		    *value * *radix > most - (uint32_t)digit)
			return fail(err, from, to + 1, "number is too large");
		*value = *value * *radix + (uint32_t)digit;
	}
	*p = to;
	return VIRTIO_CMA_S_OK;
}

/* Bytes; without percent. */
static enum virtio_cma_status parse_amount(const char **p, uint64_t *bytes,
					   struct hvcma_text_error *err)
{
	const char *from = *p;
	uint32_t radix, shift;

	if (parse_number(p, bytes, &radix, err))
		return VIRTIO_CMA_S_INVAL;
	shift = radix == 10 ? shift_of(**p) : 0;
	if (!shift)
		return VIRTIO_CMA_S_OK;
	++*p;
	if (*bytes > ~(uint64_t)0 >> shift)
		return fail(err, from, *p, "number is too large");
	*bytes <<= shift;
	return VIRTIO_CMA_S_OK;
}

static enum virtio_cma_status parse_quantity(const char **p, struct hvcma_quantity *q,
					     struct hvcma_text_error *err)
{
	const char *from = *p;

	q->is_percent = false;
	if (parse_amount(p, &q->value, err))
		return VIRTIO_CMA_S_INVAL;
	if (**p != '%')
		return VIRTIO_CMA_S_OK;
	++*p;
	if (digit_of((*p)[-2], 10) < 0)
		return fail(err, from, *p, "a percentage has no suffix");
	if (!q->value || q->value > 100)
		return fail(err, from, *p, "percentage is not between 1 and 100");
	q->is_percent = true;
	return VIRTIO_CMA_S_OK;
}

static bool take(const char **p, const char *word)
{
	const char *at = *p;

	for (; *word; word++, at++)
		if (*at != *word)
			return false;
	*p = at;
	return true;
}

static enum virtio_cma_status parse_size(const char **p, struct hvcma_size *s,
					 struct hvcma_text_error *err)
{
	s->text.text = *p;
	s->nr = 0;
	s->kind = HVCMA_SIZE_PLAIN;
	if (take(p, "min("))
		s->kind = HVCMA_SIZE_MIN;
	else if (take(p, "max("))
		s->kind = HVCMA_SIZE_MAX;
	for (;;) {
		if (s->nr == HVCMA_TEXT_MAX_QUANTITIES)
			return fail_at(err, *p, "more than 4 quantities");
		if (parse_quantity(p, &s->quantity[s->nr], err))
			return VIRTIO_CMA_S_INVAL;
		s->nr++;
		if (s->kind == HVCMA_SIZE_PLAIN)
			break;
		if (**p == ')') {
			++*p;
			break;
		}
		if (**p != ',')
			return fail_at(err, *p, "expected ',' or ')' after the quantity");
		++*p;
	}
	s->text.bytes = (size_t)(*p - s->text.text);
	return VIRTIO_CMA_S_OK;
}

/* A quantity of 0 makes no size, but for clients that get nothing of their own. */
static enum virtio_cma_status check_size(const struct hvcma_region_text *e,
					 struct hvcma_text_error *err)
{
	const struct hvcma_size *s = &e->size;
	uint32_t i;

	for (i = 0; i < s->nr; i++)
		if (!s->quantity[i].value &&
		    (s->kind != HVCMA_SIZE_PLAIN || !e->clients.bytes))
			return fail(err, s->text.text, s->text.text + s->text.bytes,
				    "size is zero");
	return VIRTIO_CMA_S_OK;
}

/* --- entries ---------------------------------------------------------- */

enum virtio_cma_status hvcma_region_text_next(const char **text, struct hvcma_region_text *entry,
					      struct hvcma_text_error *err)
{
	struct hvcma_region_text e = { .has_base = false };
	const char *p = *text;

	if (parse_word(&p, VIRTIO_CMA_NAME_BYTES, &e.name, "region name is missing",
		       "region name has more than 31 bytes", err))
		return VIRTIO_CMA_S_INVAL;
	if (*p == '/' && parse_clients(&p, &e, err))
		return VIRTIO_CMA_S_INVAL;
	if (*p == '(')
		return fail_at(err, p, "a kind needs clients before it");
	if (*p != '=')
		return fail_at(err, p, e.clients.bytes ? "expected ',', '(' or '='"
						       : "expected '/' or '='");
	p++;
	if (parse_size(&p, &e.size, err) || check_size(&e, err))
		return VIRTIO_CMA_S_INVAL;
	if (*p == '@') {
		p++;
		e.has_base = true;
		if (parse_amount(&p, &e.base, err))
			return VIRTIO_CMA_S_INVAL;
	}
	if (*p == ';') {
		p++;
		if (!*p)
			return fail_at(err, p - 1, "an entry must follow the ';'");
	} else if (*p) {
		return fail_at(err, p, e.has_base ? "expected ';' after the base"
						  : "expected '@' or ';' after the size");
	}
	*entry = e;
	*text = p;
	return VIRTIO_CMA_S_OK;
}

static uint64_t quantity_bytes(const struct hvcma_quantity *q, uint64_t ram_bytes)
{
	if (!q->is_percent)
		return q->value;
	return ram_bytes / 100 * q->value + ram_bytes % 100 * q->value / 100;
}

bool hvcma_region_text_is_relative(const struct hvcma_size *s)
{
	uint32_t i;

	for (i = 0; i < s->nr; i++)
		if (s->quantity[i].is_percent)
			return true;
	return false;
}

enum virtio_cma_status hvcma_region_text_bytes(const struct hvcma_size *s, uint64_t ram_bytes,
					       uint64_t *bytes)
{
	uint64_t result = 0;
	uint32_t i;

	for (i = 0; i < s->nr; i++) {
		uint64_t one = quantity_bytes(&s->quantity[i], ram_bytes);

		if (s->quantity[i].is_percent && !ram_bytes)
			return VIRTIO_CMA_S_INVAL;
		if (!i || (s->kind == HVCMA_SIZE_MIN ? one < result : one > result))
			result = one;
	}
	*bytes = result;
	return VIRTIO_CMA_S_OK;
}

enum virtio_cma_status hvcma_region_text_take_amount(const char **text, uint64_t *bytes,
						     struct hvcma_text_error *err)
{
	const char *p = *text;
	uint64_t value;

	if (parse_amount(&p, &value, err))
		return VIRTIO_CMA_S_INVAL;
	*bytes = value;
	*text = p;
	return VIRTIO_CMA_S_OK;
}

enum virtio_cma_status hvcma_region_text_amount(const char *text, uint64_t *bytes,
						struct hvcma_text_error *err)
{
	const char *p = text;
	uint64_t value;

	if (hvcma_region_text_take_amount(&p, &value, err))
		return VIRTIO_CMA_S_INVAL;
	if (*p)
		return fail_at(err, p, "expected nothing after the number");
	*bytes = value;
	return VIRTIO_CMA_S_OK;
}
