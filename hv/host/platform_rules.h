/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How platform devices are reset and shown to be quiet: rules by compatible string, out of a file,
 * and what carries one out by a device's VFIO descriptor.
 *
 * A platform device has no bus-master bit. What stops its DMA is in its registers, and another
 * for each kind of device:
 *
 *	# compatible	steps, in this order
 *	virtio,mmio	0x70=0 0x70==0
 *
 *	[REGION:]OFFSET[/BITS]=VALUE		write; REGION: of registers, 0; BITS: 8, 16, 32
 *	[REGION:]OFFSET[/BITS][&MASK]==VALUE	read until it is so, for a second at most
 *
 * One rule a line, '#' begins a comment. The first rule of a kind counts, and of a device's compatible
 * strings the first that has one. A rule must end with a read: what is only written is not known.
 *
 * Knows no guest, no QEMU and no tree.
 */
#ifndef HVCMA_HOST_PLATFORM_RULES_H
#define HVCMA_HOST_PLATFORM_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/host/provider.h"

/* Where the operator puts rules; those that come with hvcma are beside the plugin. */
#define HVCMA_PLATFORM_RULES_OWN	"/etc/hvcma/platform-rules"
#define HVCMA_PLATFORM_RULES_FILE	"platform-rules"

#define HVCMA_RULE_MAX_STEPS		16
#define HVCMA_RULE_NAME_BYTES		128

struct hvcma_rule_step {
	uint32_t region;
	uint32_t bytes;			/* 1, 2, 4 */
	uint64_t offset;		/* multiple of bytes */
	uint32_t mask;			/* of a read */
	uint32_t value;
	uint32_t is_read;
};

/* Without pointers: it is handed to another process as it is. */
struct hvcma_platform_rule {
	char compatible[HVCMA_RULE_NAME_BYTES];
	uint32_t nr_steps;
	struct hvcma_rule_step step[HVCMA_RULE_MAX_STEPS];
};

/**
 * hvcma_platform_rule_parse() - one line.
 * @rule: out; nr_steps 0: the line has no rule
 *
 * Return: 0, or -EINVAL with the word that is none.
 */
int hvcma_platform_rule_parse(const char *line, struct hvcma_platform_rule *rule, struct hvcma_error *err);

/**
 * hvcma_platform_rule_find() - the rule of a device in a file.
 * @compatible: strings, each ended by a NUL, @bytes of them together, as the tree has them
 * @rule: out
 *
 * Return: 0; -ENOENT: the file is not there or has none; -EINVAL: a line of the file is wrong, which
 * @err names; the errno of reading it.
 */
int hvcma_platform_rule_find(const char *file, const char *compatible, size_t bytes,
			     struct hvcma_platform_rule *rule, struct hvcma_error *err);

/**
 * hvcma_platform_rule_search() - the rule of a device in the files that there are: the first that has one counts.
 * @own: before all others; it has to be there; NULL: none
 * @installed: after HVCMA_PLATFORM_RULES_OWN, neither of which has to be there; NULL: none
 *
 * Return: 0; -ENOENT: none of them has one; -ENOTDIR: @own is not there; else as hvcma_platform_rule_find().
 */
int hvcma_platform_rule_search(const char *own, const char *installed, const char *compatible, size_t bytes,
			       struct hvcma_platform_rule *rule, struct hvcma_error *err);

/** hvcma_platform_rule_is_valid() - may one that came from elsewhere be run? */
bool hvcma_platform_rule_is_valid(const struct hvcma_platform_rule *rule);

/**
 * hvcma_platform_quiet() - reset a device and show that it does nothing more.
 * @device_fd: VFIO's descriptor of a platform device
 * @rule: NULL: there is none, the kernel's reset module has to do
 *
 * The kernel's reset, where it has one, and then the rule. Takes up to a second for each read of
 * the rule that is not as it should be.
 *
 * Return: 0: it is quiet; -EOPNOTSUPP: neither is there; -EBUSY: a register did not read as the rule
 * has it; -ERANGE: the rule has registers that the device has not; what the kernel said. @err says it
 * in words.
 */
int hvcma_platform_quiet(int device_fd, const struct hvcma_platform_rule *rule, struct hvcma_error *err);

#endif /* HVCMA_HOST_PLATFORM_RULES_H */
