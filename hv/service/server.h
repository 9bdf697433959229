/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The service as a whole: what its parts share. One thread and its event loop own all of it; other
 * threads (closer.h) touch nothing of this.
 */
#ifndef HVCMA_SERVICE_SERVER_H
#define HVCMA_SERVICE_SERVER_H

#include "hv/service/account.h"
#include "hv/service/closer.h"
#include "hv/service/device.h"
#include "hv/service/keep.h"
#include "hv/service/log.h"
#include "hv/service/memory.h"

struct sd_event;
struct sd_event_source;
struct hvcmad_session;

struct hvcmad_server {
	struct sd_event *event;
	const char *config_path;
	struct hvcmad_config *config;
	struct hvcmad_accounts accounts;
	struct hvcmad_keep keep;
	struct hvcmad_peers peers;
	struct hvcmad_memory memory;
	struct hvcmad_devices devices;
	struct hvcmad_closer *closer;
	struct hvcmad_session *sessions;
	unsigned int nr_strangers;		/* sessions that are no VM's */
	unsigned int strangers_closing;		/* descriptors of such that are not closed yet */
	struct hvcmad_log_limit strangers_log;
	struct hvcmad_log_limit pause_log;
	uint64_t served_us;			/* when a VM's last request was answered; 0: none was */
	bool stopping;				/* since SIGTERM: until the last region and device end */

	int listener;
	struct sd_event_source *listener_source;
	struct sd_event_source *retry;		/* when descriptors were used up: listen again */
	char path[128];				/* of the socket, made here; "": it was passed */
	char socket_path[128];			/* of the socket, whoever has made it */
	int lock;

	union hvcmad_buffer {			/* the response that is being made */
		uint64_t align;
		unsigned char bytes[HVCMAD_MAX_RESPONSE_BYTES];
	} response;
};

/**
 * hvcmad_server_init() - all but the socket.
 * @config_path: for reloads; borrowed
 * @config: taken over
 *
 * Return: 0 (then hvcmad_server_fini()), or a negative errno with words in @err.
 */
int hvcmad_server_init(struct hvcmad_server *s, const char *config_path, struct hvcmad_config *config,
		       struct hvcma_error *err);

/**
 * hvcmad_server_keep() - have a keeper, and what it has from a service before this one.
 * @path: of its socket; NULL: in the folder of the service's own, and started by this service
 *
 * After hvcmad_listen(), whose lock says that there is no other. Return: 0, or a negative errno with words
 * in @err.
 */
int hvcmad_server_keep(struct hvcmad_server *s, const char *path, struct hvcma_error *err);

/**
 * hvcmad_server_fini() - ends all sessions. What they have goes on being held by the keeper; without one
 * it is unpinned.
 */
void hvcmad_server_fini(struct hvcmad_server *s);

/** hvcmad_server_run() - serve until told to end. Return: 0 or a negative errno. */
int hvcmad_server_run(struct hvcmad_server *s);

/** hvcmad_server_something_gone() - a region or device has: is that all that the end waited for? */
void hvcmad_server_something_gone(struct hvcmad_server *s);

/* ---- inherit.c ---- */

/** hvcmad_take_over() - what the keeper has. Return: 0, or a negative errno with words in @err. */
int hvcmad_take_over(struct hvcmad_server *s, struct hvcma_error *err);

/* ---- listen.c ---- */

/**
 * hvcmad_listen() - take clients in, from the socket that systemd has passed, or from @path.
 *
 * One service to a socket: a lock beside it says so. What is left of one that was killed is
 * replaced.
 *
 * Return: 0, -EBUSY (another service has it), -EEXIST (what is there is no socket), -EINVAL (what
 * was passed is not one Unix socket of type SEQPACKET that listens), or what the kernel said;
 * @err says it in words.
 */
int hvcmad_listen(struct hvcmad_server *s, const char *path, struct hvcma_error *err);

/** hvcmad_listen_end() - no new clients. The lock stays until the process ends. */
void hvcmad_listen_end(struct hvcmad_server *s);

#endif /* HVCMA_SERVICE_SERVER_H */
