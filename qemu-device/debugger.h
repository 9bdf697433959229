/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debugging accesses, above all those of QEMU's server for gdb, keep off memory
 * that is in use by clients which do DMA past the caches (see alias.h): reads,
 * writes and software breakpoints there get an error, the rest of the guest's
 * memory stays open to the debugger. Page tables are walked as ever.
 *
 * The physical memory mode (maintenance packet Qqemu.PhyMemMode) reads past
 * every check, so it can't be had while anything is in non-coherent use, and
 * no such use begins while it is on.
 */
#ifndef QEMU_DEVICE_DEBUGGER_H
#define QEMU_DEVICE_DEBUGGER_H

#include "chardev/char-fe.h"
#include "qapi/error.h"

/*
 * QEMU's: the server's connection to gdb. There it is of a type that no header
 * has and that begins with this one.
 */
extern CharBackend gdbserver_system_state;

/**
 * hvcma_debugger_guard() - from now on accesses are judged by
 * hvcma_alias_is_noncoherent(), and the physical memory mode is judged by
 * hvcma_alias_is_kept_off(). For every such use anew: a server may have
 * been started since.
 *
 * Main thread. Return: false with @errp while the physical memory mode is on.
 */
bool hvcma_debugger_guard(Error **errp);

#endif /* QEMU_DEVICE_DEBUGGER_H */
