// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma run: the command line of QEMU for a guest that gets devices without IOMMU, printed or executed:
 * the plugin, a region on hugepages, its clients; the firmware where QEMU brings none. What a guest boots from is the
 * caller's, after "--".
 */
#define _GNU_SOURCE			/* vasprintf() */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/cli/fdt.h"
#include "hv/cli/options.h"
#include "hv/cli/plugin.h"
#include "hv/cli/text.h"
#include "hv/host/host_check.h"
#include "hv/host/host_files.h"
#include "hv/host/host_pool.h"

#define MIB		(UINT64_C(1) << 20)
#define GIB		(UINT64_C(1) << 30)
#define DEFAULT_BYTES	(512 * MIB)
#define DEFAULT_MEMORY	(2 * GIB)
#define DEFAULT_PAGE	(2 * MIB)
#define MAX_DEVICES	16
#define MAX_WORDS	512

static const char help[] =
	"usage: hvcma run [OPTION...] DEVICE... [-- QEMU-OPTION...]\n"
	"\n"
	"Start QEMU with the plugin, a region on hugepages, and PCI devices without IOMMU as its clients;\n"
	"hvcma bind has given them to VFIO. What the guest boots from are options of QEMU, after --; machine\n"
	"virt has UEFI, if there is one here and nothing else is said.\n"
	"The guest can read and write all of this host's memory by way of its devices.\n"
	"\n"
	"  DEVICE            0000:01:00.0\n"
	"      --print       print the command line, and start nothing\n"
	"      --size SIZE   of the region (default: 512M, or what is free)\n"
	"      --page SIZE   of its hugepages (default: the largest of which there are enough)\n"
	"      --mode MODE   of the region: private, reusable, ram (default: reusable)\n"
	"      --memory SIZE of the guest (default: 2G)\n"
	"      --smp N       processors of the guest (default: 2)\n"
	"      --machine M   q35 or virt (default: as this host)\n"
	"      --qmp SOCKET  for hvcma status (default: /run/hvcma-PID.qmp)\n"
	"      --qemu FILE   the QEMU to start (default: qemu-system-x86_64 or -aarch64 in PATH)\n"
	"      --plugin FILE the plugin (default: as installed)\n"
	"      --root DIR    devices and hugepages of another host, in a folder: for --print\n"
	"  -j, --json        with --print: as JSON\n"
	"  -h, --help        this text\n";

enum option_value {
	OPT_PRINT = 1,
	OPT_SIZE, OPT_PAGE, OPT_MODE, OPT_MEMORY, OPT_SMP, OPT_MACHINE, OPT_QMP, OPT_QEMU, OPT_PLUGIN, OPT_ROOT,
};

struct request {
	const char *root, *mode, *machine, *qmp, *qemu, *plugin;
	uint64_t bytes, page_bytes, memory_bytes, smp;
	struct hvcma_pci device[MAX_DEVICES];
	size_t nr_devices;
	bool print, json;
};

/* The command line, word by word; those of ours are malloc'ed, and live as long as the program. */
struct words {
	const char *word[MAX_WORDS + 1];
	size_t nr;
};

static int take_option(void *opaque, int c, char *arg)
{
	struct request *r = opaque;
	uint64_t *value = NULL;

	switch (c) {
	case OPT_PRINT:
		r->print = true;
		break;
	case OPT_SIZE:
		value = &r->bytes;
		break;
	case OPT_PAGE:
		value = &r->page_bytes;
		break;
	case OPT_MEMORY:
		value = &r->memory_bytes;
		break;
	case OPT_SMP:
		value = &r->smp;
		break;
	case OPT_MODE:
		r->mode = arg;
		break;
	case OPT_MACHINE:
		r->machine = arg;
		break;
	case OPT_QMP:
		r->qmp = arg;
		break;
	case OPT_QEMU:
		r->qemu = arg;
		break;
	case OPT_PLUGIN:
		r->plugin = arg;
		break;
	case OPT_ROOT:
		r->root = arg;
		break;
	default:
		r->json = true;
	}
	if (value && (!hvcma_fdt_number(arg, value) || !*value))
		return hvcma_usage_error("'%s' is no %s", arg, c == OPT_SMP ? "number" : "size: 64M, 0x4000000");
	return 0;
}

/* ---- which hugepages ---- */

struct choice {
	const struct request *r;
	uint64_t wanted_bytes;
	struct hvcma_pool best;
	uint64_t bytes;		/* of it; 0: none has any */
};

/* Pools come from small to large: of those that have as much, the last is taken. */
static int choose(const struct hvcma_pool *pool, void *opaque)
{
	struct choice *c = opaque;
	uint64_t page = pool->page_bytes, bytes;

	if (pool->node != HVCMA_ALL_NODES || (c->r->page_bytes && c->r->page_bytes != page))
		return 0;
	bytes = pool->free * page < c->wanted_bytes ? pool->free * page : c->wanted_bytes / page * page;
	if (bytes && bytes >= c->bytes) {
		c->best = *pool;
		c->bytes = bytes;
	}
	return 0;
}

static int choose_pages(struct request *r)
{
	bool is_ram = r->mode && !strcmp(r->mode, "ram");
	struct choice c = {
		.r = r, .wanted_bytes = is_ram ? r->memory_bytes : r->bytes ? r->bytes : DEFAULT_BYTES,
	};
	struct hvcma_error err;

	hvcma_pools_each(r->root, choose, &c);
	if (c.bytes == c.wanted_bytes || (c.bytes && !r->bytes && !is_ram)) {
		r->page_bytes = c.best.page_bytes;
		r->bytes = c.bytes;
		return 0;
	}
	hvcma_error_set(&err, "0x%" PRIx64 " bytes of free hugepages%s are wanted, and there are 0x%" PRIx64 ": hvcma hugepages --add SIZE makes more",
			c.wanted_bytes, r->page_bytes ? " of that size" : "", c.bytes);
	if (!r->print)
		return hvcma_failed(err.text);
	hvcma_note(err.text);
	r->bytes = c.wanted_bytes;
	r->page_bytes = r->page_bytes ? r->page_bytes : DEFAULT_PAGE;
	return 0;
}

/* ---- the command line ---- */

static void add(struct words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct words *w, const char *fmt, ...)
{
	char *word;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&word, fmt, args) < 0)
		exit(hvcma_failed("out of memory"));
	va_end(args);
	if (w->nr < MAX_WORDS)
		w->word[w->nr++] = word;
}

static void add_memory(const struct request *r, struct words *w)
{
	const char *share = "hugetlb=on,share=on";

	if (r->mode && !strcmp(r->mode, "ram")) {
		add(w, "-m");
		add(w, "%" PRIu64 "M", r->memory_bytes / MIB);
		add(w, "-object");
		add(w, "memory-backend-memfd,id=ram0,size=%" PRIu64 "M,%s,hugetlbsize=%" PRIu64 "K", r->memory_bytes / MIB, share,
		    r->page_bytes / 1024);
		return;
	}
	add(w, "-m");
	/* where the region is plugged, it is aligned */
	add(w, "%" PRIu64 "M,maxmem=%" PRIu64 "M", r->memory_bytes / MIB,
	    (r->memory_bytes + (r->bytes + GIB - 1) / GIB * GIB + GIB) / MIB);
	add(w, "-object");
	add(w, "memory-backend-memfd,id=m0,size=%" PRIu64 "K,%s,hugetlbsize=%" PRIu64 "K", r->bytes / 1024, share, r->page_bytes / 1024);
}

static void add_region(const struct request *r, struct words *w)
{
	bool is_ram = r->mode && !strcmp(r->mode, "ram");
	char clients[MAX_DEVICES * 8] = "";

	for (size_t i = 0; i < r->nr_devices; i++)
		snprintf(clients + strlen(clients), sizeof(clients) - strlen(clients), "%sdev%zu", i ? ":" : "", i);
	add(w, "-device");
	add(w, "virtio-cma-pci,id=cma0,%sname=dma,mode=%s,clients=%s,unsafe-noiommu=on", is_ram ? "" : "memdev=m0,",
	    r->mode ? r->mode : "reusable", clients);
	for (size_t i = 0; i < r->nr_devices; i++) {
		add(w, "-device");
		add(w, "vfio-pci,id=dev%zu,host=%s", i, r->device[i].name);
	}
}

/* Machine virt comes without firmware, and starts nothing by itself but a kernel. */
static void add_firmware(const struct request *r, char **rest, struct words *w)
{
	static const char *const own[] = { "-kernel", "-bios", "-pflash", "if=pflash", "pflash0=", "loader," };
	static const char *const files[] = {
		"/usr/share/qemu-efi-aarch64/QEMU_EFI.fd",	/* Debian, Ubuntu */
		"/usr/share/edk2/aarch64/QEMU_EFI.fd",		/* Fedora */
	};

	if (strcmp(r->machine, "virt"))
		return;
	for (; *rest; rest++)
		for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
			if (strstr(*rest, own[i]))
				return;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (hvcma_host_has(r->root, "%s", files[i])) {
			add(w, "-bios");
			add(w, "%s", files[i]);
			return;
		}
	hvcma_note("machine virt has no firmware here: apt install qemu-efi-aarch64, or give it -kernel or -bios after --");
}

static void build(const struct request *r, char **rest, struct words *w)
{
	bool is_ram = r->mode && !strcmp(r->mode, "ram");

	add(w, "%s", r->qemu);
	add(w, "-M");
	add(w, "%s%s", r->machine, is_ram ? ",memory-backend=ram0" : "");
	add(w, "-accel");
	add(w, "kvm");
	add(w, "-cpu");
	add(w, "host");
	add(w, "-smp");
	add(w, "%" PRIu64, r->smp);
	add_memory(r, w);
	add_region(r, w);
	add_firmware(r, rest, w);
	add(w, "-qmp");
	add(w, "unix:%s,server=on,wait=off", r->qmp);
	for (; *rest && w->nr < MAX_WORDS; rest++)
		w->word[w->nr++] = *rest;
	w->word[w->nr] = NULL;
}

/* As a shell reads it. */
static void put_word(const char *word)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+,./:@%";

	if (*word && word[strspn(word, plain)] == '\0') {
		fputs(word, stdout);
		return;
	}
	putchar('\'');
	for (; *word; word++) {
		if (*word == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*word);
	}
	putchar('\'');
}

static void print(const struct request *r, const struct words *w)
{
	struct json_object *all, *list;

	if (!r->json) {
		fputs("LD_PRELOAD=", stdout);
		put_word(r->plugin);
		for (size_t i = 0; i < w->nr; i++) {
			fputs(i && w->word[i][0] == '-' ? " \\\n    " : " ", stdout);
			put_word(w->word[i]);
		}
		putchar('\n');
		return;
	}
	all = json_object_new_object();
	list = json_object_new_array();
	for (size_t i = 0; i < w->nr; i++)
		json_object_array_add(list, json_object_new_string(w->word[i]));
	json_object_object_add(all, "preload", json_object_new_string(r->plugin));
	json_object_object_add(all, "command", list);
	hvcma_print_json(all, JSON_C_TO_STRING_PRETTY);
	json_object_put(all);
}

/* ---- what is asked for ---- */

static int take_device(struct request *r, const char *name)
{
	struct hvcma_pci *pci = &r->device[r->nr_devices];
	struct hvcma_error err;
	int ret;

	if (r->nr_devices == MAX_DEVICES)
		return hvcma_usage_error("%d devices at most", MAX_DEVICES);
	ret = hvcma_pci_read(r->root, name, pci, &err);
	if (ret) {
		hvcma_failed(err.text);
		return ret == -ENOENT ? HVCMA_EXIT_NO_DEVICE : HVCMA_EXIT_USAGE;
	}
	if (hvcma_pci_has_iommu(pci)) {
		hvcma_error_set(&err, "%s needs no hvcma: an IOMMU protects it (group %s). Pass it through in the ordinary way: -device vfio-pci,host=%s",
				pci->name, pci->group, pci->name);
		return hvcma_failed(err.text);
	}
	if (!pci->is_noiommu_group || strcmp(pci->driver, "vfio-pci")) {
		hvcma_error_set(&err, "%s is not VFIO's: hvcma bind %s gives it to it", pci->name, pci->name);
		if (!r->print)
			return hvcma_failed(err.text);
		hvcma_note(err.text);
	}
	r->nr_devices++;
	return 0;
}

/* What was not said is as this host is. */
static int complete(struct request *r)
{
	static char plugin[PATH_MAX], qmp[64];
	bool is_arm = r->machine ? !strcmp(r->machine, "virt") : hvcma_host_arch(r->root) == HVCMA_ARCH_ARM64;

	if (r->machine && strcmp(r->machine, "q35") && strcmp(r->machine, "virt"))
		return hvcma_usage_error("--machine is q35 or virt, not '%s'", r->machine);
	if (r->mode && strcmp(r->mode, "private") && strcmp(r->mode, "reusable") && strcmp(r->mode, "ram"))
		return hvcma_usage_error("--mode is private, reusable or ram, not '%s'", r->mode);
	if (*r->root && !r->print)
		return hvcma_usage_error("--root is another host's: only a command line can be had (--print)");
	if (r->json && !r->print)
		return hvcma_usage_error("--json needs --print");
	if (r->memory_bytes % MIB)
		return hvcma_usage_error("--memory is no whole number of MiB");
	r->machine = is_arm ? "virt" : "q35";
	if (!r->qemu)
		r->qemu = is_arm ? "qemu-system-aarch64" : "qemu-system-x86_64";
	if (!r->qmp) {
		snprintf(qmp, sizeof(qmp), r->print ? "/run/hvcma.qmp" : "/run/hvcma-%d.qmp", (int)getpid());
		r->qmp = qmp;
	}
	if (!r->plugin) {
		hvcma_plugin_find(plugin);
		r->plugin = plugin;
	}
	return *r->plugin ? 0 : hvcma_failed("the plugin (" HVCMA_PRELOAD_FILE ") is not installed: make plugin && sudo make install, or --plugin");
}

static int start(const struct request *r, const struct words *w)
{
	struct hvcma_error err;

	hvcma_note("this guest can read and write all of the host's memory, by way of its devices");
	hvcma_error_set(&err, "hvcma status --qmp %s shows its region", r->qmp);
	hvcma_note(err.text);
	setenv("LD_PRELOAD", r->plugin, 1);
	execvp(w->word[0], (char *const *)w->word);
	hvcma_error_set(&err, "%s: %s", w->word[0], strerror(errno));
	return hvcma_failed(err.text);
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "print", no_argument, NULL, OPT_PRINT },
		{ "size", required_argument, NULL, OPT_SIZE },
		{ "page", required_argument, NULL, OPT_PAGE },
		{ "mode", required_argument, NULL, OPT_MODE },
		{ "memory", required_argument, NULL, OPT_MEMORY },
		{ "smp", required_argument, NULL, OPT_SMP },
		{ "machine", required_argument, NULL, OPT_MACHINE },
		{ "qmp", required_argument, NULL, OPT_QMP },
		{ "qemu", required_argument, NULL, OPT_QEMU },
		{ "plugin", required_argument, NULL, OPT_PLUGIN },
		{ "root", required_argument, NULL, OPT_ROOT },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	static struct request r;
	static struct words w;
	int own = 0, ret;

	r = (struct request){ .root = "", .memory_bytes = DEFAULT_MEMORY, .smp = 2 };
	while (own < argc && strcmp(argv[own], "--"))
		own++;
	ret = hvcma_options("run", own, argv, "jh", longs, help, take_option, &r);
	if (ret)
		return ret;
	if (optind == own)
		return hvcma_usage_error("a device is needed: 0000:01:00.0");
	ret = complete(&r);
	for (int i = optind; i < own && !ret; i++)
		ret = take_device(&r, argv[i]);
	if (!ret)
		ret = choose_pages(&r);
	if (ret)
		return ret;
	build(&r, argv + own + (own < argc), &w);
	if (!r.print)
		return start(&r, &w);
	print(&r, &w);
	return HVCMA_EXIT_OK;
}

const struct hvcma_command hvcma_command_run = {
	.name = "run",
	.summary = "start QEMU with devices without IOMMU, or print its command line",
	.run = run,
};
