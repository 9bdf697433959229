/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests of virtio-cma: from a virtqueue to the engine and back. See
 * requests.h.
 */
#include "qemu/osdep.h"
#include "qemu/iov.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "system/runstate.h"

#include "requests.h"

#define REQUEST_QUEUE_SIZE 256
#define EVENT_QUEUE_SIZE 64
#define REPORT_QUEUE_SIZE 16

/*
 * A guest may post faster than we serve: after that much work in one go, the
 * rest waits for the main loop to come round again.
 */
#define RUN_MAX_REQUESTS 64
#define RUN_MAX_NS (5 * SCALE_MS)

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
void hvcma_requests_put_back(VirtIOCMA *s)
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

void hvcma_requests_start(VirtIOCMA *s)
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

void hvcma_requests_stop(VirtIOCMA *s)
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

void hvcma_requests_resume(VirtIOCMA *s)
{
    qemu_bh_schedule(s->request_bh);
    qemu_bh_schedule(s->report_bh);
}

void hvcma_requests_forget(VirtIOCMA *s)
{
    qemu_bh_cancel(s->request_bh);
    qemu_bh_cancel(s->report_bh);
    slow_drop(s);
    if (s->config.nr_clients) {
        memset(s->event_pending, 0, s->config.nr_clients);
    }
}
