/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which bytes of a frame vcma_codec moves, for the module and for programs that look.
 *
 *	frame	|SSSS|                |SSSS|                |SSSS|
 *		 0		       ...		     its end
 *
 * Not how they are moved: codec.c.
 */
#ifndef VCMA_TESTS_CODEC_H
#define VCMA_TESTS_CODEC_H

#define CODEC_SAMPLES		3
#define CODEC_SAMPLE_BYTES	4096

/* Where sample @i of a frame of @bytes begins; the first at its beginning, the last at its end. */
#define codec_sample(bytes, i)	(((bytes) - CODEC_SAMPLE_BYTES) / (CODEC_SAMPLES - 1) * (i))

#endif /* VCMA_TESTS_CODEC_H */
