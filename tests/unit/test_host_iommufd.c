// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pins and addresses by iommufd without IOMMU. What needs a device is skipped where no
 * driver of VFIO has one that the kernel takes for that: vm/test_iommufd has a host with two of
 * QEMU's "edu", which copy between memory and a buffer of their own a tenth of a second after
 * they were told to. Refusals need none.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hv/host/iommufd.h"
#include "tests/unit/host_memory.h"

#include <dirent.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define NR_PAGES	4
#define EDU_DELAY_US	100000
#define EDU_BUFFER	UINT64_C(0x40000)	/* bus address that is edu's own buffer */
#define EDU_BUFFER_BYTES	4096

static struct {
	int nr_devices;
	char device[2][HVCMA_IOMMUFD_PATH_BYTES];
	struct small_pool pool;
	bool has_pool;
} env;

/* ---- devices ---- */

struct edu {
	int fd;
	char *bar;
};

static void need_devices(int nr)
{
	if (env.nr_devices < nr || !env.has_pool)
		skip_because("%d devices that iommufd can have without an IOMMU, %d wanted; or no hugepages",
			     env.nr_devices, nr);
}

static void find_devices(void)
{
	static const char folder[] = "/sys/bus/pci/devices";
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char sysfs[512];

	while (dir && env.nr_devices < 2 && (entry = readdir(dir))) {
		snprintf(sysfs, sizeof(sysfs), "%s/%s", folder, entry->d_name);
		if (*entry->d_name != '.' && !hvcma_iommufd_find_device(sysfs, env.device[env.nr_devices], NULL))
			env.nr_devices++;
	}
	if (dir)
		closedir(dir);
}

static struct hvcma_iommufd io_space(void)
{
	struct hvcma_error err = { "" };
	struct hvcma_iommufd io;
	int fd = open(HVCMA_IOMMUFD_PATH, O_RDWR | O_CLOEXEC);

	must(fd >= 0, HVCMA_IOMMUFD_PATH);
	if (hvcma_iommufd_init(&io, fd, &err)) {
		printf("# %s\n", err.text);
		must(false, "init");
	}
	return io;
}

static struct edu edu_open(int i, struct hvcma_iommufd *io)
{
	struct vfio_region_info bar = { .argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX };
	struct vfio_region_info config = { .argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX };
	const uint16_t on = 0x6;	/* memory, bus master */
	struct hvcma_error err = { "" };
	struct edu e = { .fd = open(env.device[i], O_RDWR | O_CLOEXEC) };

	must(e.fd >= 0, env.device[i]);
	if (hvcma_iommufd_add_device(io, e.fd, &err)) {
		printf("# %s\n", err.text);
		must(false, "add device");
	}
	must(!ioctl(e.fd, VFIO_DEVICE_GET_REGION_INFO, &bar) && !ioctl(e.fd, VFIO_DEVICE_GET_REGION_INFO, &config),
	     "regions");
	must(pwrite(e.fd, &on, sizeof(on), (off_t)config.offset + 4) == sizeof(on), "command");
	e.bar = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, e.fd, (off_t)bar.offset);
	must(e.bar != MAP_FAILED, "registers");
	madvise(e.bar, bar.size, MADV_DONTFORK);
	return e;
}

static void edu_close(struct edu *e)
{
	munmap(e->bar, 1 * MIB);
	close(e->fd);
}

/* Registers have 64 bits; each access is one on the bus. */
static void edu_write(const struct edu *e, unsigned int at, uint64_t value)
{
	__atomic_store_n((uint64_t *)(e->bar + at), value, __ATOMIC_RELEASE);
}

static uint64_t edu_read(const struct edu *e, unsigned int at)
{
	return __atomic_load_n((uint64_t *)(e->bar + at), __ATOMIC_ACQUIRE);
}

static void edu_start(const struct edu *e, uint64_t src, uint64_t dst, bool to_memory)
{
	edu_write(e, 0x80, src);
	edu_write(e, 0x88, dst);
	edu_write(e, 0x90, EDU_BUFFER_BYTES);
	edu_write(e, 0x98, 1 | (to_memory ? 2 : 0));
}

static bool edu_ends(const struct edu *e)
{
	int i;

	for (i = 0; i < 1000 && edu_read(e, 0x98) & 1; i++)
		usleep(10000);
	return i < 1000;
}

/* ---- regions ---- */

static struct hvcma_provider *attempt(const struct hvcma_provider_config *config, const struct hvcma_iommufd *io,
				      struct hvcma_error *err)
{
	struct hvcma_provider *p = NULL;

	return hvcma_provider_iommufd_create(config, io, &p, err) ? NULL : p;
}

static struct hvcma_provider *provider(const struct hvcma_provider_config *config, const struct hvcma_iommufd *io)
{
	struct hvcma_error err = { "" };
	struct hvcma_provider *p = attempt(config, io, &err);

	if (!p)
		printf("# %s\n", err.text);
	must(p, "provider");
	return p;
}

static uint64_t pinned_granules(const struct hvcma_provider *p, uint64_t granule_bytes)
{
	struct hvcma_provider_stats stats;

	p->ops->stats(p, &stats);
	return stats.pinned_bytes / granule_bytes;
}

/* The physical address of one byte, by the shortest way. */
static uint64_t physical(const void *address)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	must(fd >= 0 && pread(fd, &entry, 8, (off_t)((uintptr_t)address / SMALL_BYTES * 8)) == 8, "pagemap");
	close(fd);
	return (entry & ((UINT64_C(1) << 55) - 1)) * SMALL_BYTES;
}

/* What most tests begin with: a space with one device, and a region of NR_PAGES hugepages. */
struct rig {
	struct hvcma_iommufd io;
	struct edu edu;
	struct memory m;
	struct hvcma_provider_config config;
	struct hvcma_provider *p;
};

static void rig_make(struct rig *r)
{
	r->io = io_space();
	r->edu = edu_open(0, &r->io);
	r->m = small_pool_memory(&env.pool, NR_PAGES);
	r->config = config_of(&r->m);
	r->p = provider(&r->config, &r->io);
}

static void rig_end(struct rig *r)
{
	r->p->ops->destroy(r->p);
	memory_free(&r->m);
	edu_close(&r->edu);
	hvcma_iommufd_fini(&r->io);
	assert_true(small_pool_settles(&env.pool, 0));
}

static void addresses_are_those_of_pagemap(void **state)
{
	uint64_t hpa[NR_PAGES], i;
	struct rig r;

	(void)state;
	need_devices(1);
	rig_make(&r);
	assert_string_equal(r.p->ops->type, "iommufd");
	assert_int_equal(r.p->ops->back(r.p, 0, 3), 0);			/* b b b . */
	assert_int_equal(r.p->ops->hpa(r.p, 0, NR_PAGES, hpa), 0);
	for (i = 0; i < 3; i++)
		assert_int_equal(hpa[i], physical(r.m.base + i * HUGE_BYTES));
	assert_int_equal(hpa[3], HVCMA_HPA_ABSENT);
	assert_int_equal(pinned_granules(r.p, HUGE_BYTES), 0);

	assert_int_equal(r.p->ops->pin(r.p, 1, 2), 0);			/* b P P . */
	assert_int_equal(pinned_granules(r.p, HUGE_BYTES), 2);
	assert_int_equal(r.p->ops->hpa(r.p, 0, NR_PAGES, hpa), 0);
	for (i = 0; i < 3; i++)
		assert_int_equal(hpa[i], physical(r.m.base + i * HUGE_BYTES));
	assert_int_equal(r.p->ops->look(r.p, 0, NR_PAGES, hpa), 0);
	assert_int_equal(hpa[0], 0);
	assert_int_equal(hpa[1], physical(r.m.base + HUGE_BYTES));
	assert_int_equal(hpa[2], physical(r.m.base + 2 * HUGE_BYTES));
	assert_int_equal(hpa[3], HVCMA_HPA_ABSENT);

	assert_int_equal(r.p->ops->discard(r.p, 1, 1), -EBUSY);
	assert_int_equal(r.p->ops->unpin(r.p, 1, 1), 0);		/* b b P . */
	assert_int_equal(r.p->ops->discard(r.p, 0, 2), 0);		/* . . P . */
	assert_true(small_pool_settles(&env.pool, 1));
	rig_end(&r);			/* one is pinned still: destroy unpins it */
}

static void what_is_pinned_outlasts_a_hole_in_the_file(void **state)
{
	struct rig r;

	(void)state;
	need_devices(1);
	rig_make(&r);
	assert_int_equal(r.p->ops->back(r.p, 0, NR_PAGES), 0);
	assert_int_equal(r.p->ops->pin(r.p, 0, 2), 0);
	assert_int_equal(fallocate(r.m.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				   NR_PAGES * HUGE_BYTES), 0);
	assert_true(small_pool_settles(&env.pool, 2));			/* control: the others have gone */
	rig_end(&r);
}

static void dma_without_cap_sys_admin(struct outcome *o)
{
	char pattern[EDU_BUFFER_BYTES];
	uint64_t hpa[2];
	struct rig r;

	drop_capability(CAP_SYS_ADMIN);
	rig_make(&r);
	must(!r.p->ops->back(r.p, 0, 2) && !r.p->ops->pin(r.p, 0, 2) && !r.p->ops->hpa(r.p, 0, 2, hpa), "pin");
	memset(pattern, 0xa5, sizeof(pattern));
	memcpy(r.m.base + 3 * EDU_BUFFER_BYTES, pattern, sizeof(pattern));
	edu_start(&r.edu, hpa[0] + 3 * EDU_BUFFER_BYTES, EDU_BUFFER, false);
	must(edu_ends(&r.edu), "read");
	edu_start(&r.edu, EDU_BUFFER, hpa[1] + 7 * EDU_BUFFER_BYTES, true);
	must(edu_ends(&r.edu), "write");
	o->ret = memcmp(r.m.base + HUGE_BYTES + 7 * EDU_BUFFER_BYTES, pattern, sizeof(pattern));
	must(!r.m.base[HUGE_BYTES + 6 * EDU_BUFFER_BYTES] && !r.m.base[HUGE_BYTES + 8 * EDU_BUFFER_BYTES], "beside");
	snprintf(o->err.text, sizeof(o->err.text), "%llx", (unsigned long long)physical(r.m.base));
}

static void a_device_reaches_it_and_cap_sys_admin_is_not_needed(void **state)
{
	struct outcome o;

	(void)state;
	need_devices(1);
	o = in_child(dma_without_cap_sys_admin);
	assert_int_equal(o.ret, 0);
	assert_string_equal(o.err.text, "0");		/* control: pagemap tells that process nothing */
	assert_true(small_pool_settles(&env.pool, 0));
}

/* A child maps, pins and dies; what is left of it here are descriptors. */
static void pins_last_as_long_as_the_device_is_open(void **state)
{
	struct hvcma_iommufd io;
	struct edu edu;
	int status;
	pid_t pid;

	(void)state;
	need_devices(1);
	io = io_space();
	edu = edu_open(0, &io);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		struct memory m = small_pool_memory(&env.pool, NR_PAGES);
		struct hvcma_provider_config config = config_of(&m);
		struct hvcma_provider *p = provider(&config, &io);

		be_a_child();
		must(!p->ops->back(p, 0, NR_PAGES) && !p->ops->pin(p, 1, 2), "pin");
		/* The file itself lasts as long as its mappings: so only pins count. */
		must(!fallocate(m.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, m.bytes), "hole");
		must(small_pool_settles(&env.pool, 2), "pins");
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	hvcma_iommufd_fini(&io);
	usleep(EDU_DELAY_US);
	assert_int_equal(small_pool_used(&env.pool), 2);
	edu_close(&edu);
	assert_true(small_pool_settles(&env.pool, 0));
}

/* The device is told to write, and its process is killed at once. */
static void kill_during_dma(struct memory *m, bool kept)
{
	struct hvcma_iommufd io;
	int told[2], status, device;
	struct edu edu;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(told), 0);
	io = io_space();
	edu = edu_open(0, &io);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		struct hvcma_provider_config config = config_of(m);
		struct hvcma_provider *p = provider(&config, &io);
		struct edu own = edu;
		uint64_t hpa;

		be_a_child();
		own.bar = mmap(NULL, 1 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, edu.fd, 0);
		must(own.bar != MAP_FAILED, "registers");
		must(read(told[0], &byte, 1) == 1, "go on");		/* the parent has let go of the device */
		must(!p->ops->back(p, 0, 1) && !p->ops->pin(p, 0, 1) && !p->ops->hpa(p, 0, 1, &hpa), "pin");
		memset(m->base, 0xa5, EDU_BUFFER_BYTES);
		edu_start(&own, hpa, EDU_BUFFER, false);
		must(edu_ends(&own), "fill");
		memset(m->base, 0, EDU_BUFFER_BYTES);
		edu_start(&own, EDU_BUFFER, hpa, true);
		raise(SIGKILL);
	}
	device = kept ? dup(edu.fd) : -1;
	edu_close(&edu);
	hvcma_iommufd_fini(&io);
	assert_int_equal(write(told[1], "", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	if (!kept) {
		/* Whoever comes next has the page. */
		assert_int_equal(fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, HUGE_BYTES), 0);
		assert_true(small_pool_settles(&env.pool, 0));
		memset(m->base, 0, m->bytes);
	}
	usleep(5 * EDU_DELAY_US);
	if (device >= 0)
		close(device);
	close(told[0]);
	close(told[1]);
}

static bool is_zero(const char *base, uint64_t bytes)
{
	return !*base && !memcmp(base, base + 1, bytes - 1);
}

static void a_device_is_quiet_before_its_pages_are_free(void **state)
{
	struct memory m;

	(void)state;
	need_devices(1);
	m = small_pool_memory(&env.pool, NR_PAGES);
	kill_during_dma(&m, true);
	assert_false(is_zero(m.base, EDU_BUFFER_BYTES));	/* control: with the device open it arrives */
	memset(m.base, 0, HUGE_BYTES);
	kill_during_dma(&m, false);
	assert_true(is_zero(m.base, m.bytes));
	memory_free(&m);
}

static void without_a_device_nothing_is_pinned(void **state)
{
	struct hvcma_provider_config config;
	struct hvcma_iommufd io;
	struct hvcma_provider *p;
	uint64_t hpa[NR_PAGES];
	struct memory m;

	(void)state;
	need_devices(1);
	io = io_space();
	m = small_pool_memory(&env.pool, NR_PAGES);
	config = config_of(&m);
	p = provider(&config, &io);
	assert_int_equal(p->ops->back(p, 0, 2), 0);
	assert_int_equal(p->ops->pin(p, 0, 2), -EIO);
	assert_words(p->error.text, "region banka: the kernel refuses to pin 4194304 bytes at granule 0: No such device");
	assert_int_equal(pinned_granules(p, HUGE_BYTES), 0);
	assert_int_equal(p->ops->hpa(p, 0, NR_PAGES, hpa), 0);		/* there, who knows where; not there */
	assert_int_equal(hpa[1], 0);
	assert_int_equal(hpa[2], HVCMA_HPA_ABSENT);
	assert_int_equal(p->ops->discard(p, 0, 2), 0);
	assert_true(small_pool_settles(&env.pool, 0));
	p->ops->destroy(p);
	memory_free(&m);
	hvcma_iommufd_fini(&io);
}

static void pins_go_with_the_last_device(void **state)
{
	uint64_t hpa, again;
	struct edu second;
	struct rig r;

	(void)state;
	need_devices(2);
	rig_make(&r);
	second = edu_open(1, &r.io);
	assert_int_equal(r.p->ops->back(r.p, 0, 1), 0);
	assert_int_equal(r.p->ops->pin(r.p, 0, 1), 0);
	assert_int_equal(r.p->ops->hpa(r.p, 0, 1, &hpa), 0);
	edu_close(&r.edu);
	assert_int_equal(r.p->ops->hpa(r.p, 0, 1, &again), 0);
	assert_int_equal(again, hpa);
	edu_close(&second);
	assert_int_equal(r.p->ops->hpa(r.p, 0, 1, &again), -EIO);
	assert_words(r.p->error.text, "granules 0 to 0 are not pinned (any more)");
	assert_int_equal(r.p->ops->unpin(r.p, 0, 1), 0);
	assert_int_equal(r.p->ops->discard(r.p, 0, 1), 0);
	r.edu = edu_open(0, &r.io);
	rig_end(&r);
}

/* Two providers of the same memory are one too many: the second finds a granule in the middle taken. */
static void a_pin_that_fails_in_the_middle_pins_nothing(void **state)
{
	struct hvcma_provider *other;
	struct rig r;

	(void)state;
	need_devices(1);
	rig_make(&r);
	other = provider(&r.config, &r.io);
	assert_int_equal(other->ops->back(other, 0, NR_PAGES), 0);
	assert_int_equal(other->ops->pin(other, 2, 1), 0);
	assert_int_equal(r.p->ops->back(r.p, 0, NR_PAGES), 0);
	assert_int_equal(r.p->ops->pin(r.p, 0, NR_PAGES), -EIO);
	assert_words(r.p->error.text, "region banka: the kernel refuses to pin 8388608 bytes at granule 0");
	assert_int_equal(pinned_granules(r.p, HUGE_BYTES), 0);
	assert_int_equal(fallocate(r.m.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				   NR_PAGES * HUGE_BYTES), 0);
	assert_true(small_pool_settles(&env.pool, 1));
	assert_int_equal(other->ops->unpin(other, 2, 1), 0);
	assert_int_equal(r.p->ops->back(r.p, 0, NR_PAGES), 0);
	assert_int_equal(r.p->ops->pin(r.p, 0, NR_PAGES), 0);
	assert_int_equal(r.p->ops->unpin(r.p, 0, NR_PAGES), 0);
	other->ops->destroy(other);
	rig_end(&r);
}

static void memory_without_a_file(void **state)
{
	struct hvcma_provider *p;
	uint64_t hpa[2];
	struct rig r;

	(void)state;
	need_devices(1);
	rig_make(&r);
	r.config.fd = -1;
	p = provider(&r.config, &r.io);
	assert_int_equal(p->ops->back(p, 0, 2), 0);
	assert_int_equal(p->ops->pin(p, 0, 2), 0);
	assert_int_equal(p->ops->hpa(p, 0, 2, hpa), 0);
	assert_int_equal(hpa[1], physical(r.m.base + HUGE_BYTES));
	p->ops->destroy(p);
	rig_end(&r);
}

static void granules_of_several_pages(void **state)
{
	const uint64_t granule = 16 * SMALL_BYTES;
	struct memory m = small_memory(2 * granule);
	struct hvcma_provider_config config = config_of(&m);
	struct hvcma_provider *p;
	uint64_t hpa[2], i;
	struct rig r;

	(void)state;
	need_devices(1);
	rig_make(&r);
	config.granule_bytes = granule;
	/* In an order in which no allocator gives consecutive pages. */
	for (i = 0; i < 16; i++)
		m.base[granule + (i * 7 % 16) * SMALL_BYTES] = 1;
	p = provider(&config, &r.io);
	assert_int_equal(p->ops->pin(p, 1, 1), 0);
	assert_int_equal(p->ops->look(p, 0, 2, hpa), 0);
	assert_int_equal(hpa[0], HVCMA_HPA_ABSENT);
	assert_int_equal(hpa[1], HVCMA_HPA_SPLIT);
	assert_int_equal(p->ops->hpa(p, 1, 1, hpa), -EIO);
	assert_words(p->error.text, "granule 1 of 65536 bytes is not one run");
	p->ops->destroy(p);
	memory_free(&m);
	rig_end(&r);
}

static void addresses_need_rawio(struct outcome *o)
{
	struct hvcma_iommufd io;
	uint64_t hpa;
	struct rig r;

	rig_make(&r);
	must(!r.p->ops->back(r.p, 0, 1) && !r.p->ops->pin(r.p, 0, 1), "pin");
	drop_capability(CAP_SYS_RAWIO);
	must(r.p->ops->hpa(r.p, 0, 1, &hpa) == -EIO && strstr(r.p->error.text, "CAP_SYS_RAWIO"), "hpa");
	must(!r.p->ops->unpin(r.p, 0, 1), "unpin");
	o->ret = hvcma_iommufd_init(&io, open(HVCMA_IOMMUFD_PATH, O_RDWR | O_CLOEXEC), &o->err);
}

static void no_cap_sys_rawio_no_addresses(void **state)
{
	struct outcome o;

	(void)state;
	need_devices(1);
	o = in_child(addresses_need_rawio);
	assert_int_equal(o.ret, -EPERM);
	assert_words(o.err.text, "iommufd: the kernel tells host-physical addresses only to who has CAP_SYS_RAWIO");
	assert_true(small_pool_settles(&env.pool, 0));
}

static void small_memlock(struct outcome *o)
{
	struct hvcma_provider *p;
	struct memory m;
	struct rig r;

	drop_capability(CAP_IPC_LOCK);
	limit_resource(RLIMIT_MEMLOCK, NR_PAGES * HUGE_BYTES);
	rig_make(&r);				/* each alone would do */
	m = small_memory(4 * MIB);
	r.config = config_of(&m);
	p = provider(&r.config, &r.io);
	must(!r.p->ops->back(r.p, 0, 3) && !r.p->ops->pin(r.p, 0, 3) && !p->ops->back(p, 0, 1024), "first");
	o->ret = p->ops->pin(p, 0, 1024);
	o->err = p->error;
	must(!pinned_granules(p, SMALL_BYTES), "nothing pinned");
	must(!p->ops->pin(p, 0, 512), "less");
}

static void memlock_used_up(void **state)
{
	struct outcome o;

	(void)state;
	need_devices(1);
	o = in_child(small_memlock);
	assert_int_equal(o.ret, -ENOMEM);
	assert_words(o.err.text, "region banka: cannot pin 4194304 bytes more");
	assert_words(o.err.text, "RLIMIT_MEMLOCK is 8388608 bytes");
	assert_true(small_pool_settles(&env.pool, 0));
}

static void late_ioctl_filter(struct outcome *o)
{
	struct rig r;

	rig_make(&r);
	must(!r.p->ops->back(r.p, 0, 2) && !r.p->ops->pin(r.p, 0, 2), "pin");
	forbid(SYS_ioctl, -1, EBADFD);
	o->ret = r.p->ops->unpin(r.p, 0, 2);
	o->err = r.p->error;
	must(pinned_granules(r.p, HUGE_BYTES) == 2 && r.p->ops->discard(r.p, 0, 1) == -EBUSY, "count");
}

static void a_failed_unpin_leaves_the_granules_pinned(void **state)
{
	struct outcome o;

	(void)state;
	need_devices(1);
	o = in_child(late_ioctl_filter);
	assert_int_equal(o.ret, -EIO);
	assert_words(o.err.text, "refuses to unpin granule 0, it stays pinned");
	assert_true(small_pool_settles(&env.pool, 0));
}

/* ---- refusals: any machine has these ---- */

static void a_kernel_without_it_is_told_by_name(void **state)
{
	struct hvcma_error err = { "" };
	struct hvcma_iommufd io;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);		/* knows no such requests, as old kernels don't */

	(void)state;
	assert_int_equal(hvcma_iommufd_init(&io, fd, &err), -EOPNOTSUPP);
	assert_words(err.text, "Linux 7.3");
	assert_int_equal(hvcma_iommufd_init(&io, fd, NULL), -EOPNOTSUPP);
	close(fd);
	assert_int_equal(hvcma_iommufd_init(&io, fd, &err), -EBADF);
	assert_words(err.text, "iommufd: cannot make an I/O address space: Bad file descriptor");
}

static void what_is_no_device_is_refused(void **state)
{
	struct hvcma_iommufd io = { .fd = -1 };
	struct hvcma_error err = { "" };
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_int_equal(hvcma_iommufd_add_device(&io, fd, &err), -EINVAL);
	assert_words(err.text, "iommufd: the kernel does not bind this descriptor");
	close(fd);
	assert_int_equal(hvcma_iommufd_add_device(&io, fd, &err), -EBADF);
	assert_words(err.text, "iommufd: cannot bind the device: Bad file descriptor");
}

static void a_device_has_one_space(void **state)
{
	struct hvcma_error err = { "" };
	struct rig r;

	(void)state;
	need_devices(1);
	rig_make(&r);
	assert_int_equal(hvcma_iommufd_add_device(&r.io, r.edu.fd, &err), -EINVAL);
	assert_words(err.text, "in use already");
	rig_end(&r);
}

static void devices_are_found_by_their_folder(void **state)
{
	char folder[] = "/tmp/hvcma-sysfs-XXXXXX", path[64], file[HVCMA_IOMMUFD_PATH_BYTES] = "x";
	struct hvcma_error err = { "" };

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(hvcma_iommufd_find_device(folder, file, &err), -ENODEV);
	assert_words(err.text, folder);
	assert_words(err.text, "no driver of VFIO has it");
	snprintf(path, sizeof(path), "%s/vfio-dev", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(hvcma_iommufd_find_device(folder, file, &err), -ENODEV);
	assert_words(err.text, "VFIO has no file of it");
	snprintf(path, sizeof(path), "%s/vfio-dev/vfio3", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(hvcma_iommufd_find_device(folder, file, &err), -ENODEV);
	assert_words(err.text, "not as a device without an IOMMU");
	rmdir(path);
	snprintf(path, sizeof(path), "%s/vfio-dev/noiommu-vfio3", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(hvcma_iommufd_find_device(folder, file, &err), 0);
	assert_string_equal(file, "/dev/vfio/devices/noiommu-vfio3");
	rmdir(path);
	snprintf(path, sizeof(path), "%s/vfio-dev", folder);
	rmdir(path);
	rmdir(folder);
}

static void the_config_is_judged_first(void **state)
{
	struct memory m = small_memory(1 * MIB);
	struct hvcma_provider_config config = config_of(&m);
	struct hvcma_iommufd io = { .fd = -1 };
	struct hvcma_error err = { "" };

	(void)state;
	config.granule_bytes = 0;
	assert_null(attempt(&config, &io, &err));
	assert_words(err.text, "region banka: ");
	config = config_of(&m);
	config.base = m.base + 1;
	assert_null(attempt(&config, &io, &err));
	assert_words(err.text, "not aligned to the host page");
	memory_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_those_of_pagemap),
		cmocka_unit_test(what_is_pinned_outlasts_a_hole_in_the_file),
		cmocka_unit_test(a_device_reaches_it_and_cap_sys_admin_is_not_needed),
		cmocka_unit_test(pins_last_as_long_as_the_device_is_open),
		cmocka_unit_test(a_device_is_quiet_before_its_pages_are_free),
		cmocka_unit_test(without_a_device_nothing_is_pinned),
		cmocka_unit_test(pins_go_with_the_last_device),
		cmocka_unit_test(a_pin_that_fails_in_the_middle_pins_nothing),
		cmocka_unit_test(memory_without_a_file),
		cmocka_unit_test(granules_of_several_pages),
		cmocka_unit_test(no_cap_sys_rawio_no_addresses),
		cmocka_unit_test(memlock_used_up),
		cmocka_unit_test(a_failed_unpin_leaves_the_granules_pinned),
		cmocka_unit_test(a_kernel_without_it_is_told_by_name),
		cmocka_unit_test(what_is_no_device_is_refused),
		cmocka_unit_test(a_device_has_one_space),
		cmocka_unit_test(devices_are_found_by_their_folder),
		cmocka_unit_test(the_config_is_judged_first),
	};
	int ret;

	SKIP_ALL_UNLESS_ROOT();
	find_devices();
	if (env.nr_devices)
		env.has_pool = small_pool_make(&env.pool, NR_PAGES);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	if (env.has_pool)
		small_pool_free(&env.pool);
	return ret;
}
