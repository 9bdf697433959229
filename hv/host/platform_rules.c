// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules by which platform devices are quiesced: see platform_rules.h.
 */
#include "hv/host/platform_rules.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LINE_BYTES	1024
#define BLANKS		" \t\r\n"
#define READ_TRIES	100
#define READ_WAIT_US	10000

/* ---- text ---- */

static bool take_number(const char **at, uint64_t limit, uint64_t *number)
{
	char *end;

	/* strtoull() would take blanks and signs, too */
	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	*number = strtoull(*at, &end, 0);
	if (errno || *number > limit)
		return false;
	*at = end;
	return true;
}

static bool take(const char **at, const char *text)
{
	size_t bytes = strlen(text);

	if (strncmp(*at, text, bytes))
		return false;
	*at += bytes;
	return true;
}

static bool is_step_valid(const struct hvcma_rule_step *s)
{
	return (s->bytes == 1 || s->bytes == 2 || s->bytes == 4) && !(s->offset % s->bytes) &&
	       s->offset < UINT64_C(1) << 32 && s->region < 64;
}

/* [REGION:]OFFSET[/BITS][&MASK](=|==)VALUE */
static bool parse_step(const char *word, struct hvcma_rule_step *step)
{
	struct hvcma_rule_step s = { .bytes = 4, .mask = UINT32_MAX };
	const char *at = word;
	uint64_t number;
	bool has_mask;

	if (!take_number(&at, UINT32_MAX, &number))
		return false;
	if (take(&at, ":")) {
		s.region = (uint32_t)number;
		if (!take_number(&at, UINT32_MAX, &number))
			return false;
	}
	s.offset = number;
	if (take(&at, "/")) {
		if (!take_number(&at, 32, &number) || number % 8)
			return false;
		s.bytes = (uint32_t)number / 8;
	}
	has_mask = take(&at, "&");
	if (has_mask) {
		if (!take_number(&at, UINT32_MAX, &number))
			return false;
		s.mask = (uint32_t)number;
	}
	if (take(&at, "=="))
		s.is_read = 1;
	else if (has_mask || !take(&at, "="))
		return false;
	if (!take_number(&at, UINT32_MAX, &number) || *at)
		return false;
	s.value = (uint32_t)number;
	if (!is_step_valid(&s))
		return false;
	*step = s;
	return true;
}

bool hvcma_platform_rule_is_valid(const struct hvcma_platform_rule *rule)
{
	if (!rule->nr_steps || rule->nr_steps > HVCMA_RULE_MAX_STEPS ||
	    !memchr(rule->compatible, '\0', sizeof(rule->compatible)))
		return false;
	for (uint32_t i = 0; i < rule->nr_steps; i++)
		if (!is_step_valid(&rule->step[i]))
			return false;
	return rule->step[rule->nr_steps - 1].is_read;
}

int hvcma_platform_rule_parse(const char *line, struct hvcma_platform_rule *rule, struct hvcma_error *err)
{
	struct hvcma_platform_rule r = { .nr_steps = 0 };
	char text[LINE_BYTES], *save, *word;

	if (snprintf(text, sizeof(text), "%.*s", (int)strcspn(line, "#"), line) >= (int)sizeof(text)) {
		hvcma_error_set(err, "a rule is longer than %d bytes", LINE_BYTES - 1);
		return -EINVAL;
	}
	word = strtok_r(text, BLANKS, &save);
	if (!word) {
		*rule = r;
		return 0;
	}
	if (snprintf(r.compatible, sizeof(r.compatible), "%s", word) >= (int)sizeof(r.compatible)) {
		hvcma_error_set(err, "'%.40s...' is longer than %d bytes", word, HVCMA_RULE_NAME_BYTES - 1);
		return -EINVAL;
	}
	for (word = strtok_r(NULL, BLANKS, &save); word; word = strtok_r(NULL, BLANKS, &save)) {
		if (r.nr_steps == HVCMA_RULE_MAX_STEPS) {
			hvcma_error_set(err, "rule of '%.60s': more than %d steps", r.compatible, HVCMA_RULE_MAX_STEPS);
			return -EINVAL;
		}
		if (!parse_step(word, &r.step[r.nr_steps])) {
			hvcma_error_set(err, "rule of '%.60s': '%.60s' is no step: [REGION:]OFFSET[/BITS]=VALUE writes, [REGION:]OFFSET[/BITS][&MASK]==VALUE reads",
					r.compatible, word);
			return -EINVAL;
		}
		r.nr_steps++;
	}
	if (!hvcma_platform_rule_is_valid(&r)) {
		hvcma_error_set(err, "rule of '%.60s': its last step is to be a read (==): only that shows that the device is quiet",
				r.compatible);
		return -EINVAL;
	}
	*rule = r;
	return 0;
}

/* Place of a string in the list, from 0; -1: it is not there. */
static int place_of(const char *compatible, size_t bytes, const char *name)
{
	int place = 0;

	for (size_t at = 0; at < bytes; at += strnlen(compatible + at, bytes - at) + 1, place++)
		if (strnlen(compatible + at, bytes - at) < bytes - at && !strcmp(compatible + at, name))
			return place;
	return -1;
}

int hvcma_platform_rule_find(const char *file, const char *compatible, size_t bytes,
			     struct hvcma_platform_rule *rule, struct hvcma_error *err)
{
	struct hvcma_platform_rule r, best = { .nr_steps = 0 };
	int best_place = -1, ret = 0, number = 0, place;
	struct hvcma_error why;
	char *line = NULL;
	size_t room = 0;
	FILE *f = fopen(file, "re");

	if (!f) {
		ret = -errno;
		hvcma_error_set(err, "%.200s: %s", file, strerror(-ret));
		return ret;
	}
	while (!ret && getline(&line, &room, f) >= 0) {
		number++;
		ret = hvcma_platform_rule_parse(line, &r, &why);
		if (ret) {
			hvcma_error_set(err, "%.120s, line %d: %.250s", file, number, why.text);
			break;
		}
		place = r.nr_steps ? place_of(compatible, bytes, r.compatible) : -1;
		if (place >= 0 && (best_place < 0 || place < best_place)) {
			best = r;
			best_place = place;
		}
	}
	free(line);
	fclose(f);
	if (ret)
		return ret;
	if (best_place < 0) {
		hvcma_error_set(err, "%.200s has no rule for it", file);
		return -ENOENT;
	}
	*rule = best;
	return 0;
}

int hvcma_platform_rule_search(const char *own, const char *installed, const char *compatible, size_t bytes,
			       struct hvcma_platform_rule *rule, struct hvcma_error *err)
{
	const char *const files[] = { own, HVCMA_PLATFORM_RULES_OWN, installed };
	int ret;

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		if (!files[i])
			continue;
		ret = hvcma_platform_rule_find(files[i], compatible, bytes, rule, err);
		if (ret != -ENOENT)
			return ret;
		if (!i && access(own, F_OK))
			return -ENOTDIR;
	}
	hvcma_error_set(err, "no file of rules has one for it");
	return -ENOENT;
}

/* ---- a device ---- */

static int failed(struct hvcma_error *err, const char *what)
{
	int ret = errno ? -errno : -EIO;

	hvcma_error_set(err, "%s: %s", what, strerror(-ret));
	return ret;
}

static int find_register(int fd, const struct hvcma_rule_step *s, const char *compatible, off_t *at,
			 struct hvcma_error *err)
{
	struct vfio_region_info region = { .argsz = sizeof(region), .index = s->region };

	if (ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, &region))
		region.size = 0;
	if (s->offset + s->bytes > region.size) {
		hvcma_error_set(err, "the rule of '%.60s' is about register 0x%" PRIx64 " of region %u, which has %llu bytes",
				compatible, s->offset, s->region, (unsigned long long)region.size);
		return -ERANGE;
	}
	*at = (off_t)(region.offset + s->offset);
	return 0;
}

/* Registers are the bus's: little endian, as the host of such a device is. */
static int read_until(int fd, off_t at, const struct hvcma_rule_step *s, struct hvcma_error *err)
{
	uint32_t value = 0;

	for (int i = 0; i < READ_TRIES; i++) {
		errno = 0;
		if (pread(fd, &value, s->bytes, at) != (ssize_t)s->bytes)
			return failed(err, "a register can't be read");
		if ((value & s->mask) == s->value)
			return 0;
		usleep(READ_WAIT_US);
	}
	hvcma_error_set(err, "register 0x%" PRIx64 " of region %u reads 0x%x, and with mask 0x%x it is to be 0x%x: it is not quiet",
			s->offset, s->region, value, s->mask, s->value);
	return -EBUSY;
}

static int run_step(int fd, const struct hvcma_rule_step *s, const char *compatible, struct hvcma_error *err)
{
	off_t at;
	int ret = find_register(fd, s, compatible, &at, err);

	if (ret)
		return ret;
	if (s->is_read)
		return read_until(fd, at, s, err);
	errno = 0;
	if (pwrite(fd, &s->value, s->bytes, at) != (ssize_t)s->bytes)
		return failed(err, "a register can't be written");
	return 0;
}

int hvcma_platform_quiet(int fd, const struct hvcma_platform_rule *rule, struct hvcma_error *err)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	bool can_reset;
	int ret = 0;

	if (ioctl(fd, VFIO_DEVICE_GET_INFO, &info))
		return failed(err, "VFIO tells nothing about it");
	can_reset = info.flags & VFIO_DEVICE_FLAGS_RESET;
	if (!can_reset && !rule) {
		hvcma_error_set(err, "it has no reset: the kernel has no reset module for it, and there is no rule");
		return -EOPNOTSUPP;
	}
	if (can_reset && ioctl(fd, VFIO_DEVICE_RESET))
		return failed(err, "its reset fails");
	for (uint32_t i = 0; rule && i < rule->nr_steps && !ret; i++)
		ret = run_step(fd, &rule->step[i], rule->compatible, err);
	return ret;
}
