// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whether a host's VFIO can pass devices through without an IOMMU, and what keeps a vfio.ko that can from
 * being loaded: see host_check.h.
 */
#include "hv/host/host_check.h"

#include <stdio.h>
#include <string.h>

#include "hv/host/host_config.h"

#define MODE_PARAMETER	"/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
#define SECURE_BOOT	"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

enum noiommu {
	NOIOMMU_UNKNOWN,
	NOIOMMU_MISSING,	/* VFIO without it */
	NOIOMMU_NO_VFIO,
	NOIOMMU_THERE,
};

/* A vfio.ko that was put beside the kernel's own, by dkms or by hand: it comes first. */
static bool has_own_module(const char *root, const char *release)
{
	static const char *const folders[] = { "updates/dkms", "updates", "extra" };
	static const char *const endings[] = { "", ".xz", ".zst", ".gz" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		for (size_t j = 0; j < sizeof(endings) / sizeof(*endings); j++)
			if (hvcma_host_has(root, "/lib/modules/%s/%s/vfio.ko%s", release, folders[i], endings[j]))
				return true;
	return false;
}

/* The module that runs knows best; then one that would be loaded; then what the kernel was built with. */
static enum noiommu find_noiommu(const char *root, const struct hvcma_host_config *config, const char **how)
{
	*how = MODE_PARAMETER;
	if (hvcma_host_has(root, MODE_PARAMETER))
		return NOIOMMU_THERE;
	*how = "/sys/module/vfio";
	if (hvcma_host_has(root, "/sys/module/vfio"))
		return NOIOMMU_MISSING;
	*how = "a vfio.ko of its own";
	if (has_own_module(root, config->release))
		return NOIOMMU_THERE;
	*how = config->source;
	switch (hvcma_host_config_value(config, "CONFIG_VFIO")) {
	case HVCMA_CONFIG_UNKNOWN:
		return NOIOMMU_UNKNOWN;
	case HVCMA_CONFIG_NO:
		return NOIOMMU_NO_VFIO;
	default:
		return hvcma_host_config_value(config, "CONFIG_VFIO_NOIOMMU") == HVCMA_CONFIG_NO ?
		       NOIOMMU_MISSING : NOIOMMU_THERE;
	}
}

/* The word in brackets: "none [integrity] confidentiality". */
static void read_lockdown(const char *root, char *mode, size_t room)
{
	char text[96], *begin;

	hvcma_host_read(root, text, sizeof(text), "/sys/kernel/security/lockdown");
	begin = strchr(text, '[');
	snprintf(mode, room, "%.*s", begin ? (int)strcspn(begin + 1, "]") : 0, begin ? begin + 1 : "");
}

static bool is_secure_boot(const char *root)
{
	char bytes[8] = "";

	/* four bytes of attributes, then the value */
	return hvcma_host_read(root, bytes, sizeof(bytes), SECURE_BOOT) == 5 && bytes[4] == 1;
}

static void check_signing(const char *root, const struct hvcma_host_config *config, bool needs_module,
			  struct hvcma_host_findings *all)
{
	char lockdown[32], enforce[8];
	bool secure = is_secure_boot(root), is_locked, must_sign;

	read_lockdown(root, lockdown, sizeof(lockdown));
	hvcma_host_read(root, enforce, sizeof(enforce), "/sys/module/module/parameters/sig_enforce");
	is_locked = *lockdown && strcmp(lockdown, "none");
	must_sign = is_locked || *enforce == 'Y' || hvcma_host_config_value(config, "CONFIG_MODULE_SIG_FORCE") == HVCMA_CONFIG_YES;
	hvcma_found(all, "secure-boot", must_sign && needs_module ? HVCMA_WARN : HVCMA_PASS,
		    "Secure Boot is %s, lockdown is %s, modules %s be signed", secure ? "on" : "off",
		    *lockdown ? lockdown : "not in this kernel", must_sign ? "must" : "need not");
	if (must_sign && needs_module)
		hvcma_fix(all, "a vfio.ko that is rebuilt must be signed with a key that the firmware knows: mokutil --import enrols dkms's (/var/lib/dkms/mok.pub), and asks for it at the next boot");
}

static void check_mode(const char *root, struct hvcma_host_findings *all)
{
	char mode[8];

	if (hvcma_host_read(root, mode, sizeof(mode), MODE_PARAMETER) < 0)
		hvcma_found(all, "vfio-noiommu-mode", HVCMA_NOTE, "vfio is not loaded: hvcma bind does it, and switches the mode on");
	else if (*mode == 'Y')
		hvcma_found(all, "vfio-noiommu-mode", HVCMA_PASS, "VFIO's unsafe no-IOMMU mode is on");
	else
		hvcma_found(all, "vfio-noiommu-mode", HVCMA_NOTE, "VFIO's unsafe no-IOMMU mode is off: hvcma bind switches it on");
}

static bool has_vfio_pci(const char *root, const struct hvcma_host_config *config)
{
	return hvcma_host_has(root, "/sys/bus/pci/drivers/vfio-pci") ||
	       hvcma_host_config_value(config, "CONFIG_VFIO_PCI") != HVCMA_CONFIG_NO;
}

static void check_noiommu(const char *root, const struct hvcma_host_config *config, struct hvcma_host_findings *all)
{
	const char *how;
	enum noiommu state = find_noiommu(root, config, &how);

	switch (state) {
	case NOIOMMU_THERE:
		hvcma_found(all, "vfio-noiommu", HVCMA_PASS, "VFIO works without an IOMMU (%s)", how);
		break;
	case NOIOMMU_MISSING:
		hvcma_found(all, "vfio-noiommu", HVCMA_FAIL, "VFIO was built without CONFIG_VFIO_NOIOMMU (%s)", how);
		hvcma_fix(all, "rebuild vfio.ko, the one module that it is about, as the package hvcma-vfio-dkms does (section 1 of the guide); kernels of Ubuntu have it");
		break;
	case NOIOMMU_NO_VFIO:
		hvcma_found(all, "vfio-noiommu", HVCMA_FAIL, "this kernel has no VFIO at all (%s)", how);
		hvcma_fix(all, "install a kernel that has it: Debian's own has, that of Raspberry Pi OS has not");
		break;
	case NOIOMMU_UNKNOWN:
		hvcma_found(all, "vfio-noiommu", HVCMA_WARN, "whether VFIO works without an IOMMU can't be told: vfio is not loaded, and the kernel's configuration is not to be found");
		hvcma_fix(all, "modprobe vfio, and check again");
		break;
	}
	if (state == NOIOMMU_NO_VFIO)
		return;
	if (!has_vfio_pci(root, config)) {
		hvcma_found(all, "vfio-pci", HVCMA_FAIL, "this kernel has no vfio-pci (CONFIG_VFIO_PCI)");
		hvcma_fix(all, "install a kernel that has it");
	}
	if (state == NOIOMMU_THERE)
		check_mode(root, all);
	check_signing(root, config, state != NOIOMMU_THERE || has_own_module(root, config->release), all);
}

struct iommus {
	const char *root;
	char names[128];
};

static int add_iommu(const char *name, void *opaque)
{
	struct iommus *i = opaque;
	size_t used = strlen(i->names);

	snprintf(i->names + used, sizeof(i->names) - used, "%s%s", used ? ", " : "", name);
	return 0;
}

static void check_iommus(const char *root, struct hvcma_host_findings *all)
{
	struct iommus found = { .root = root, .names = "" };
	const char *table = hvcma_host_has(root, "/sys/firmware/acpi/tables/DMAR") ? "DMAR" :
			    hvcma_host_has(root, "/sys/firmware/acpi/tables/IVRS") ? "IVRS" : NULL;

	hvcma_host_list(root, add_iommu, &found, "/sys/class/iommu");
	if (*found.names) {
		hvcma_found(all, "iommu", HVCMA_NOTE, "this host has an IOMMU (%s)", found.names);
		hvcma_fix(all, "a device that it protects needs no hvcma: VFIO passes it through in the ordinary way; hvcma check DEVICE tells");
	} else if (table) {
		hvcma_found(all, "iommu", HVCMA_WARN, "this host has an IOMMU that the kernel does not use: its firmware describes one (%s)", table);
		hvcma_fix(all, "boot with %s, and devices are passed through in the ordinary, safe way, without hvcma",
			  strcmp(table, "DMAR") ? "amd_iommu=on" : "intel_iommu=on");
	} else {
		hvcma_found(all, "iommu", HVCMA_PASS, "no IOMMU: passing devices through needs hvcma, and is unsafe");
	}
}

void hvcma_check_vfio(const char *root, struct hvcma_host_findings *all)
{
	struct hvcma_host_config config;

	hvcma_host_config_load(root, &config);
	check_iommus(root, all);
	check_noiommu(root, &config, all);
	hvcma_host_config_free(&config);
}
