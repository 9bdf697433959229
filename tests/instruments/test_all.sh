#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# test_short, and more, with those instruments switched on, too, that make the machine several times
# slower.

HVCMA_INSTRUMENTS=all exec "$HVCMA_SRC/tests/instruments/test_short.sh"
