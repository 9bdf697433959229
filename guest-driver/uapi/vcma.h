/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * Buffers of a virtio-cma region for programs: each region of the driver virtio_cma has a
 * file /dev/vcma/NAME, and every ioctl that gets memory answers with a dma-buf. See
 * virtio_cma(4).
 *
 * Fields named "reserved" are zero. Structures are the same for 32 and 64 bits.
 */
#ifndef _UAPI_VCMA_H
#define _UAPI_VCMA_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VCMA_NAME_BYTES		32

/* vcma_info.mode */
#define VCMA_MODE_PRIVATE	0	/* never part of the guest's system memory */
#define VCMA_MODE_REUSABLE	1	/* online memory of the guest while nobody needs it */

struct vcma_info {
	__u64 bytes;			/* of the region */
	__u64 granule_bytes;		/* what the host pins at once */
	__u64 user_bytes;		/* allocated for buffers, in granules: small ones share none */
	__u64 user_limit_bytes;		/* and how much that may become */
	__u32 mode;			/* VCMA_MODE_* */
	__u32 reserved;
	char name[VCMA_NAME_BYTES];	/* NUL padded, not always terminated */
};

/* flags of vcma_alloc and vcma_alloc_bulk */
#define VCMA_ALLOC_FAST		0x1	/* only what can be had at once: nothing is isolated for it */
#define VCMA_ALLOC_UNCACHED	0x2	/* mapped uncached */

/*
 * One buffer, contiguous for the device. Cleared. EDQUOT: over user_limit_bytes, the host's pin
 * limit or that of the module's parameter "regions"; ENOMEM, ENOSPC, EBUSY: no such memory;
 * ENOBUFS: the host is out of hugepages; ERANGE: none at or below max_dma; ETIMEDOUT; EINTR:
 * being killed; EINVAL; EIO: the host failed; ESHUTDOWN, EPROTO: the region is dead; ENODEV: it
 * is gone.
 */
struct vcma_alloc {
	__u64 bytes;			/* asked for, any but 0; answer: rounded up to pages */
	__u64 align_bytes;		/* of the device address: a power of two, or 0 */
	__u64 max_dma;			/* highest device address of the last byte, 0: any */
	__u32 flags;			/* VCMA_ALLOC_* */
	__u32 fd_flags;			/* O_RDWR, O_RDONLY or O_WRONLY, and O_CLOEXEC */
	__u32 timeout_ms;		/* 0: no limit */
	__s32 fd;			/* answer */
};

/* vcma_busy_range.why */
#define VCMA_WHY_OTHER		0
#define VCMA_WHY_PINNED		1	/* someone holds references: DMA, O_DIRECT, vmsplice */
#define VCMA_WHY_UNMOVABLE	2
#define VCMA_WHY_NO_ROOM	3	/* no other memory to move the contents to */

/* Part of the region that could not be isolated. */
struct vcma_busy_range {
	__u64 offset;			/* from the start of the region */
	__u64 bytes;
	__u32 why;			/* VCMA_WHY_* */
	__u32 reserved;
};

/*
 * One buffer of many blocks, each contiguous; block i begins at offset i * block_bytes. There
 * are as many as could be had, with an error, as above, only if there is none; the busy ranges
 * are given in both cases.
 */
struct vcma_alloc_bulk {
	__u64 block_bytes;		/* a power of two, from a page to a granule */
	__u64 max_dma;
	__u32 nr_blocks;		/* asked for; answer: got */
	__u32 flags;			/* VCMA_ALLOC_* */
	__u32 fd_flags;
	__u32 timeout_ms;		/* 0: no limit */
	__u64 busy;			/* address of struct vcma_busy_range[nr_busy] */
	__u32 nr_busy;			/* room there, at most 65536; answer: filled */
	__s32 fd;			/* answer */
};

#define VCMA_IOC_INFO		_IOR(0xc5, 0, struct vcma_info)
#define VCMA_IOC_ALLOC		_IOWR(0xc5, 1, struct vcma_alloc)
#define VCMA_IOC_ALLOC_BULK	_IOWR(0xc5, 2, struct vcma_alloc_bulk)

#endif /* _UAPI_VCMA_H */
