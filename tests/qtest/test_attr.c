// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory attributes at the device: properties stage2= and coherent=, the answer
 * to CLAIM, the report; and that QEMU keeps off memory that serves a client
 * whose DMA bypasses the caches, and comes back when it may.
 *
 * Cleaning itself is no operation on x86; the nested Arm host does it for real.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"

#define PATTERN		0x6876636d61212121ull
#define REGION		CMA_FAKE_REGION ",clients=edu0:edu1"
#define EDUS		"-device edu,id=edu0 -device edu,id=edu1 "

struct answer {
	uint64_t detail;
	uint32_t status, attr, maint, effective, reason;
};

static struct answer claim(struct cma *c, uint32_t client, uint32_t coherent)
{
	struct virtio_cma_client_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_CLAIM, .bytes = sizeof(req) },
		.client = client,
		.coherent = coherent,
	};
	struct virtio_cma_claim_resp resp = { 0 };
	int64_t used = cma_raw(c, VIRTIO_CMA_VQ_REQUEST, &req, sizeof(req), &resp, sizeof(resp));

	assert_int_equal(used, resp.hdr.status ? sizeof(resp.hdr) : sizeof(resp));
	return (struct answer){ resp.hdr.detail, resp.hdr.status, resp.attr, resp.maint,
				resp.effective, resp.reason };
}

static struct qtest *start(struct cma *c, const char *options)
{
	struct qtest *q;

	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, EDUS REGION "%s", "virtio-cma-pci", options);
	cma_open(c, q, &virtio_pci);
	return q;
}

static void expect_stage2(const char *options, uint32_t stage2, const char *name,
			  const char *source, const char *uncached)
{
	struct virtio_cma_config config;
	struct qtest *q;
	struct cma c;

	q = start(&c, options);
	cma_config(&c, &config);
	assert_int_equal(config.stage2, stage2);
	qtest_assert_text(q, "/attributes/stage2", name);
	qtest_assert_text(q, "/attributes/source", source);
	qtest_assert_text(q, "/attributes/effective-cached", "Normal Write-Back");
	qtest_assert_text(q, "/attributes/effective-uncached", uncached);
	qtest_stop(q);
}

static void test_stage2_is_published(void **state)
{
	static const char uncached[] = "Normal Non-cacheable";

	(void)state;
	expect_stage2("", VIRTIO_CMA_STAGE2_NONE, "none", "emulation", uncached);
	expect_stage2(",stage2=auto", VIRTIO_CMA_STAGE2_NONE, "none", "emulation", uncached);
	expect_stage2(",stage2=fwb", VIRTIO_CMA_STAGE2_FWB, "fwb", "property stage2",
		      "Normal Write-Back");
	expect_stage2(",stage2=no-fwb", VIRTIO_CMA_STAGE2_NO_FWB, "no-fwb", "property stage2",
		      uncached);
}

static void test_wrong_properties(void **state)
{
	static const struct {
		const char *options, *message;
	} rows[] = {
		{ ",stage2=maybe", "virtio-cma 'banka': stage2='maybe' is not supported, "
		  "supported: auto, none, no-fwb, fwb" },
		{ ",stage2=unknown", "stage2='unknown' is not supported" },
		{ ",coherent=yes", "virtio-cma 'banka': coherent='yes': 'yes' is neither on, off or "
		  "auto for all clients nor a list of ID=on|off|auto" },
		{ ",coherent=on:edu0=off", "coherent='on:edu0=off': 'on' is neither" },
		{ ",coherent=edu0=maybe", "'edu0=maybe' is neither" },
		{ ",coherent==on", "'=on' is neither" },
		{ ",coherent=edu0=on:", "'' is neither" },
		{ ",coherent=edu7=on", "virtio-cma 'banka': coherent='edu7=on' names 'edu7', which is "
		  "no client of this region" },
	};

	(void)state;
	qtest_skip_unless_built();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		qtest_expect_refusal(QTEST_Q35, rows[i].message, EDUS REGION "%s", "virtio-cma-pci",
				     rows[i].options);
}

static void test_decisions(void **state)
{
	struct answer a;
	struct qtest *q;
	struct cma c;

	(void)state;
	q = start(&c, ",stage2=no-fwb,coherent=edu0=off");
	qtest_assert_text(q, "/clients/0/coherent", "off");
	qtest_assert_text(q, "/clients/1/coherent", "auto");
	a = claim(&c, 0, VIRTIO_CMA_COHERENT_YES);	/* the operator overrules the guest */
	assert_int_equal(a.status, VIRTIO_CMA_S_OK);
	assert_int_equal(a.attr, VIRTIO_CMA_ATTR_UNCACHED);
	assert_int_equal(a.maint, VIRTIO_CMA_MAINT_BLOCK | VIRTIO_CMA_MAINT_NO_CACHED_ALIAS);
	assert_int_equal(a.effective, VIRTIO_CMA_TYPE_UNCACHED);
	assert_int_equal(a.reason, VIRTIO_CMA_REASON_NONCOHERENT);
	qtest_assert_text(q, "/clients/0/attr", "uncached");
	qtest_assert_text(q, "/clients/0/effective", "Normal Non-cacheable");
	qtest_assert_text(q, "/clients/0/maintenance/1", "no-cached-alias");
	a = claim(&c, 1, VIRTIO_CMA_COHERENT_NO);	/* emulated: through the host's caches */
	assert_int_equal(a.attr, VIRTIO_CMA_ATTR_CACHED);
	assert_int_equal(a.maint, 0);
	assert_int_equal(a.reason, VIRTIO_CMA_REASON_EMULATED);
	qtest_stop(q);

	q = start(&c, ",stage2=fwb,coherent=off");
	a = claim(&c, 1, VIRTIO_CMA_COHERENT_UNKNOWN);
	assert_int_equal(a.attr, VIRTIO_CMA_ATTR_CACHED);
	assert_int_equal(a.maint, VIRTIO_CMA_MAINT_BLOCK | VIRTIO_CMA_MAINT_SYNC |
				 VIRTIO_CMA_MAINT_NO_COHERENT);
	assert_int_equal(a.effective, VIRTIO_CMA_TYPE_WRITE_BACK);
	assert_int_equal(a.reason, VIRTIO_CMA_REASON_FWB);
	qtest_stop(q);

	q = start(&c, "");				/* emulation: the guest knows */
	a = claim(&c, 0, VIRTIO_CMA_COHERENT_NO);
	assert_int_equal(a.attr, VIRTIO_CMA_ATTR_UNCACHED);
	a = claim(&c, 1, VIRTIO_CMA_COHERENT_UNKNOWN);
	assert_int_equal(a.attr, VIRTIO_CMA_ATTR_AUTO);
	qtest_stop(q);
}

static void test_refused_claim_says_why(void **state)
{
	struct answer a;
	struct qtest *q;
	struct cma c;

	(void)state;
	q = start(&c, ",stage2=no-fwb,coherent=on,attr=uncached");
	a = claim(&c, 1, VIRTIO_CMA_COHERENT_UNKNOWN);
	assert_int_equal(a.status, VIRTIO_CMA_S_REFUSED);
	assert_int_equal(VIRTIO_CMA_REFUSED_CLIENT(a.detail), 1);
	assert_int_equal(VIRTIO_CMA_REFUSED_REASON(a.detail),
			 VIRTIO_CMA_REASON_UNCACHED_COHERENT);
	qtest_assert_text(q, "/clients/1/state", "present");
	assert_int_equal(qtest_get(q, "/clients/1/refused"), 1);
	assert_int_equal(qtest_get(q, "/clients/1/bus-master"), 0);
	qtest_stop(q);
}

/* ---- QEMU keeps off -------------------------------------------------------- */

#define MEASURE	"{'execute': 'calc-dirty-rate', 'arguments': {'calc-time': 1}}"

static const char why[] = "a client is doing DMA past the caches";

/* A debugger's packet; what it is told in *answer. */
static void debugger_asks(const char *path, const char *body, char *answer, size_t answer_bytes)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	unsigned char sum = 0;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char packet[64];
	size_t used = 0;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	for (const char *p = body; *p; p++)
		sum += *p;
	snprintf(packet, sizeof(packet), "$%s#%02x", body, sum);
	assert_int_equal(write(fd, packet, strlen(packet)), strlen(packet));
	while (used + 1 < answer_bytes) {
		ssize_t n = read(fd, answer + used, answer_bytes - 1 - used);

		assert_true(n > 0);
		used += n;
		answer[used] = 0;
		if (strchr(answer, '#'))
			break;
	}
	close(fd);
}

static void debugger_reads(const char *path, uint64_t gpa, char *answer, size_t answer_bytes)
{
	char body[48];

	snprintf(body, sizeof(body), "m%llx,8", (unsigned long long)gpa);
	debugger_asks(path, body, answer, answer_bytes);
}

static void expect_debugger(const char *path, const char *body, const char *expected)
{
	char answer[64];

	debugger_asks(path, body, answer, sizeof(answer));
	assert_non_null(strstr(answer, expected));
}

/* What is there already, so that it does not show. */
static void debugger_writes(const char *path, uint64_t gpa, const char *expected)
{
	char body[64];

	snprintf(body, sizeof(body), "M%llx,1:21", (unsigned long long)gpa);
	expect_debugger(path, body, expected);
}

static void expect_refused_accesses(struct qtest *q, const char *gdb, uint64_t gpa)
{
	static const char *const forms[] = {
		"xp/1gx 0x%llx", "x/1gx 0x%llx", "pmemsave 0x%llx 8 nowhere",
		"memsave 0x%llx 8 nowhere", "dump-guest-memory /dev/null", "sum 0 8",
		"calc_dirty_rate 1", "loadvm none", "savevm none", "gdbserver none",
	};
	char command[128], answer[64], *text;

	qtest_qmp_refused(q, why, "{'execute': 'dump-guest-memory', 'arguments': {"
			  "'paging': false, 'protocol': 'file:/dev/null'}}");
	qtest_qmp_refused(q, why, "{'execute': 'pmemsave', 'arguments': {"
			  "'val': %llu, 'size': 8, 'filename': '/dev/null'}}",
			  (unsigned long long)gpa);
	qtest_qmp_refused(q, why, "{'execute': 'memsave', 'arguments': {"
			  "'val': %llu, 'size': 8, 'filename': '/dev/null'}}",
			  (unsigned long long)gpa);
	qtest_qmp_refused(q, why, "{'execute': 'migrate', 'arguments': {'uri': 'file:/dev/null'}}");
	qtest_qmp_refused(q, why, MEASURE);
	qtest_qmp_refused(q, why, "{'execute': 'snapshot-load', 'arguments': {'job-id': 'job0', "
			  "'tag': 'none', 'vmstate': 'none', 'devices': []}}");
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		snprintf(command, sizeof(command), forms[i], (unsigned long long)gpa);
		text = qtest_hmp(q, command);
		assert_non_null(strstr(text, why));
		free(text);
	}
	debugger_reads(gdb, gpa, answer, sizeof(answer));
	assert_non_null(strstr(answer, "$E"));
	debugger_writes(gdb, gpa, "$E");
}

static void expect_allowed_accesses(struct qtest *q, const char *gdb, uint64_t gpa)
{
	char command[64], answer[64], *text;

	snprintf(command, sizeof(command), "xp/1gx 0x%llx", (unsigned long long)gpa);
	text = qtest_hmp(q, command);
	assert_non_null(strstr(text, "6876636d61212121"));
	free(text);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'pmemsave', 'arguments': {"
				     "'val': %llu, 'size': 8, 'filename': '/dev/null'}}",
				     (unsigned long long)gpa));
	json_object_put(qtest_qmp_ok(q, "{'execute': 'dump-guest-memory', 'arguments': {"
				     "'paging': false, 'protocol': 'file:/dev/null'}}"));
	text = qtest_hmp(q, "loadvm none");
	assert_null(strstr(text, why));
	free(text);
	debugger_writes(gdb, gpa, "$OK");
	debugger_reads(gdb, gpa, answer, sizeof(answer));
	assert_non_null(strstr(answer, "$212121616d637668"));
}

/* edu0 is not coherent, a debugger may connect to @gdb by @server, which has a %s; @mine is edu0's. */
static struct qtest *start_debugged(struct cma *c, char gdb[64], const char *server,
				    struct virtio_cma_block *mine)
{
	char options[256];
	struct qtest *q;
	int used;

	snprintf(gdb, 64, "/tmp/hvcma-gdb-%d", getpid());
	used = snprintf(options, sizeof(options), ",stage2=no-fwb,coherent=edu0=off ");
	snprintf(options + used, sizeof(options) - used, server, gdb);
	q = start(c, options);
	assert_int_equal(cma_alloc(c, CMA_GRANULE, 0, mine), VIRTIO_CMA_S_OK);
	return q;
}

static void test_qemu_keeps_off(void **state)
{
	struct virtio_cma_block mine, other;
	char gdb[64], answer[64];
	struct qtest *q;
	struct cma c;

	(void)state;
	q = start_debugged(&c, gdb, "-chardev socket,id=gdb0,path=%s,server=on,wait=off "
			   "-gdb chardev:gdb0", &mine);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, 1, &other), VIRTIO_CMA_S_OK);
	qtest_writeq(q, mine.base_gpa, PATTERN);
	qtest_writeq(q, other.base_gpa, PATTERN);

	assert_int_equal(claim(&c, 1, VIRTIO_CMA_COHERENT_YES).status, VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_get(q, "/attributes/noncoherent-bytes"), 0);
	expect_allowed_accesses(q, gdb, mine.base_gpa);

	assert_int_equal(claim(&c, 0, VIRTIO_CMA_COHERENT_YES).status, VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_get(q, "/attributes/noncoherent-bytes"), CMA_GRANULE);
	assert_int_equal(qtest_get(q, "/attributes/maintained-bytes"), CMA_GRANULE);
	expect_refused_accesses(q, gdb, mine.base_gpa);
	expect_refused_accesses(q, gdb, mine.base_gpa + CMA_GRANULE - 4);	/* its last bytes */
	debugger_reads(gdb, other.base_gpa, answer, sizeof(answer));
	assert_non_null(strstr(answer, "$212121616d637668"));

	assert_int_equal(cma_release(&c, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_get(q, "/attributes/noncoherent-bytes"), 0);
	assert_int_equal(qtest_get(q, "/attributes/maintained-bytes"), 2 * CMA_GRANULE);
	expect_allowed_accesses(q, gdb, mine.base_gpa);

	/* a guest that reboots hands everything back as well */
	assert_int_equal(claim(&c, 0, VIRTIO_CMA_COHERENT_YES).status, VIRTIO_CMA_S_OK);
	cma_restart(&c);
	assert_int_equal(qtest_get(q, "/attributes/noncoherent-bytes"), 0);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'dump-guest-memory', 'arguments': {"
				     "'paging': false, 'protocol': 'file:/dev/null'}}"));
	qtest_stop(q);
	unlink(gdb);
}

/* In its physical memory mode the debugger asks nobody: one or the other. */
static void test_physical_debugger(void **state)
{
	struct virtio_cma_block mine;
	char gdb[64], options[256], read_it[48];
	struct qtest *q;
	struct cma c;

	(void)state;
	q = start_debugged(&c, gdb, "-gdb unix:%s,server=on,wait=off", &mine);
	qtest_writeq(q, mine.base_gpa, PATTERN);
	snprintf(read_it, sizeof(read_it), "m%llx,8", (unsigned long long)mine.base_gpa);

	expect_debugger(gdb, "Qqemu.PhyMemMode:1", "$OK");
	expect_debugger(gdb, read_it, "$212121616d637668");
	assert_int_equal(claim(&c, 0, VIRTIO_CMA_COHERENT_YES).status, VIRTIO_CMA_S_REFUSED);
	qtest_assert_text(q, "/clients/0/state", "present");
	expect_debugger(gdb, read_it, "$212121616d637668");
	expect_debugger(gdb, "Qqemu.PhyMemMode:0", "$OK");
	assert_int_equal(claim(&c, 0, VIRTIO_CMA_COHERENT_YES).status, VIRTIO_CMA_S_OK);

	expect_debugger(gdb, "Qqemu.PhyMemMode:1", "$E22");
	expect_debugger(gdb, "qqemu.PhyMemMode", "$0");
	expect_debugger(gdb, read_it, "$E");
	expect_debugger(gdb, "Qqemu.PhyMemMode:01", "$E22");
	expect_debugger(gdb, read_it, "$E");
	expect_debugger(gdb, "Qqemu.PhyMemMode:0", "$OK");
	expect_debugger(gdb, read_it, "$E");

	assert_int_equal(cma_release(&c, 0), VIRTIO_CMA_S_OK);
	expect_debugger(gdb, "Qqemu.PhyMemMode:1", "$OK");
	expect_debugger(gdb, read_it, "$212121616d637668");

	/* a server of later is guarded as well */
	free(qtest_hmp(q, "gdbserver none"));
	unlink(gdb);
	snprintf(options, sizeof(options), "gdbserver unix:%s,server=on,wait=off", gdb);
	free(qtest_hmp(q, options));
	expect_debugger(gdb, "Qqemu.PhyMemMode:0", "$OK");
	assert_int_equal(claim(&c, 0, VIRTIO_CMA_COHERENT_YES).status, VIRTIO_CMA_S_OK);
	expect_debugger(gdb, "Qqemu.PhyMemMode:1", "$E22");
	expect_debugger(gdb, read_it, "$E");
	qtest_stop(q);
	unlink(gdb);
}

/* Two regions: QEMU comes back when the last one lets it. */
static void test_two_regions(void **state)
{
	struct cma first, second;
	struct qtest *q;
	uint8_t port;
	char *text;

	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, EDUS CMA_FAKE_REGION ",clients=edu0,coherent=off "
			"-device pcie-root-port,id=rp0 "
			"-object memory-backend-memfd,id=m1,size=64M "
			"-device virtio-cma-pci,id=cma1,bus=rp0,memdev=m1,name=bankb,granule=2M,"
			"x-provider=fake,clients=edu1,coherent=off", "virtio-cma-pci");
	cma_open(&first, q, &virtio_pci);
	assert_int_equal(claim(&first, 0, 0).status, VIRTIO_CMA_S_OK);
	port = qtest_pci_find(q, 0, 0x000c1b36);
	qtest_pci_write(q, 0, port, 0x18, 0x00010100);	/* bus numbers */
	qtest_pci_write(q, 0, port, 0x20, 0xeff0e800);	/* memory window */
	qtest_pci_write(q, 0, port, 0x04, 6);
	/* from here on both use the same guest memory for their queues: one at a time */
	cma_open_on_bus(&second, q, 1);
	assert_int_equal(claim(&second, 0, 0).status, VIRTIO_CMA_S_OK);
	cma_restart(&first);
	text = qtest_hmp(q, "xp/1gx 0");
	assert_non_null(strstr(text, why));
	free(text);
	cma_restart(&second);
	text = qtest_hmp(q, "xp/1gx 0");
	assert_null(strstr(text, why));
	free(text);
	qtest_stop(q);
}

/* What somebody else has disabled is not enabled by us. */
static void test_locked_by_others(void **state)
{
	static const char *const save = "{'execute': 'memsave', 'arguments': {"
					"'val': 0, 'size': 1, 'filename': '/dev/null'}}";
	struct qtest *q;
	struct cma c;

	(void)state;
	qtest_add_preload("hvcma-test-devices.so");
	q = start(&c, ",coherent=off -device hvcma-test-lock,command=memsave");
	qtest_qmp_refused(q, "locked by a test", "%s", save);
	assert_int_equal(claim(&c, 0, 0).status, VIRTIO_CMA_S_OK);
	qtest_qmp_refused(q, "locked by a test", "%s", save);
	qtest_qmp_refused(q, why, "{'execute': 'pmemsave', 'arguments': {"
			  "'val': 0, 'size': 1, 'filename': '/dev/null'}}");
	cma_restart(&c);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'pmemsave', 'arguments': {"
				     "'val': 0, 'size': 1, 'filename': '/dev/null'}}"));
	qtest_qmp_refused(q, "locked by a test", "%s", save);
	qtest_stop(q);
}

/* A message of vhost-user; only those with 64 bits of payload matter here. */
struct vhost_message {
	uint32_t request, flags, bytes;
	uint64_t value;
} __attribute__((packed));

#define VHOST_GET_FEATURES	1
#define VHOST_GET_PROTOCOL	15
#define VHOST_REPLY		0x5		/* version 1, an answer */
#define VHOST_NEED_REPLY	0x8
#define VHOST_FEATURES		(3ull << 32 | 1ull << 30)	/* version 1, access platform, protocol */
#define VHOST_PROTOCOL		(1u << 3 | 1u << 5)	/* answers, requests of the back end */

/* A process that may do DMA for a device, as far as QEMU can tell: it has its features. */
static pid_t start_back_end(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd;
	struct vhost_message m;
	pid_t pid;

	strcpy(addr.sun_path, path);
	assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(listener, 1), 0);
	pid = fork();
	if (pid) {
		close(listener);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);	/* also if the test fails */
	fd = accept(listener, NULL, NULL);
	while (recv(fd, &m, 12, MSG_WAITALL) == 12) {
		char payload[4096];

		if (m.bytes && recv(fd, payload, m.bytes, MSG_WAITALL) != m.bytes)
			break;
		if (m.request != VHOST_GET_FEATURES && m.request != VHOST_GET_PROTOCOL &&
		    !(m.flags & VHOST_NEED_REPLY))
			continue;
		m.flags = VHOST_REPLY;
		m.bytes = sizeof(m.value);
		m.value = m.request == VHOST_GET_FEATURES ? VHOST_FEATURES :
			  m.request == VHOST_GET_PROTOCOL ? VHOST_PROTOCOL : 0;
		send(fd, &m, sizeof(m), MSG_NOSIGNAL);
	}
	_exit(0);
}

/* Whose DMA is the host's processors': a kernel's copies are, another process's may not be. */
static void test_who_does_dma(void **state)
{
	char dir[] = "/tmp/hvcma-vhost.XXXXXX", socket[64];
	struct answer a;
	struct qtest *q;
	struct cma c;
	pid_t back_end;

	(void)state;
	qtest_skip_unless_built();
	assert_non_null(mkdtemp(dir));
	snprintf(socket, sizeof(socket), "%s/net", dir);
	back_end = start_back_end(socket);
	q = qtest_start(QTEST_Q35, "-chardev socket,id=net,path=%s -netdev vhost-user,id=net0,chardev=net "
			"-device virtio-net-pci,id=vun0,netdev=net0,disable-legacy=on,iommu_platform=on "
			"-device virtio-rng-pci,id=rng0,disable-legacy=on,iommu_platform=on " CMA_FAKE_REGION
			",clients=vun0:rng0,stage2=no-fwb", socket, "virtio-cma-pci");
	cma_open(&c, q, &virtio_pci);
	a = claim(&c, 0, VIRTIO_CMA_COHERENT_NO);	/* the guest's word counts, as for hardware */
	assert_int_equal(a.status, VIRTIO_CMA_S_OK);
	assert_int_equal(a.reason, VIRTIO_CMA_REASON_NONCOHERENT);
	a = claim(&c, 1, VIRTIO_CMA_COHERENT_NO);
	assert_int_equal(a.reason, VIRTIO_CMA_REASON_EMULATED);
	qtest_stop(q);			/* both claimed: nothing of them is there to be stopped any more */
	kill(back_end, SIGKILL);
	waitpid(back_end, NULL, 0);
	unlink(socket);
	rmdir(dir);
}

static void test_not_during_migration(void **state)
{
	struct answer a;
	struct qtest *q;
	struct cma c;

	(void)state;
	q = start(&c, ",stage2=no-fwb,coherent=off");
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate-set-parameters', 'arguments': {"
				     "'max-bandwidth': 1}}"));
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate', 'arguments': {"
				     "'uri': 'exec:cat >/dev/null'}}"));
	a = claim(&c, 0, VIRTIO_CMA_COHERENT_UNKNOWN);
	assert_int_equal(a.status, VIRTIO_CMA_S_REFUSED);
	assert_int_equal(a.detail, 0);
	qtest_assert_text(q, "/clients/0/state", "present");
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate_cancel'}"));
	qtest_stop(q);
}

/* A dump that waits for its reader is one that is on its way. */
static unsigned int times_said(struct qtest *q, const char *text)
{
	const char *at = qtest_stderr(q);
	unsigned int times = 0;

	while ((at = strstr(at, text))) {
		at += strlen(text);
		times++;
	}
	return times;
}

/* A guest may ask as often as it likes: that is said once. */
static void test_not_during_a_dump(void **state)
{
	struct qtest *q;
	char fifo[64];
	struct cma c;
	int fd;

	(void)state;
	q = start(&c, ",stage2=no-fwb,coherent=off");
	snprintf(fifo, sizeof(fifo), "/tmp/hvcma-dump-%d", getpid());
	assert_int_equal(mkfifo(fifo, 0600), 0);
	fd = open(fifo, O_RDWR | O_NONBLOCK);
	assert_true(fd >= 0);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'dump-guest-memory', 'arguments': {"
				     "'paging': false, 'protocol': 'file:%s', 'detach': true}}", fifo));
	for (int i = 0; i < 3; i++)
		assert_int_equal(claim(&c, 0, VIRTIO_CMA_COHERENT_UNKNOWN).status,
				 VIRTIO_CMA_S_REFUSED);
	assert_int_equal(times_said(q, "bypasses the caches is refused"), 1);
	qtest_assert_text(q, "/clients/0/state", "present");
	close(fd);				/* the dump fails, the machine goes on */
	qtest_wait_event(q, "DUMP_COMPLETED");
	assert_int_equal(claim(&c, 0, VIRTIO_CMA_COHERENT_UNKNOWN).status, VIRTIO_CMA_S_OK);
	qtest_stop(q);
	unlink(fifo);
}

static bool is_measuring(struct qtest *q)
{
	struct json_object *info = qtest_qmp_ok(q, "{'execute': 'query-dirty-rate'}"), *status;
	bool measuring;

	assert_true(json_object_object_get_ex(info, "status", &status));
	measuring = strcmp(json_object_get_string(status), "measured");
	json_object_put(info);
	return measuring;
}

/* A thread of its own reads, from when the command was taken until it says so. */
static void test_not_during_a_measurement(void **state)
{
	struct qtest *q;
	struct cma c;

	(void)state;
	q = start(&c, ",stage2=no-fwb,coherent=off");
	json_object_put(qtest_qmp_ok(q, MEASURE));
	assert_int_equal(claim(&c, 0, VIRTIO_CMA_COHERENT_UNKNOWN).status, VIRTIO_CMA_S_REFUSED);
	qtest_assert_text(q, "/clients/0/state", "present");
	for (int i = 0; is_measuring(q) && i < 50; i++)
		usleep(100000);
	assert_int_equal(claim(&c, 0, VIRTIO_CMA_COHERENT_UNKNOWN).status, VIRTIO_CMA_S_OK);
	qtest_qmp_refused(q, why, MEASURE);
	assert_int_equal(cma_release(&c, 0), VIRTIO_CMA_S_OK);
	json_object_put(qtest_qmp_ok(q, MEASURE));
	qtest_stop(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_does_dma),
		cmocka_unit_test(test_stage2_is_published),
		cmocka_unit_test(test_wrong_properties),
		cmocka_unit_test(test_decisions),
		cmocka_unit_test(test_refused_claim_says_why),
		cmocka_unit_test(test_qemu_keeps_off),
		cmocka_unit_test(test_physical_debugger),
		cmocka_unit_test(test_two_regions),
		cmocka_unit_test(test_not_during_migration),
		cmocka_unit_test(test_not_during_a_dump),
		cmocka_unit_test(test_not_during_a_measurement),
		cmocka_unit_test(test_locked_by_others),	/* last: QEMU has the lock from here on */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
