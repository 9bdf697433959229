// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Detection of the second stage, with sources that this test plays: every source
 * alone, their order, and kernel logs in all states. The real ones are asked on
 * the nested Arm host.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/abi/virtio_cma.h"
#include "hv/host/arm_cache.h"
#include "hv/host/arm_stage2.h"

#define FWB	(UINT64_C(1) << 40)
#define NOTHING	(-EOPNOTSUPP)

struct world {
	int cap;
	int kvm_ret, user_ret, log, ctr_ret;
	uint64_t kvm_mmfr2, user_mmfr2, ctr;
	char asked[16];
};

static void note(struct world *w, char who)
{
	size_t n = strlen(w->asked);

	w->asked[n] = who;
}

static int ask_cap(void *opaque, unsigned int cap)
{
	struct world *w = opaque;

	assert_int_equal(cap, HVCMA_KVM_CAP_CACHEABLE_PFNMAP);
	note(w, 'c');
	return w->cap;
}

static int ask_kvm(void *opaque, uint64_t *mmfr2)
{
	struct world *w = opaque;

	note(w, 'k');
	*mmfr2 = w->kvm_mmfr2;
	return w->kvm_ret;
}

static int ask_user(void *opaque, uint64_t *mmfr2)
{
	struct world *w = opaque;

	note(w, 'u');
	*mmfr2 = w->user_mmfr2;
	return w->user_ret;
}

static int ask_log(void *opaque)
{
	struct world *w = opaque;

	note(w, 'l');
	return w->log;
}

static int ask_ctr(void *opaque, uint64_t *ctr)
{
	struct world *w = opaque;

	*ctr = w->ctr;
	return w->ctr_ret;
}

static struct hvcma_stage2_facts detect(struct world *w, bool is_arm64)
{
	const struct hvcma_stage2_probes probes = {
		.is_arm64 = is_arm64,
		.kvm_cap = ask_cap, .kvm_mmfr2 = ask_kvm, .user_mmfr2 = ask_user,
		.log = ask_log, .ctr = ask_ctr, .opaque = w,
	};
	struct hvcma_stage2_facts facts;

	w->asked[0] = 0;
	memset(w->asked, 0, sizeof(w->asked));
	memset(&facts, 0xaa, sizeof(facts));
	hvcma_arm_stage2_detect(&probes, &facts);
	assert_non_null(facts.source);
	return facts;
}

static void the_best_source_that_knows_is_believed(void **state)
{
	static const struct {
		struct world w;
		uint32_t stage2;
		const char *asked, *source;
	} rows[] = {
		{ { .cap = 1, .log = 0 }, VIRTIO_CMA_STAGE2_FWB, "c", "KVM_CAP" },
		{ { .cap = 0, .kvm_mmfr2 = FWB }, VIRTIO_CMA_STAGE2_FWB, "ck", "KVM vCPU" },
		{ { .cap = 0, .kvm_mmfr2 = ~FWB & 0xffffffffff }, VIRTIO_CMA_STAGE2_NO_FWB, "ck",
		  "KVM vCPU" },
		{ { .cap = NOTHING, .kvm_ret = -ENOENT, .user_mmfr2 = FWB },
		  VIRTIO_CMA_STAGE2_FWB, "cku", "processor" },
		/* hidden from programs, so 0 is no answer */
		{ { .cap = NOTHING, .kvm_ret = -EACCES, .log = 1 }, VIRTIO_CMA_STAGE2_FWB, "ckul",
		  "log" },
		{ { .cap = NOTHING, .kvm_ret = -EACCES, .user_ret = NOTHING, .user_mmfr2 = FWB,
		    .log = 0 }, VIRTIO_CMA_STAGE2_NO_FWB, "ckul", "log" },
		{ { .cap = NOTHING, .kvm_ret = -EACCES, .log = -EPERM },
		  VIRTIO_CMA_STAGE2_UNKNOWN, "ckul", "nobody" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world w = rows[i].w;
		struct hvcma_stage2_facts facts = detect(&w, true);

		assert_int_equal(facts.stage2, rows[i].stage2);
		assert_string_equal(w.asked, rows[i].asked);
		assert_non_null(strstr(facts.source, rows[i].source));
	}
}

static void other_architectures_are_not_asked(void **state)
{
	struct world w = { .cap = 1 };
	struct hvcma_stage2_facts facts = detect(&w, false);

	(void)state;
	assert_int_equal(facts.stage2, VIRTIO_CMA_STAGE2_NONE);
	assert_string_equal(w.asked, "");
	assert_int_equal(facts.line_bytes, 0);
}

static void cache_facts(void **state)
{
	struct world w = { .cap = 1, .ctr = 4 << 16 };
	struct hvcma_stage2_facts facts = detect(&w, true);

	(void)state;
	assert_int_equal(facts.line_bytes, 64);
	assert_false(facts.idc || facts.dic);
	w.ctr = UINT64_C(1) << 28 | UINT64_C(1) << 29 | 5 << 16;
	facts = detect(&w, true);
	assert_int_equal(facts.line_bytes, 128);
	assert_true(facts.idc && facts.dic);
	w.ctr_ret = NOTHING;
	assert_int_equal(detect(&w, true).line_bytes, 0);
}

/* The log of these records, as /dev/kmsg gives it: one for each read. */
static int scan(const char *const *records)
{
	int fd[2], ret;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd), 0);
	for (; *records; records++)
		assert_int_equal(write(fd[1], *records, strlen(*records)), strlen(*records));
	ret = hvcma_arm_stage2_scan_log(fd[0]);
	close(fd[0]);
	close(fd[1]);
	return ret;
}

#define BOOT	"6,0,0,-;Booting Linux on physical CPU 0x0000000000\n"
#define ATOMICS	"6,90,0,-;CPU features: detected: LSE atomic instructions\n"
#define WITH	"6,91,0,-;CPU features: detected: Stage-2 Force Write-Back\n"

static void kernel_logs(void **state)
{
	static const char *const with[] = { BOOT, ATOMICS, WITH, NULL };
	static const char *const without[] = { BOOT, ATOMICS, NULL };
	static const char *const cut_with[] = { ATOMICS, WITH, NULL };
	static const char *const cut[] = { ATOMICS, NULL };
	static const char *const silent[] = { BOOT, NULL };	/* loglevel or another kernel */
	static const char *const empty[] = { NULL };
	static const char *const odd[] = { "no commas at all", NULL };

	(void)state;
	assert_int_equal(scan(with), 1);
	assert_int_equal(scan(without), 0);
	assert_int_equal(scan(cut_with), 1);
	assert_int_equal(scan(cut), -ENODATA);
	assert_int_equal(scan(silent), -ENODATA);
	assert_int_equal(scan(empty), -ENODATA);
	assert_int_equal(scan(odd), -ENODATA);
	assert_int_equal(hvcma_arm_stage2_scan_log(-1), -EBADF);
}

static void this_machine_can_be_asked(void **state)
{
	struct hvcma_stage2_facts facts;
	char memory[256] = { 1 };

	(void)state;
	hvcma_arm_stage2_detect(&hvcma_stage2_host, &facts);
	assert_true(facts.stage2 < VIRTIO_CMA_NR_STAGE2);
#ifdef __aarch64__
	assert_true(facts.line_bytes >= 16);
	assert_int_equal(hvcma_clean_invalidate(memory, sizeof(memory), 64),
			 sizeof(memory) / 64 + ((uintptr_t)memory % 64 != 0));
#else
	assert_int_equal(facts.stage2, VIRTIO_CMA_STAGE2_NONE);
	assert_int_equal(hvcma_clean_invalidate(memory, sizeof(memory), 64), 0);
#endif
	assert_int_equal(hvcma_clean_invalidate(memory, 0, 64), 0);
	assert_int_equal(memory[0], 1);
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(hvcma_stage2_name(VIRTIO_CMA_STAGE2_UNKNOWN), "unknown");
	assert_string_equal(hvcma_stage2_name(VIRTIO_CMA_STAGE2_NO_FWB), "no-fwb");
	assert_string_equal(hvcma_stage2_name(VIRTIO_CMA_NR_STAGE2), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_best_source_that_knows_is_believed),
		cmocka_unit_test(other_architectures_are_not_asked),
		cmocka_unit_test(cache_facts),
		cmocka_unit_test(kernel_logs),
		cmocka_unit_test(this_machine_can_be_asked),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
