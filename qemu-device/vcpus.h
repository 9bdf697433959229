/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs stand still while the map of the machine's registers changes.
 *
 * A vCPU that QEMU translates (TCG) keeps, for each page of registers that it
 * has used, the number that the page had in the map of that time, and is told
 * only later to forget it. QEMU 10.0 looks that number up in the map of now:
 * what is found there is another device, or nothing, on which QEMU asserts. Its
 * own devices change the map where the guest asks for that; a gate does when
 * the main loop serves a request. With KVM there is nothing to do.
 *
 * Not for the machine's memory as a whole: VMs are stopped by QEMU's runstate.
 */
#ifndef QEMU_DEVICE_VCPUS_H
#define QEMU_DEVICE_VCPUS_H

/**
 * hvcma_vcpus_stop() - no vCPU but the caller's own executes instructions of
 * the guest until hvcma_vcpus_start(). May be nested.
 *
 * Big QEMU lock, which is let go meanwhile: vCPUs end what they are in the
 * middle of, so that devices and regions can go, and gates with them.
 *
 * Waits for a second at most: a vCPU may itself be waiting for the caller's.
 */
void hvcma_vcpus_stop(void);

/**
 * hvcma_vcpus_start() - the last one lets them go on, unless somebody else
 * wants them to stand still.
 */
void hvcma_vcpus_start(void);

#endif /* QEMU_DEVICE_VCPUS_H */
