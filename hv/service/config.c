// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Configuration of hvcmad: see config.h. libconfig reads the text and knows the line of each
 * setting; here is what settings mean. The file is read here and not by libconfig, whose scanner
 * ends the program when reading fails; for the same reason there is no "@include".
 */
#include "hv/service/config.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <grp.h>
#include <inttypes.h>
#include <libconfig.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hv/core/region_text.h"
#include "hv/core/service_wire.h"

/* What is being read: for messages. */
struct reading {
	const char *path;
	struct hvcmad_config *config;
	struct hvcma_error *err;
};

static int complain(const struct reading *r, const config_setting_t *s, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int complain(const struct reading *r, const config_setting_t *s, const char *fmt, ...)
{
	char words[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	hvcma_error_set(r->err, "%s:%u: %s", r->path, config_setting_source_line(s), words);
	return -EINVAL;
}

static const char *name_of(const config_setting_t *s)
{
	const char *name = config_setting_name(s);

	return name ? name : "an entry";
}

/* ---- values ---- */

static int take_string(const struct reading *r, const config_setting_t *s, const char **out)
{
	if (config_setting_type(s) != CONFIG_TYPE_STRING)
		return complain(r, s, "'%s' is to be a text in quotes", name_of(s));
	*out = config_setting_get_string(s);
	if (!**out)
		return complain(r, s, "'%s' is empty", name_of(s));
	return 0;
}

static int take_copy(const struct reading *r, const config_setting_t *s, char **out)
{
	const char *text = NULL;
	int ret = take_string(r, s, &text);

	if (ret)
		return ret;
	*out = strdup(text);
	if (!*out) {
		hvcma_error_set(r->err, "no memory for the configuration");
		return -ENOMEM;
	}
	return 0;
}

static int take_bytes(const struct reading *r, const config_setting_t *s, uint64_t *out)
{
	struct hvcma_text_error why;
	const char *text = NULL;
	int ret = take_string(r, s, &text);

	if (ret)
		return ret;
	if (hvcma_region_text_amount(text, out, &why))
		return complain(r, s, "'%s' is to be an amount such as \"512M\", not \"%s\": %s",
				name_of(s), text, why.sentence);
	return 0;
}

static int take_number(const struct reading *r, const config_setting_t *s, uint32_t *out)
{
	long long value = -1;

	if (config_setting_type(s) == CONFIG_TYPE_INT)
		value = config_setting_get_int(s);
	else if (config_setting_type(s) == CONFIG_TYPE_INT64)
		value = config_setting_get_int64(s);
	if (value < 0 || value > INT_MAX)
		return complain(r, s, "'%s' is to be a number from 0 to %d", name_of(s), INT_MAX);
	*out = (uint32_t)value;
	return 0;
}

static int take_bool(const struct reading *r, const config_setting_t *s, bool *out)
{
	if (config_setting_type(s) != CONFIG_TYPE_BOOL)
		return complain(r, s, "'%s' is to be true or false", name_of(s));
	*out = config_setting_get_bool(s);
	return 0;
}

static int take_user(const struct reading *r, const config_setting_t *s, uid_t *out)
{
	const struct passwd *user;
	const char *name = NULL;
	uint32_t uid = 0;
	int ret;

	if (config_setting_type(s) != CONFIG_TYPE_STRING) {
		ret = take_number(r, s, &uid);
		if (!ret)
			*out = uid;
		return ret;
	}
	ret = take_string(r, s, &name);
	if (ret)
		return ret;
	user = getpwnam(name);
	if (!user)
		return complain(r, s, "there is no user '%s'", name);
	*out = user->pw_uid;
	return 0;
}

static int take_group(const struct reading *r, const config_setting_t *s, gid_t *out)
{
	const struct group *group;
	const char *name = NULL;
	int ret = take_string(r, s, &name);

	if (ret)
		return ret;
	group = getgrnam(name);
	if (!group)
		return complain(r, s, "there is no group '%s'", name);
	*out = group->gr_gid;
	return 0;
}

static int take_name(const struct reading *r, const config_setting_t *s, char *out, size_t room)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	const char *text = NULL;
	int ret = take_string(r, s, &text);

	if (ret)
		return ret;
	if (strlen(text) >= room || text[strspn(text, letters)])
		return complain(r, s, "'%s' is to have 1 to %zu letters, digits, '-', '_' or '.'",
				name_of(s), room - 1);
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

/* ---- groups of settings ---- */

/* One setting of a group; -ENOENT: there is none of that name. */
typedef int take_fn(const struct reading *r, const config_setting_t *s, void *opaque);

static int take_group_of(const struct reading *r, const config_setting_t *group, const char *what,
			 take_fn *take, void *opaque)
{
	int i, n, ret;

	if (config_setting_type(group) != CONFIG_TYPE_GROUP)
		return complain(r, group, "%s is to be a group, { ... }", what);
	n = config_setting_length(group);
	for (i = 0; i < n; i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned int)i);

		ret = take(r, s, opaque);
		if (ret == -ENOENT)
			return complain(r, s, "%s has no setting '%s'", what, name_of(s));
		if (ret)
			return ret;
	}
	return 0;
}

static int take_quota(const struct reading *r, const config_setting_t *s, void *opaque)
{
	struct hvcmad_quota *quota = opaque;
	const char *name = name_of(s);

	if (!strcmp(name, "pinned"))
		return take_bytes(r, s, &quota->pinned_bytes);
	if (!strcmp(name, "memory"))
		return take_bytes(r, s, &quota->memory_bytes);
	if (!strcmp(name, "regions"))
		return take_number(r, s, &quota->regions);
	return -ENOENT;
}

/* What a quota must have; without "memory" all of it may be pinned. */
static int complete_quota(const struct reading *r, const config_setting_t *group, const char *what,
			  struct hvcmad_quota *quota)
{
	if (!config_setting_get_member(group, "pinned"))
		return complain(r, group, "%s lacks 'pinned': how much may be pinned", what);
	if (!config_setting_get_member(group, "regions"))
		return complain(r, group, "%s lacks 'regions': how many there may be", what);
	if (!config_setting_get_member(group, "memory"))
		quota->memory_bytes = quota->pinned_bytes;
	if (quota->pinned_bytes > quota->memory_bytes)
		return complain(r, group, "%s: more may be pinned (%" PRIu64
				" bytes) than there may be memory (%" PRIu64 ")", what,
				quota->pinned_bytes, quota->memory_bytes);
	return 0;
}

static int take_totals(const struct reading *r, const config_setting_t *s, void *opaque)
{
	struct hvcmad_quota *quota = opaque;

	if (!strcmp(name_of(s), "devices"))
		return take_number(r, s, &quota->devices);
	return take_quota(r, s, quota);
}

/* All of a list, ( "0000:03:00.0", ... ); it is freed with the rule, if some are no good, too. */
static int take_devices(const struct reading *r, const config_setting_t *list, struct hvcmad_rule *rule)
{
	int type = config_setting_type(list), n = config_setting_length(list), i, ret;

	if (type != CONFIG_TYPE_LIST && type != CONFIG_TYPE_ARRAY)
		return complain(r, list, "'devices' is to be a list of devices, ( \"0000:03:00.0\", ... )");
	rule->device = calloc(n ? (size_t)n : 1, sizeof(*rule->device));
	if (!rule->device) {
		hvcma_error_set(r->err, "no memory for the configuration");
		return -ENOMEM;
	}
	for (i = 0; i < n; i++) {
		const config_setting_t *s = config_setting_get_elem(list, (unsigned int)i);
		const char *device = NULL;

		ret = take_string(r, s, &device);
		if (ret)
			return ret;
		if (strlen(device) >= sizeof(rule->device[0]) ||
		    (!hvcma_service_is_device(device) && !hvcma_service_is_platform(device)))
			return complain(r, s, "'%s' is not what Linux calls a PCI device, \"0000:03:00.0\", or a platform device, \"a003e00.virtio_mmio\", in %d characters at most",
					device, HVCMAD_DEVICE_BYTES - 1);
		if (hvcmad_rule_has_device(rule, device))
			return complain(r, s, "'%s' is there twice", device);
		strcpy(rule->device[rule->nr_devices++], device);
	}
	return 0;
}

static int take_rule(const struct reading *r, const config_setting_t *s, void *opaque)
{
	struct hvcmad_rule *rule = opaque;
	const char *name = name_of(s);

	if (!strcmp(name, "name"))
		return take_name(r, s, rule->name, sizeof(rule->name));
	if (!strcmp(name, "user")) {
		rule->has_uid = true;
		return take_user(r, s, &rule->uid);
	}
	if (!strcmp(name, "cgroup"))
		return take_copy(r, s, &rule->cgroup);
	if (!strcmp(name, "machine"))
		return take_copy(r, s, &rule->machine);
	if (!strcmp(name, "label"))
		return take_copy(r, s, &rule->label);
	if (!strcmp(name, "unsafe-noiommu"))
		return take_bool(r, s, &rule->unsafe_noiommu);
	if (!strcmp(name, "devices"))
		return take_devices(r, s, rule);
	if (!strcmp(name, "unsafe-no-reset"))
		return take_bool(r, s, &rule->unsafe_no_reset);
	if (!strcmp(name, "priority"))
		return take_number(r, s, &rule->priority);
	if (!strcmp(name, "max-devices"))
		return take_number(r, s, &rule->quota.devices);
	return take_quota(r, s, &rule->quota);
}

static int check_rule(const struct reading *r, const config_setting_t *s, const struct hvcmad_rule *rule)
{
	const struct hvcmad_config *c = r->config;
	size_t i;

	if (!rule->name[0])
		return complain(r, s, "a VM lacks 'name'");
	if (!rule->has_uid && !rule->cgroup && !rule->machine && !rule->label)
		return complain(r, s, "VM %s lacks all of 'user', 'cgroup', 'machine' and 'label': "
				"nothing tells it from others", rule->name);
	if (rule->nr_devices && !rule->unsafe_noiommu)
		return complain(r, s, "VM %s has 'devices', which takes 'unsafe-noiommu = true': they can write to all "
				"of the host's memory", rule->name);
	if (rule->unsafe_no_reset && !rule->nr_devices)
		return complain(r, s, "VM %s has 'unsafe-no-reset', but no 'devices' that it could be about", rule->name);
	for (i = 0; &c->rule[i] != rule; i++) {
		if (!strcmp(c->rule[i].name, rule->name))
			return complain(r, s, "there are two VMs with the name %s", rule->name);
	}
	if (rule->quota.pinned_bytes > c->total.pinned_bytes ||
	    rule->quota.memory_bytes > c->total.memory_bytes || rule->quota.regions > c->total.regions ||
	    rule->quota.devices > c->total.devices)
		return complain(r, s, "VM %s may have more than 'totals' lets all together have", rule->name);
	return 0;
}

static int take_reserve(const struct reading *r, const config_setting_t *s, void *opaque)
{
	struct hvcmad_reserve *reserve = opaque;
	const char *name = name_of(s);

	if (!strcmp(name, "hugepage"))
		return take_bytes(r, s, &reserve->page_bytes);
	if (!strcmp(name, "keep"))
		return take_bytes(r, s, &reserve->keep_bytes);
	return -ENOENT;
}

static int check_reserve(const struct reading *r, const config_setting_t *s,
			 const struct hvcmad_reserve *reserve)
{
	const struct hvcmad_config *c = r->config;
	uint64_t page = reserve->page_bytes;
	size_t i;

	if (!page || page & (page - 1) || reserve->keep_bytes % page)
		return complain(r, s, "a reserve is 'hugepage', a size, and 'keep', whole pages of that size");
	for (i = 0; &c->reserve[i] != reserve; i++) {
		if (c->reserve[i].page_bytes == page)
			return complain(r, s, "there are two reserves of hugepages of %" PRIu64 " bytes", page);
	}
	return 0;
}

static int take_turns(const struct reading *r, const config_setting_t *s, void *opaque)
{
	struct hvcmad_config *c = opaque;
	int ret;

	if (strcmp(name_of(s), "deadline-ms"))
		return -ENOENT;
	ret = take_number(r, s, &c->turn_ms);
	if (!ret && (c->turn_ms < HVCMAD_MIN_TURN_MS || c->turn_ms > HVCMAD_MAX_TURN_MS))
		return complain(r, s, "'deadline-ms' is to be a number from %d to %d, not %" PRIu32, HVCMAD_MIN_TURN_MS,
				HVCMAD_MAX_TURN_MS, c->turn_ms);
	return ret;
}

/* Elements of a list, ( { ... }, ... ), into an array that is already there. */
static int take_rules(const struct reading *r, const config_setting_t *list)
{
	struct hvcmad_config *c = r->config;
	int ret;

	for (; c->nr_rules < (size_t)config_setting_length(list); c->nr_rules++) {
		const config_setting_t *s = config_setting_get_elem(list, (unsigned int)c->nr_rules);
		struct hvcmad_rule *rule = &c->rule[c->nr_rules];

		ret = take_group_of(r, s, "a VM", take_rule, rule);
		if (!ret)
			ret = complete_quota(r, s, "a VM", &rule->quota);
		if (!ret && !config_setting_get_member(s, "max-devices"))
			rule->quota.devices = (uint32_t)rule->nr_devices;
		if (!ret)
			ret = check_rule(r, s, rule);
		if (ret) {
			c->nr_rules++;	/* what it has is to be freed */
			return ret;
		}
	}
	return 0;
}

static int take_reserves(const struct reading *r, const config_setting_t *list)
{
	struct hvcmad_config *c = r->config;
	int ret;

	for (; c->nr_reserves < (size_t)config_setting_length(list); c->nr_reserves++) {
		const config_setting_t *s = config_setting_get_elem(list, (unsigned int)c->nr_reserves);
		struct hvcmad_reserve *reserve = &c->reserve[c->nr_reserves];

		ret = take_group_of(r, s, "a reserve", take_reserve, reserve);
		if (!ret)
			ret = check_reserve(r, s, reserve);
		if (ret)
			return ret;
	}
	return 0;
}

static void *array_for(const config_setting_t *list, size_t bytes)
{
	int n = list ? config_setting_length(list) : 0;

	return calloc(n ? (size_t)n : 1, bytes);
}

static int take_top(const struct reading *r, const config_setting_t *s, void *opaque)
{
	static const char *const known[] = { "totals", "reserves", "turns", "vms", "socket-group", "platform-rules" };
	size_t i;

	(void)r;
	(void)opaque;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!strcmp(name_of(s), known[i]))
			return 0;
	}
	return -ENOENT;
}

static int take_all(const struct reading *r, const config_setting_t *root)
{
	const config_setting_t *totals = config_setting_get_member(root, "totals");
	const config_setting_t *reserves = config_setting_get_member(root, "reserves");
	const config_setting_t *turns = config_setting_get_member(root, "turns");
	const config_setting_t *vms = config_setting_get_member(root, "vms");
	const config_setting_t *group = config_setting_get_member(root, "socket-group");
	const config_setting_t *rules = config_setting_get_member(root, "platform-rules");
	struct hvcmad_config *c = r->config;
	int ret = take_group_of(r, root, "the configuration", take_top, NULL);

	if (!ret && reserves && config_setting_type(reserves) != CONFIG_TYPE_LIST)
		ret = complain(r, reserves, "'reserves' is to be a list, ( { ... }, ... )");
	if (!ret && vms && config_setting_type(vms) != CONFIG_TYPE_LIST)
		ret = complain(r, vms, "'vms' is to be a list, ( { ... }, ... )");
	if (!ret && vms && config_setting_length(vms) && !totals)
		ret = complain(r, vms, "there are VMs, but no 'totals': what all together may have");
	if (ret)
		return ret;

	c->rule = array_for(vms, sizeof(*c->rule));
	c->reserve = array_for(reserves, sizeof(*c->reserve));
	if (!c->rule || !c->reserve) {
		hvcma_error_set(r->err, "no memory for the configuration");
		return -ENOMEM;
	}
	if (group) {
		c->has_group = true;
		ret = take_group(r, group, &c->group);
	}
	if (!ret && rules)
		ret = take_copy(r, rules, &c->platform_rules);
	if (!ret && totals)
		ret = take_group_of(r, totals, "'totals'", take_totals, &c->total);
	if (!ret && totals)
		ret = complete_quota(r, totals, "'totals'", &c->total);
	if (!ret && reserves)
		ret = take_reserves(r, reserves);
	if (!ret && turns)
		ret = take_group_of(r, turns, "'turns'", take_turns, c);
	if (!ret && vms)
		ret = take_rules(r, vms);
	return ret;
}

/* ---- the file ---- */

static int read_file(const char *path, char **out, struct hvcma_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	size_t have = 0;
	ssize_t got;
	char *text;
	int ret;

	if (fd < 0 || fstat(fd, &st)) {
		ret = -errno;
		goto close_file;
	}
	ret = -EINVAL;
	if (!S_ISREG(st.st_mode))
		goto close_file;
	ret = -EFBIG;
	if (st.st_size > HVCMAD_MAX_CONFIG_BYTES)
		goto close_file;
	ret = -ENOMEM;
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		goto close_file;
	while (have < (size_t)st.st_size) {
		got = read(fd, text + have, (size_t)st.st_size - have);
		if (got < 0) {
			ret = -errno;
			goto free_text;
		}
		if (!got)
			break;
		have += (size_t)got;
	}
	text[have] = '\0';
	ret = -EINVAL;
	if (strlen(text) != have)
		goto free_text;
	close(fd);
	*out = text;
	return 0;

free_text:
	free(text);
close_file:
	if (fd >= 0)
		close(fd);
	hvcma_error_set(err, "%s: %s", path, ret == -EINVAL ? "not a text file" : strerror(-ret));
	return ret;
}

/* libconfig takes it at the beginning of a line, wherever that is. */
static int refuse_include(const char *path, const char *text, struct hvcma_error *err)
{
	unsigned int line;

	for (line = 1; text; line++) {
		text += strspn(text, " \t");
		if (!strncmp(text, "@include", 8)) {
			hvcma_error_set(err, "%s:%u: @include is not supported", path, line);
			return -EINVAL;
		}
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return 0;
}

struct hvcmad_config *hvcmad_config_none(void)
{
	struct hvcmad_config *config = calloc(1, sizeof(*config));

	if (config)
		config->turn_ms = HVCMAD_TURN_MS;
	return config;
}

int hvcmad_config_read(const char *path, struct hvcmad_config **out, struct hvcma_error *err)
{
	struct reading r = { .path = path, .err = err };
	config_t parsed;
	char *text = NULL;
	int ret = read_file(path, &text, err);

	if (!ret)
		ret = refuse_include(path, text, err);
	if (ret)
		goto free_text;
	r.config = hvcmad_config_none();
	if (!r.config) {
		hvcma_error_set(err, "no memory for the configuration");
		ret = -ENOMEM;
		goto free_text;
	}
	config_init(&parsed);
	if (config_read_string(&parsed, text)) {
		ret = take_all(&r, config_root_setting(&parsed));
	} else {
		hvcma_error_set(err, "%s:%d: %s", path, config_error_line(&parsed),
				config_error_text(&parsed));
		ret = -EINVAL;
	}
	config_destroy(&parsed);
	if (ret)
		hvcmad_config_free(r.config);
	else
		*out = r.config;
free_text:
	free(text);
	return ret;
}

void hvcmad_config_free(struct hvcmad_config *config)
{
	size_t i;

	if (!config)
		return;
	for (i = 0; i < config->nr_rules; i++) {
		free(config->rule[i].cgroup);
		free(config->rule[i].machine);
		free(config->rule[i].label);
		free(config->rule[i].device);
	}
	free(config->platform_rules);
	free(config->rule);
	free(config->reserve);
	free(config);
}

/* ---- what it says ---- */

static bool fits(const struct hvcmad_rule *rule, const struct hvcmad_identity *id)
{
	if (rule->has_uid && rule->uid != id->uid)
		return false;
	if (rule->machine && strcmp(rule->machine, id->machine))
		return false;
	/* Names of units have backslashes in them. */
	if (rule->cgroup && fnmatch(rule->cgroup, id->cgroup, FNM_PATHNAME | FNM_NOESCAPE))
		return false;
	return !rule->label || !fnmatch(rule->label, id->label, FNM_NOESCAPE);
}

const struct hvcmad_rule *hvcmad_config_match(const struct hvcmad_config *config,
					      const struct hvcmad_identity *id)
{
	size_t i;

	for (i = 0; i < config->nr_rules; i++) {
		if (fits(&config->rule[i], id))
			return &config->rule[i];
	}
	return NULL;
}

bool hvcmad_rule_has_device(const struct hvcmad_rule *rule, const char *device)
{
	size_t i;

	for (i = 0; i < rule->nr_devices; i++) {
		if (!strcmp(rule->device[i], device))
			return true;
	}
	return false;
}

uint64_t hvcmad_config_keep_bytes(const struct hvcmad_config *config, uint64_t page_bytes)
{
	size_t i;

	for (i = 0; i < config->nr_reserves; i++) {
		if (config->reserve[i].page_bytes == page_bytes)
			return config->reserve[i].keep_bytes;
	}
	return 0;
}

static void print_quota(const struct hvcmad_quota *quota, FILE *out)
{
	fprintf(out, "%" PRIu32 " regions, %" PRIu64 " bytes, of which %" PRIu64 " pinned", quota->regions,
		quota->memory_bytes, quota->pinned_bytes);
	if (quota->devices)
		fprintf(out, ", %" PRIu32 " devices", quota->devices);
}

void hvcmad_config_print(const struct hvcmad_config *config, FILE *out)
{
	size_t i, j;

	fprintf(out, "all together: ");
	print_quota(&config->total, out);
	fputc('\n', out);
	for (i = 0; i < config->nr_reserves; i++)
		fprintf(out, "hugepages of %" PRIu64 " bytes: %" PRIu64 " bytes stay free\n",
			config->reserve[i].page_bytes, config->reserve[i].keep_bytes);
	if (config->turn_ms != HVCMAD_TURN_MS)
		fprintf(out, "who is asked for memory has %" PRIu32 " ms\n", config->turn_ms);
	if (config->platform_rules)
		fprintf(out, "platform devices are stopped by the rules in %s first\n", config->platform_rules);
	for (i = 0; i < config->nr_rules; i++) {
		const struct hvcmad_rule *rule = &config->rule[i];

		fprintf(out, "VM %s: ", rule->name);
		print_quota(&rule->quota, out);
		if (rule->priority)
			fprintf(out, ", priority %" PRIu32, rule->priority);
		fprintf(out, "%s", rule->unsafe_noiommu ? ", sees host-physical addresses" : "");
		for (j = 0; j < rule->nr_devices; j++)
			fprintf(out, "%s%s", j ? ", " : ", may open ", rule->device[j]);
		if (rule->unsafe_no_reset)
			fputs(", which need no reset to count as stopped", out);
		fputc('\n', out);
	}
	if (!config->nr_rules)
		fputs("no VM is allowed anything\n", out);
}
