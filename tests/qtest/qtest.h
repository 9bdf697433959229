/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A QEMU under test: start and stop, guest-physical accesses through the qtest
 * protocol, monitor commands through QMP.
 *
 * The virtual machine runs no guest (-S, or a processor that halts): what one
 * would do is done from here. Failures of the machinery end the running cmocka test with a
 * message; nothing here returns an error. Knows nothing of virtio.
 */
#ifndef TESTS_QTEST_QTEST_H
#define TESTS_QTEST_QTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <json-c/json.h>

/* Seconds after which anything waited for is taken for lost. */
#define QTEST_TIMEOUT_S		20

struct qtest;

/* What the next QEMU must do without; see qtest_deny(). */
#define QTEST_NO_SYS_ADMIN	0x1	/* CAP_SYS_ADMIN */
#define QTEST_NO_IO_URING	0x2	/* io_uring_setup() fails with EPERM */

enum qtest_machine {
	QTEST_Q35,		/* x86_64, RAM at 0 */
	QTEST_VIRT,		/* aarch64, RAM at 1 GiB */
	QTEST_MICROVM,
};

/**
 * qtest_start() - start QEMU with the plugin and the machine's basic options.
 * @options: printf format of further command line options, split at spaces
 */
struct qtest *qtest_start(enum qtest_machine machine, const char *options, ...)
	__attribute__((format(printf, 2, 3)));

/** qtest_deny() - QTEST_NO_* for every QEMU started from now on; 0 for none. */
void qtest_deny(unsigned int what);

/**
 * qtest_as_user() - from now on QEMU runs as this user, without capabilities and with the usual
 * RLIMIT_MEMLOCK (tests/lib/as_user); 0: as the tests do.
 */
void qtest_as_user(uid_t uid);

/**
 * qtest_record() - write down all that is sent to QEMUs from now on.
 * @to: a line each, "start OPTIONS", "qtest COMMAND", "qmp COMMAND", "stop"; may be NULL
 * @stderr_path: what they print, appended
 */
void qtest_record(FILE *to, const char *stderr_path);

/**
 * qtest_batch() - while @on, what returns nothing is sent without waiting for it to be
 * done: QEMU sees several accesses in one turn of its main loop.
 */
void qtest_batch(struct qtest *q, bool on);

/** qtest_repeat() - send a command of the qtest protocol, as it was recorded. */
void qtest_repeat(struct qtest *q, const char *line);

/**
 * qtest_run() - let virtual time pass. There is still no guest: the firmware of
 * the x86 machines is one that halts (virt has no code at all).
 */
void qtest_run(struct qtest *q);

/**
 * qtest_stop() - the end of every test: QEMU still answers, then quits, with
 * exit status 0.
 */
void qtest_stop(struct qtest *q);

/** qtest_kill() - SIGKILL instead. */
void qtest_kill(struct qtest *q);

/** qtest_kill_leftover() - end the QEMU that a failed test left running, if any. */
void qtest_kill_leftover(void);

/**
 * qtest_expect_refusal() - QEMU ends with status 1 before the guest could run,
 * and prints @message (a substring) on stderr.
 */
void qtest_expect_refusal(enum qtest_machine machine, const char *message,
			  const char *options, ...)
	__attribute__((format(printf, 3, 4)));

/** qtest_stderr() - what QEMU printed so far; valid until the next call. */
const char *qtest_stderr(struct qtest *q);

pid_t qtest_pid(const struct qtest *q);

/** qtest_ram_base() - where RAM the test may use freely begins. */
uint64_t qtest_ram_base(const struct qtest *q);

/** qtest_skip_unless_built() - skip the test if QEMU or the plugin is missing. */
void qtest_skip_unless_built(void);

/**
 * qtest_is_built_in() - is virtio-cma a part of QEMU? HVCMA_QEMU names the folder of its programs
 * then. "trace=on" among the options becomes "-trace virtio_cma_*" there.
 */
bool qtest_is_built_in(void);

/** qtest_plugin() - path of hvcma-preload.so; "" of a QEMU that has virtio-cma built in. */
const char *qtest_plugin(void);

/**
 * qtest_add_preload() - from now on QEMU gets this library of the tests, too.
 * @name: of a file that is built into the folder tests/qtest
 */
void qtest_add_preload(const char *name);

/* ---- guest-physical memory and ports ---- */
uint8_t qtest_readb(struct qtest *q, uint64_t addr);
uint16_t qtest_readw(struct qtest *q, uint64_t addr);
uint32_t qtest_readl(struct qtest *q, uint64_t addr);
uint64_t qtest_readq(struct qtest *q, uint64_t addr);
void qtest_writeb(struct qtest *q, uint64_t addr, uint8_t value);
void qtest_writew(struct qtest *q, uint64_t addr, uint16_t value);
void qtest_writel(struct qtest *q, uint64_t addr, uint32_t value);
void qtest_writeq(struct qtest *q, uint64_t addr, uint64_t value);
void qtest_read(struct qtest *q, uint64_t addr, void *buf, size_t bytes);
void qtest_write(struct qtest *q, uint64_t addr, const void *buf, size_t bytes);
void qtest_memset(struct qtest *q, uint64_t addr, uint8_t value, size_t bytes);
uint32_t qtest_inl(struct qtest *q, uint16_t port);
void qtest_outl(struct qtest *q, uint16_t port, uint32_t value);

/* ---- PCI configuration space (q35) ---- */
uint32_t qtest_pci_read(struct qtest *q, uint8_t bus, uint8_t devfn, uint8_t reg);
void qtest_pci_write(struct qtest *q, uint8_t bus, uint8_t devfn, uint8_t reg,
		     uint32_t value);

/** qtest_pci_find() - devfn of @id (device << 16 | vendor) on @bus; fails if absent. */
uint8_t qtest_pci_find(struct qtest *q, uint8_t bus, uint32_t id);
uint8_t qtest_pci_find_nth(struct qtest *q, uint8_t bus, uint32_t id, unsigned int nth);

/* ---- monitor ---- */

/**
 * qtest_qmp() - send one command, wait for its answer; events are kept apart.
 * @json: printf format of the command, for example
 *	"{'execute': 'qom-get', ...}" with ' for "
 *
 * Return: the object {"return": ...} or {"error": ...}; json_object_put() it.
 */
struct json_object *qtest_qmp(struct qtest *q, const char *json, ...)
	__attribute__((format(printf, 2, 3)));

/** qtest_qmp_ok() - like qtest_qmp(), but an error fails the test; returns the value. */
struct json_object *qtest_qmp_ok(struct qtest *q, const char *json, ...)
	__attribute__((format(printf, 2, 3)));

/** qtest_wait_migrated() - outgoing or incoming, until it is completed; else the test fails. */
void qtest_wait_migrated(struct qtest *q);

/** qtest_qmp_refused() - the command must fail with @message as a part of the words. */
void qtest_qmp_refused(struct qtest *q, const char *message, const char *json, ...)
	__attribute__((format(printf, 3, 4)));

/** qtest_hmp() - a command of the human monitor; free() what it printed. */
char *qtest_hmp(struct qtest *q, const char *command);

/** qtest_wait_event() - wait until QMP has sent this event (from now or before). */
void qtest_wait_event(struct qtest *q, const char *event);

/** qtest_forget_events() - what QMP has sent before. */
void qtest_forget_events(struct qtest *q);

/**
 * qtest_get() - one value of the report of device "cma0", by JSON pointer such
 * as "/counters/pinned-bytes" or "/clients/0/state"; of another device with its
 * id before it, as in "cma1:/counters/pinned-bytes".
 */
int64_t qtest_get(struct qtest *q, const char *pointer);
void qtest_assert_text(struct qtest *q, const char *pointer, const char *expected);

#endif /* TESTS_QTEST_QTEST_H */
