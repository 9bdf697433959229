// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma check: whether this host, and a device of it, can do what hvcma is for; what is missing, and
 * what to do about it. Joins what judges a host (hv/host/host_check.h) with what only the command knows:
 * QEMU and the plugin, the service, device trees. Changes nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/abi/version.h"
#include "hv/cli/check_platform.h"
#include "hv/cli/check_xen.h"
#include "hv/cli/options.h"
#include "hv/cli/plugin.h"
#include "hv/cli/text.h"
#include "hv/cli/versions.h"
#include "hv/cli/windows.h"
#include "hv/host/host_check.h"
#include "hv/host/host_files.h"
#include "hv/host/host_run.h"
#include "hv/host/service_client.h"

#define SERVICE_TIMEOUT_MS	3000

static const char help[] =
	"usage: hvcma check [OPTION...] [DEVICE]\n"
	"\n"
	"Look whether this host, and a PCI device of it, can do what hvcma is for: what is fine (PASS),\n"
	"good to know (NOTE), a drawback (WARN) or missing (FAIL), and what to do about it. Changes\n"
	"nothing; as root it sees more. In a control domain of Xen: whether regions can be given to domains.\n"
	"\n"
	"  DEVICE            a PCI device, 0000:01:00.0; a platform device by name, or by its node, which has a '/'\n"
	"      --qemu FILE   the QEMU to look at (default: qemu-system-x86_64 or -aarch64 in PATH)\n"
	"      --plugin FILE the plugin to try with it (default: as installed)\n"
	"      --service SOCKET  of the host's service (default: " HVCMA_SERVICE_SOCKET ")\n"
	"      --root DIR    another host, whose /proc, /sys, /boot and /etc were copied into a folder:\n"
	"                    programs are not run, and no system call is asked\n"
	"  -j, --json        as JSON\n"
	"  -h, --help        this text\n"
	"\n"
	"exit status: 0 nothing is missing, 1 failure, 2 wrong usage, 3 no such device, 4 something is\n";

struct request {
	const char *root, *qemu, *plugin, *service;
	bool json;
};

static int take_option(void *opaque, int c, char *arg)
{
	struct request *r = opaque;

	switch (c) {
	case 'r':
		r->root = arg;
		break;
	case 'q':
		r->qemu = arg;
		break;
	case 'p':
		r->plugin = arg;
		break;
	case 's':
		r->service = arg;
		break;
	default:
		r->json = true;
	}
	return 0;
}

/* ---- what only the command knows ---- */

static void judge_version(const char *name, const char *part, const char *version, const char *fix,
			  struct hvcma_host_findings *all)
{
	struct hvcma_version_words words;

	if (!hvcma_version_is_other(part, version, &words)) {
		hvcma_found(all, name, HVCMA_PASS, "%s and this command are hvcma " HVCMA_VERSION, part);
		return;
	}
	hvcma_found(all, name, HVCMA_WARN, "%s", words.text);
	hvcma_fix(all, "%s", fix);
}

static void check_version(const char *plugin, struct hvcma_host_findings *all)
{
	char version[32];

	if (!*plugin)
		return;
	hvcma_plugin_version(plugin, version, sizeof(version));
	judge_version("version", "the plugin", version, "install the command and the plugin of one version", all);
}

/* Where this is a guest, or a machine that plays both: what it has loaded, not what is installed. */
static void check_module(const char *root, struct hvcma_host_findings *all)
{
	char version[32];

	if (!hvcma_host_has(root, "/sys/module/virtio_cma"))
		return;
	hvcma_host_read(root, version, sizeof(version), "/sys/module/virtio_cma/version");
	judge_version("module-version", "the guest driver that is loaded (virtio_cma)", version,
		      "boot again, or unload the module and load the one that is installed; 'dkms status' tells which that is", all);
}

/* What helps, by what the plugin (qemu-device/loader.c, layout.c) or QEMU says. */
static const char *plugin_fix(const char *complaint)
{
	static const struct {
		const char *words, *fix;
	} fixes[] = {
		{ "not a valid device model",
		  "this QEMU was built without modules: build virtio-cma into it (qemu-device/in-tree), or take your distribution's" },
		{ "supported: ", "install a QEMU of a series that it names, or build virtio-cma into one (qemu-device/in-tree)" },
		{ "for which there is no plugin", "build it for that series and install it: make plugin-others && sudo make install" },
		{ "where the plugin was built",
		  "build the plugin with the headers of this very QEMU: ./configure --qemu-headers=DIR && make plugin && sudo make install" },
	};

	for (size_t i = 0; i < sizeof(fixes) / sizeof(*fixes); i++) {
		if (strstr(complaint, fixes[i].words))
			return fixes[i].fix;
	}
	return "install the plugin's parts anew, all of one version: make plugin && sudo make install";
}

static void check_qemu(const struct request *r, struct hvcma_host_findings *all)
{
	struct hvcma_qemu_answer answer;
	enum hvcma_host_arch arch = hvcma_host_arch("");
	const char *qemu = r->qemu ? r->qemu : arch == HVCMA_ARCH_ARM64 ? "qemu-system-aarch64" : "qemu-system-x86_64";
	char plugin[PATH_MAX];

	if (r->plugin)
		snprintf(plugin, sizeof(plugin), "%s", r->plugin);
	else
		hvcma_plugin_find(plugin);
	check_version(plugin, all);
	hvcma_qemu_ask(qemu, plugin, &answer);
	if (!*answer.version) {
		hvcma_found(all, "qemu", HVCMA_FAIL, "there is no QEMU: %s", qemu);
		hvcma_fix(all, "apt install qemu-system-%s (Debian 12: from backports), or name one with --qemu",
			  arch == HVCMA_ARCH_ARM64 ? "arm" : "x86");
		return;
	}
	hvcma_found(all, "qemu", HVCMA_PASS, "%s", answer.version);
	if (answer.has_device) {
		hvcma_found(all, "plugin", HVCMA_PASS, "%s%s", *answer.plugin ? "it has virtio-cma by " : "it has virtio-cma built in",
			    answer.plugin);
	} else if (!*plugin) {
		hvcma_found(all, "plugin", HVCMA_FAIL, "the plugin (hvcma-preload.so) is not installed");
		hvcma_fix(all, "make plugin && sudo make install, or name it with --plugin");
	} else {
		hvcma_found(all, "plugin", HVCMA_FAIL, "%s does not fit: %s", plugin, answer.complaint);
		hvcma_fix(all, "%s", plugin_fix(answer.complaint));
	}
}

static void check_service(const struct request *r, struct hvcma_host_findings *all)
{
	const char *path = r->service ? r->service : HVCMA_SERVICE_SOCKET;
	struct hvcmad_hello_resp hello;
	struct hvcma_error err;
	int fd, ret = hvcma_service_open(path, SERVICE_TIMEOUT_MS, &fd, &hello, &err);

	if (ret == -ENOENT) {
		hvcma_found(all, "service", HVCMA_NOTE, "hvcmad does not run: QEMU has to be root, or have its capabilities");
		return;
	}
	if (ret) {
		hvcma_found(all, "service", HVCMA_WARN, "%s", err.text);
		hvcma_fix(all, "systemctl status hvcmad.socket hvcmad.service tells why");
		return;
	}
	close(fd);
	hvcma_found(all, "service", HVCMA_PASS, "hvcmad runs, and gives this user %s%s%s%s",
		    hello.allowed & HVCMAD_ALLOW_MEMORY ? "memory" : "nothing",
		    hello.allowed & HVCMAD_ALLOW_ADDRESSES ? ", addresses" : "",
		    hello.allowed & HVCMAD_ALLOW_STATUS_ALL ? ", the status of all virtual machines" : "",
		    *hello.vm ? "" : "; it takes it for no virtual machine of its configuration");
	judge_version("service-version", "hvcmad, as it runs,", (const char *)hello.hvcma,
		      "install the command and the service of one version; then systemctl restart hvcmad: virtual machines go on meanwhile", all);
}

static void check_windows(const char *root, const struct hvcma_pci *pci, struct hvcma_host_findings *all)
{
	struct hvcma_bus_windows found;
	struct hvcma_error err;
	char sysfs[PATH_MAX];
	const struct hvcma_machine machine = { sysfs, hvcma_host_arch(root) == HVCMA_ARCH_X86 };
	const struct hvcma_dma_window *w;

	snprintf(sysfs, sizeof(sysfs), "%s/sys", root);
	if (hvcma_bus_windows_of_pci(&machine, pci->name, hvcma_windows_read_tree, &found, &err)) {
		hvcma_found(all, "device-windows", HVCMA_FAIL, "%s", err.text);
		hvcma_fix(all, "say what the host bridge does with addresses: dma-windows= of virtio-cma(7)");
	} else if (*found.note) {
		hvcma_found(all, "device-windows", HVCMA_NOTE, "%s", found.note);
	} else if (hvcma_dma_windows_is_identity(&found.windows)) {
		hvcma_found(all, "device-windows", HVCMA_PASS, "it reaches all of memory, at the same addresses (%s)", found.source);
	} else {
		w = &found.windows.window[0];
		hvcma_found(all, "device-windows", HVCMA_PASS, "it reaches memory in %u window%s: 0x%llx bytes at 0x%llx are 0x%llx on its bus%s (%.96s)",
			    found.windows.nr, found.windows.nr == 1 ? "" : "s", (unsigned long long)w->bytes,
			    (unsigned long long)w->dma_base, (unsigned long long)w->bus_base,
			    found.windows.nr > 1 ? ", ..." : "", found.source);
	}
}

/* ---- printing ---- */

static const char *colour(enum hvcma_level level)
{
	static const char *const colours[HVCMA_NR_LEVELS] = {
		[HVCMA_PASS] = "\033[32m", [HVCMA_NOTE] = "\033[36m", [HVCMA_WARN] = "\033[33m", [HVCMA_FAIL] = "\033[31m",
	};

	return isatty(STDOUT_FILENO) && !getenv("NO_COLOR") ? colours[level] : "";
}

static void print_text(const struct hvcma_host_findings *all)
{
	for (uint32_t i = 0; i < all->nr; i++) {
		const struct hvcma_host_finding *f = &all->list[i];
		const char *begin = colour(f->level);

		printf("%s%s%s  %-18s ", begin, hvcma_level_name(f->level), *begin ? "\033[m" : "", f->name);
		hvcma_put_printable(stdout, f->text);
		putchar('\n');
		if (*f->fix) {
			printf("%25s-> ", "");
			hvcma_put_printable(stdout, f->fix);
			putchar('\n');
		}
	}
	printf("\n%u FAIL, %u WARN\n", hvcma_findings_count(all, HVCMA_FAIL), hvcma_findings_count(all, HVCMA_WARN));
}

static void print_json(const struct hvcma_host_findings *all, const struct hvcma_pci *pci)
{
	struct json_object *whole = json_object_new_object(), *list = json_object_new_array();

	for (uint32_t i = 0; i < all->nr; i++) {
		const struct hvcma_host_finding *f = &all->list[i];
		struct json_object *one = json_object_new_object();

		json_object_object_add(one, "name", json_object_new_string(f->name));
		json_object_object_add(one, "level", json_object_new_string(hvcma_level_name(f->level)));
		json_object_object_add(one, "text", json_object_new_string(f->text));
		json_object_object_add(one, "fix", json_object_new_string(f->fix));
		json_object_array_add(list, one);
	}
	json_object_object_add(whole, "device", json_object_new_string(pci ? pci->name : ""));
	json_object_object_add(whole, "fail", json_object_new_uint64(hvcma_findings_count(all, HVCMA_FAIL)));
	json_object_object_add(whole, "warn", json_object_new_uint64(hvcma_findings_count(all, HVCMA_WARN)));
	json_object_object_add(whole, "checks", list);
	hvcma_print_json(whole, JSON_C_TO_STRING_PRETTY);
	json_object_put(whole);
}

static void check(const struct request *r, const struct hvcma_pci *pci, struct hvcma_host_findings *all)
{
	const char *root = r->root ? r->root : "";

	if (hvcma_is_xen_control(root)) {
		hvcma_check_xen(root, all);
		if (pci)
			hvcma_found(all, "device", HVCMA_NOTE, "%s: what Xen's toolstack passes to domains, and how, is not looked at", pci->name);
		return;
	}
	if (pci && !strcmp(pci->bus, "platform")) {
		hvcma_check_platform(root, pci, all);
		hvcma_check_platform_node(root, pci, all);
	} else if (pci) {
		hvcma_check_pci(root, pci, all);
		check_windows(root, pci, all);
	}
	hvcma_check_host(root, *root ? NULL : &hvcma_stage2_host, all);
	check_module(root, all);
	if (!*root || r->qemu)
		check_qemu(r, all);
	if (!*root || r->service)
		check_service(r, all);
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "qemu", required_argument, NULL, 'q' },
		{ "plugin", required_argument, NULL, 'p' },
		{ "service", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	static struct hvcma_host_findings all;
	struct request r = { 0 };
	struct hvcma_pci pci;
	struct hvcma_error err;
	bool has_device;
	int ret = hvcma_options("check", argc, argv, "jh", longs, help, take_option, &r);

	if (ret)
		return ret;
	if (argc - optind > 1)
		return hvcma_usage_error("one device at a time, not '%s' as well", argv[optind + 1]);
	if (r.root && access(r.root, F_OK)) {
		hvcma_error_set(&err, "--root: no folder '%.300s'", r.root);
		return hvcma_failed(err.text);
	}
	has_device = optind < argc;
	ret = has_device ? hvcma_device_read(r.root ? r.root : "", argv[optind], &pci, &err) : 0;
	if (ret) {
		hvcma_failed(err.text);
		return ret == -ENOENT ? HVCMA_EXIT_NO_DEVICE : HVCMA_EXIT_USAGE;
	}
	check(&r, has_device ? &pci : NULL, &all);
	if (r.json)
		print_json(&all, has_device ? &pci : NULL);
	else
		print_text(&all);
	return hvcma_findings_count(&all, HVCMA_FAIL) ? HVCMA_EXIT_FINDINGS : HVCMA_EXIT_OK;
}

const struct hvcma_command hvcma_command_check = {
	.name = "check",
	.summary = "look whether this host, and a device of it, can do what hvcma is for",
	.run = run,
};
