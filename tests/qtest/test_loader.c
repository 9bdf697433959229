// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The loader: inert in everything that is not QEMU, strict about QEMU's version.
 *
 * A QEMU of a version that the plugin does not know is played by this very
 * program: it exports the three symbols the loader looks for, and runs itself
 * with the loader preloaded. (That takes -rdynamic.)
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/qtest/qtest.h"

#define EXPORTED	__attribute__((visibility("default")))

struct version_triple {
	int64_t major, minor, micro;
};

struct version_info {
	struct version_triple *qemu;
	char *package;
};

void register_module_init(void);
void virtio_pci_types_register(void);
struct version_info *qmp_query_version(void **errp);
void qapi_free_VersionInfo(struct version_info *info);

EXPORTED void register_module_init(void)
{
}

EXPORTED void virtio_pci_types_register(void)
{
}

EXPORTED struct version_info *qmp_query_version(void **errp)
{
	struct version_info *info = calloc(1, sizeof(*info));

	(void)errp;
	info->qemu = calloc(1, sizeof(*info->qemu));
	if (sscanf(getenv("PLAYED_VERSION"), "%ld.%ld.%ld", &info->qemu->major,
		   &info->qemu->minor, &info->qemu->micro) != 3)
		abort();
	return info;
}

EXPORTED void qapi_free_VersionInfo(struct version_info *info)
{
	free(info->qemu);
	free(info);
}

/* Runs a command, returns its output (both kinds), checks that it ends well. */
static const char *output(const char *fmt, ...)
{
	static char text[4096];
	char command[8192];
	va_list ap;
	size_t n;
	FILE *p;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	p = popen(command, "r");
	assert_non_null(p);
	n = fread(text, 1, sizeof(text) - 1, p);
	text[n] = 0;
	assert_int_equal(pclose(p), 0);
	return text;
}

static void test_inert(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	assert_string_equal(output("exec 2>&1; LD_PRELOAD='%s' /bin/sh -c 'echo $((6 * 7)); ls /dev/null'",
				   qtest_plugin()), "42\n/dev/null\n");
}

/* With the loader of this folder, or the tests' own. */
static void play_version_in(const char *folder, const char *version, const char *expected)
{
	char self[4096], own[4096];
	const char *text;
	ssize_t n;

	qtest_skip_unless_built();
	if (!dlsym(RTLD_DEFAULT, "qmp_query_version")) {
		print_message("# skipped: this program was linked without -rdynamic\n");
		skip();
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	assert_true(n > 0);
	self[n] = 0;
	snprintf(own, sizeof(own), "%s/hvcma-preload.so", folder ? folder : "");
	text = output("exec 2>&1; PLAYED_VERSION=%s LD_PRELOAD='%s' '%s' play", version,
		      folder ? own : qtest_plugin(), self);
	if (!strstr(text, expected))
		fail_msg("version %s: %s", version, text);
}

static void play_version(const char *version, const char *expected)
{
	play_version_in(NULL, version, expected);
}

static void test_unknown_versions(void **state)
{
	static const char *const unknown[] = { "7.2.22", "9.2.0", "10.1.0", "11.0.0", "11.1.3" };
	char expected[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		snprintf(expected, sizeof(expected), "virtio-cma: this is QEMU %s, supported: 10.0.x, 10.2.x; "
			 "no virtio-cma device type is registered\n", unknown[i]);
		play_version(unknown[i], expected);
	}
}

/* Control: a known version gets as far as the plugin, which misses QEMU's symbols. */
static void test_known_version(void **state)
{
	(void)state;
	play_version("10.0.99", "undefined symbol");
}

/* Of several plugins in one folder that of the series, and no other; where it is missing, that is said. */
static void test_picks_by_series(void **state)
{
	char folder[] = "/tmp/hvcma-loader-XXXXXX", expected[256];

	(void)state;
	qtest_skip_unless_built();
	assert_non_null(mkdtemp(folder));
	output("cp '%s' %s/; echo nothing to load >%s/hvcma-qemu-10.0.so", qtest_plugin(), folder, folder);
	snprintf(expected, sizeof(expected), "virtio-cma: %s/hvcma-qemu-10.0.so: file too short\n", folder);
	play_version_in(folder, "10.0.2", expected);
	snprintf(expected, sizeof(expected), "virtio-cma: this is QEMU 10.2.1, for which there is no plugin: "
		 "%s/hvcma-qemu-10.2.so: No such file or directory; no virtio-cma device type is registered\n", folder);
	play_version_in(folder, "10.2.1", expected);
	output("mv %s/hvcma-qemu-10.0.so %s/hvcma-qemu-10.2.so", folder, folder);
	snprintf(expected, sizeof(expected), "virtio-cma: %s/hvcma-qemu-10.2.so: file too short\n", folder);
	play_version_in(folder, "10.2.1", expected);
	play_version_in(folder, "10.0.2", "for which there is no plugin: ");
	play_version_in(folder, "10.1.2", "supported: 10.0.x, 10.2.x; ");
	output("rm -r %s", folder);
}

/* A wrong place says so; QEMU itself runs on, without the device. */
static void test_plugin_missing(void **state)
{
	char folder[] = "/tmp/hvcma-loader-XXXXXX";

	(void)state;
	qtest_skip_unless_built();
	assert_non_null(mkdtemp(folder));
	output("cp '%s' %s/", qtest_plugin(), folder);
	assert_non_null(strstr(output("exec 2>&1; HVCMA_PRELOAD=%s/hvcma-preload.so "
				      "${HVCMA_BUILD:-build}/env/qemu-" HVCMA_NATIVE "/bin/qemu-system-x86_64 "
				      "-M none -device help", folder),
			       "hvcma-qemu-10.0.so: No such file or directory; no virtio-cma device type is "
			       "registered\n"));
	output("rm -r %s", folder);
}

static void test_types(void **state)
{
	const char *text;

	(void)state;
	qtest_skip_unless_built();
	text = output("HVCMA_PRELOAD='%s' ${HVCMA_BUILD:-build}/env/qemu-" HVCMA_NATIVE "/bin/qemu-system-aarch64 "
		      "-M none -device help | grep virtio-cma", qtest_plugin());
	assert_non_null(strstr(text, "\"virtio-cma-pci\""));
	assert_non_null(strstr(text, "\"virtio-cma-device\""));
	assert_null(strstr(text, "\"virtio-cma\""));
}

/* What QEMU says with the plugin that is installed. */
static const char *release(const char *options)
{
	return output("HVCMA_PRELOAD=${HVCMA_BUILD:-build}/" HVCMA_NATIVE "/hvcma-preload.so "
		      "${HVCMA_BUILD:-build}/env/qemu-" HVCMA_NATIVE "/bin/qemu-system-x86_64 -M q35 -display none "
		      "-nodefaults -m 64M,maxmem=1G %s 2>&1 | grep -E 'virtio-cma|memdev|x-f|x-p|fabric'; true",
		      options);
}

/* It has the device, and none of what only tests can ask for. */
static void test_release(void **state)
{
	const char *text;

	(void)state;
	qtest_skip_unless_built();
	text = release("-device virtio-cma-pci,help");
	assert_non_null(strstr(text, "memdev=<"));
	assert_null(strstr(text, "x-fake"));
	assert_null(strstr(text, "x-fabric"));
	assert_null(strstr(text, "x-provider"));
	assert_null(strstr(text, "fabric-faults"));
	assert_non_null(strstr(release("-device virtio-cma-pci,x-provider=fake"),
			       "Property 'virtio-cma-pci.x-provider' not found"));
	/* refused by our own check: it is the device that spoke */
	assert_non_null(strstr(release("-device virtio-cma-pci,name=banka"),
			       "virtio-cma 'banka': property 'memdev' is not set"));
}

/* Control: the tests' own has them. */
static void test_has_hooks(void **state)
{
	const char *text;

	(void)state;
	qtest_skip_unless_built();
	text = output("HVCMA_PRELOAD='%s' ${HVCMA_BUILD:-build}/env/qemu-" HVCMA_NATIVE "/bin/qemu-system-x86_64 "
		      "-M none -device virtio-cma-pci,help | grep -E 'x-f'", qtest_plugin());
	assert_non_null(strstr(text, "x-fake-fault=<"));
	assert_non_null(strstr(text, "x-fabric=<"));
}

/* What QEMU says with the plugin of which one size is wrong by eight bytes. */
static const char *misfit(const char *environment)
{
	return output("%s HVCMA_PRELOAD=${HVCMA_BUILD:-build}/tests/qtest/misfit/hvcma-preload.so "
		      "${HVCMA_BUILD:-build}/env/qemu-" HVCMA_NATIVE "/bin/qemu-system-x86_64 "
		      "-M none -device help 2>&1 | grep virtio-cma", environment);
}

/* Somebody's patch has changed a structure: the type is named, and both sizes. */
static void test_other_layout(void **state)
{
	const char *text;
	size_t here, built;

	(void)state;
	qtest_skip_unless_built();
	text = strstr(misfit(""), "an object of type 'pci-device' has ");
	assert_non_null(text);
	assert_int_equal(sscanf(text, "an object of type 'pci-device' has %zu bytes here, %zu where", &here,
				&built), 2);
	assert_int_equal(built, here + 8);
	assert_non_null(strstr(text, "this is QEMU 10.0."));
	assert_non_null(strstr(text, "the plugin was built for 10.0."));
	assert_non_null(strstr(text, "no virtio-cma device type is registered"));
	assert_null(strstr(text, "\"virtio-cma-pci\""));
}

/* Who insists gets it, and is told. */
static void test_layout_override(void **state)
{
	const char *text;

	(void)state;
	qtest_skip_unless_built();
	text = misfit("HVCMA_UNSAFE_LAYOUT=1");
	assert_non_null(strstr(text, "an object of type 'pci-device' has "));
	assert_non_null(strstr(text, "UNSAFE: HVCMA_UNSAFE_LAYOUT=1: going on"));
	assert_non_null(strstr(text, "\"virtio-cma-pci\""));
	assert_null(strstr(misfit("HVCMA_UNSAFE_LAYOUT=0"), "\"virtio-cma-pci\""));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inert),
		cmocka_unit_test(test_unknown_versions),
		cmocka_unit_test(test_known_version),
		cmocka_unit_test(test_picks_by_series),
		cmocka_unit_test(test_plugin_missing),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_release), cmocka_unit_test(test_has_hooks),
		cmocka_unit_test(test_other_layout),
		cmocka_unit_test(test_layout_override),
	};

	if (argc == 2 && !strcmp(argv[1], "play"))
		return 0;
	return cmocka_run_group_tests_name("loader", tests, NULL, NULL);
}
