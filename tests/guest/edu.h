/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The DMA engine of QEMU's "edu" device. It is told nothing but addresses that the DMA
 * API gave out.
 */
#ifndef VCMA_TESTS_EDU_H
#define VCMA_TESTS_EDU_H

#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/types.h>

#define EDU_VENDOR		0x1234
#define EDU_DEVICE		0x11e8
#define EDU_REG_DMA_SRC		0x80
#define EDU_REG_DMA_DST		0x88
#define EDU_REG_DMA_COUNT	0x90
#define EDU_REG_DMA_CMD		0x98
#define EDU_DMA_RUN		0x1
#define EDU_DMA_TO_RAM		0x2
#define EDU_BUFFER		0x40000	/* the device's own memory, in its address space */
#define EDU_BUFFER_BYTES	4096

/* One of @src and @dst is EDU_BUFFER. Return: 0, -EINVAL or -ETIMEDOUT. */
static inline int edu_transfer(void __iomem *regs, u64 src, u64 dst, u32 bytes,
			       u32 direction)
{
	int tries = 200;

	if (WARN_ON(bytes > EDU_BUFFER_BYTES))
		return -EINVAL;
	writeq(src, regs + EDU_REG_DMA_SRC);
	writeq(dst, regs + EDU_REG_DMA_DST);
	writeq(bytes, regs + EDU_REG_DMA_COUNT);
	/* Memory first, then the device. */
	wmb();
	writeq(EDU_DMA_RUN | direction, regs + EDU_REG_DMA_CMD);
	while (readl(regs + EDU_REG_DMA_CMD) & EDU_DMA_RUN) {
		if (!tries--)
			return -ETIMEDOUT;
		msleep(20);
	}
	return 0;
}

/* Memory at @dma to the device's own, or back; that keeps its contents between calls. */
static inline int edu_read_memory(void __iomem *regs, u64 dma, u32 bytes)
{
	return edu_transfer(regs, dma, EDU_BUFFER, bytes, 0);
}

static inline int edu_write_memory(void __iomem *regs, u64 dma, u32 bytes)
{
	return edu_transfer(regs, EDU_BUFFER, dma, bytes, EDU_DMA_TO_RAM);
}

#endif /* VCMA_TESTS_EDU_H */
