/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * virtio-cma wire contract: device id, configuration space, requests,
 * responses, events.
 *
 * Shared, unchanged, by the QEMU device, the guest kernel driver, the protocol
 * engine, tests and fuzzers. docs/protocol.md is the normative text; this file
 * is its machine-readable form. It declares layout only: no function, no
 * policy, nothing that needs more than <linux/types.h>.
 *
 * All integers are little-endian. Every field named "reserved" is zero when
 * sent and is checked when received. Addresses and sizes are in bytes.
 */
#ifndef HVCMA_ABI_VIRTIO_CMA_H
#define HVCMA_ABI_VIRTIO_CMA_H

#include <linux/types.h>

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/stddef.h>
#define VIRTIO_CMA_ASSERT(cond)	static_assert(cond)
#else
#include <stddef.h>
#define VIRTIO_CMA_ASSERT(cond)	_Static_assert(cond, #cond)
#endif

/* The highest id that virtio-pci accepts: 0x1040 + 63 = PCI device 1af4:107f. */
#define VIRTIO_ID_CMA			63

/* Of the specification that this file is the machine-readable form of. */
#define VIRTIO_CMA_SPEC_VERSION		"1.3"

/*
 * Feature bits. A driver that accepts none of them gets the legacy interface: all
 * that the others stand for, in the form that it had before there were bits.
 */
#define VIRTIO_CMA_F_VERSION_1		0	/* version 1 of the specification; all others need it */
#define VIRTIO_CMA_F_REUSABLE		1	/* mode reusable, REPORT of online granules */
#define VIRTIO_CMA_F_BULK		2	/* ALLOC_BULK */
#define VIRTIO_CMA_F_KINDS		3	/* entries of the client table have kinds */
#define VIRTIO_CMA_F_ATTRIBUTES		4	/* memory types: the body of the answer to CLAIM */
#define VIRTIO_CMA_F_SUSPEND		5	/* SUSPEND, RESUME */
#define VIRTIO_CMA_F_WINDOWS		6	/* WINDOWS; blocks are placed by them; ALLOC_SHARED */
#define VIRTIO_CMA_F_PINNED		7	/* all of the region is pinned from the start: FLAG_PINNED */
#define VIRTIO_CMA_F_RAM		8	/* mode ram, QUERY of ranges; needs PINNED */
#define VIRTIO_CMA_F_SURRENDER		9	/* SURRENDER and RECLAIM, EVENT_WANTED */
#define VIRTIO_CMA_NR_FEATURES		10

/* What is there without bits, where they are unknown: the legacy interface. */
#define VIRTIO_CMA_LEGACY_FEATURES	62	/* 1 to 5 */

/* Queue numbers. */
#define VIRTIO_CMA_VQ_REQUEST		0	/* guest to host, answered */
#define VIRTIO_CMA_VQ_EVENT		1	/* host to guest */
#define VIRTIO_CMA_VQ_REPORT		2	/* guest to host, answered, REPORT only */
#define VIRTIO_CMA_NR_VQS		3

#define VIRTIO_CMA_NAME_BYTES		32	/* names and kinds: NUL padded, not always terminated */
#define VIRTIO_CMA_PATH_BYTES		64
#define VIRTIO_CMA_KIND_BYTES		16

/* Bounds of what a device may announce; a driver can size buffers by them. */
#define VIRTIO_CMA_MIN_REQUEST_BYTES	4096
#define VIRTIO_CMA_MAX_REQUEST_BYTES	65536
#define VIRTIO_CMA_MIN_RESPONSE_BYTES	16384
#define VIRTIO_CMA_MAX_RESPONSE_BYTES	262144
#define VIRTIO_CMA_MAX_BULK_BLOCKS	8192
#define VIRTIO_CMA_MAX_CLIENTS		4096
#define VIRTIO_CMA_MAX_GRANULES		(1U << 30)
#define VIRTIO_CMA_MAX_RANGES		16	/* of a region, in guest-physical addresses */

/* config.mode */
#define VIRTIO_CMA_MODE_PRIVATE		0
#define VIRTIO_CMA_MODE_REUSABLE	1
#define VIRTIO_CMA_MODE_STATIC		2
#define VIRTIO_CMA_MODE_RAM		3	/* the guest's own RAM, with VIRTIO_CMA_F_RAM alone */

/* config.attr_policy: how the guest maps blocks */
#define VIRTIO_CMA_ATTR_AUTO		0	/* by the coherency of the client */
#define VIRTIO_CMA_ATTR_CACHED		1	/* Normal Write-Back for every client */
#define VIRTIO_CMA_ATTR_UNCACHED	2	/* Normal Non-cacheable for every client */

/* config.flags */
#define VIRTIO_CMA_FLAG_DEFAULT		0x1	/* the VM's default region */
#define VIRTIO_CMA_FLAG_HPA		0x2	/* DMA addresses are host-physical (unsafe-noiommu=on) */
#define VIRTIO_CMA_FLAG_AUTO		0x4	/* mode is reusable; private where memory can't be online */
#define VIRTIO_CMA_FLAG_PINNED		0x8	/* extents are final: with VIRTIO_CMA_F_PINNED alone */
#define VIRTIO_CMA_FLAGS		0xf

/* config.max_align_order */
#define VIRTIO_CMA_MAX_ALIGN_ORDER	31
#define VIRTIO_CMA_DEFAULT_ALIGN_ORDER	8

/* config.stage2: what the host's second stage does to memory types */
#define VIRTIO_CMA_STAGE2_UNKNOWN	0
#define VIRTIO_CMA_STAGE2_NONE		1	/* nothing: x86, or emulation */
#define VIRTIO_CMA_STAGE2_NO_FWB	2	/* Arm: the stricter of both stages counts */
#define VIRTIO_CMA_STAGE2_FWB		3	/* Arm FEAT_S2FWB: RAM is Write-Back whatever stage 1 says */
#define VIRTIO_CMA_NR_STAGE2		4

struct virtio_cma_config {
	__le64 region_base_gpa;		/* of its first range */
	__le64 region_bytes;		/* of all its ranges together */
	__le64 granule_bytes;		/* power of two */
	__le32 mode;
	__le32 attr_policy;
	__le32 flags;
	__le32 nr_clients;		/* size of the client table, absent ones included */
	__le32 max_request_bytes;
	__le32 max_response_bytes;
	__le32 max_bulk_blocks;
	__le32 max_align_order;		/* in guest pages: cap of an allocation's natural alignment */
	__le64 pin_limit_bytes;		/* most that may be pinned at once */
	__le64 pinned_bytes;		/* live */
	__le64 backed_bytes;		/* live, pinned ones included */
	__u8 name[VIRTIO_CMA_NAME_BYTES];
	__le32 stage2;
	__le32 reserved;
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_config) == 120);

/* hdr.op */
#define VIRTIO_CMA_OP_CLIENTS		1
#define VIRTIO_CMA_OP_CLAIM		2
#define VIRTIO_CMA_OP_RELEASE		3
#define VIRTIO_CMA_OP_ALLOC		4
#define VIRTIO_CMA_OP_ALLOC_BULK	5
#define VIRTIO_CMA_OP_FREE		6
#define VIRTIO_CMA_OP_BUSY		7
#define VIRTIO_CMA_OP_QUERY		8
#define VIRTIO_CMA_OP_REPORT		9
#define VIRTIO_CMA_OP_SUSPEND		10	/* header only, as RESUME */
#define VIRTIO_CMA_OP_RESUME		11
#define VIRTIO_CMA_OP_WINDOWS		12
#define VIRTIO_CMA_OP_SURRENDER		13
#define VIRTIO_CMA_OP_RECLAIM		14
#define VIRTIO_CMA_NR_OPS		15	/* 0 is none */

/*
 * The one status table: wire number, errno a program maps it to, sentence.
 * Users expand the columns they need; the errno column is a bare token so that
 * code without <errno.h> can drop it.
 */
#define VIRTIO_CMA_STATUS_TABLE(X)						\
	X(OK,		0,  0,		"success")				\
	X(INVAL,	1,  EINVAL,	"malformed request")			\
	X(UNSUPP,	2,  EOPNOTSUPP,	"unknown operation or flag")		\
	X(TOO_BIG,	3,  EMSGSIZE,	"request or response over the limit")	\
	X(NO_CLIENT,	4,  ENODEV,	"no such client")			\
	X(CLIENT_STATE,	5,  EALREADY,	"client is not in the state for this")	\
	X(REFUSED,	6,  EACCES,	"refused by the host's policy")		\
	X(NO_SPACE,	7,  ENOSPC,	"not enough free granules")		\
	X(FRAGMENTED,	8,  ENOMEM,	"no free run is long enough")		\
	X(ADDR_LIMIT,	9,  ERANGE,	"no free memory below the address limit") \
	X(NO_BACKING,	10, ENOBUFS,	"host is out of hugepages")		\
	X(PIN_LIMIT,	11, EDQUOT,	"pin limit reached")			\
	X(BUSY,		12, EBUSY,	"only busy granules are left")		\
	X(NOT_BLOCK,	13, ENOENT,	"range is not an allocated block")	\
	X(RANGE,	14, EFAULT,	"address outside the region")		\
	X(IO,		15, EIO,	"host failed")

#define VIRTIO_CMA_STATUS_ENUM(name, nr, err, text) VIRTIO_CMA_S_##name = nr,
enum virtio_cma_status {
	VIRTIO_CMA_STATUS_TABLE(VIRTIO_CMA_STATUS_ENUM)
	VIRTIO_CMA_NR_STATUS
};

/* Every request starts with this; bytes is the length of the whole request. */
struct virtio_cma_req_hdr {
	__le32 op;
	__le32 bytes;
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_req_hdr) == 8);

/*
 * Every response starts with this; bytes is the length of the valid response,
 * 16 if the status is not OK. What detail says goes by the status
 * (docs/protocol.md, 6.2).
 */
struct virtio_cma_resp_hdr {
	__le32 status;
	__le32 bytes;
	__le64 detail;
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_resp_hdr) == 16);

struct virtio_cma_range {
	__le64 base_gpa;
	__le64 bytes;
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_range) == 16);

/* client.bus */
#define VIRTIO_CMA_BUS_PCI		1	/* path "0000:00/03.0[/SS.F...]": root bus, then slot.function per hop */
#define VIRTIO_CMA_BUS_PLATFORM		2	/* path "0xADDR": base of the first register window */

/* client.state */
#define VIRTIO_CMA_CLIENT_ABSENT	0	/* named by the operator, not plugged */
#define VIRTIO_CMA_CLIENT_PRESENT	1	/* plugged, bus mastering held off */
#define VIRTIO_CMA_CLIENT_CLAIMED	2	/* may become bus master */

/* Is the client's DMA coherent with the caches? client.coherent, claim.coherent */
#define VIRTIO_CMA_COHERENT_UNKNOWN	0
#define VIRTIO_CMA_COHERENT_YES		1
#define VIRTIO_CMA_COHERENT_NO		2
#define VIRTIO_CMA_NR_COHERENT		3

struct virtio_cma_client {
	__le32 id;			/* index in the client table */
	__u8 bus;
	__u8 state;
	__u8 coherent;			/* VIRTIO_CMA_COHERENT_*; UNKNOWN: the guest decides */
	__u8 resv;			/* 0 the shared part, k > 0 reservation number k */
	__u8 kind[VIRTIO_CMA_KIND_BYTES];
	__u8 name[VIRTIO_CMA_NAME_BYTES];	/* the operator's name of the device */
	__u8 path[VIRTIO_CMA_PATH_BYTES];	/* NUL padded and terminated */
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_client) == 120);

struct virtio_cma_clients_req {
	struct virtio_cma_req_hdr hdr;
	__le32 first;
	__le32 max_clients;
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_clients_req) == 16);

struct virtio_cma_clients_resp {
	struct virtio_cma_resp_hdr hdr;
	__le32 nr_total;
	__le32 nr_clients;
	struct virtio_cma_client clients[];
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_clients_resp) == 24);

/* CLAIM and RELEASE */
struct virtio_cma_client_req {
	struct virtio_cma_req_hdr hdr;
	__le32 client;
	__le32 coherent;		/* CLAIM: what the guest knows; RELEASE: 0 */
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_client_req) == 16);

/*
 * WINDOWS, with VIRTIO_CMA_F_WINDOWS: which memory a client reaches, and where on its bus. A
 * window may be longer than here, by whole fields at its end: window_bytes says how long.
 */
struct virtio_cma_windows_req {
	struct virtio_cma_req_hdr hdr;
	__le32 client;
	__le32 reserved;
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_windows_req) == 16);

struct virtio_cma_window {
	__le64 bus_base;		/* the address that the client is given for */
	__le64 base_dma;		/* this, as in blocks and extents */
	__le64 bytes;
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_window) == 24);

#define VIRTIO_CMA_MAX_WINDOWS		16
#define VIRTIO_CMA_MAX_WINDOW_BYTES	64
/* Bases and sizes are multiples of it. */
#define VIRTIO_CMA_WINDOW_ALIGN		4096

/* windows.source: where they are from */
#define VIRTIO_CMA_SOURCE_TABLE(X)					\
	X(NONE,		0,	"identity: nothing says otherwise")	\
	X(DEVICE_TREE,	1,	"the host's device tree")		\
	X(ACPI,		2,	"identity: ACPI does not show them")	\
	X(OPTION,	3,	"the operator")

#define VIRTIO_CMA_SOURCE_ENUM(name, nr, text) VIRTIO_CMA_SOURCE_##name = nr,
enum virtio_cma_source {
	VIRTIO_CMA_SOURCE_TABLE(VIRTIO_CMA_SOURCE_ENUM)
	VIRTIO_CMA_NR_SOURCES
};

struct virtio_cma_windows_resp {
	struct virtio_cma_resp_hdr hdr;
	__le32 nr_windows;		/* 1 to VIRTIO_CMA_MAX_WINDOWS */
	__le32 source;			/* VIRTIO_CMA_SOURCE_* */
	__le32 window_bytes;		/* of each; at most VIRTIO_CMA_MAX_WINDOW_BYTES */
	__le32 reserved;
	/* struct virtio_cma_window each */
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_windows_resp) == 32);

/* claim.maint: what the client's memory needs of the guest */
#define VIRTIO_CMA_MAINT_BLOCK	0x1	/* clean+invalidate by address when a block starts and stops serving it */
#define VIRTIO_CMA_MAINT_SYNC		0x2	/* maintenance by address at map, unmap, sync */
#define VIRTIO_CMA_MAINT_NO_COHERENT	0x4	/* coherent allocations can't be right: fail them */
#define VIRTIO_CMA_MAINT_NO_CACHED_ALIAS	0x8	/* no cacheable mapping may exist while it uses the memory */
#define VIRTIO_CMA_MAINT_FLAGS		0xf

/* claim.effective: the memory type that results from both stages */
#define VIRTIO_CMA_TYPE_TABLE(X)					\
	X(UNKNOWN,	0,	"unknown")				\
	X(DEVICE,	1,	"Device")				\
	X(UNCACHED,	2,	"Normal Non-cacheable")			\
	X(WRITE_THROUGH, 3,	"Normal Write-Through")			\
	X(WRITE_BACK,	4,	"Normal Write-Back")

#define VIRTIO_CMA_TYPE_ENUM(name, nr, text) VIRTIO_CMA_TYPE_##name = nr,
enum virtio_cma_type {
	VIRTIO_CMA_TYPE_TABLE(VIRTIO_CMA_TYPE_ENUM)
	VIRTIO_CMA_NR_TYPES
};

/* claim.reason: why attr and maint are what they are */
#define VIRTIO_CMA_REASON_TABLE(X)					\
	X(NONE,			0,	"not judged by the host") \
	X(COHERENT,		1,	"the client's DMA is coherent: cacheable mappings are right") \
	X(EMULATED,		2,	"the client is emulated: its DMA goes through the host's caches") \
	X(OPERATOR,		3,	"mapped as the operator said") \
	X(GUEST_DECIDES,	4,	"the guest knows best whether the client's DMA is coherent") \
	X(NONCOHERENT,		5,	"not coherent: mapped Non-cacheable, without a cacheable alias") \
	X(LINEAR_ALIAS,		6,	"not coherent: mapped Non-cacheable beside a cacheable linear map") \
	X(FWB,			7,	"not coherent, and the host's stage 2 makes every mapping Write-Back (FEAT_S2FWB)") \
	X(STAGE2_UNKNOWN,	8,	"not coherent, and the host's stage 2 may make every mapping Write-Back") \
	X(COHERENCY_UNKNOWN,	9,	"nobody knows whether the client's DMA is coherent") \
	X(FORCED_CACHED,	10,	"the operator said cached, but the client's DMA is not coherent") \
	X(UNCACHED_COHERENT,	11,	"the operator said uncached, but the client's DMA goes through caches") \
	X(HOST_ALIAS,		12,	"the host can't keep its own cacheable mapping out of the client's way") \
	X(STATIC,		13,	"in static mode nothing in the guest would fail coherent allocations that can't be right") \
	X(WINDOWS,		14,	"its bus has other addresses than memory (windows), and the guest's driver does not know of that")

#define VIRTIO_CMA_REASON_ENUM(name, nr, text) VIRTIO_CMA_REASON_##name = nr,
enum virtio_cma_reason {
	VIRTIO_CMA_REASON_TABLE(VIRTIO_CMA_REASON_ENUM)
	VIRTIO_CMA_NR_REASONS
};

/* detail of a CLAIM that is REFUSED: the client, and the reason if attributes are it */
#define VIRTIO_CMA_REFUSED_DETAIL(client, reason)	((__u64)(reason) << 32 | (client))
#define VIRTIO_CMA_REFUSED_CLIENT(detail)		((__u32)(detail))
#define VIRTIO_CMA_REFUSED_REASON(detail)		((__u32)((detail) >> 32))

/* The header alone without VIRTIO_CMA_F_ATTRIBUTES. */
struct virtio_cma_claim_resp {
	struct virtio_cma_resp_hdr hdr;
	__le32 attr;			/* VIRTIO_CMA_ATTR_* for this client */
	__le32 maint;			/* VIRTIO_CMA_MAINT_* */
	__le32 effective;		/* VIRTIO_CMA_TYPE_* */
	__le32 reason;			/* VIRTIO_CMA_REASON_* */
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_claim_resp) == 32);

/* alloc.flags */
#define VIRTIO_CMA_ALLOC_FAST		0x1	/* no retries, no backing of new pages */
#define VIRTIO_CMA_ALLOC_CONTIG		0x2	/* one block in one extent; without it: as many blocks as it takes */
#define VIRTIO_CMA_ALLOC_SHARED		0x4	/* with F_WINDOWS: shared, and where client reaches it */
#define VIRTIO_CMA_ALLOC_FLAGS		0x7

/* alloc.client when the block serves several clients */
#define VIRTIO_CMA_CLIENT_SHARED	0xffffffffU

/* alloc.purpose: shown in reports */
#define VIRTIO_CMA_PURPOSE_OTHER	0
#define VIRTIO_CMA_PURPOSE_POOL		1	/* sub-allocated by the driver; if shared, no obstacle to an unplug */
#define VIRTIO_CMA_PURPOSE_COHERENT	2
#define VIRTIO_CMA_PURPOSE_USER		3
#define VIRTIO_CMA_NR_PURPOSES		4

struct virtio_cma_alloc_req {
	struct virtio_cma_req_hdr hdr;
	__le64 bytes;			/* rounded up to whole granules */
	__le64 align_bytes;		/* of the client's bus address; 0 or a power of two */
	__le64 max_dma_addr;		/* highest bus address of the block's last byte */
	__le32 flags;
	__le32 client;			/* whose windows they lie in */
	__le32 purpose;
	__le32 nr_hints;
	struct virtio_cma_range hints[];	/* tried first, in this order */
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_alloc_req) == 48);

struct virtio_cma_block {
	__le64 base_gpa;
	__le64 base_dma;
	__le64 bytes;
	__le32 attr;			/* as in the client's CLAIM; else AUTO, or config.attr_policy */
	__le32 reserved;
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_block) == 32);

struct virtio_cma_alloc_resp {
	struct virtio_cma_resp_hdr hdr;
	__le32 nr_blocks;
	__le32 reserved;
	struct virtio_cma_block blocks[];
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_alloc_resp) == 24);

struct virtio_cma_bulk_req {
	struct virtio_cma_req_hdr hdr;
	__le64 block_bytes;
	__le64 align_bytes;
	__le64 max_dma_addr;
	__le32 flags;			/* CONTIG is implied */
	__le32 client;
	__le32 purpose;
	__le32 nr_blocks;
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_bulk_req) == 48);

struct virtio_cma_bulk_block {
	__le64 base_gpa;
	__le64 base_dma;
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_bulk_block) == 16);

/* Status OK whenever at least one block was granted. */
struct virtio_cma_bulk_resp {
	struct virtio_cma_resp_hdr hdr;
	__le32 nr_blocks;		/* granted, 0 on failure */
	__le32 stop_status;		/* why no more were, OK when all were granted */
	struct virtio_cma_bulk_block blocks[];
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_bulk_resp) == 24);

/* All ranges are freed, or none: each must be exactly one allocated block. */
struct virtio_cma_free_req {
	struct virtio_cma_req_hdr hdr;
	__le32 nr_ranges;
	__le32 reserved;
	struct virtio_cma_range ranges[];
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_free_req) == 16);

/*
 * SURRENDER: range is exactly one block; RECLAIM: granules that are surrendered, all of them. With
 * VIRTIO_CMA_F_SURRENDER. No body in the answer.
 */
struct virtio_cma_surrender_req {
	struct virtio_cma_req_hdr hdr;
	struct virtio_cma_range range;
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_surrender_req) == 24);

/*
 * The guest could not isolate the block: it goes back, and the granules that
 * the ranges touch (all of the block without ranges) are not offered again
 * until the guest says BUSY_CLEAR for them or is reset.
 */
#define VIRTIO_CMA_BUSY_SET		0
#define VIRTIO_CMA_BUSY_CLEAR		1	/* block and why are 0: no block goes back */

/* busy.why */
#define VIRTIO_CMA_WHY_OTHER		0
#define VIRTIO_CMA_WHY_PINNED		1	/* extra references: DMA, O_DIRECT, vmsplice */
#define VIRTIO_CMA_WHY_UNMOVABLE	2
#define VIRTIO_CMA_WHY_NO_ROOM		3	/* nothing free to migrate into */
#define VIRTIO_CMA_NR_WHYS		4

struct virtio_cma_busy_req {
	struct virtio_cma_req_hdr hdr;
	struct virtio_cma_range block;
	__le32 action;
	__le32 nr_ranges;
	__le32 why;
	__le32 reserved;
	struct virtio_cma_range ranges[];
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_busy_req) == 40);

/* query.what */
#define VIRTIO_CMA_QUERY_STATES		0	/* one byte per granule */
#define VIRTIO_CMA_QUERY_EXTENTS	1	/* struct virtio_cma_extent each */
#define VIRTIO_CMA_QUERY_COUNTERS	2	/* struct virtio_cma_counters, first and nr 0 */
#define VIRTIO_CMA_QUERY_RANGES		3	/* struct virtio_cma_range each, with VIRTIO_CMA_F_RAM */

/*
 * Counters, of either side, and events may be longer or shorter than here, by whole
 * fields, with VIRTIO_CMA_F_VERSION_1: who sends writes what it has, who receives takes
 * what it knows, and what did not come is 0.
 */

struct virtio_cma_query_req {
	struct virtio_cma_req_hdr hdr;
	__le32 what;
	__le32 reserved;
	__le64 first;
	__le64 nr;			/* at most this many; 0 for as many as fit */
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_query_req) == 32);

/* Granule state byte: one of these, plus flags. */
#define VIRTIO_CMA_GRANULE_UNBACKED	0
#define VIRTIO_CMA_GRANULE_MIGRATABLE	1
#define VIRTIO_CMA_GRANULE_PINNED	2
#define VIRTIO_CMA_GRANULE_STATE_MASK	0x0f
#define VIRTIO_CMA_GRANULE_ONLINE		0x10
#define VIRTIO_CMA_GRANULE_BUSY		0x20
#define VIRTIO_CMA_GRANULE_WHY_SHIFT	6	/* with BUSY: VIRTIO_CMA_WHY_* */

struct virtio_cma_extent {
	__le64 base_gpa;
	__le64 base_dma;
	__le64 bytes;
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_extent) == 24);

struct virtio_cma_query_resp {
	struct virtio_cma_resp_hdr hdr;
	__le64 total;			/* items there are */
	__le64 nr;			/* items that follow */
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_query_resp) == 32);

struct virtio_cma_counters {
	__le64 free_bytes;
	__le64 allocated_bytes;
	__le64 busy_bytes;
	__le64 longest_free_bytes;
	__le64 nr_blocks;
	__le64 nr_extents;
	__le64 nr_alloc_ok;
	__le64 nr_alloc_failed;
	__le64 nr_freed;
	__le64 nr_bad_requests;
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_counters) == 80);

/* report.what */
#define VIRTIO_CMA_REPORT_ONLINE		0	/* bitmap: bit i is granule first + i */
#define VIRTIO_CMA_REPORT_COUNTERS	1	/* struct virtio_cma_guest_counters, first and nr 0 */

struct virtio_cma_report_req {
	struct virtio_cma_req_hdr hdr;
	__le32 what;
	__le32 reserved;
	__le64 first;
	__le64 nr;
	__u8 payload[];
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_report_req) == 32);

#define VIRTIO_CMA_NR_LATENCIES		20

struct virtio_cma_guest_counters {
	__le64 allocated_bytes;		/* in blocks of the driver */
	__le64 coherent_bytes;		/* of these given to drivers */
	__le64 bounce_bytes;		/* of these in use by streaming maps */
	__le64 nr_coherent_ok;
	__le64 nr_coherent_failed;
	__le64 nr_map_direct;
	__le64 nr_map_bounced;
	__le64 nr_map_failed;
	__le64 online_bytes;		/* in the guest's page allocator */
	__le64 ready_bytes;		/* allocated, free and isolated: the next allocation */
	__le64 nr_busy_retries;		/* candidates given up for the next one */
	__le64 nr_deadline_missed;
	__le64 nr_bulk_blocks;
	__le64 alloc_us_log2[VIRTIO_CMA_NR_LATENCIES];	/* [i]: below 2^i us; the last: the rest, too */
	__le64 broken_bytes;		/* pages found broken while they were in blocks */
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_guest_counters) == 272);
/* What a driver sends that does not know broken_bytes. */
#define VIRTIO_CMA_GUEST_COUNTERS_LEAST	264

/* event.type */
#define VIRTIO_CMA_EVENT_CLIENT_ADDED	1
#define VIRTIO_CMA_EVENT_CLIENT_REMOVED	2
#define VIRTIO_CMA_EVENT_WANTED		3	/* with VIRTIO_CMA_F_SURRENDER: struct virtio_cma_event_wanted */

/* The driver's buffer has room for this at least; a type that it does not know is nothing to it. */
struct virtio_cma_event {
	__le32 type;
	__le32 client;
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_event) == 8);

struct virtio_cma_event_wanted {
	struct virtio_cma_event event;	/* client is 0 */
	__le64 bytes;			/* that the host would have */
	__le32 deadline_ms;		/* from now on; 0: at any time */
	__le32 reserved;
};
VIRTIO_CMA_ASSERT(sizeof(struct virtio_cma_event_wanted) == 24);

#endif /* HVCMA_ABI_VIRTIO_CMA_H */
