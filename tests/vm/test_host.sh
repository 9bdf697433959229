#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The unit tests of hv/host, on stock Debian kernels: the machine's own kernel need not have
# what they look at (soft-offlining of hugepages, two NUMA nodes), and old kernels pin and unpin by
# other code, and have other free lists of hugepages.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/host_tests.sh"

tests='local refusals keeper contiguous'

# host_cases SERIES
host_cases()
{
	host_start "$1" "$tests" \
		-object memory-backend-ram,id=n0,size=512M -numa node,memdev=n0,cpus=0 \
		-object memory-backend-ram,id=n1,size=512M -numa node,memdev=n1,cpus=1 || return
	for t in $tests; do
		host_test "$1" "$t"
	done
	vm_quit
}

rarely host_cases 6.1
host_cases 6.12
tap_end
