/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-cma: life of the device, its queues, its reset.
 *
 * Moves requests between virtqueues and the protocol engine and takes the host
 * side's parts (backing, clients) up and down in the right order. It does not
 * look into requests: the engine does, on its own copy.
 */
#include "qemu/osdep.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "qemu/iov.h"
#include "qemu/main-loop.h"
#include "qemu/memalign.h"
#include "qemu/module.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "standard-headers/linux/virtio_ids.h"
#include "system/reset.h"
#include "system/runstate.h"
#include "system/system.h"

#include "alias.h"
#include "attr.h"
#include "backing.h"
#include "clients.h"
#include "static.h"
#include "virtio_cma.h"

#define REQUEST_QUEUE_SIZE 256
#define EVENT_QUEUE_SIZE 64
#define REPORT_QUEUE_SIZE 16

/*
 * A guest may post faster than we serve: after that much work in one go, the
 * rest waits for the main loop to come round again.
 */
#define RUN_MAX_REQUESTS 64
#define RUN_MAX_NS (5 * SCALE_MS)

/* Backing is slow, mostly by the zeroing of pages: so much in one go. */
#define RUN_MAX_BACK_BYTES (32 * MiB)

#define ENGINE_ALIGN_BYTES 64

const char *hvcma_device_id(VirtIOCMA *s)
{
    Object *proxy = object_dynamic_cast(OBJECT(s)->parent, TYPE_DEVICE);

    return DEVICE(s)->id ?: (proxy ? DEVICE(proxy)->id : NULL);
}

/* ---- the host side of the engine ---- */

static int op_back(void *opaque, uint64_t first, uint64_t nr)
{
    return hvcma_backing_back(((VirtIOCMA *)opaque)->backing, first, nr);
}

static int op_pin(void *opaque, uint64_t first, uint64_t nr)
{
    VirtIOCMA *s = opaque;

    return hvcma_static_pins(s) ? 0 : hvcma_backing_pin(s->backing, first, nr);
}

static void op_unpin(void *opaque, uint64_t first, uint64_t nr)
{
    VirtIOCMA *s = opaque;

    if (!hvcma_static_pins(s)) {
        hvcma_backing_unpin(s->backing, first, nr);
    }
}

static int op_dma_addr(void *opaque, uint64_t first, uint64_t nr, uint64_t *dma)
{
    return hvcma_backing_dma_addr(((VirtIOCMA *)opaque)->backing, first, nr,
                                  dma);
}

static int op_claim(void *opaque, uint32_t client)
{
    return hvcma_clients_claim(((VirtIOCMA *)opaque)->clients, client);
}

static int op_quiesce(void *opaque, uint32_t client)
{
    return hvcma_clients_quiesce(((VirtIOCMA *)opaque)->clients, client);
}

static void op_maintain(void *opaque, uint64_t first, uint64_t nr)
{
    hvcma_alias_maintain(opaque, first, nr);
}

static int op_keep_off(void *opaque, bool on)
{
    return hvcma_alias_keep_off(opaque, on);
}

static void op_trace(void *opaque, const char *event, uint64_t a, uint64_t b,
                     uint64_t c)
{
    VirtIOCMA *s = opaque;

    HVCMA_TRACE(s, "%s %" PRIu64 " %" PRIu64 " %" PRIu64, event, a, b, c);
}

static const struct hvcma_engine_ops engine_ops = {
    .back = op_back,
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
    int ret;

    s->config.back_max_granules = MAX(1, RUN_MAX_BACK_BYTES /
                                         s->config.granule_bytes);
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
    ret = hvcma_engine_init(s->engine_buf, bytes, &s->config, &engine_ops, s,
                            &s->engine);
    if (ret) {
        error_setg(errp, "virtio-cma '%s': can't learn the addresses of its "
                   "granules: %s", s->config.name, hvcma_status_text(-ret));
        qemu_vfree(s->engine_buf);
        return false;
    }
    return true;
}

/* ---- queues ---- */

/*
 * One element: the request is copied once and judged on the copy. A request
 * over the limit is cut one byte above it, which is enough for the engine to
 * tell.
 */
static bool serve_copy(VirtIOCMA *s, VirtQueue *vq, VirtQueueElement *elem,
                       const void *request, size_t request_bytes)
{
    size_t room_bytes = MIN(iov_size(elem->in_sg, elem->in_num),
                            VIRTIO_CMA_MAX_RESPONSE_BYTES);
    size_t used_bytes = 0;

    if (!hvcma_engine_request(s->engine, request, request_bytes,
                              s->response_buf, room_bytes, vq == s->report_vq,
                              &used_bytes)) {
        return false;
    }
    iov_from_buf(elem->in_sg, elem->in_num, 0, s->response_buf, used_bytes);
    virtqueue_push(vq, elem, used_bytes);
    return true;
}

static bool serve_element(VirtIOCMA *s, VirtQueue *vq, VirtQueueElement *elem)
{
    size_t bytes = iov_to_buf(elem->out_sg, elem->out_num, 0, s->request_buf,
                              VIRTIO_CMA_MAX_REQUEST_BYTES + 1);

    if (serve_copy(s, vq, elem, s->request_buf, bytes)) {
        return true;
    }
    s->slow_elem = elem;
    s->slow_request = g_memdup2(s->request_buf, bytes);
    s->slow_bytes = bytes;
    return false;
}

static void slow_forget(VirtIOCMA *s)
{
    g_clear_pointer(&s->slow_elem, g_free);
    g_clear_pointer(&s->slow_request, g_free);
}

/* The request that wants more turns, on its own copy. */
static bool serve_slow(VirtIOCMA *s)
{
    if (!serve_copy(s, s->request_vq, s->slow_elem, s->slow_request,
                    s->slow_bytes)) {
        return false;
    }
    slow_forget(s);
    return true;
}

/* A stopped VM may be saved: the request goes back into the ring, untouched. */
static void slow_put_back(VirtIOCMA *s)
{
    if (s->slow_elem) {
        virtqueue_unpop(s->request_vq, s->slow_elem, 0);
        slow_forget(s);
    }
}

static void slow_drop(VirtIOCMA *s)
{
    if (s->slow_elem) {
        virtqueue_detach_element(s->request_vq, s->slow_elem, 0);
        slow_forget(s);
    }
}

static void serve_queue(VirtIODevice *vdev, VirtQueue *vq)
{
    VirtIOCMA *s = VIRTIO_CMA(vdev);
    int64_t end_ns = qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + RUN_MAX_NS;
    bool again = false;
    int served = 0;

    if (vq == s->request_vq && s->slow_elem) {
        again = !serve_slow(s);
        served = !again;
    }
    while (!again) {
        g_autofree VirtQueueElement *elem = NULL;

        if (served == RUN_MAX_REQUESTS ||
            (served && qemu_clock_get_ns(QEMU_CLOCK_REALTIME) > end_ns)) {
            again = true;
            break;
        }
        elem = virtqueue_pop(vq, sizeof(*elem));
        if (!elem) {
            break;
        }
        if (!serve_element(s, vq, elem)) {
            elem = NULL;        /* kept as slow_elem */
            again = true;
            break;
        }
        served++;
    }
    if (served) {
        virtio_notify(vdev, vq);
    }
    if (again) {
        qemu_bh_schedule(vq == s->report_vq ? s->report_bh : s->request_bh);
    }
}

/* Between a stop and the save of a migration the rings must stand still. */
static bool may_continue(VirtIODevice *vdev)
{
    return vdev->vm_running || runstate_check(RUN_STATE_PRELAUNCH);
}

static void continue_requests(void *opaque)
{
    VirtIOCMA *s = opaque;

    if (may_continue(VIRTIO_DEVICE(s))) {
        serve_queue(VIRTIO_DEVICE(s), s->request_vq);
    }
}

static void continue_reports(void *opaque)
{
    VirtIOCMA *s = opaque;

    if (may_continue(VIRTIO_DEVICE(s))) {
        serve_queue(VIRTIO_DEVICE(s), s->report_vq);
    }
}

static bool deliver_event(VirtIOCMA *s, uint32_t client)
{
    struct virtio_cma_event event = {
        .type = cpu_to_le32(s->event_pending[client]),
        .client = cpu_to_le32(client),
    };
    g_autofree VirtQueueElement *elem = virtqueue_pop(s->event_vq,
                                                      sizeof(*elem));
    size_t bytes;

    if (!elem) {
        return false;
    }
    bytes = iov_from_buf(elem->in_sg, elem->in_num, 0, &event, sizeof(event));
    if (bytes == sizeof(event)) {
        s->event_pending[client] = 0;
    } else {
        bytes = 0;              /* too small: back empty, the event stays */
    }
    virtqueue_push(s->event_vq, elem, bytes);
    return true;
}

static void deliver_events(VirtIODevice *vdev, VirtQueue *vq)
{
    VirtIOCMA *s = VIRTIO_CMA(vdev);
    bool delivered = false;
    uint32_t i;

    if (!(vdev->status & VIRTIO_CONFIG_S_DRIVER_OK)) {
        return;
    }
    for (i = 0; i < s->config.nr_clients; i++) {
        if (s->event_pending[i]) {
            if (!deliver_event(s, i)) {
                break;
            }
            delivered = true;
        }
    }
    if (delivered) {
        virtio_notify(vdev, s->event_vq);
    }
}

void hvcma_send_event(VirtIOCMA *s, uint32_t client, uint32_t type)
{
    if (s->event_vq) {
        s->event_pending[client] = type;
        deliver_events(VIRTIO_DEVICE(s), s->event_vq);
    }
}

static void queues_start(VirtIOCMA *s)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(s);

    s->request_buf = g_malloc(VIRTIO_CMA_MAX_REQUEST_BYTES + 1);
    s->response_buf = g_malloc(VIRTIO_CMA_MAX_RESPONSE_BYTES);
    s->event_pending = g_new0(uint8_t, s->config.nr_clients);
    s->request_bh = virtio_bh_new_guarded(DEVICE(s), continue_requests, s);
    s->report_bh = virtio_bh_new_guarded(DEVICE(s), continue_reports, s);
    s->request_vq = virtio_add_queue(vdev, REQUEST_QUEUE_SIZE, serve_queue);
    s->event_vq = virtio_add_queue(vdev, EVENT_QUEUE_SIZE, deliver_events);
    s->report_vq = virtio_add_queue(vdev, REPORT_QUEUE_SIZE, serve_queue);
}

static void queues_stop(VirtIOCMA *s)
{
    slow_drop(s);
    virtio_delete_queue(s->report_vq);
    virtio_delete_queue(s->event_vq);
    virtio_delete_queue(s->request_vq);
    s->event_vq = NULL;
    qemu_bh_delete(s->report_bh);
    qemu_bh_delete(s->request_bh);
    g_free(s->event_pending);
    g_free(s->response_buf);
    g_free(s->request_buf);
}

/* ---- virtio device ---- */

static void virtio_cma_get_config(VirtIODevice *vdev, uint8_t *config)
{
    VirtIOCMA *s = VIRTIO_CMA(vdev);

    hvcma_engine_get_config(s->engine, (struct virtio_cma_config *)config);
}

static uint64_t virtio_cma_get_features(VirtIODevice *vdev, uint64_t features,
                                        Error **errp)
{
    return features;
}

static void virtio_cma_set_status(VirtIODevice *vdev, uint8_t status)
{
    VirtIOCMA *s = VIRTIO_CMA(vdev);

    if (!vdev->vm_running) {
        slow_put_back(s);
    }
    /* Also called when the VM continues: take up what may have been left. */
    if (status & VIRTIO_CONFIG_S_DRIVER_OK && vdev->vm_running) {
        qemu_bh_schedule(s->request_bh);
        qemu_bh_schedule(s->report_bh);
    }
}

/*
 * Guest or system reset. The engine closes the gates (bus master off, device
 * reset) before it unpins; a client that is not quiet keeps all memory pinned,
 * which was reported by then.
 *
 * Static regions are in use without a driver of this device: the guest's virtio
 * code resets what it finds no driver for, and that must disturb nobody.
 */
static void virtio_cma_reset(VirtIODevice *vdev)
{
    VirtIOCMA *s = VIRTIO_CMA(vdev);

    qemu_bh_cancel(s->request_bh);
    qemu_bh_cancel(s->report_bh);
    slow_drop(s);
    if (s->config.nr_clients) {
        memset(s->event_pending, 0, s->config.nr_clients);
    }
    if (!hvcma_static_pins(s)) {
        hvcma_engine_reset(s->engine);
    }
}

/* Of the machine: no guest is left that could have lent memory. */
static void virtio_cma_machine_reset(void *opaque)
{
    hvcma_engine_forget_left(((VirtIOCMA *)opaque)->engine);
}

/*
 * Orderly end of QEMU: as a reset, then the pins need no keeper. If a client
 * is not quiet the keeper outlives us with the pins.
 */
static void virtio_cma_exit(Notifier *notifier, void *data)
{
    VirtIOCMA *s = container_of(notifier, VirtIOCMA, exit_notifier);

    if (!hvcma_engine_reset(s->engine)) {
        hvcma_backing_free(s->backing);
    }
}

/*
 * Returns false if a client would not become quiet: its memory, pins included,
 * is then never released.
 */
static bool engine_stop(VirtIOCMA *s)
{
    bool quiet = !hvcma_engine_fini(s->engine);

    if (quiet) {
        qemu_vfree(s->engine_buf);
        hvcma_backing_free(s->backing);
    } else {
        hvcma_alias_forget(s);
        object_ref(OBJECT(s->opts.memdev));
        error_report("virtio-cma '%s': a client is not quiet: the region's "
                     "memory is never released", s->config.name);
    }
    s->engine = NULL;
    s->backing = NULL;
    return quiet;
}

void virtio_cma_realize(DeviceState *dev, Error **errp)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(dev);
    VirtIOCMA *s = VIRTIO_CMA(dev);

    if (!hvcma_options_check(s, errp) ||
        !hvcma_memory_device_check(s, errp)) {
        return;
    }
    if (hvcma_static_is_ram(s)) {
        s->opts.memaddr = hvcma_static_ram_base(s);
    }
    s->config.region_base_gpa = s->opts.memaddr;

    s->clients = hvcma_clients_new(s, errp);
    if (!s->clients) {
        return;
    }
    s->config.nr_clients = hvcma_clients_nr(s->clients);
    if (!hvcma_attr_check_clients(s, errp)) {
        goto fail_clients;
    }
    s->backing = hvcma_backing_new(s, errp);
    if (!s->backing) {
        goto fail_clients;
    }
    if (!engine_start(s, errp)) {
        goto fail_backing;
    }
    if (!hvcma_migration_init(s, errp)) {
        goto fail_engine;
    }
    if (!hvcma_static_realize(s, errp) || !hvcma_clients_register(s, errp)) {
        goto fail_static;
    }

    if (!hvcma_static_is_ram(s)) {
        host_memory_backend_set_mapped(s->opts.memdev, true);
        vmstate_register_ram(&s->opts.memdev->mr, dev);
    }
    /*
     * virtio_init() has names for the ids it knows only and asserts on others;
     * it uses the id for nothing else.
     */
    virtio_init(vdev, VIRTIO_ID_PMEM, sizeof(struct virtio_cma_config));
    vdev->device_id = VIRTIO_ID_CMA;
    vdev->name = TYPE_VIRTIO_CMA;
    queues_start(s);
    s->exit_notifier.notify = virtio_cma_exit;
    qemu_add_exit_notifier(&s->exit_notifier);
    qemu_register_reset(virtio_cma_machine_reset, s);
    return;

fail_static:
    hvcma_static_unrealize(s);
    hvcma_migration_cleanup(s);
fail_engine:
    engine_stop(s);
    goto fail_clients;
fail_backing:
    hvcma_backing_free(s->backing);
    s->backing = NULL;
fail_clients:
    hvcma_clients_free(s->clients);
    s->clients = NULL;
}

void virtio_cma_unrealize(DeviceState *dev)
{
    VirtIOCMA *s = VIRTIO_CMA(dev);

    qemu_unregister_reset(virtio_cma_machine_reset, s);
    qemu_remove_exit_notifier(&s->exit_notifier);
    queues_stop(s);
    virtio_cleanup(VIRTIO_DEVICE(dev));
    hvcma_clients_unregister(s);
    hvcma_migration_cleanup(s);
    if (!hvcma_static_is_ram(s)) {
        vmstate_unregister_ram(&s->opts.memdev->mr, dev);
    }
    if (engine_stop(s) && !hvcma_static_is_ram(s)) {
        host_memory_backend_set_mapped(s->opts.memdev, false);
    }
    hvcma_static_unrealize(s);
    hvcma_clients_free(s->clients);
    s->clients = NULL;
}

static const Property virtio_cma_properties[] = {
    DEFINE_PROP_LINK("memdev", VirtIOCMA, opts.memdev, TYPE_MEMORY_BACKEND,
                     HostMemoryBackend *),
    DEFINE_PROP_UINT64("memaddr", VirtIOCMA, opts.memaddr, 0),
    DEFINE_PROP_SIZE("align", VirtIOCMA, opts.align_bytes, 0),
    DEFINE_PROP_STRING("name", VirtIOCMA, opts.name),
    DEFINE_PROP_STRING("mode", VirtIOCMA, opts.mode),
    DEFINE_PROP_STRING("clients", VirtIOCMA, opts.clients),
    DEFINE_PROP_STRING("regions", VirtIOCMA, opts.regions),
    DEFINE_PROP_UINT32("spare-clients", VirtIOCMA, opts.spare_clients, 16),
    DEFINE_PROP_STRING("policy", VirtIOCMA, opts.policy),
    DEFINE_PROP_STRING("attr", VirtIOCMA, opts.attr),
    DEFINE_PROP_STRING("stage2", VirtIOCMA, opts.stage2),
    DEFINE_PROP_STRING("coherent", VirtIOCMA, opts.coherent),
    DEFINE_PROP_BOOL("default", VirtIOCMA, opts.is_default, false),
    DEFINE_PROP_SIZE("pin-limit", VirtIOCMA, opts.pin_limit_bytes, 0),
    DEFINE_PROP_SIZE("granule", VirtIOCMA, opts.granule_bytes, 0),
    DEFINE_PROP_UINT32("max-align-order", VirtIOCMA, opts.max_align_order,
                       VIRTIO_CMA_DEFAULT_ALIGN_ORDER),
    DEFINE_PROP_SIZE("pool", VirtIOCMA, opts.pool_bytes, 0),
    DEFINE_PROP_BOOL("discard", VirtIOCMA, opts.discard, false),
    DEFINE_PROP_BOOL("unsafe-noiommu", VirtIOCMA, opts.unsafe_noiommu, false),
    DEFINE_PROP_BOOL("trace", VirtIOCMA, opts.trace, false),
    DEFINE_PROP_STRING("x-provider", VirtIOCMA, opts.provider),
    DEFINE_PROP_BOOL("x-fabric", VirtIOCMA, opts.fabric, false),
    DEFINE_PROP_UINT32("x-fake-extent", VirtIOCMA, opts.fake_extent_granules,
                       0),
    DEFINE_PROP_BOOL("x-fake-shuffle", VirtIOCMA, opts.fake_shuffle, false),
    DEFINE_PROP_UINT64("x-fake-base", VirtIOCMA, opts.fake_base_hpa,
                       4 * GiB),
    DEFINE_PROP_STRING("x-fake-fault", VirtIOCMA, opts.fake_fault),
};

static const VMStateDescription vmstate_virtio_cma_device = {
    .name = TYPE_VIRTIO_CMA "/device",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_VIRTIO_DEVICE,
        VMSTATE_END_OF_LIST()
    },
};

static void virtio_cma_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    VirtioDeviceClass *vdc = VIRTIO_DEVICE_CLASS(klass);

    device_class_set_props(dc, virtio_cma_properties);
    dc->vmsd = &vmstate_virtio_cma_device;
    dc->user_creatable = false; /* a part of the proxy, or the MMIO subclass */
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    vdc->realize = virtio_cma_realize;
    vdc->unrealize = virtio_cma_unrealize;
    vdc->get_config = virtio_cma_get_config;
    vdc->get_features = virtio_cma_get_features;
    vdc->set_status = virtio_cma_set_status;
    vdc->reset = virtio_cma_reset;
    vdc->vmsd = &vmstate_virtio_cma;
    hvcma_report_class_init(klass);
}

static const TypeInfo virtio_cma_info = {
    .name = TYPE_VIRTIO_CMA,
    .parent = TYPE_VIRTIO_DEVICE,
    .instance_size = sizeof(VirtIOCMA),
    .class_init = virtio_cma_class_init,
};

static void virtio_cma_register_types(void)
{
    type_register_static(&virtio_cma_info);
}
type_init(virtio_cma_register_types)
