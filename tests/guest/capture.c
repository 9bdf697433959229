// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_capture: QEMU's sound controller ("ich9-intel-hda" with "hda-duplex") captures silence into each granule
 * that it can get, round and round, some thousand writes a second. Nothing has to be told to it again:
 * it goes on whoever is dead, until it is stopped or is no bus master any more.
 *
 *	insmod vcma_capture.ko
 *	cat /sys/module/vcma_capture/parameters/nr_written	so many granules does it write to
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sizes.h>

#define HDA_VENDOR		0x8086
#define HDA_DEVICE		0x293e
/* Registers, of which the first input stream's. Those of the HD Audio specification. */
#define HDA_GCTL		0x08
#define HDA_GCTL_RUNS		BIT(0)
#define HDA_ICW			0x60	/* a command to the codec */
#define HDA_ICS			0x68
#define HDA_ICS_BUSY		BIT(0)
#define HDA_IN			0x80
#define HDA_SD_CTL		(HDA_IN + 0x00)
#define HDA_SD_CTL_RUN		BIT(1)
#define HDA_SD_CTL_STREAM(nr)	((nr) << 20)
#define HDA_SD_CBL		(HDA_IN + 0x08)
#define HDA_SD_LVI		(HDA_IN + 0x0c)
#define HDA_SD_BDPL		(HDA_IN + 0x18)
#define HDA_SD_BDPU		(HDA_IN + 0x1c)
/* Node 4 is the codec's input; it captures 16 bits, 48 kHz, two channels if nothing else is said. */
#define SET_STREAM(nr)		(4 << 20 | 0x706 << 8 | (nr) << 4)
#define STREAM			1

#define BLOCK_BYTES		SZ_2M
#define MAX_BLOCKS		64
#define WRITE_BYTES		16
#define WRITE_AT		SZ_64K	/* in each block; the first begins with the list */
#define NO_SILENCE		0xa5a5a5a5a5a5a5a5ULL

struct entry {
	__le64 dma;
	__le32 bytes;
	__le32 flags;
};

static unsigned int nr_blocks;
static u64 *written[MAX_BLOCKS];

/* All the memory there is. */
static int list_fill(struct device *dev, dma_addr_t *list_dma)
{
	struct entry *list = NULL;
	unsigned int i;

	for (i = 0; i < MAX_BLOCKS; i++) {
		dma_addr_t dma;
		void *cpu = dmam_alloc_attrs(dev, BLOCK_BYTES, &dma, GFP_KERNEL, DMA_ATTR_NO_WARN);

		if (!cpu)
			break;
		if (!list) {
			list = cpu;
			*list_dma = dma;
		}
		written[i] = cpu + WRITE_AT;
		list[i].dma = cpu_to_le64(dma + WRITE_AT);
		list[i].bytes = cpu_to_le32(WRITE_BYTES);
		list[i].flags = 0;
	}
	nr_blocks = i;
	return i ? 0 : -ENOMEM;
}

static int codec_command(void __iomem *regs, u32 command)
{
	int tries = 100;

	writel(command, regs + HDA_ICW);
	writew(HDA_ICS_BUSY, regs + HDA_ICS);
	while (readw(regs + HDA_ICS) & HDA_ICS_BUSY) {
		if (!tries--)
			return -ETIMEDOUT;
		msleep(20);
	}
	return 0;
}

/* It comes to each of them some hundred times a second. */
static int nr_written_get(char *text, const struct kernel_param *kp)
{
	unsigned int tries = 500, i, nr;

	for (i = 0; i < nr_blocks; i++)
		WRITE_ONCE(*written[i], NO_SILENCE);
	do {
		msleep(20);
		for (nr = 0, i = 0; i < nr_blocks; i++)
			nr += READ_ONCE(*written[i]) != NO_SILENCE;
	} while (nr < nr_blocks && --tries);
	return sysfs_emit(text, "%u\n", nr);
}

static const struct kernel_param_ops nr_written_ops = { .get = nr_written_get };
module_param_cb(nr_written, &nr_written_ops, NULL, 0444);
MODULE_PARM_DESC(nr_written, "granules that the device has written to since this is being read");

static void capture_stop(void *regs)
{
	writel(0, (void __iomem *)regs + HDA_SD_CTL);
}

static int capture_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	void __iomem *regs;
	dma_addr_t list;
	int err;

	err = pcim_enable_device(pdev) ?: pcim_iomap_regions(pdev, BIT(0), KBUILD_MODNAME) ?:
	      dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64)) ?: list_fill(&pdev->dev, &list);
	if (err)
		return err;
	regs = pcim_iomap_table(pdev)[0];
	writel(0, regs + HDA_GCTL);
	pci_set_master(pdev);
	writel(HDA_GCTL_RUNS, regs + HDA_GCTL);
	err = codec_command(regs, SET_STREAM(STREAM));
	if (err)
		return err;
	writel(nr_blocks * WRITE_BYTES, regs + HDA_SD_CBL);
	writew(nr_blocks - 1, regs + HDA_SD_LVI);
	writel(lower_32_bits(list), regs + HDA_SD_BDPL);
	writel(upper_32_bits(list), regs + HDA_SD_BDPU);
	/* Before its memory goes. */
	err = devm_add_action(&pdev->dev, capture_stop, (void __force *)regs);
	if (err)
		return err;
	/* Memory first, then the device. */
	wmb();
	writel(HDA_SD_CTL_RUN | HDA_SD_CTL_STREAM(STREAM), regs + HDA_SD_CTL);
	return 0;
}

static const struct pci_device_id capture_ids[] = {
	{ PCI_DEVICE(HDA_VENDOR, HDA_DEVICE) },
	{ 0 }
};

static struct pci_driver capture_driver = {
	.name = KBUILD_MODNAME,
	.id_table = capture_ids,
	.probe = capture_probe,
};
module_pci_driver(capture_driver);

MODULE_DESCRIPTION("A device that never stops writing to memory");
MODULE_LICENSE("GPL");
