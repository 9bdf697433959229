// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules by which platform devices are quiesced: the text, which of a file counts, and what is refused.
 * What they do to a device is for nested/test_platform.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "hv/host/platform_rules.h"

static void refused(const char *line, const char *word)
{
	struct hvcma_platform_rule rule = { .compatible = "before" };
	struct hvcma_error err = { "" };

	assert_int_equal(hvcma_platform_rule_parse(line, &rule, &err), -EINVAL);
	if (!strstr(err.text, word))
		fail_msg("'%s' does not say '%s'", err.text, word);
	assert_string_equal(rule.compatible, "before");
}

static void test_text(void **state)
{
	struct hvcma_platform_rule rule;
	struct hvcma_error err;

	(void)state;
	assert_int_equal(hvcma_platform_rule_parse("a,b 0x10=1 2:0x20/8&0xf0==0x30 # why\n", &rule, &err), 0);
	assert_string_equal(rule.compatible, "a,b");
	assert_int_equal(rule.nr_steps, 2);
	assert_false(rule.step[0].is_read);
	assert_int_equal(rule.step[0].offset, 0x10);
	assert_int_equal(rule.step[0].bytes, 4);
	assert_int_equal(rule.step[0].value, 1);
	assert_true(rule.step[1].is_read);
	assert_int_equal(rule.step[1].region, 2);
	assert_int_equal(rule.step[1].bytes, 1);
	assert_int_equal(rule.step[1].mask, 0xf0);
	assert_true(hvcma_platform_rule_is_valid(&rule));
	assert_int_equal(hvcma_platform_rule_parse("  # nothing\n", &rule, &err), 0);
	assert_int_equal(rule.nr_steps, 0);
	assert_false(hvcma_platform_rule_is_valid(&rule));
}

static void test_refused(void **state)
{
	(void)state;
	refused("a,b 0x10=1", "its last step is to be a read");
	refused("a,b", "its last step is to be a read");
	refused("a,b 0x11==1", "'0x11==1' is no step");
	refused("a,b 0x10/24==1", "no step");
	refused("a,b 0x10&1=1", "no step");
	refused("a,b -1==1", "no step");
	refused("a,b 0x10==0x100000000", "no step");
	refused("a,b 64:0==0", "no step");
	refused("a,b 0=0 0=0 0=0 0=0 0=0 0=0 0=0 0=0 0=0 0=0 0=0 0=0 0=0 0=0 0=0 0=0 0==0", "more than 16 steps");
}

static void test_file(void **state)
{
	static const char of_device[] = "vendor,new\0virtio,mmio";
	char name[] = "/tmp/hvcma-rules.XXXXXX";
	struct hvcma_platform_rule rule;
	struct hvcma_error err;
	int fd = mkstemp(name);

	(void)state;
	assert_true(fd >= 0);
	dprintf(fd, "# rules\nvirtio,mmio 0x70=0 0x70==0\nother 4==0\nvendor,new 8==0\nvendor,new 12==0\n");
	assert_int_equal(hvcma_platform_rule_find(name, of_device, sizeof(of_device), &rule, &err), 0);
	assert_string_equal(rule.compatible, "vendor,new");
	assert_int_equal(rule.step[0].offset, 8);
	assert_int_equal(hvcma_platform_rule_find(name, "none", sizeof("none"), &rule, &err), -ENOENT);
	dprintf(fd, "broken 1\n");
	assert_int_equal(hvcma_platform_rule_find(name, of_device, sizeof(of_device), &rule, &err), -EINVAL);
	assert_non_null(strstr(err.text, "line 6: rule of 'broken'"));
	close(fd);
	unlink(name);
	assert_int_equal(hvcma_platform_rule_find(name, of_device, sizeof(of_device), &rule, &err), -ENOENT);
}

static void write_rules(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* The first file that has one counts; the operator's own has to be there, the others need not. */
static void test_search(void **state)
{
	static const char of_device[] = "hvcma,test-device";
	char folder[] = "/tmp/hvcma-rules.XXXXXX", own[64], installed[64];
	struct hvcma_platform_rule rule;
	struct hvcma_error err;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(own, sizeof(own), "%s/own", folder);
	snprintf(installed, sizeof(installed), "%s/installed", folder);
	assert_int_equal(hvcma_platform_rule_search(NULL, NULL, of_device, sizeof(of_device), &rule, &err), -ENOENT);
	assert_non_null(strstr(err.text, "no file of rules has one"));
	assert_int_equal(hvcma_platform_rule_search(NULL, installed, of_device, sizeof(of_device), &rule, &err), -ENOENT);
	assert_int_equal(hvcma_platform_rule_search(own, installed, of_device, sizeof(of_device), &rule, &err), -ENOTDIR);
	assert_non_null(strstr(err.text, own));
	write_rules(installed, "hvcma,test-device 8==0\n");
	assert_int_equal(hvcma_platform_rule_search(NULL, installed, of_device, sizeof(of_device), &rule, &err), 0);
	assert_int_equal(rule.step[0].offset, 8);
	write_rules(own, "hvcma,other 4==0\n");
	assert_int_equal(hvcma_platform_rule_search(own, installed, of_device, sizeof(of_device), &rule, &err), 0);
	assert_int_equal(rule.step[0].offset, 8);
	write_rules(own, "hvcma,test-device 4==0\n");
	assert_int_equal(hvcma_platform_rule_search(own, installed, of_device, sizeof(of_device), &rule, &err), 0);
	assert_int_equal(rule.step[0].offset, 4);
	write_rules(own, "hvcma,test-device 4=0\n");
	assert_int_equal(hvcma_platform_rule_search(own, installed, of_device, sizeof(of_device), &rule, &err), -EINVAL);
	assert_non_null(strstr(err.text, "line 1: rule of 'hvcma,test-device'"));
	unlink(own);
	unlink(installed);
	rmdir(folder);
}

/* What is installed can be read, and knows the device that the tests have. */
static void test_installed(void **state)
{
	char file[4096];
	struct hvcma_platform_rule rule;
	struct hvcma_error err;

	(void)state;
	snprintf(file, sizeof(file), "%s/hv/host/" HVCMA_PLATFORM_RULES_FILE, getenv("HVCMA_SRC"));
	assert_int_equal(hvcma_platform_rule_find(file, "virtio,mmio", sizeof("virtio,mmio"), &rule, &err), 0);
	assert_int_equal(rule.nr_steps, 2);
}

/* No descriptor of VFIO: nothing is written anywhere. */
static void test_no_device(void **state)
{
	struct hvcma_error err = { "" };

	(void)state;
	assert_true(hvcma_platform_quiet(STDIN_FILENO, NULL, &err) < 0);
	assert_non_null(strstr(err.text, "VFIO tells nothing"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text), cmocka_unit_test(test_refused), cmocka_unit_test(test_file),
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_installed), cmocka_unit_test(test_no_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
