/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mode=static: pins and claims for the life of the virtual machine. See
 * static.h. What the device tree says is in static-fdt.c.
 */
#include "qemu/osdep.h"
#include "exec/address-spaces.h"
#include "hw/boards.h"
#include "hw/core/cpu.h"
#include "hw/qdev-core.h"

#include "backing.h"
#include "clients.h"
#include "drain.h"
#include "static.h"
#include "static-fdt.h"
#include "turn.h"

static bool is_static(const VirtIOCMA *s)
{
    return s->config.mode == VIRTIO_CMA_MODE_STATIC;
}

/* Where the memdev lies if it is a part of the machine's RAM. */
static bool ram_base(VirtIOCMA *s, uint64_t *base_gpa)
{
    MachineState *ms = MACHINE(qdev_get_machine());
    MemoryRegion *mr = &s->opts.memdev->mr;
    bool is_ram = false;

    for (*base_gpa = 0; mr->container; mr = mr->container) {
        is_ram |= mr == ms->ram;
        *base_gpa += mr->addr;
    }
    return is_ram && mr == get_system_memory();
}

bool hvcma_static_is_ram(VirtIOCMA *s)
{
    uint64_t base_gpa;

    return is_static(s) && s->opts.memdev && ram_base(s, &base_gpa);
}

uint64_t hvcma_static_ram_base(VirtIOCMA *s)
{
    uint64_t base_gpa;

    ram_base(s, &base_gpa);
    return base_gpa;
}

/* riscv has a machine type of that name, too. */
static bool is_arm_virt(void)
{
    return object_dynamic_cast(qdev_get_machine(),
                               MACHINE_TYPE_NAME("virt")) &&
           (!strcmp(target_name(), "aarch64") || !strcmp(target_name(), "arm"));
}

bool hvcma_static_check(VirtIOCMA *s, Error **errp)
{
    const char *region = s->opts.name;

    if (!is_static(s)) {
        if (s->opts.pool_bytes) {
            error_setg(errp, "virtio-cma '%s': pool=%" PRIu64 " is of "
                       "mode=static, not of mode=%s", region,
                       s->opts.pool_bytes, s->opts.mode ?: "private");
        }
        return !s->opts.pool_bytes;
    }
    if (!s->opts.unsafe_noiommu) {
        error_setg(errp, "virtio-cma '%s': mode=static tells devices "
                   "host-physical addresses and so needs unsafe-noiommu=on",
                   region);
        return false;
    }
    if (s->opts.discard || s->opts.pin_limit_bytes || s->config.nr_resvs) {
        error_setg(errp, "virtio-cma '%s': mode=static pins all of the region "
                   "for good: %s contradicts it", region,
                   s->opts.discard ? "discard=on" :
                   s->opts.pin_limit_bytes ? "pin-limit=" : "a reservation");
        return false;
    }
    if (!is_arm_virt()) {
        error_setg(errp, "virtio-cma '%s': mode=static describes the region in "
                   "the guest's device tree, but machine '%s' has none that "
                   "can be added to (supported: virt of Arm)", region,
                   MACHINE_GET_CLASS(qdev_get_machine())->name);
        return false;
    }
    return true;
}

bool hvcma_static_pins(VirtIOCMA *s)
{
    return s->static_pins;
}

/* ---- what a guest driver would ask for ---- */

static void claim(VirtIOCMA *s, uint32_t client)
{
    struct virtio_cma_claim_resp resp;
    uint32_t status, reason;

    /* The host bridge of machine "virt" is dma-coherent. */
    hvcma_clients_claim_now(s, client, VIRTIO_CMA_COHERENT_YES, &resp);
    status = le32_to_cpu(resp.hdr.status);
    reason = VIRTIO_CMA_REFUSED_REASON(le64_to_cpu(resp.hdr.detail));
    if (status != VIRTIO_CMA_S_OK) {
        warn_report("virtio-cma '%s': client '%s' can't be used by the guest: "
                    "%s", s->config.name, hvcma_clients_id(s->clients, client),
                    status == VIRTIO_CMA_S_REFUSED &&
                    reason != VIRTIO_CMA_REASON_NONE ?
                    hvcma_attr_reason_text(reason) : hvcma_status_text(status));
    }
}

/* One block per extent: reports show who has the memory, and why. */
static void allocate_all(VirtIOCMA *s)
{
    uint64_t from = 0, first, nr, dma;
    enum virtio_cma_status status;

    while (hvcma_engine_next_extent(s->engine, from, &first, &nr, &dma)) {
        status = hvcma_engine_restore_block(s->engine, first, nr,
                                            VIRTIO_CMA_CLIENT_SHARED,
                                            VIRTIO_CMA_PURPOSE_OTHER);
        if (status) {
            warn_report("virtio-cma '%s': block of %" PRIu64 " granules from %"
                        PRIu64 ": %s", s->config.name, nr, first,
                        hvcma_status_text(status));
        }
        from = first + nr;
    }
}

void hvcma_static_client_added(VirtIOCMA *s, uint32_t client)
{
    /* Those of the command line wait for the reset that starts the machine. */
    if (s->static_pins && phase_check(PHASE_MACHINE_READY)) {
        claim(s, client);
    }
}

/*
 * Reset of the machine, not of the device alone: gates are closed, devices
 * reset, and what starts after it finds them open. If a client is not quiesced,
 * everything stays as it is, which was reported.
 */
static void start_again(VirtIOCMA *s)
{
    uint32_t i;

    if (!s->engine || !hvcma_static_fdt_is_written() ||
        hvcma_engine_reset(s->engine)) {
        return;
    }
    hvcma_drain_finish(s);    /* its pins stay: that is quick */
    allocate_all(s);
    for (i = 0; i < s->config.nr_clients; i++) {
        if (hvcma_engine_client_state(s->engine, i) ==
            VIRTIO_CMA_CLIENT_PRESENT) {
            claim(s, i);
        }
    }
}

void hvcma_static_machine_reset(VirtIOCMA *s)
{
    if (s->static_pins) {
        hvcma_turn_run(s, start_again);
    }
}

/* ---- life ---- */

bool hvcma_static_realize(VirtIOCMA *s, Error **errp)
{
    uint64_t nr = s->config.region_bytes / s->config.granule_bytes;
    enum virtio_cma_status status;

    if (!is_static(s)) {
        return true;
    }
    if (phase_check(PHASE_MACHINE_READY)) {
        error_setg(errp, "virtio-cma '%s': mode=static must be there when the "
                   "machine starts: a device tree can't change later",
                   s->config.name);
        return false;
    }
    status = hvcma_backing_back(s->backing, 0, nr) ?:
             hvcma_backing_pin(s->backing, 0, nr) ?:
             hvcma_engine_refresh(s->engine);
    if (status) {
        error_setg(errp, "virtio-cma '%s': mode=static can't pin its %" PRIu64
                   " bytes: %s", s->config.name, s->config.region_bytes,
                   hvcma_status_text(status));
        return false;
    }
    s->static_pins = true;
    hvcma_static_fdt_add(s);
    return true;
}

void hvcma_static_unrealize(VirtIOCMA *s)
{
    if (s->static_pins) {
        hvcma_static_fdt_remove(s);
        s->static_pins = false;
    }
}
