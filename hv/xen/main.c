// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma-xen: regions for domains of Xen, given and looked after in the control domain. "daemon" is the
 * backend; the other commands write to xenstore or read there, as xl does for its devices.
 *
 * A program beside hvcmad: that one serves processes over sockets, by descriptors, pins and pidfds, of which
 * a domain has none; what there is here is states in xenstore and memory that is Xen's.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <xenstore.h>
#include <xen/io/xenbus.h>

#include "hv/abi/version.h"
#include "hv/core/region_text.h"
#include "hv/host/xen/domain.h"
#include "hv/xen/backend.h"
#include "hv/xen/list.h"

#define DOMAINS		"/local/domain"
#define WAIT_STEP_MS	10
#define LOCK_FILE	"/run/hvcma-xen.lock"

static const char help[] =
	"usage: hvcma-xen daemon\n"
	"       hvcma-xen attach DOMAIN NAME=SIZE[@BASE] [--mode private|reusable]\n"
	"                 [--device NAME=pci:PATH|platform:0xADDRESS]... [--wait SECONDS]\n"
	"       hvcma-xen detach DOMAIN ID [--wait SECONDS]\n"
	"       hvcma-xen list [--json]\n"
	"       hvcma-xen check\n"
	"\n"
	"Contiguous machine memory for domains whose passed-through devices have no IOMMU. Runs in the control\n"
	"domain; what of it a domain uses is up to its driver, virtio_cma. DOMAIN is a number or a name.\n"
	"\n"
	"  daemon   serve all regions; what it knows is in xenstore, so it may be killed and started at any time\n"
	"  attach   give a running domain a region; prints its number, with --wait when it is in use\n"
	"  detach   take one away; with --wait returns when that is done\n"
	"  list     one line for each region: domain, number, name, mode, state, size, frames, extents, and\n"
	"           what went wrong; --json: as hvcma status --xen --json has it\n"
	"  check    can Xen and xenstore be asked, and does the daemon run? One line\n"
	"\n"
	"  --mode MODE      private (default): never RAM of the guest; reusable: RAM of its until devices need it\n"
	"  --device N=WHERE where the guest has the client that is called N\n"
	"  --wait SECONDS   wait until done, at most so long\n"
	"  --version        the version\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage.\n";

static int usage_error(const char *what, const char *value)
{
	fprintf(stderr, "hvcma-xen: %s '%s'\n%s", what, value, help);
	return 2;
}

static int failed(const struct hvcma_error *err)
{
	fprintf(stderr, "hvcma-xen: %s\n", err->text);
	return 1;
}

/* ---- daemon ---- */

static void tell_step(struct xs_handle *xs, const struct hvcma_xen_device *d)
{
	uint64_t state = 0;

	hvcma_store_read_u64(xs, &state, "%s/state", d->backend);
	printf("hvcma-xen: domain %" PRIu32 " region %" PRIu32 ": %s\n", d->domid, d->id,
	       hvcma_xen_state_name(state));
	fflush(stdout);
}

/* Frontends of devices that are there are watched; twice is once. */
static void step_all(struct hvcma_xen *x, struct xs_handle *xs)
{
	int64_t domid = -1, id = -1;
	struct hvcma_error err;

	while (hvcma_xen_next_device(xs, &domid, &id)) {
		char path[HVCMA_STORE_PATH_BYTES + 8];
		struct hvcma_xen_device d;
		int ret;

		hvcma_xen_device_set(&d, domid, id);
		snprintf(path, sizeof(path), "%s/state", d.frontend);
		xs_watch(xs, path, path);
		err.text[0] = '\0';
		while ((ret = hvcma_xen_step(x, xs, &d, &err)) > 0)
			tell_step(xs, &d);
		if (ret < 0)
			fprintf(stderr, "hvcma-xen: domain %" PRIu32 " region %" PRIu32 ": %s\n",
				d.domid, d.id, err.text);
	}
}

/* Two would make every step twice. The lock is held for as long as the process lives. */
static int be_the_only_one(struct hvcma_error *err)
{
	int fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0) {
		hvcma_error_set(err, LOCK_FILE ": %s", strerror(errno));
		return -errno;
	}
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return 0;
	hvcma_error_set(err, errno == EWOULDBLOCK ? "a daemon is running: it has the lock " LOCK_FILE : LOCK_FILE ": no lock");
	close(fd);
	return -EBUSY;
}

static int run_daemon(struct xs_handle *xs)
{
	struct pollfd fd = { .fd = xs_fileno(xs), .events = POLLIN };
	struct hvcma_error err;
	struct hvcma_xen *x;
	int ret;

	ret = be_the_only_one(&err);
	if (!ret)
		ret = hvcma_xen_open(&x, &err);
	if (ret)
		return failed(&err);
	if (!xs_watch(xs, HVCMA_XEN_BACKENDS, "backends") ||
	    !xs_watch(xs, "@releaseDomain", "domains")) {
		hvcma_error_set(&err, "xenstore does not watch: %s", strerror(errno));
		hvcma_xen_close(x);
		return failed(&err);
	}
	printf("hvcma-xen: ready\n");
	fflush(stdout);
	for (;;) {
		char **event;

		step_all(x, xs);
		if (poll(&fd, 1, -1) < 0 && errno != EINTR)
			break;
		/* What comes in a burst is one look. */
		while ((event = xs_check_watch(xs)))
			free(event);
	}
	hvcma_error_set(&err, "xenstore: %s", strerror(errno));
	hvcma_xen_close(x);
	return failed(&err);
}

/* ---- attach, detach, list ---- */

static int find_domain(struct xs_handle *xs, const char *text, uint32_t *domid)
{
	char name[HVCMA_STORE_VALUE_BYTES], *end;
	unsigned long number = strtoul(text, &end, 10);
	int64_t id = -1;

	if (!*end && end != text && number <= INT32_MAX) {
		*domid = number;
		return 0;
	}
	while ((id = hvcma_store_next(xs, DOMAINS, id)) >= 0) {
		if (hvcma_store_read(xs, name, sizeof(name), DOMAINS "/%" PRId64 "/name", id) &&
		    !strcmp(name, text)) {
			*domid = id;
			return 0;
		}
	}
	return -ESRCH;
}

struct options {
	struct hvcma_xen_wish wish;
	unsigned long wait_seconds;
	const char *words[3];
	int nr_words;
	bool json;
};

/* "NAME=pci:PATH", "NAME=platform:0xADDRESS". Return: whether it is such. */
static bool take_device(struct hvcma_xen_wish *wish, const char *text)
{
	struct hvcma_xen_client_text *c = &wish->clients[wish->nr_clients];
	char bus[10];

	if (wish->nr_clients == HVCMA_XEN_MAX_CLIENTS ||
	    sscanf(text, "%31[^= ]=%9[a-z]:%63[^ ]", c->name, bus, c->path) != 3)
		return false;
	if (!strcmp(bus, "pci"))
		c->bus = VIRTIO_CMA_BUS_PCI;
	else if (!strcmp(bus, "platform"))
		c->bus = VIRTIO_CMA_BUS_PLATFORM;
	else
		return false;
	wish->nr_clients++;
	return true;
}

/* Return: 0, or an exit status. */
static int take_options(int argc, char **argv, struct options *o)
{
	o->wish.mode = "private";
	for (int i = 2; i < argc; i++) {
		char *end;

		if (argv[i][0] != '-') {
			if (o->nr_words == 3)
				return usage_error("unexpected argument", argv[i]);
			o->words[o->nr_words++] = argv[i];
			continue;
		}
		if (!strcmp(argv[i], "--json")) {
			o->json = true;
			continue;
		}
		if (i + 1 == argc)
			return usage_error("no value, or unknown option", argv[i]);
		if (!strcmp(argv[i], "--mode")) {
			o->wish.mode = argv[++i];
			if (strcmp(o->wish.mode, "private") && strcmp(o->wish.mode, "reusable"))
				return usage_error("neither private nor reusable: --mode", argv[i]);
		} else if (!strcmp(argv[i], "--device")) {
			if (!take_device(&o->wish, argv[++i]))
				return usage_error("not NAME=pci:PATH or NAME=platform:0xADDRESS: --device", argv[i]);
		} else if (!strcmp(argv[i], "--wait")) {
			o->wait_seconds = strtoul(argv[++i], &end, 10);
			if (*end || end == argv[i])
				return usage_error("not a number: --wait", argv[i]);
		} else {
			return usage_error("unknown option", argv[i]);
		}
	}
	return 0;
}

/* The region as text: its name, size and place; which devices it serves, all those that are named. */
static int take_region(const char *text, struct hvcma_xen_wish *wish, struct hvcma_error *err)
{
	struct hvcma_text_error wrong;
	struct hvcma_region_text r;

	if (!*text || hvcma_region_text_next(&text, &r, &wrong)) {
		hvcma_error_set(err, "region: %s", *text ? wrong.sentence : "no text");
		return -EINVAL;
	}
	if (*text || r.clients.bytes || r.kind.bytes ||
	    hvcma_region_text_bytes(&r.size, 0, &wish->bytes)) {
		hvcma_error_set(err, "region: only NAME=SIZE[@BASE], with an absolute size, is possible");
		return -EINVAL;
	}
	if (!wish->bytes || wish->bytes % HVCMA_XEN_GRANULE_BYTES ||
	    (r.has_base && r.base % HVCMA_XEN_GRANULE_BYTES)) {
		hvcma_error_set(err, "region: %" PRIu64 " bytes at %#" PRIx64 ": not whole granules of %" PRIu64 " bytes",
				wish->bytes, r.has_base ? r.base : 0, HVCMA_XEN_GRANULE_BYTES);
		return -EINVAL;
	}
	wish->base_gpa = r.has_base ? r.base : 0;
	snprintf(wish->name, sizeof(wish->name), "%.*s", (int)r.name.bytes, r.name.text);
	return 0;
}

/* Is it in use (@attach), or gone? Return: 1, 0, or a negative errno: it has failed. */
static int is_settled(struct xs_handle *xs, const struct hvcma_xen_device *d, bool attach,
		      struct hvcma_error *err)
{
	char text[HVCMA_STORE_VALUE_BYTES];
	uint64_t state = 0, other = 0;

	if (!hvcma_store_read_u64(xs, &state, "%s/state", d->backend))
		return attach ? -ENOENT : 1;
	if (!attach)
		return 0;
	hvcma_store_read_u64(xs, &other, "%s/state", d->frontend);
	if (state == XenbusStateConnected && other == XenbusStateConnected) {
		/* Connected, but every client is refused. */
		if (!hvcma_store_read(xs, text, sizeof(text), DOMAINS "/%" PRIu32 "/error/device/vcma/%" PRIu32 "/error",
				      d->domid, d->id))
			return 1;
		hvcma_error_set(err, "the guest says: %s", text);
		return -EIO;
	}
	if (state != XenbusStateClosing && state != XenbusStateClosed)
		return 0;
	if (!hvcma_store_read(xs, text, sizeof(text), "%s/error", d->backend))
		hvcma_store_read(xs, text, sizeof(text), DOMAINS "/%" PRIu32 "/error/device/vcma/%" PRIu32 "/error",
				 d->domid, d->id);
	hvcma_error_set(err, "%s", text[0] ? text : "it was closed");
	return -EIO;
}

static int wait_settled(struct xs_handle *xs, const struct hvcma_xen_device *d, bool attach,
			unsigned long seconds)
{
	const struct timespec step = { .tv_nsec = WAIT_STEP_MS * 1000000L };
	struct hvcma_error err = { .text = "it has gone" };
	int ret = 0;

	for (unsigned long left = seconds * 1000 / WAIT_STEP_MS; seconds && !ret; left--) {
		ret = is_settled(xs, d, attach, &err);
		if (!ret && !left) {
			hvcma_error_set(&err, "domain %" PRIu32 " region %" PRIu32 ": not %s within %lu s",
					d->domid, d->id, attach ? "in use" : "gone", seconds);
			ret = -ETIMEDOUT;
		}
		if (!ret)
			nanosleep(&step, NULL);
	}
	return ret < 0 ? failed(&err) : 0;
}

static int attach(struct xs_handle *xs, struct options *o)
{
	struct hvcma_xen_device d;
	struct hvcma_error err;
	uint32_t domid;
	int status;

	if (o->nr_words != 2)
		return usage_error("attach takes DOMAIN and a region, not", o->nr_words ? o->words[0] : "");
	if (find_domain(xs, o->words[0], &domid))
		return usage_error("no such domain", o->words[0]);
	if (take_region(o->words[1], &o->wish, &err))
		return failed(&err);
	if (hvcma_xen_attach(xs, domid, &o->wish, &d, &err))
		return failed(&err);
	status = wait_settled(xs, &d, true, o->wait_seconds);
	if (!status)
		printf("%" PRIu32 "\n", d.id);
	return status;
}

static int detach(struct xs_handle *xs, struct options *o)
{
	struct hvcma_xen_device d;
	struct hvcma_error err;
	unsigned long id;
	uint32_t domid;
	char *end;

	if (o->nr_words != 2)
		return usage_error("detach takes DOMAIN and ID, not", o->nr_words ? o->words[0] : "");
	if (find_domain(xs, o->words[0], &domid))
		return usage_error("no such domain", o->words[0]);
	id = strtoul(o->words[1], &end, 10);
	if (*end || end == o->words[1] || id > INT32_MAX)
		return usage_error("not a region's number", o->words[1]);
	if (hvcma_xen_detach(xs, domid, id, &err))
		return failed(&err);
	hvcma_xen_device_set(&d, domid, id);
	return wait_settled(xs, &d, false, o->wait_seconds);
}

static bool is_daemon_running(void)
{
	int fd = open(LOCK_FILE, O_RDONLY | O_CLOEXEC);
	bool is_running = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;

	if (fd >= 0)
		close(fd);
	return is_running;
}

static int check(struct options *o)
{
	struct hvcma_error err;
	struct hvcma_xen *x;

	if (o->nr_words)
		return usage_error("check takes no argument, not", o->words[0]);
	if (hvcma_xen_open(&x, &err))
		return failed(&err);
	hvcma_xen_close(x);
	printf("version=" HVCMA_VERSION " daemon=%s\n", is_daemon_running() ? "running" : "none");
	return 0;
}

static int list(struct xs_handle *xs, struct options *o)
{
	if (o->nr_words)
		return usage_error("list takes no argument, not", o->words[0]);
	if (o->json)
		return hvcma_xen_list_json(xs) ? 1 : 0;
	hvcma_xen_list_lines(xs);
	return 0;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";
	struct options *o;
	struct xs_handle *xs;
	int status;

	if (!strcmp(command, "--help") || !strcmp(command, "-h")) {
		fputs(help, stdout);
		return 0;
	}
	if (!strcmp(command, "--version") || !strcmp(command, "-V")) {
		puts("hvcma-xen " HVCMA_VERSION);
		return 0;
	}
	o = calloc(1, sizeof(*o));
	if (!o)
		return 1;
	status = take_options(argc, argv, o);
	if (status) {
		free(o);
		return status;
	}
	xs = xs_open(0);
	if (!xs) {
		fprintf(stderr, "hvcma-xen: xenstore can't be opened: %s\n", strerror(errno));
		free(o);
		return 1;
	}
	if (!strcmp(command, "daemon"))
		status = run_daemon(xs);
	else if (!strcmp(command, "attach"))
		status = attach(xs, o);
	else if (!strcmp(command, "detach"))
		status = detach(xs, o);
	else if (!strcmp(command, "list"))
		status = list(xs, o);
	else if (!strcmp(command, "check"))
		status = check(o);
	else
		status = usage_error("unknown command", command);
	xs_close(xs);
	free(o);
	return status;
}
