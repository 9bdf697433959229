/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-cma: life of the device and its reset.
 *
 * Takes the host side's parts (backing, engine, clients, queues) up and down in
 * the right order. Knows no request: requests.c does.
 */
#include "qemu/osdep.h"
#include "hw/qdev-properties.h"
#include "hw/resettable.h"
#include "migration/vmstate.h"
#include "qemu/memalign.h"
#include "qemu/module.h"
#include "qemu/units.h"
#include "standard-headers/linux/virtio_ids.h"
#include "system/reset.h"
#include "system/system.h"

#include "alias.h"
#include "attr.h"
#include "backing.h"
#include "clients.h"
#include "gate.h"
#include "discard.h"
#include "drain.h"
#include "pinned.h"
#include "ram.h"
#include "requests.h"
#include "static.h"
#include "surrender.h"
#include "surrender-offer.h"
#include "test-hooks.h"
#include "trace.h"
#include "turn.h"
#include "virtio-cma.h"
#include "client-windows.h"

/*
 * Backing is slow, mostly by the zeroing of pages, and so are pins, by their
 * number: so much in one go, a granule at least.
 */
#define RUN_MAX_BACK_BYTES (32 * MiB)
#define RUN_MAX_PIN_BYTES (64 * MiB)
#define RUN_MAX_PIN_GRANULES 1024

#define ENGINE_ALIGN_BYTES 64

const char *hvcma_device_id(VirtIOCMA *s)
{
    Object *proxy = object_dynamic_cast(OBJECT(s)->parent, TYPE_DEVICE);

    return DEVICE(s)->id ?: (proxy ? DEVICE(proxy)->id : NULL);
}

/* ---- the host side of the engine ---- */

static bool op_prepare(void *opaque, uint64_t first, uint64_t nr)
{
    VirtIOCMA *s = opaque;

    return s->config.mode != VIRTIO_CMA_MODE_PRIVATE ||
           hvcma_backing_prepare(s->backing, first, nr);
}

static enum virtio_cma_status op_back(void *opaque, uint64_t first,
                                      uint64_t nr)
{
    return hvcma_backing_back(((VirtIOCMA *)opaque)->backing, first, nr);
}

static enum virtio_cma_status op_pin(void *opaque, uint64_t first, uint64_t nr)
{
    VirtIOCMA *s = opaque;

    return hvcma_static_pins(s) ? VIRTIO_CMA_S_OK :
                                  hvcma_backing_pin(s->backing, first, nr);
}

static void op_surrender(void *opaque, uint64_t first, uint64_t nr)
{
    hvcma_backing_surrender(((VirtIOCMA *)opaque)->backing, first, nr);
}

static void op_unpin(void *opaque, uint64_t first, uint64_t nr)
{
    VirtIOCMA *s = opaque;

    if (!hvcma_static_pins(s)) {
        hvcma_backing_unpin(s->backing, first, nr);
    }
}

static enum virtio_cma_status op_dma_addr(void *opaque, uint64_t first,
                                          uint64_t nr, uint64_t *dma)
{
    return hvcma_backing_dma_addr(((VirtIOCMA *)opaque)->backing, first, nr,
                                  dma);
}

static enum virtio_cma_status op_claim(void *opaque, uint32_t client)
{
    return hvcma_clients_claim(((VirtIOCMA *)opaque)->clients, client);
}

static enum virtio_cma_status op_quiesce(void *opaque, uint32_t client)
{
    return hvcma_clients_quiesce(((VirtIOCMA *)opaque)->clients, client);
}

static void op_maintain(void *opaque, uint64_t first, uint64_t nr)
{
    hvcma_alias_maintain(opaque, first, nr);
}

static enum virtio_cma_status op_keep_off(void *opaque, bool on)
{
    return hvcma_alias_keep_off(opaque, on);
}

static void op_trace(void *opaque, const char *event, uint64_t a, uint64_t b,
                     uint64_t c)
{
    VirtIOCMA *s = opaque;

    trace_virtio_cma_engine(s->config.name, event, a, b, c);
}

static const struct hvcma_engine_ops engine_ops = {
    .prepare = op_prepare,
    .back = op_back,
    .surrender = op_surrender,
    .pin = op_pin,
    .unpin = op_unpin,
    .dma_addr = op_dma_addr,
    .claim = op_claim,
    .quiesce = op_quiesce,
    .maintain = op_maintain,
    .keep_off = op_keep_off,
    .trace = op_trace,
};

static bool engine_start(VirtIOCMA *s, Error **errp)
{
    const char *reason = hvcma_engine_check_config(&s->config);
    size_t bytes;
    enum virtio_cma_status status;

    s->config.back_max_granules = MAX(1, RUN_MAX_BACK_BYTES /
                                         s->config.granule_bytes);
    s->config.pin_max_granules = MIN(RUN_MAX_PIN_GRANULES,
                                     MAX(1, RUN_MAX_PIN_BYTES /
                                            s->config.granule_bytes));
    if (hvcma_test_step(s)) {
        s->config.back_max_granules = hvcma_test_step(s);
        s->config.pin_max_granules = hvcma_test_step(s);
    }
    if (reason) {
        error_setg(errp, "virtio-cma '%s': %s (base 0x%" PRIx64 ", size %"
                   PRIu64 ", granule %" PRIu64 ")", s->config.name, reason,
                   s->config.region_base_gpa, s->config.region_bytes,
                   s->config.granule_bytes);
        return false;
    }
    bytes = ROUND_UP(hvcma_engine_buffer_bytes(&s->config),
                     ENGINE_ALIGN_BYTES);
    s->engine_buf = qemu_try_memalign(ENGINE_ALIGN_BYTES, bytes);
    if (!s->engine_buf) {
        error_setg(errp, "virtio-cma '%s': no memory for the state of %" PRIu64
                   " granules (%zu bytes)", s->config.name,
                   s->config.region_bytes / s->config.granule_bytes, bytes);
        return false;
    }
    memset(s->engine_buf, 0, bytes);
    status = hvcma_engine_init(s->engine_buf, bytes, &s->config, &engine_ops, s,
                               &s->engine);
    if (status) {
        error_setg(errp, "virtio-cma '%s': can't learn the addresses of its "
                   "granules: %s", s->config.name, hvcma_status_text(status));
        qemu_vfree(s->engine_buf);
        return false;
    }
    return true;
}

/* ---- virtio device ---- */

/*
 * What is live in it changes with requests; a driver that reads in pieces
 * learns from the generation that they do not fit together. It goes up when a
 * change is first shown, and without an interrupt, for nobody waits for such a
 * change.
 */
static void virtio_cma_get_config(VirtIODevice *vdev, uint8_t *config)
{
    VirtIOCMA *s = VIRTIO_CMA(vdev);
    struct virtio_cma_config now;

    hvcma_engine_get_config(s->engine, &now);
    if (memcmp(config, &now, sizeof(now))) {
        vdev->generation++;
        memcpy(config, &now, sizeof(now));
    }
}

#define ALL_FEATURES MAKE_64BIT_MASK(0, VIRTIO_CMA_NR_FEATURES)

/*
 * What the user did not switch off and the region has a use for: for
 * mode=static there is no driver at all.
 */
static uint64_t virtio_cma_get_features(VirtIODevice *vdev, uint64_t features,
                                        Error **errp)
{
    VirtIOCMA *s = VIRTIO_CMA(vdev);

    if (s->config.mode == VIRTIO_CMA_MODE_STATIC ||
        !(s->opts.features & BIT_ULL(VIRTIO_CMA_F_VERSION_1))) {
        return features;
    }
    if (s->config.mode == VIRTIO_CMA_MODE_REUSABLE) {
        features |= BIT_ULL(VIRTIO_CMA_F_REUSABLE);
    }
    if (hvcma_pinned_is_all(s)) {
        features |= BIT_ULL(VIRTIO_CMA_F_PINNED);
    }
    if (s->config.mode == VIRTIO_CMA_MODE_RAM) {
        features |= BIT_ULL(VIRTIO_CMA_F_RAM);
    }
    if (s->opts.surrender) {
        features |= BIT_ULL(VIRTIO_CMA_F_SURRENDER);
    }
    return features | s->opts.features;
}

/* At each write of the driver's, with 0 at a reset, and after a migration. */
static void virtio_cma_set_features(VirtIODevice *vdev, uint64_t features)
{
    VirtIOCMA *s = VIRTIO_CMA(vdev);

    if (s->engine) {
        hvcma_engine_set_features(s->engine, features);
    }
}

/* At FEATURES_OK. */
static int virtio_cma_validate_features(VirtIODevice *vdev)
{
    VirtIOCMA *s = VIRTIO_CMA(vdev);
    uint64_t features = vdev->guest_features & ALL_FEATURES;

    /* To a driver that does not know of it the region is not what it seems. */
    if (s->config.mode == VIRTIO_CMA_MODE_RAM &&
        !(features & BIT_ULL(VIRTIO_CMA_F_RAM))) {
        trace_virtio_cma_features_refused(s->config.name, features,
                                          "don't fit mode=ram");
        return -EINVAL;
    }
    if (!features) {
        return 0;               /* the legacy interface */
    }
    if (!(features & BIT_ULL(VIRTIO_CMA_F_VERSION_1))) {
        trace_virtio_cma_features_refused(s->config.name, features,
                                          "without version 1");
        return -EINVAL;
    }
    if (features & BIT_ULL(VIRTIO_CMA_F_RAM) &&
        !(features & BIT_ULL(VIRTIO_CMA_F_PINNED))) {
        trace_virtio_cma_features_refused(s->config.name, features,
                                          "without pinned");
        return -EINVAL;
    }
    /* The user wants the guest to have the memory, or nobody. */
    if (s->config.mode == VIRTIO_CMA_MODE_REUSABLE &&
        !(s->config.flags & VIRTIO_CMA_FLAG_AUTO) &&
        !(features & BIT_ULL(VIRTIO_CMA_F_REUSABLE))) {
        trace_virtio_cma_features_refused(s->config.name, features,
                                          "don't fit mode=reusable");
        return -EINVAL;
    }
    return 0;
}

static void virtio_cma_set_status(VirtIODevice *vdev, uint8_t status)
{
    VirtIOCMA *s = VIRTIO_CMA(vdev);

    /* Also called when the VM continues: take up what may have been left. */
    if (status & VIRTIO_CONFIG_S_DRIVER_OK && vdev->vm_running) {
        hvcma_requests_resume(s);
    }
    hvcma_offer_update(s, status & VIRTIO_CONFIG_S_DRIVER_OK &&
                       vdev->vm_running);
#if HVCMA_QEMU >= 1001
    return 0;
#endif
}

/*
 * Guest or system reset. The engine closes the gates (bus master off, device
 * reset) before it unpins, here and in further turns (drain.h); a client that
 * is not quiesced keeps all memory pinned, which was reported by then.
 *
 * Static regions are in use without a driver of this device: the guest's virtio
 * code resets what it finds no driver for, and that must disturb nobody. Nor
 * must the resets on the way into and out of a guest's suspend.
 */
static void reset_engine(VirtIOCMA *s)
{
    if (s->engine && !hvcma_static_pins(s) &&
        !hvcma_engine_is_suspended(s->engine)) {
        hvcma_engine_reset(s->engine);
        hvcma_eject_check(s);
    }
}

static void virtio_cma_reset(VirtIODevice *vdev)
{
    VirtIOCMA *s = VIRTIO_CMA(vdev);

    hvcma_requests_forget(s);
    hvcma_turn_run(s, reset_engine);
}

static void virtio_cma_queue_reset(VirtIODevice *vdev, uint32_t index)
{
    hvcma_requests_forget_queue(VIRTIO_CMA(vdev), index);
}

static QTAILQ_HEAD(, VirtIOCMA) realized = QTAILQ_HEAD_INITIALIZER(realized);

/*
 * Reset of the machine, for all regions, and for ever: it ejects what waits to
 * be unplugged, and QEMU asserts that nobody who is told of it goes meanwhile.
 * When the machine wakes up (S3), its devices are reset, and the guest goes on.
 */
#define TYPE_MACHINE_RESET TYPE_VIRTIO_CMA "-machine-reset"
OBJECT_DECLARE_SIMPLE_TYPE(MachineReset, MACHINE_RESET)

struct MachineReset {
    Object parent_obj;

    ResettableState state;
};

static ResettableState *machine_reset_state(Object *obj)
{
    return &MACHINE_RESET(obj)->state;
}

/* Before any device is reset: no guest is left that could resume. */
static void machine_reset_enter(Object *obj, ResetType type)
{
    VirtIOCMA *s;

    if (type == RESET_TYPE_WAKEUP) {
        return;
    }
    QTAILQ_FOREACH(s, &realized, next_realized) {
        if (hvcma_engine_is_suspended(s->engine)) {
            hvcma_engine_set_suspended(s->engine, false);
        }
    }
}

/* Nor one that could have online memory. */
static void machine_reset_hold(Object *obj, ResetType type)
{
    VirtIOCMA *s;

    if (type == RESET_TYPE_WAKEUP) {
        return;
    }
    QTAILQ_FOREACH(s, &realized, next_realized) {
        hvcma_engine_forget_orphaned(s->engine);
        if (s->opts.surrender) {
            hvcma_engine_reclaim_all(s->engine);
        }
        hvcma_static_machine_reset(s);
    }
}

static void machine_reset_class_init(ObjectClass *klass, void *data)
{
    ResettableClass *rc = RESETTABLE_CLASS(klass);

    rc->get_state = machine_reset_state;
    rc->phases.enter = machine_reset_enter;
    rc->phases.hold = machine_reset_hold;
}

static void register_machine_reset_once(void)
{
    static bool registered;

    if (!registered) {
        registered = true;
        qemu_register_resettable(object_new(TYPE_MACHINE_RESET));
    }
}

/*
 * Orderly end of QEMU: as a reset, to the last pin, then there is no need of a
 * keeper. If a client is not quiesced the keeper outlives us with the pins.
 */
static void virtio_cma_exit(Notifier *notifier, void *data)
{
    VirtIOCMA *s = container_of(notifier, VirtIOCMA, exit_notifier);

    hvcma_turn_begin(s);
    hvcma_gate_emulation_ended();
    if (!hvcma_engine_fini(s->engine)) {
        hvcma_drain_stop(s);
        hvcma_backing_free(s->backing);
    }
    hvcma_turn_end(s);
}

/*
 * Returns false if a client could not be quiesced: its memory, pins included,
 * is then never released.
 */
static bool engine_stop(VirtIOCMA *s)
{
    bool quiesced = !hvcma_engine_fini(s->engine);

    if (quiesced) {
        qemu_vfree(s->engine_buf);
        hvcma_backing_free(s->backing);
    } else {
        hvcma_alias_forget(s);
        object_ref(OBJECT(s->opts.memdev));
        error_report("virtio-cma '%s': a client is not quiesced: the region's "
                     "memory is never released", s->config.name);
    }
    s->engine = NULL;
    s->backing = NULL;
    return quiesced;
}

void virtio_cma_realize(DeviceState *dev, Error **errp)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(dev);
    VirtIOCMA *s = VIRTIO_CMA(dev);

    s->transport = OBJECT(qdev_get_parent_bus(dev)->parent);
    if (!hvcma_options_check(s, errp) ||
        !hvcma_memory_device_check(s, errp)) {
        return;
    }
    if (hvcma_static_is_ram(s)) {
        s->opts.memaddr = hvcma_static_ram_base(s);
    } else if (s->config.mode == VIRTIO_CMA_MODE_RAM) {
        s->opts.memaddr = s->ranges[0].base_gpa;
    }
    s->config.region_base_gpa = s->opts.memaddr;

    s->clients = hvcma_clients_new(s, errp);
    if (!s->clients) {
        return;
    }
#ifdef HVCMA_STOCK_QEMU
    if (s->opts.trace) {
        hvcma_trace_start(s->config.name);
    }
#endif
    s->config.nr_clients = hvcma_clients_nr(s->clients);
    if (!hvcma_attr_check_clients(s, errp) ||
        !hvcma_client_windows_check_clients(s, errp)) {
        goto fail_clients;
    }
    if (!hvcma_ram_realize(s, errp)) {
        goto fail_clients;
    }
    if (!hvcma_discard_init(s, errp)) {
        goto fail_ram;
    }
    hvcma_surrender_init(s);
    s->backing = hvcma_backing_new(s, errp);
    if (!s->backing) {
        goto fail_discard;
    }
    if (!engine_start(s, errp)) {
        goto fail_backing;
    }
    hvcma_drain_start(s);
    if (!hvcma_pinned_realize(s, errp)) {
        goto fail_engine;
    }
    if (!hvcma_migration_init(s, errp)) {
        goto fail_pinned;
    }
    if (!hvcma_static_realize(s, errp) || !hvcma_clients_register(s, errp)) {
        goto fail_static;
    }

    if (!hvcma_is_machine_ram(s)) {
        host_memory_backend_set_mapped(s->opts.memdev, true);
        vmstate_register_ram(&s->opts.memdev->mr, dev);
    }
#ifdef HVCMA_STOCK_QEMU
    /*
     * virtio_init() has names for the ids it knows only and asserts on others;
     * it uses the id for nothing else.
     */
    virtio_init(vdev, VIRTIO_ID_PMEM, sizeof(struct virtio_cma_config));
    vdev->device_id = VIRTIO_ID_CMA;
    vdev->name = TYPE_VIRTIO_CMA;
#else
    virtio_init(vdev, VIRTIO_ID_CMA, sizeof(struct virtio_cma_config));
#endif
    hvcma_requests_start(s);
    s->exit_notifier.notify = virtio_cma_exit;
    qemu_add_exit_notifier(&s->exit_notifier);
    QTAILQ_INSERT_TAIL(&realized, s, next_realized);
    register_machine_reset_once();
    return;

fail_static:
    hvcma_static_unrealize(s);
    hvcma_migration_cleanup(s);
fail_pinned:
    hvcma_pinned_unrealize(s);
fail_engine:
    hvcma_drain_stop(s);
    engine_stop(s);
    goto fail_discard;
fail_backing:
    hvcma_backing_free(s->backing);
    s->backing = NULL;
fail_discard:
    hvcma_surrender_cleanup(s);
    hvcma_discard_cleanup(s);
fail_ram:
    hvcma_ram_unrealize(s);
fail_clients:
    hvcma_clients_free(s->clients);
    s->clients = NULL;
#ifdef HVCMA_STOCK_QEMU
    if (s->opts.trace) {
        hvcma_trace_stop(s->config.name);
    }
#endif
}

/* Nothing is pinned any more, or never will be let go. */
static void leave_at_last(VirtIOCMA *s)
{
    qemu_remove_exit_notifier(&s->exit_notifier);
    hvcma_drain_stop(s);
    if (engine_stop(s) && hvcma_surrender_restore(s) &&
        !hvcma_is_machine_ram(s)) {
        host_memory_backend_set_mapped(s->opts.memdev, false);
    }
    hvcma_surrender_cleanup(s);
    hvcma_discard_cleanup(s);
    hvcma_ram_unrealize(s);
    hvcma_static_unrealize(s);
    hvcma_clients_free(s->clients);
    s->clients = NULL;
    hvcma_requests_free(s);
#ifdef HVCMA_STOCK_QEMU
    if (s->opts.trace) {
        hvcma_trace_stop(s->config.name);
    }
#endif
}

/* What is left when the queues are gone. */
static void leave_host(VirtIOCMA *s)
{
    hvcma_clients_unregister(s);
    hvcma_migration_cleanup(s);
    hvcma_pinned_unrealize(s);
    hvcma_engine_reset(s->engine);
    hvcma_drain_then(s, leave_at_last);
}

void virtio_cma_unrealize(DeviceState *dev)
{
    VirtIOCMA *s = VIRTIO_CMA(dev);

    QTAILQ_REMOVE(&realized, s, next_realized);
    hvcma_offer_stop(s);
    hvcma_eject_stop(s);
    hvcma_requests_stop(s);
    virtio_cleanup(VIRTIO_DEVICE(dev));
    if (!hvcma_is_machine_ram(s)) {
        vmstate_unregister_ram(&s->opts.memdev->mr, dev);
    }
    hvcma_turn_run(s, leave_host);
}

static const Property virtio_cma_properties[] = {
    DEFINE_PROP_LINK("memdev", VirtIOCMA, opts.memdev, TYPE_MEMORY_BACKEND,
                     HostMemoryBackend *),
    DEFINE_PROP_UINT64("memaddr", VirtIOCMA, opts.memaddr, 0),
    DEFINE_PROP_SIZE("align", VirtIOCMA, opts.align_bytes, 0),
    DEFINE_PROP_STRING("name", VirtIOCMA, opts.name),
    DEFINE_PROP_STRING("mode", VirtIOCMA, opts.mode),
    DEFINE_PROP_STRING("pin", VirtIOCMA, opts.pin),
    DEFINE_PROP_STRING("clients", VirtIOCMA, opts.clients),
    DEFINE_PROP_STRING("regions", VirtIOCMA, opts.regions),
    DEFINE_PROP_UINT32("spare-clients", VirtIOCMA, opts.spare_clients, 16),
    DEFINE_PROP_STRING("policy", VirtIOCMA, opts.policy),
    DEFINE_PROP_STRING("attr", VirtIOCMA, opts.attr),
    DEFINE_PROP_STRING("stage2", VirtIOCMA, opts.stage2),
    DEFINE_PROP_STRING("coherent", VirtIOCMA, opts.coherent),
    DEFINE_PROP_STRING("dma-windows", VirtIOCMA, opts.dma_window),
    DEFINE_PROP_BOOL("default", VirtIOCMA, opts.is_default, false),
    DEFINE_PROP_SIZE("pin-limit", VirtIOCMA, opts.pin_limit_bytes, 0),
    DEFINE_PROP_SIZE("low", VirtIOCMA, opts.low_bytes, 0),
    DEFINE_PROP_STRING("contiguous", VirtIOCMA, opts.contiguous),
    DEFINE_PROP_SIZE("run", VirtIOCMA, opts.run_bytes, 0),
    DEFINE_PROP_SIZE("granule", VirtIOCMA, opts.granule_bytes, 0),
    DEFINE_PROP_UINT32("max-align-order", VirtIOCMA, opts.max_align_order,
                       VIRTIO_CMA_DEFAULT_ALIGN_ORDER),
    DEFINE_PROP_SIZE("pool", VirtIOCMA, opts.pool_bytes, 0),
    DEFINE_PROP_BOOL("discard", VirtIOCMA, opts.discard, false),
    DEFINE_PROP_BOOL("surrender", VirtIOCMA, opts.surrender, false),
    DEFINE_PROP_BOOL("unsafe-noiommu", VirtIOCMA, opts.unsafe_noiommu, false),
    DEFINE_PROP_STRING("service", VirtIOCMA, opts.service),
#ifdef HVCMA_STOCK_QEMU
    DEFINE_PROP_BOOL("trace", VirtIOCMA, opts.trace, false),
#endif
    DEFINE_PROP_BIT64("version-1", VirtIOCMA, opts.features,
                      VIRTIO_CMA_F_VERSION_1, true),
    DEFINE_PROP_BIT64("bulk", VirtIOCMA, opts.features, VIRTIO_CMA_F_BULK,
                      true),
    DEFINE_PROP_BIT64("kinds", VirtIOCMA, opts.features, VIRTIO_CMA_F_KINDS,
                      true),
    DEFINE_PROP_BIT64("client-attributes", VirtIOCMA, opts.features,
                      VIRTIO_CMA_F_ATTRIBUTES, true),
    DEFINE_PROP_BIT64("suspend", VirtIOCMA, opts.features, VIRTIO_CMA_F_SUSPEND,
                      true),
    DEFINE_PROP_BIT64("client-windows", VirtIOCMA, opts.features,
                      VIRTIO_CMA_F_WINDOWS, true),
};

/* The class has one array: those of the test hooks follow, if there are any. */
static void set_properties(DeviceClass *dc)
{
    size_t nr = ARRAY_SIZE(virtio_cma_properties), nr_test;
    const Property *test = hvcma_test_properties(&nr_test);
    Property *all = g_new(Property, nr + nr_test);

    memcpy(all, virtio_cma_properties, sizeof(virtio_cma_properties));
    if (nr_test) {
        memcpy(all + nr, test, nr_test * sizeof(*test));
    }
    device_class_set_props_n(dc, all, nr + nr_test);
}

static const VMStateDescription vmstate_virtio_cma_device = {
    .name = TYPE_VIRTIO_CMA "/device",
    .version_id = HVCMA_STREAM_VERSION,
    .minimum_version_id = HVCMA_STREAM_VERSION,
    .fields = (const VMStateField[]) {
        VMSTATE_VIRTIO_DEVICE,
        VMSTATE_END_OF_LIST()
    },
};

static void virtio_cma_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    VirtioDeviceClass *vdc = VIRTIO_DEVICE_CLASS(klass);

    set_properties(dc);
    hvcma_describe_properties(klass);
    hvcma_test_class_init(klass);
    dc->vmsd = &vmstate_virtio_cma_device;
    dc->user_creatable = false; /* a part of the proxy, or the MMIO subclass */
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    vdc->realize = virtio_cma_realize;
    vdc->unrealize = virtio_cma_unrealize;
    vdc->get_config = virtio_cma_get_config;
    vdc->get_features = virtio_cma_get_features;
    vdc->set_features = virtio_cma_set_features;
    vdc->validate_features = virtio_cma_validate_features;
    vdc->set_status = virtio_cma_set_status;
    vdc->reset = virtio_cma_reset;
    vdc->queue_reset = virtio_cma_queue_reset;
    vdc->vmsd = &vmstate_virtio_cma;
    hvcma_report_class_init(klass);
    hvcma_discard_class_init(klass);
    hvcma_surrender_class_init(klass);
}

static const TypeInfo virtio_cma_info = {
    .name = TYPE_VIRTIO_CMA,
    .parent = TYPE_VIRTIO_DEVICE,
    .instance_size = sizeof(VirtIOCMA),
    .class_init = virtio_cma_class_init,
    .interfaces = (InterfaceInfo[]) {
        { TYPE_RAM_DISCARD_MANAGER },
        { }
    },
};

static const TypeInfo machine_reset_info = {
    .name = TYPE_MACHINE_RESET,
    .parent = TYPE_OBJECT,
    .instance_size = sizeof(MachineReset),
    .class_init = machine_reset_class_init,
    .interfaces = (InterfaceInfo[]) {
        { TYPE_RESETTABLE_INTERFACE },
        { }
    },
};

static void virtio_cma_register_types(void)
{
    type_register_static(&machine_reset_info);
    type_register_static(&virtio_cma_info);
}
type_init(virtio_cma_register_types)
