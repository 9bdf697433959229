// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Giving a PCI or platform device without IOMMU to VFIO, and back: see host_bind.h. What is kept of it at boot is in
 * host_persist.c.
 */
#include "hv/host/host_bind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hv/host/host_run.h"

#define DEVICE		"/sys/bus/%s/devices/%s"
#define MODE		"/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
#define DRIVER		"/sys/bus/%s/drivers/%s"
#define FOLDER		"/run/hvcma"	/* locked as long as something is done */
#define BOUND		FOLDER "/bound"
#define VFIO_RECORD	FOLDER "/vfio"
#define MODPROBE_SECONDS 60

/* What the device was before. */
struct record {
	char driver[64];
	char driver_override[64];
};

/* ---- steps ---- */

static int put_of_device(const struct hvcma_host_job *job, const char *value, const struct hvcma_pci *device,
			 const char *file, struct hvcma_error *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), DEVICE "/%s", device->bus, device->name, file);
	return hvcma_job_put(job, value, path, err);
}

/* Has its bus look for a driver of it. */
static int probe(const struct hvcma_host_job *job, const struct hvcma_pci *device, struct hvcma_error *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/%s/drivers_probe", device->bus);
	return hvcma_job_put(job, device->name, path, err);
}

/* @option comes before the module if it begins with '-', else after it. */
static int modprobe(const struct hvcma_host_job *job, const char *option, const char *module, struct hvcma_error *err)
{
	bool is_first = *option == '-';
	const char *const argv[] = { "modprobe", is_first ? option : module,
				     is_first ? module : *option ? option : NULL, NULL };
	char text[256];
	int ret;

	hvcma_job_say(job, "modprobe %s%s%s", argv[1], argv[2] ? " " : "", argv[2] ? argv[2] : "");
	if (job->dry_run)
		return 0;
	ret = hvcma_host_run(argv, NULL, text, sizeof(text), MODPROBE_SECONDS);
	if (!ret)
		return 0;
	hvcma_error_set(err, "modprobe %s: %.200s", module, *text ? text : "can't be run");
	return -ENOENT;
}

static int lock(const struct hvcma_host_job *job, int *fd, struct hvcma_error *err)
{
	char path[PATH_MAX];
	int ret = 0;

	*fd = -1;
	if (job->dry_run)
		return 0;
	snprintf(path, sizeof(path), "%.3000s" FOLDER, job->root);
	mkdir(path, 0755);
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		ret = -errno;
	else if (flock(*fd, LOCK_EX | LOCK_NB))
		ret = errno == EWOULDBLOCK ? -EALREADY : -errno;
	if (!ret)
		return 0;
	hvcma_error_set(err, FOLDER ": %s", ret == -EALREADY ? "another process binds or unbinds" : strerror(-ret));
	if (*fd >= 0)
		close(*fd);
	return ret;
}

static void unlock(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* ---- records ---- */

/* The rest of the line that begins with @key; "": there is none. */
static void take_line(const char *text, const char *key, char *value, size_t room)
{
	size_t length = strlen(key);

	*value = '\0';
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, length) && line[length] == '=')
			snprintf(value, room, "%.*s", (int)strcspn(line + length + 1, "\n"), line + length + 1);
	}
}

static int save_record(const struct hvcma_host_job *job, const struct hvcma_pci *pci, struct hvcma_error *err)
{
	char text[256];
	int ret;

	if (job->dry_run)
		return 0;
	snprintf(text, sizeof(text), "driver=%s\noverride=%s\n", pci->driver, pci->driver_override);
	ret = hvcma_host_save(job->root, text, BOUND "/%s", pci->name);
	if (ret)
		hvcma_error_set(err, BOUND "/%s: %s", pci->name, strerror(-ret));
	return ret;
}

static bool load_record(const struct hvcma_host_job *job, const struct hvcma_pci *pci, struct record *record)
{
	char text[256];

	memset(record, 0, sizeof(*record));
	if (hvcma_host_read(job->root, text, sizeof(text), BOUND "/%s", pci->name) < 0)
		return false;
	take_line(text, "driver", record->driver, sizeof(record->driver));
	take_line(text, "override", record->driver_override, sizeof(record->driver_override));
	return true;
}

static int any(const char *name, void *opaque)
{
	(void)name;
	(void)opaque;
	return 1;
}

/* ---- VFIO ---- */

/* A module that is loaded with VFIO's drivers, by the name that sysfs has. */
static const char *const modules[] = {
	"vfio_platform", "vfio_platform_base", "vfio_pci", "vfio_pci_core", "vfio_iommu_type1", "vfio_virqfd", "vfio",
};

#define NR_MODULES	(sizeof(modules) / sizeof(*modules))

/* Of a VFIO that nothing is kept of: it is as its owner has it. */
static int save_vfio(const struct hvcma_host_job *job, struct hvcma_error *err)
{
	char text[256] = "", mode[8];
	int ret;

	if (job->dry_run || hvcma_host_has(job->root, VFIO_RECORD))
		return 0;
	hvcma_host_read(job->root, mode, sizeof(mode), MODE);
	snprintf(text, sizeof(text), "mode=%s\n", mode);
	for (size_t i = 0; i < NR_MODULES; i++)
		if (hvcma_host_has(job->root, "/sys/module/%s", modules[i]))
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "had=%s\n", modules[i]);
	ret = hvcma_host_save(job->root, text, VFIO_RECORD);
	if (ret)
		hvcma_error_set(err, VFIO_RECORD ": %s", strerror(-ret));
	return ret;
}

/* What resets a platform device is known to the guest's QEMU: the kernel has a module for three kinds. */
static int enable_vfio(const struct hvcma_host_job *job, const struct hvcma_pci *pci, struct hvcma_error *err)
{
	const char *driver = hvcma_vfio_driver(pci);
	char mode[8];
	int ret = save_vfio(job, err);

	if (!ret && !hvcma_host_has(job->root, DRIVER, pci->bus, driver))
		ret = modprobe(job, strcmp(pci->bus, "platform") ? "" : "reset_required=0", driver, err);
	if (ret)
		return ret;
	if (hvcma_host_read(job->root, mode, sizeof(mode), MODE) < 0 && !job->dry_run) {
		hvcma_error_set(err, "VFIO was built without CONFIG_VFIO_NOIOMMU: there is no " MODE);
		return -EOPNOTSUPP;
	}
	return *mode == 'Y' ? 0 : hvcma_job_put(job, "Y", MODE, err);
}

/* Back to what it was, if no device is left. */
static int restore_vfio(const struct hvcma_host_job *job, struct hvcma_error *err)
{
	char text[256], mode[8], now[8], had[64];
	int ret = 0;

	if (hvcma_host_list(job->root, any, NULL, BOUND) == 1 ||
	    hvcma_host_read(job->root, text, sizeof(text) - 1, VFIO_RECORD) < 0)
		return 0;
	strcat(text, "\n");
	take_line(text, "mode", mode, sizeof(mode));
	hvcma_host_read(job->root, now, sizeof(now), MODE);
	if (*mode == 'N' && *now == 'Y')
		ret = hvcma_job_put(job, "N", MODE, err);
	for (size_t i = 0; i < NR_MODULES && !ret; i++) {
		snprintf(had, sizeof(had), "\nhad=%s\n", modules[i]);
		/* Those that vfio-pci brought go with it, where modprobe is kmod's. */
		if (!strstr(text, had) && hvcma_host_has(job->root, "/sys/module/%s", modules[i]))
			ret = modprobe(job, "-r", modules[i], err);
	}
	if (!ret && !job->dry_run)
		ret = hvcma_host_remove(job->root, VFIO_RECORD);
	return ret;
}

/* ---- the device ---- */

static int reread(const struct hvcma_host_job *job, const struct hvcma_pci *pci, struct hvcma_pci *now,
		  struct hvcma_error *err)
{
	return hvcma_device_read(job->root, pci->name, now, err);
}

static int release(const struct hvcma_host_job *job, const struct hvcma_pci *now, struct hvcma_error *err)
{
	return *now->driver ? put_of_device(job, now->name, now, "driver/unbind", err) : 0;
}

/* From VFIO, or from wherever a failure left it, to what @record has. */
static int restore(const struct hvcma_host_job *job, const struct hvcma_pci *pci, const struct record *record,
		   bool is_known, struct hvcma_error *err)
{
	struct hvcma_pci now;
	int ret = reread(job, pci, &now, err);

	if (ret)
		return ret;
	if (strcmp(now.driver_override, record->driver_override))
		ret = put_of_device(job, *record->driver_override ? record->driver_override : "\n", pci,
				    "driver_override", err);
	if (!ret && is_known && !strcmp(now.driver, record->driver))
		return 0;
	if (!ret)
		ret = release(job, &now, err);
	if (ret || (is_known && !*record->driver))
		return ret;
	ret = probe(job, pci, err);
	if (ret || job->dry_run || !is_known)
		return ret;
	ret = reread(job, pci, &now, err);
	if (!ret && strcmp(now.driver, record->driver)) {
		hvcma_error_set(err, "driver %s did not take %s back: the kernel's log tells why", record->driver, pci->name);
		ret = -ENODEV;
	}
	return ret;
}

static int give_back(const struct hvcma_host_job *job, const struct hvcma_pci *pci, struct hvcma_error *err)
{
	struct record record;
	bool is_known = load_record(job, pci, &record);
	int ret = restore(job, pci, &record, is_known, err);

	if (!ret && !job->dry_run)
		ret = hvcma_host_remove(job->root, BOUND "/%s", pci->name);
	return ret ? ret : restore_vfio(job, err);
}

static int take(const struct hvcma_host_job *job, const struct hvcma_pci *pci, struct hvcma_error *err)
{
	struct hvcma_pci now;
	const char *driver = hvcma_vfio_driver(pci);
	int ret = enable_vfio(job, pci, err);

	if (!ret)
		ret = put_of_device(job, driver, pci, "driver_override", err);
	if (!ret)
		ret = release(job, pci, err);
	if (!ret)
		ret = probe(job, pci, err);
	if (ret || job->dry_run)
		return ret;
	ret = reread(job, pci, &now, err);
	if (!ret && (strcmp(now.driver, driver) || !now.is_noiommu_group)) {
		hvcma_error_set(err, "%s did not take %s: the kernel's log tells why", driver, pci->name);
		ret = -ENODEV;
	}
	return ret;
}

int hvcma_bind(const struct hvcma_host_job *job, const struct hvcma_pci *pci, struct hvcma_error *err)
{
	struct hvcma_error why = { "" };
	int fd, ret;

	if (hvcma_pci_has_iommu(pci)) {
		hvcma_error_set(err, "%s has an IOMMU (group %s): it is passed through in the ordinary way, without hvcma", pci->name,
				pci->group);
		return -EPERM;
	}
	if (pci->is_noiommu_group && !strcmp(pci->driver, hvcma_vfio_driver(pci)))
		return 0;
	ret = lock(job, &fd, err);
	if (ret)
		return ret;
	ret = save_record(job, pci, err);
	if (!ret)
		ret = take(job, pci, err);
	if (ret && !job->dry_run) {
		hvcma_job_say(job, "(it failed, and is undone)");
		if (give_back(job, pci, &why))
			hvcma_error_set(&why, "; and undoing it failed: %.150s", why.text);
		snprintf(err->text + strlen(err->text), sizeof(err->text) - strlen(err->text), "%s", why.text);
	}
	unlock(fd);
	return ret;
}

int hvcma_unbind(const struct hvcma_host_job *job, const struct hvcma_pci *pci, struct hvcma_error *err)
{
	struct record record;
	int fd, ret;

	if (strcmp(pci->driver, hvcma_vfio_driver(pci)) && !load_record(job, pci, &record))
		return 0;
	ret = lock(job, &fd, err);
	if (ret)
		return ret;
	ret = give_back(job, pci, err);
	unlock(fd);
	return ret;
}
