/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The socket of hvcmad, the host's service: requests, responses, limits.
 *
 * Shared by the service, its clients (QEMU's plugin, hvcma), tests and fuzzers.
 * docs/service.md is the normative text; this file is its machine-readable form. It
 * declares layout only.
 *
 * One Unix socket of type SEQPACKET is one session; a message is a request or a
 * response, whole. Both ends are programs of one machine: integers have its byte order.
 * Every field named "reserved" is zero when sent and is checked when received.
 * Addresses and sizes are in bytes. No layout depends on the width of a pointer.
 */
#ifndef HVCMA_ABI_HVCMAD_H
#define HVCMA_ABI_HVCMAD_H

#include <linux/types.h>
#include <stddef.h>

#define HVCMAD_ASSERT(cond)	_Static_assert(cond, #cond)

/* Of the specification that this file is the machine-readable form of. */
#define HVCMAD_SPEC_VERSION		"1.4"

#define HVCMAD_MAGIC			0x64434d48U	/* hello.magic; "HMCd" in the order of x86 */
#define HVCMAD_VERSION			1		/* hello.version */

/* hello.features */
#define HVCMAD_F_TURNS			0x1		/* OFFER, WANTED, TURNS; BACK is answered with AGAIN, too */
#define HVCMAD_F_HVCMA			0x2		/* the answer to HELLO has the service's version of hvcma */
#define HVCMAD_F_ARRANGE		0x4		/* ARRANGE, and NO_RUN */
#define HVCMAD_F_PLATFORM		0x8		/* OPEN_DEVICE takes OPEN_PLATFORM */
#define HVCMAD_FEATURES			0xf

#define HVCMAD_MAX_REQUEST_BYTES	256
#define HVCMAD_MAX_RESPONSE_BYTES	65536
#define HVCMAD_MAX_TEXT_BYTES		384		/* words of a refusal */
#define HVCMAD_MAX_DESCRIPTORS		1		/* in one message, either way */
#define HVCMAD_MAX_GRANULES		4096		/* in one request */

#define HVCMAD_NAME_BYTES		32		/* of a region; NUL padded and terminated */
#define HVCMAD_VM_BYTES			64		/* of a VM; NUL padded and terminated */
#define HVCMAD_DEVICE_BYTES		32		/* of a device; NUL padded and terminated */
#define HVCMAD_WHY_BYTES		128		/* of what is wrong with a device; the same */
#define HVCMAD_HVCMA_BYTES		32		/* of a version of hvcma; the same */
#define HVCMAD_NODES_WORDS		16		/* of a set of NUMA nodes: one bit each */

/* Operations: request.op */
#define HVCMAD_OP_HELLO			1
#define HVCMAD_OP_REGISTER		2
#define HVCMAD_OP_UNREGISTER		3
#define HVCMAD_OP_BACK			4
#define HVCMAD_OP_PIN			5
#define HVCMAD_OP_UNPIN			6
#define HVCMAD_OP_ADDRESSES		7
#define HVCMAD_OP_DISCARD		8
#define HVCMAD_OP_STATUS		9
#define HVCMAD_OP_RESUME		10
#define HVCMAD_OP_PINNED		11
#define HVCMAD_OP_OPEN_DEVICE		12
#define HVCMAD_OP_CLOSE_DEVICE		13
#define HVCMAD_OP_DEVICES		14
#define HVCMAD_OP_RELEASE		15
#define HVCMAD_OP_OFFER			16
#define HVCMAD_OP_WANTED		17
#define HVCMAD_OP_TURNS			18
#define HVCMAD_OP_ARRANGE		19
#define HVCMAD_NR_OPS			20		/* one beyond the last */

/* X(name, number, errno, text): errno is what a client in C is to be told. */
#define HVCMAD_STATUS_TABLE(X)							\
	X(OK,		0,  0,		"success")				\
	X(MALFORMED,	1,  EPROTO,	"malformed message")			\
	X(VERSION,	2,  EPROTONOSUPPORT, "not a version that is spoken here")	\
	X(UNSUPP,	3,  EOPNOTSUPP,	"unknown operation or flag")		\
	X(ORDER,	4,  EPROTO,	"not the time for this request")	\
	X(INVAL,	5,  EINVAL,	"values that are no good")		\
	X(REFUSED,	6,  EACCES,	"not allowed by the configuration")	\
	X(QUOTA,	7,  EDQUOT,	"over a quota")				\
	X(DESCRIPTOR,	8,  EBADF,	"not a descriptor that can be used")	\
	X(EXISTS,	9,  EEXIST,	"memory that is registered already")	\
	X(NO_REGION,	10, ENOENT,	"no such region")			\
	X(RANGE,	11, ERANGE,	"granules outside the region")		\
	X(TOO_BIG,	12, EMSGSIZE,	"more than one request may ask for")	\
	X(STATE,	13, EBUSY,	"granules that are not in the state for this") \
	X(NO_BACKING,	14, ENOBUFS,	"out of hugepages")			\
	X(NO_MEMORY,	15, ENOMEM,	"the host is short of memory")		\
	X(IO,		16, EIO,	"the host failed")			\
	X(STOPPING,	17, ESHUTDOWN,	"the service is about to end")		\
	X(AGAIN,	18, EAGAIN,	"not yet: another has to give it up first")	\
	X(NO_DEVICE,	19, ENODEV,	"no such device")			\
	X(NO_RUN,	20, ENOSPC,	"no hugepages that lie as is asked for")

#define HVCMAD_STATUS_ENUM(name, nr, err, text) HVCMAD_S_##name = nr,
enum hvcmad_status {
	HVCMAD_STATUS_TABLE(HVCMAD_STATUS_ENUM)
	HVCMAD_NR_STATUS
};

/* Every request starts with this; bytes is the length of the whole message. */
struct hvcmad_req_hdr {
	__u32 op;
	__u32 bytes;
};
HVCMAD_ASSERT(sizeof(struct hvcmad_req_hdr) == 8);

/*
 * Every response starts with this; bytes is the length of the whole message. If the
 * status is not OK, text follows, up to HVCMAD_MAX_TEXT_BYTES, not terminated.
 */
struct hvcmad_resp_hdr {
	__u32 status;
	__u32 bytes;
};
HVCMAD_ASSERT(sizeof(struct hvcmad_resp_hdr) == 8);

/* HELLO: the first request of a session, and the only one of its kind. */
struct hvcmad_hello_req {
	struct hvcmad_req_hdr hdr;
	__u32 magic;
	__u32 version;
	__u64 features;
};
HVCMAD_ASSERT(sizeof(struct hvcmad_hello_req) == 24);
HVCMAD_ASSERT(offsetof(struct hvcmad_hello_req, features) == 16);

/* hello.allowed: what the configuration lets this VM do */
#define HVCMAD_ALLOW_MEMORY		0x1	/* REGISTER and what follows */
#define HVCMAD_ALLOW_ADDRESSES		0x2	/* host-physical addresses: unsafe-noiommu */
#define HVCMAD_ALLOW_STATUS_ALL		0x4	/* STATUS and DEVICES of all VMs, RELEASE */
#define HVCMAD_ALLOW_DEVICES		0x8	/* OPEN_DEVICE of some */

struct hvcmad_hello_resp {
	struct hvcmad_resp_hdr hdr;
	__u32 version;
	__u32 allowed;			/* HVCMAD_ALLOW_* */
	__u64 features;			/* of those asked for */
	__u64 max_range_bytes;		/* of memory in one request; a single granule may be larger */
	__u64 quota_memory_bytes;	/* of this VM, registered */
	__u64 quota_pinned_bytes;
	__u32 quota_regions;
	__u32 quota_devices;
	__u8 vm[HVCMAD_VM_BYTES];	/* which VM this is taken for; empty: none */
	__u8 hvcma[HVCMAD_HVCMA_BYTES];	/* with F_HVCMA only: the message ends before it else */
};
HVCMAD_ASSERT(sizeof(struct hvcmad_hello_resp) == 152);
HVCMAD_ASSERT(offsetof(struct hvcmad_hello_resp, vm) == 56);
HVCMAD_ASSERT(offsetof(struct hvcmad_hello_resp, hvcma) == 120);

/* register.flags */
#define HVCMAD_REGISTER_MAKE		0x1	/* the service makes the file, and passes it back */
#define HVCMAD_REGISTER_FLAGS		0x1

struct hvcmad_register_req {
	struct hvcmad_req_hdr hdr;
	__u8 name[HVCMAD_NAME_BYTES];
	__u64 bytes;
	__u64 offset;			/* in the file; 0 with MAKE */
	__u64 granule_bytes;
	__u64 page_bytes;		/* hugepage of the file with MAKE; else 0 */
	__u32 flags;			/* HVCMAD_REGISTER_* */
	__u32 reserved;
};
HVCMAD_ASSERT(sizeof(struct hvcmad_register_req) == 80);
HVCMAD_ASSERT(offsetof(struct hvcmad_register_req, flags) == 72);

struct hvcmad_register_resp {
	struct hvcmad_resp_hdr hdr;
	__u32 region;			/* number of the region, in this session */
	__u32 reserved;
	__u64 page_bytes;
	__u64 nr_granules;
};
HVCMAD_ASSERT(sizeof(struct hvcmad_register_resp) == 32);

struct hvcmad_unregister_req {
	struct hvcmad_req_hdr hdr;
	__u32 region;
	__u32 reserved;
};
HVCMAD_ASSERT(sizeof(struct hvcmad_unregister_req) == 16);

/* RESUME: a region of a session that is over, of the same process */
struct hvcmad_resume_req {
	struct hvcmad_req_hdr hdr;
	__u8 name[HVCMAD_NAME_BYTES];
};
HVCMAD_ASSERT(sizeof(struct hvcmad_resume_req) == 40);

struct hvcmad_resume_resp {
	struct hvcmad_resp_hdr hdr;
	__u32 region;			/* its number, as it was */
	__u32 reserved;
	__u64 bytes;
	__u64 offset;			/* in the file */
	__u64 granule_bytes;
	__u64 page_bytes;
};
HVCMAD_ASSERT(sizeof(struct hvcmad_resume_resp) == 48);
HVCMAD_ASSERT(offsetof(struct hvcmad_resume_resp, bytes) == 16);

/* range.flags */
#define HVCMAD_PIN_ADDRESSES		0x1	/* PIN: answer as ADDRESSES does */
#define HVCMAD_ADDRESSES_NOW		0x1	/* ADDRESSES: also of what is not pinned, as it is now */

/* BACK, PIN, UNPIN, ADDRESSES, DISCARD, PINNED: granules [first, first + nr) of a region */
struct hvcmad_range_req {
	struct hvcmad_req_hdr hdr;
	__u32 region;
	__u32 flags;
	__u64 first;
	__u64 nr;
};
HVCMAD_ASSERT(sizeof(struct hvcmad_range_req) == 32);

/* In place of the address of a granule that is not pinned; with NOW, that has no pages. */
#define HVCMAD_ADDRESS_NONE		0xffffffffffffffffULL

/* ADDRESSES, and PIN with PIN_ADDRESSES: host-physical base of each granule */
struct hvcmad_addresses_resp {
	struct hvcmad_resp_hdr hdr;
	__u64 address[];
};
HVCMAD_ASSERT(sizeof(struct hvcmad_addresses_resp) == 8);
HVCMAD_ASSERT(8 + HVCMAD_MAX_GRANULES * 8 <= HVCMAD_MAX_RESPONSE_BYTES);

/* PINNED: one bit for each granule, from the lowest of the first word on; the rest is zero */
struct hvcmad_pinned_resp {
	struct hvcmad_resp_hdr hdr;
	__u64 pinned[];
};
HVCMAD_ASSERT(sizeof(struct hvcmad_pinned_resp) == 8);

#define HVCMAD_PINNED_WORDS(nr)		(((nr) + 63) / 64)

/* status.flags */
#define HVCMAD_STATUS_ALL		0x1	/* regions of all VMs, not of this session alone */
#define HVCMAD_STATUS_FLAGS		0x1

struct hvcmad_status_req {
	struct hvcmad_req_hdr hdr;
	__u32 flags;			/* HVCMAD_STATUS_* */
	__u32 after;			/* regions with numbers above this, in their order */
};
HVCMAD_ASSERT(sizeof(struct hvcmad_status_req) == 16);

struct hvcmad_region_status {
	__u8 vm[HVCMAD_VM_BYTES];
	__u8 name[HVCMAD_NAME_BYTES];
	__u32 region;
	__u32 pid;			/* of the client */
	__u64 bytes;
	__u64 granule_bytes;
	__u64 backed_bytes;
	__u64 pinned_bytes;
};
HVCMAD_ASSERT(sizeof(struct hvcmad_region_status) == 136);
HVCMAD_ASSERT(offsetof(struct hvcmad_region_status, region) == 96);

struct hvcmad_status_resp {
	struct hvcmad_resp_hdr hdr;
	__u32 nr_total;			/* regions that there are, above after or not */
	__u32 nr;			/* that follow; 0: these were all */
	__u64 memory_bytes;		/* registered, of nr_total regions */
	__u64 pinned_bytes;
	__u64 quota_memory_bytes;	/* with ALL of the whole service, else of this VM */
	__u64 quota_pinned_bytes;
	struct hvcmad_region_status regions[];
};
HVCMAD_ASSERT(sizeof(struct hvcmad_status_resp) == 48);

/* open_device.flags */
#define HVCMAD_OPEN_PLATFORM		0x1	/* a platform device, not a PCI one */
#define HVCMAD_OPEN_FLAGS		0x1

struct hvcmad_open_device_req {
	struct hvcmad_req_hdr hdr;
	__u8 device[HVCMAD_DEVICE_BYTES];	/* "0000:03:00.0"; with OPEN_PLATFORM "a003e00.virtio_mmio" */
	__u32 flags;				/* HVCMAD_OPEN_* */
	__u32 reserved;
};
HVCMAD_ASSERT(sizeof(struct hvcmad_open_device_req) == 48);

struct hvcmad_open_device_resp {
	struct hvcmad_resp_hdr hdr;
	__u32 number;			/* of the device, in this session */
	__u32 reserved;
};
HVCMAD_ASSERT(sizeof(struct hvcmad_open_device_resp) == 16);

struct hvcmad_close_device_req {
	struct hvcmad_req_hdr hdr;
	__u32 number;
	__u32 reserved;
};
HVCMAD_ASSERT(sizeof(struct hvcmad_close_device_req) == 16);

/* devices.flags */
#define HVCMAD_DEVICES_ALL		0x1	/* of all VMs, not of this session alone */
#define HVCMAD_DEVICES_FLAGS		0x1

struct hvcmad_devices_req {
	struct hvcmad_req_hdr hdr;
	__u32 flags;			/* HVCMAD_DEVICES_* */
	__u32 after;			/* devices with numbers above this, in their order */
};
HVCMAD_ASSERT(sizeof(struct hvcmad_devices_req) == 16);

/* device_status.state */
#define HVCMAD_DEVICE_OPEN		1	/* a client has it */
#define HVCMAD_DEVICE_STOPPING		2	/* it is being stopped */
#define HVCMAD_DEVICE_QUARANTINED	3	/* it may write to memory still */

struct hvcmad_device_status {
	__u8 vm[HVCMAD_VM_BYTES];
	__u8 device[HVCMAD_DEVICE_BYTES];
	__u32 number;
	__u32 pid;			/* of the client */
	__u32 state;			/* HVCMAD_DEVICE_* */
	__u32 reserved;
	__u64 kept_bytes;		/* memory of clients that have ended, kept because of it */
	__u8 why[HVCMAD_WHY_BYTES];	/* QUARANTINED: what was wrong */
};
HVCMAD_ASSERT(sizeof(struct hvcmad_device_status) == 248);
HVCMAD_ASSERT(offsetof(struct hvcmad_device_status, kept_bytes) == 112);

struct hvcmad_devices_resp {
	struct hvcmad_resp_hdr hdr;
	__u32 nr_total;			/* devices that there are, above after or not */
	__u32 nr;			/* that follow; 0: these were all */
	struct hvcmad_device_status devices[];
};
HVCMAD_ASSERT(sizeof(struct hvcmad_devices_resp) == 16);

/* release.flags */
#define HVCMAD_RELEASE_FORCE		0x1	/* the operator knows that it has stopped */
#define HVCMAD_RELEASE_FLAGS		0x1

struct hvcmad_release_req {
	struct hvcmad_req_hdr hdr;
	__u32 number;
	__u32 flags;			/* HVCMAD_RELEASE_* */
};
HVCMAD_ASSERT(sizeof(struct hvcmad_release_req) == 16);

/* offer.flags */
#define HVCMAD_OFFER_END		0x1	/* no more */
#define HVCMAD_OFFER_FLAGS		0x1

/* OFFER: on request this region surrenders memory; with the answer comes the end of a pipe */
struct hvcmad_offer_req {
	struct hvcmad_req_hdr hdr;
	__u32 region;
	__u32 flags;			/* HVCMAD_OFFER_* */
};
HVCMAD_ASSERT(sizeof(struct hvcmad_offer_req) == 16);

struct hvcmad_wanted_req {
	struct hvcmad_req_hdr hdr;
	__u32 region;
	__u32 reserved;
};
HVCMAD_ASSERT(sizeof(struct hvcmad_wanted_req) == 16);

struct hvcmad_wanted_resp {
	struct hvcmad_resp_hdr hdr;
	__u64 bytes;			/* to be DISCARDed; 0: nothing is wanted of it */
	__u32 deadline_ms;		/* from now on */
	__u32 reserved;
};
HVCMAD_ASSERT(sizeof(struct hvcmad_wanted_resp) == 24);
HVCMAD_ASSERT(offsetof(struct hvcmad_wanted_resp, deadline_ms) == 16);

/* turns.flags */
#define HVCMAD_TURNS_ALL		0x1	/* of all VMs, not of this session alone */
#define HVCMAD_TURNS_FLAGS		0x1

struct hvcmad_turns_req {
	struct hvcmad_req_hdr hdr;
	__u32 flags;			/* HVCMAD_TURNS_* */
	__u32 after;			/* regions with numbers above this, in their order */
};
HVCMAD_ASSERT(sizeof(struct hvcmad_turns_req) == 16);

/* turn_status.state */
#define HVCMAD_TURN_OFFERS		0x1	/* it surrenders memory on request */
#define HVCMAD_TURN_WANTS		0x2	/* it was refused memory, and asks on */
#define HVCMAD_TURN_RESTS		0x4	/* it has not given all in time, and is left alone for a while */

struct hvcmad_turn_status {
	__u8 vm[HVCMAD_VM_BYTES];
	__u8 name[HVCMAD_NAME_BYTES];
	__u32 region;
	__u32 pid;			/* of the client */
	__u32 priority;			/* of the VM */
	__u32 state;			/* HVCMAD_TURN_* */
	__u64 surrendered_bytes;	/* with OFFERS: that have no pages */
	__u64 idle_bytes;		/* with OFFERS: that it could be asked for: backed, not pinned */
	__u64 asked_bytes;		/* of these, that it is asked for and has not given */
	__u64 missed_bytes;		/* that it had not given when the time was over, the last time */
	__u64 wanted_bytes;		/* with WANTS */
	__u32 asked_ms;			/* that are left for asked_bytes */
	__u32 reserved;
};
HVCMAD_ASSERT(sizeof(struct hvcmad_turn_status) == 160);
HVCMAD_ASSERT(offsetof(struct hvcmad_turn_status, surrendered_bytes) == 112);

struct hvcmad_turns_resp {
	struct hvcmad_resp_hdr hdr;
	__u32 nr_total;			/* regions that offer or want, above after or not */
	__u32 nr;			/* that follow; 0: these were all */
	struct hvcmad_turn_status turns[];
};
HVCMAD_ASSERT(sizeof(struct hvcmad_turns_resp) == 16);

/* arrange.flags */
#define HVCMAD_ARRANGE_RUNS		0x1	/* runs that are as long as can be had */
#define HVCMAD_ARRANGE_FLAGS		0x1

#define HVCMAD_MAX_POLICY		6	/* arrange.policy: the kernel's MPOL_* */

/* ARRANGE: pages for all of a region, or for its first ones, by where they lie */
struct hvcmad_arrange_req {
	struct hvcmad_req_hdr hdr;
	__u32 region;
	__u32 flags;				/* HVCMAD_ARRANGE_* */
	__u64 run_bytes;			/* with RUNS: the longest has so much, or it is refused */
	__u64 low_bytes;			/* of the first ones, below 4 GiB as far as there are any */
	__u32 policy;				/* memory policy of the kernel, 0: none */
	__u32 reserved;
	__u64 nodes[HVCMAD_NODES_WORDS];	/* that it is about */
};
HVCMAD_ASSERT(sizeof(struct hvcmad_arrange_req) == 168);
HVCMAD_ASSERT(offsetof(struct hvcmad_arrange_req, nodes) == 40);

struct hvcmad_arrange_resp {
	struct hvcmad_resp_hdr hdr;
	__u64 run_bytes;		/* the longest run; 0 without RUNS, as the next */
	__u64 nr_runs;
	__u64 low_bytes;		/* of those asked for, what is below 4 GiB */
};
HVCMAD_ASSERT(sizeof(struct hvcmad_arrange_resp) == 32);

#endif /* HVCMA_ABI_HVCMAD_H */

