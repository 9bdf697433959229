/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests of virtio-cma: from a virtqueue to the engine and back. See
 * requests.h.
 */
#include "qemu/osdep.h"
#include "block/aio.h"
#include "migration/qemu-file-types.h"
#include "migration/vmstate.h"
#include "qemu/iov.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "system/dma.h"
#include "system/runstate.h"

#include "backing.h"
#include "requests.h"
#include "turn.h"

/*
 * A guest may post faster than we serve: after that much work of a kind in one
 * go, the rest waits for the main loop to come round again.
 */
#define RUN_MAX_REQUESTS 64
#define RUN_MAX_NS (3 * SCALE_MS)

/* What can take several turns. Those of one class wait for each other. */
typedef enum RequestClass {
    CLASS_CLIENTS,              /* CLAIM, RELEASE */
    CLASS_GIVES,                /* FREE, BUSY */
    CLASS_TAKES,                /* ALLOC, ALLOC_BULK */
    NR_CLASSES,
    CLASS_NONE = NR_CLASSES
} RequestClass;

typedef struct Queue {
    VirtIOCMA *s;
    VirtQueue *vq;
    QEMUBH *bh;                 /* NULL: deleted */
    uint64_t life;              /* counts resets: older requests are void */
} Queue;

/* A request that was taken from a ring and not answered yet. */
typedef struct Request {
    VirtQueueElement elem;      /* first; nothing of it is mapped */
    uint32_t nr_in;             /* of its buffers, for the answer */
    uint8_t *copy;              /* of what the guest asks, if it is parked */
    size_t bytes;
    bool is_accepted;           /* migrated in: it lacks its answer, OK */
    struct iovec *loaded_sg;    /* of one that migrated in: elem has no room */
    hwaddr *loaded_addr;
    QSIMPLEQ_ENTRY(Request) next;
} Request;

struct HvcmaRequests {
    Queue queue[VIRTIO_CMA_NR_VQS];
    /*
     * In the order in which they came: the first one of a class takes several
     * turns, the others wait for it. No more than the ring has entries.
     */
    QSIMPLEQ_HEAD(, Request) parked[NR_CLASSES];
    uint8_t *request_buf;       /* VIRTIO_CMA_MAX_REQUEST_BYTES and one */
    uint8_t *response_buf;      /* VIRTIO_CMA_MAX_RESPONSE_BYTES */
};

/* ---- one request ---- */

static void request_free(Request *r)
{
    if (r) {
        g_free(r->copy);
        g_free(r->loaded_sg);
        g_free(r->loaded_addr);
        g_free(r);
    }
}

/*
 * The next request of the ring, copied into request_buf: once, then it is
 * judged on the copy. One over the limit is cut one byte above it, which is
 * enough for the engine to tell. Its buffers are given back at once, unwritten;
 * their addresses stay.
 */
static Request *request_take(Queue *q)
{
    HvcmaRequests *rs = q->s->requests;
    AddressSpace *as = VIRTIO_DEVICE(q->s)->dma_as;
    uint64_t life = q->life;
    Request *r = virtqueue_pop(q->vq, sizeof(*r));
    uint32_t i;

    if (!r) {
        return NULL;
    }
    r->copy = NULL;
    r->is_accepted = false;
    r->loaded_sg = NULL;
    r->loaded_addr = NULL;
    r->bytes = iov_to_buf(r->elem.out_sg, r->elem.out_num, 0, rs->request_buf,
                          VIRTIO_CMA_MAX_REQUEST_BYTES + 1);
    r->nr_in = r->elem.in_num;
    for (i = 0; i < r->elem.in_num; i++) {
        dma_memory_unmap(as, r->elem.in_sg[i].iov_base,
                         r->elem.in_sg[i].iov_len, DMA_DIRECTION_FROM_DEVICE,
                         0);
    }
    for (i = 0; i < r->elem.out_num; i++) {
        dma_memory_unmap(as, r->elem.out_sg[i].iov_base,
                         r->elem.out_sg[i].iov_len, DMA_DIRECTION_TO_DEVICE, 0);
    }
    r->elem.in_num = 0;
    r->elem.out_num = 0;
    if (life != q->life) {      /* the request was read from registers */
        virtqueue_detach_element(q->vq, &r->elem, 0);
        request_free(r);
        return NULL;
    }
    return r;
}

static size_t request_room(const Request *r)
{
    return iov_size(r->elem.in_sg, r->nr_in);
}

/*
 * Write the answer and let the request go. False if the queue was reset
 * meanwhile: then neither the rest nor the ring was written.
 */
static bool request_answer(Queue *q, Request *r, const void *answer,
                           size_t bytes)
{
    AddressSpace *as = VIRTIO_DEVICE(q->s)->dma_as;
    uint64_t life = q->life;
    size_t done = 0;
    uint32_t i;

    for (i = 0; i < r->nr_in && done < bytes && life == q->life; i++) {
        size_t part = MIN(r->elem.in_sg[i].iov_len, bytes - done);

        dma_memory_write(as, r->elem.in_addr[i], answer + done, part,
                         MEMTXATTRS_UNSPECIFIED);
        done += part;
    }
    if (life == q->life) {
        virtqueue_push(q->vq, &r->elem, bytes);
    }
    request_free(r);
    return life == q->life;
}

/* ---- a queue ---- */

static void queue_call_again(Queue *q)
{
    if (q->bh) {
        qemu_bh_schedule(q->bh);
    }
}

static void request_keep_copy(Request *r, const uint8_t *request)
{
    if (!r->copy) {
        r->copy = g_memdup2(request, r->bytes);
    }
}

static RequestClass request_class(const Request *r, const uint8_t *request)
{
    uint32_t op;

    if (r->bytes < sizeof(op)) {
        return CLASS_NONE;
    }
    op = ldl_le_p(request);
    switch (op) {
    case VIRTIO_CMA_OP_CLAIM:
    case VIRTIO_CMA_OP_RELEASE:
        return CLASS_CLIENTS;
    case VIRTIO_CMA_OP_FREE:
    case VIRTIO_CMA_OP_BUSY:
        return CLASS_GIVES;
    case VIRTIO_CMA_OP_ALLOC:
    case VIRTIO_CMA_OP_ALLOC_BULK:
        return CLASS_TAKES;
    default:
        return CLASS_NONE;
    }
}

typedef enum Served {
    SERVED_YES,
    SERVED_IN_PART,             /* to be served again; @r stays the caller's */
    SERVED_VOID,                /* the queue was reset meanwhile */
} Served;

/* One that was accepted where it came from. */
static Served queue_answer_accepted(Queue *q, Request *r)
{
    const struct virtio_cma_resp_hdr hdr = {
        .status = cpu_to_le32(VIRTIO_CMA_S_OK),
        .bytes = cpu_to_le32(sizeof(hdr)),
    };

    return request_answer(q, r, &hdr, sizeof(hdr)) ? SERVED_YES : SERVED_VOID;
}

static Served queue_serve(Queue *q, Request *r, const uint8_t *request)
{
    HvcmaRequests *rs = q->s->requests;
    bool is_report = q == &rs->queue[VIRTIO_CMA_VQ_REPORT];
    size_t room_bytes = MIN(request_room(r), VIRTIO_CMA_MAX_RESPONSE_BYTES);
    uint64_t life = q->life;
    size_t used_bytes = 0;
    bool served = hvcma_engine_request(q->s->engine, request, r->bytes,
                                       rs->response_buf, room_bytes, is_report,
                                       &used_bytes);

    if (life != q->life) {
        hvcma_engine_forget_pending(q->s->engine);
        request_free(r);
        return SERVED_VOID;
    }
    if (!served) {
        return SERVED_IN_PART;
    }
    return request_answer(q, r, rs->response_buf, used_bytes) ? SERVED_YES :
                                                                SERVED_VOID;
}

/* As parked_run() and ring_run() below: a budget, and how they end. */
typedef struct Run {
    int64_t end_ns;
    int nr_served;
    bool is_void;               /* the queue was reset: nothing more */
} Run;

static void run_begin(Run *run)
{
    run->end_ns = qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + RUN_MAX_NS;
}

static bool run_has_time(const Run *run)
{
    return qemu_clock_get_ns(QEMU_CLOCK_REALTIME) <= run->end_ns;
}

static bool run_may_go_on(const Run *run)
{
    return !run->is_void && run->nr_served < RUN_MAX_REQUESTS &&
           (!run->nr_served || run_has_time(run));
}

static void run_count(Run *run, Served served)
{
    run->nr_served += served == SERVED_YES;
    run->is_void = served == SERVED_VOID;
}

/* Turns of the first that is parked; when it is done, of the next. */
static void parked_run(Queue *q, RequestClass class, Run *run)
{
    HvcmaRequests *rs = q->s->requests;
    Request *r;

    run_begin(run);
    while (run_may_go_on(run) && (r = QSIMPLEQ_FIRST(&rs->parked[class]))) {
        Served served;

        QSIMPLEQ_REMOVE_HEAD(&rs->parked[class], next);
        served = r->is_accepted ? queue_answer_accepted(q, r) :
                                  queue_serve(q, r, r->copy);
        if (served == SERVED_IN_PART) {
            QSIMPLEQ_INSERT_HEAD(&rs->parked[class], r, next);
            if (hvcma_backing_is_busy(q->s->backing) || !run_has_time(run)) {
                break;
            }
        }
        run_count(run, served);
    }
}

/* Those that wait in the ring; what has to wait longer is parked. */
static void ring_run(Queue *q, Run *run)
{
    HvcmaRequests *rs = q->s->requests;
    Request *r;

    run_begin(run);
    while (run_may_go_on(run) && (r = request_take(q))) {
        RequestClass class = q == &rs->queue[VIRTIO_CMA_VQ_REQUEST] ?
                             request_class(r, rs->request_buf) : CLASS_NONE;
        bool parks = class != CLASS_NONE && !QSIMPLEQ_EMPTY(&rs->parked[class]);
        Served served = parks ? SERVED_IN_PART :
                                queue_serve(q, r, rs->request_buf);

        if (served == SERVED_IN_PART) {
            request_keep_copy(r, rs->request_buf);
            QSIMPLEQ_INSERT_TAIL(&rs->parked[class], r, next);
        }
        run_count(run, served);
    }
}

/*
 * Is there a turn to come for what is parked? Not while a thread prepares
 * memory for it: that calls again.
 */
static bool parked_goes_on(Queue *q)
{
    HvcmaRequests *rs = q->s->requests;

    return !QSIMPLEQ_EMPTY(&rs->parked[CLASS_CLIENTS]) ||
           !QSIMPLEQ_EMPTY(&rs->parked[CLASS_GIVES]) ||
           (!QSIMPLEQ_EMPTY(&rs->parked[CLASS_TAKES]) &&
            !hvcma_backing_is_busy(q->s->backing));
}

static void queue_run(Queue *q)
{
    bool is_request = q == &q->s->requests->queue[VIRTIO_CMA_VQ_REQUEST];
    Run parked[NR_CLASSES] = { }, ring = { };
    bool is_void = false;
    int nr_served = 0;
    RequestClass class;

    for (class = 0; is_request && !is_void && class < NR_CLASSES; class++) {
        parked_run(q, class, &parked[class]);
        is_void = parked[class].is_void;
        nr_served += parked[class].nr_served;
    }
    if (!is_void) {
        ring_run(q, &ring);
    }
    if (is_void || ring.is_void) {
        return;
    }
    if (!run_may_go_on(&ring) || (is_request && parked_goes_on(q))) {
        queue_call_again(q);
    }
    if (nr_served || ring.nr_served) {
        virtio_notify(VIRTIO_DEVICE(q->s), q->vq);
    }
}

/* ---- events ---- */

static bool event_deliver(Queue *q, uint32_t client)
{
    VirtIOCMA *s = q->s;
    uint8_t type = s->event_pending[client];
    struct virtio_cma_event event = {
        .type = cpu_to_le32(type),
        .client = cpu_to_le32(client),
    };
    Request *r = request_take(q);
    bool fits;

    if (!r) {
        return false;
    }
    /* Too small: back empty, the event stays. */
    fits = request_room(r) >= sizeof(event);
    if (fits) {
        s->event_pending[client] = 0;
    }
    return request_answer(q, r, &event, fits ? sizeof(event) : 0);
}

/* False: there is no buffer for it. */
static bool wanted_deliver(Queue *q)
{
    VirtIOCMA *s = q->s;
    struct virtio_cma_event_wanted event = {
        .event.type = cpu_to_le32(VIRTIO_CMA_EVENT_WANTED),
        .bytes = cpu_to_le64(s->wanted_bytes),
        .deadline_ms = cpu_to_le32(s->wanted_ms),
    };
    Request *r = request_take(q);
    size_t room;

    if (!r) {
        return false;
    }
    /* As much of it as there is room for, the part of all events at least. */
    room = MIN(request_room(r), sizeof(event));
    if (room >= sizeof(event.event)) {
        s->wanted_bytes = 0;
    }
    return request_answer(q, r, &event,
                          room >= sizeof(event.event) ? room : 0);
}

static void events_run(Queue *q)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(q->s);
    bool delivered = false, alive = true;
    uint64_t life = q->life;
    uint32_t i;

    if (!(vdev->status & VIRTIO_CONFIG_S_DRIVER_OK)) {
        return;
    }
    for (i = 0; i < q->s->config.nr_clients && alive; i++) {
        if (q->s->event_pending[i]) {
            alive = event_deliver(q, i);
            delivered |= alive;
        }
    }
    if (alive && life == q->life && q->s->wanted_bytes) {
        delivered |= wanted_deliver(q);
    }
    if (delivered && life == q->life) {
        virtio_notify(vdev, q->vq);
    }
}

void hvcma_send_wanted(VirtIOCMA *s, uint64_t bytes, uint32_t deadline_ms)
{
    s->wanted_bytes = bytes;
    s->wanted_ms = deadline_ms;
    queue_call_again(&s->requests->queue[VIRTIO_CMA_VQ_EVENT]);
}

void hvcma_send_event(VirtIOCMA *s, uint32_t client, uint32_t type)
{
    if (s->requests) {
        s->event_pending[client] = type;
        queue_call_again(&s->requests->queue[VIRTIO_CMA_VQ_EVENT]);
    }
}

/* ---- when ---- */

static void queue_turn(Queue *q)
{
    VirtIOCMA *s = q->s;

    hvcma_turn_begin(s);
    if (q == &s->requests->queue[VIRTIO_CMA_VQ_EVENT]) {
        events_run(q);
    } else {
        queue_run(q);
    }
    hvcma_turn_end(s);
}

/* Between a stop and the save of a migration the rings must stand still. */
static bool may_continue(VirtIODevice *vdev)
{
    return vdev->vm_running || runstate_check(RUN_STATE_PRELAUNCH);
}

static void queue_bh(void *opaque)
{
    Queue *q = opaque;

    /* Nothing that waits inside a turn runs this; else it comes again. */
    if (hvcma_turn_is_under_way()) {
        queue_call_again(q);
    } else if (may_continue(VIRTIO_DEVICE(q->s))) {
        queue_turn(q);
    }
}

/*
 * The guest's notification: from the main loop, or from inside an access to our
 * registers, which may be that of a processor or anybody's DMA.
 */
static void queue_notified(VirtIODevice *vdev, VirtQueue *vq)
{
    VirtIOCMA *s = VIRTIO_CMA(vdev);
    Queue *q = &s->requests->queue[virtio_get_queue_index(vq)];

    if (hvcma_turn_is_under_way() ||
        DEVICE(s->transport)->mem_reentrancy_guard.engaged_in_io) {
        queue_call_again(q);
    } else {
        queue_turn(q);
    }
}

/* ---- life ---- */

void hvcma_requests_start(VirtIOCMA *s)
{
    static const int size[VIRTIO_CMA_NR_VQS] = {
        [VIRTIO_CMA_VQ_REQUEST] = 256,
        [VIRTIO_CMA_VQ_EVENT] = 64,
        [VIRTIO_CMA_VQ_REPORT] = 16,
    };
    HvcmaRequests *rs = g_new0(HvcmaRequests, 1);
    RequestClass class;
    int i;

    for (class = 0; class < NR_CLASSES; class++) {
        QSIMPLEQ_INIT(&rs->parked[class]);
    }
    s->event_pending = g_new0(uint8_t, s->config.nr_clients);
    rs->request_buf = g_malloc(VIRTIO_CMA_MAX_REQUEST_BYTES + 1);
    rs->response_buf = g_malloc(VIRTIO_CMA_MAX_RESPONSE_BYTES);
    for (i = 0; i < VIRTIO_CMA_NR_VQS; i++) {
        Queue *q = &rs->queue[i];

        q->s = s;
        q->vq = virtio_add_queue(VIRTIO_DEVICE(s), size[i], queue_notified);
        q->bh = aio_bh_new_guarded(iohandler_get_aio_context(), queue_bh, q,
                                   &DEVICE(s->transport)->mem_reentrancy_guard);
    }
    s->requests = rs;
}

void hvcma_requests_stop(VirtIOCMA *s)
{
    int i;

    hvcma_requests_forget(s);
    for (i = VIRTIO_CMA_NR_VQS; i-- > 0;) {
        Queue *q = &s->requests->queue[i];

        virtio_delete_queue(q->vq);
        qemu_bh_delete(q->bh);
        q->bh = NULL;
    }
}

void hvcma_requests_free(VirtIOCMA *s)
{
    g_free(s->event_pending);
    g_free(s->requests->response_buf);
    g_free(s->requests->request_buf);
    g_free(s->requests);
    s->requests = NULL;
}

void hvcma_requests_resume(VirtIOCMA *s)
{
    int i;

    for (i = 0; i < VIRTIO_CMA_NR_VQS; i++) {
        queue_call_again(&s->requests->queue[i]);
    }
}

static void parked_drop(HvcmaRequests *rs)
{
    RequestClass class;
    Request *r;

    for (class = 0; class < NR_CLASSES; class++) {
        while ((r = QSIMPLEQ_FIRST(&rs->parked[class]))) {
            QSIMPLEQ_REMOVE_HEAD(&rs->parked[class], next);
            request_free(r);
        }
    }
}

static void forget_begun(VirtIOCMA *s)
{
    if (s->engine) {
        hvcma_engine_forget_pending(s->engine);
    }
}

void hvcma_requests_forget_queue(VirtIOCMA *s, uint32_t index)
{
    HvcmaRequests *rs = s->requests;
    Queue *q = &rs->queue[index];

    if (index >= VIRTIO_CMA_NR_VQS) {
        return;
    }
    q->life++;
    if (q->bh) {
        qemu_bh_cancel(q->bh);
    }
    if (index == VIRTIO_CMA_VQ_REQUEST) {
        parked_drop(rs);        /* the ring, too, forgets them */
        hvcma_turn_run(s, forget_begun);
    }
}

void hvcma_requests_forget(VirtIOCMA *s)
{
    uint32_t i;

    for (i = 0; i < VIRTIO_CMA_NR_VQS; i++) {
        hvcma_requests_forget_queue(s, i);
    }
    s->wanted_bytes = 0;
    if (s->config.nr_clients) {
        memset(s->event_pending, 0, s->config.nr_clients);
    }
}

/* ---- migration ---- */

static void save_request(QEMUFile *f, const Request *r, bool is_accepted)
{
    uint32_t i;

    qemu_put_be32(f, r->elem.index);
    qemu_put_be32(f, r->elem.ndescs);
    qemu_put_be32(f, r->nr_in);
    for (i = 0; i < r->nr_in; i++) {
        qemu_put_be64(f, r->elem.in_addr[i]);
        qemu_put_be64(f, r->elem.in_sg[i].iov_len);
    }
    qemu_put_byte(f, is_accepted);
    qemu_put_be32(f, r->bytes);
    qemu_put_buffer(f, r->copy, r->bytes);
}

/* Ring entries, guest addresses and a copy: nothing of this host. */
static int save_parked(QEMUFile *f, void *pv, size_t size,
                       const VMStateField *field, JSONWriter *vmdesc)
{
    HvcmaRequests *rs = *(HvcmaRequests **)pv;
    VirtIOCMA *s = rs->queue[VIRTIO_CMA_VQ_REQUEST].s;
    bool is_accepted = hvcma_engine_has_accepted(s->engine);
    RequestClass class;
    uint32_t nr = 0;
    Request *r;

    for (class = 0; class < NR_CLASSES; class++) {
        QSIMPLEQ_FOREACH(r, &rs->parked[class], next) {
            nr++;
        }
    }
    qemu_put_be32(f, nr);
    for (class = 0; class < NR_CLASSES; class++) {
        QSIMPLEQ_FOREACH(r, &rs->parked[class], next) {
            bool is_first = r == QSIMPLEQ_FIRST(&rs->parked[class]);

            save_request(f, r, r->is_accepted ||
                         (class == CLASS_GIVES && is_first && is_accepted));
        }
    }
    return 0;
}

static Request *load_request(QEMUFile *f, uint32_t ring_size)
{
    Request *r = g_new0(Request, 1);
    uint32_t i;

    r->elem.index = qemu_get_be32(f);
    r->elem.ndescs = qemu_get_be32(f);
    r->nr_in = qemu_get_be32(f);
    if (r->elem.index >= ring_size || r->elem.ndescs > ring_size ||
        r->nr_in > VIRTQUEUE_MAX_SIZE) {
        request_free(r);
        return NULL;
    }
    r->loaded_addr = g_new0(hwaddr, r->nr_in);
    r->loaded_sg = g_new0(struct iovec, r->nr_in);
    r->elem.in_addr = r->loaded_addr;
    r->elem.in_sg = r->loaded_sg;
    for (i = 0; i < r->nr_in; i++) {
        r->elem.in_addr[i] = qemu_get_be64(f);
        r->elem.in_sg[i].iov_len = MIN(qemu_get_be64(f),
                                       VIRTIO_CMA_MAX_RESPONSE_BYTES);
    }
    r->is_accepted = qemu_get_byte(f);
    r->bytes = qemu_get_be32(f);
    if (r->bytes > VIRTIO_CMA_MAX_REQUEST_BYTES + 1) {
        request_free(r);
        return NULL;
    }
    r->copy = g_malloc(r->bytes);
    if (qemu_get_buffer(f, r->copy, r->bytes) != r->bytes) {
        request_free(r);
        return NULL;
    }
    return r;
}

static int load_parked(QEMUFile *f, void *pv, size_t size,
                       const VMStateField *field)
{
    HvcmaRequests *rs = *(HvcmaRequests **)pv;
    Queue *q = &rs->queue[VIRTIO_CMA_VQ_REQUEST];
    uint32_t ring_size = virtio_queue_get_num(VIRTIO_DEVICE(q->s),
                                              VIRTIO_CMA_VQ_REQUEST);
    uint32_t nr = qemu_get_be32(f), i;

    parked_drop(rs);
    for (i = 0; i < nr; i++) {
        Request *r = i < ring_size ? load_request(f, ring_size) : NULL;
        RequestClass class = r ? request_class(r, r->copy) : CLASS_NONE;

        if (class == CLASS_NONE || (r->is_accepted && class != CLASS_GIVES)) {
            request_free(r);
            error_report("virtio-cma '%s': the source's request %" PRIu32
                         " of %" PRIu32 " under way is not one that a ring of %"
                         PRIu32 " can have", q->s->config.name, i, nr,
                         ring_size);
            return -EINVAL;
        }
        QSIMPLEQ_INSERT_TAIL(&rs->parked[class], r, next);
    }
    return 0;
}

static const VMStateInfo parked_info = {
    .name = TYPE_VIRTIO_CMA " requests",
    .get = load_parked,
    .put = save_parked,
};

static bool parked_needed(void *opaque)
{
    HvcmaRequests *rs = ((VirtIOCMA *)opaque)->requests;

    return !QSIMPLEQ_EMPTY(&rs->parked[CLASS_GIVES]) ||
           !QSIMPLEQ_EMPTY(&rs->parked[CLASS_TAKES]);
}

const VMStateDescription vmstate_virtio_cma_requests = {
    .name = TYPE_VIRTIO_CMA "/requests",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = parked_needed,
    .fields = (const VMStateField[]) {
        {
            .name = "parked",
            .info = &parked_info,
            .flags = VMS_SINGLE,
            .offset = offsetof(VirtIOCMA, requests),
        },
        VMSTATE_END_OF_LIST()
    },
};
