/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The modes of a region there are (core/mode.h): mode_private.c, mode_reusable.c,
 * mode_ram.c.
 */
#ifndef VCMA_MODES_H
#define VCMA_MODES_H

#include "core/mode.h"

extern const struct vcma_mode vcma_mode_private;
extern const struct vcma_mode vcma_mode_reusable;
extern const struct vcma_mode vcma_mode_ram;

/* All of them. */
extern const struct vcma_modes vcma_mm_modes;

#endif /* VCMA_MODES_H */
