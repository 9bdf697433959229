// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma windows, as built: what it prints of a recorded host and of a file, and its exit codes.
 */
#include "tests/unit/recorded_host.h"

#include "hv/cli/command.h"
#include "tests/unit/hvcma_program.h"

static char out[65536];

/* @line: with the recorded sysfs for a %s */
static void expect(struct recorded *r, int status, const char *line, const char *part)
{
	char arguments[1024] = "windows ";
	int got;

	snprintf(arguments + strlen(arguments), sizeof(arguments) - strlen(arguments), line, r->sysfs);
	got = hvcma_run(arguments, out, sizeof(out));
	if (got != status || !strstr(out, part))
		fail_msg("'%s': exit status %d, printed:\n%s", arguments, got, out);
}

static void nodes_are_printed(void **state)
{
	struct recorded *r = *state;

	expect(r, HVCMA_EXIT_OK, "--sysfs %s --node " RECORDED_NODE,
	       "  0x1000000000:0x0:0x1000000000  64 GiB at memory + 0x1000000000\n");
	assert_non_null(strstr(out, "  0xfffffff000:0x1000131000:0x1000  4 KiB at memory + 0xefffece000\n"));
	assert_non_null(strstr(out, "read from: dma-ranges of " RECORDED_NODE " ("));
	expect(r, HVCMA_EXIT_OK, "-j -s %s -n " RECORDED_NODE, "\"bus\":68719476736");
	assert_non_null(strstr(out, "\"origin\":\"device-tree\""));
	assert_non_null(strstr(out, "\"identity\":false"));
	expect(r, HVCMA_EXIT_OK, "--dtb %s/firmware/fdt --node " RECORDED_NODE, "64 GiB");
	expect(r, HVCMA_EXIT_OK, "--dtb %s/firmware/fdt --node /axi", "all of memory, at the same addresses");
	expect(r, HVCMA_EXIT_OK, "--dtb - --node " RECORDED_NODE " <%s/firmware/fdt", "64 GiB");
}

static void devices_are_printed(void **state)
{
	struct recorded *r = *state;

#if defined(__x86_64__)
	expect(r, HVCMA_EXIT_OK, "--sysfs %s " RECORDED_BDF, "read from: x86: 1:1");
#else
	expect(r, HVCMA_EXIT_OK, "--sysfs %s " RECORDED_BDF, "64 GiB at memory + 0x1000000000");
	assert_non_null(strstr(out, RECORDED_BDF ", host bridge " RECORDED_NODE));
#endif
}

static void failures(void **state)
{
	struct recorded *r = *state;

	expect(r, HVCMA_EXIT_USAGE, "", "one device is needed");
	expect(r, HVCMA_EXIT_USAGE, RECORDED_BDF " " RECORDED_BDF, "one device is needed");
	expect(r, HVCMA_EXIT_USAGE, "--node /axi " RECORDED_BDF, "one device is needed");
	expect(r, HVCMA_EXIT_USAGE, "--dtb %s/firmware/fdt " RECORDED_BDF, "--dtb needs --node");
	expect(r, HVCMA_EXIT_USAGE, "--dtb x --sysfs %s --node /axi", "one of them");
	expect(r, HVCMA_EXIT_FAILED, "--sysfs %s nv0", "'nv0' is no PCI device");
	expect(r, HVCMA_EXIT_NO_DEVICE, "--sysfs %s 0001:02:00.0", "no PCI device 0001:02:00.0");
	expect(r, HVCMA_EXIT_NO_DEVICE, "--sysfs %s --node /axi/none", "/axi/none");
	expect(r, HVCMA_EXIT_FAILED, "--dtb %s/firmware/fdt --node /axi/none", "/axi/none");
	expect(r, HVCMA_EXIT_FAILED, "--dtb %s/none --node /axi", "No such file");
	RECORDED_CELLS(r, RECORDED_NODE, "dma-ranges", 0x03000000, 0x10, 0, 0, 0, 0, 0);
	recorded_boot(r);
	expect(r, HVCMA_EXIT_FAILED, "--sysfs %s --node " RECORDED_NODE, "is empty");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RECORDED_TEST(nodes_are_printed),
		RECORDED_TEST(devices_are_printed),
		RECORDED_TEST(failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
