/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration of hvcmad: which VMs there are, how they are told, what they may have.
 * Nothing is allowed that is not said. The format is libconfig's; hvcmad(8) has the
 * settings. Says what is allowed, and not what is used (account.h).
 */
#ifndef HVCMA_SERVICE_CONFIG_H
#define HVCMA_SERVICE_CONFIG_H

#include <stdio.h>
#include <sys/types.h>

#include "hv/abi/hvcmad.h"
#include "hv/host/provider.h"
#include "hv/service/identity.h"

#define HVCMAD_MAX_CONFIG_BYTES	(1024 * 1024)

#define HVCMAD_TURN_MS		3000	/* if nothing else is said */
#define HVCMAD_MIN_TURN_MS	100
#define HVCMAD_MAX_TURN_MS	60000

struct hvcmad_quota {
	uint64_t memory_bytes;		/* in regions */
	uint64_t pinned_bytes;
	uint32_t regions;
	uint32_t devices;		/* open at a time */
};

/* A VM, and what a process must be to be taken for it: all that is said. */
struct hvcmad_rule {
	char name[HVCMAD_VM_BYTES];
	bool has_uid;
	uid_t uid;
	char *cgroup;			/* fnmatch(3), '*' not across '/'; NULL: any */
	char *machine;			/* NULL: any */
	char *label;			/* fnmatch(3); NULL: any */
	struct hvcmad_quota quota;
	bool unsafe_noiommu;		/* may see host-physical addresses */
	char (*device)[HVCMAD_DEVICE_BYTES];	/* that it may open, PCI and platform */
	size_t nr_devices;
	uint32_t priority;		/* who is asked for memory first: the lowest */
	bool unsafe_no_reset;		/* a device without any reset counts as stopped once it is no bus master */
};

/* Hugepages of one size of which so much stays free. */
struct hvcmad_reserve {
	uint64_t page_bytes;
	uint64_t keep_bytes;
};

struct hvcmad_config {
	bool has_group;
	gid_t group;			/* of the socket, where the service makes it */
	struct hvcmad_quota total;
	struct hvcmad_reserve *reserve;
	size_t nr_reserves;
	char *platform_rules;		/* a file, before those that are installed; NULL: none */
	uint32_t turn_ms;		/* so long has who is asked for memory to surrender it */
	struct hvcmad_rule *rule;	/* the first that fits counts */
	size_t nr_rules;
};

/**
 * hvcmad_config_read() - read a file, whole.
 * @out: out: owned by the caller (hvcmad_config_free())
 *
 * Return: 0, -EINVAL (the text; @err begins with "FILE:LINE: "), -EFBIG (more than
 * HVCMAD_MAX_CONFIG_BYTES), -ENOMEM, or what opening or reading said (-ENOENT); @err
 * says it in words.
 */
int hvcmad_config_read(const char *path, struct hvcmad_config **out, struct hvcma_error *err);

/** hvcmad_config_none() - one that allows nothing; NULL: no memory. */
struct hvcmad_config *hvcmad_config_none(void);

/** hvcmad_config_free() - NULL is allowed. */
void hvcmad_config_free(struct hvcmad_config *config);

/** hvcmad_config_match() - the first rule that fits, NULL: none. It is the configuration's. */
const struct hvcmad_rule *hvcmad_config_match(const struct hvcmad_config *config,
					      const struct hvcmad_identity *id);

/** hvcmad_rule_has_device() - may the VM open it? */
bool hvcmad_rule_has_device(const struct hvcmad_rule *rule, const char *device);

/** hvcmad_config_keep_bytes() - of hugepages of this size, what is to stay free. */
uint64_t hvcmad_config_keep_bytes(const struct hvcmad_config *config, uint64_t page_bytes);

/** hvcmad_config_print() - for people: what is allowed to whom. */
void hvcmad_config_print(const struct hvcmad_config *config, FILE *out);

#endif /* HVCMA_SERVICE_CONFIG_H */
