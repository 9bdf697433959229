/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions: one client's socket, from accept() to its end. Reads a request, has it done, answers;
 * waits for nobody. Rules of docs/service.md, 1 and 3.
 */
#ifndef HVCMA_SERVICE_SESSION_H
#define HVCMA_SERVICE_SESSION_H

#include "hv/core/service_wire.h"
#include "hv/service/server.h"

#define HVCMAD_MAX_STRANGERS	32	/* sessions that are no VM's: root's, and who is refused */

/*
 *	GREETING --HELLO--> READY
 *	   '-------------------+---> ENDING (its last answer is on the way)
 *	                       '---------'---> CLOSED (no socket; regions, until its process has ended)
 */
enum hvcmad_session_state {
	HVCMAD_SESSION_GREETING,
	HVCMAD_SESSION_READY,
	HVCMAD_SESSION_ENDING,
	HVCMAD_SESSION_CLOSED,
	HVCMAD_SESSION_NR_STATES
};

struct hvcmad_session {
	struct hvcmad_session *next;
	struct hvcmad_server *server;
	enum hvcmad_session_state state;
	int fd;
	int pidfd;
	bool drained;				/* nothing is left to be read from fd */
	struct sd_event_source *io;
	struct sd_event_source *process;
	struct hvcmad_identity id;
	struct hvcmad_vm *vm;			/* NULL: a stranger */
	uint64_t features;			/* HVCMAD_F_*, that both know */
	bool has_opened;			/* devices, by this session or one that it took up */

	/* An answer that did not fit into the socket. */
	unsigned char *answer;
	size_t answer_bytes;
	int answer_fd;				/* -1: none; owned */
};

/** hvcmad_session_begin() - takes over @fd, just accepted. */
void hvcmad_session_begin(struct hvcmad_server *s, int fd);

/** hvcmad_session_end() - regions and all: its process has ended, or the service does. */
void hvcmad_session_end(struct hvcmad_session *session);

/**
 * hvcmad_session_adopt() - a session that is over, of a process that has something from the service before.
 *
 * Return: NULL: no memory, or it can't be watched.
 */
struct hvcmad_session *hvcmad_session_adopt(struct hvcmad_server *s, const struct hvcmad_peer *peer);

/* ---- request.c ---- */

/**
 * hvcmad_request_do() - do what a well-formed request asks for; makes server->response.
 * @fd: that came with it, -1: none; stays the caller's
 * @answer_fd: out, if the answer has a descriptor: that; stays the region's
 *
 * Return: the length of the response.
 */
size_t hvcmad_request_do(struct hvcmad_session *session, const union hvcma_service_request *request, int fd,
			 int *answer_fd);

/** hvcmad_request_refuse() - a response with this status and these words; its length. */
size_t hvcmad_request_refuse(struct hvcmad_server *s, enum hvcmad_status status, const char *words);

/** hvcmad_session_set_state() - the only way that a state changes. */
void hvcmad_session_set_state(struct hvcmad_session *session, enum hvcmad_session_state state);

#endif /* HVCMA_SERVICE_SESSION_H */
