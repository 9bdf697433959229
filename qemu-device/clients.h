/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clients: the guest devices that regions serve.
 *
 * Keeps the registry of all regions, finds out when a named device is plugged
 * and unplugged, and tells engine and guest. A device may be in the tables of
 * several regions, and several times in one. It decides nothing about requests
 * (the engine does) and knows no register of a device (gate.c does).
 *
 * A client device is followed from the end of its realize, when its gate is put
 * on with bus mastering off, to the start of its unrealize, when the gate says
 * that it is going and is closed while the device can still be reset.
 */
#ifndef QEMU_DEVICE_CLIENTS_H
#define QEMU_DEVICE_CLIENTS_H

#include "virtio-cma.h"

/* ---- clients.c ---- */

/**
 * hvcma_clients_new() - the table: entries of clients= and regions=, then, of
 * the default region, the spare ones.
 *
 * Return: NULL with @errp as of hvcma_client_specs(), or because there are more
 * than VIRTIO_CMA_MAX_CLIENTS.
 */
HvcmaClients *hvcma_clients_new(VirtIOCMA *s, Error **errp);
void hvcma_clients_free(HvcmaClients *c);

uint32_t hvcma_clients_nr(const HvcmaClients *c);

/**
 * hvcma_clients_id() - the device's id, by the operator or, in a spare entry,
 * of the device it was filled with; "" of a free one. @client is in range.
 */
const char *hvcma_clients_id(const HvcmaClients *c, uint32_t client);

/** hvcma_clients_kind() - what the entry serves; "" for everything. */
const char *hvcma_clients_kind(const HvcmaClients *c, uint32_t client);

/** hvcma_clients_resv() - the reservation it may use; 0: shared part only */
uint32_t hvcma_clients_resv(const HvcmaClients *c, uint32_t client);

/** hvcma_clients_windows_from() - where they were read, for people; "" */
const char *hvcma_clients_windows_from(const HvcmaClients *c, uint32_t client);

/** hvcma_clients_is_spare() - named by nobody. */
bool hvcma_clients_is_spare(const HvcmaClients *c, uint32_t client);

/** hvcma_clients_is_bus_master() - may it do DMA now? false if not plugged. */
bool hvcma_clients_is_bus_master(const HvcmaClients *c, uint32_t client);

/** hvcma_clients_bus_path() - bus and path, "" while not plugged. */
void hvcma_clients_bus_path(const HvcmaClients *c, uint32_t client,
                            const char **bus, const char **path);

/** hvcma_clients_region_of() - a region that names the device, or NULL. */
VirtIOCMA *hvcma_clients_region_of(const char *device_id);

/** hvcma_clients_default_region() - or NULL. */
VirtIOCMA *hvcma_clients_default_region(void);

/* ---- clients-plug.c ---- */

/**
 * hvcma_clients_register() - enter the region into the registry and take over
 * the clients that are plugged already. @s has its engine.
 *
 * Errors: name or default flag taken by another region, client of a region
 * whose addresses are of the other sort, client unfit for this region.
 */
bool hvcma_clients_register(VirtIOCMA *s, Error **errp);

/**
 * hvcma_clients_unregister() - let go of every client: gates closed, engine
 * told. Comes before hvcma_engine_fini().
 */
void hvcma_clients_unregister(VirtIOCMA *s);

/* ---- clients-gate.c ---- */

/**
 * hvcma_clients_claim_now() - CLAIM a client in place of a guest driver: all
 * steps in one turn, for a VM that does not run.
 * @coherent: what the driver would say or has said, VIRTIO_CMA_COHERENT_*
 * @resp: out, the answer; only its header if that has a status other than OK
 */
void hvcma_clients_claim_now(VirtIOCMA *s, uint32_t client, uint32_t coherent,
                             struct virtio_cma_claim_resp *resp);

/**
 * hvcma_clients_claim() - open the client's gate.
 * hvcma_clients_quiesce() - close it: bus master off, device reset.
 *
 * Return: OK, or another status; the reason was reported.
 */
enum virtio_cma_status hvcma_clients_claim(HvcmaClients *c, uint32_t client);
enum virtio_cma_status hvcma_clients_quiesce(HvcmaClients *c, uint32_t client);

/* ---- clients-noiommu.c ---- */

/**
 * hvcma_clients_noiommu_region() - the region with unsafe-noiommu=on that names
 * this device.
 * @device_id: id of the -device option; NULL is in no region
 *
 * A region that comes later on the command line counts, unless it is written as
 * JSON: QEMU keeps no list of those.
 *
 * Return: its name, NULL if there is none.
 */
const char *hvcma_clients_noiommu_region(const char *device_id);

/**
 * hvcma_clients_noiommu_service() - which service is to open this device?
 * @device_id: as above; of one that hvcma_clients_noiommu_attach() allows
 * @path: out: of the socket that the region with it has, NULL: none, QEMU opens
 *        it
 *
 * Return: false with @errp if the region's service= is no good.
 */
bool hvcma_clients_noiommu_service(const char *device_id, const char **path,
                                   Error **errp);

/**
 * hvcma_clients_noiommu_attach() - may this vfio-pci device attach to a
 * no-IOMMU group?
 * @device_id: id of the -device option, NULL if it has none
 * @group_path: "/dev/vfio/noiommu-N", for the message
 *
 * Return: true only if a region with unsafe-noiommu=on names the device, or is
 * the default region; else @errp says what the command line lacks.
 */
bool hvcma_clients_noiommu_attach(const char *device_id, const char *group_path,
                                  Error **errp);

#endif /* QEMU_DEVICE_CLIENTS_H */
