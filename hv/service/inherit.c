// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the service before this one has left with the keeper becomes this one's: processes, each with a session
 * that is over, their devices and their regions. Those that have ended meanwhile are ended by the event loop as any are.
 * What can't be taken over stays with the keeper, as it is, and is told; but without a device the service
 * does not start: it could not tell when what that may write to is to be given back.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hv/service/session.h"

struct tally {
	unsigned int regions;
	unsigned int devices;
	unsigned int left;		/* with the keeper */
};

/* In the order of their ids, each process before what it has. */
static int take_peer(struct hvcmad_server *s, const struct hvcmad_record_head *head, struct hvcmad_found *found)
{
	struct hvcmad_session *session;
	struct hvcmad_peer *peer;
	int ret;

	if (hvcmad_peer_find(&s->peers, head->peer))
		return -EEXIST;
	ret = hvcmad_peer_adopt(&s->peers, found, &peer);
	if (ret)
		return ret;
	session = hvcmad_session_adopt(s, peer);
	return session ? 0 : -ENOMEM;
}

static struct hvcmad_session *session_of(const struct hvcmad_server *s, const struct hvcmad_peer *peer)
{
	struct hvcmad_session *session = s->sessions;

	while (session && session->id.pid != (pid_t)peer->record.pid)
		session = session->next;
	return session;
}

static int take_device(struct hvcmad_server *s, const struct hvcmad_record_head *head, struct hvcmad_found *found)
{
	struct hvcmad_peer *peer = hvcmad_peer_find(&s->peers, head->peer);
	struct hvcmad_session *session = peer ? session_of(s, peer) : NULL;
	struct hvcmad_device *d;
	struct hvcmad_about who;
	int ret;

	if (!session)
		return -EINVAL;
	ret = hvcmad_device_adopt(&s->devices, session->vm, peer, found, &d);
	if (ret)
		return ret;
	session->has_opened = true;
	who = (struct hvcmad_about){ .vm = d->vm->name, .device = d->name, .pid = d->pid };
	hvcmad_log(LOG_INFO, HVCMAD_EVENT_DEVICE, &who, "VM %s: device %s, number %" PRIu32 ", goes on", d->vm->name,
		   d->name, d->number);
	return 0;
}

/* Is there one of the number of this record? */
static bool has_region(const struct hvcmad_server *s, const struct hvcmad_found *found)
{
	const struct hvcmad_region *r = s->memory.first;
	struct hvcmad_region_record record;

	if (found->record_bytes != sizeof(record))
		return false;
	memcpy(&record, found->record, sizeof(record));
	while (r && r->id != record.id)
		r = r->next;
	return r;
}

static int take_region(struct hvcmad_server *s, const struct hvcmad_record_head *head, struct hvcmad_found *found)
{
	struct hvcmad_peer *peer = hvcmad_peer_find(&s->peers, head->peer);
	struct hvcmad_session *session = peer ? session_of(s, peer) : NULL;
	struct hvcma_error err = { "" };
	struct hvcmad_region *r;
	struct hvcmad_about who;
	int ret;

	if (!session)
		return -EINVAL;
	if (has_region(s, found))
		return -EEXIST;
	ret = hvcmad_memory_adopt(&s->memory, session->vm, session, peer, found, &r, &err);
	if (ret) {
		hvcmad_log(LOG_ERR, HVCMAD_EVENT_KEEPER, NULL, "%s", err.text);
		return ret;
	}
	who = (struct hvcmad_about){ .vm = r->vm->name, .region = r->name, .pid = r->pid };
	hvcmad_log(LOG_INFO, HVCMAD_EVENT_REGION, &who, "VM %s: region %s goes on", r->vm->name, r->name);
	return 0;
}

static bool is_known(const struct hvcmad_record_head *head)
{
	return head->version == HVCMAD_RECORD_VERSION && head->kind >= HVCMAD_RECORD_PEER &&
	       head->kind <= HVCMAD_RECORD_DEVICE;
}

static int take_one(struct hvcmad_server *s, const struct hvcmad_record_head *head, struct hvcmad_found *found,
		    struct tally *tally)
{
	int ret;

	switch (head->kind) {
	case HVCMAD_RECORD_PEER:
		return take_peer(s, head, found);
	case HVCMAD_RECORD_DEVICE:
		ret = take_device(s, head, found);
		tally->devices += !ret;
		return ret;
	default:
		ret = take_region(s, head, found);
		tally->regions += !ret;
		return ret;
	}
}

/* False: the service can't do without it. */
static bool take(struct hvcmad_server *s, struct hvcmad_found *found, enum hvcmad_record_kind kind, struct tally *tally)
{
	struct hvcmad_record_head head = { 0 };
	int ret;

	if (found->record_bytes >= sizeof(head))
		memcpy(&head, found->record, sizeof(head));
	if (hvcmad_keep_has(&s->keep, found->id))
		return true;	/* what was put there just now, in place of something found */
	if (!is_known(&head)) {
		tally->left += kind == HVCMAD_RECORD_PEER;	/* once */
		return true;
	}
	if (head.kind != kind)
		return true;	/* another turn's */
	ret = take_one(s, &head, found, tally);
	if (ret == -EEXIST)	/* a service was killed while it gave the same again; the first has all */
		hvcmad_keep_forget(&s->keep, found->id);
	else if (ret)
		tally->left++;
	return !ret || ret == -EEXIST || kind != HVCMAD_RECORD_DEVICE;
}

/* Processes that turn out to have nothing. */
static void end_empty(struct hvcmad_server *s)
{
	struct hvcmad_session *session = s->sessions, *next;

	for (; session; session = next) {
		next = session->next;
		if (!session->has_opened && !hvcmad_memory_has(&s->memory, session))
			hvcmad_session_end(session);
	}
}

int hvcmad_take_over(struct hvcmad_server *s, struct hvcma_error *err)
{
	static const enum hvcmad_record_kind turns[] = {
		HVCMAD_RECORD_PEER, HVCMAD_RECORD_DEVICE, HVCMAD_RECORD_REGION,
	};
	struct tally tally = { 0 };
	struct hvcmad_peer *peer;
	struct hvcmad_found found;
	uint32_t after;
	bool goes_on = true;
	size_t turn;
	int ret = 0;

	for (turn = 0; turn < sizeof(turns) / sizeof(turns[0]); turn++) {
		for (after = 0; (ret = hvcmad_keep_next(&s->keep, after, &found, err)) > 0; after = found.id) {
			goes_on &= take(s, &found, turns[turn], &tally);
			hvcmad_found_close(&found);
		}
		if (ret < 0)
			return ret;
		if (!goes_on) {
			hvcma_error_set(err, "a device that the keeper has can't be taken over");
			return -EIO;
		}
	}
	/* The reference that each was found by; what it has holds others. */
	end_empty(s);
	for (peer = s->peers.first; peer;) {
		struct hvcmad_peer *next = peer->next;

		hvcmad_peer_put(peer);
		peer = next;
	}
	if (tally.regions || tally.devices)
		hvcmad_log(LOG_NOTICE, HVCMAD_EVENT_KEEPER, NULL,
			   "takes over %u regions and %u devices from the service before", tally.regions, tally.devices);
	if (tally.left)
		hvcmad_log(LOG_ERR, HVCMAD_EVENT_KEEPER, NULL,
			   "%u things stay with the keeper, and are not freed: they can't be taken over", tally.left);
	return 0;
}
