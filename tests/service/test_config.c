// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The configuration of hvcmad: what it lets whom do; what is wrong in it is told by file, line and
 * name. Running processes are for test_session.c, the program's options for test_start.sh.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hv/service/config.h"

#define MIB	(UINT64_C(1) << 20)

static char path[64];

static void write_config(const char *text, size_t bytes)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, bytes, f), bytes);
	assert_int_equal(fclose(f), 0);
}

static int make_file(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/hvcmad-config-XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static struct hvcmad_config *good(const char *text)
{
	struct hvcmad_config *c = NULL;
	struct hvcma_error err = { "" };

	write_config(text, strlen(text));
	if (hvcmad_config_read(path, &c, &err))
		fail_msg("%s", err.text);
	return c;
}

/* Refused, in this line, with these words. */
static void bad(const char *text, int line, const char *words)
{
	struct hvcmad_config *c = (void *)1;
	struct hvcma_error err = { "" };
	char begin[96];

	write_config(text, strlen(text));
	assert_int_equal(hvcmad_config_read(path, &c, &err), -EINVAL);
	assert_ptr_equal(c, (void *)1);
	snprintf(begin, sizeof(begin), "%s:%d: ", path, line);
	if (strncmp(err.text, begin, strlen(begin)) || !strstr(err.text, words))
		fail_msg("'%s' is not '%s' with '%s'", err.text, begin, words);
}

static const char whole[] =
	"# what two VMs may have\n"
	"socket-group = \"root\";\n"
	"totals = { memory = \"4G\"; pinned = \"1G\"; regions = 10; };\n"
	"reserves = ( { hugepage = \"2M\"; keep = \"64M\"; }, { hugepage = \"1G\"; keep = \"1G\"; } );\n"
	"vms = (\n"
	"  { name = \"banka\"; machine = \"banka\"; user = \"root\"; label = \"svirt-*\";\n"
	"    memory = \"2G\"; pinned = \"512M\"; regions = 2; unsafe-noiommu = true; },\n"
	"  { name = \"others\"; cgroup = \"/machine.slice/machine-qemu*.scope\"; user = 64055;\n"
	"    pinned = \"128M\"; regions = 1; }\n"
	");\n";

static void all_settings_are_read(void **state)
{
	struct hvcmad_config *c = good(whole);

	(void)state;
	assert_true(c->has_group);
	assert_int_equal(c->group, 0);
	assert_int_equal(c->total.memory_bytes, 4096 * MIB);
	assert_int_equal(c->total.pinned_bytes, 1024 * MIB);
	assert_int_equal(c->total.regions, 10);
	assert_int_equal(hvcmad_config_keep_bytes(c, 2 * MIB), 64 * MIB);
	assert_int_equal(hvcmad_config_keep_bytes(c, 1024 * MIB), 1024 * MIB);
	assert_int_equal(hvcmad_config_keep_bytes(c, 32 * MIB), 0);
	assert_int_equal(c->nr_rules, 2);
	assert_string_equal(c->rule[0].name, "banka");
	assert_true(c->rule[0].unsafe_noiommu);
	assert_int_equal(c->rule[0].quota.memory_bytes, 2048 * MIB);
	assert_int_equal(c->rule[0].quota.pinned_bytes, 512 * MIB);
	assert_int_equal(c->rule[0].uid, 0);
	assert_int_equal(c->rule[0].priority, 0);
	assert_int_equal(c->turn_ms, HVCMAD_TURN_MS);
	assert_false(c->rule[1].unsafe_noiommu);
	assert_int_equal(c->rule[1].uid, 64055);
	assert_int_equal(c->rule[1].quota.memory_bytes, 128 * MIB);	/* as pinned */
	hvcmad_config_free(c);
}

static void devices_are_allowed_by_name(void **state)
{
	struct hvcmad_config *c = good("totals = { pinned = \"1M\"; regions = 2; devices = 3; };\n"
				       "vms = ( { name = \"a\"; user = 1; pinned = \"1M\"; regions = 1; unsafe-noiommu = true;\n"
				       "          devices = ( \"0000:03:00.0\", \"10000:e1:00.7\" ); unsafe-no-reset = true; },\n"
				       "        { name = \"b\"; user = 2; pinned = \"1M\"; regions = 1; unsafe-noiommu = true;\n"
				       "          devices = [ \"0000:03:00.0\", \"0000:04:00.0\" ]; max-devices = 1; },\n"
				       "        { name = \"c\"; user = 3; pinned = \"1M\"; regions = 1; devices = (); } );\n");

	(void)state;
	assert_int_equal(c->total.devices, 3);
	assert_int_equal(c->rule[0].quota.devices, 2);		/* all that it may open */
	assert_true(hvcmad_rule_has_device(&c->rule[0], "10000:e1:00.7"));
	assert_false(hvcmad_rule_has_device(&c->rule[0], "0000:04:00.0"));
	assert_true(c->rule[0].unsafe_no_reset);
	assert_int_equal(c->rule[1].quota.devices, 1);
	assert_false(c->rule[1].unsafe_no_reset);
	assert_true(hvcmad_rule_has_device(&c->rule[1], "0000:03:00.0"));
	assert_int_equal(c->rule[2].quota.devices, 0);
	assert_false(hvcmad_rule_has_device(&c->rule[2], "0000:03:00.0"));
	hvcmad_config_free(c);
}

static void nothing_is_allowed_that_is_not_said(void **state)
{
	static const char *const texts[] = { "", "\n# nothing\n", "vms = ();\n", "reserves = ();\n" };
	struct hvcmad_identity root = { .cgroup = "/" };
	struct hvcmad_config *c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		c = good(texts[i]);
		assert_int_equal(c->total.regions, 0);
		assert_null(hvcmad_config_match(c, &root));
		hvcmad_config_free(c);
	}
	c = hvcmad_config_none();
	assert_null(hvcmad_config_match(c, &root));
	hvcmad_config_free(c);
	hvcmad_config_free(NULL);
}

static const char *match(const struct hvcmad_config *c, uid_t uid, const char *cgroup,
			 const char *machine, const char *label)
{
	struct hvcmad_identity id = { .uid = uid };
	const struct hvcmad_rule *rule;

	snprintf(id.cgroup, sizeof(id.cgroup), "%s", cgroup);
	snprintf(id.machine, sizeof(id.machine), "%s", machine);
	snprintf(id.label, sizeof(id.label), "%s", label);
	rule = hvcmad_config_match(c, &id);
	return rule ? rule->name : "";
}

static void a_vm_is_all_that_its_entry_says(void **state)
{
	struct hvcmad_config *c = good(whole);
	const char *scope = "/machine.slice/machine-qemu\\x2d1\\x2dbanka.scope";

	(void)state;
	assert_string_equal(match(c, 0, scope, "banka", "svirt-1"), "banka");
	assert_string_equal(match(c, 0, scope, "banka", "other"), "");
	assert_string_equal(match(c, 0, scope, "bankb", "svirt-1"), "");
	assert_string_equal(match(c, 1, scope, "banka", "svirt-1"), "");
	assert_string_equal(match(c, 64055, scope, "banka", ""), "others");
	/* '*' does not lead into another folder. */
	assert_string_equal(match(c, 64055, "/machine.slice/machine-qemu/x.scope", "", ""), "");
	assert_string_equal(match(c, 64055, "/user.slice/machine-qemu1.scope", "", ""), "");
	hvcmad_config_free(c);
}

static void the_first_vm_that_fits_counts(void **state)
{
	struct hvcmad_config *c = good("totals = { pinned = \"1G\"; regions = 9; };\n"
				       "vms = ( { name = \"a\"; user = 5; pinned = \"1M\"; regions = 1; },\n"
				       "        { name = \"b\"; cgroup = \"/\"; pinned = \"1M\"; regions = 1; } );\n");

	(void)state;
	assert_string_equal(match(c, 5, "/", "", ""), "a");
	assert_string_equal(match(c, 6, "/", "", ""), "b");
	hvcmad_config_free(c);
}

#define TOTALS	"totals = { pinned = \"1G\"; regions = 4; };\n"
#define VM(text)	TOTALS "vms = (\n{ name = \"a\"; user = 0; pinned = \"1M\"; regions = 1; },\n{ " text " } );\n"

static void faults_are_told_by_line(void **state)
{
	(void)state;
	bad("totals = {\n pinned = ;\n", 2, "syntax error");
	bad("totals = { pinned = \"1G\"; regions = 1; };\ntotal = 1;\n", 2, "no setting 'total'");
	bad("totals = 5;\n", 1, "'totals' is to be a group");
	bad("totals = { pinned = \"1G\"; };\n", 1, "lacks 'regions'");
	bad("totals = { regions = 1; };\n", 1, "lacks 'pinned'");
	bad("totals = {\n pinned = \"1G\";\n pined = 3;\n};\n", 3, "no setting 'pined'");
	bad("totals = { pinned = \"1G\"; pinned = \"1G\"; };\n", 1, "duplicate");
	bad("totals = { pinned = 1024;\n regions = 1; };\n", 1, "'pinned' is to be a text in quotes");
	bad("totals = { pinned = \"\"; regions = 1; };\n", 1, "'pinned' is empty");
	bad("totals = { pinned = \"10%\"; regions = 1; };\n", 1, "is to be an amount");
	bad("totals = { pinned = \"1G\"; regions = -1; };\n", 1, "'regions' is to be a number");
	bad("totals = { pinned = \"1G\"; regions = 3000000000L; };\n", 1, "'regions' is to be a number");
	bad("totals = { pinned = \"1G\"; regions = \"one\"; };\n", 1, "'regions' is to be a number");
	bad("totals = { pinned = \"2G\"; memory = \"1G\"; regions = 1; };\n", 1, "more may be pinned");
	bad("vms = { };\n", 1, "'vms' is to be a list");
	bad("reserves = [ 1 ];\n", 1, "'reserves' is to be a list");
	bad("\nvms = ( { name = \"a\"; user = 0; pinned = \"1M\"; regions = 1; } );\n", 2, "no 'totals'");
	bad(TOTALS "vms = (\n1 );\n", 3, "a VM is to be a group");
	bad("socket-group = \"no such group\";\n", 1, "there is no group");
	bad("\nsocket-group = 3;\n", 2, "'socket-group' is to be a text");
	bad("platform-rules = 1;\n", 1, "'platform-rules' is to be a text");
	bad("platform-rules = \"\";\n", 1, "'platform-rules' is empty");
	bad("a = 1;\n  @include \"/etc\"\n", 2, "@include is not supported");
}

static void vms_that_are_no_good_are_told_by_line(void **state)
{
	(void)state;
	bad(VM("user = 1; pinned = \"1M\"; regions = 1;"), 4, "lacks 'name'");
	bad(VM("name = \"b\"; pinned = \"1M\"; regions = 1;"), 4, "nothing tells it from others");
	bad(VM("name = \"b\"; user = 1; regions = 1;"), 4, "lacks 'pinned'");
	bad(VM("name = \"b\"; user = 1; pinned = \"1M\";"), 4, "lacks 'regions'");
	bad(VM("name = \"a\"; user = 1; pinned = \"1M\"; regions = 1;"), 4, "two VMs with the name a");
	bad(VM("name = \"b c\"; user = 1; pinned = \"1M\"; regions = 1;"), 4, "'name' is to have");
	bad(VM("name = \"b\"; user = \"no such user\"; pinned = \"1M\"; regions = 1;"), 4, "there is no user");
	bad(VM("name = \"b\"; user = -1; pinned = \"1M\"; regions = 1;"), 4, "'user' is to be a number");
	bad(VM("name = \"b\"; user = 1; pinned = \"2G\"; regions = 1;"), 4, "more than 'totals'");
	bad(VM("name = \"b\"; user = 1; pinned = \"1M\"; regions = 5;"), 4, "more than 'totals'");
	bad(VM("name = \"b\"; user = 1; unsafe-noiommu = 1;"), 4, "'unsafe-noiommu' is to be true or false");
	bad(VM("name = \"b\"; user = 1; color = 1;"), 4, "no setting 'color'");
	bad(VM("name = \"b\"; user = 1; devices = 1;"), 4, "'devices' is to be a list of devices");
	bad(VM("name = \"b\"; user = 1; devices = ( 1 );"), 4, "is to be a text in quotes");
	bad(VM("name = \"b\"; user = 1; devices = ( \"03:00.0\" );"), 4, "'03:00.0' is not what Linux calls a PCI device");
	bad(VM("name = \"b\"; user = 1; devices = ( \"/dev/vfio/0\" );"), 4, "is not what Linux calls a PCI device");
	bad(VM("name = \"b\"; user = 1; devices = ( \"a/b\" );"), 4, "or a platform device, \"a003e00.virtio_mmio\", in 31 characters");
	bad(VM("name = \"b\"; user = 1; devices = ( \"0123456.89012345678901234567890ab\" );"), 4, "in 31 characters at most");
	bad(VM("name = \"b\"; user = 1; devices = ( \"a003e00.virtio_mmio\", \"a003e00.virtio_mmio\" );"), 4, "is there twice");
	bad(VM("name = \"b\"; user = 1; devices = [ \"0000:03:00.0\", \"0000:03:00.0\" ];"), 4, "is there twice");
	bad(VM("name = \"b\"; user = 1; pinned = \"1M\"; regions = 1; devices = ( \"0000:03:00.0\" );"), 4,
	    "VM b has 'devices', which takes 'unsafe-noiommu = true'");
	bad(VM("name = \"b\"; user = 1; pinned = \"1M\"; regions = 1; unsafe-noiommu = true; devices = ( \"0000:03:00.0\" );"),
	    4, "more than 'totals'");
	bad(VM("name = \"b\"; user = 1; unsafe-no-reset = 1;"), 4, "'unsafe-no-reset' is to be true or false");
	bad(VM("name = \"b\"; user = 1; pinned = \"1M\"; regions = 1; unsafe-noiommu = true; unsafe-no-reset = true;"), 4,
	    "VM b has 'unsafe-no-reset', but no 'devices'");
	bad(VM("name = \"b\"; user = 1; max-devices = \"many\";"), 4, "'max-devices' is to be a number");
	bad(VM("name = \"b\"; user = 1; cgroup = 1;"), 4, "'cgroup' is to be a text");
}

static void turns_have_a_deadline_and_vms_a_priority(void **state)
{
	struct hvcmad_config *c = good("turns = { deadline-ms = 250; };\n" VM("name = \"b\"; user = 1; pinned = \"1M\"; "
				       "regions = 1; priority = 7;"));
	char *text = NULL;
	size_t bytes;
	FILE *f = open_memstream(&text, &bytes);

	(void)state;
	assert_int_equal(c->turn_ms, 250);
	assert_int_equal(c->rule[0].priority, 0);
	assert_int_equal(c->rule[1].priority, 7);
	hvcmad_config_print(c, f);
	fclose(f);
	assert_non_null(strstr(text, "who is asked for memory has 250 ms\n"));
	assert_non_null(strstr(text, "VM b: 1 regions, 1048576 bytes, of which 1048576 pinned, priority 7\n"));
	free(text);
	hvcmad_config_free(c);
	bad("turns = 5;\n", 1, "'turns' is to be a group");
	bad("\nturns = { deadline = 5; };\n", 2, "'turns' has no setting 'deadline'");
	bad("turns = { deadline-ms = \"5s\"; };\n", 1, "'deadline-ms' is to be a number");
	bad("turns = {\ndeadline-ms = 99; };\n", 2, "a number from 100 to 60000, not 99");
	bad("turns = { deadline-ms = 60001; };\n", 1, "a number from 100 to 60000, not 60001");
	bad(VM("name = \"b\"; user = 1; priority = -1;"), 4, "'priority' is to be a number");
}

static void reserves_that_are_no_good_are_told_by_line(void **state)
{
	(void)state;
	bad("reserves = (\n{ keep = \"2M\"; } );\n", 2, "a reserve is 'hugepage'");
	bad("reserves = (\n{ hugepage = \"3M\"; keep = \"3M\"; } );\n", 2, "a reserve is 'hugepage'");
	bad("reserves = (\n{ hugepage = \"2M\"; keep = \"3M\"; } );\n", 2, "whole pages");
	bad("reserves = ( { hugepage = \"2M\"; keep = \"2M\"; },\n { hugepage = \"2M\"; keep = \"4M\"; } );\n", 2,
	    "two reserves");
	bad("reserves = ( { hugepage = \"2M\"; kept = \"2M\"; } );\n", 1, "no setting 'kept'");
}

static void files_that_are_none_are_refused(void **state)
{
	struct hvcmad_config *c = NULL;
	struct hvcma_error err = { "" };
	char fifo[96];

	(void)state;
	assert_int_equal(hvcmad_config_read("/no/such/file", &c, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/no/such/file: No such file"));
	assert_int_equal(hvcmad_config_read("/tmp", &c, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/tmp: not a text file"));

	snprintf(fifo, sizeof(fifo), "%s.fifo", path);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(hvcmad_config_read(fifo, &c, &err), -EINVAL);	/* and does not wait for a writer */
	unlink(fifo);

	write_config("a\0b", 3);
	assert_int_equal(hvcmad_config_read(path, &c, &err), -EINVAL);
	assert_int_equal(truncate(path, HVCMAD_MAX_CONFIG_BYTES + 1), 0);
	assert_int_equal(hvcmad_config_read(path, &c, &err), -EFBIG);
	assert_null(c);
}

static void platform_devices_are_allowed_by_name(void **state)
{
	struct hvcmad_config *c = good("totals = { pinned = \"1M\"; regions = 2; devices = 3; };\n"
				       "platform-rules = \"/srv/rules\";\n"
				       "vms = ( { name = \"a\"; user = 1; pinned = \"1M\"; regions = 1; unsafe-noiommu = true;\n"
				       "          devices = ( \"0000:03:00.0\", \"a003e00.virtio_mmio\" ); } );\n");
	char *text = NULL;
	size_t bytes;
	FILE *f = open_memstream(&text, &bytes);

	(void)state;
	assert_string_equal(c->platform_rules, "/srv/rules");
	assert_int_equal(c->rule[0].quota.devices, 2);
	assert_true(hvcmad_rule_has_device(&c->rule[0], "a003e00.virtio_mmio"));
	assert_false(hvcmad_rule_has_device(&c->rule[0], "a003e00.virtio"));
	hvcmad_config_print(c, f);
	fclose(f);
	assert_non_null(strstr(text, "by the rules in /srv/rules first\n"));
	assert_non_null(strstr(text, "may open 0000:03:00.0, a003e00.virtio_mmio\n"));
	free(text);
	hvcmad_config_free(c);
}

static void it_is_told_to_people(void **state)
{
	struct hvcmad_config *c = good(whole), *none = hvcmad_config_none();
	char *text = NULL;
	size_t bytes;
	FILE *f = open_memstream(&text, &bytes);

	(void)state;
	hvcmad_config_print(c, f);
	hvcmad_config_print(none, f);
	fclose(f);
	assert_non_null(strstr(text, "all together: 10 regions, 4294967296 bytes, of which 1073741824 pinned\n"));
	assert_non_null(strstr(text, "hugepages of 2097152 bytes: 67108864 bytes stay free\n"));
	assert_non_null(strstr(text, "VM banka: 2 regions, 2147483648 bytes, of which 536870912 pinned, "
			       "sees host-physical addresses\n"));
	assert_non_null(strstr(text, "VM others: 1 regions, 134217728 bytes, of which 134217728 pinned\n"));
	assert_non_null(strstr(text, "no VM is allowed anything\n"));
	free(text);
	hvcmad_config_free(c);
	hvcmad_config_free(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_settings_are_read), cmocka_unit_test(devices_are_allowed_by_name),
		cmocka_unit_test(platform_devices_are_allowed_by_name),
		cmocka_unit_test(nothing_is_allowed_that_is_not_said),
		cmocka_unit_test(a_vm_is_all_that_its_entry_says),
		cmocka_unit_test(the_first_vm_that_fits_counts),
		cmocka_unit_test(faults_are_told_by_line),
		cmocka_unit_test(vms_that_are_no_good_are_told_by_line),
		cmocka_unit_test(turns_have_a_deadline_and_vms_a_priority),
		cmocka_unit_test(reserves_that_are_no_good_are_told_by_line),
		cmocka_unit_test(files_that_are_none_are_refused),
		cmocka_unit_test(it_is_told_to_people),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
