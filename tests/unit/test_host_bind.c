// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Giving a device to VFIO and back, on a host of files, where no kernel does anything: what is written and
 * where, what is refused, and that what fails is undone. With a kernel: nested/test_bind.
 */
#include "tests/unit/recorded_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "hv/cli/command.h"
#include "hv/host/host_bind.h"
#include "tests/unit/hvcma_program.h"

#define NVME	"0000:01:00.0"
#define RULE	"/etc/udev/rules.d/70-hvcma-0000:01:00.0.rules"
#define GROUP	"/sys/kernel/iommu_groups/7"

static char steps[8192];

static void take_step(void *opaque, const char *step)
{
	(void)opaque;
	strcat(strcat(steps, step), "\n");
}

static struct hvcma_host_job job_of(struct tree *t, bool dry_run)
{
	steps[0] = '\0';
	return (struct hvcma_host_job){ .root = t->root, .dry_run = dry_run, .say = take_step };
}

static struct hvcma_pci device(struct tree *t)
{
	struct hvcma_error err;
	struct hvcma_pci pci;

	assert_int_equal(hvcma_pci_read(t->root, NVME, &pci, &err), 0);
	return pci;
}

/* Names and contents of all files, and where links lead. */
static void snapshot(struct tree *t, char *text, size_t room)
{
	char line[512];

	snprintf(line, sizeof(line), "cd %s && find . -type f -exec tail -n +1 {} + | grep -v '^$'; find . -type l -printf '%%p %%l\\n' | sort; find . -type d | sort",
		 t->root);
	assert_int_equal(run_line(line, text, room), 0);
}

static void load_vfio(struct tree *t, const char *mode)
{
	tree_put(t, "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", mode);
	tree_put(t, "/sys/module/vfio_pci/", "");
	tree_put(t, TREE_NVME "/driver/unbind", "");
}

/* As the kernel would have it. */
static void be_bound(struct tree *t)
{
	tree_put(t, TREE_NVME "/driver", "-> /sys/bus/pci/drivers/vfio-pci");
	tree_put(t, TREE_NVME "/driver/unbind", "");
	tree_put(t, TREE_NVME "/iommu_group", "-> " GROUP);
	tree_put(t, GROUP "/name", "vfio-noiommu\n");
	tree_put(t, TREE_NVME "/driver_override", "vfio-pci\n");
}

static void test_what_fails_is_undone(void **state)
{
	struct tree *t = *state;
	static char before[65536], after[65536];
	struct hvcma_host_job job;
	struct hvcma_pci pci;
	struct hvcma_error err;

	load_vfio(t, "N\n");
	tree_put(t, "/run/hvcma/bound/", "");
	tree_put(t, TREE_NVME "/driver_override", "\n");
	pci = device(t);
	snapshot(t, before, sizeof(before));
	job = job_of(t, false);
	/* the device stays with its driver: nobody does what the files say */
	assert_int_equal(hvcma_bind(&job, &pci, &err), -ENODEV);
	assert_string_equal(err.text, "vfio-pci did not take 0000:01:00.0: the kernel's log tells why");
	assert_string_equal(steps,
		"echo Y >/sys/module/vfio/parameters/enable_unsafe_noiommu_mode\n"
		"echo vfio-pci >/sys/bus/pci/devices/0000:01:00.0/driver_override\n"
		"echo 0000:01:00.0 >/sys/bus/pci/devices/0000:01:00.0/driver/unbind\n"
		"echo 0000:01:00.0 >/sys/bus/pci/drivers_probe\n"
		"(it failed, and is undone)\n"
		"echo  >/sys/bus/pci/devices/0000:01:00.0/driver_override\n"
		"echo N >/sys/module/vfio/parameters/enable_unsafe_noiommu_mode\n");
	/* what only a kernel takes away */
	tree_put(t, TREE_NVME "/driver/unbind", "");
	tree_put(t, "/sys/bus/pci/drivers_probe", "");
	tree_put(t, "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "N\n");
	snapshot(t, after, sizeof(after));
	assert_string_equal(after, before);
}

#define CODEC	"fe650000.codec"
#define PLATFORM	"/sys/bus/platform/devices/"
#define NODE	"/sys/firmware/devicetree/base/soc/codec@fe650000"

/* By name and by node; the steps are those of a PCI device, on its own bus, by its own driver. */
static void test_platform(void **state)
{
	struct tree *t = *state;
	struct hvcma_host_job job = job_of(t, true);
	struct hvcma_pci codec, same;
	struct hvcma_error err;

	tree_put(t, NODE "/", "");
	tree_put(t, PLATFORM CODEC "/driver_override", "(null)\n");
	tree_put(t, PLATFORM CODEC "/of_node", "-> " NODE);
	tree_put(t, "/sys/bus/platform/drivers/codec/", "");
	tree_put(t, PLATFORM CODEC "/driver", "-> /sys/bus/platform/drivers/codec");
	assert_int_equal(hvcma_device_read(t->root, CODEC, &codec, &err), 0);
	assert_string_equal(codec.bus, "platform");
	assert_string_equal(codec.driver, "codec");
	assert_int_equal(hvcma_device_read(t->root, "/soc/codec@fe650000", &same, &err), 0);
	assert_string_equal(same.name, CODEC);
	assert_int_equal(hvcma_device_read(t->root, "/soc/gone", &same, &err), -ENOENT);
	tree_put(t, "/sys/firmware/devicetree/base/soc/dma@fe700000/", "");
	tree_put(t, "/sys/bus/amba/devices/fe700000.dma/of_node", "-> /sys/firmware/devicetree/base/soc/dma@fe700000");
	assert_int_equal(hvcma_device_read(t->root, "fe700000.dma", &same, &err), -ENOENT);
	assert_non_null(strstr(err.text, "'fe700000.dma' is an AMBA device (/sys/bus/amba/devices), which takes vfio-amba"));
	assert_int_equal(hvcma_device_read(t->root, "/soc/dma@fe700000", &same, &err), -ENOENT);
	assert_non_null(strstr(err.text, "'fe700000.dma' is an AMBA device"));
	tree_put(t, PLATFORM "second/of_node", "-> " NODE);
	assert_int_equal(hvcma_device_read(t->root, "/soc/codec@fe650000", &same, &err), -ENOTUNIQ);
	assert_int_equal(hvcma_bind(&job, &codec, &err), 0);
	assert_non_null(strstr(steps, "modprobe vfio-platform reset_required=0\n"));
	assert_non_null(strstr(steps,
		"echo vfio-platform >/sys/bus/platform/devices/fe650000.codec/driver_override\n"
		"echo fe650000.codec >/sys/bus/platform/devices/fe650000.codec/driver/unbind\n"
		"echo fe650000.codec >/sys/bus/platform/drivers_probe\n"));
}

static void test_refusals(void **state)
{
	struct tree *t = *state;
	struct hvcma_host_job job = job_of(t, false);
	struct hvcma_pci pci;
	struct hvcma_error err;
	char lock[128];
	int fd;

	/* vfio-pci is there, and VFIO can't do without an IOMMU */
	pci = device(t);
	assert_int_equal(hvcma_bind(&job, &pci, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "built without CONFIG_VFIO_NOIOMMU"));
	assert_string_equal(tree_get(t, TREE_NVME "/driver_override"), "(null)\n");
	assert_string_equal(tree_get(t, "/run/hvcma/bound/" NVME), "");
	assert_string_equal(tree_get(t, "/run/hvcma/vfio"), "");
	/* it can't be loaded */
	tree_remove(t, "/sys/bus/pci/drivers/vfio-pci");
	setenv("PATH", "/nowhere", 1);
	assert_int_equal(hvcma_bind(&job, &pci, &err), -ENOENT);
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	assert_non_null(strstr(err.text, "modprobe vfio-pci: "));
	/* another does it */
	snprintf(lock, sizeof(lock), "%s/run/hvcma", t->root);
	fd = open(lock, O_RDONLY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	steps[0] = '\0';
	assert_int_equal(hvcma_bind(&job, &pci, &err), -EALREADY);
	close(fd);
	assert_string_equal(steps, "");
	/* an IOMMU */
	tree_put(t, TREE_NVME "/iommu_group", "-> " GROUP);
	pci = device(t);
	assert_int_equal(hvcma_bind(&job, &pci, &err), -EPERM);
	assert_non_null(strstr(err.text, "has an IOMMU (group 7)"));
	assert_string_equal(steps, "");
}

static void test_unbind(void **state)
{
	struct tree *t = *state;
	struct hvcma_host_job job = job_of(t, false);
	struct hvcma_pci pci = device(t);
	struct hvcma_error err;

	/* nobody gave it to VFIO */
	assert_int_equal(hvcma_unbind(&job, &pci, &err), 0);
	assert_string_equal(steps, "");
	/* as bind leaves it; another device is bound, too, so VFIO stays as it is */
	load_vfio(t, "Y\n");
	be_bound(t);
	tree_put(t, "/run/hvcma/vfio", "mode=N\nhad=vfio\nhad=vfio_pci\n");
	tree_put(t, "/run/hvcma/bound/" NVME, "driver=nvme\noverride=\n");
	tree_put(t, "/run/hvcma/bound/0000:02:00.0", "driver=\noverride=\n");
	pci = device(t);
	job = job_of(t, false);
	assert_int_equal(hvcma_bind(&job, &pci, &err), 0);
	assert_string_equal(steps, "");
	/* nvme does not take it back, for there is no kernel: that is said, and the record stays */
	assert_int_equal(hvcma_unbind(&job, &pci, &err), -ENODEV);
	assert_string_equal(err.text, "driver nvme did not take 0000:01:00.0 back: the kernel's log tells why");
	assert_string_equal(steps,
		"echo  >/sys/bus/pci/devices/0000:01:00.0/driver_override\n"
		"echo 0000:01:00.0 >/sys/bus/pci/devices/0000:01:00.0/driver/unbind\n"
		"echo 0000:01:00.0 >/sys/bus/pci/drivers_probe\n");
	assert_string_equal(tree_get(t, "/run/hvcma/bound/" NVME), "driver=nvme\noverride=\n");
	/* now it has */
	tree_put(t, TREE_NVME "/driver", "-> /sys/bus/pci/drivers/nvme");
	tree_put(t, TREE_NVME "/driver_override", "(null)\n");
	pci = device(t);
	job = job_of(t, false);
	assert_int_equal(hvcma_unbind(&job, &pci, &err), 0);
	assert_string_equal(steps, "");
	assert_string_equal(tree_get(t, "/run/hvcma/bound/" NVME), "");
	assert_string_not_equal(tree_get(t, "/run/hvcma/vfio"), "");
	/* the last one */
	tree_remove(t, "/run/hvcma/bound/0000:02:00.0");
	tree_put(t, "/run/hvcma/bound/" NVME, "driver=nvme\noverride=\n");
	job = job_of(t, false);
	assert_int_equal(hvcma_unbind(&job, &pci, &err), 0);
	assert_string_equal(steps, "echo N >/sys/module/vfio/parameters/enable_unsafe_noiommu_mode\n");
	assert_string_equal(tree_get(t, "/run/hvcma/vfio"), "");
	/* of one that somebody else bound nothing is known */
	be_bound(t);
	pci = device(t);
	job = job_of(t, false);
	assert_int_equal(hvcma_unbind(&job, &pci, &err), 0);
	assert_non_null(strstr(steps, "drivers_probe"));
}

static void test_persist(void **state)
{
	struct tree *t = *state;
	static char before[65536], after[65536];
	struct hvcma_host_job job = job_of(t, false);
	struct hvcma_pci pci = device(t), other = pci;
	struct hvcma_error err;

	tree_put(t, "/etc/udev/rules.d/", "");
	tree_put(t, "/etc/modprobe.d/", "");
	tree_put(t, "/etc/modules-load.d/", "");
	strcpy(other.name, "0000:02:00.0");
	snapshot(t, before, sizeof(before));
	assert_int_equal(hvcma_bind_persist(&job, &pci, "/usr/bin/hvcma", &err), 0);
	assert_non_null(strstr(tree_get(t, RULE), "\nACTION==\"add\", SUBSYSTEM==\"pci\", KERNEL==\"0000:01:00.0\", ATTR{vendor}==\"0x1b36\", ATTR{device}==\"0x0010\", RUN+=\"/usr/bin/hvcma bind --yes 0000:01:00.0\"\n"));
	assert_non_null(strstr(tree_get(t, "/etc/modprobe.d/hvcma-vfio.conf"), "\noptions vfio enable_unsafe_noiommu_mode=1\n"));
	assert_non_null(strstr(tree_get(t, "/etc/modules-load.d/hvcma-vfio.conf"), "\nvfio-pci\n"));
	/* what is common goes with the last */
	assert_int_equal(hvcma_bind_persist(&job, &other, "/usr/bin/hvcma", &err), 0);
	assert_int_equal(hvcma_bind_forget(&job, &pci, &err), 0);
	assert_string_equal(tree_get(t, RULE), "");
	assert_string_not_equal(tree_get(t, "/etc/modprobe.d/hvcma-vfio.conf"), "");
	assert_int_equal(hvcma_bind_forget(&job, &other, &err), 0);
	snapshot(t, after, sizeof(after));
	assert_string_equal(after, before);
	/* of somebody else: refused, and left alone */
	tree_put(t, "/etc/modules-load.d/hvcma-vfio.conf", "vfio\n");
	snapshot(t, before, sizeof(before));
	assert_int_equal(hvcma_bind_persist(&job, &pci, "/usr/bin/hvcma", &err), -EEXIST);
	assert_string_equal(err.text, "/etc/modules-load.d/hvcma-vfio.conf is there, and was not written by hvcma: it is left alone");
	assert_int_equal(hvcma_bind_forget(&job, &pci, &err), 0);
	snapshot(t, after, sizeof(after));
	assert_string_equal(after, before);
	/* all or none: a folder is in the way of one */
	tree_remove(t, "/etc/modules-load.d/hvcma-vfio.conf");
	tree_remove(t, "/etc/modules-load.d");
	tree_put(t, "/etc/modules-load.d", "");
	snapshot(t, before, sizeof(before));
	assert_int_equal(hvcma_bind_persist(&job, &pci, "/usr/bin/hvcma", &err), -ENOTDIR);
	snapshot(t, after, sizeof(after));
	assert_string_equal(after, before);
}

/* ---- the command ---- */

static void expect(struct tree *t, int status, const char *part, const char *fmt)
{
	char line[1024];
	int got;

	snprintf(line, sizeof(line), fmt, t->root);
	got = hvcma_run(line, t->out, sizeof(t->out));
	if (got != status || !strstr(t->out, part))
		fail_msg("'%s': exit status %d, printed:\n%s", line, got, t->out);
}

static void test_command(void **state)
{
	struct tree *t = *state;
	static char before[65536], after[65536];

	snapshot(t, before, sizeof(before));
	expect(t, HVCMA_EXIT_OK, "would: echo vfio-pci >/sys/bus/pci/devices/0000:01:00.0/driver_override\n",
	       "bind --root %s -n --persist 01:00.0");
	assert_non_null(strstr(t->out, "would: write " RULE "\n"));
	expect(t, HVCMA_EXIT_OK, "\"steps\":[", "bind --root %s --dry-run --json 01:00.0");
	expect(t, HVCMA_EXIT_FAILED, "0000:02:00.0 is in use: network interface enp2s0 has a route (--force", "bind --root %s -n 02:00.0");
	expect(t, HVCMA_EXIT_OK, "would: ", "bind --root %s -n --force 02:00.0");
	expect(t, HVCMA_EXIT_USAGE, "--dry-run", "bind --root %s 01:00.0");
	expect(t, HVCMA_EXIT_USAGE, "--dry-run", "unbind --root %s 01:00.0");
	expect(t, HVCMA_EXIT_USAGE, "one device is needed", "bind --root %s -n");
	expect(t, HVCMA_EXIT_USAGE, "one device is needed", "unbind --root %s -n");
	expect(t, HVCMA_EXIT_NO_DEVICE, "no PCI device 0000:09:00.0", "bind --root %s -n 09:00.0");
	expect(t, HVCMA_EXIT_NO_DEVICE, "no PCI device 0000:09:00.0", "unbind --root %s -n 09:00.0");
	expect(t, HVCMA_EXIT_USAGE, "'nvme' is no PCI device", "unbind --root %s -n nvme");
	snapshot(t, after, sizeof(after));
	assert_string_equal(after, before);
	tree_put(t, TREE_NVME "/iommu_group", "-> " GROUP);
	expect(t, HVCMA_EXIT_FAILED, "needs no hvcma: an IOMMU protects it (group 7). Pass it through in the ordinary way",
	       "bind --root %s -n 01:00.0");
	be_bound(t);
	expect(t, HVCMA_EXIT_OK, "would: echo 0000:01:00.0 >/sys/bus/pci/drivers_probe", "unbind --root %s -n 01:00.0");
	tree_put(t, "/proc/77/comm", "qemu\n");
	tree_put(t, "/proc/77/fd/9", "-> dev/vfio/noiommu-7");
	expect(t, HVCMA_EXIT_FAILED, "process 77 (qemu) has it open", "unbind --root %s -n 01:00.0");
	tree_put(t, TREE_NVME "/class", "0x060400\n");
	tree_remove(t, TREE_NVME "/iommu_group");
	expect(t, HVCMA_EXIT_FAILED, "is a bridge", "bind --root %s -n 01:00.0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(test_what_fails_is_undone),
		TREE_TEST(test_platform),
		TREE_TEST(test_refusals),
		TREE_TEST(test_unbind),
		TREE_TEST(test_persist),
		TREE_TEST(test_command),
	};

	return cmocka_run_group_tests_name("bind", tests, NULL, NULL);
}
