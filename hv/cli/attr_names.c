// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Words for memory attributes. See attr_names.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/cli/attr_names.h"
#include "hv/core/attr.h"

const struct hvcma_attr_word hvcma_attr_stage1_words[] = {
	{ "device-ngnrne", 0x00 },
	{ "device-ngnre", 0x04 },
	{ "device-ngre", 0x08 },
	{ "device-gre", 0x0c },
	{ "normal-nc", HVCMA_MAIR_NORMAL_NC },
	{ "normal-wt", 0xbb },
	{ "normal-wb", HVCMA_MAIR_NORMAL_WB },
	{ "normal-tagged", 0xf0 },
	{ "off", 0x00 },
	{ 0 },
};

const struct hvcma_attr_word hvcma_attr_stage2_words[] = {
	{ "device-ngnrne", 0x0 },
	{ "device-ngnre", 0x1 },
	{ "device-ngre", 0x2 },
	{ "device-gre", 0x3 },
	{ "normal-nc", 0x5 },
	{ "normal-wt", 0xa },
	{ "normal-wb", HVCMA_S2_RAM_NO_FWB },
	{ 0 },
};

const struct hvcma_attr_word hvcma_attr_fwb_words[] = {
	{ "device-ngnrne", 0x0 },
	{ "device-ngnre", 0x1 },
	{ "device-ngre", 0x2 },
	{ "device-gre", 0x3 },
	{ "normal-nc", 0x5 },
	{ "normal-wb", HVCMA_S2_RAM_FWB },
	{ "stage1", 0x7 },
	{ 0 },
};

const struct hvcma_attr_word hvcma_attr_sh_words[] = {
	{ "non", HVCMA_SH_NON },
	{ "outer", HVCMA_SH_OUTER },
	{ "inner", HVCMA_SH_INNER },
	{ 0 },
};

const struct hvcma_attr_word hvcma_attr_client_words[] = {
	{ "coherent", VIRTIO_CMA_COHERENT_YES },
	{ "noncoherent", VIRTIO_CMA_COHERENT_NO },
	{ "unknown", VIRTIO_CMA_COHERENT_UNKNOWN },
	{ "emulated", HVCMA_COHERENT_EMULATED },
	{ 0 },
};

const struct hvcma_attr_word hvcma_attr_host_words[] = {
	{ "fwb", VIRTIO_CMA_STAGE2_FWB },
	{ "no-fwb", VIRTIO_CMA_STAGE2_NO_FWB },
	{ "none", VIRTIO_CMA_STAGE2_NONE },
	{ "unknown", VIRTIO_CMA_STAGE2_UNKNOWN },
	{ 0 },
};

const struct hvcma_attr_word hvcma_attr_mode_words[] = {
	{ "private", VIRTIO_CMA_MODE_PRIVATE },
	{ "reusable", VIRTIO_CMA_MODE_REUSABLE },
	{ "static", VIRTIO_CMA_MODE_STATIC },
	{ "ram", VIRTIO_CMA_MODE_RAM },
	{ 0 },
};

const struct hvcma_attr_word hvcma_attr_map_words[] = {
	{ "auto", VIRTIO_CMA_ATTR_AUTO },
	{ "cached", VIRTIO_CMA_ATTR_CACHED },
	{ "uncached", VIRTIO_CMA_ATTR_UNCACHED },
	{ 0 },
};

const struct hvcma_attr_word hvcma_attr_alias_words[] = {
	{ "maintained", HVCMA_ALIAS_MAINTAINED },
	{ "busy", HVCMA_ALIAS_BUSY },
	{ 0 },
};

const struct hvcma_attr_word hvcma_attr_maint_words[] = {
	{ "block", VIRTIO_CMA_MAINT_BLOCK },
	{ "sync", VIRTIO_CMA_MAINT_SYNC },
	{ "no-coherent", VIRTIO_CMA_MAINT_NO_COHERENT },
	{ "no-cached-alias", VIRTIO_CMA_MAINT_NO_CACHED_ALIAS },
	{ 0 },
};

const struct hvcma_attr_word hvcma_attr_feature_words[] = {
	{ "xs", HVCMA_ATTR_XS },
	{ "mte", HVCMA_ATTR_MTE },
	{ "mte-perm", HVCMA_ATTR_MTE_PERM },
	{ 0 },
};

bool hvcma_attr_parse(const struct hvcma_attr_word *words, const char *text,
		      uint32_t max_number, uint32_t *value)
{
	unsigned long number;
	char *end;

	for (; words->word; words++) {
		if (!strcmp(words->word, text)) {
			*value = words->value;
			return true;
		}
	}
	if (!max_number || *text < '0' || *text > '9')
		return false;
	errno = 0;
	number = strtoul(text, &end, 0);
	if (errno || *end || number > max_number)
		return false;
	*value = (uint32_t)number;
	return true;
}

const char *hvcma_attr_word(const struct hvcma_attr_word *words, uint32_t value)
{
	while (words->word && words->value != value)
		words++;
	return words->word ? words->word : "?";
}

void hvcma_attr_list(const struct hvcma_attr_word *words, char *text, size_t text_bytes)
{
	size_t used = 0;

	*text = 0;
	for (size_t i = 0; words[i].word && used < text_bytes; i++)
		used += (size_t)snprintf(text + used, text_bytes - used, "%s%s", i ? ", " : "",
					 words[i].word);
}
