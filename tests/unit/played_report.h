/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a QEMU that a test plays says of one region: for all commands that show it.
 */
#ifndef TESTS_UNIT_PLAYED_REPORT_H
#define TESTS_UNIT_PLAYED_REPORT_H

#include "hv/abi/version.h"

#define EVENT "{\"event\": \"RESUME\", \"timestamp\": {\"seconds\": 1}}\r\n"
#define NOTHING "{\"return\": []}\r\n"
#define DEVICES \
	"{\"return\": [{\"name\": \"type\", \"type\": \"string\"}," \
	"{\"name\": \"cma0\", \"type\": \"child<virtio-cma-pci>\"}," \
	"{\"name\": \"nv0\", \"type\": \"child<nvme>\"}]}\r\n"

/* 8 granules: 0 and 1 pinned, 2 migratable and online, 5 busy */
#define REPORT_VERSIONS "\"versions\": {\"device\": \"" HVCMA_VERSION "\", \"service\": \"\"}"

#define REPORT \
	"{\"return\": {" REPORT_VERSIONS ", \"driver\": {\"state\": \"running\", \"features\": 4294967296, \"interface\": \"legacy\"}," \
	"\"region\": {\"name\": \"banka\", \"mode\": \"private\"," \
	"\"base-gpa\": 4294967296, \"bytes\": 16777216, \"granule-bytes\": 2097152," \
	"\"policy\": \"best-fit\", \"default\": true, \"unsafe-noiommu\": true," \
	"\"provider\": \"local\", \"pin-limit-bytes\": 16777216," \
	"\"low-wanted-bytes\": 8388608, \"low-bytes\": 4194304," \
	"\"contiguous\": \"required\", \"run-wanted-bytes\": 4194304, \"run-bytes\": 6291456, \"runs\": 3}," \
	"\"granules\": [{\"first\": 0, \"nr\": 2, \"state\": \"pinned\", \"online\": false, \"busy\": false}," \
	"{\"first\": 2, \"nr\": 1, \"state\": \"migratable\", \"online\": true, \"busy\": false}," \
	"{\"first\": 3, \"nr\": 2, \"state\": \"unbacked\", \"online\": false, \"busy\": false}," \
	"{\"first\": 5, \"nr\": 1, \"state\": \"unbacked\", \"online\": false, \"busy\": true, \"why\": \"no-room\"}," \
	"{\"first\": 6, \"nr\": 2, \"state\": \"unbacked\", \"online\": false, \"busy\": false}]," \
	"\"extents\": [{\"base-gpa\": 4294967296, \"base-dma\": 18446744073692774400, \"bytes\": 6291456}]," \
	"\"blocks\": [{\"first\": 0, \"nr\": 2, \"client\": \"nv0\", \"purpose\": \"pool\"}]," \
	"\"clients\": [{\"id\": 0, \"name\": \"nv0\", \"bus\": \"pci\", \"path\": \"0000:00/03.0\"," \
	"\"state\": \"claimed\", \"bus-master\": true, \"kind\": \"firmware\", \"reservation\": 1, \"coherent\": \"off\", \"refused\": false," \
	"\"attr\": \"uncached\", \"effective\": \"Normal Non-cacheable\"," \
	"\"maintenance\": [\"block\", \"no-cached-alias\"], \"reason\": \"not coherent\"," \
	"\"windows-source\": \"option\", \"windows-from\": \"dma-windows=\", \"windows\": [{\"bus-base\": 68719476736, \"base-dma\": 0," \
	"\"bytes\": 68719476736}, {\"bus-base\": 4096, \"base-dma\": 68720726016, \"bytes\": 4096}]}," \
	"{\"id\": 1, \"name\": \"cam\", \"bus\": \"platform\", \"path\": \"0xa000000\"," \
	"\"state\": \"present\", \"bus-master\": false, \"refused\": true, \"attr\": \"auto\"," \
	"\"effective\": \"unknown\", \"maintenance\": [], \"reason\": \"a reason\"," \
	"\"windows-source\": \"acpi\", \"windows-from\": \"ACPI: taken for 1:1; a note\", \"windows\": [{\"bus-base\": 0, \"base-dma\": 0," \
	"\"bytes\": 18446744073709547520}]}]," \
	"\"attributes\": {\"stage2\": \"no-fwb\", \"source\": \"the kernel log\"," \
	"\"policy\": \"auto\", \"effective-cached\": \"Normal Write-Back\"," \
	"\"effective-uncached\": \"Normal Non-cacheable\", \"noncoherent-bytes\": 4194304}," \
	"\"reservations\": [{\"reservation\": 0, \"bytes\": 12582912, \"used-bytes\": 0}," \
	"{\"reservation\": 1, \"bytes\": 4194304, \"used-bytes\": 2097152}]," \
	"\"counters\": {\"pinned-bytes\": 4194304, \"nr-blocks\": 1, \"freed\": 0, \"online-bytes\": 0}," \
	"\"dma-window\": {\"first\": 18446744073692774400, \"last\": 18446744073699065855}," \
	"\"guest\": {\"valid\": false, \"allocated-bytes\": 0, \"alloc-us-log2\": [1, 0, 0, 40, 0, 3]}}}\r\n"

#endif /* TESTS_UNIT_PLAYED_REPORT_H */
