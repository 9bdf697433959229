/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory that debuggers must leave alone: replaces the CPU classes' translation
 * of addresses, and looks at what the server for gdb reads. Page tables are
 * walked as ever. See stock.h.
 *
 * The physical memory mode (maintenance packet Qqemu.PhyMemMode) reads past
 * every check, so it can't be had while the guard is active.
 */
#include "qemu/osdep.h"
#include "exec/hwaddr.h"
#include "gdbstub/internals.h"
#include "hw/core/cpu.h"
#include "hw/core/sysemu-cpu-ops.h"
#include "qemu/main-loop.h"

#include "stock.h"
#include "stock-debugger.h"

static const CPUDebugMemoryGuard *guard;

/* ---- accesses by virtual address ---- */

/* A CPU class' operations, with a translation of ours among them. */
typedef struct GuardedOps {
    SysemuCPUOps ops;
    const SysemuCPUOps *original;
} GuardedOps;

/*
 * Every debugging access, software breakpoints that an accelerator writes by
 * itself included, translates here, page by page and right before it touches
 * memory, with registers fetched from KVM by then. Memory that is guarded is
 * shown as not mapped.
 */
static hwaddr guarded_translation(CPUState *cpu, vaddr addr, MemTxAttrs *attrs)
{
    const SysemuCPUOps *ops = container_of(cpu->cc->sysemu_ops, GuardedOps,
                                           ops)->original;
    hwaddr gpa;

    if (ops->get_phys_page_attrs_debug) {
        gpa = ops->get_phys_page_attrs_debug(cpu, addr, attrs);
    } else {
        *attrs = MEMTXATTRS_UNSPECIFIED;
        gpa = ops->get_phys_page_debug(cpu, addr);
    }
    if (gpa != (hwaddr)-1 && guard->is_active() && guard->covers(gpa)) {
        return -1;
    }
    return gpa;
}

static void guard_translation(CPUClass *cc)
{
    GuardedOps *guarded;

    if (!cc->sysemu_ops ||
        cc->sysemu_ops->get_phys_page_attrs_debug == guarded_translation) {
        return;
    }
    guarded = g_new0(GuardedOps, 1);    /* as the class, it stays */
    guarded->ops = *cc->sysemu_ops;
    guarded->ops.get_phys_page_attrs_debug = guarded_translation;
    guarded->original = cc->sysemu_ops;
    cc->sysemu_ops = &guarded->ops;
}

static bool asked;      /* debug_access() was called */

/*
 * gdb_has_phy_memory_mode() asks for no bytes in the middle of a CLAIM. Even
 * for those cpu_memory_rw_debug() would fetch registers from KVM, and let go of
 * the big lock while the guest runs: another processor could reset the device.
 */
static int debug_access(CPUState *cpu, vaddr addr, uint8_t *buf, size_t len,
                        bool is_write)
{
    asked = true;
    return len ? cpu_memory_rw_debug(cpu, addr, buf, len, is_write) : 0;
}

static void guard_accesses(void)
{
    GSList *classes = object_class_get_list(TYPE_CPU, false), *l;

    for (l = classes; l; l = l->next) {
        CPUClass *cc = CPU_CLASS(l->data);

        guard_translation(cc);
        if (!cc->memory_rw_debug) {
            cc->memory_rw_debug = debug_access;
        }
    }
    g_slist_free(classes);
}

/* ---- the physical memory mode ---- */

static IOReadHandler *server_reads;

/*
 * The server acts on a packet at the second digit of its checksum. Without its
 * argument it refuses this one.
 */
static void judge_packet(void)
{
    static const char mode[] = "Qqemu.PhyMemMode:";
    char *packet = gdbserver_state.line_buf;

    if (gdbserver_state.state == RS_CHKSUM2 && guard->is_active() &&
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

void cpu_set_debug_memory_guard(const CPUDebugMemoryGuard *g)
{
    guard = g;
    guard_accesses();
    guard_packets();
}

/* The server does not say; but in that mode it asks no CPU. */
bool gdb_has_phy_memory_mode(void)
{
    uint8_t none[1];

    asked = false;
    gdb_target_memory_rw_debug(first_cpu, 0, none, 0, false);
    return !asked;
}
