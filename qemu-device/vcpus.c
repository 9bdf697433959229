/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs stand still, see vcpus.h.
 *
 * Not by pause_all_vcpus(): called by a vCPU, it says that this one stands
 * still, and whoever stops the VM meanwhile, and lets it go on, has it wait for
 * ever.
 */
#include "qemu/osdep.h"
#include "hw/core/cpu.h"
#include "qemu/accel.h"
#include "qemu/main-loop.h"
#include "system/runstate.h"

#include "vcpus.h"

#define WAIT_MAX_US G_USEC_PER_SEC
#define WAIT_STEP_US 20

static bool is_translated(void)
{
    return object_dynamic_cast(OBJECT(current_accel()), "tcg-accel");
}

static unsigned int nr_holds;
static bool asked;              /* any, since the first of the holds */
static GSList *inside;          /* vCPUs between stop and start themselves */

/*
 * True if they all do. One that is inside executes nothing, and is asked when
 * it has come out: two that wait for each other would never end.
 */
static bool ask_to_stop(void)
{
    CPUState *cpu;
    bool stopped = true;

    CPU_FOREACH(cpu) {
        if (!cpu->stopped && !qemu_cpu_is_self(cpu) &&
            !g_slist_find(inside, cpu)) {
            cpu->stop = true;
            qemu_cpu_kick(cpu);
            stopped = false;
        }
    }
    asked |= !stopped;
    return stopped;
}

void hvcma_vcpus_stop(void)
{
    int64_t end_us = g_get_monotonic_time() + WAIT_MAX_US;

    if (!is_translated()) {
        return;
    }
    nr_holds++;
    if (current_cpu) {
        inside = g_slist_prepend(inside, current_cpu);
    }
    while (!ask_to_stop() && g_get_monotonic_time() < end_us) {
        bql_unlock();
        g_usleep(WAIT_STEP_US);
        bql_lock();
    }
}

void hvcma_vcpus_start(void)
{
    bool resume;
    CPUState *cpu;

    if (!is_translated()) {
        return;
    }
    if (current_cpu) {
        inside = g_slist_remove(inside, current_cpu);
    }
    if (--nr_holds) {
        return;
    }
    /* Whoever else wants ours to stop wants all to, and waits for them. */
    resume = asked && runstate_is_running() &&
             !(current_cpu && current_cpu->stop);
    asked = false;
    if (!resume) {
        return;
    }
    CPU_FOREACH(cpu) {
        if (!qemu_cpu_is_self(cpu)) {
            cpu_resume(cpu);
        }
    }
}
