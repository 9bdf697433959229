/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP client over a unix socket: one command at a time, each with a time limit.
 * Events are skipped. Knows nothing of virtio-cma.
 *
 * A QMP socket serves one client at a time: while another one is connected,
 * a second one waits for its greeting (-ETIMEDOUT) and a third to be connected
 * (-EAGAIN). Nothing that the other side sends makes it hang or run out of memory:
 * an answer has its time, its size and its depth.
 */
#ifndef HVCMA_CLI_QMP_H
#define HVCMA_CLI_QMP_H

#include <json-c/json.h>

#include "hv/host/provider.h"

struct hvcma_qmp;

/**
 * hvcma_qmp_connect() - connect, read the greeting, negotiate capabilities.
 * @path: of the unix socket
 * @timeout_ms: for this and for each later command
 * @out: owned by the caller, ended with hvcma_qmp_close()
 *
 * Return: 0, or a negative errno with @err in words that name the socket where it
 * counts: what connect(2) says, -EAGAIN (no connection within @timeout_ms),
 * -ENAMETOOLONG, -ETIMEDOUT, -ECONNRESET (closed by QEMU), -EPROTO (not QMP),
 * -ENOMEM.
 */
int hvcma_qmp_connect(const char *path, unsigned int timeout_ms,
		      struct hvcma_qmp **out, struct hvcma_error *err);

/*
 * Carries one command to QEMU and its answer back, both whole JSON texts; @answer is malloc'ed.
 * Return: 0, or a negative errno with @err.
 */
typedef int hvcma_qmp_carry_fn(void *opaque, const char *command, char **answer,
			       struct hvcma_error *err);

/**
 * hvcma_qmp_carried() - a client whose commands somebody else carries who has the socket,
 * such as libvirt.
 * @opaque: for @carry, valid until hvcma_qmp_close()
 * @out: as of hvcma_qmp_connect()
 *
 * Return: 0, or -ENOMEM with @err.
 */
int hvcma_qmp_carried(hvcma_qmp_carry_fn *carry, void *opaque, struct hvcma_qmp **out,
		      struct hvcma_error *err);

/**
 * hvcma_qmp_execute() - run one command and wait for its answer.
 * @arguments: NULL for none; the reference is consumed, also on failure
 * @out: the "return" member, a reference owned by the caller
 *
 * Return: 0, or a negative errno with @err in words: -ENOENT (QEMU answered
 * with error class DeviceNotFound), -EREMOTEIO (any other error from QEMU,
 * whose text is in @err), -ETIMEDOUT, -ECONNRESET, -EPROTO, -EMSGSIZE, -ENOMEM. After
 * any but the first two the connection is of no further use.
 */
int hvcma_qmp_execute(struct hvcma_qmp *qmp, const char *command,
		      struct json_object *arguments, struct json_object **out,
		      struct hvcma_error *err);

/** hvcma_qmp_close() - NULL is allowed. */
void hvcma_qmp_close(struct hvcma_qmp *qmp);

#endif /* HVCMA_CLI_QMP_H */
