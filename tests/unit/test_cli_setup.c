// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma setup and run, as built, on a host of files: what they would do, what they refuse, and the command
 * line of QEMU. On a host with a kernel: nested/test_setup.
 */
#include "tests/unit/recorded_tree.h"

#include "hv/cli/command.h"
#include "tests/unit/hvcma_program.h"

#define NVME	"0000:01:00.0"
#define PLUGIN	"--plugin /p/hvcma-preload.so "

/* @fmt: with the tree's folder for a %s */
static void expect(struct tree *t, int status, const char *part, const char *fmt)
{
	char line[1024];
	int got;

	snprintf(line, sizeof(line), fmt, t->root);
	got = hvcma_run(line, t->out, sizeof(t->out));
	if (got != status || !strstr(t->out, part))
		fail_msg("'%s': exit status %d, printed:\n%s", line, got, t->out);
}

static void be_bound(struct tree *t)
{
	tree_put(t, TREE_NVME "/driver", "-> /sys/bus/pci/drivers/vfio-pci");
	tree_put(t, TREE_NVME "/iommu_group", "-> /sys/kernel/iommu_groups/7");
	tree_put(t, "/sys/kernel/iommu_groups/7/name", "vfio-noiommu\n");
}

static void test_setup(void **state)
{
	struct tree *t = *state;

	/* 200 of 256 are free, 256 are wanted */
	expect(t, HVCMA_EXIT_OK, "would: echo 312 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages\n"
	       "would: write /etc/tmpfiles.d/hvcma-hugepages-2048kB.conf\n", "setup --root %s -n " NVME);
	assert_non_null(strstr(t->out, "would: echo vfio-pci >"));
	assert_non_null(strstr(t->out, "would: write /etc/udev/rules.d/70-hvcma-" NVME ".rules\n"));
	expect(t, HVCMA_EXIT_OK, "would: echo vfio-pci >", "setup --root %s -n --once --size 64M " NVME);
	assert_null(strstr(t->out, "nr_hugepages"));
	assert_null(strstr(t->out, "/etc/"));
	expect(t, HVCMA_EXIT_OK, "\"devices\":[", "setup --root %s -n --json " NVME);
	/* nothing is left to do */
	be_bound(t);
	expect(t, HVCMA_EXIT_OK, "", "setup --root %s -n --once --size 64M " NVME);
	assert_string_equal(t->out, "");
	tree_put(t, "/run/hvcma/hugepages/2048kB", "56\n");
	expect(t, HVCMA_EXIT_OK, "would: echo 200 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages\n",
	       "setup --root %s -n --undo " NVME);
	assert_non_null(strstr(t->out, "would: echo " NVME " >/sys/bus/pci/drivers_probe\n"));
}

static void test_setup_refuses(void **state)
{
	struct tree *t = *state;

	expect(t, HVCMA_EXIT_FAILED, "is in use: network interface enp2s0 has a route", "setup --root %s -n 02:00.0");
	expect(t, HVCMA_EXIT_OK, "would: ", "setup --root %s -n --force 02:00.0");
	expect(t, HVCMA_EXIT_USAGE, "a device is needed", "setup --root %s -n");
	expect(t, HVCMA_EXIT_USAGE, "--dry-run", "setup --root %s " NVME);
	expect(t, HVCMA_EXIT_USAGE, "whole number of pages", "setup --root %s -n --size 3M " NVME);
	expect(t, HVCMA_EXIT_USAGE, "'much' is no size", "setup --root %s -n --size much " NVME);
	expect(t, HVCMA_EXIT_NO_DEVICE, "no PCI device", "setup --root %s -n 09:00.0");
	expect(t, HVCMA_EXIT_FAILED, "no hugepages of 16384 KiB", "setup --root %s -n --page 16M " NVME);
	tree_remove(t, "/lib");
	tree_remove(t, "/dev/kvm");
	expect(t, HVCMA_EXIT_FINDINGS, "VFIO was built without CONFIG_VFIO_NOIOMMU", "setup --root %s -n " NVME);
	assert_non_null(strstr(t->out, "there is no /dev/kvm: switch virtualization"));
	assert_null(strstr(t->out, "would: "));
	tree_put(t, TREE_NVME "/iommu_group", "-> /sys/kernel/iommu_groups/7");
	expect(t, HVCMA_EXIT_FAILED, "needs no hvcma: an IOMMU protects it", "setup --root %s -n " NVME);
	be_bound(t);
	tree_put(t, "/proc/77/comm", "qemu\n");
	tree_put(t, "/proc/77/fd/9", "-> dev/vfio/noiommu-7");
	expect(t, HVCMA_EXIT_FAILED, "process 77 (qemu) has it open", "setup --root %s -n --undo " NVME);
}

static void test_command_line(void **state)
{
	struct tree *t = *state;

	be_bound(t);
	expect(t, HVCMA_EXIT_OK,
	       "LD_PRELOAD=/p/hvcma-preload.so qemu-system-x86_64 \\\n"
	       "    -M q35 \\\n"
	       "    -accel kvm \\\n"
	       "    -cpu host \\\n"
	       "    -smp 2 \\\n"
	       "    -m 2048M,maxmem=4096M \\\n"
	       "    -object memory-backend-memfd,id=m0,size=409600K,hugetlb=on,share=on,hugetlbsize=2048K \\\n"
	       "    -device virtio-cma-pci,id=cma0,memdev=m0,name=dma,mode=reusable,clients=dev0,unsafe-noiommu=on \\\n"
	       "    -device vfio-pci,id=dev0,host=" NVME " \\\n"
	       "    -qmp unix:/run/hvcma.qmp,server=on,wait=off \\\n"
	       "    -append 'it'\\''s a \"b\"' \\\n"
	       "    -nographic\n",
	       "run --root %s --print " PLUGIN NVME " -- -append \"it's a \\\"b\\\"\" -nographic");
	expect(t, HVCMA_EXIT_OK, "-M q35,memory-backend=ram0 \\\n", "run --root %s --print " PLUGIN "--mode ram --memory 256M " NVME);
	assert_non_null(strstr(t->out, "-m 256M \\\n"));
	assert_non_null(strstr(t->out, "id=ram0,size=256M,hugetlb=on,share=on,hugetlbsize=2048K"));
	assert_non_null(strstr(t->out, "virtio-cma-pci,id=cma0,name=dma,mode=ram,clients=dev0,"));
	expect(t, HVCMA_EXIT_OK, "clients=dev0:dev1,", "run --root %s --print " PLUGIN "--machine virt --smp 4 --qmp /x --qemu /q --mode private --size 64M " NVME " 02:00.0");
	assert_non_null(strstr(t->out, "/q \\\n    -M virt \\\n"));
	assert_non_null(strstr(t->out, "-smp 4 \\\n"));
	assert_non_null(strstr(t->out, "unix:/x,"));
	assert_non_null(strstr(t->out, "note: 0000:02:00.0 is not VFIO's: hvcma bind"));
	expect(t, HVCMA_EXIT_OK, "\"command\":[", "run --root %s --print --json " PLUGIN NVME);
	/* the largest pages of which there are enough */
	tree_put(t, "/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "1\n");
	expect(t, HVCMA_EXIT_OK, "size=409600K,hugetlb=on,share=on,hugetlbsize=2048K", "run --root %s --print " PLUGIN NVME);
	expect(t, HVCMA_EXIT_OK, "size=1048576K,hugetlb=on,share=on,hugetlbsize=1048576K", "run --root %s --print " PLUGIN "--size 1G " NVME);
	tree_put(t, "/proc/cpuinfo", "CPU implementer\t: 0x41\n");
	expect(t, HVCMA_EXIT_OK, "qemu-system-aarch64 \\\n    -M virt \\\n", "run --root %s --print " PLUGIN NVME);
}

static void test_firmware(void **state)
{
	static const char *const own[] = {
		"-kernel k", "-bios b", "-pflash p", "-drive if=pflash,file=f", "-machine pflash0=code", "-device loader,file=f",
	};
	struct tree *t = *state;
	char line[512];

	be_bound(t);
	expect(t, HVCMA_EXIT_OK, "note: machine virt has no firmware here: apt install qemu-efi-aarch64",
	       "run --root %s --print " PLUGIN "--machine virt " NVME);
	assert_null(strstr(t->out, "-bios /"));
	tree_put(t, "/usr/share/edk2/aarch64/QEMU_EFI.fd", "x");
	expect(t, HVCMA_EXIT_OK, "-bios /usr/share/edk2/aarch64/QEMU_EFI.fd \\\n", "run --root %s --print " PLUGIN "--machine virt " NVME);
	tree_put(t, "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd", "x");
	expect(t, HVCMA_EXIT_OK, "-bios /usr/share/qemu-efi-aarch64/QEMU_EFI.fd \\\n",
	       "run --root %s --print " PLUGIN "--machine virt " NVME " -- -drive file=guest.img,if=virtio");
	assert_null(strstr(t->out, "note: machine"));
	expect(t, HVCMA_EXIT_OK, "-M q35", "run --root %s --print " PLUGIN "--machine q35 " NVME);
	assert_null(strstr(t->out, "-bios /"));
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
		snprintf(line, sizeof(line), "run --root %%s --print " PLUGIN "--machine virt " NVME " -- %s", own[i]);
		expect(t, HVCMA_EXIT_OK, "-M virt", line);
		assert_null(strstr(t->out, "QEMU_EFI"));
		assert_null(strstr(t->out, "note: machine"));
	}
}

static void test_run_refuses(void **state)
{
	struct tree *t = *state;

	be_bound(t);
	expect(t, HVCMA_EXIT_OK, "note: 0x20000000 bytes of free hugepages are wanted, and there are 0x19000000: hvcma hugepages --add",
	       "run --root %s --print " PLUGIN "--size 512M " NVME);
	expect(t, HVCMA_EXIT_USAGE, "a device is needed", "run --root %s --print " PLUGIN " -- " NVME);
	expect(t, HVCMA_EXIT_USAGE, "--print", "run --root %s " PLUGIN NVME);
	expect(t, HVCMA_EXIT_USAGE, "--json needs --print", "run --json " PLUGIN NVME " #%s");
	expect(t, HVCMA_EXIT_USAGE, "q35 or virt, not 'pc'", "run --root %s --print --machine pc " NVME);
	expect(t, HVCMA_EXIT_USAGE, "private, reusable or ram, not 'all'", "run --root %s --print --mode all " NVME);
	expect(t, HVCMA_EXIT_USAGE, "'0' is no number", "run --root %s --print --smp 0 " NVME);
	expect(t, HVCMA_EXIT_USAGE, "whole number of MiB", "run --root %s --print --memory 1025K " NVME);
	expect(t, HVCMA_EXIT_NO_DEVICE, "no PCI device", "run --root %s --print " PLUGIN "09:00.0");
	tree_put(t, "/sys/kernel/iommu_groups/7/name", "");
	expect(t, HVCMA_EXIT_FAILED, "needs no hvcma: an IOMMU protects it (group 7). Pass it through in the ordinary way: -device vfio-pci,host=" NVME,
	       "run --root %s --print " PLUGIN NVME);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(test_setup),
		TREE_TEST(test_setup_refuses),
		TREE_TEST(test_command_line),
		TREE_TEST(test_firmware),
		TREE_TEST(test_run_refuses),
	};

	return cmocka_run_group_tests_name("hvcma setup", tests, NULL, NULL);
}
