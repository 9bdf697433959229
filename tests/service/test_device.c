// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Requests for devices, as far as they are refused: by the configuration, by quotas, by what this
 * machine has. None is opened here: this machine need not have one without an IOMMU.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/service/rig.h"

/* No machine has such a domain. */
#define NONE	"fffffff0:00:00.0"
#define OTHERS	"fffffff0:00:01.0"
#define NO_PLATFORM	"fffffff0.none"
#define OTHERS_PLATFORM	"fffffff1.none"

static const char config[] =
	"socket-group = \"nogroup\";\n"
	"totals = { pinned = \"4M\"; regions = 2; devices = 2; };\n"
	"vms = ( { name = \"a\"; user = 0; pinned = \"2M\"; regions = 1; unsafe-noiommu = true;\n"
	"          devices = ( \"" NONE "\", \"" NO_PLATFORM "\" ); max-devices = 1; },\n"
	"        { name = \"b\"; user = 12345; pinned = \"2M\"; regions = 1; unsafe-noiommu = true;\n"
	"          devices = ( \"" OTHERS "\", \"" OTHERS_PLATFORM "\" ); max-devices = 0; } );\n";

static struct daemon d;

static int close_device(int fd, uint32_t number)
{
	const struct hvcmad_close_device_req q = { .hdr = { HVCMAD_OP_CLOSE_DEVICE, sizeof(q) }, .number = number };

	return client_call_fds(fd, &q, sizeof(q), sizeof(got.hdr), NULL, 0);
}

static int list_devices(int fd, uint32_t flags)
{
	const struct hvcmad_devices_req q = { .hdr = { HVCMAD_OP_DEVICES, sizeof(q) }, .flags = flags };

	return client_call_fds(fd, &q, sizeof(q), sizeof(got.devices), NULL, 0);
}

static int release(int fd, uint32_t number, uint32_t flags)
{
	const struct hvcmad_release_req q = {
		.hdr = { HVCMAD_OP_RELEASE, sizeof(q) }, .number = number, .flags = flags,
	};

	return client_call_fds(fd, &q, sizeof(q), sizeof(got.hdr), NULL, 0);
}

static void what_is_not_said_is_refused(void **state)
{
	int fd = client_open(&d);

	(void)state;
	assert_true(got.hello.allowed & HVCMAD_ALLOW_DEVICES);
	assert_int_equal(got.hello.quota_devices, 1);
	assert_refused(REFUSED, "is not among the 'devices' of VM a in the configuration", client_open_device(fd, "0000:00:00.0"));
	assert_refused(REFUSED, OTHERS " is not among the 'devices' of VM a", client_open_device(fd, OTHERS));
	assert_refused(INVAL, "as Linux calls PCI devices", client_open_device(fd, "/dev/vfio/noiommu-0"));
	assert_refused(NO_DEVICE, "this machine has none of that name", client_open_device(fd, NONE));
	/* what was refused counts for no quota */
	assert_refused(NO_DEVICE, "this machine has none of that name", client_open_device(fd, NONE));
	assert_int_equal(got.fd, -1);
	close(fd);
}

static int open_platform(int fd, const char *name)
{
	return client_open_device_with(fd, name, HVCMAD_OPEN_PLATFORM);
}

static void platform_devices_are_refused_likewise(void **state)
{
	int fd = client_connect(&d), old = client_open(&d);

	(void)state;
	assert_refused(UNSUPP, "of the feature PLATFORM, which HELLO has not asked for", open_platform(old, NO_PLATFORM));
	close(old);
	assert_status(OK, client_hello_with(fd, HVCMAD_F_PLATFORM));
	assert_int_equal(got.hello.features, HVCMAD_F_PLATFORM);
	assert_refused(NO_DEVICE, "device " NO_PLATFORM ": this machine has none of that name", open_platform(fd, NO_PLATFORM));
	assert_refused(REFUSED, OTHERS_PLATFORM " is not among the 'devices' of VM a", open_platform(fd, OTHERS_PLATFORM));
	/* each by the other kind's name */
	assert_refused(INVAL, "as in /sys/bus/platform/devices", open_platform(fd, NONE));
	assert_refused(INVAL, "as Linux calls PCI devices", client_open_device(fd, NO_PLATFORM));
	assert_refused(INVAL, "as in /sys/bus/platform/devices", open_platform(fd, "../pci/devices/x"));
	assert_refused(INVAL, "as in /sys/bus/platform/devices", open_platform(fd, ".."));
	assert_refused(UNSUPP, "an unknown flag", client_open_device_with(fd, NO_PLATFORM, 3));
	assert_int_equal(got.fd, -1);
	close(fd);
}

/* Of 40 bytes, and of 48 with a reserved field: the session is over. */
static void malformed_ones_end_the_session(void **state)
{
	struct hvcmad_open_device_req q = {
		.hdr = { HVCMAD_OP_OPEN_DEVICE, sizeof(q) }, .device = NO_PLATFORM, .flags = HVCMAD_OPEN_PLATFORM,
	};
	int fd;

	(void)state;
	for (int i = 0; i < 2; i++) {
		fd = client_connect(&d);
		assert_status(OK, client_hello_with(fd, HVCMAD_F_PLATFORM));
		q.hdr.bytes = i ? sizeof(q) : 40;
		q.reserved = (uint32_t)i;
		assert_refused(MALFORMED, i ? "a reserved field that is not zero" : "another length than its operation has",
			       client_call_fds(fd, &q, q.hdr.bytes, sizeof(got.hdr), NULL, 0));
		assert_over(client_call_fds(fd, &q, q.hdr.bytes, sizeof(got.hdr), NULL, 0));
		close(fd);
	}
}

static void numbers_that_are_none_are_refused(void **state)
{
	int fd = client_open(&d);

	(void)state;
	assert_refused(NO_DEVICE, "this process has no device 1", close_device(fd, 1));
	assert_refused(NO_DEVICE, "there is no device 7", release(fd, 7, 0));
	assert_refused(NO_DEVICE, "there is no device 7", release(fd, 7, HVCMAD_RELEASE_FORCE));
	assert_status(OK, list_devices(fd, 0));
	assert_int_equal(got.devices.nr_total, 0);
	assert_int_equal(got.devices.nr, 0);
	assert_status(OK, list_devices(fd, HVCMAD_DEVICES_ALL));
	assert_int_equal(got.devices.nr, 0);
	close(fd);
}

static void be_b(void)
{
	int fd = client_open(&d);

	assert_false(got.hello.allowed & HVCMAD_ALLOW_DEVICES);
	assert_refused(REFUSED, NONE " is not among the 'devices' of VM b", client_open_device(fd, NONE));
	assert_refused(QUOTA, "would pass the quota 'max-devices', 0", client_open_device(fd, OTHERS));
	assert_refused(REFUSED, "the devices of all VMs are for the user root", list_devices(fd, HVCMAD_DEVICES_ALL));
	assert_refused(REFUSED, "devices are released by the user root", release(fd, 1, 0));
	assert_status(OK, list_devices(fd, 0));
	close(fd);
}

static void others_are_refused(void **state)
{
	(void)state;
	ends_well(as_user(USER_B, be_b));
}

static int start(void **state)
{
	(void)state;
	daemon_start(&d, config);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	daemon_stop(&d);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_said_is_refused),
		cmocka_unit_test(platform_devices_are_refused_likewise),
		cmocka_unit_test(malformed_ones_end_the_session),
		cmocka_unit_test(numbers_that_are_none_are_refused),
		cmocka_unit_test(others_are_refused),
	};

	SKIP_ALL_UNLESS_ROOT();
	return cmocka_run_group_tests(tests, start, stop);
}
