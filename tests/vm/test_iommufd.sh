#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# Pins and addresses by iommufd without IOMMU: unit/test_host_iommufd on a host whose kernel has that, with
# two devices. The pins of the other provider are tested there, too: it is the newest kernel they meet.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/host_tests.sh"

series=7.3-iommufd
[ -e "$(kernel_dir "$VM_NATIVE" $series)/vmlinuz" ] ||
	skip_all "no kernel $VM_NATIVE/$series: the archive does not offer its source, or make check-long has not built it"

export VM_APPEND='vfio.enable_unsafe_noiommu_mode=1 vfio_pci.ids=1234:11e8'
if host_start $series 'iommufd local refusals keeper' \
	-device edu,dma_mask=0xffffffffff -device edu,dma_mask=0xffffffffff; then
	host_test $series iommufd
	check "no test of it was skipped" eval '! grep -q "SKIP" "$VM_TMP/raw"'
	for t in local refusals keeper; do
		host_test $series $t
	done
fi
vm_quit
tap_end
