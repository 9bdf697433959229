/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout: does this QEMU lay out its structures as the one that the plugin was
 * compiled for? A distribution's patches can change them within one release,
 * and then every access is to a wrong place.
 *
 * Sizes of the types that are derived from or reached into are compared, for
 * that is what a running QEMU tells; a change that keeps a size goes unseen.
 * Types that this QEMU lacks don't count. The release itself is the loader's
 * affair.
 */
#ifndef QEMU_DEVICE_LAYOUT_H
#define QEMU_DEVICE_LAYOUT_H

/* Overrides a refusal if set to 1: UNSAFE, memory of QEMU is overwritten. */
#define HVCMA_LAYOUT_OVERRIDE "HVCMA_UNSAFE_LAYOUT"

/**
 * hvcma_layout_init() - have @function called once all types of QEMU are there,
 * in the order of these calls, if the layout fits; else a message names the
 * type, and nothing is registered. For constructors.
 */
void hvcma_layout_init(void (*function)(void));

/* In place of type_init(). */
#define hvcma_type_init(function)                                       \
    static void __attribute__((constructor)) do_init_ ## function(void) \
    {                                                                   \
        hvcma_layout_init(function);                                    \
    }

#endif /* QEMU_DEVICE_LAYOUT_H */
