/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trace events in a QEMU that was built without them: "-d trace:..." knows only
 * those that were compiled into it. So a property switches them on, trace=on,
 * and they are printed through info_report() (stderr, or the monitor that
 * caused it). trace-events has what there is.
 *
 * All functions need the big QEMU lock.
 */
#ifndef QEMU_DEVICE_STOCK_TRACE_H
#define QEMU_DEVICE_STOCK_TRACE_H

/** hvcma_trace_start() - from now on print what @who (copied) tells of. */
void hvcma_trace_start(const char *who);

/** hvcma_trace_stop() - as often as it was started. */
void hvcma_trace_stop(const char *who);

bool hvcma_trace_is_on(const char *who);

#endif /* QEMU_DEVICE_STOCK_TRACE_H */
