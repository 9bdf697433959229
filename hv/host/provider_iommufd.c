// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pins and addresses by iommufd without IOMMU: see iommufd.h.
 *
 * A granule's I/O address is where it is mapped in this process: so granules of all
 * regions differ in it, and there is nothing to be remembered. Each pinned granule is a
 * mapping of its own, for the kernel unmaps only what was mapped as a whole.
 */
#include "hv/host/iommufd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/host/iommufd_abi.h"
#include "hv/host/pinner.h"

struct iommu_pinner {
	struct hvcma_pinner base;
	const struct hvcma_iommufd *io;
	uint64_t memory;		/* address of the region, in this process */
	uint64_t nr;
	uint64_t granule_bytes;
	uint64_t page_bytes;
	int file;
	uint64_t file_offset_bytes;
};

/* ---- I/O address space and devices ---- */

int hvcma_iommufd_find_device(const char *sysfs, char *path, struct hvcma_error *err)
{
	static const char prefix[] = "noiommu-vfio";
	char folder[4096];
	struct dirent *entry;
	bool is_vfio = false;
	DIR *dir;
	int ret;

	snprintf(folder, sizeof(folder), "%s/vfio-dev", sysfs);
	dir = opendir(folder);
	if (!dir) {
		ret = errno == ENOENT ? -ENODEV : -errno;
		hvcma_error_set(err, ret == -ENODEV ? "%s: no driver of VFIO has it, or the kernel has no files of devices "
				"for iommufd" : "cannot read %s: %s", ret == -ENODEV ? sysfs : folder, strerror(errno));
		return ret;
	}
	*path = '\0';
	while ((entry = readdir(dir))) {
		is_vfio |= *entry->d_name != '.';
		if (!strncmp(entry->d_name, prefix, sizeof(prefix) - 1))
			snprintf(path, HVCMA_IOMMUFD_PATH_BYTES, "/dev/vfio/devices/%.32s", entry->d_name);
	}
	closedir(dir);
	if (*path)
		return 0;
	hvcma_error_set(err, is_vfio ? "%s: VFIO has it, but not as a device without an IOMMU: it has one, or "
			"the kernel is older than Linux 7.3, or vfio's enable_unsafe_noiommu_mode was off when it was bound" :
			"%s: VFIO has no file of it", sysfs);
	return -ENODEV;
}

static int get_pa(const struct hvcma_iommufd *io, uint64_t iova, uint64_t *hpa)
{
	/* One byte: for more the kernel would look at each page of 4 KiB. */
	struct hvcma_iommu_ioas_noiommu_get_pa cmd = {
		.size = sizeof(cmd), .ioas_id = io->ioas, .iova = iova, .length = 1,
	};

	if (ioctl(io->fd, HVCMA_IOMMU_IOAS_NOIOMMU_GET_PA, &cmd))
		return -errno;
	*hpa = cmd.out_phys;
	return 0;
}

int hvcma_iommufd_init(struct hvcma_iommufd *io, int fd, struct hvcma_error *err)
{
	struct hvcma_iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	uint64_t hpa;
	int ret;

	*io = (struct hvcma_iommufd){ .fd = fd };
	if (!ioctl(fd, HVCMA_IOMMU_IOAS_ALLOC, &alloc)) {
		io->ioas = alloc.out_ioas_id;
		/* Nothing is mapped: who can tell addresses says that. */
		ret = get_pa(io, 0, &hpa);
		if (ret == -ENOENT)
			return 0;
	} else {
		ret = -errno;
	}
	switch (ret) {
	case -EPERM:
		hvcma_error_set(err, "iommufd: the kernel tells host-physical addresses only to who has CAP_SYS_RAWIO");
		return ret;
	case 0:			/* an address where nothing is: not the kernel's doing */
	case -ENOTTY:
	case -EOPNOTSUPP:
		hvcma_error_set(err, "iommufd: this kernel has none for devices without an IOMMU (it takes Linux 7.3 or "
				"newer, built with VFIO_DEVICE_CDEV and VFIO_NOIOMMU)");
		return -EOPNOTSUPP;
	default:
		hvcma_error_set(err, "iommufd: cannot make an I/O address space: %s", strerror(-ret));
		return ret;
	}
}

void hvcma_iommufd_fini(struct hvcma_iommufd *io)
{
	close(io->fd);
}

static int add_device_error(int ret, const char *step, struct hvcma_error *err)
{
	hvcma_error_set(err, ret == -EINVAL || ret == -ENOTTY ?
			"iommufd: the kernel does not %s this descriptor (%s): it is not one of "
			"/dev/vfio/devices, or in use already" : "iommufd: cannot %s the device: %s", step, strerror(-ret));
	return ret == -ENOTTY ? -EINVAL : ret;
}

int hvcma_iommufd_add_device(struct hvcma_iommufd *io, int device, struct hvcma_error *err)
{
	struct hvcma_vfio_bind_iommufd bind = { .argsz = sizeof(bind), .iommufd = io->fd };
	struct hvcma_vfio_attach_iommufd_pt attach = { .argsz = sizeof(attach), .pt_id = io->ioas };

	if (ioctl(device, HVCMA_VFIO_DEVICE_BIND_IOMMUFD, &bind))
		return add_device_error(-errno, "bind", err);
	if (ioctl(device, HVCMA_VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach))
		return add_device_error(-errno, "attach", err);	/* bound until it is closed */
	return 0;
}

/* ---- pins ---- */

static struct iommu_pinner *to_iommu(struct hvcma_pinner *p)
{
	return (struct iommu_pinner *)p;	/* base comes first */
}

static uint64_t iova_of(const struct iommu_pinner *p, uint64_t granule)
{
	return p->memory + granule * p->granule_bytes;
}

static int map(const struct iommu_pinner *p, uint64_t first, uint64_t nr)
{
	const uint32_t flags = HVCMA_IOMMU_MAP_FIXED_IOVA | HVCMA_IOMMU_MAP_WRITEABLE | HVCMA_IOMMU_MAP_READABLE;
	uint64_t bytes = nr * p->granule_bytes, iova = iova_of(p, first);
	struct hvcma_iommu_ioas_map_file of_file = {
		.size = sizeof(of_file), .flags = flags, .ioas_id = p->io->ioas, .fd = p->file,
		.start = p->file_offset_bytes + first * p->granule_bytes, .length = bytes, .iova = iova,
	};
	struct hvcma_iommu_ioas_map of_memory = {
		.size = sizeof(of_memory), .flags = flags, .ioas_id = p->io->ioas,
		.user_va = iova, .length = bytes, .iova = iova,
	};
	int ret = p->file < 0 ? ioctl(p->io->fd, HVCMA_IOMMU_IOAS_MAP, &of_memory) :
				ioctl(p->io->fd, HVCMA_IOMMU_IOAS_MAP_FILE, &of_file);

	return ret ? -errno : 0;
}

static int unmap(const struct iommu_pinner *p, uint64_t first, uint64_t nr)
{
	struct hvcma_iommu_ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = p->io->ioas, .iova = iova_of(p, first),
		.length = nr * p->granule_bytes,
	};

	return ioctl(p->io->fd, HVCMA_IOMMU_IOAS_UNMAP, &cmd) ? -errno : 0;
}

static int iommu_remove(struct hvcma_pinner *base, uint64_t first, uint64_t nr, uint64_t *done)
{
	struct iommu_pinner *p = to_iommu(base);
	int ret = 0;

	for (*done = 0; *done < nr; ++*done) {
		ret = unmap(p, first + *done, 1);
		if (ret)
			break;
	}
	return ret;
}

static int iommu_add(struct hvcma_pinner *base, uint64_t first, uint64_t nr)
{
	struct iommu_pinner *p = to_iommu(base);
	uint64_t done, undone, hpa;
	int ret = 0;

	for (done = 0; done < nr; done++) {
		ret = map(p, first + done, 1);
		if (ret)
			break;
	}
	/* Without a device the kernel keeps mappings in mind, and pins nothing. */
	if (!ret)
		ret = get_pa(p->io, iova_of(p, first), &hpa);
	if (ret)
		iommu_remove(base, first, done, &undone);
	return ret == -EOPNOTSUPP ? -ENODEV : ret;
}

/* Base of one mapped granule, if its host pages are one run. */
static int locate_one(const struct iommu_pinner *p, uint64_t granule, uint64_t *hpa)
{
	uint64_t iova = iova_of(p, granule), at, next;
	int ret = get_pa(p->io, iova, hpa);

	for (at = p->page_bytes; !ret && at < p->granule_bytes; at += p->page_bytes) {
		ret = get_pa(p->io, iova + at, &next);
		if (!ret && next != *hpa + at) {
			*hpa = HVCMA_HPA_SPLIT;
			break;
		}
	}
	return ret;
}

static int locate_mapped(const struct iommu_pinner *p, uint64_t first, uint64_t nr, uint64_t *hpa)
{
	uint64_t i;
	int ret = 0;

	for (i = 0; !ret && i < nr; i++)
		ret = locate_one(p, first + i, &hpa[i]);
	return ret;
}

static int iommu_locate(struct hvcma_pinner *base, uint64_t first, uint64_t nr, bool are_pinned, uint64_t *hpa,
			struct hvcma_error *err)
{
	struct iommu_pinner *p = to_iommu(base);
	int ret = are_pinned ? 0 : map(p, first, nr), left;

	if (!ret) {
		ret = locate_mapped(p, first, nr, hpa);
		left = are_pinned ? 0 : unmap(p, first, nr);
		/* No device yet: nobody tells where they are. That they are there is all there is to say. */
		if (ret == -EOPNOTSUPP && !are_pinned) {
			memset(hpa, 0, nr * sizeof(*hpa));
			ret = 0;
		}
		ret = ret ? ret : left;
	}
	if (!ret)
		return 0;
	switch (ret) {
	case -EPERM:
		hvcma_error_set(err, "the kernel tells host-physical addresses only to who has CAP_SYS_RAWIO");
		break;
	case -EOPNOTSUPP:
	case -ENOENT:
		hvcma_error_set(err, "granules %llu to %llu are not pinned (any more): iommufd has no device that is open",
				(unsigned long long)first, (unsigned long long)(first + nr - 1));
		break;
	default:
		hvcma_error_set(err, "iommufd does not tell where granules %llu to %llu are: %s",
				(unsigned long long)first, (unsigned long long)(first + nr - 1), strerror(-ret));
	}
	return ret;
}

static int iommu_init(struct hvcma_pinner *base, const struct hvcma_provider_config *config,
		      struct hvcma_error *err)
{
	struct iommu_pinner *p = to_iommu(base);

	if (config->ring_fds) {
		hvcma_error_set(err, "io_uring instances don't pin for it");
		return -EINVAL;
	}
	p->memory = (uintptr_t)config->base;
	p->granule_bytes = config->granule_bytes;
	p->nr = config->bytes / config->granule_bytes;
	p->page_bytes = config->page_bytes;
	p->file = config->fd;
	p->file_offset_bytes = config->fd_offset_bytes;
	return 0;
}

static void iommu_fini(struct hvcma_pinner *base)
{
	struct iommu_pinner *p = to_iommu(base);

	unmap(p, 0, p->nr);	/* whatever is mapped in there */
}

static const struct hvcma_pinner_ops iommu_ops = {
	.type = "iommufd",
	.init = iommu_init,
	.fini = iommu_fini,
	.add = iommu_add,
	.remove = iommu_remove,
	.locate = iommu_locate,
};

int hvcma_provider_iommufd_create(const struct hvcma_provider_config *config, const struct hvcma_iommufd *io,
				  struct hvcma_provider **out, struct hvcma_error *err)
{
	struct iommu_pinner *p = calloc(1, sizeof(*p));
	int ret;

	if (!p) {
		hvcma_error_set(err, "region %s: no memory for an iommufd provider", config->name);
		return -ENOMEM;
	}
	p->base.ops = &iommu_ops;
	p->io = io;
	ret = hvcma_provider_local_with(config, &p->base, out, err);
	if (ret)
		free(p);
	return ret;
}
