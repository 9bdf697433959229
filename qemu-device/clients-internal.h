/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of clients.h share: a region's client table, and the registry
 * of all regions, which clients.c keeps. For clients*.c only.
 */
#ifndef QEMU_DEVICE_CLIENTS_INTERNAL_H
#define QEMU_DEVICE_CLIENTS_INTERNAL_H

#include "client-device.h"
#include "clients.h"

/* One entry of a client table. */
typedef struct HvcmaClient {
    HvcmaDeviceUser user;       /* also joined to a device that did not fit */
    HvcmaClients *table;
    uint32_t index;
    char *id;                   /* "" of a spare entry that is free */
    char *kind;
    uint8_t resv;
    bool spare;                 /* named by nobody: filled on plug */
    bool plugged;               /* the engine knows of it */
    HvcmaDevicePlace place;
    char *windows_from;         /* where its windows were read, while plugged */
    bool quarantined;           /* let go of while it may have been doing DMA */
    bool complained;            /* a guest can repeat what fails: say it once */
} HvcmaClient;

struct HvcmaClients {
    VirtIOCMA *s;
    uint32_t nr;
    HvcmaClient *client;
    QLIST_ENTRY(HvcmaClients) next;
};

/** hvcma_clients_next() - the next region's table, the first after NULL. */
HvcmaClients *hvcma_clients_next(HvcmaClients *after);

/** hvcma_clients_default() - the table of the default region, or NULL. */
HvcmaClients *hvcma_clients_default(void);

/**
 * hvcma_clients_next_named() - the next entry, of any region, that the operator
 * gave this id; the first after NULL.
 */
HvcmaClient *hvcma_clients_next_named(HvcmaClient *after, const char *id);

/**
 * hvcma_clients_enter() - into the registry; false with @errp if the region
 * contradicts another one.
 * hvcma_clients_leave() - out of it.
 */
bool hvcma_clients_enter(HvcmaClients *c, Error **errp);
void hvcma_clients_leave(HvcmaClients *c);

#endif /* QEMU_DEVICE_CLIENTS_INTERNAL_H */
