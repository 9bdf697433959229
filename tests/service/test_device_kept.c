// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Devices that the keeper has, and the real hvcmad that takes them over: what is left of a device by a
 * service that was killed is put into the keeper here, with a file in place of the device's, as this
 * machine need not have one without an IOMMU. Such a file can't be stopped, which is one half of what is
 * shown: the device goes into quarantine, over restarts, and memory stays. The other half, with a real
 * device, is tests/nested/test_service's.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/service/rig.h"

#include "hv/host/service_device.h"
#include "hv/service/device.h"

#define NR	2

/* No machine has such a domain. */
#define NAME	"fffffff0:00:00.0"
#define PLATFORM_NAME	"fffffff0.none"

static const char config[] =
	"totals = { pinned = \"4M\"; regions = 1; devices = 1; };\n"
	"vms = ( { name = \"a\"; user = 0; pinned = \"4M\"; regions = 1; unsafe-noiommu = true;\n"
	"          devices = ( \"" NAME "\", \"" PLATFORM_NAME "\" ); max-devices = 1; } );\n";

static struct small_pool pool;

static int nr_devices(int fd)
{
	const struct hvcmad_devices_req q = { .hdr = { HVCMAD_OP_DEVICES, sizeof(q) }, .flags = HVCMAD_DEVICES_ALL };

	assert_status(OK, client_call_fds(fd, &q, sizeof(q), sizeof(got.devices), NULL, 0));
	return (int)got.devices.nr;
}

static int close_device(int fd, uint32_t number)
{
	const struct hvcmad_close_device_req q = { .hdr = { HVCMAD_OP_CLOSE_DEVICE, sizeof(q) }, .number = number };

	return client_call_fds(fd, &q, sizeof(q), sizeof(got.hdr), NULL, 0);
}

static int release(int fd, uint32_t number, uint32_t flags)
{
	const struct hvcmad_release_req q = {
		.hdr = { HVCMAD_OP_RELEASE, sizeof(q) }, .number = number, .flags = flags,
	};

	return client_call_fds(fd, &q, sizeof(q), sizeof(got.hdr), NULL, 0);
}

static void is_in(int fd, uint32_t number, uint32_t state)
{
	int i;

	for (i = 0; i < 500 && (nr_devices(fd) != 1 || got.devices.devices[0].state != state); i++)
		usleep(10000);
	assert_int_equal(nr_devices(fd), 1);
	assert_int_equal(got.devices.devices[0].number, number);
	assert_int_equal(got.devices.devices[0].state, state);
	assert_string_equal((char *)got.devices.devices[0].device, NAME);
	assert_string_equal((char *)got.devices.devices[0].vm, "a");
}

/* A client of its own, with memory pinned, that lives until it is killed. */
static void pin_and_wait(void)
{
	struct memory m = small_pool_memory(&pool, NR);
	int fd = client_open(&rig);

	must(client_register(fd, "banka", m.bytes, m.fd) == HVCMAD_S_OK, "REGISTER");
	must(client_range(fd, HVCMAD_OP_BACK, got.reg.region, 0, NR, 0) == HVCMAD_S_OK, "BACK");
	must(client_range(fd, HVCMAD_OP_PIN, got.reg.region, 0, NR, 0) == HVCMAD_S_OK, "PIN");
	pause();
}

static pid_t start_client(void)
{
	pid_t pid = as_user(0, pin_and_wait);

	assert_true(small_pool_settles(&pool, NR));
	daemon_says(&rig, "region banka");
	usleep(100000);		/* until PIN has been answered */
	return pid;
}

static void kill_client(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

/* The key by which the keeper knows the one client. */
static uint64_t key_of_client(int keeper)
{
	struct hvcmad_keeper_resp r = keeper_ask(keeper, HVCMAD_KEEPER_NEXT, 0, NULL, 0);
	struct hvcmad_record_head head;

	memcpy(&head, r.record, sizeof(head));
	assert_int_equal(head.kind, HVCMAD_RECORD_PEER);
	return head.peer;
}

/* As leave_device(), of a platform device. */
static void leave_platform(int keeper, struct hvcmad_platform_record record, uint32_t bytes)
{
	struct hvcmad_keeper_req q = { .op = HVCMAD_KEEPER_PUT, .record_bytes = bytes };
	int file = open("/dev/zero", O_RDWR | O_CLOEXEC);

	record.device.head = (struct hvcmad_record_head){
		HVCMAD_RECORD_DEVICE, HVCMAD_RECORD_VERSION, key_of_client(keeper),
	};
	record.device.number = 31;
	memcpy(q.record, &record, bytes);
	assert_int_equal(keeper_ask_fds(keeper, &q, &file, 1).error, 0);
	close(file);
}

static void leave_device(int keeper, uint64_t peer, uint32_t number, bool is_closed, bool has_file)
{
	const struct hvcmad_device_record record = {
		.head = { HVCMAD_RECORD_DEVICE, HVCMAD_RECORD_VERSION, peer }, .name = NAME, .number = number,
		.is_closed = is_closed,
	};
	struct hvcmad_keeper_req q = { .op = HVCMAD_KEEPER_PUT, .record_bytes = sizeof(record) };
	int file = open("/dev/zero", O_RDWR | O_CLOEXEC);

	memcpy(q.record, &record, sizeof(record));
	assert_int_equal(keeper_ask_fds(keeper, &q, &file, has_file).error, 0);
	close(file);
}

/* The service is killed, and had opened this for the one client. */
static void killed_with_device(uint32_t number, bool is_closed, bool has_file)
{
	int keeper;

	daemon_kill(&rig);
	keeper = keeper_connect(&rig);
	leave_device(keeper, key_of_client(keeper), number, is_closed, has_file);
	close(keeper);
}

static bool keeper_has_file(void)
{
	char path[300], link[64];
	bool found = false;
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)daemon_keeper(&rig));
	dir = opendir(path);
	assert_non_null(dir);
	while (!found && (e = readdir(dir))) {
		memset(link, 0, sizeof(link));
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)daemon_keeper(&rig), e->d_name);
		found = readlink(path, link, sizeof(link) - 1) > 0 && !strcmp(link, "/dev/zero");
	}
	closedir(dir);
	return found;
}

static void all_is_given_back(int fd)
{
	int i;

	for (i = 0; i < 500 && nr_devices(fd); i++)
		usleep(10000);
	assert_int_equal(nr_devices(fd), 0);
	assert_true(small_pool_settles(&pool, 0));
	close(fd);
	for (i = 0; i < 500 && daemon_descriptors(&rig) > rig.idle + 1; i++)
		usleep(10000);
	assert_in_range(daemon_descriptors(&rig), rig.idle, rig.idle + 1);
}

static void what_cannot_be_stopped_keeps_memory_over_restarts(void **state)
{
	pid_t client = start_client();
	int fd, round;

	(void)state;
	killed_with_device(41, false, true);
	daemon_again(&rig);
	daemon_says(&rig, "takes over 1 regions and 1 devices");
	fd = client_open(&rig);
	is_in(fd, 41, HVCMAD_DEVICE_OPEN);
	assert_int_equal(got.devices.devices[0].pid, client);
	assert_refused(NO_DEVICE, "this process has no device 41", close_device(fd, 41));

	kill_client(client);
	is_in(fd, 41, HVCMAD_DEVICE_QUARANTINED);
	assert_words((char *)got.devices.devices[0].why, "no configuration space of it");
	assert_int_equal(got.devices.devices[0].kept_bytes, NR * HUGE_BYTES);
	for (round = 0; round < 2; round++) {
		daemon_kill(&rig);
		close(fd);
		daemon_again(&rig);
		fd = client_open(&rig);
		is_in(fd, 41, HVCMAD_DEVICE_QUARANTINED);
		assert_int_equal(small_pool_used(&pool), NR);
	}
	assert_true(keeper_has_file());
	assert_status(OK, release(fd, 41, 0));
	is_in(fd, 41, HVCMAD_DEVICE_QUARANTINED);
	assert_int_equal(small_pool_used(&pool), NR);
	assert_status(OK, release(fd, 41, HVCMAD_RELEASE_FORCE));
	all_is_given_back(fd);
}

/* Both are killed: with nobody to stop the device its keeper has all, and the next service goes on. */
static void who_dies_meanwhile_keeps_its_memory(void **state)
{
	pid_t client = start_client();
	int fd;

	(void)state;
	killed_with_device(3, false, true);
	kill_client(client);
	usleep(200000);
	assert_int_equal(small_pool_used(&pool), NR);
	daemon_again(&rig);
	daemon_says(&rig, "has gone; 1 of its regions stay until its devices have stopped");
	fd = client_open(&rig);
	is_in(fd, 3, HVCMAD_DEVICE_QUARANTINED);
	assert_int_equal(small_pool_used(&pool), NR);
	assert_status(OK, release(fd, 3, HVCMAD_RELEASE_FORCE));
	all_is_given_back(fd);
}

/* The last thing that is waited for is that nobody has it open. */
static void what_has_stopped_is_let_go_of(void **state)
{
	pid_t client = start_client();
	int fd;

	(void)state;
	killed_with_device(5, true, false);
	daemon_again(&rig);
	daemon_says(&rig, "device " NAME ", number 5, stopping -> gone");
	fd = client_open(&rig);
	assert_int_equal(nr_devices(fd), 0);
	assert_int_equal(small_pool_used(&pool), NR);	/* its client lives */
	kill_client(client);
	all_is_given_back(fd);
}

/* A client that has closed its device has it no more, whatever service asks. */
static void what_was_closed_is_not_open_again(void **state)
{
	pid_t client = start_client();
	int fd;

	(void)state;
	killed_with_device(6, true, true);
	daemon_again(&rig);
	fd = client_open(&rig);
	is_in(fd, 6, HVCMAD_DEVICE_QUARANTINED);
	assert_status(OK, release(fd, 6, HVCMAD_RELEASE_FORCE));
	assert_false(keeper_has_file());
	kill_client(client);
	all_is_given_back(fd);
}

/* A service that was killed while it told the keeper of a change. */
static void what_is_there_twice_is_taken_once(void **state)
{
	pid_t client = start_client();
	int fd, keeper;

	(void)state;
	killed_with_device(8, false, true);
	keeper = keeper_connect(&rig);
	leave_device(keeper, key_of_client(keeper), 8, true, false);
	close(keeper);
	daemon_again(&rig);
	daemon_says(&rig, "takes over 1 regions and 1 devices");
	fd = client_open(&rig);
	is_in(fd, 8, HVCMAD_DEVICE_QUARANTINED);	/* it had a file: not the one without */
	assert_null(strstr(daemon_log(&rig), "stay with the keeper"));
	assert_status(OK, release(fd, 8, HVCMAD_RELEASE_FORCE));
	kill_client(client);
	all_is_given_back(fd);
}

static void own_devices_are_closed_by_another_session(void **state)
{
	struct memory m = small_pool_memory(&pool, NR);
	int fd = client_open(&rig);
	uint32_t region;

	(void)state;
	assert_status(OK, client_register(fd, "banka", m.bytes, m.fd));
	region = got.reg.region;
	killed_with_device(9, false, true);
	close(fd);
	daemon_again(&rig);
	fd = client_open(&rig);
	assert_status(OK, client_resume(fd, "banka"));
	close(got.fd);
	is_in(fd, 9, HVCMAD_DEVICE_OPEN);
	assert_refused(EXISTS, "VM a has it", client_open_device(fd, NAME));
	assert_status(OK, close_device(fd, 9));
	is_in(fd, 9, HVCMAD_DEVICE_QUARANTINED);
	assert_status(OK, release(fd, 9, HVCMAD_RELEASE_FORCE));
	assert_status(OK, client_unregister(fd, region));
	memory_free(&m);
	all_is_given_back(fd);
}

/* The service was killed before it had answered, and had done it, or not. */
static void requests_without_an_answer_are_made_again(void **state)
{
	struct memory m = small_pool_memory(&pool, NR);
	struct hvcma_service_device device = { .number = 22 };
	struct hvcma_service_link *link;
	struct hvcma_error err = { "" };
	int fd = client_open(&rig);
	uint32_t region;

	(void)state;
	assert_status(OK, client_register(fd, "banka", m.bytes, m.fd));
	region = got.reg.region;
	assert_int_equal(hvcma_service_link_get(rig.socket, &link, &err), 0);
	daemon_kill(&rig);
	daemon_again(&rig);
	assert_int_equal(hvcma_service_device_open(rig.socket, NAME, false, &device, &err), -ENODEV);
	assert_words(err.text, "this machine has none of that name");

	killed_with_device(21, false, true);
	daemon_again(&rig);
	assert_int_equal(hvcma_service_device_open(rig.socket, NAME, false, &device, &err), -EEXIST);
	assert_words(err.text, "is in quarantine");
	close(fd);
	fd = client_open(&rig);
	assert_status(OK, release(fd, 21, HVCMAD_RELEASE_FORCE));

	killed_with_device(22, false, true);
	daemon_again(&rig);
	device.link = link;
	hvcma_service_device_close(&device);
	close(fd);
	fd = client_open(&rig);
	is_in(fd, 22, HVCMAD_DEVICE_QUARANTINED);
	assert_status(OK, release(fd, 22, HVCMAD_RELEASE_FORCE));
	assert_status(OK, client_resume(fd, "banka"));
	close(got.fd);
	assert_status(OK, client_unregister(fd, region));
	memory_free(&m);
	all_is_given_back(fd);
}

static void told_to_end_it_leaves_devices_to_the_next(void **state)
{
	pid_t client = start_client();
	int fd;

	(void)state;
	killed_with_device(11, false, true);
	daemon_again(&rig);
	assert_int_equal(kill(rig.pid, SIGTERM), 0);
	assert_int_equal(daemon_wait(&rig), 0);
	assert_words(daemon_log(&rig), "the keeper holds on: VM a");
	assert_words(daemon_log(&rig), "has device " NAME);
	assert_true(keeper_has_file());
	daemon_again(&rig);
	fd = client_open(&rig);
	is_in(fd, 11, HVCMAD_DEVICE_OPEN);
	kill_client(client);
	is_in(fd, 11, HVCMAD_DEVICE_QUARANTINED);
	assert_status(OK, release(fd, 11, HVCMAD_RELEASE_FORCE));
	all_is_given_back(fd);
}

/* Of whom it is nobody knows: memory of anybody might be given back under it. */
static void without_a_device_it_does_not_start(void **state)
{
	struct hvcmad_keeper_resp r;
	pid_t client = start_client();
	uint32_t id = 0;
	int keeper;

	(void)state;
	daemon_kill(&rig);
	keeper = keeper_connect(&rig);
	leave_device(keeper, 999, 13, false, true);
	close(keeper);
	daemon_spawn(&rig);
	assert_int_equal(daemon_wait(&rig), 1);
	daemon_says(&rig, "a device that the keeper has can't be taken over");
	assert_int_equal(small_pool_used(&pool), NR);

	keeper = keeper_connect(&rig);
	do {
		struct hvcmad_record_head head;

		r = keeper_ask(keeper, HVCMAD_KEEPER_NEXT, id, NULL, 0);
		id = r.id;
		assert_int_not_equal(id, 0);
		memcpy(&head, r.record, sizeof(head));
		if (head.kind == HVCMAD_RECORD_DEVICE)
			break;
	} while (true);
	assert_int_equal(keeper_ask(keeper, HVCMAD_KEEPER_DROP, id, NULL, 0).error, 0);
	close(keeper);
	daemon_again(&rig);
	kill_client(client);
	all_is_given_back(client_open(&rig));
}

/* The last thing that was put there, which no service takes. */
static void forget_last(int keeper)
{
	uint32_t last = 0, id;

	while ((id = keeper_ask(keeper, HVCMAD_KEEPER_NEXT, last, NULL, 0).id))
		last = id;
	assert_int_equal(keeper_ask(keeper, HVCMAD_KEEPER_DROP, last, NULL, 0).error, 0);
}

/* Its record has its rule, and goes by its length. */
static void platform_devices_are_taken_over_with_their_rule(void **state)
{
	struct hvcmad_platform_record record = { .device.name = PLATFORM_NAME, .kind.is_platform = 1, .kind.has_rule = 1 };
	struct hvcmad_platform_record bad[5];
	pid_t client = start_client();
	struct hvcma_error err;
	int fd, i, keeper;

	(void)state;
	assert_int_equal(hvcma_platform_rule_parse("virtio,mmio 0x70=0 0x70==0", &record.kind.rule, &err), 0);
	for (i = 0; i < 5; i++)
		bad[i] = record;
	bad[0].kind.is_platform = 0;
	bad[1].kind.has_rule = 2;
	bad[2].kind.rule.nr_steps = 1;			/* ends with a write */
	bad[3].kind.rule.nr_steps = 1000;
	memcpy(bad[4].device.name, NAME, sizeof(NAME));	/* a PCI device's */
	daemon_kill(&rig);
	for (i = 0; i < 6; i++) {
		keeper = keeper_connect(&rig);
		leave_platform(keeper, i < 5 ? bad[i] : record, sizeof(record) - (i == 5 ? 8 : 0));
		close(keeper);
		daemon_spawn(&rig);
		assert_int_equal(daemon_wait(&rig), 1);
		daemon_says(&rig, "a device that the keeper has can't be taken over");
		keeper = keeper_connect(&rig);
		forget_last(keeper);
		close(keeper);
	}
	assert_int_equal(small_pool_used(&pool), NR);

	keeper = keeper_connect(&rig);
	leave_platform(keeper, record, sizeof(record));
	close(keeper);
	daemon_again(&rig);
	daemon_says(&rig, "device " PLATFORM_NAME ", number 31, goes on");
	kill_client(client);
	daemon_says(&rig, "stopping -> quarantined: VFIO tells nothing about it");
	assert_int_equal(small_pool_used(&pool), NR);
	fd = client_open(&rig);
	assert_int_equal(nr_devices(fd), 1);
	assert_int_equal(got.devices.devices[0].state, HVCMAD_DEVICE_QUARANTINED);
	assert_string_equal((char *)got.devices.devices[0].device, PLATFORM_NAME);
	assert_int_equal(got.devices.devices[0].kept_bytes, NR * HUGE_BYTES);
	assert_status(OK, release(fd, 31, HVCMAD_RELEASE_FORCE));
	all_is_given_back(fd);
}

/* By the client of QEMU, which asks for the feature. */
static void platform_devices_are_asked_for_by_their_kind(void **state)
{
	char longer[64] = "fffffff0.";
	struct hvcma_service_device device;
	struct hvcma_error err = { "" };

	(void)state;
	assert_int_equal(hvcma_service_device_open(rig.socket, PLATFORM_NAME, true, &device, &err), -ENODEV);
	assert_words(err.text, "device " PLATFORM_NAME ": this machine has none of that name");
	assert_int_equal(hvcma_service_device_open(rig.socket, PLATFORM_NAME, false, &device, &err), -EINVAL);
	assert_words(err.text, "as Linux calls PCI devices");
	memset(longer + strlen(longer), 'x', HVCMAD_DEVICE_BYTES - strlen(longer));
	assert_int_equal(hvcma_service_device_open(rig.socket, longer, true, &device, &err), -EINVAL);
	assert_words(err.text, "limit: 31 bytes");
}

static int begin(void **state)
{
	if (!small_pool_make(&pool, NR))
		return -1;
	(void)state;
	daemon_start(&rig, config);
	return 0;
}

static int end(void **state)
{
	rig_stop(state);
	small_pool_free(&pool);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_stopped_keeps_memory_over_restarts),
		cmocka_unit_test(who_dies_meanwhile_keeps_its_memory),
		cmocka_unit_test(what_has_stopped_is_let_go_of),
		cmocka_unit_test(what_was_closed_is_not_open_again),
		cmocka_unit_test(what_is_there_twice_is_taken_once),
		cmocka_unit_test(own_devices_are_closed_by_another_session),
		cmocka_unit_test(requests_without_an_answer_are_made_again),
		cmocka_unit_test(told_to_end_it_leaves_devices_to_the_next),
		cmocka_unit_test(without_a_device_it_does_not_start),
		cmocka_unit_test(platform_devices_are_taken_over_with_their_rule),
		cmocka_unit_test(platform_devices_are_asked_for_by_their_kind),
	};

	SKIP_ALL_UNLESS_ROOT();
	return cmocka_run_group_tests(tests, begin, end);
}
