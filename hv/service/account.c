// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * VMs and what they have: see account.h.
 */
#include "hv/service/account.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void apply_rule(struct hvcmad_vm *vm, const struct hvcmad_rule *rule)
{
	if (!rule) {
		vm->quota = (struct hvcmad_quota){ 0 };
		vm->unsafe_noiommu = false;
		vm->unsafe_no_reset = false;
		vm->priority = 0;
		return;
	}
	memcpy(vm->name, rule->name, sizeof(vm->name));
	vm->quota = rule->quota;
	vm->unsafe_noiommu = rule->unsafe_noiommu;
	vm->unsafe_no_reset = rule->unsafe_no_reset;
	vm->priority = rule->priority;
}

void hvcmad_accounts_reload(struct hvcmad_accounts *accounts, const struct hvcmad_config *config)
{
	struct hvcmad_vm *vm;

	accounts->quota = config->total;
	for (vm = accounts->vms; vm; vm = vm->next)
		apply_rule(vm, hvcmad_config_match(config, &vm->id));
}

static void forget(struct hvcmad_vm *vm)
{
	struct hvcmad_vm **at = &vm->accounts->vms;

	while (*at != vm)
		at = &(*at)->next;
	*at = vm->next;
	free(vm);
}

/* Who has had searches is remembered: to go and come again is no rest. */
static void vm_put(struct hvcmad_vm *vm)
{
	if (!--vm->refs && !vm->searches.nr)
		forget(vm);
}

/* The VM of this name, and these processes; NULL: there is none yet. */
static struct hvcmad_vm *find(const struct hvcmad_accounts *accounts, const char *name,
			      const struct hvcmad_identity *id)
{
	struct hvcmad_vm *vm = accounts->vms;

	while (vm && (strcmp(vm->name, name) || strcmp(vm->id.cgroup, id->cgroup)))
		vm = vm->next;
	return vm;
}

/* One session more; @vm is NULL for the first. NULL: no memory. */
static struct hvcmad_vm *join(struct hvcmad_accounts *accounts, struct hvcmad_vm *vm, const struct hvcmad_rule *rule,
			      const struct hvcmad_identity *id)
{
	if (!vm) {
		vm = calloc(1, sizeof(*vm));
		if (!vm)
			return NULL;
		vm->accounts = accounts;
		vm->next = accounts->vms;
		accounts->vms = vm;
	}
	vm->id = *id;		/* one that fits, for the next configuration */
	apply_rule(vm, rule);
	vm->sessions++;
	vm->refs++;
	return vm;
}

int hvcmad_vm_join(struct hvcmad_accounts *accounts, const struct hvcmad_config *config,
		   const struct hvcmad_identity *id, struct hvcmad_vm **out, struct hvcma_error *err)
{
	const struct hvcmad_rule *rule = hvcmad_config_match(config, id);
	struct hvcmad_vm *vm;

	if (!rule) {
		hvcma_error_set(err, "process %d of user %u in control group %s is no VM of the configuration",
				(int)id->pid, id->uid, id->cgroup);
		return -EACCES;
	}
	vm = find(accounts, rule->name, id);
	if (vm && vm->sessions >= HVCMAD_MAX_SESSIONS_PER_VM) {
		hvcma_error_set(err, "VM %s has %u sessions, no more can be had", vm->name, vm->sessions);
		return -EDQUOT;
	}
	if (vm && vm->closing >= HVCMAD_MAX_CLOSING) {
		hvcma_error_set(err, "VM %s has sent %zu descriptors that can't be closed", vm->name,
				vm->closing);
		return -EDQUOT;
	}
	vm = join(accounts, vm, rule, id);
	if (!vm) {
		hvcma_error_set(err, "no memory for VM %s", rule->name);
		return -ENOMEM;
	}
	*out = vm;
	return 0;
}

int hvcmad_vm_rejoin(struct hvcmad_accounts *accounts, const struct hvcmad_config *config,
		     const struct hvcmad_identity *id, const char *name, struct hvcmad_vm **out)
{
	const struct hvcmad_rule *rule = hvcmad_config_match(config, id);
	struct hvcmad_vm *vm = join(accounts, find(accounts, rule ? rule->name : name, id), rule, id);

	if (!vm)
		return -ENOMEM;
	if (!rule)
		snprintf(vm->name, sizeof(vm->name), "%s", name);
	*out = vm;
	return 0;
}

void hvcmad_vm_leave(struct hvcmad_vm *vm)
{
	vm->sessions--;
	vm_put(vm);
}

/* ---- searches ---- */

/* What there is of them now, when rests that are over have been counted. */
static struct hvcmad_searches rested(const struct hvcmad_vm *vm, uint64_t now_us)
{
	struct hvcmad_searches s = vm->searches;
	uint64_t rests = s.rest_us && now_us > s.ended_us ? (now_us - s.ended_us) / s.rest_us : 0;

	if (rests >= s.nr)
		return (struct hvcmad_searches){ 0 };
	s.nr -= (uint32_t)rests;
	s.ended_us += rests * s.rest_us;
	return s;
}

int hvcmad_vm_may_search(const struct hvcmad_vm *vm, uint64_t now_us, struct hvcma_error *err)
{
	uint32_t most = vm->quota.regions > HVCMAD_FREE_SEARCHES ? vm->quota.regions : HVCMAD_FREE_SEARCHES;
	const struct hvcmad_searches s = rested(vm, now_us);
	uint64_t until_us;

	if (s.nr < most)
		return 0;
	until_us = s.ended_us + (s.nr - most + 1) * s.rest_us;
	hvcma_error_set(err, "VM %s has had %" PRIu32 " searches for pages, as many as it may before it rests; the next one may begin in %" PRIu64 " ms",
			vm->name, s.nr, until_us > now_us ? (until_us - now_us + 999) / 1000 : 1);
	return -EAGAIN;
}

void hvcmad_vm_search_begins(struct hvcmad_vm *vm, uint64_t now_us)
{
	struct hvcmad_vm *other = vm->accounts->vms, *next;

	vm->searches = rested(vm, now_us);
	vm->searches.nr++;
	vm->refs++;
	for (; other; other = next) {
		next = other->next;
		if (!other->refs && !rested(other, now_us).nr)
			forget(other);
	}
}

void hvcmad_vm_search_ended(struct hvcmad_vm *vm, uint64_t took_us, uint64_t ended_us)
{
	uint64_t rest_us = took_us * HVCMAD_REST_TIMES;

	vm->searches.rest_us = rest_us > HVCMAD_MIN_REST_US ? rest_us : HVCMAD_MIN_REST_US;
	vm->searches.ended_us = ended_us;
	vm_put(vm);
}

void hvcmad_accounts_fini(struct hvcmad_accounts *accounts)
{
	struct hvcmad_vm *vm = accounts->vms, *next;

	for (; vm; vm = next) {
		next = vm->next;
		if (!vm->refs)
			forget(vm);
	}
}

/* ---- quotas ---- */

static bool fits(uint64_t used, uint64_t more, uint64_t quota)
{
	return used <= quota && more <= quota - used;
}

static int over(const char *whose, const char *what, uint64_t used, uint64_t more, uint64_t quota,
		struct hvcma_error *err)
{
	hvcma_error_set(err, "%s: %" PRIu64 " more beside %" PRIu64 " would pass the quota '%s', %" PRIu64,
			whose, more, used, what, quota);
	return -EDQUOT;
}

static int check_allowed(const struct hvcmad_vm *vm, struct hvcma_error *err)
{
	if (vm->quota.regions)
		return 0;
	hvcma_error_set(err, "VM %s may have nothing, as the configuration is now", vm->name);
	return -EACCES;
}

int hvcmad_vm_add_region(struct hvcmad_vm *vm, uint64_t bytes, struct hvcma_error *err)
{
	struct hvcmad_accounts *all = vm->accounts;
	int ret = check_allowed(vm, err);

	if (ret)
		return ret;
	if (!fits(vm->used.regions, 1, vm->quota.regions))
		return over(vm->name, "regions", vm->used.regions, 1, vm->quota.regions, err);
	if (!fits(vm->used.memory_bytes, bytes, vm->quota.memory_bytes))
		return over(vm->name, "memory", vm->used.memory_bytes, bytes, vm->quota.memory_bytes, err);
	if (!fits(all->used.regions, 1, all->quota.regions))
		return over("all VMs", "regions", all->used.regions, 1, all->quota.regions, err);
	if (!fits(all->used.memory_bytes, bytes, all->quota.memory_bytes))
		return over("all VMs", "memory", all->used.memory_bytes, bytes, all->quota.memory_bytes, err);

	hvcmad_vm_restore_region(vm, bytes);
	return 0;
}

void hvcmad_vm_restore_region(struct hvcmad_vm *vm, uint64_t bytes)
{
	struct hvcmad_accounts *all = vm->accounts;

	vm->refs++;
	vm->used.regions++;
	vm->used.memory_bytes += bytes;
	all->used.regions++;
	all->used.memory_bytes += bytes;
}

void hvcmad_vm_remove_region(struct hvcmad_vm *vm, uint64_t bytes)
{
	struct hvcmad_accounts *all = vm->accounts;

	vm->used.regions--;
	vm->used.memory_bytes -= bytes;
	all->used.regions--;
	all->used.memory_bytes -= bytes;
	vm_put(vm);
}

int hvcmad_vm_add_device(struct hvcmad_vm *vm, struct hvcma_error *err)
{
	struct hvcmad_accounts *all = vm->accounts;

	if (!fits(vm->used.devices, 1, vm->quota.devices))
		return over(vm->name, "max-devices", vm->used.devices, 1, vm->quota.devices, err);
	if (!fits(all->used.devices, 1, all->quota.devices))
		return over("all VMs", "devices", all->used.devices, 1, all->quota.devices, err);
	hvcmad_vm_restore_device(vm);
	return 0;
}

void hvcmad_vm_restore_device(struct hvcmad_vm *vm)
{
	vm->refs++;
	vm->used.devices++;
	vm->accounts->used.devices++;
}

void hvcmad_vm_remove_device(struct hvcmad_vm *vm)
{
	vm->used.devices--;
	vm->accounts->used.devices--;
	vm_put(vm);
}

void hvcmad_vm_add_closing(struct hvcmad_vm *vm, size_t nr)
{
	vm->closing += nr;
	vm->refs++;
}

void hvcmad_vm_remove_closing(struct hvcmad_vm *vm, size_t nr)
{
	vm->closing -= nr;
	vm_put(vm);
}

int hvcmad_vm_may_pin(const struct hvcmad_vm *vm, uint64_t bytes, struct hvcma_error *err)
{
	const struct hvcmad_accounts *all = vm->accounts;
	int ret = check_allowed(vm, err);

	if (ret)
		return ret;
	if (!fits(vm->used.pinned_bytes, bytes, vm->quota.pinned_bytes))
		return over(vm->name, "pinned", vm->used.pinned_bytes, bytes, vm->quota.pinned_bytes, err);
	if (!fits(all->used.pinned_bytes, bytes, all->quota.pinned_bytes))
		return over("all VMs", "pinned", all->used.pinned_bytes, bytes, all->quota.pinned_bytes, err);
	return 0;
}

void hvcmad_vm_pinned(struct hvcmad_vm *vm, uint64_t before, uint64_t after)
{
	vm->used.pinned_bytes += after - before;	/* modulo 2^64: also less */
	vm->accounts->used.pinned_bytes += after - before;
}
