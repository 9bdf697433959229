/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Telling the host what the guest counts (core/stats.h) while there are clients: within a
 * second if another amount is allocated or online, or memory is found broken; every ten if only
 * its counts have changed.
 */
#ifndef VCMA_REPORT_H
#define VCMA_REPORT_H

struct vcma_region;

void vcma_report_init(struct vcma_region *r);
/** vcma_report_start() - a client was claimed: report until all are idle again. */
void vcma_report_start(struct vcma_region *r);
void vcma_report_stop(struct vcma_region *r);

#endif /* VCMA_REPORT_H */
