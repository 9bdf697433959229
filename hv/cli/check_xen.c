// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma check in a control domain of Xen: see check_xen.h.
 */
#include "hv/cli/check_xen.h"

#include <errno.h>
#include <string.h>

#include "hv/abi/version.h"
#include "hv/host/host_check.h"
#include "hv/host/host_files.h"
#include "hv/host/host_run.h"

#define ANSWER_BYTES	1024
#define ANSWER_SECONDS	10
#define NO_PROGRAM	127

bool hvcma_is_xen_control(const char *root)
{
	char text[256];

	return hvcma_host_read(root, text, sizeof(text), "/proc/xen/capabilities") > 0 && strstr(text, "control_d");
}

static void check_hypervisor(const char *root, struct hvcma_host_findings *all)
{
	char major[16] = "", minor[16] = "";

	hvcma_host_read(root, major, sizeof(major), "/sys/hypervisor/version/major");
	hvcma_host_read(root, minor, sizeof(minor), "/sys/hypervisor/version/minor");
	if (hvcma_host_arch(root) != HVCMA_ARCH_ARM64) {
		hvcma_found(all, "xen", HVCMA_FAIL, "this is the control domain of Xen %s.%s on a machine that is no 64-bit Arm", major, minor);
		hvcma_fix(all, "there is nothing to be done: the guest driver has no part for Xen here");
		return;
	}
	hvcma_found(all, "xen", HVCMA_PASS, "this is the control domain of Xen %s.%s: regions are for its domains, and need no KVM", major, minor);
}

/* One line: the version and "daemon=running", or why not. */
static void check_program(struct hvcma_host_findings *all)
{
	static const char *const argv[] = { "hvcma-xen", "check", NULL };
	char answer[ANSWER_BYTES];
	int ret = hvcma_host_run(argv, NULL, answer, sizeof(answer), ANSWER_SECONDS);

	answer[strcspn(answer, "\n")] = '\0';
	if (ret == NO_PROGRAM && !*answer) {
		hvcma_found(all, "hvcma-xen", HVCMA_FAIL, "hvcma-xen is not installed");
		hvcma_fix(all, "make arm64-xen && sudo make install-xen");
		return;
	}
	if (ret) {
		hvcma_found(all, "hvcma-xen", HVCMA_FAIL, "%.300s", ret == -EINTR ? "hvcma-xen check: no answer" : answer);
		hvcma_fix(all, "run it as root; is xenstored running, and hvcma-xen the one for this release of Xen?");
		return;
	}
	if (strncmp(answer, "version=" HVCMA_VERSION " ", strlen("version=" HVCMA_VERSION " "))) {
		hvcma_found(all, "hvcma-xen", HVCMA_WARN, "hvcma-xen is of another version than this command, " HVCMA_VERSION ": %.100s", answer);
		hvcma_fix(all, "install both of one version");
	} else {
		hvcma_found(all, "hvcma-xen", HVCMA_PASS, "hvcma-xen is there, and can ask Xen and xenstore");
	}
	if (strstr(answer, " daemon=running")) {
		hvcma_found(all, "xen-daemon", HVCMA_PASS, "its daemon runs");
	} else {
		hvcma_found(all, "xen-daemon", HVCMA_FAIL, "its daemon does not run: no region comes or goes");
		hvcma_fix(all, "systemctl enable --now hvcma-xen.service, or hvcma-xen daemon");
	}
}

void hvcma_check_xen(const char *root, struct hvcma_host_findings *all)
{
	check_hypervisor(root, all);
	if (!*root)
		check_program(all);
}
