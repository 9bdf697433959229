/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Words of the command line for memory attributes, and back. Decides nothing:
 * hv/core/attr.h does.
 */
#ifndef HVCMA_CLI_ATTR_NAMES_H
#define HVCMA_CLI_ATTR_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hvcma_attr_word {
	const char *word;		/* NULL ends a list */
	uint32_t value;
};

extern const struct hvcma_attr_word hvcma_attr_stage1_words[];	/* MAIR bytes */
extern const struct hvcma_attr_word hvcma_attr_stage2_words[];	/* MemAttr without FWB */
extern const struct hvcma_attr_word hvcma_attr_fwb_words[];	/* MemAttr with FWB */
extern const struct hvcma_attr_word hvcma_attr_sh_words[];	/* enum hvcma_sh */
extern const struct hvcma_attr_word hvcma_attr_client_words[];	/* HVCMA_COHERENT_* */
extern const struct hvcma_attr_word hvcma_attr_host_words[];	/* VIRTIO_CMA_STAGE2_* */
extern const struct hvcma_attr_word hvcma_attr_mode_words[];	/* VIRTIO_CMA_MODE_* */
extern const struct hvcma_attr_word hvcma_attr_map_words[];	/* VIRTIO_CMA_ATTR_* */
extern const struct hvcma_attr_word hvcma_attr_alias_words[];	/* enum hvcma_alias */
extern const struct hvcma_attr_word hvcma_attr_maint_words[];	/* VIRTIO_CMA_MAINT_* */
extern const struct hvcma_attr_word hvcma_attr_feature_words[];	/* enum hvcma_attr_features */

/**
 * hvcma_attr_parse() - the value of @text: a word of the list, or a number in
 * C's notation up to @max_number (0: words only).
 *
 * Return: false without touching @value if it is neither.
 */
bool hvcma_attr_parse(const struct hvcma_attr_word *words, const char *text,
		      uint32_t max_number, uint32_t *value);

/** hvcma_attr_word() - the first word of that value, "?" if there is none. */
const char *hvcma_attr_word(const struct hvcma_attr_word *words, uint32_t value);

/** hvcma_attr_list() - all words, ", " between them, cut to the buffer. */
void hvcma_attr_list(const struct hvcma_attr_word *words, char *text, size_t text_bytes);

#endif /* HVCMA_CLI_ATTR_NAMES_H */
