/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's server for gdb keeps off memory that is handed over. See debugger.h.
 */
#include "qemu/osdep.h"
#include "exec/hwaddr.h"
#include "gdbstub/internals.h"
#include "hw/core/cpu.h"

#include "alias.h"
#include "debugger.h"

/* ---- accesses by virtual address ---- */

#define DEBUG_PAGE_BYTES 4096ull    /* no target has smaller ones */

static bool asked;      /* debug_access() was called */

static int debug_access(CPUState *cpu, vaddr addr, uint8_t *buf, size_t len,
                        bool is_write)
{
    vaddr page = QEMU_ALIGN_DOWN(addr, DEBUG_PAGE_BYTES);
    size_t nr_pages = DIV_ROUND_UP(addr - page + len, DEBUG_PAGE_BYTES), i;
    MemTxAttrs attrs;
    hwaddr gpa;

    asked = true;
    for (i = 0; i < nr_pages && hvcma_alias_is_kept_off(); i++) {
        gpa = cpu_get_phys_page_attrs_debug(cpu, page + i * DEBUG_PAGE_BYTES,
                                            &attrs);
        if (gpa != (hwaddr)-1 && hvcma_alias_is_handed(gpa)) {
            return -1;
        }
    }
    return cpu_memory_rw_debug(cpu, addr, buf, len, is_write);
}

static void guard_accesses(void)
{
    GSList *classes = object_class_get_list(TYPE_CPU, false), *l;

    for (l = classes; l; l = l->next) {
        CPUClass *cc = CPU_CLASS(l->data);

        if (!cc->memory_rw_debug) {
            cc->memory_rw_debug = debug_access;
        }
    }
    g_slist_free(classes);
}

/* ---- the physical memory mode ---- */

/* The server does not say; but in that mode it asks no CPU. */
static bool is_physical(void)
{
    uint8_t none[1];

    asked = false;
    gdb_target_memory_rw_debug(first_cpu, 0, none, 0, false);
    return !asked;
}

static IOReadHandler *server_reads;

/*
 * The server acts on a packet at the second digit of its checksum. Without its
 * argument it refuses this one.
 */
static void judge_packet(void)
{
    static const char mode[] = "Qqemu.PhyMemMode:";
    char *packet = gdbserver_state.line_buf;

    if (gdbserver_state.state == RS_CHKSUM2 && hvcma_alias_is_kept_off() &&
        g_str_has_prefix(packet, mode) &&
        !g_str_equal(packet + strlen(mode), "0")) {
        packet[strlen(mode)] = 0;
    }
}

static void guarded_read(void *opaque, const uint8_t *buf, int len)
{
    for (; len > 0; buf++, len--) {
        judge_packet();
        server_reads(opaque, buf, 1);
    }
}

static void guard_packets(void)
{
    CharBackend *be = &gdbserver_system_state;

    if (be->opaque == &gdbserver_state && be->chr_read &&
        be->chr_read != guarded_read) {
        server_reads = be->chr_read;
        be->chr_read = guarded_read;
    }
}

bool hvcma_debugger_guard(Error **errp)
{
    guard_accesses();
    guard_packets();
    if (is_physical()) {
        error_setg(errp, "the debugger's physical memory mode is on (in gdb, "
                   "'maint packet Qqemu.PhyMemMode:0' ends it)");
        return false;
    }
    return true;
}
