// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A slot for hotplug on q35. See hotplug.h. The guest ejects by writing the
 * slot's bit.
 */
#include "tests/qtest/hotplug.h"

#define ROOT_PORT_ID	0x000c1b36u
#define COMMAND		0x04
#define COMMAND_ON	0x6		/* memory, bus master */
#define BUS_NUMBERS	0x18
#define MEMORY_WINDOW	0x20

/* ACPI PCI hotplug registers of q35 */
#define PCIHP_EJECT	0xcc8
#define PCIHP_BUS	0xcd0

void hotplug_set_up(struct qtest *q)
{
	uint8_t port = qtest_pci_find(q, 0, ROOT_PORT_ID);

	qtest_pci_write(q, 0, port, BUS_NUMBERS, 0x00010100);
	qtest_pci_write(q, 0, port, MEMORY_WINDOW, 0xefffe800 & ~0x000f000fu);
	qtest_pci_write(q, 0, port, COMMAND, COMMAND_ON);
}

void hotplug_let_go(struct qtest *q)
{
	struct json_object *bsel;

	bsel = qtest_qmp_ok(q, "{'execute': 'qom-get', 'arguments': {"
			    "'path': '/machine/peripheral/rp0/rp0',"
			    "'property': 'acpi-pcihp-bsel'}}");
	qtest_outl(q, PCIHP_BUS, (uint32_t)json_object_get_int(bsel));
	json_object_put(bsel);
	qtest_outl(q, PCIHP_EJECT, 1);
}

void hotplug_eject(struct qtest *q)
{
	hotplug_let_go(q);
	qtest_wait_event(q, "DEVICE_DELETED");
}
