/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-cma device: state shared by its files.
 *
 * virtio-cma.c      life of the device, reset
 * requests.c        requests and events: queues to the engine and back
 * turn.c            one piece of work at a time
 * drain.c         memory that goes back between turns
 * options.c         properties to checked configuration
 * help.c            what -device ...,help says of them
 * printable.c       text of the user for messages
 * backing.c         host memory of the region: provider, pins, addresses
 * populate.c        a thread that makes host memory ready
 * pin-keeper.c      the process that holds pins beyond QEMU's death
 * client-fit.c      devices that can be no clients, by their kind
 * client-spec.c     clients= and regions= to a list
 * clients.c         the registry of regions and their client tables
 * clients-plug.c    clients and regions that come and go
 * clients-gate.c    CLAIM and RELEASE: from a client table to the gate
 * clients-noiommu.c which of them may be without an IOMMU
 * client-device.c   what regions that serve one device share
 * client-windows.c  which memory clients reach, and where on their bus
 * report.c          QOM properties that tell the region's state
 * view.c            what one reading of them sees of the granules
 * migration.c       vmstate
 * attr.c            memory attributes: what the user said, what the host is
 * alias.c           QEMU's own mapping of memory for non-coherent clients
 * memory-device.c   the region as a memory device
 * discard.c         what of it is there, for migration, dumps and VFIO
 * virtio-cma-pci.c  PCI proxy
 * virtio-cma-mmio.c the device on a virtio-mmio slot
 * gate.c, vfio-noiommu.c  what clients can do on the bus
 * pinned.c          pin=all: pins from the start
 * ram.c             mode=ram: the machine's RAM as the region
 * surrender.c       memory that the guest gives up for others meanwhile
 * surrender-offer.c  when the host's service asks for some
 * static.c, static-fdt.c  mode=static: pins and a device tree, no guest driver
 * testing/          what only tests can ask for; else test-hooks-none.c
 *
 * What can fail returns bool with an Error, as QEMU does; operations of the
 * engine return its status; what asks the host and reports nothing, a negative
 * errno, which backing.c turns into a status.
 *
 * Everything runs under the big QEMU lock unless its comment says otherwise.
 */
#ifndef QEMU_DEVICE_VIRTIO_CMA_H
#define QEMU_DEVICE_VIRTIO_CMA_H

#include "hw/mem/memory-device.h"
#include "hw/virtio/virtio.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/notify.h"
#include "qom/object.h"
#include "system/hostmem.h"

#include "hv/abi/virtio_cma.h"
#include "hv/core/engine.h"
#include "stock.h"

/* Back end of the PCI proxy; the MMIO device is a subclass. */
#define TYPE_VIRTIO_CMA "virtio-cma"
#define TYPE_VIRTIO_CMA_DEVICE "virtio-cma-device"
#define TYPE_VIRTIO_CMA_PCI "virtio-cma-pci-base"

OBJECT_DECLARE_SIMPLE_TYPE(VirtIOCMA, VIRTIO_CMA)

typedef struct HvcmaBacking HvcmaBacking;
typedef struct HvcmaClients HvcmaClients;
typedef struct HvcmaDiscard HvcmaDiscard;
typedef struct HvcmaDrain HvcmaDrain;
typedef struct HvcmaMigration HvcmaMigration;
typedef struct HvcmaRequests HvcmaRequests;
typedef struct HvcmaSurrender HvcmaSurrender;
typedef struct HvcmaOffer HvcmaOffer;

/* Is the region to be backed by long runs of host memory? */
typedef enum HvcmaContiguous {
    HVCMA_CONTIGUOUS_OFF,
    HVCMA_CONTIGUOUS_BEST,
    HVCMA_CONTIGUOUS_REQUIRED,
} HvcmaContiguous;

/* x-fake-fault: the nr-th call (from 0) of a method fails, count times. */
typedef struct HvcmaTestFault {
    enum {
        HVCMA_FAULT_NONE,
        HVCMA_FAULT_BACK,       /* methods of the fake provider */
        HVCMA_FAULT_PIN,
        HVCMA_FAULT_HPA,
        HVCMA_FAULT_DISCARD,
        HVCMA_FAULT_QUIESCE,    /* a client can't be quiesced */
    } method;
    uint64_t nr;
    uint64_t count;
    int error;                  /* positive errno */
} HvcmaTestFault;

typedef struct HvcmaFabric HvcmaFabric;
typedef struct HvcmaTestPins HvcmaTestPins;

/* Properties x-* and what they bring: for testing/ alone, see test-hooks.h. */
typedef struct HvcmaTesting {
    char *provider;
    bool fabric;
    uint32_t fake_extent_granules;
    bool fake_shuffle;
    uint32_t fake_pin_us;
    uint32_t fake_step;         /* granules in one go, 0: by their size */
    uint64_t fake_base_hpa;
    char *fake_fault;
    char *bus_window;           /* what the bus does, whatever is told */

    HvcmaTestFault fault;
    uint64_t nr_closed;         /* gates, for the fault */
    HvcmaFabric *bus;           /* with x-fabric=on, while registered */
    HvcmaTestPins *pins;        /* with x-fabric=on */
} HvcmaTesting;

/* alias.c: QEMU's own mapping while clients do DMA past the caches. */
typedef struct HvcmaAlias {
    uint64_t maintained_bytes;
    uint64_t maintained_lines;
    bool complained;            /* of a refusal, since the last success */
    Error *migration_blocker;
    QLIST_ENTRY(VirtIOCMA) next;    /* in the list of those kept off */
} HvcmaAlias;

/* As the user gave them; options.c alone interprets them. */
typedef struct HvcmaOptions {
    HostMemoryBackend *memdev;
    uint64_t memaddr;           /* guest-physical base, 0: chosen by QEMU */
    uint64_t align_bytes;       /* of memaddr, 0: by mode and size */
    char *name;
    char *mode;
    char *pin;
    char *clients;
    char *regions;
    uint32_t spare_clients;
    char *policy;
    char *attr;
    char *stage2;
    char *coherent;
    char *dma_window;
    bool is_default;
    bool discard;
    bool surrender;
    bool unsafe_noiommu;
    char *service;
#ifdef HVCMA_STOCK_QEMU
    bool trace;                 /* print trace events, see stock-trace.h */
#endif
    uint64_t pin_limit_bytes;
    uint64_t low_bytes;
    char *contiguous;
    uint64_t run_bytes;         /* contiguous=required: 0: all of the region */
    uint64_t granule_bytes;
    uint32_t max_align_order;
    uint64_t features;          /* bits by VIRTIO_CMA_F_* that may be offered */
    uint64_t pool_bytes;        /* mode=static: of the pool, 0: by region */
} HvcmaOptions;

struct VirtIOCMA {
    VirtIODevice parent_obj;

    HvcmaOptions opts;
    HvcmaTesting testing;
    struct hvcma_engine_config config;
    uint64_t resv_bytes[HVCMA_MAX_RESVS];
    HvcmaContiguous contiguous;
    uint64_t run_bytes;         /* that one run has at least, else refuse */
    const char *service_path;   /* of the service's socket; NULL: without one */
    struct hvcma_gpa_range ranges[VIRTIO_CMA_MAX_RANGES];   /* mode=ram */

    Object *transport;          /* that this device is a part of */
    HvcmaRequests *requests;
    uint8_t *event_pending;     /* by client: VIRTIO_CMA_EVENT_* or 0 */
    uint64_t wanted_bytes;      /* not told yet: VIRTIO_CMA_EVENT_WANTED */
    uint32_t wanted_ms;         /* its deadline */

    struct hvcma_engine *engine;
    void *engine_buf;
    HvcmaBacking *backing;
    HvcmaDiscard *discard;      /* mode=private, or surrender=on */
    HvcmaSurrender *surrender;  /* surrender=on */
    HvcmaOffer *offer;          /* of that to the service, if there is one */
    HvcmaClients *clients;
    HvcmaMigration *migration;
    HvcmaDrain *drain;
    Error *migration_blocker;
    HvcmaAlias alias;
    Notifier exit_notifier;
    uint64_t report_first;      /* granule that "report-part" begins with */
    QTAILQ_ENTRY(VirtIOCMA) next_realized;
    NotifierWithReturn pinned_postcopy;     /* with pin=all */
    bool static_pins;           /* static.c keeps the whole region pinned */
    QEMUTimer *eject_timer;      /* not NULL: hvcma_eject_check() */
};

/* ---- virtio-cma.c ---- */

/**
 * virtio_cma_realize() - realize the device; the region has its address
 * (opts.memaddr) but need not be mapped yet. For the subclass.
 */
void virtio_cma_realize(DeviceState *dev, Error **errp);
void virtio_cma_unrealize(DeviceState *dev);

/**
 * hvcma_device_id() - id the user gave to the -device option, or NULL. For the
 * PCI transport it belongs to the proxy.
 */
const char *hvcma_device_id(VirtIOCMA *s);

/* ---- eject.c ---- */

/**
 * hvcma_eject_check() - the engine was reset. A guest that is asked to let the
 * device go, and could not isolate all that was online, lets it go
 * nevertheless: then it stays plugged, for it is the guest's RAM. It can't be
 * unplugged before a driver has isolated that, or the machine was reset.
 */
void hvcma_eject_check(VirtIOCMA *s);

/** hvcma_eject_stop() - the device goes. */
void hvcma_eject_stop(VirtIOCMA *s);

/* ---- options.c ---- */

/**
 * hvcma_options_check() - everything about the properties that can be judged
 * before the region has an address: fills @s->config but for region_base_gpa
 * and nr_clients.
 *
 * Return: false with @errp naming the region, the value and the limit.
 */
bool hvcma_options_check(VirtIOCMA *s, Error **errp);

/**
 * hvcma_service_path() - what service= means: the socket's path, or NULL for
 * none; false with @errp if it is neither "on", "off" nor an absolute path.
 */
bool hvcma_service_path(const char *region, const char *service,
                        const char **path, Error **errp);

/** hvcma_contiguous_name() - as the user says it: "off", "best", "required". */
const char *hvcma_contiguous_name(const VirtIOCMA *s);

/** hvcma_mode_name() - for the user; auto if the guest has the choice. */
const char *hvcma_mode_name(const VirtIOCMA *s);

/** hvcma_options_check_text() - false with @errp if @value can't be printed. */
bool hvcma_options_check_text(VirtIOCMA *s, const char *property,
                              const char *value, Error **errp);

/* ---- help.c ---- */

/** hvcma_describe_properties() - of the class that has them all. */
void hvcma_describe_properties(ObjectClass *klass);

/* ---- report.c ---- */

/**
 * hvcma_report_class_init() - "report" and its parts, read only. The PCI proxy
 * shows them too, as it does all properties of its back end.
 */
void hvcma_report_class_init(ObjectClass *klass);

/** hvcma_report_is_there() - false with @errp if the device is not realized. */
bool hvcma_report_is_there(VirtIOCMA *s, const char *name, Error **errp);

/** hvcma_report_purpose() - VIRTIO_CMA_PURPOSE_* as a word. */
const char *hvcma_report_purpose(uint32_t purpose);

/* ---- migration.c ---- */

/* Of the device in a migration stream; older ones are refused. */
#define HVCMA_STREAM_VERSION 4

extern const VMStateDescription vmstate_virtio_cma;

/**
 * hvcma_migration_init() - buffers for saving and loading; blocks migration of
 * a region whose addresses are host-physical.
 */
bool hvcma_migration_init(VirtIOCMA *s, Error **errp);
void hvcma_migration_cleanup(VirtIOCMA *s);

/* ---- memory-device.c ---- */

/** hvcma_memory_device_class_init() - for the PCI proxy and the MMIO device. */
void hvcma_memory_device_class_init(ObjectClass *klass);

/** hvcma_memory_device_check() - does the machine have device memory at all? */
bool hvcma_memory_device_check(VirtIOCMA *s, Error **errp);

#endif /* QEMU_DEVICE_VIRTIO_CMA_H */
