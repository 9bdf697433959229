// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Processes that have something here: see peer.h.
 */
#define _GNU_SOURCE	/* F_DUPFD_CLOEXEC */
#include "hv/service/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void hvcmad_peers_init(struct hvcmad_peers *peers, struct hvcmad_keep *keep)
{
	*peers = (struct hvcmad_peers){ .keep = keep };
}

/* Takes over @pidfd. */
static struct hvcmad_peer *peer_new(struct hvcmad_peers *peers, const struct hvcmad_peer_record *record, int pidfd)
{
	struct hvcmad_peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		return NULL;
	peer->peers = peers;
	peer->refs = 1;
	peer->pidfd = pidfd;
	peer->record = *record;
	peer->kept = (struct hvcmad_kept){
		.nr_fds = 1, .fd = { pidfd }, .record = &peer->record, .record_bytes = sizeof(peer->record),
	};
	return peer;
}

static void add(struct hvcmad_peers *peers, struct hvcmad_peer *peer)
{
	peer->next = peers->first;
	peers->first = peer;
	if (peer->record.head.peer > peers->last_key)
		peers->last_key = peer->record.head.peer;
}

/* One number, and not dead: the same process. */
static struct hvcmad_peer *find_process(const struct hvcmad_peers *peers, pid_t pid)
{
	struct hvcmad_peer *peer = peers->first;

	while (peer && (peer->record.pid != (uint32_t)pid || hvcmad_is_dead(peer->pidfd)))
		peer = peer->next;
	return peer;
}

static void fill(struct hvcmad_peer_record *record, uint64_t key, const struct hvcmad_identity *id, const char *vm)
{
	*record = (struct hvcmad_peer_record){
		.head = { HVCMAD_RECORD_PEER, HVCMAD_RECORD_VERSION, key },
		.pid = (uint32_t)id->pid, .uid = id->uid,
	};
	snprintf(record->vm, sizeof(record->vm), "%s", vm);
	memcpy(record->cgroup, id->cgroup, sizeof(record->cgroup));
	memcpy(record->machine, id->machine, sizeof(record->machine));
	memcpy(record->label, id->label, sizeof(record->label));
}

int hvcmad_peer_get(struct hvcmad_peers *peers, const struct hvcmad_identity *id, int pidfd, const char *vm,
		    struct hvcmad_peer **out, struct hvcma_error *err)
{
	struct hvcmad_peer *peer = find_process(peers, id->pid);
	struct hvcmad_peer_record record;
	int fd, ret;

	if (peer) {
		peer->refs++;
		*out = peer;
		return 0;
	}
	fd = fcntl(pidfd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0) {
		ret = -errno;
		hvcma_error_set(err, "no descriptor more for process %d: %s", (int)id->pid, strerror(-ret));
		return ret;
	}
	fill(&record, peers->last_key + 1, id, vm);
	peer = peer_new(peers, &record, fd);
	if (!peer) {
		close(fd);
		hvcma_error_set(err, "no memory for process %d", (int)id->pid);
		return -ENOMEM;
	}
	ret = hvcmad_keep_put(peers->keep, &peer->kept, NULL, NULL, err);
	if (ret) {
		close(fd);
		free(peer);
		return ret;
	}
	add(peers, peer);
	*out = peer;
	return 0;
}

void hvcmad_peer_put(struct hvcmad_peer *peer)
{
	struct hvcmad_peer **at;

	if (!peer || --peer->refs)
		return;
	for (at = &peer->peers->first; *at != peer; at = &(*at)->next)
		;
	*at = peer->next;
	hvcmad_keep_drop(peer->peers->keep, &peer->kept);
	close(peer->pidfd);
	free(peer);
}

/* Texts that end inside their fields. */
static bool is_good(const struct hvcmad_peer_record *r)
{
	return r->head.peer && !r->vm[sizeof(r->vm) - 1] && !r->cgroup[sizeof(r->cgroup) - 1] &&
	       !r->machine[sizeof(r->machine) - 1] && !r->label[sizeof(r->label) - 1];
}

int hvcmad_peer_adopt(struct hvcmad_peers *peers, struct hvcmad_found *found, struct hvcmad_peer **out)
{
	struct hvcmad_peer_record record;
	struct hvcmad_peer *peer;

	if (found->record_bytes != sizeof(record) || found->nr_fds != 1)
		return -EINVAL;
	memcpy(&record, found->record, sizeof(record));
	if (!is_good(&record) || hvcmad_peer_find(peers, record.head.peer))
		return -EINVAL;
	peer = peer_new(peers, &record, found->fd[0]);
	if (!peer)
		return -ENOMEM;
	found->nr_fds = 0;
	hvcmad_keep_adopt(peers->keep, &peer->kept, found->id);
	add(peers, peer);
	*out = peer;
	return 0;
}

struct hvcmad_peer *hvcmad_peer_find(const struct hvcmad_peers *peers, uint64_t key)
{
	struct hvcmad_peer *peer = peers->first;

	while (peer && peer->record.head.peer != key)
		peer = peer->next;
	return peer;
}

void hvcmad_peer_identity(const struct hvcmad_peer *peer, struct hvcmad_identity *out)
{
	const struct hvcmad_peer_record *r = &peer->record;

	*out = (struct hvcmad_identity){ .pid = (pid_t)r->pid, .uid = r->uid };
	memcpy(out->cgroup, r->cgroup, sizeof(out->cgroup));
	memcpy(out->machine, r->machine, sizeof(out->machine));
	memcpy(out->label, r->label, sizeof(out->label));
}
