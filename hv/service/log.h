/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What hvcmad says: to the journal, with fields, if stderr leads there, else to stderr.
 * Characters that would steer a terminal become '?'. Decides nothing.
 */
#ifndef HVCMA_SERVICE_LOG_H
#define HVCMA_SERVICE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <syslog.h>

/*
 * X(name, MESSAGE_ID): journalctl MESSAGE_ID=... finds all of a kind; hvcmad(8) lists them. Numbers
 * as "systemd-id128 new" makes them; they never change.
 */
#define HVCMAD_EVENT_TABLE(X)							\
	X(SERVICE,	"98dae4a8ecfc46e883da019ef6d78581")	/* start, reload, end */ \
	X(REGION,	"c1eafd5cb95346e5a3851cbbd79b87fb")	/* a region begins or ends */ \
	X(REFUSED,	"f08addc199a4447c9b92b98360b1a45c")	/* a request, or a client */ \
	X(PEER,		"50310b17cb6b445388da19cf7f936d1a")	/* a session that was ended */ \
	X(DEVICE,	"9ba3d6212e704ce885eaf148ddbdb862")	/* a device is opened, stopped, can't be stopped */ \
	X(HELD,		"aaa2e5e450814c63b2cb16c209713eeb")	/* what keeps the service from ending */ \
	X(FAULT,	"5572257d49e64419a90f299cf390814e")	/* the host fails */	\
	X(KEEPER,	"27c3e081477244f48c37481740beadd4")	/* the keeper comes, goes, or has something */ \
	X(TURN,		"e8fdffb1556f49c3b434f665d3e7b589")	/* a VM has not surrendered memory in time */

#define HVCMAD_EVENT_ENUM(name, id) HVCMAD_EVENT_##name,
enum hvcmad_event {
	HVCMAD_EVENT_TABLE(HVCMAD_EVENT_ENUM)
	HVCMAD_NR_EVENTS
};

/* Whom it is about; fields of the journal. What is NULL or 0 is left out. */
struct hvcmad_about {
	const char *vm;
	const char *region;
	const char *device;
	pid_t pid;
};

/** hvcmad_log_open() - find out where stderr leads. */
void hvcmad_log_open(void);

/** hvcmad_log() - one line; @about may be NULL. */
void hvcmad_log(int priority, enum hvcmad_event event, const struct hvcmad_about *about,
		const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/*
 * So that nobody fills the journal: HVCMAD_LOG_BURST lines in HVCMAD_LOG_WINDOW_US, of each who has
 * a limit of his own. Zero is a fresh one.
 */
#define HVCMAD_LOG_BURST	20
#define HVCMAD_LOG_WINDOW_US	UINT64_C(60000000)

struct hvcmad_log_limit {
	uint64_t begin_us;
	unsigned int passed;
	unsigned int kept;
};

/**
 * hvcmad_log_passes() - may there be one line more?
 * @now_us: CLOCK_MONOTONIC
 * @kept: out, if so: lines that were kept back since the last that passed
 */
bool hvcmad_log_passes(struct hvcmad_log_limit *limit, uint64_t now_us, unsigned int *kept);

#endif /* HVCMA_SERVICE_LOG_H */
