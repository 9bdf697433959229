// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fuzzer: any bytes as a message of the service's socket. What is taken is what was sent, and
 * obeys each rule of docs/service.md that one message can break; what is refused has a status and
 * a sentence, and changes nothing. The first byte says how many descriptors come along, the second
 * how much of what follows is made right beforehand, so that more than headers is reached.
 *
 * runs: 10000000
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hv/core/service_wire.h"
#include "tests/fuzz/input.h"

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static const size_t bytes_of[HVCMAD_NR_OPS] = {
	[HVCMAD_OP_HELLO] = sizeof(struct hvcmad_hello_req),
	[HVCMAD_OP_REGISTER] = sizeof(struct hvcmad_register_req),
	[HVCMAD_OP_UNREGISTER] = sizeof(struct hvcmad_unregister_req),
	[HVCMAD_OP_BACK] = sizeof(struct hvcmad_range_req),
	[HVCMAD_OP_PIN] = sizeof(struct hvcmad_range_req),
	[HVCMAD_OP_UNPIN] = sizeof(struct hvcmad_range_req),
	[HVCMAD_OP_ADDRESSES] = sizeof(struct hvcmad_range_req),
	[HVCMAD_OP_DISCARD] = sizeof(struct hvcmad_range_req),
	[HVCMAD_OP_STATUS] = sizeof(struct hvcmad_status_req),
	[HVCMAD_OP_OPEN_DEVICE] = sizeof(struct hvcmad_open_device_req),
	[HVCMAD_OP_CLOSE_DEVICE] = sizeof(struct hvcmad_close_device_req),
	[HVCMAD_OP_DEVICES] = sizeof(struct hvcmad_devices_req),
	[HVCMAD_OP_RELEASE] = sizeof(struct hvcmad_release_req),
	[HVCMAD_OP_RESUME] = sizeof(struct hvcmad_resume_req),
	[HVCMAD_OP_PINNED] = sizeof(struct hvcmad_range_req),
	[HVCMAD_OP_OFFER] = sizeof(struct hvcmad_offer_req),
	[HVCMAD_OP_WANTED] = sizeof(struct hvcmad_wanted_req),
	[HVCMAD_OP_TURNS] = sizeof(struct hvcmad_turns_req),
	[HVCMAD_OP_ARRANGE] = sizeof(struct hvcmad_arrange_req),
};

static void check_register(const struct hvcmad_register_req *r, size_t nr_descriptors)
{
	bool make = r->flags & HVCMAD_REGISTER_MAKE;

	expect(!r->reserved && !(r->flags & ~HVCMAD_REGISTER_FLAGS));
	expect(nr_descriptors == !make);
	expect(r->name[0] && !r->name[HVCMAD_NAME_BYTES - 1]);
	expect(r->granule_bytes && r->bytes && !(r->bytes % r->granule_bytes));
	expect(r->bytes + r->offset >= r->bytes && r->bytes + r->offset <= INT64_MAX);
	expect(make ? r->page_bytes && !r->offset && !(r->granule_bytes % r->page_bytes) : !r->page_bytes);
}

/* A name of one kind alone, and of no file that is not in the folder of that kind. */
static void check_device(const struct hvcmad_open_device_req *r)
{
	const char *name = (const char *)r->device;
	bool is_pci;

	expect(!r->reserved && !(r->flags & ~HVCMAD_OPEN_FLAGS));
	expect(name[0] && name[0] != '.' && !r->device[HVCMAD_DEVICE_BYTES - 1] && !strchr(name, '/'));
	is_pci = strchr(name, ':') && strspn(name, "0123456789abcdef:.") == strlen(name);
	expect(is_pci == !(r->flags & HVCMAD_OPEN_PLATFORM));
	expect(hvcma_service_is_device(name) == is_pci && hvcma_service_is_platform(name) != is_pci);
}

static void check_request(const union hvcma_service_request *r, size_t bytes, size_t nr_descriptors)
{
	expect(r->hdr.op < HVCMAD_NR_OPS && bytes == bytes_of[r->hdr.op] && r->hdr.bytes == bytes);
	switch (r->hdr.op) {
	case HVCMAD_OP_HELLO:
		expect(r->hello.magic == HVCMAD_MAGIC && r->hello.version == HVCMAD_VERSION);
		break;
	case HVCMAD_OP_REGISTER:
		check_register(&r->reg, nr_descriptors);
		return;
	case HVCMAD_OP_UNREGISTER:
		expect(!r->unregister.reserved);
		break;
	case HVCMAD_OP_STATUS:
		expect(!(r->status.flags & ~HVCMAD_STATUS_FLAGS));
		break;
	case HVCMAD_OP_RESUME:
		expect(r->resume.name[0] && !r->resume.name[HVCMAD_NAME_BYTES - 1]);
		break;
	case HVCMAD_OP_OPEN_DEVICE:
		check_device(&r->open_device);
		break;
	case HVCMAD_OP_CLOSE_DEVICE:
		expect(!r->close_device.reserved);
		break;
	case HVCMAD_OP_DEVICES:
		expect(!(r->devices.flags & ~HVCMAD_DEVICES_FLAGS));
		break;
	case HVCMAD_OP_RELEASE:
		expect(!(r->release.flags & ~HVCMAD_RELEASE_FLAGS));
		break;
	case HVCMAD_OP_OFFER:
		expect(!(r->offer.flags & ~HVCMAD_OFFER_FLAGS));
		break;
	case HVCMAD_OP_WANTED:
		expect(!r->wanted.reserved);
		break;
	case HVCMAD_OP_TURNS:
		expect(!(r->turns.flags & ~HVCMAD_TURNS_FLAGS));
		break;
	case HVCMAD_OP_ARRANGE:
		expect(!r->arrange.reserved && !(r->arrange.flags & ~HVCMAD_ARRANGE_FLAGS));
		expect(r->arrange.policy <= HVCMAD_MAX_POLICY);
		expect(r->arrange.flags ? 1 : r->arrange.low_bytes && !r->arrange.run_bytes);
		break;
	default:
		expect(r->range.nr && r->range.nr <= HVCMAD_MAX_GRANULES);
		expect(!(r->range.flags & ~(r->hdr.op == HVCMAD_OP_PIN ? HVCMAD_PIN_ADDRESSES :
					    r->hdr.op == HVCMAD_OP_ADDRESSES ? HVCMAD_ADDRESSES_NOW : 0U)));
	}
	expect(!nr_descriptors);
}

/* Headers, then magic and sizes, are made right as far as @how says. */
static void mend(unsigned char *message, size_t bytes, uint8_t how)
{
	struct hvcmad_req_hdr hdr;

	if (!(how & 1) || bytes < sizeof(hdr))
		return;
	memcpy(&hdr, message, sizeof(hdr));
	hdr.bytes = (uint32_t)bytes;
	if (how & 2)
		hdr.op %= HVCMAD_NR_OPS;
	memcpy(message, &hdr, sizeof(hdr));
	if ((how & 4) && hdr.op == HVCMAD_OP_HELLO && bytes == sizeof(struct hvcmad_hello_req)) {
		struct hvcmad_hello_req *hello = (void *)message;

		hello->magic = HVCMAD_MAGIC;
		hello->version %= 3;
	}
	if ((how & 4) && hdr.op == HVCMAD_OP_REGISTER && bytes == sizeof(struct hvcmad_register_req)) {
		struct hvcmad_register_req *reg = (void *)message;

		reg->granule_bytes = UINT64_C(1) << (reg->granule_bytes % 64);
		reg->bytes *= reg->granule_bytes;
		reg->flags %= 4;
		reg->reserved %= 2;
		memcpy(reg->name, "banka", how & 8 ? 6 : 0);
		memset(reg->name + 6, 0, how & 8 ? sizeof(reg->name) - 6 : 0);
	}
	if ((how & 4) && hdr.op == HVCMAD_OP_OPEN_DEVICE && bytes == sizeof(struct hvcmad_open_device_req)) {
		struct hvcmad_open_device_req *device = (void *)message;

		memcpy(device->device, how & 32 ? "a3e00.virtio" : "0000:03:00.0", how & 8 ? 12 : 5);
		memset(device->device + 12, 0, how & 8 ? sizeof(device->device) - 12 : 0);
		device->flags %= 4;
		device->reserved %= 2;
	}
	if ((how & 4) && hdr.op == HVCMAD_OP_RESUME && bytes == sizeof(struct hvcmad_resume_req)) {
		struct hvcmad_resume_req *resume = (void *)message;

		memset(resume->name + how % HVCMAD_NAME_BYTES, 0, HVCMAD_NAME_BYTES - how % HVCMAD_NAME_BYTES);
	}
}

static void as_response(const unsigned char *message, size_t bytes)
{
	enum hvcmad_status status;
	const char *text;
	size_t text_bytes;

	if (hvcma_service_response_parse(message, bytes, 32, &status, &text, &text_bytes))
		return;
	expect(status < HVCMAD_NR_STATUS);
	expect(text_bytes <= HVCMAD_MAX_TEXT_BYTES && text_bytes <= bytes - 8);
	expect(status || (bytes >= 32 && !text_bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nr)
{
	struct input in = { bytes, nr };
	size_t nr_descriptors = input_u8(&in) % 4;
	uint8_t how = input_u8(&in);
	union hvcma_service_request r, before;
	size_t length = in.left;
	unsigned char *message;
	enum hvcmad_status status;
	const char *why = NULL;

	/* Often a message as long as its operation wants it. */
	if ((how & 16) && length)
		length = bytes_of[in.bytes[0] % HVCMAD_NR_OPS];
	message = calloc(1, length ? length : 1);
	input_copy(&in, message, length);
	mend(message, length, how);

	memset(&r, how, sizeof(r));
	before = r;
	status = hvcma_service_request_parse(message, length, nr_descriptors, &r, &why);
	if (status) {
		expect(status < HVCMAD_NR_STATUS && why && !memcmp(&r, &before, sizeof(r)));
	} else {
		expect(!memcmp(&r, message, length));
		check_request(&r, length, nr_descriptors);
	}
	as_response(message, length);
	free(message);
	return 0;
}
