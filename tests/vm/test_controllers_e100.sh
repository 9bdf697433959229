#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
#
# Stock driver of the i8255x family behind the fabric, after SeaBIOS: see tests/lib/controllers.sh.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/controllers.sh"

controllers_test amd64 6.12 SeaBIOS 'virtio_net e100' i82557a i82557b i82557c
controllers_test amd64 6.12 SeaBIOS 'virtio_net e100' i82558a i82558b i82559a i82559b i82559er
tap_end
