// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Messages of the service's socket: see service_wire.h.
 */
#include "hv/core/service_wire.h"

#include <stdbool.h>
#include <string.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

struct status_row {
	uint32_t status;
	const char *name;
	const char *text;
};

#define STATUS_ROW(name, nr, err, text) { nr, #name, text },
static const struct status_row rows[] = { HVCMAD_STATUS_TABLE(STATUS_ROW) };

static const struct {
	const char *name;
	size_t bytes;		/* of the request; 0: no such operation */
	uint32_t flags;		/* of a range that are known */
} ops[HVCMAD_NR_OPS] = {
	[HVCMAD_OP_HELLO] = { "HELLO", sizeof(struct hvcmad_hello_req), 0 },
	[HVCMAD_OP_REGISTER] = { "REGISTER", sizeof(struct hvcmad_register_req), 0 },
	[HVCMAD_OP_UNREGISTER] = { "UNREGISTER", sizeof(struct hvcmad_unregister_req), 0 },
	[HVCMAD_OP_BACK] = { "BACK", sizeof(struct hvcmad_range_req), 0 },
	[HVCMAD_OP_PIN] = { "PIN", sizeof(struct hvcmad_range_req), HVCMAD_PIN_ADDRESSES },
	[HVCMAD_OP_UNPIN] = { "UNPIN", sizeof(struct hvcmad_range_req), 0 },
	[HVCMAD_OP_ADDRESSES] = { "ADDRESSES", sizeof(struct hvcmad_range_req), HVCMAD_ADDRESSES_NOW },
	[HVCMAD_OP_DISCARD] = { "DISCARD", sizeof(struct hvcmad_range_req), 0 },
	[HVCMAD_OP_STATUS] = { "STATUS", sizeof(struct hvcmad_status_req), 0 },
	[HVCMAD_OP_OPEN_DEVICE] = { "OPEN_DEVICE", sizeof(struct hvcmad_open_device_req), 0 },
	[HVCMAD_OP_CLOSE_DEVICE] = { "CLOSE_DEVICE", sizeof(struct hvcmad_close_device_req), 0 },
	[HVCMAD_OP_DEVICES] = { "DEVICES", sizeof(struct hvcmad_devices_req), 0 },
	[HVCMAD_OP_RELEASE] = { "RELEASE", sizeof(struct hvcmad_release_req), 0 },
	[HVCMAD_OP_RESUME] = { "RESUME", sizeof(struct hvcmad_resume_req), 0 },
	[HVCMAD_OP_PINNED] = { "PINNED", sizeof(struct hvcmad_range_req), 0 },
	[HVCMAD_OP_OFFER] = { "OFFER", sizeof(struct hvcmad_offer_req), 0 },
	[HVCMAD_OP_WANTED] = { "WANTED", sizeof(struct hvcmad_wanted_req), 0 },
	[HVCMAD_OP_TURNS] = { "TURNS", sizeof(struct hvcmad_turns_req), 0 },
	[HVCMAD_OP_ARRANGE] = { "ARRANGE", sizeof(struct hvcmad_arrange_req), 0 },
};

static enum hvcmad_status fault(const char **why, enum hvcmad_status status, const char *sentence)
{
	*why = sentence;
	return status;
}

static bool is_name_character(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '-' || c == '_' || c == '.';
}

static bool is_padded(const __u8 *name, size_t bytes, size_t room)
{
	while (bytes < room && !name[bytes])
		bytes++;
	return bytes == room;
}

/* One character at least, then zeroes, one at least. */
static bool is_name(const __u8 *name, size_t room)
{
	size_t at = 0;

	while (at < room && is_name_character(name[at]))
		at++;
	if (!at || at == room)
		return false;
	return is_padded(name, at, room);
}

static size_t hex_digits(const char *text, size_t most)
{
	size_t n = 0;

	while (n < most && ((text[n] >= '0' && text[n] <= '9') || (text[n] >= 'a' && text[n] <= 'f')))
		n++;
	return n;
}

/* "0000:03:00.0"; a domain has four digits at least. */
bool hvcma_service_is_device(const char *name)
{
	size_t at = hex_digits(name, 8);

	if (at < 4 || name[at] != ':' || hex_digits(name + at + 1, 2) != 2)
		return false;
	at += 3;
	if (name[at] != ':' || hex_digits(name + at + 1, 2) != 2)
		return false;
	at += 3;
	return name[at] == '.' && name[at + 1] >= '0' && name[at + 1] <= '7' && !name[at + 2];
}

/*
 * "a003e00.virtio_mmio", "soc:codec@1": of the characters of a node's name, and those between names. Of hexadecimal
 * digits, '.' and ':' alone, with a ':', it is meant for a PCI device's.
 */
bool hvcma_service_is_platform(const char *name)
{
	bool has_colon = false, has_other = false;
	size_t at;

	for (at = 0; name[at]; at++) {
		char c = name[at];

		if (!is_name_character((unsigned char)c) && c != ',' && c != '+' && c != ':' && c != '@')
			return false;
		has_colon |= c == ':';
		has_other |= c != ':' && c != '.' && !hex_digits(&c, 1);
	}
	return at && at < HVCMAD_DEVICE_BYTES && name[0] != '.' && (has_other || !has_colon);
}

static const char no_name[] = "a region's name is 1 to 31 letters, digits, '-', '_' or '.', then zeroes";

static bool is_power_of_two(uint64_t v)
{
	return v && !(v & (v - 1));
}

static enum hvcmad_status check_hello(const struct hvcmad_hello_req *r, const char **why)
{
	if (r->magic != HVCMAD_MAGIC)
		return fault(why, HVCMAD_S_MALFORMED, "HELLO has another magic number");
	if (r->version != HVCMAD_VERSION)
		return fault(why, HVCMAD_S_VERSION, "this service speaks version 1");
	return HVCMAD_S_OK;	/* features that are not known are not negotiated */
}

static enum hvcmad_status check_register(const struct hvcmad_register_req *r, size_t nr_descriptors,
					 const char **why)
{
	bool make = r->flags & HVCMAD_REGISTER_MAKE;

	if (r->reserved)
		return fault(why, HVCMAD_S_MALFORMED, "REGISTER has a reserved field that is not zero");
	if (r->flags & ~HVCMAD_REGISTER_FLAGS)
		return fault(why, HVCMAD_S_UNSUPP, "REGISTER has an unknown flag");
	if (nr_descriptors != (make ? 0 : 1))
		return fault(why, HVCMAD_S_DESCRIPTOR, make ? "REGISTER with MAKE comes with no descriptor" :
			     "REGISTER comes with one descriptor, that of the memory's file");
	if (!is_name(r->name, sizeof(r->name)))
		return fault(why, HVCMAD_S_INVAL, no_name);
	if (!is_power_of_two(r->granule_bytes))
		return fault(why, HVCMAD_S_INVAL, "the granule is not a power of two");
	if (!r->bytes || r->bytes % r->granule_bytes)
		return fault(why, HVCMAD_S_INVAL, "the size is no positive multiple of the granule");
	if (r->bytes > (uint64_t)INT64_MAX || r->offset > (uint64_t)INT64_MAX - r->bytes)
		return fault(why, HVCMAD_S_INVAL, "the region ends beyond what a file can have");
	if (make ? !is_power_of_two(r->page_bytes) || r->granule_bytes % r->page_bytes : r->page_bytes)
		return fault(why, HVCMAD_S_INVAL, make ? "the granule is not made of whole hugepages" :
			     "the page size of a file is the file's own, not to be said");
	if (make && r->offset)
		return fault(why, HVCMAD_S_INVAL, "an offset into a file that is yet to be made");
	return HVCMAD_S_OK;
}

static enum hvcmad_status check_range(const struct hvcmad_range_req *r, const char **why)
{
	if (r->flags & ~ops[r->hdr.op].flags)
		return fault(why, HVCMAD_S_UNSUPP, "an unknown flag");
	if (!r->nr)
		return fault(why, HVCMAD_S_INVAL, "no granule is asked for");
	if (r->nr > HVCMAD_MAX_GRANULES)
		return fault(why, HVCMAD_S_TOO_BIG, "more than 4096 granules in one request");
	return HVCMAD_S_OK;
}

static enum hvcmad_status check_open_device(const struct hvcmad_open_device_req *r, const char **why)
{
	const char *device = (const char *)r->device;
	bool is_platform = r->flags & HVCMAD_OPEN_PLATFORM;

	if (r->reserved)
		return fault(why, HVCMAD_S_MALFORMED, "OPEN_DEVICE has a reserved field that is not zero");
	if (r->flags & ~HVCMAD_OPEN_FLAGS)
		return fault(why, HVCMAD_S_UNSUPP, "OPEN_DEVICE has an unknown flag");
	if (r->device[sizeof(r->device) - 1] || !is_padded(r->device, strlen(device), sizeof(r->device)) ||
	    !(is_platform ? hvcma_service_is_platform(device) : hvcma_service_is_device(device)))
		return fault(why, HVCMAD_S_INVAL, is_platform ?
			     "a platform device is called as in /sys/bus/platform/devices, \"a003e00.virtio_mmio\", then zeroes" :
			     "a device is called as Linux calls PCI devices, \"0000:03:00.0\", then zeroes");
	return HVCMAD_S_OK;
}

/* What there is of a region, and whether the kernel has such a policy, is for others to see. */
static enum hvcmad_status check_arrange(const struct hvcmad_arrange_req *r, const char **why)
{
	if (r->reserved)
		return fault(why, HVCMAD_S_MALFORMED, "ARRANGE has a reserved field that is not zero");
	if (r->flags & ~HVCMAD_ARRANGE_FLAGS)
		return fault(why, HVCMAD_S_UNSUPP, "ARRANGE has an unknown flag");
	if (r->policy > HVCMAD_MAX_POLICY)
		return fault(why, HVCMAD_S_UNSUPP, "ARRANGE has an unknown memory policy");
	if (r->run_bytes && !(r->flags & HVCMAD_ARRANGE_RUNS))
		return fault(why, HVCMAD_S_INVAL, "the length of a run goes with RUNS");
	if (!r->low_bytes && !(r->flags & HVCMAD_ARRANGE_RUNS))
		return fault(why, HVCMAD_S_INVAL, "neither runs nor pages below 4 GiB are asked for");
	return HVCMAD_S_OK;
}

enum hvcmad_status hvcma_service_request_parse(const void *message, size_t bytes,
					       size_t nr_descriptors,
					       union hvcma_service_request *request,
					       const char **why)
{
	union hvcma_service_request r;
	enum hvcmad_status status = HVCMAD_S_OK;

	if (bytes < sizeof(r.hdr) || bytes > HVCMAD_MAX_REQUEST_BYTES)
		return fault(why, HVCMAD_S_MALFORMED, "a request has 8 to 256 bytes");
	memset(&r, 0, sizeof(r));
	memcpy(&r, message, bytes < sizeof(r) ? bytes : sizeof(r));
	if (r.hdr.bytes != bytes)
		return fault(why, HVCMAD_S_MALFORMED, "the message is not as long as it says");
	if (r.hdr.op >= HVCMAD_NR_OPS || !ops[r.hdr.op].bytes)
		return fault(why, HVCMAD_S_UNSUPP, "an unknown operation");
	if (bytes != ops[r.hdr.op].bytes)
		return fault(why, HVCMAD_S_MALFORMED, "a request of another length than its operation has");
	if (r.hdr.op != HVCMAD_OP_REGISTER && nr_descriptors)
		return fault(why, HVCMAD_S_DESCRIPTOR, "a descriptor comes with REGISTER alone");

	switch (r.hdr.op) {
	case HVCMAD_OP_HELLO:
		status = check_hello(&r.hello, why);
		break;
	case HVCMAD_OP_REGISTER:
		status = check_register(&r.reg, nr_descriptors, why);
		break;
	case HVCMAD_OP_UNREGISTER:
		if (r.unregister.reserved)
			status = fault(why, HVCMAD_S_MALFORMED,
				       "UNREGISTER has a reserved field that is not zero");
		break;
	case HVCMAD_OP_STATUS:
		if (r.status.flags & ~HVCMAD_STATUS_FLAGS)
			status = fault(why, HVCMAD_S_UNSUPP, "STATUS has an unknown flag");
		break;
	case HVCMAD_OP_RESUME:
		if (!is_name(r.resume.name, sizeof(r.resume.name)))
			status = fault(why, HVCMAD_S_INVAL, no_name);
		break;
	case HVCMAD_OP_OPEN_DEVICE:
		status = check_open_device(&r.open_device, why);
		break;
	case HVCMAD_OP_CLOSE_DEVICE:
		if (r.close_device.reserved)
			status = fault(why, HVCMAD_S_MALFORMED,
				       "CLOSE_DEVICE has a reserved field that is not zero");
		break;
	case HVCMAD_OP_DEVICES:
		if (r.devices.flags & ~HVCMAD_DEVICES_FLAGS)
			status = fault(why, HVCMAD_S_UNSUPP, "DEVICES has an unknown flag");
		break;
	case HVCMAD_OP_RELEASE:
		if (r.release.flags & ~HVCMAD_RELEASE_FLAGS)
			status = fault(why, HVCMAD_S_UNSUPP, "RELEASE has an unknown flag");
		break;
	case HVCMAD_OP_OFFER:
		if (r.offer.flags & ~HVCMAD_OFFER_FLAGS)
			status = fault(why, HVCMAD_S_UNSUPP, "OFFER has an unknown flag");
		break;
	case HVCMAD_OP_WANTED:
		if (r.wanted.reserved)
			status = fault(why, HVCMAD_S_MALFORMED, "WANTED has a reserved field that is not zero");
		break;
	case HVCMAD_OP_TURNS:
		if (r.turns.flags & ~HVCMAD_TURNS_FLAGS)
			status = fault(why, HVCMAD_S_UNSUPP, "TURNS has an unknown flag");
		break;
	case HVCMAD_OP_ARRANGE:
		status = check_arrange(&r.arrange, why);
		break;
	default:
		status = check_range(&r.range, why);
	}
	if (!status)
		*request = r;
	return status;
}

static const struct status_row *row_of(uint32_t status)
{
	static const struct status_row unknown = { HVCMAD_NR_STATUS, "?", "unknown status" };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].status == status)
			return &rows[i];
	return &unknown;
}

const char *hvcma_service_response_parse(const void *message, size_t bytes, size_t min_bytes,
					 enum hvcmad_status *status, const char **text,
					 size_t *text_bytes)
{
	struct hvcmad_resp_hdr hdr;

	if (bytes < sizeof(hdr) || bytes > HVCMAD_MAX_RESPONSE_BYTES)
		return "the service's answer is shorter or longer than any can be";
	memcpy(&hdr, message, sizeof(hdr));
	if (hdr.bytes != bytes)
		return "the service's answer is not as long as it says";
	if (hdr.status == HVCMAD_S_OK ? bytes < min_bytes :
	    bytes - sizeof(hdr) > HVCMAD_MAX_TEXT_BYTES)
		return "the service's answer has not the length of its kind";

	*status = hdr.status < HVCMAD_NR_STATUS ? (enum hvcmad_status)hdr.status : HVCMAD_S_IO;
	*text = (const char *)message + sizeof(hdr);
	*text_bytes = hdr.status == HVCMAD_S_OK ? 0 : bytes - sizeof(hdr);
	return NULL;
}

const char *hvcma_service_status_name(uint32_t status)
{
	return row_of(status)->name;
}

const char *hvcma_service_status_text(uint32_t status)
{
	return row_of(status)->text;
}

const char *hvcma_service_op_name(uint32_t op)
{
	return op < HVCMAD_NR_OPS && ops[op].name ? ops[op].name : "?";
}
