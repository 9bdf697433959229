/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMs that are there, and what each has of its quotas. Counts what others do, and says
 * whether they may. Touches no memory and no socket.
 *
 * A VM is a rule of the configuration together with the unit of systemd that its
 * processes are in: two units that fit one rule are two VMs, each with these quotas. It
 * lasts while somebody refers to it, and has rested from its searches.
 *
 * Quotas that a new configuration makes smaller than what is used take nothing away;
 * they keep more from being had.
 */
#ifndef HVCMA_SERVICE_ACCOUNT_H
#define HVCMA_SERVICE_ACCOUNT_H

#include "hv/service/config.h"
#include "hv/service/log.h"

#define HVCMAD_MAX_SESSIONS_PER_VM	16
#define HVCMAD_MAX_CLOSING		64	/* descriptors of a VM that are not closed yet */

/*
 * Searches for pages (arrange.h) that a VM may begin without a rest: as many as it may have regions, this at least. Then one
 * for each rest since the last one ended, which is so many times as long as that took: a VM has the host search a tenth of
 * the time at most.
 */
#define HVCMAD_FREE_SEARCHES		4
#define HVCMAD_REST_TIMES		9
#define HVCMAD_MIN_REST_US		1000000

struct hvcmad_usage {
	uint64_t memory_bytes;
	uint64_t pinned_bytes;
	uint32_t regions;
	uint32_t devices;
};

struct hvcmad_searches {
	uint32_t nr;			/* that it has had, less those that it has rested from */
	uint64_t rest_us;		/* for each, from @ended_us on */
	uint64_t ended_us;		/* the last one, or the rest that was counted last */
};

struct hvcmad_vm {
	struct hvcmad_accounts *accounts;
	struct hvcmad_vm *next;
	char name[HVCMAD_VM_BYTES];
	struct hvcmad_identity id;	/* of the last process that joined */
	struct hvcmad_quota quota;	/* all 0: no rule fits any more */
	bool unsafe_noiommu;
	bool unsafe_no_reset;
	uint32_t priority;
	struct hvcmad_usage used;
	uint32_t sessions;
	size_t closing;			/* descriptors that are not closed yet (closer.h) */
	struct hvcmad_searches searches;
	struct hvcmad_log_limit log;
	unsigned int refs;
};

struct hvcmad_accounts {
	struct hvcmad_vm *vms;
	struct hvcmad_quota quota;
	struct hvcmad_usage used;
};

/**
 * hvcmad_accounts_reload() - what @config says holds from now on, for VMs that are there, too.
 *
 * A VM is looked up again by what its last process was.
 */
void hvcmad_accounts_reload(struct hvcmad_accounts *accounts, const struct hvcmad_config *config);

/**
 * hvcmad_vm_join() - a session of this process begins.
 * @out: out: the VM; the caller's until hvcmad_vm_leave()
 *
 * Return: 0, -EACCES (no rule fits), -EDQUOT (it has HVCMAD_MAX_SESSIONS_PER_VM, or
 * HVCMAD_MAX_CLOSING), -ENOMEM;
 * @err says it in words.
 */
int hvcmad_vm_join(struct hvcmad_accounts *accounts, const struct hvcmad_config *config,
		   const struct hvcmad_identity *id, struct hvcmad_vm **out, struct hvcma_error *err);

/**
 * hvcmad_vm_rejoin() - the same for a process that had joined a service before this one.
 * @name: of the VM then, which it still is called by if no rule fits any more
 * @out: out: the VM; the caller's until hvcmad_vm_leave()
 *
 * Return: 0 or -ENOMEM.
 */
int hvcmad_vm_rejoin(struct hvcmad_accounts *accounts, const struct hvcmad_config *config,
		     const struct hvcmad_identity *id, const char *name, struct hvcmad_vm **out);

/** hvcmad_vm_leave() - the session ends. The VM is freed when nobody refers to it, and it has rested. */
void hvcmad_vm_leave(struct hvcmad_vm *vm);

/** hvcmad_accounts_fini() - VMs that nobody refers to are freed, rested or not. */
void hvcmad_accounts_fini(struct hvcmad_accounts *accounts);

/**
 * hvcmad_vm_add_region() - one region more, which refers to the VM.
 *
 * Return: 0, -EACCES (nothing is allowed any more), or -EDQUOT; @err names the quota.
 */
int hvcmad_vm_add_region(struct hvcmad_vm *vm, uint64_t bytes, struct hvcma_error *err);
void hvcmad_vm_remove_region(struct hvcmad_vm *vm, uint64_t bytes);

/** hvcmad_vm_restore_region() - the same for one that was there before this service: whatever is allowed now. */
void hvcmad_vm_restore_region(struct hvcmad_vm *vm, uint64_t bytes);

/**
 * hvcmad_vm_add_device() - one device more, which refers to the VM.
 *
 * Return: 0, or -EDQUOT; @err names the quota.
 */
int hvcmad_vm_add_device(struct hvcmad_vm *vm, struct hvcma_error *err);
void hvcmad_vm_remove_device(struct hvcmad_vm *vm);

/** hvcmad_vm_restore_device() - as hvcmad_vm_restore_region(). */
void hvcmad_vm_restore_device(struct hvcmad_vm *vm);

/** hvcmad_vm_add_closing() - so many descriptors that it sent are being closed; refers to it. */
void hvcmad_vm_add_closing(struct hvcmad_vm *vm, size_t nr);
void hvcmad_vm_remove_closing(struct hvcmad_vm *vm, size_t nr);

/**
 * hvcmad_vm_may_search() - one search for pages more, now?
 * @now_us: CLOCK_MONOTONIC, as all that follow
 *
 * Return: 0 or -EAGAIN; @err says in words when it may.
 */
int hvcmad_vm_may_search(const struct hvcmad_vm *vm, uint64_t now_us, struct hvcma_error *err);

/** hvcmad_vm_search_begins() - it refers to the VM until hvcmad_vm_search_ended(). VMs that have rested are forgotten. */
void hvcmad_vm_search_begins(struct hvcmad_vm *vm, uint64_t now_us);
void hvcmad_vm_search_ended(struct hvcmad_vm *vm, uint64_t took_us, uint64_t ended_us);

/** hvcmad_vm_may_pin() - so much more? 0, -EACCES or -EDQUOT; @err names the quota. */
int hvcmad_vm_may_pin(const struct hvcmad_vm *vm, uint64_t bytes, struct hvcma_error *err);

/** hvcmad_vm_pinned() - of a region @before bytes were pinned, and now are @after. */
void hvcmad_vm_pinned(struct hvcmad_vm *vm, uint64_t before, uint64_t after);

#endif /* HVCMA_SERVICE_ACCOUNT_H */
