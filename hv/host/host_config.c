// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a host's kernel was configured with: see host_config.h.
 */
#include "hv/host/host_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/host/host_files.h"
#include "hv/host/host_run.h"

#define MAX_CONFIG_BYTES	((size_t)2 << 20)
#define GZIP_SECONDS		10

static char *unpack(const char *root)
{
	static const char *const gzip[] = { "gzip", "-dc", NULL };
	char path[PATH_MAX], *text;

	if (hvcma_host_real(root, path, "/proc/config.gz"))
		return NULL;
	text = malloc(MAX_CONFIG_BYTES);
	if (text && hvcma_host_run(gzip, path, text, MAX_CONFIG_BYTES, GZIP_SECONDS)) {
		free(text);
		return NULL;
	}
	return text;
}

void hvcma_host_config_load(const char *root, struct hvcma_host_config *config)
{
	static const struct { const char *before, *after; } places[] = {
		{ "/boot/config-", "" }, { "/lib/modules/", "/config" }, { "/usr/lib/modules/", "/config" },
	};

	memset(config, 0, sizeof(*config));
	hvcma_host_read(root, config->release, sizeof(config->release), "/proc/sys/kernel/osrelease");
	for (size_t i = 0; i < sizeof(places) / sizeof(*places) && !config->text && *config->release; i++) {
		snprintf(config->source, sizeof(config->source), "%s%s%s", places[i].before, config->release,
			 places[i].after);
		config->text = hvcma_host_load(root, "%s", config->source);
	}
	if (config->text)
		return;
	config->text = unpack(root);
	snprintf(config->source, sizeof(config->source), "%s", config->text ? "/proc/config.gz" : "");
}

void hvcma_host_config_free(struct hvcma_host_config *config)
{
	free(config->text);
	config->text = NULL;
}

enum hvcma_config_value hvcma_host_config_value(const struct hvcma_host_config *config, const char *option)
{
	size_t length = strlen(option);

	if (!config->text)
		return HVCMA_CONFIG_UNKNOWN;
	for (const char *line = config->text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, option, length) && line[length] == '=')
			return line[length + 1] == 'm' ? HVCMA_CONFIG_MODULE : HVCMA_CONFIG_YES;
	}
	return HVCMA_CONFIG_NO;
}
