// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One device in several regions, several entries in one region, reservations, the
 * default region's spare entries; regions that come and go meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"
#include "tests/qtest/hotplug.h"

#define M0		"-object memory-backend-memfd,id=m0,size=64M "
#define M1		"-object memory-backend-memfd,id=m1,size=64M "
#define M2		"-object memory-backend-memfd,id=m2,size=64M "
#define EDU		"-device edu,id=edu0,addr=8,dma_mask=0xffffffffffffffff "
#define REGION(n, name)	"-device virtio-cma-pci,id=cma" #n ",addr=1" #n ",memdev=m" #n \
			",name=" name ",granule=2M,x-provider=fake"
#define EDU_DEVFN	(8 << 3)
#define SHARED		VIRTIO_CMA_CLIENT_SHARED

static struct qtest *q;
static struct cma a, b;			/* banka and bankb */

static bool is_bus_master(void)
{
	return qtest_pci_read(q, 0, EDU_DEVFN, 4) & 4;
}

static bool try_bus_master(void)
{
	qtest_pci_write(q, 0, EDU_DEVFN, 4, 6);
	return is_bus_master();
}

/* edu0 in two banks, claimed in both, a block in each. */
static void start_banks(const char *a_options, const char *b_options,
			struct virtio_cma_block *block_a, struct virtio_cma_block *block_b)
{
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, M0 M1 EDU REGION(0, "banka") ",clients=edu0%s "
			REGION(1, "bankb") ",clients=edu0%s", a_options, b_options);
	qtest_run(q);
	cma_open_nth(&a, q, 0);
	cma_open_nth(&b, q, 1);
	assert_int_equal(cma_claim(&a, 0), VIRTIO_CMA_S_OK);
	assert_true(try_bus_master());
	assert_int_equal(cma_claim(&b, 0), VIRTIO_CMA_S_OK);
	assert_true(is_bus_master());		/* the second claim disturbs nothing */
	assert_int_equal(cma_alloc(&a, 2 * CMA_GRANULE, 0, block_a), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&b, CMA_GRANULE, 0, block_b), VIRTIO_CMA_S_OK);
}

/* A RELEASE in either region stops it for both, until the next CLAIM in any. */
static void test_release_in_one_region(void **state)
{
	struct virtio_cma_block block_a, block_b;

	(void)state;
	start_banks("", "", &block_a, &block_b);
	assert_int_equal(cma_release(&b, 0), VIRTIO_CMA_S_OK);
	assert_false(is_bus_master());
	assert_false(try_bus_master());
	qtest_assert_text(q, "cma0:/clients/0/state", "claimed");
	qtest_assert_text(q, "cma1:/clients/0/state", "present");
	assert_int_equal(cma_claim(&a, 0), VIRTIO_CMA_S_CLIENT_STATE);
	assert_false(try_bus_master());

	assert_int_equal(cma_claim(&b, 0), VIRTIO_CMA_S_OK);
	assert_true(try_bus_master());
	assert_int_equal(cma_release(&a, 0), VIRTIO_CMA_S_OK);
	assert_false(try_bus_master());
	/* nothing was unpinned by any of it */
	assert_int_equal(qtest_get(q, "cma0:/counters/provider-pinned-bytes"), 2 * CMA_GRANULE);
	assert_int_equal(qtest_get(q, "cma1:/counters/provider-pinned-bytes"), CMA_GRANULE);
	qtest_stop(q);
}

/* The driver of one region resets it: the device is off, the other's blocks stay. */
static void test_reset_of_one_region(void **state)
{
	struct virtio_cma_block block_a, block_b;

	(void)state;
	start_banks("", "", &block_a, &block_b);
	virtio_reset(&a.v);
	assert_false(is_bus_master());
	assert_false(try_bus_master());
	assert_int_equal(qtest_get(q, "cma0:/counters/provider-pinned-bytes"), 0);
	assert_int_equal(qtest_get(q, "cma1:/counters/provider-pinned-bytes"), CMA_GRANULE);
	qtest_assert_text(q, "cma1:/clients/0/state", "claimed");

	/* a region in which it is not claimed has no say */
	assert_int_equal(cma_release(&b, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_claim(&b, 0), VIRTIO_CMA_S_OK);
	assert_true(try_bus_master());
	cma_restart(&a);
	virtio_reset(&a.v);
	assert_true(is_bus_master());
	json_object_put(qtest_qmp_ok(q, "{'execute': 'system_reset'}"));
	qtest_wait_event(q, "RESET");
	assert_int_equal(qtest_get(q, "cma1:/counters/provider-pinned-bytes"), 0);
	assert_false(is_bus_master());
	qtest_stop(q);
}

/* What cannot be quiesced is in quarantine everywhere it is claimed, and only there. */
static void test_quarantine_of_all(void **state)
{
	struct virtio_cma_block block_a, block_b, block;
	struct cma other;

	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, M0 M1 M2 EDU
			REGION(0, "banka") ",clients=edu0,x-fake-fault=quiesce:0:2:5 "
			REGION(1, "bankb") ",clients=edu0 " REGION(2, "bankc") ",clients=edu0");
	cma_open_nth(&a, q, 0);
	cma_open_nth(&b, q, 1);
	cma_open_nth(&other, q, 2);
	assert_int_equal(cma_claim(&a, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_claim(&b, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&a, CMA_GRANULE, 0, &block_a), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&b, CMA_GRANULE, 0, &block_b), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&other, CMA_GRANULE, 0, &block), VIRTIO_CMA_S_OK);

	assert_int_equal(cma_release(&a, 0), VIRTIO_CMA_S_IO);
	assert_int_equal(cma_free(&a, block_a.base_gpa, block_a.bytes), VIRTIO_CMA_S_REFUSED);
	assert_int_equal(cma_free(&b, block_b.base_gpa, block_b.bytes), VIRTIO_CMA_S_REFUSED);
	assert_int_equal(qtest_get(q, "cma0:/counters/quarantined-bytes"), CMA_GRANULE);
	assert_int_equal(qtest_get(q, "cma1:/counters/quarantined-bytes"), CMA_GRANULE);
	/* the control: present there, not claimed */
	assert_int_equal(qtest_get(q, "cma2:/counters/quarantined-bytes"), 0);
	assert_int_equal(cma_free(&other, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);

	/* b's own release works, and a still is as it was; its reset fails once more */
	assert_int_equal(cma_release(&b, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_free(&b, block_b.base_gpa, block_b.bytes), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_free(&a, block_a.base_gpa, block_a.bytes), VIRTIO_CMA_S_REFUSED);
	virtio_reset(&a.v);
	assert_int_equal(qtest_get(q, "cma0:/counters/provider-pinned-bytes"), CMA_GRANULE);
	virtio_reset(&a.v);
	assert_int_equal(qtest_get(q, "cma0:/counters/provider-pinned-bytes"), 0);
	qtest_stop(q);
}

/* ---- DMA ---- */

#define EDU_BAR		0xe0000000u
#define EDU_BUFFER	0x40000u

static void edu_dma(uint64_t src, uint64_t dst, uint64_t bytes, uint64_t command)
{
	unsigned int i;

	qtest_writeq(q, EDU_BAR + 0x80, src);
	qtest_writeq(q, EDU_BAR + 0x88, dst);
	qtest_writeq(q, EDU_BAR + 0x90, bytes);
	qtest_writeq(q, EDU_BAR + 0x98, command | 1);
	for (i = 0; qtest_readq(q, EDU_BAR + 0x98) & 1; i++) {
		assert_true(i < QTEST_TIMEOUT_S * 100);
		usleep(10000);
	}
}

static uint64_t copy_over_bus(uint64_t from_dma, uint64_t to_dma, uint64_t to_gpa)
{
	qtest_writeq(q, to_gpa, 0);
	edu_dma(from_dma, EDU_BUFFER, 8, 0);
	edu_dma(EDU_BUFFER, to_dma, 8, 2);
	return qtest_readq(q, to_gpa);
}

/* One device copies from one bank to the other, at host-physical addresses. */
static void test_dma_between_banks(void **state)
{
	struct virtio_cma_block block_a, block_b;

	(void)state;
	start_banks(",unsafe-noiommu=on,x-fabric=on,x-fake-base=0x7f00000000",
		    ",unsafe-noiommu=on,x-fabric=on,x-fake-base=0x5f00000000", &block_a, &block_b);
	qtest_pci_write(q, 0, EDU_DEVFN, 0x10, EDU_BAR);
	assert_true(try_bus_master());
	assert_true(block_a.base_dma >= 0x7f00000000 && block_b.base_dma < 0x7f00000000);
	qtest_writeq(q, block_a.base_gpa, 0x6876636d61);
	assert_true(copy_over_bus(block_a.base_dma, block_b.base_dma, block_b.base_gpa) ==
		    0x6876636d61);
	assert_int_equal(qtest_get(q, "cma0:/counters/fabric-faults") +
			 qtest_get(q, "cma1:/counters/fabric-faults"), 0);

	/* the control: freed, the same copy faults and nothing arrives */
	assert_int_equal(cma_free(&b, block_b.base_gpa, block_b.bytes), VIRTIO_CMA_S_OK);
	assert_true(copy_over_bus(block_a.base_dma, block_b.base_dma, block_b.base_gpa) == 0);
	assert_true(qtest_get(q, "cma0:/counters/fabric-faults") +
		    qtest_get(q, "cma1:/counters/fabric-faults") > 0);
	qtest_stop(q);
}

/* ---- kinds and reservations ---- */

static void assert_client(struct cma *c, uint32_t id, const char *name, const char *kind,
			  uint8_t resv)
{
	struct virtio_cma_client client;

	cma_client(c, id, &client);
	assert_string_equal((char *)client.name, name);
	assert_string_equal((char *)client.kind, kind);
	assert_int_equal(client.resv, resv);
}

/*
 *	64 MiB | edu0, edu1: 16M | edu0 for firmware: 8M | everybody: 40M |
 */
static void test_reservations(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, M0 EDU "-device edu,id=edu1 -device edu,id=edu2 "
			REGION(0, "banka") ",clients=edu2,regions=banka=64M;banka/edu0,,edu1=15M;"
			"other/edu9=1G;banka/edu0(firmware)=8M;banka/edu1(streaming)=0");
	cma_open(&a, q, &virtio_pci);
	assert_client(&a, 0, "edu2", "", 0);
	assert_client(&a, 1, "edu0", "", 1);
	assert_client(&a, 2, "edu1", "", 1);
	assert_client(&a, 3, "edu0", "firmware", 2);
	assert_client(&a, 4, "edu1", "streaming", 0);
	assert_int_equal(qtest_get(q, "/reservations/0/bytes"), 40 * MIB);
	assert_int_equal(qtest_get(q, "/reservations/1/bytes"), 16 * MIB);
	assert_int_equal(qtest_get(q, "/reservations/2/bytes"), 8 * MIB);
	qtest_assert_text(q, "/clients/3/kind", "firmware");
	assert_int_equal(qtest_get(q, "/clients/3/reservation"), 2);

	assert_int_equal(cma_alloc(&a, 42 * MIB, 0, &block), VIRTIO_CMA_S_NO_SPACE);
	assert_int_equal(cma_alloc(&a, 42 * MIB, SHARED, &block), VIRTIO_CMA_S_NO_SPACE);
	assert_int_equal(cma_alloc(&a, 42 * MIB, 4, &block), VIRTIO_CMA_S_NO_SPACE);
	assert_int_equal(cma_alloc(&a, 40 * MIB, 0, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&a, 2 * MIB, SHARED, &block), VIRTIO_CMA_S_NO_SPACE);
	assert_int_equal(cma_alloc(&a, 10 * MIB, 3, &block), VIRTIO_CMA_S_NO_SPACE);
	assert_int_equal(cma_alloc(&a, 8 * MIB, 3, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&a, 10 * MIB, 1, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&a, 8 * MIB, 2, &block), VIRTIO_CMA_S_NO_SPACE);
	assert_int_equal(cma_alloc(&a, 6 * MIB, 2, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_get(q, "/reservations/1/used-bytes"), 16 * MIB);
	qtest_stop(q);
}

/* Percent of the machine's RAM (256 MiB), a base, and less than the memdev has. */
static void test_region_by_text(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, "-m 256M,maxmem=4G " M0 EDU REGION(0, "banka")
			",regions=banka=min(10%%,,60M)@0x140000000;banka/edu0=max(1%%,,3M)");
	cma_open(&a, q, &virtio_pci);
	assert_int_equal(a.base_gpa, 0x140000000);
	assert_int_equal(qtest_get(q, "/region/pin-limit-bytes"), 24 * MIB);
	assert_int_equal(qtest_get(q, "/reservations/1/bytes"), 4 * MIB);
	assert_int_equal(cma_alloc(&a, 26 * MIB, 0, &block), VIRTIO_CMA_S_PIN_LIMIT);
	assert_int_equal(cma_alloc(&a, 24 * MIB, 0, &block), VIRTIO_CMA_S_OK);
	qtest_stop(q);
}

/* Two entries of one device in one region: as of two regions. */
static void test_kinds_of_one_device(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, M0 EDU REGION(0, "banka")
			",regions=banka/edu0(coherent)=8M;banka/edu0(streaming)=8M");
	cma_open(&a, q, &virtio_pci);
	assert_int_equal(cma_claim(&a, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_claim(&a, 1), VIRTIO_CMA_S_OK);
	assert_true(try_bus_master());
	assert_int_equal(cma_release(&a, 1), VIRTIO_CMA_S_OK);
	assert_false(try_bus_master());
	assert_int_equal(cma_release(&a, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_claim(&a, 1), VIRTIO_CMA_S_OK);
	assert_true(try_bus_master());
	virtio_reset(&a.v);
	assert_false(try_bus_master());
	qtest_stop(q);
}

/* ---- the default region ---- */

static void test_spare_entries(void **state)
{
	struct virtio_cma_client client;
	struct virtio_cma_config config;
	struct virtio_cma_event event;

	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, M0 M1 EDU HOTPLUG_PORT "-device edu,id=edu1 "
			REGION(0, "banka") ",default=on,spare-clients=2,clients=edu5 "
			REGION(1, "bankb") ",clients=edu0 -device edu,id=edu5 -device edu,id=edu6");
	hotplug_set_up(q);
	cma_open_nth(&a, q, 0);
	cma_open_nth(&b, q, 1);
	cma_config(&a, &config);
	assert_int_equal(config.nr_clients, 3);
	assert_true(config.flags & VIRTIO_CMA_FLAG_DEFAULT);
	cma_config(&b, &config);
	assert_int_equal(config.nr_clients, 1);
	/* named by the other region; edu1, named by none, is left alone */
	assert_client(&a, 1, "edu0", "", 0);
	cma_client(&a, 2, &client);
	assert_int_equal(client.state, VIRTIO_CMA_CLIENT_ABSENT);
	assert_int_equal(client.name[0], 0);

	/* a fallback: claimed in either or both */
	assert_int_equal(cma_claim(&a, 1), VIRTIO_CMA_S_OK);
	assert_true(try_bus_master());
	qtest_assert_text(q, "cma0:/clients/1/state", "claimed");
	qtest_assert_text(q, "cma1:/clients/0/state", "present");
	assert_int_equal(qtest_get(q, "cma0:/clients/1/spare"), 1);
	assert_int_equal(qtest_get(q, "cma0:/clients/0/spare"), 0);

	/* hotplug of a device that a third region names, at run time */
	json_object_put(qtest_qmp_ok(q, "{'execute': 'object-add', 'arguments': {"
				     "'qom-type': 'memory-backend-memfd', 'id': 'm2',"
				     "'size': 67108864}}"));
	json_object_put(qtest_qmp_ok(q, "{'execute': 'device_add', 'arguments': {"
				     "'driver': 'virtio-cma-pci', 'id': 'cma2', 'bus': 'rp0',"
				     "'memdev': 'm2', 'granule': 2097152, 'name': 'bankc',"
				     "'clients': 'edu1:edu6', 'x-provider': 'fake'}}"));
	cma_offer_event(&a, sizeof(event));
	assert_int_equal(cma_next_event(&a, &event), sizeof(event));
	assert_int_equal(event.type, VIRTIO_CMA_EVENT_CLIENT_ADDED);
	assert_int_equal(event.client, 2);
	assert_client(&a, 2, "edu1", "", 0);

	/* none is left for one more: said, and the rest works */
	assert_non_null(strstr(qtest_stderr(q),
			       "virtio-cma 'banka': no entry is left for 'edu6', limit: spare-clients=2"));
	qtest_assert_text(q, "cma2:/clients/1/state", "present");
	qtest_stop(q);
}

/* A default region with guest-physical addresses is none for the others. */
static void test_default_of_another_sort(void **state)
{
	struct virtio_cma_client client;

	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, M0 M1 EDU REGION(0, "banka") ",default=on "
			REGION(1, "bankb") ",clients=edu0,unsafe-noiommu=on,x-fabric=on");
	cma_open_nth(&a, q, 0);
	cma_client(&a, 0, &client);
	assert_int_equal(client.state, VIRTIO_CMA_CLIENT_ABSENT);
	qtest_assert_text(q, "cma1:/clients/0/state", "present");
	qtest_stop(q);
}

/* An entry is free again when its device is gone. */
static void test_spare_entry_is_reused(void **state)
{
	struct virtio_cma_client client;

	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, M0 M1 HOTPLUG_PORT "-device edu,id=edu0,bus=rp0 "
			"-device edu,id=edu1 "
			REGION(0, "banka") ",default=on,spare-clients=2 "
			REGION(1, "bankb") ",clients=edu0:edu1");
	hotplug_set_up(q);
	cma_open_nth(&a, q, 0);
	cma_open_nth(&b, q, 1);
	qtest_assert_text(q, "cma0:/clients/1/state", "present");
	assert_int_equal(cma_claim(&a, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_claim(&b, 0), VIRTIO_CMA_S_OK);
	json_object_put(qtest_qmp_ok(q, HOTPLUG_DEL("edu0")));
	hotplug_eject(q);
	cma_client(&a, 0, &client);
	assert_int_equal(client.state, VIRTIO_CMA_CLIENT_ABSENT);
	cma_client(&b, 0, &client);
	assert_int_equal(client.state, VIRTIO_CMA_CLIENT_ABSENT);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'device_add', 'arguments': {"
				     "'driver': 'edu', 'id': 'edu0', 'bus': 'rp0'}}"));
	qtest_assert_text(q, "cma0:/clients/0/name", "edu0");
	qtest_assert_text(q, "cma0:/clients/0/state", "present");
	qtest_assert_text(q, "cma1:/clients/0/state", "present");
	assert_int_equal(cma_claim(&a, 0), VIRTIO_CMA_S_OK);
	qtest_stop(q);
}

/* ---- regions come and go ---- */

static void test_region_leaves_and_comes(void **state)
{
	static const char add[] = "{'execute': 'device_add', 'arguments': {"
		"'driver': 'virtio-cma-pci', 'id': 'cma1', 'bus': 'rp0', 'memdev': 'm1',"
		"'granule': 2097152, 'name': 'bankb', 'clients': 'edu0', 'x-provider': 'fake'}}";
	struct virtio_cma_block block;

	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, M0 M1 EDU HOTPLUG_PORT REGION(0, "banka") ",clients=edu0");
	hotplug_set_up(q);
	cma_open(&a, q, &virtio_pci);
	assert_int_equal(cma_claim(&a, 0), VIRTIO_CMA_S_OK);
	assert_true(try_bus_master());

	/* a second bank for a device in use */
	json_object_put(qtest_qmp_ok(q, "%s", add));
	assert_true(is_bus_master());
	cma_open_on_bus(&b, q, 1);
	assert_int_equal(cma_claim(&b, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&b, CMA_GRANULE, 0, &block), VIRTIO_CMA_S_OK);
	qtest_qmp_refused(q, "virtio-cma 'bankb': client 'edu0' is in use by the guest",
			  HOTPLUG_DEL("cma1"));
	assert_int_equal(cma_release(&b, 0), VIRTIO_CMA_S_OK);
	qtest_qmp_refused(q, "virtio-cma 'bankb': the guest has a block of 2097152 bytes for client 'edu0'",
			  HOTPLUG_DEL("cma1"));
	assert_int_equal(cma_free(&b, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_release(&a, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_claim(&a, 0), VIRTIO_CMA_S_OK);
	assert_true(try_bus_master());

	/* not claimed there: its going does not disturb the device */
	json_object_put(qtest_qmp_ok(q, HOTPLUG_DEL("cma1")));
	hotplug_eject(q);
	assert_true(is_bus_master());
	qtest_assert_text(q, "cma0:/clients/0/state", "claimed");

	json_object_put(qtest_qmp_ok(q, "%s", add));
	qtest_assert_text(q, "cma1:/clients/0/state", "present");
	cma_open_on_bus(&b, q, 1);
	assert_int_equal(cma_claim(&b, 0), VIRTIO_CMA_S_OK);
	/* a guest that ejects without asking: the device is stopped first */
	json_object_put(qtest_qmp_ok(q, "{'execute': 'system_reset'}"));
	qtest_wait_event(q, "RESET");
	qtest_stop(q);
}

/* The other sort of addresses is refused for a device in use, too. */
static void test_disagreeing_region_hotplug(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, M0 M1 EDU HOTPLUG_PORT REGION(0, "banka") ",clients=edu0");
	cma_open(&a, q, &virtio_pci);
	qtest_qmp_refused(q, "unsafe-noiommu= must agree",
			  "{'execute': 'device_add', 'arguments': {"
			  "'driver': 'virtio-cma-pci', 'id': 'cma1', 'bus': 'rp0', 'memdev': 'm1',"
			  "'granule': 2097152, 'clients': 'edu0', 'x-provider': 'fake',"
			  "'unsafe-noiommu': true, 'x-fabric': true}}");
	assert_int_equal(cma_claim(&a, 0), VIRTIO_CMA_S_OK);
	assert_true(try_bus_master());
	qtest_stop(q);
}

/* A plug that fails at its second client lets go of the first one. */
static void test_failed_hotplug_rolls_back(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, M0 M1 EDU HOTPLUG_PORT "-device virtio-rng-pci,id=rng0 "
			REGION(0, "banka") ",clients=edu0");
	hotplug_set_up(q);
	cma_open_nth(&a, q, 0);
	assert_int_equal(cma_claim(&a, 0), VIRTIO_CMA_S_OK);
	assert_true(try_bus_master());
	qtest_qmp_refused(q, "ignores the bus master bit",
			  "{'execute': 'device_add', 'arguments': {"
			  "'driver': 'virtio-cma-pci', 'id': 'cma1', 'bus': 'rp0', 'memdev': 'm1',"
			  "'granule': 2097152, 'clients': 'edu0:rng0', 'x-provider': 'fake'}}");
	/* what the first region gave is untouched, and name, memory, bus are free again */
	assert_true(is_bus_master());
	assert_int_equal(cma_alloc(&a, CMA_GRANULE, 0, &block), VIRTIO_CMA_S_OK);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'device_add', 'arguments': {"
				     "'driver': 'virtio-cma-pci', 'id': 'cma1', 'bus': 'rp0',"
				     "'memdev': 'm1', 'granule': 2097152, 'clients': 'edu0',"
				     "'x-provider': 'fake'}}"));
	qtest_assert_text(q, "cma1:/clients/0/state", "present");
	assert_true(is_bus_master());
	qtest_stop(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_release_in_one_region),
		cmocka_unit_test(test_reset_of_one_region),
		cmocka_unit_test(test_quarantine_of_all),
		cmocka_unit_test(test_dma_between_banks),
		cmocka_unit_test(test_reservations),
		cmocka_unit_test(test_region_by_text),
		cmocka_unit_test(test_kinds_of_one_device),
		cmocka_unit_test(test_spare_entries),
		cmocka_unit_test(test_default_of_another_sort),
		cmocka_unit_test(test_spare_entry_is_reused),
		cmocka_unit_test(test_region_leaves_and_comes),
		cmocka_unit_test(test_disagreeing_region_hotplug),
		cmocka_unit_test(test_failed_hotplug_rolls_back),
	};

	return cmocka_run_group_tests_name("regions", tests, NULL, NULL);
}
