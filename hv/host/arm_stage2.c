// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the second stage does to memory types, from whoever knows. See arm_stage2.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __aarch64__
#include <asm/hwcap.h>
#include <linux/kvm.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#endif

#include "hv/abi/virtio_cma.h"
#include "hv/host/arm_stage2.h"

#define MMFR2_FWB(mmfr2)	((mmfr2) >> 40 & 0xf)
#define CTR_DMINLINE(ctr)	((ctr) >> 16 & 0xf)	/* log2 of words */
#define CTR_IDC			(UINT64_C(1) << 28)
#define CTR_DIC			(UINT64_C(1) << 29)

#define KMSG_RECORD_BYTES	8192

static bool ask_kvm_cap(const struct hvcma_stage2_probes *p, struct hvcma_stage2_facts *f)
{
	if (p->kvm_cap(p->opaque, HVCMA_KVM_CAP_CACHEABLE_PFNMAP) <= 0)
		return false;
	f->stage2 = VIRTIO_CMA_STAGE2_FWB;
	f->source = "KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED";
	return true;
}

static bool ask_kvm_register(const struct hvcma_stage2_probes *p, struct hvcma_stage2_facts *f)
{
	uint64_t mmfr2;

	if (p->kvm_mmfr2(p->opaque, &mmfr2))
		return false;
	f->stage2 = MMFR2_FWB(mmfr2) ? VIRTIO_CMA_STAGE2_FWB : VIRTIO_CMA_STAGE2_NO_FWB;
	f->source = "ID_AA64MMFR2_EL1 of a KVM vCPU";
	return true;
}

/* A field that is hidden reads as 0: only 1 says something. */
static bool ask_user_register(const struct hvcma_stage2_probes *p,
			      struct hvcma_stage2_facts *f)
{
	uint64_t mmfr2;

	if (p->user_mmfr2(p->opaque, &mmfr2) || !MMFR2_FWB(mmfr2))
		return false;
	f->stage2 = VIRTIO_CMA_STAGE2_FWB;
	f->source = "ID_AA64MMFR2_EL1 of the processor";
	return true;
}

static bool ask_log(const struct hvcma_stage2_probes *p, struct hvcma_stage2_facts *f)
{
	int ret = p->log(p->opaque);

	if (ret < 0)
		return false;
	f->stage2 = ret ? VIRTIO_CMA_STAGE2_FWB : VIRTIO_CMA_STAGE2_NO_FWB;
	f->source = "the kernel log";
	return true;
}

void hvcma_arm_stage2_detect(const struct hvcma_stage2_probes *probes,
			     struct hvcma_stage2_facts *facts)
{
	struct hvcma_stage2_facts f = {
		.stage2 = VIRTIO_CMA_STAGE2_NONE,
		.source = "the architecture",
	};
	uint64_t ctr;

	if (probes->is_arm64 &&
	    !ask_kvm_cap(probes, &f) && !ask_kvm_register(probes, &f) &&
	    !ask_user_register(probes, &f) && !ask_log(probes, &f)) {
		f.stage2 = VIRTIO_CMA_STAGE2_UNKNOWN;
		f.source = "nobody";
	}
	if (probes->is_arm64 && !probes->ctr(probes->opaque, &ctr)) {
		f.line_bytes = 4u << CTR_DMINLINE(ctr);
		f.idc = ctr & CTR_IDC;
		f.dic = ctr & CTR_DIC;
	}
	*facts = f;
}

/* ---- the kernel log --------------------------------------------------- */

int hvcma_arm_stage2_scan_log(int fd)
{
	char *record = malloc(KMSG_RECORD_BYTES);
	bool complete = false, first = true, others = false;
	int ret = 0;

	if (!record)
		return -ENOMEM;
	while (ret != 1) {
		ssize_t n = read(fd, record, KMSG_RECORD_BYTES - 1);

		if (n < 0 && errno == EPIPE) {	/* overwritten while we read */
			complete = false;
			first = false;
			continue;
		}
		if (n < 0 && errno != EAGAIN)
			ret = -errno;
		if (n <= 0)
			break;
		record[n] = 0;
		/* "priority,sequence number,time,flags;message" */
		if (first)
			complete = strchr(record, ',') && !strncmp(strchr(record, ','), ",0,", 3);
		first = false;
		if (strstr(record, "Stage-2 Force Write-Back"))
			ret = 1;
		if (strstr(record, "CPU features: "))
			others = true;
	}
	free(record);
	if (!ret && !(complete && others))
		ret = -ENODATA;
	return ret;
}

static int host_log(void *opaque)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC), ret;

	(void)opaque;
	if (fd < 0)
		return -errno;
	ret = hvcma_arm_stage2_scan_log(fd);
	close(fd);
	return ret;
}

/* ---- KVM -------------------------------------------------------------- */

#ifdef __aarch64__
/* Type 0 is 40 bits of guest-physical address; small machines have fewer. */
static int create_vm(int kvm)
{
	int vm = ioctl(kvm, KVM_CREATE_VM, 0UL);
	int bits;

	if (vm >= 0)
		return vm;
	bits = ioctl(kvm, KVM_CHECK_EXTENSION, (unsigned long)KVM_CAP_ARM_VM_IPA_SIZE);
	return bits > 0 ? ioctl(kvm, KVM_CREATE_VM, (unsigned long)bits) : -1;
}

/* Asked of a VM: without one, KVM denies capabilities that belong to it. */
static int host_kvm_cap(void *opaque, unsigned int cap)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm, ret;

	(void)opaque;
	if (kvm < 0)
		return -errno;
	vm = create_vm(kvm);
	ret = vm < 0 ? -1 : ioctl(vm, KVM_CHECK_EXTENSION, (unsigned long)cap);
	if (ret < 0)
		ret = -errno;
	if (vm >= 0)
		close(vm);
	close(kvm);
	return ret;
}

static int read_vcpu_register(int vm, int vcpu, uint64_t *value)
{
	struct kvm_one_reg reg = {
		.id = ARM64_SYS_REG(3, 0, 0, 7, 2),	/* ID_AA64MMFR2_EL1 */
		.addr = (uintptr_t)value,
	};
	struct kvm_vcpu_init init;

	if (ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init) ||
	    ioctl(vcpu, KVM_ARM_VCPU_INIT, &init) ||
	    ioctl(vcpu, KVM_GET_ONE_REG, &reg))
		return -errno;
	return 0;
}

static int host_kvm_mmfr2(void *opaque, uint64_t *mmfr2)
{
	int kvm, vm = -1, vcpu = -1, ret = 0;

	(void)opaque;
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		return -errno;
	vm = create_vm(kvm);
	if (vm >= 0)
		vcpu = ioctl(vm, KVM_CREATE_VCPU, 0UL);
	if (vcpu < 0)
		ret = -errno;
	else
		ret = read_vcpu_register(vm, vcpu, mmfr2);
	if (vcpu >= 0)
		close(vcpu);
	if (vm >= 0)
		close(vm);
	close(kvm);
	return ret;
}

static int host_user_mmfr2(void *opaque, uint64_t *mmfr2)
{
	(void)opaque;
	if (!(getauxval(AT_HWCAP) & HWCAP_CPUID))
		return -EOPNOTSUPP;
	__asm__("mrs %0, s3_0_c0_c7_2" : "=r" (*mmfr2));
	return 0;
}

static int host_ctr(void *opaque, uint64_t *ctr)
{
	(void)opaque;
	__asm__("mrs %0, ctr_el0" : "=r" (*ctr));
	return 0;
}
#else
static int host_kvm_cap(void *opaque, unsigned int cap)
{
	(void)opaque;
	(void)cap;
	return -EOPNOTSUPP;
}

static int host_kvm_mmfr2(void *opaque, uint64_t *mmfr2)
{
	(void)opaque;
	(void)mmfr2;
	return -EOPNOTSUPP;
}

#define host_user_mmfr2 host_kvm_mmfr2
#define host_ctr host_kvm_mmfr2
#endif

const struct hvcma_stage2_probes hvcma_stage2_host = {
#ifdef __aarch64__
	.is_arm64 = true,
#endif
	.kvm_cap = host_kvm_cap,
	.kvm_mmfr2 = host_kvm_mmfr2,
	.user_mmfr2 = host_user_mmfr2,
	.log = host_log,
	.ctr = host_ctr,
};

const char *hvcma_stage2_name(uint32_t stage2)
{
	static const char *const names[VIRTIO_CMA_NR_STAGE2] = {
		[VIRTIO_CMA_STAGE2_UNKNOWN] = "unknown",
		[VIRTIO_CMA_STAGE2_NONE] = "none",
		[VIRTIO_CMA_STAGE2_NO_FWB] = "no-fwb",
		[VIRTIO_CMA_STAGE2_FWB] = "fwb",
	};

	return stage2 < VIRTIO_CMA_NR_STAGE2 ? names[stage2] : "?";
}
