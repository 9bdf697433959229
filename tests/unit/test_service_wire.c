// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Requests of the service's socket, well-formed and not, and the frame of responses. Who
 * may ask for what, and what then happens, is for the layer "service".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/core/service_wire.h"

#define MIB	(UINT64_C(1) << 20)

static struct hvcmad_hello_req hello(void)
{
	return (struct hvcmad_hello_req){
		.hdr = { HVCMAD_OP_HELLO, sizeof(struct hvcmad_hello_req) },
		.magic = HVCMAD_MAGIC, .version = HVCMAD_VERSION,
	};
}

static struct hvcmad_register_req reg(uint32_t flags)
{
	return (struct hvcmad_register_req){
		.hdr = { HVCMAD_OP_REGISTER, sizeof(struct hvcmad_register_req) },
		.name = "banka", .bytes = 64 * MIB, .granule_bytes = 2 * MIB,
		.page_bytes = flags & HVCMAD_REGISTER_MAKE ? 2 * MIB : 0, .flags = flags,
	};
}

static struct hvcmad_range_req range(uint32_t op)
{
	return (struct hvcmad_range_req){
		.hdr = { op, sizeof(struct hvcmad_range_req) }, .region = 1, .first = 3, .nr = 4,
	};
}

/* What the parser says; a copy in memory of exactly that length lets the sanitizer see. */
static enum hvcmad_status parse(const void *message, size_t bytes, size_t nr_descriptors)
{
	union hvcma_service_request r;
	enum hvcmad_status status;
	const char *why = NULL;
	void *exact = malloc(bytes ? bytes : 1);

	memcpy(exact, message, bytes);
	memset(&r, 0x5a, sizeof(r));
	status = hvcma_service_request_parse(exact, bytes, nr_descriptors, &r, &why);
	if (status) {
		assert_non_null(why);
		assert_int_equal(r.hdr.op, 0x5a5a5a5a);		/* untouched */
	} else {
		assert_memory_equal(&r, exact, bytes);
	}
	free(exact);
	return status;
}

#define assert_parse(expected, request, nr) \
	assert_int_equal(parse(&(request), sizeof(request), nr), HVCMAD_S_##expected)

/* With one field changed. */
#define assert_refused(expected, request, nr, field, value)			\
	do {									\
		__typeof__(request) changed = request;				\
		changed.field = value;						\
		assert_parse(expected, changed, nr);				\
	} while (0)

static void what_is_right_is_taken(void **state)
{
	struct hvcmad_unregister_req unregister = {
		{ HVCMAD_OP_UNREGISTER, sizeof(unregister) }, .region = 7,
	};
	struct hvcmad_status_req status = {
		{ HVCMAD_OP_STATUS, sizeof(status) }, .flags = HVCMAD_STATUS_ALL, .after = 9,
	};
	struct hvcmad_resume_req resume = { { HVCMAD_OP_RESUME, sizeof(resume) }, .name = "banka" };
	struct hvcmad_hello_req h = hello();
	struct hvcmad_register_req with_file = reg(0), make = reg(HVCMAD_REGISTER_MAKE);
	uint32_t op;

	(void)state;
	assert_parse(OK, h, 0);
	h.features = UINT64_MAX;	/* for the service to leave out */
	assert_parse(OK, h, 0);
	assert_parse(OK, with_file, 1);
	assert_parse(OK, make, 0);
	with_file.offset = 4 * MIB;
	assert_parse(OK, with_file, 1);
	assert_parse(OK, unregister, 0);
	assert_parse(OK, status, 0);
	assert_parse(OK, resume, 0);
	for (op = HVCMAD_OP_BACK; op <= HVCMAD_OP_PINNED; op++) {
		struct hvcmad_range_req r = range(op);

		if (op == HVCMAD_OP_STATUS || op == HVCMAD_OP_RESUME)
			continue;
		assert_parse(OK, r, 0);
		r.nr = HVCMAD_MAX_GRANULES;
		r.first = UINT64_MAX;	/* only who knows the region can say that it is too much */
		assert_parse(OK, r, 0);
	}
}

static void turns_are_asked_for(void **state)
{
	struct hvcmad_offer_req offer = { { HVCMAD_OP_OFFER, sizeof(offer) }, .region = 1 };
	struct hvcmad_wanted_req wanted = { { HVCMAD_OP_WANTED, sizeof(wanted) }, .region = 1 };
	struct hvcmad_turns_req turns = { { HVCMAD_OP_TURNS, sizeof(turns) }, .flags = HVCMAD_TURNS_ALL };

	(void)state;
	assert_parse(OK, offer, 0);
	offer.flags = HVCMAD_OFFER_END;
	assert_parse(OK, offer, 0);
	assert_refused(UNSUPP, offer, 0, flags, 2);
	assert_parse(DESCRIPTOR, offer, 1);		/* the pipe is the service's */
	assert_parse(OK, wanted, 0);
	assert_refused(MALFORMED, wanted, 0, reserved, 1);
	assert_parse(DESCRIPTOR, wanted, 1);
	assert_parse(OK, turns, 0);
	assert_refused(UNSUPP, turns, 0, flags, 3);
	assert_parse(DESCRIPTOR, turns, 1);
	assert_refused(MALFORMED, turns, 0, hdr.bytes, 8);
}

static struct hvcmad_open_device_req open_device(const char *name)
{
	struct hvcmad_open_device_req r = { { HVCMAD_OP_OPEN_DEVICE, sizeof(r) }, .flags = 0 };

	memcpy(r.device, name, strlen(name));
	return r;
}

static void places_are_asked_for(void **state)
{
	struct hvcmad_arrange_req runs = { { HVCMAD_OP_ARRANGE, sizeof(runs) }, .region = 1, .flags = HVCMAD_ARRANGE_RUNS };
	struct hvcmad_arrange_req low = { { HVCMAD_OP_ARRANGE, sizeof(low) }, .region = 1, .low_bytes = 1 };

	(void)state;
	assert_parse(OK, runs, 0);
	assert_parse(OK, low, 0);
	runs.run_bytes = UINT64_MAX;	/* only who knows the region can say that it is too much */
	assert_parse(OK, runs, 0);
	runs.policy = HVCMAD_MAX_POLICY;
	runs.nodes[HVCMAD_NODES_WORDS - 1] = UINT64_MAX;
	assert_parse(OK, runs, 0);
	assert_parse(DESCRIPTOR, runs, 1);
	assert_refused(MALFORMED, runs, 0, reserved, 1);
	assert_refused(MALFORMED, runs, 0, hdr.bytes, 40);
	assert_refused(UNSUPP, runs, 0, flags, 3);
	assert_refused(UNSUPP, runs, 0, policy, HVCMAD_MAX_POLICY + 1);
	assert_refused(INVAL, low, 0, low_bytes, 0);
	assert_refused(INVAL, low, 0, run_bytes, 4096);
}

static struct hvcmad_open_device_req open_platform(const char *name)
{
	struct hvcmad_open_device_req r = open_device(name);

	r.flags = HVCMAD_OPEN_PLATFORM;
	return r;
}

static void platform_devices_are_named_as_linux_does(void **state)
{
	static const char *const good[] = {
		"a003e00.virtio_mmio", "fdb50000.video-codec", "soc:codec@1", "dac", "f000.dac", "soc@0:bus,x+1",
		"0123456789012345678901234567890",
	};
	static const char *const bad[] = {
		"", "0000:03:00.0", "03:00.0", "0000:03:00", ":", "f:.", ".", "..", ".hidden", "a/b", "../platform", "a003e00.virtio_mmio ",
		"a003e00.virtio mmio", "codec\n", "c\303\266dec", "codec%s", "soc;reboot",
	};
	struct hvcmad_open_device_req r = open_platform("a003e00.virtio_mmio");
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct hvcmad_open_device_req q = open_platform(good[i]);

		assert_parse(OK, q, 0);
		assert_true(hvcma_service_is_platform(good[i]));
		assert_false(hvcma_service_is_device(good[i]));
		assert_refused(INVAL, q, 0, flags, 0);			/* it is of the other kind */
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct hvcmad_open_device_req q = open_platform(bad[i]);

		assert_parse(INVAL, q, 0);
	}
	assert_false(hvcma_service_is_platform("01234567890123456789012345678901"));
	assert_refused(INVAL, r, 0, device[25], 'x');			/* after its end */
	assert_refused(INVAL, r, 0, device[HVCMAD_DEVICE_BYTES - 1], 'x');
	assert_refused(MALFORMED, r, 0, reserved, 1);
	assert_refused(MALFORMED, r, 0, hdr.bytes, 40);
	assert_refused(UNSUPP, r, 0, flags, 3);
	assert_parse(DESCRIPTOR, r, 1);
}

static void devices_are_named_as_linux_does(void **state)
{
	static const char *const bad[] = {
		"", "nvme0", "03:00.0", "0000:03:00", "0000:03:00.8", "0000:03:00.0 ", "0000:3:00.0", "0000:03:0.0",
		"000:03:00.0", "0000:03:00.00", "0000:0A:00.0", "/dev/vfio/noiommu-0", "0000:03:00.0/../1", "../0000:03:00.0",
		"123456789:03:00.0",
	};
	struct hvcmad_open_device_req r = open_device("0000:03:00.0");
	struct hvcmad_open_device_req long_domain = open_device("10000:e1:1f.7");
	struct hvcmad_close_device_req close_one = { { HVCMAD_OP_CLOSE_DEVICE, sizeof(close_one) }, .number = 1 };
	struct hvcmad_devices_req list = { { HVCMAD_OP_DEVICES, sizeof(list) }, .flags = HVCMAD_DEVICES_ALL };
	struct hvcmad_release_req release = { { HVCMAD_OP_RELEASE, sizeof(release) }, .flags = HVCMAD_RELEASE_FORCE };
	size_t i;

	(void)state;
	assert_parse(OK, r, 0);
	assert_parse(OK, long_domain, 0);
	assert_parse(OK, close_one, 0);
	assert_parse(OK, list, 0);
	assert_parse(OK, release, 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct hvcmad_open_device_req q = open_device(bad[i]);

		assert_parse(INVAL, q, 0);
	}
	assert_refused(INVAL, r, 0, device[20], 'x');		/* after its end */
	assert_refused(INVAL, r, 0, device[HVCMAD_DEVICE_BYTES - 1], 'x');
	assert_refused(MALFORMED, r, 0, reserved, 1);
	assert_refused(UNSUPP, r, 0, flags, 2);
	assert_refused(INVAL, r, 0, flags, HVCMAD_OPEN_PLATFORM);	/* it is of the other kind */
	assert_parse(DESCRIPTOR, r, 1);
	assert_refused(MALFORMED, close_one, 0, reserved, 1);
	assert_parse(DESCRIPTOR, close_one, 1);
	assert_refused(UNSUPP, list, 0, flags, 2);
	assert_refused(UNSUPP, release, 0, flags, 2);
}

static void garbage_and_halves_are_malformed(void **state)
{
	unsigned char garbage[HVCMAD_MAX_REQUEST_BYTES + 1];
	struct hvcmad_range_req r = range(HVCMAD_OP_PIN);
	size_t bytes;

	(void)state;
	memset(garbage, 0xff, sizeof(garbage));
	for (bytes = 0; bytes <= sizeof(garbage); bytes++)
		assert_int_equal(parse(garbage, bytes, 0), HVCMAD_S_MALFORMED);
	for (bytes = 0; bytes < sizeof(r); bytes++) {
		assert_int_equal(parse(&r, bytes, 0), HVCMAD_S_MALFORMED);
		if (bytes >= sizeof(r.hdr)) {
			r.hdr.bytes = (uint32_t)bytes;	/* half of it, and says so */
			assert_int_equal(parse(&r, bytes, 0), HVCMAD_S_MALFORMED);
			r.hdr.bytes = sizeof(r);
		}
	}
}

static void a_request_longer_than_its_operation_is_malformed(void **state)
{
	struct { struct hvcmad_hello_req h; uint64_t more; } longer = { hello(), 0 };

	(void)state;
	longer.h.hdr.bytes = sizeof(longer);
	assert_parse(MALFORMED, longer, 0);
	longer.h.hdr.bytes = sizeof(longer.h);
	assert_parse(MALFORMED, longer, 0);
}

static void unknown_operations_are_told_from_garbage(void **state)
{
	unsigned char longest[HVCMAD_MAX_REQUEST_BYTES] = { 0 };
	struct hvcmad_req_hdr hdr = { HVCMAD_NR_OPS, sizeof(longest) };

	(void)state;
	memcpy(longest, &hdr, sizeof(hdr));
	assert_int_equal(parse(longest, sizeof(longest), 0), HVCMAD_S_UNSUPP);
	assert_int_equal(parse(longest, sizeof(longest), 1), HVCMAD_S_UNSUPP);
	hdr = (struct hvcmad_req_hdr){ 0, sizeof(hdr) };
	assert_parse(UNSUPP, hdr, 0);
	hdr.op = UINT32_MAX;
	assert_parse(UNSUPP, hdr, 0);
}

static void hello_is_for_this_protocol_and_version(void **state)
{
	(void)state;
	assert_refused(MALFORMED, hello(), 0, magic, 0x48434d64);
	assert_refused(VERSION, hello(), 0, version, 0);
	assert_refused(VERSION, hello(), 0, version, HVCMAD_VERSION + 1);
	assert_refused(DESCRIPTOR, hello(), 1, features, 0);
}

static void register_refuses_what_does_not_fit(void **state)
{
	struct hvcmad_register_req with_file = reg(0), make = reg(HVCMAD_REGISTER_MAKE);

	(void)state;
	assert_refused(MALFORMED, with_file, 1, reserved, 1);
	assert_refused(UNSUPP, with_file, 1, flags, HVCMAD_REGISTER_FLAGS + 1);
	assert_parse(DESCRIPTOR, with_file, 0);
	assert_parse(DESCRIPTOR, with_file, 2);
	assert_parse(DESCRIPTOR, make, 1);
	assert_refused(INVAL, with_file, 1, granule_bytes, 0);
	assert_refused(INVAL, with_file, 1, granule_bytes, 3 * MIB);
	assert_refused(INVAL, with_file, 1, bytes, 0);
	assert_refused(INVAL, with_file, 1, bytes, 3 * MIB);
	assert_refused(INVAL, with_file, 1, bytes, UINT64_C(1) << 63);
	assert_refused(INVAL, with_file, 1, offset, INT64_MAX - 64 * MIB + 1);
	assert_refused(OK, with_file, 1, offset, INT64_MAX - 64 * MIB);
	assert_refused(INVAL, with_file, 1, page_bytes, 2 * MIB);
	assert_refused(INVAL, make, 0, page_bytes, 0);
	assert_refused(INVAL, make, 0, page_bytes, 3 * MIB);
	assert_refused(INVAL, make, 0, page_bytes, 4 * MIB);
	assert_refused(INVAL, make, 0, offset, 2 * MIB);
}

static void names_are_plain_and_terminated(void **state)
{
	static const char *const bad[] = { "", "a b", "a/b", "a\n", "\033[2J", "\xc3\xa4", "%s" };
	struct hvcmad_register_req r = reg(0);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(r.name, 0, sizeof(r.name));
		memcpy(r.name, bad[i], strlen(bad[i]));
		assert_parse(INVAL, r, 1);
	}
	memset(r.name, 'a', sizeof(r.name));
	assert_parse(INVAL, r, 1);
	r.name[sizeof(r.name) - 1] = 0;
	assert_parse(OK, r, 1);
	r.name[3] = 0;			/* something behind the end */
	assert_parse(INVAL, r, 1);
}

static void ranges_are_bounded(void **state)
{
	(void)state;
	assert_refused(INVAL, range(HVCMAD_OP_BACK), 0, nr, 0);
	assert_refused(TOO_BIG, range(HVCMAD_OP_UNPIN), 0, nr, HVCMAD_MAX_GRANULES + 1);
	assert_refused(TOO_BIG, range(HVCMAD_OP_PIN), 0, nr, UINT64_MAX);
	assert_refused(OK, range(HVCMAD_OP_PIN), 0, flags, HVCMAD_PIN_ADDRESSES);
	assert_refused(UNSUPP, range(HVCMAD_OP_UNPIN), 0, flags, HVCMAD_PIN_ADDRESSES);
	assert_refused(UNSUPP, range(HVCMAD_OP_PIN), 0, flags, 2);
	assert_refused(DESCRIPTOR, range(HVCMAD_OP_PIN), 1, nr, 1);
}

static void the_others_check_what_is_reserved(void **state)
{
	struct hvcmad_unregister_req unregister = {
		{ HVCMAD_OP_UNREGISTER, sizeof(unregister) }, .region = 7,
	};
	struct hvcmad_status_req status = { { HVCMAD_OP_STATUS, sizeof(status) }, .flags = 0 };

	(void)state;
	assert_refused(MALFORMED, unregister, 0, reserved, 1);
	assert_refused(UNSUPP, status, 0, flags, 2);
}

/* What a client makes of a response. NULL: well-formed. */
static const char *respond(uint32_t status, uint32_t says, size_t bytes, enum hvcmad_status *out,
			   size_t *text_bytes)
{
	static unsigned char message[HVCMAD_MAX_RESPONSE_BYTES + 8];
	struct hvcmad_resp_hdr hdr = { status, says };
	const char *text;

	memcpy(message, &hdr, sizeof(hdr));
	return hvcma_service_response_parse(message, bytes, 16, out, &text, text_bytes);
}

static void responses_are_distrusted(void **state)
{
	enum hvcmad_status status = HVCMAD_S_STOPPING;
	size_t text = 99;

	(void)state;
	assert_non_null(respond(0, 4, 4, &status, &text));
	assert_non_null(respond(0, 16, 24, &status, &text));
	assert_non_null(respond(0, 8, 8, &status, &text));
	assert_non_null(respond(0, HVCMAD_MAX_RESPONSE_BYTES + 8, HVCMAD_MAX_RESPONSE_BYTES + 8, &status, &text));
	assert_non_null(respond(HVCMAD_S_IO, 400, 400, &status, &text));
	assert_int_equal(status, HVCMAD_S_STOPPING);
	assert_int_equal(text, 99);

	assert_null(respond(0, 16, 16, &status, &text));
	assert_int_equal(status, HVCMAD_S_OK);
	assert_int_equal(text, 0);
	assert_null(respond(HVCMAD_S_QUOTA, 8, 8, &status, &text));
	assert_int_equal(status, HVCMAD_S_QUOTA);
	assert_null(respond(12345, 30, 30, &status, &text));
	assert_int_equal(status, HVCMAD_S_IO);
	assert_int_equal(text, 22);
}

static void everything_has_a_name(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < HVCMAD_NR_STATUS; i++)
		assert_string_not_equal(hvcma_service_status_name(i), "?");
	assert_string_equal(hvcma_service_status_name(HVCMAD_S_NO_BACKING), "NO_BACKING");
	assert_string_equal(hvcma_service_status_text(HVCMAD_S_QUOTA), "over a quota");
	assert_string_equal(hvcma_service_status_name(HVCMAD_NR_STATUS), "?");
	for (i = 1; i < HVCMAD_NR_OPS; i++)
		assert_string_not_equal(hvcma_service_op_name(i), "?");
	assert_string_equal(hvcma_service_op_name(HVCMAD_OP_PIN), "PIN");
	assert_string_equal(hvcma_service_op_name(0), "?");
	assert_string_equal(hvcma_service_op_name(UINT32_MAX), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_right_is_taken),
		cmocka_unit_test(turns_are_asked_for),
		cmocka_unit_test(places_are_asked_for),
		cmocka_unit_test(devices_are_named_as_linux_does),
		cmocka_unit_test(platform_devices_are_named_as_linux_does),
		cmocka_unit_test(garbage_and_halves_are_malformed),
		cmocka_unit_test(a_request_longer_than_its_operation_is_malformed),
		cmocka_unit_test(unknown_operations_are_told_from_garbage),
		cmocka_unit_test(hello_is_for_this_protocol_and_version),
		cmocka_unit_test(register_refuses_what_does_not_fit),
		cmocka_unit_test(names_are_plain_and_terminated),
		cmocka_unit_test(ranges_are_bounded),
		cmocka_unit_test(the_others_check_what_is_reserved),
		cmocka_unit_test(responses_are_distrusted),
		cmocka_unit_test(everything_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
