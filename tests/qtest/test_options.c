// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Command lines that must not start: QEMU ends before the guest could run, with
 * a message that names the region, the value and the limit. And those that must.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"

#define M0	"-object memory-backend-memfd,id=m0,size=64M "
#define M1	"-object memory-backend-memfd,id=m1,size=64M "
#define DEV	"-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,granule=2M,x-provider=fake"
#define DEV1	"-device virtio-cma-pci,id=cma1,memdev=m1,granule=2M,x-provider=fake"

static const struct refusal {
	const char *name;
	const char *options;
	const char *message;
} refusals[] = {
	{ "memdev missing", "-device virtio-cma-pci,id=cma0,name=banka",
	  "virtio-cma 'banka': property 'memdev' is not set" },
	{ "memdev unknown", "-device virtio-cma-pci,id=cma0,memdev=mx", "'mx'" },
	{ "memdev used by two regions", M0 DEV " -device virtio-cma-pci,id=cma1,memdev=m0,granule=2M,x-provider=fake",
	  "virtio-cma 'cma1': memdev 'm0' is already used" },
	{ "memdev without reservation",
	  "-object memory-backend-memfd,id=m0,size=64M,reserve=off -device virtio-cma-pci,id=cma0,memdev=m0,name=banka",
	  "virtio-cma 'banka': memdev 'm0' has reserve=off" },
	{ "confidential guest", "-device hvcma-test-confidential " M0 DEV,
	  "virtio-cma 'banka': this virtual machine is a confidential guest (confidential-guest-support=): its "
	  "memory is encrypted, or its own (guest_memfd), and devices can't use it" },
	{ "unsafe-noiommu without hugepages",
	  M0 "-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,unsafe-noiommu=on",
	  "virtio-cma 'banka': unsafe-noiommu=on needs hugepages, but memdev 'm0' has pages of 4096 bytes" },
	{ "discard without a file",
	  "-object memory-backend-ram,id=m0,size=64M -device virtio-cma-pci,id=cma0,memdev=m0,name=banka,discard=on",
	  "virtio-cma 'banka': discard=on needs a file, but memdev 'm0' has none" },
	{ "region no multiple of the granule",
	  "-object memory-backend-memfd,id=m0,size=65M " DEV,
	  "virtio-cma 'banka': memdev size 68157440 is not a multiple of the granule 2097152" },
	{ "granule no power of two",
	  M0 "-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,granule=3M,x-provider=fake",
	  "virtio-cma 'banka': granule=3145728 is not a power of two" },
	{ "granule below the page size",
	  M0 "-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,granule=1K,x-provider=fake",
	  "virtio-cma 'banka': granule=1024 is below the memdev's page size of 4096" },
	{ "pin limit no multiple of the granule", M0 DEV ",pin-limit=3M",
	  "virtio-cma 'banka': pin-limit=3145728 is not a multiple of the granule 2097152" },
	{ "low memory without host addresses", M0 DEV ",low=4M",
	  "virtio-cma 'banka': low=4194304 is about where host pages lie, and stay: it needs unsafe-noiommu=on" },
	{ "contiguous without host addresses", M0 DEV ",contiguous=best",
	  "virtio-cma 'banka': contiguous=best is about where host pages lie, and stay: it needs unsafe-noiommu=on" },
	{ "unknown contiguous", M0 DEV ",contiguous=maybe",
	  "virtio-cma 'banka': contiguous='maybe' is not supported, supported: off, best, required" },
	{ "a run of as long as can be", M0 DEV ",contiguous=best,run=4M",
	  "virtio-cma 'banka': run=4194304 is of contiguous=required" },
	{ "a run of whatever comes", M0 DEV ",run=4M", "virtio-cma 'banka': run=4194304 is of contiguous=required" },
	{ "all pinned of a private region", M0 DEV ",pin=all",
	  "virtio-cma 'banka': pin=all is of mode=reusable, not of mode=private" },
	{ "all pinned where the guest chooses", M0 DEV ",pin=all,mode=auto",
	  "virtio-cma 'banka': pin=all is of mode=reusable, not of mode=auto" },
	{ "all pinned of a region that is pinned anyway", M0 DEV ",pin=all,mode=static",
	  "virtio-cma 'banka': pin=all is of mode=reusable, not of mode=static" },
	{ "all pinned, and a pin limit", M0 DEV ",mode=reusable,pin=all,pin-limit=32M",
	  "virtio-cma 'banka': pin=all pins all of the 67108864 bytes, but pin-limit= allows 33554432" },
	{ "all pinned, and a part of the region", M0 DEV ",mode=reusable,pin=all,regions=banka=32M",
	  "virtio-cma 'banka': pin=all pins all of the 67108864 bytes, but regions= allows 33554432" },
	{ "all pinned, and discards", M0 DEV ",mode=reusable,pin=all,discard=on",
	  "virtio-cma 'banka': discard=on discards pages that mode=reusable gives to the guest as RAM" },
	{ "unknown pin", M0 DEV ",mode=reusable,pin=some",
	  "virtio-cma 'banka': pin='some' is not supported, supported: blocks, all" },
	{ "all pinned, and the host can't", M0 DEV ",mode=reusable,pin=all,x-fake-fault=pin:0:1:5",
	  "virtio-cma 'banka': pin=all can't pin the region's 67108864 bytes: " },
	{ "address not aligned", M0 DEV ",memaddr=0x180100000", "must be aligned to 0x200000" },
	{ "two default regions", M0 M1 DEV ",default=on " DEV1 ",default=on",
	  "virtio-cma 'cma1': default=on, but region 'banka' is the default already, limit: 1" },
	{ "two regions of one name", M0 M1 DEV " " DEV1 ",name=banka",
	  "virtio-cma 'banka': another region has that name" },
	{ "name too long", M0 "-device virtio-cma-pci,memdev=m0,name=abcdefghijklmnopqrstuvwxyz012345",
	  "virtio-cma name 'abcdefghijklmnopqrstuvwxyz012345' has 32 bytes, limit: 1 to 31" },
	{ "name empty", M0 "-device virtio-cma-pci,memdev=m0,name=", "has 0 bytes, limit: 1 to 31" },
	{ "unknown client", M0 DEV ",clients=nobody",
	  "virtio-cma 'banka': unknown client 'nobody': no -device has that id" },
	{ "client id too long", M0 DEV ",clients=abcdefghijklmnopqrstuvwxyz012345",
	  "client id 'abcdefghijklmnopqrstuvwxyz012345'" },
	{ "client id empty", M0 DEV ",clients=edu0::edu1 -device edu,id=edu0 -device edu,id=edu1",
	  "has 0 bytes, limit: 1 to 31" },
	{ "client named twice", M0 DEV ",clients=edu0:edu0 -device edu,id=edu0",
	  "virtio-cma 'banka': clients='edu0:edu0' names 'edu0' twice" },
	{ "client of two regions that disagree",
	  M0 M1 "-device edu,id=edu0 " DEV ",clients=edu0 " DEV1 ",clients=edu0,unsafe-noiommu=on,x-fabric=on",
	  "virtio-cma 'cma1': client 'edu0' is named by region 'banka', too, and one of the two gives out host-physical" },
	{ "regions with a wrong place", M0 DEV ",regions=banka=64M;dma=",
	  "virtio-cma 'banka': regions='banka=64M;dma=': number is missing at byte 14 ('')" },
	{ "regions without this one", M0 DEV ",regions=bankb=64M",
	  "virtio-cma 'banka': regions='bankb=64M' has no region of that name" },
	{ "region larger than its memdev", M0 DEV ",regions=banka=66M",
	  "virtio-cma 'banka': regions= gives it '66M', limit: the granule 2097152 to the memdev's 67108864" },
	{ "region smaller than a granule", M0 DEV ",regions=banka=1M", "regions= gives it '1M'" },
	{ "region declared twice", M0 DEV ",regions=banka=64M;banka=32M",
	  "region is declared twice at byte 10 ('banka')" },
	{ "base that disagrees", M0 DEV ",memaddr=0x140000000,regions=banka=64M@0x150000000",
	  "memaddr=0x140000000 but regions= says @0x150000000" },
	{ "reservation with a base", M0 DEV ",regions=banka/edu0=2M@4G", "a reservation has no base" },
	{ "more reserved than there is", M0 DEV ",regions=banka/edu0=32M;banka/edu1=34M",
	  "virtio-cma 'banka': regions= sets aside 69206016 bytes or more, limit: 67108864" },
	{ "more reserved than may be pinned", M0 DEV ",regions=banka=16M;banka/edu0=18M",
	  "virtio-cma 'banka': regions= sets aside 18874368 bytes or more, limit: 16777216" },
	{ "reservation larger than the region", M0 DEV ",regions=banka/edu0=16777215T",
	  "more than the region has at byte 11 ('16777215T')" },
	{ "client with a kind twice", M0 DEV ",clients=edu0,regions=banka/edu0=2M -device edu,id=edu0",
	  "client has that kind twice at byte 6 ('edu0')" },
	{ "unknown client of a reservation", M0 DEV ",regions=banka/nobody=2M",
	  "virtio-cma 'banka': unknown client 'nobody': no -device has that id" },
	{ "too many spare entries", M0 DEV ",default=on,spare-clients=4097",
	  "virtio-cma 'banka': 0 clients are named, and spare-clients=4097, limit: 4096 together" },
	{ "spare entries that wrap", M0 DEV ",default=on,spare-clients=4294967295,clients=edu0 -device edu,id=edu0",
	  "virtio-cma 'banka': 1 clients are named, and spare-clients=4294967295, limit: 4096 together" },
	{ "one spare entry too many", M0 DEV ",default=on,spare-clients=4096,clients=edu0 -device edu,id=edu0",
	  "1 clients are named, and spare-clients=4096, limit: 4096 together" },
	{ "name that can't be printed", M0 "-device virtio-cma-pci,id=cma0,memdev=m0,name=a\033[31m",
	  "virtio-cma 'a\\x1b[31m': name='a\\x1b[31m' has control characters, or is no UTF-8" },
	{ "id that can't be printed, as a name",
	  M0 "-device {\"driver\":\"virtio-cma-pci\",\"id\":\"a\\u009b\",\"memdev\":\"m0\"}",
	  "virtio-cma 'a\\x9b': name='a\\x9b' has control characters" },
	{ "clients that can't be printed", M0 DEV ",clients=edu0:\xff",
	  "virtio-cma 'banka': clients='edu0:\\xff' has control characters, or is no UTF-8" },
	{ "regions that can't be printed", M0 DEV ",regions=banka=64M;\xe2\x80\xae",
	  "virtio-cma 'banka': regions='banka=64M;\\u202e' has control characters" },
	{ "mode that can't be printed", M0 DEV ",mode=a\tb", "mode='a\\x09b' has control characters" },
	{ "policy that can't be printed", M0 DEV ",policy=\a", "policy='\\x07' has control characters" },
	{ "attr that can't be printed", M0 DEV ",attr=\a", "attr='\\x07' has control characters" },
	{ "stage2 that can't be printed", M0 DEV ",stage2=\a", "stage2='\\x07' has control characters" },
	{ "coherent that can't be printed", M0 DEV ",coherent=\a", "coherent='\\x07' has control characters" },
	{ "provider that can't be printed", M0 DEV ",x-provider=\a", "x-provider='\\x07' has control characters" },
	{ "fault that can't be printed", M0 DEV ",x-fake-fault=\a", "x-fake-fault='\\x07' has control characters" },
	{ "regions: no whole pages", M0 DEV ",regions=banka=64",
	  "virtio-cma 'banka': regions= says size 64, which is not a multiple of 4096 bytes" },
	{ "regions: no whole pages reserved", M0 DEV ",regions=banka/edu0=3 -device edu,id=edu0",
	  "virtio-cma 'banka': regions= says size 3, which is not a multiple of 4096 bytes" },
	{ "regions: base zero", M0 DEV ",regions=banka=64M@0",
	  "virtio-cma 'banka': regions= says @0x0, limit: a positive multiple of the granule 2097152" },
	{ "regions: base no multiple of the granule", M0 DEV ",regions=banka=64M@0x140001000",
	  "must be aligned to 0x200000" },
	{ "client that is no bus device",
	  M0 DEV ",clients=us0 -device qemu-xhci,id=xhci -device usb-tablet,id=us0,bus=xhci.0",
	  "virtio-cma 'banka': client 'us0' (usb-tablet) is neither a PCI nor a platform device" },
	{ "region as its own client", M0 DEV ",clients=cma0,iommu_platform=on",
	  "virtio-cma 'banka': client 'cma0' is a virtio-cma device itself" },
	{ "emulated client in a host-physical region",
	  M0 "-device edu,id=edu0 " DEV ",unsafe-noiommu=on,clients=edu0",
	  "virtio-cma 'banka': with unsafe-noiommu=on, client 'edu0' (edu) must be a vfio-pci device of a no-IOMMU group" },
	{ "the same, client after region",
	  M0 DEV ",unsafe-noiommu=on,clients=edu0 -device edu,id=edu0",
	  "virtio-cma 'banka': with unsafe-noiommu=on, client 'edu0' (edu) must be a vfio-pci device of a no-IOMMU group" },
	{ "maxmem too small", "-m 256M,maxmem=288M " M0 DEV,
	  "virtio-cma 'banka': region of 67108864 bytes does not fit: maxmem leaves 33554432 bytes for memory devices, 0 of them in use" },
	{ "no maxmem", "-m 256M,maxmem=256M,slots=0 " M0 DEV, "consider specifying the maxmem option" },
	{ "unsupported mode", M0 DEV ",mode=shared",
	  "virtio-cma 'banka': mode='shared' is not supported, supported: private, reusable, auto" },
	{ "reusable with discard", M0 DEV ",mode=reusable,discard=on",
	  "virtio-cma 'banka': discard=on discards pages that mode=reusable gives to the guest as RAM" },
	{ "auto with discard", M0 DEV ",mode=auto,discard=on",
	  "virtio-cma 'banka': discard=on discards pages that mode=auto gives to the guest as RAM" },
	{ "reusable without pages", M0 DEV ",mode=reusable,x-fake-fault=back:0:1:12",
	  "virtio-cma 'banka': mode=reusable needs all of its 67108864 bytes before the guest starts" },
	{ "alignment of no power of two", M0 DEV ",align=6M",
	  "virtio-cma 'banka': align=6291456 is not a power of two of at least the granule 2097152" },
	{ "alignment below the granule", M0 DEV ",align=1M",
	  "virtio-cma 'banka': align=1048576 is not a power of two of at least the granule 2097152" },
	{ "misaligned address", M0 DEV ",mode=reusable,memaddr=0x142000000",
	  "address must be aligned to 0x4000000 bytes" },
	{ "alignment cap too high", M0 DEV ",max-align-order=32",
	  "virtio-cma 'banka': max-align-order=32 is above the limit of 31" },
	{ "unknown policy", M0 DEV ",policy=worst-fit",
	  "virtio-cma 'banka': policy='worst-fit' is not supported, supported: best-fit, first-fit, next-fit" },
	{ "unknown attribute policy", M0 DEV ",attr=pink",
	  "virtio-cma 'banka': attr='pink' is not supported, supported: auto, cached, uncached" },
	{ "unknown provider", M0 "-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,x-provider=magic",
	  "virtio-cma 'banka': x-provider='magic' is not supported, supported: local, fake" },
	{ "fabric without unsafe-noiommu", M0 DEV ",x-fabric=on",
	  "virtio-cma 'banka': x-fabric=on hands out host-physical addresses and so needs unsafe-noiommu=on" },
	{ "fault without fake provider",
	  M0 "-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,granule=2M,x-fake-fault=pin:0:1:5",
	  "virtio-cma 'banka': x-fake-fault='pin:0:1:5' needs x-provider=fake" },
	{ "bad fault", M0 DEV ",x-fake-fault=pin:0:1", "virtio-cma 'banka': x-fake-fault='pin:0:1' is not" },
	{ "fake base misaligned", M0 DEV ",x-fake-base=4096",
	  "virtio-cma 'banka': x-fake-base=0x1000 is not a multiple of the granule 2097152" },
	{ "fake addresses that wrap", M0 DEV ",x-fake-base=0xffffffffffe00000",
	  "fake base 0xffffffffffe00000 leaves no room below 2^64 for 32 granules" },
	{ "pool without mode=static", M0 DEV ",pool=4M",
	  "virtio-cma 'banka': pool=4194304 is of mode=static, not of mode=private" },
	{ "pool of a reusable region", M0 DEV ",mode=reusable,pool=8E", "is of mode=static, not of mode=reusable" },
	{ "coherence said twice", M0 DEV ",clients=edu0,coherent=edu0=on:edu0=off -device edu,id=edu0",
	  "virtio-cma 'banka': coherent='edu0=on:edu0=off' names 'edu0' twice" },
	{ "coherence empty", M0 DEV ",coherent=", "coherent='': '' is neither on, off or auto" },
	{ "coherence ends with a colon", M0 DEV ",clients=edu0,coherent=edu0=on: -device edu,id=edu0",
	  "coherent='edu0=on:': '' is neither on, off or auto" },
	{ "back end alone", M0 "-device virtio-cma,memdev=m0", "expects a pluggable device type" },
};

static void test_refusal(void **state)
{
	const struct refusal *r = *state;

	qtest_skip_unless_built();
	qtest_expect_refusal(QTEST_Q35, r->message, "%s", r->options);
}

static void test_microvm(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	qtest_expect_refusal(QTEST_MICROVM, "virtio-cma 'banka': machine 'microvm' has no device memory",
			     "-global virtio-mmio.force-legacy=false "
			     M0 "-device virtio-cma-device,id=cma0,memdev=m0,name=banka,granule=2M,x-provider=fake");
}

static void test_legacy_mmio(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	qtest_expect_refusal(QTEST_VIRT, "virtio-cma 'banka': virtio-mmio is in its legacy version 1",
			     "-global virtio-mmio.force-legacy=true "
			     M0 "-device virtio-cma-device,id=cma0,memdev=m0,name=banka,granule=2M,x-provider=fake");
}

static void test_mmio_maxmem(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	qtest_expect_refusal(QTEST_VIRT, "virtio-cma 'banka': region of 67108864 bytes does not fit",
			     "-m 256M,maxmem=288M "
			     M0 "-device virtio-cma-device,id=cma0,memdev=m0,name=banka,granule=2M,x-provider=fake");
}

/* The same device again after a refused hotplug: nothing was left behind. */
static void test_hotplug_refusal_cleans_up(void **state)
{
	struct qtest *q;

	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, "-device pcie-root-port,id=rp0 " M0);
	qtest_qmp_refused(q, "is not a multiple of the granule",
			  "{'execute': 'device_add', 'arguments': {'driver': 'virtio-cma-pci', 'id': 'cma0',"
			  "'bus': 'rp0', 'memdev': 'm0', 'granule': 2097152, 'pin-limit': 4096,"
			  "'x-provider': 'fake'}}");
	qtest_qmp_refused(q, "names 'a' twice",
			  "{'execute': 'device_add', 'arguments': {'driver': 'virtio-cma-pci', 'id': 'cma0',"
			  "'bus': 'rp0', 'memdev': 'm0', 'granule': 2097152, 'clients': 'a:a',"
			  "'x-provider': 'fake'}}");
	json_object_put(qtest_qmp_ok(q, "{'execute': 'device_add', 'arguments': {"
				     "'driver': 'virtio-cma-pci', 'id': 'cma0', 'bus': 'rp0',"
				     "'memdev': 'm0', 'granule': 2097152, 'x-provider': 'fake'}}"));
	qtest_assert_text(q, "/region/name", "cma0");
	qtest_stop(q);
}

/* Everything set at once, and seen in the report. */
static void test_all_options(void **state)
{
	struct qtest *q;

	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, M0 M1 "-device edu,id=edu0 " DEV
			",memaddr=0x140000000,policy=next-fit,attr=uncached,default=on,pin-limit=8M,"
			"mode=private,clients=edu0,trace=on,x-fake-extent=3,x-fake-shuffle=on " DEV1);
	qtest_assert_text(q, "/region/name", "banka");
	qtest_assert_text(q, "/region/mode", "private");
	qtest_assert_text(q, "/region/policy", "next-fit");
	qtest_assert_text(q, "/region/provider", "fake");
	assert_int_equal(qtest_get(q, "/region/base-gpa"), 0x140000000);
	assert_int_equal(qtest_get(q, "/region/bytes"), 64 * MIB);
	assert_int_equal(qtest_get(q, "/region/granule-bytes"), CMA_GRANULE);
	assert_int_equal(qtest_get(q, "/region/default"), 1);
	assert_int_equal(qtest_get(q, "/region/unsafe-noiommu"), 0);
	assert_int_equal(qtest_get(q, "/region/pin-limit-bytes"), 8 * MIB);
	/* trace=on tells of the first reset; the other region is silent */
	assert_non_null(strstr(qtest_stderr(q), "banka: reset"));
	assert_null(strstr(qtest_stderr(q), "virtio-cma cma1"));
	qtest_stop(q);
}

/*
 * Legible to tools that know nothing of us. x-query-virtio-status of stock QEMU 10.0 aborts on
 * virtio ids that it does not know; ours it survives.
 */
static void test_monitor_commands(void **state)
{
	const struct virtio_transport *t = *state;
	struct json_object *info, *kind;
	struct qtest *q;
	struct cma c;

	qtest_skip_unless_built();
	q = qtest_start(t->machine, CMA_FAKE_REGION, t->device);
	cma_open(&c, q, t);
	info = qtest_qmp_ok(q, "{'execute': 'query-memory-devices'}");
	assert_int_equal(json_object_array_length(info), 1);
	assert_true(json_object_object_get_ex(json_object_array_get_idx(info, 0), "type", &kind));
	assert_string_equal(json_object_get_string(kind),
			    qtest_is_built_in() ? "virtio-cma" : "dimm");
	json_object_put(info);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'x-query-virtio'}"));
	info = qtest_qmp_ok(q, "{'execute': 'x-query-virtio-status', 'arguments': {"
			    "'path': '/machine/peripheral/cma0%s'}}",
			    t == &virtio_pci ? "/virtio-backend" : "");
	assert_int_equal(!!strstr(json_object_to_json_string(info), "VIRTIO_CMA_F_VERSION_1: "),
			 qtest_is_built_in());
	json_object_put(info);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'human-monitor-command', 'arguments': {"
				     "'command-line': 'info qtree'}}"));
	json_object_put(qtest_qmp_ok(q, "{'execute': 'human-monitor-command', 'arguments': {"
				     "'command-line': 'qom-get /machine/peripheral/cma0 report'}}"));
	json_object_put(qtest_qmp_ok(q, "{'execute': 'device-list-properties', 'arguments': {"
				     "'typename': 'virtio-cma-pci'}}"));
	qtest_stop(q);
}

/* With names of other scripts, and as many spare entries as there can be. */
static void test_limits(void **state)
{
	struct qtest *q;

	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, M0 "-device edu,id=edu0 "
			"-device virtio-cma-pci,id=cma0,memdev=m0,name=b\303\244nk,granule=2M,x-provider=fake"
			",default=on,spare-clients=4095,clients=edu0");
	qtest_assert_text(q, "/region/name", "b\303\244nk");
	qtest_stop(q);
}

static const char *text_of(struct json_object *property, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(property, key, &value);
	return value ? json_object_get_string(value) : "";
}

static bool has_property(struct json_object *list, const char *name)
{
	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (!strcmp(text_of(json_object_array_get_idx(list, i), "name"), name))
			return true;
	return false;
}

/* Each property that the device has beyond those of its transport is described. */
static void test_descriptions(void **state)
{
	static const char *const types[][2] = {
		{ "virtio-cma-pci", "virtio-pmem-pci" }, { "virtio-cma-device", "virtio-rng-device" },
	};
	struct qtest *q;

	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, "-device edu,id=edu0");
	for (size_t i = 0; i < 2; i++) {
		struct json_object *ours = qtest_qmp_ok(q, "{'execute': 'device-list-properties', "
			"'arguments': {'typename': '%s'}}", types[i][0]);
		struct json_object *plain = qtest_qmp_ok(q, "{'execute': 'device-list-properties', "
			"'arguments': {'typename': '%s'}}", types[i][1]);
		unsigned int nr = 0;

		for (size_t k = 0; k < json_object_array_length(ours); k++) {
			struct json_object *property = json_object_array_get_idx(ours, k);
			const char *name = text_of(property, "name");
			const char *text = text_of(property, "description");

			if (has_property(plain, name) && strcmp(name, "memdev"))
				continue;
			nr++;
			/* "on/off" is what QEMU says of every property of that type */
			if (strlen(text) < 10 || !strcmp(text, "on/off"))
				fail_msg("%s: %s: '%s'", types[i][0], name, text);
		}
		assert_true(nr > 25);
		json_object_put(ours);
		json_object_put(plain);
	}
	qtest_stop(q);
}

#define NR_REFUSALS	(sizeof(refusals) / sizeof(refusals[0]))

int main(void)
{
	static struct CMUnitTest tests[NR_REFUSALS + 9];
	size_t i;

	qtest_add_preload("hvcma-test-devices.so");
	for (i = 0; i < NR_REFUSALS; i++)
		tests[i] = (struct CMUnitTest){ .name = refusals[i].name, .test_func = test_refusal,
						.initial_state = (void *)&refusals[i] };
	tests[i++] = (struct CMUnitTest)cmocka_unit_test(test_microvm);
	tests[i++] = (struct CMUnitTest)cmocka_unit_test(test_legacy_mmio);
	tests[i++] = (struct CMUnitTest)cmocka_unit_test(test_mmio_maxmem);
	tests[i++] = (struct CMUnitTest)cmocka_unit_test(test_hotplug_refusal_cleans_up);
	tests[i++] = (struct CMUnitTest)cmocka_unit_test(test_all_options);
	tests[i++] = (struct CMUnitTest)cmocka_unit_test(test_limits);
	tests[i++] = (struct CMUnitTest)cmocka_unit_test(test_descriptions);
	tests[i++] = (struct CMUnitTest)cmocka_unit_test_prestate(test_monitor_commands,
								  (void *)&virtio_pci);
	tests[i++] = (struct CMUnitTest)cmocka_unit_test_prestate(test_monitor_commands,
								  (void *)&virtio_mmio);
	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
