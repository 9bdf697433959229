# SPDX-License-Identifier: GPL-2.0-or-later
#
# A fault for the fuzzer to find, in a copy of qemu-device/requests.c: where writing the answer
# resets the queue, the request is freed once too often. A fault like it was there once.
/^static bool request_answer/,/^}/ s/^    request_free(r);/&\
    if (life != q->life) {\
        g_free(r);\
    }/
