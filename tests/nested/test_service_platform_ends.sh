#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long, limit 1500
#
# As test_service_platform, longer: what else ends, and without a rule. See guest/service_platform_ends.sh.

HVCMA_SERVICE_PLATFORM=service_platform_ends.sh NESTED_LIMIT_S=1200 exec "$HVCMA_SRC/tests/nested/test_service_platform.sh"
