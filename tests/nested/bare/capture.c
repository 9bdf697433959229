// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest without a kernel, which is there at once: claims its region's only client, QEMU's sound controller
 * ("ich9-intel-hda" with "hda-duplex"), takes all of the region and has the controller capture silence into each
 * granule, round and round, some thousand writes a second. Nothing has to be told to it again: it goes on
 * whoever is dead, until it is stopped or is no bus master any more.
 *
 * Prints a line a round: to how many granules the controller has written since the line before. Not a driver to
 * learn from: one request at a time, no interrupts, and what goes wrong ends it with a message.
 *
 * Machine virt of QEMU with GICv3; virtio-cma at a virtio-mmio transport; the controller on the root bus.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hv/abi/virtio_cma.h"

/* start.S */
void run(void);
void exception(uint64_t esr, uint64_t elr);

#define NO_INLINE	__attribute__((noinline))

/* ---- machine virt, and GICv3 (IHI 0069) ---- */
#define GICD_CTLR	0x08000000ull
#define GICD_CTLR_RUNS	0x3
#define GICR_ISENABLER0	(0x080a0000ull + 0x10100)
#define TIMER_PPI	27
#define UART_DATA	0x09000000ull
#define VIRTIO_SLOTS	0x0a000000ull
#define SLOT_BYTES	0x200
#define NR_SLOTS	32
#define PCI_WINDOW	0x10000000u
#define ECAM		0x4010000000ull
#define ECAM_DEVICE(nr)	(ECAM + ((uint64_t)(nr) << 15))

/* ---- virtio 1.2, 4.2.2 and 2.7 ---- */
#define DEVICE_ID		0x08
#define DRIVER_FEATURES		0x20
#define DRIVER_FEATURES_SELECT	0x24
#define QUEUE_SELECT		0x30
#define QUEUE_SIZE		0x38
#define QUEUE_READY		0x44
#define QUEUE_NOTIFY		0x50
#define STATUS			0x70
#define QUEUE_DESC		0x80
#define QUEUE_DRIVER		0x90
#define QUEUE_DEVICE		0xa0
#define CONFIG			0x100
#define F_VERSION_1_HIGH	1	/* bit 32 */
#define S_FEATURES_OK		0x0b
#define S_DRIVER_OK		0x0f
#define DESC_NEXT		1
#define DESC_WRITE		2
#define RING_SIZE		8

/* ---- PCI, HD Audio 1.0a ---- */
#define PCI_ID			0x00
#define PCI_COMMAND		0x04
#define PCI_COMMAND_RUNS	0x06	/* memory, bus master */
#define PCI_BAR0		0x10
#define HDA_ID			0x293e8086u
#define HDA_GCTL		0x08
#define HDA_ICW			0x60	/* a command to the codec */
#define HDA_ICS			0x68
#define HDA_ICS_BUSY		1
#define HDA_IN			0x80	/* the first input stream */
#define HDA_SD_CTL		(HDA_IN + 0x00)
#define HDA_SD_CTL_RUN		2
#define HDA_SD_CTL_STREAM(nr)	((nr) << 20)
#define HDA_SD_CBL		(HDA_IN + 0x08)
#define HDA_SD_LVI		(HDA_IN + 0x0c)
#define HDA_SD_BDPL		(HDA_IN + 0x18)
#define HDA_SD_BDPU		(HDA_IN + 0x1c)
/* Node 4 is the codec's input; it captures 16 bits, 48 kHz, two channels if nothing else is said. */
#define SET_STREAM(nr)		(4 << 20 | 0x706 << 8 | (nr) << 4)
#define STREAM			1

/*
 *	granule	0	| list  ...  | written |  ...	|
 *		1	|	     | written |  ...	|
 *		...		     WRITE_AT
 */
#define MAX_GRANULES	256	/* what a list of the controller has room for */
#define WRITE_BYTES	16
#define WRITE_AT	0x10000
#define NO_SILENCE	0xa5a5a5a5a5a5a5a5ull

struct desc {
	uint64_t addr;
	uint32_t bytes;
	uint16_t flags;
	uint16_t next;
};

static struct {
	struct desc desc[RING_SIZE];
	struct {
		uint16_t flags, idx, ring[RING_SIZE];
	} avail __attribute__((aligned(64)));
	struct {
		uint16_t flags, idx;
		struct {
			uint32_t id, bytes;
		} ring[RING_SIZE];
	} used __attribute__((aligned(64)));
} ring __attribute__((aligned(4096)));

struct entry {
	uint64_t dma;
	uint32_t bytes;
	uint32_t flags;
};

static union {
	struct virtio_cma_resp_hdr hdr;
	struct virtio_cma_claim_resp claim;
	struct {
		struct virtio_cma_alloc_resp head;
		struct virtio_cma_block blocks[MAX_GRANULES];
	} alloc;
} answer __attribute__((aligned(64)));

static uint64_t cma;		/* registers of the region's device */
static volatile uint64_t *written[MAX_GRANULES];
static unsigned int nr_granules;

/* One instruction each that KVM can take for an access: without write-back of the address. */
static uint32_t read32(uint64_t addr)
{
	uint32_t value;

	__asm__ volatile("ldr %w0, [%1]" : "=r" (value) : "r" (addr) : "memory");
	return value;
}

static void write32(uint64_t addr, uint32_t value)
{
	__asm__ volatile("str %w0, [%1]" : : "r" (value), "r" (addr) : "memory");
}

static uint16_t read16(uint64_t addr)
{
	uint32_t value;

	__asm__ volatile("ldrh %w0, [%1]" : "=r" (value) : "r" (addr) : "memory");
	return (uint16_t)value;
}

static void write16(uint64_t addr, uint16_t value)
{
	__asm__ volatile("strh %w0, [%1]" : : "r" (value), "r" (addr) : "memory");
}

static void write64(uint64_t addr, uint64_t value)
{
	write32(addr, (uint32_t)value);
	write32(addr + 4, (uint32_t)(value >> 32));
}

static void barrier(void)
{
	__asm__ volatile("dsb sy" : : : "memory");
}

#define read_reg(r)	({ uint64_t v_; __asm__ volatile("mrs %0, " r : "=r" (v_)); v_; })
#define write_reg(r, v)	__asm__ volatile("msr " r ", %0\n\tisb" : : "r" ((uint64_t)(v)))
#define TIMER_ON	1
#define TIMER_FIRED	4

/* The processor is woken by the timer, though its interrupt stays masked and is never taken. */
static void timer_open(void)
{
	write32(GICD_CTLR, GICD_CTLR_RUNS);
	write32(GICR_ISENABLER0, 1u << TIMER_PPI);
	write_reg("s3_0_c4_c6_0", 0xff);	/* ICC_PMR_EL1: any priority */
}

static void sleep_ms(unsigned int ms)
{
	write_reg("cntv_tval_el0", read_reg("cntfrq_el0") / 1000 * ms);
	write_reg("cntv_ctl_el0", TIMER_ON);
	while (!(read_reg("cntv_ctl_el0") & TIMER_FIRED))
		__asm__ volatile("wfi");
	write_reg("cntv_ctl_el0", 0);
}

static void print(const char *text)
{
	while (*text)
		write32(UART_DATA, (uint8_t)*text++);
}

static void print_number(const char *what, uint64_t nr)
{
	char digits[24], *at = digits + sizeof(digits);

	*--at = 0;
	do {
		*--at = (char)('0' + nr % 10);
		nr /= 10;
	} while (nr);
	print(what);
	print(at);
	print("\n");
}

static void __attribute__((noreturn)) fail(const char *what, uint64_t nr)
{
	print_number(what, nr);
	for (;;)
		__asm__ volatile("wfi");
}

void exception(uint64_t esr, uint64_t elr)
{
	print_number("exception at ", elr);
	fail("its syndrome is ", esr);
}

/* ---- the region ---- */

/* The answer, once it is there; its status is OK, or this is the end. */
static NO_INLINE void request(const void *req, uint32_t bytes)
{
	static uint16_t nr_sent;
	unsigned int tries = 1000;

	ring.desc[0] = (struct desc){ (uintptr_t)req, bytes, DESC_NEXT, 1 };
	ring.desc[1] = (struct desc){ (uintptr_t)&answer, sizeof(answer), DESC_WRITE, 0 };
	ring.avail.ring[nr_sent % RING_SIZE] = 0;
	barrier();
	ring.avail.idx = ++nr_sent;
	barrier();
	write32(cma + QUEUE_NOTIFY, VIRTIO_CMA_VQ_REQUEST);
	while (*(volatile uint16_t *)&ring.used.idx != nr_sent) {
		if (!tries--)
			fail("no answer to request ", ((const struct virtio_cma_req_hdr *)req)->op);
		sleep_ms(10);
	}
	barrier();
	if (answer.hdr.status != VIRTIO_CMA_S_OK)
		fail("a request failed with status ", answer.hdr.status);
}

static void region_open(void)
{
	unsigned int i = 0;

	for (i = 0; i < NR_SLOTS && !cma; i++)
		if (read32(VIRTIO_SLOTS + i * SLOT_BYTES + DEVICE_ID) == VIRTIO_ID_CMA)
			cma = VIRTIO_SLOTS + i * SLOT_BYTES;
	if (!cma)
		fail("no region; transports: ", NR_SLOTS);
	write32(cma + STATUS, 0);
	write32(cma + DRIVER_FEATURES_SELECT, 1);
	write32(cma + DRIVER_FEATURES, F_VERSION_1_HIGH);
	write32(cma + DRIVER_FEATURES_SELECT, 0);
	write32(cma + DRIVER_FEATURES, 1u << VIRTIO_CMA_F_VERSION_1 | 1u << VIRTIO_CMA_F_ATTRIBUTES);
	write32(cma + STATUS, S_FEATURES_OK);
	if (read32(cma + STATUS) != S_FEATURES_OK)
		fail("features are refused: ", read32(cma + STATUS));
	write32(cma + QUEUE_SELECT, VIRTIO_CMA_VQ_REQUEST);
	write32(cma + QUEUE_SIZE, RING_SIZE);
	write64(cma + QUEUE_DESC, (uintptr_t)ring.desc);
	write64(cma + QUEUE_DRIVER, (uintptr_t)&ring.avail);
	write64(cma + QUEUE_DEVICE, (uintptr_t)&ring.used);
	write32(cma + QUEUE_READY, 1);
	write32(cma + STATUS, S_DRIVER_OK);
}

static uint64_t config64(unsigned int offset)
{
	return read32(cma + CONFIG + offset) | (uint64_t)read32(cma + CONFIG + offset + 4) << 32;
}

/* All the memory there is, for the client. The DMA address of the list in it. */
static uint64_t region_take(void)
{
	uint64_t granule_bytes = config64(offsetof(struct virtio_cma_config, granule_bytes)), at;
	static struct virtio_cma_client_req claim = {
		.hdr = { .op = VIRTIO_CMA_OP_CLAIM, .bytes = sizeof(claim) },
		.coherent = VIRTIO_CMA_COHERENT_YES,
	};
	static struct virtio_cma_alloc_req alloc = {
		.hdr = { .op = VIRTIO_CMA_OP_ALLOC, .bytes = sizeof(alloc) },
		.max_dma_addr = UINT64_MAX,
		.purpose = VIRTIO_CMA_PURPOSE_COHERENT,
	};
	struct entry *list = NULL;
	unsigned int i;

	request(&claim, sizeof(claim));
	alloc.bytes = config64(offsetof(struct virtio_cma_config, region_bytes));
	if (alloc.bytes / granule_bytes > MAX_GRANULES)
		fail("more granules than entries of a list: ", alloc.bytes / granule_bytes);
	request(&alloc, sizeof(alloc));
	for (i = 0; i < answer.alloc.head.nr_blocks; i++) {
		struct virtio_cma_block *block = &answer.alloc.blocks[i];

		for (at = 0; at < block->bytes; at += granule_bytes) {
			uint64_t addr = block->base_gpa + at;

			if (!list)
				list = (struct entry *)addr;
			written[nr_granules] = (uint64_t *)(addr + WRITE_AT);
			list[nr_granules] = (struct entry){ block->base_dma + at + WRITE_AT, WRITE_BYTES, 0 };
			nr_granules++;
		}
	}
	return answer.alloc.blocks[0].base_dma;
}

/* ---- the controller ---- */

static uint64_t controller_find(void)
{
	unsigned int i;

	for (i = 0; i < 32; i++)
		if (read32(ECAM_DEVICE(i) + PCI_ID) == HDA_ID)
			return ECAM_DEVICE(i);
	fail("no sound controller on the root bus; devices: ", i);
}

static void controller_start(uint64_t pci, uint64_t list_dma)
{
	uint64_t regs = PCI_WINDOW;
	unsigned int tries = 1000;

	write32(pci + PCI_BAR0, PCI_WINDOW);
	write16(pci + PCI_COMMAND, PCI_COMMAND_RUNS);
	write32(regs + HDA_GCTL, 0);
	write32(regs + HDA_GCTL, 1);
	write32(regs + HDA_ICW, SET_STREAM(STREAM));
	write16(regs + HDA_ICS, HDA_ICS_BUSY);
	while (read16(regs + HDA_ICS) & HDA_ICS_BUSY) {
		if (!tries--)
			fail("the codec does not answer to ", SET_STREAM(STREAM));
		sleep_ms(10);
	}
	write32(regs + HDA_SD_CBL, nr_granules * WRITE_BYTES);
	write16(regs + HDA_SD_LVI, (uint16_t)(nr_granules - 1));
	write32(regs + HDA_SD_BDPL, (uint32_t)list_dma);
	write32(regs + HDA_SD_BDPU, (uint32_t)(list_dma >> 32));
	/* Memory first, then the device. */
	barrier();
	write32(regs + HDA_SD_CTL, HDA_SD_CTL_RUN | HDA_SD_CTL_STREAM(STREAM));
}

/* It comes to each of them some hundred times a second. */
static unsigned int nr_written(void)
{
	unsigned int tries = 250, i, nr;

	for (i = 0; i < nr_granules; i++)
		*written[i] = NO_SILENCE;
	do {
		sleep_ms(20);
		for (nr = 0, i = 0; i < nr_granules; i++)
			nr += *written[i] != NO_SILENCE;
	} while (nr < nr_granules && --tries);
	return nr;
}

void run(void)
{
	uint64_t list_dma;

	timer_open();
	region_open();
	list_dma = region_take();
	controller_start(controller_find(), list_dma);
	for (;;) {
		print_number("written: ", nr_written());
		sleep_ms(200);
	}
}
