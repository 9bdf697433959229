/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a host's kernel was configured with: of the file that its distribution has for it, or
 * of /proc/config.gz.
 */
#ifndef HVCMA_HOST_HOST_CONFIG_H
#define HVCMA_HOST_HOST_CONFIG_H

struct hvcma_host_config {
	char *text;		/* NULL: no configuration was found */
	char source[128];	/* the file */
	char release[96];	/* of the kernel that runs; "": not known */
};

enum hvcma_config_value {
	HVCMA_CONFIG_UNKNOWN,	/* no configuration */
	HVCMA_CONFIG_NO,
	HVCMA_CONFIG_MODULE,
	HVCMA_CONFIG_YES,
};

/** hvcma_host_config_load() - of @root, see host_files.h. Does not fail: nothing is UNKNOWN. */
void hvcma_host_config_load(const char *root, struct hvcma_host_config *config);
void hvcma_host_config_free(struct hvcma_host_config *config);

/** hvcma_host_config_value() - of an option, "CONFIG_VFIO_NOIOMMU". */
enum hvcma_config_value hvcma_host_config_value(const struct hvcma_host_config *config, const char *option);

#endif /* HVCMA_HOST_HOST_CONFIG_H */
