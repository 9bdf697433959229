# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# All that tests with virtual machines source.

set -u
for testbed_part in tap instruments vm initramfs hugepages region; do
	# shellcheck source=/dev/null
	. "$HVCMA_SRC/tests/lib/$testbed_part.sh"
done
# shellcheck disable=SC2086 # words
kernels_need ${HVCMA_KERNELS-}
