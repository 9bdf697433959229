/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stock-debugger.c reaches into and no header of QEMU has; what it does
 * there stock.h says.
 */
#ifndef QEMU_DEVICE_STOCK_DEBUGGER_H
#define QEMU_DEVICE_STOCK_DEBUGGER_H

#include "chardev/char-fe.h"

/*
 * QEMU's: the server's connection to gdb. There it is of a type that no header
 * has and that begins with this one.
 */
extern CharBackend gdbserver_system_state;

#endif /* QEMU_DEVICE_STOCK_DEBUGGER_H */
