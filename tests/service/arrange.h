/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the tests of ARRANGE: to ask, and to ask until there is an outcome. Include after <cmocka.h>.
 */
#ifndef HVCMA_TESTS_SERVICE_ARRANGE_H
#define HVCMA_TESTS_SERVICE_ARRANGE_H

#include "hv/host/runs.h"
#include "tests/service/rig.h"

static inline struct hvcmad_arrange_req arrange_request(uint32_t region, uint32_t flags)
{
	return (struct hvcmad_arrange_req){
		.hdr = { HVCMAD_OP_ARRANGE, sizeof(struct hvcmad_arrange_req) }, .region = region, .flags = flags,
	};
}

/* Status; what was got is in got.arrange. */
static inline int arrange_ask(int fd, const struct hvcmad_arrange_req *q)
{
	return client_call_fds(fd, q, sizeof(*q), sizeof(got.arrange), NULL, 0);
}

/* The same, until it is not AGAIN: a minute at most. */
static inline int arrange_wait(int fd, const struct hvcmad_arrange_req *q)
{
	int status, i;

	for (i = 0; (status = arrange_ask(fd, q)) == HVCMAD_S_AGAIN && i < 6000; i++)
		usleep(10000);
	return status;
}

#endif /* HVCMA_TESTS_SERVICE_ARRANGE_H */
