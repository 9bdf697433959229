/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes that have something here, and are therefore known to the keeper: who they are, and a pidfd that
 * tells their end to the next service, too. One for a process, whatever sessions it has; what it has
 * refers to it. Knows no session and no memory.
 */
#ifndef HVCMA_SERVICE_PEER_H
#define HVCMA_SERVICE_PEER_H

#include "hv/abi/hvcmad.h"
#include "hv/service/identity.h"
#include "hv/service/keep.h"

/* First in every record that a keeper has. */
enum hvcmad_record_kind {
	HVCMAD_RECORD_PEER = 1,
	HVCMAD_RECORD_REGION = 2,
	HVCMAD_RECORD_DEVICE = 3,
};

#define HVCMAD_RECORD_VERSION	1

struct hvcmad_record_head {
	uint32_t kind;			/* enum hvcmad_record_kind */
	uint32_t version;		/* HVCMAD_RECORD_VERSION */
	uint64_t peer;			/* key of whose it is */
};

struct hvcmad_peer_record {
	struct hvcmad_record_head head;
	uint32_t pid;
	uint32_t uid;
	char vm[HVCMAD_VM_BYTES];
	char cgroup[HVCMAD_CGROUP_BYTES];
	char machine[HVCMAD_MACHINE_BYTES];
	char label[HVCMAD_LABEL_BYTES];
};
_Static_assert(sizeof(struct hvcmad_peer_record) == 920, "a keeper of another version has it, too");
_Static_assert(sizeof(struct hvcmad_peer_record) <= HVCMAD_KEEPER_MAX_RECORD, "no keeper takes it");

struct hvcmad_peer {
	struct hvcmad_peer *next;
	struct hvcmad_peers *peers;
	unsigned int refs;
	int pidfd;
	struct hvcmad_peer_record record;
	struct hvcmad_kept kept;
};

struct hvcmad_peers {
	struct hvcmad_peer *first;
	struct hvcmad_keep *keep;
	uint64_t last_key;
};

void hvcmad_peers_init(struct hvcmad_peers *peers, struct hvcmad_keep *keep);

/**
 * hvcmad_peer_get() - the process with this identity and pidfd, kept from now on.
 * @vm: name of the VM that it is taken for
 * @out: out: the caller's until hvcmad_peer_put()
 *
 * Return: 0, or a negative errno with words in @err.
 */
int hvcmad_peer_get(struct hvcmad_peers *peers, const struct hvcmad_identity *id, int pidfd, const char *vm,
		    struct hvcmad_peer **out, struct hvcma_error *err);

/** hvcmad_peer_put() - the last one has the keeper let go of it; NULL is allowed. */
void hvcmad_peer_put(struct hvcmad_peer *peer);

/**
 * hvcmad_peer_adopt() - one that the keeper has from the service before.
 * @found: its pidfd is taken over, on success
 * @out: out: the caller's until hvcmad_peer_put()
 *
 * Return: 0, -EINVAL (no such record), -ENOMEM.
 */
int hvcmad_peer_adopt(struct hvcmad_peers *peers, struct hvcmad_found *found, struct hvcmad_peer **out);

/** hvcmad_peer_find() - by the key that records have; NULL: there is none. */
struct hvcmad_peer *hvcmad_peer_find(const struct hvcmad_peers *peers, uint64_t key);

/** hvcmad_peer_identity() - as it was when it had connected. */
void hvcmad_peer_identity(const struct hvcmad_peer *peer, struct hvcmad_identity *out);

#endif /* HVCMA_SERVICE_PEER_H */
