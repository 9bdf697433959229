/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Messages of the service's socket (hv/abi/hvcmad.h): is what a peer sent well-formed?
 * Knows nothing of who may ask for what, nor of regions: hv/service does.
 */
#ifndef HVCMA_CORE_SERVICE_WIRE_H
#define HVCMA_CORE_SERVICE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/abi/hvcmad.h"

/* A request that is well-formed; a copy, which no peer can change any more. */
union hvcma_service_request {
	struct hvcmad_req_hdr hdr;
	struct hvcmad_hello_req hello;
	struct hvcmad_register_req reg;
	struct hvcmad_unregister_req unregister;
	struct hvcmad_range_req range;
	struct hvcmad_status_req status;
	struct hvcmad_open_device_req open_device;
	struct hvcmad_close_device_req close_device;
	struct hvcmad_devices_req devices;
	struct hvcmad_release_req release;
	struct hvcmad_resume_req resume;
	struct hvcmad_offer_req offer;
	struct hvcmad_wanted_req wanted;
	struct hvcmad_turns_req turns;
	struct hvcmad_arrange_req arrange;
};

/**
 * hvcma_service_request_parse() - copy a request, then judge the copy.
 * @message: as it came; read once
 * @bytes: its length
 * @nr_descriptors: how many came with it
 * @request: out, on success
 * @why: out, on failure: a sentence for people, constant
 *
 * Return: OK, or the status to answer with: MALFORMED (the session is to end),
 * VERSION, UNSUPP, DESCRIPTOR (too many or too few), INVAL. docs/service.md, 4.
 */
enum hvcmad_status hvcma_service_request_parse(const void *message, size_t bytes,
					       size_t nr_descriptors,
					       union hvcma_service_request *request,
					       const char **why);

/**
 * hvcma_service_response_parse() - judge the frame of a response.
 * @message: as it came, copied by the caller into memory that is his own
 * @bytes: its length
 * @min_bytes: least length of one whose status is OK, header included
 * @status: out, on success: as the service said; one that is not known is IO
 * @text: out, on success: words of a refusal, inside @message, not terminated
 * @text_bytes: out, on success: their length, 0 without
 *
 * Return: NULL, or what is wrong with the message, as a constant sentence.
 */
const char *hvcma_service_response_parse(const void *message, size_t bytes, size_t min_bytes,
					 enum hvcmad_status *status, const char **text,
					 size_t *text_bytes);

/** hvcma_service_is_device() - is it a name as Linux has for PCI devices, in small letters? */
bool hvcma_service_is_device(const char *name);

/**
 * hvcma_service_is_platform() - can it be the name of a platform device, as Linux makes them of nodes: letters,
 * digits, and what else a node may have, no '/'? Nothing that could be meant for a PCI device's ("03:00.0") is.
 */
bool hvcma_service_is_platform(const char *name);

/** hvcma_service_status_name() - as in the table ("QUOTA"), "?" for others. */
const char *hvcma_service_status_name(uint32_t status);

/** hvcma_service_status_text() - as in the table. */
const char *hvcma_service_status_text(uint32_t status);

/** hvcma_service_op_name() - "REGISTER"; "?" for others. */
const char *hvcma_service_op_name(uint32_t op);

#endif /* HVCMA_CORE_SERVICE_WIRE_H */
