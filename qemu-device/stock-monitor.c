/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of the human monitor refused: replaces their handlers. See stock.h.
 */
#include "qemu/osdep.h"
#include "monitor/monitor-internal.h"
#include "qobject/qdict.h"

#include "stock.h"

#define MAX_BLOCKED 12

typedef void HmpHandler(Monitor *mon, const QDict *qdict);

static struct {
    const char *name;
    const char *reason;         /* NULL: allowed */
    HmpHandler *own;
} blocked[MAX_BLOCKED];
static size_t nr_blocked;

static void hmp_run(Monitor *mon, const QDict *qdict, size_t i)
{
    if (blocked[i].reason) {
        monitor_printf(mon, "%s is refused: %s\n", blocked[i].name,
                       blocked[i].reason);
    } else {
        blocked[i].own(mon, qdict);
    }
}

/* A handler does not learn by which name it was called: one for each. */
#define HMP_HANDLER(i) \
    static void hmp_run_ ## i(Monitor *mon, const QDict *qdict) \
    { \
        hmp_run(mon, qdict, i); \
    }
HMP_HANDLER(0)
HMP_HANDLER(1)
HMP_HANDLER(2)
HMP_HANDLER(3)
HMP_HANDLER(4)
HMP_HANDLER(5)
HMP_HANDLER(6)
HMP_HANDLER(7)
HMP_HANDLER(8)
HMP_HANDLER(9)
HMP_HANDLER(10)
HMP_HANDLER(11)

static HmpHandler *const handlers[] = {
    hmp_run_0, hmp_run_1, hmp_run_2, hmp_run_3, hmp_run_4, hmp_run_5,
    hmp_run_6, hmp_run_7, hmp_run_8, hmp_run_9, hmp_run_10, hmp_run_11,
};
QEMU_BUILD_BUG_ON(ARRAY_SIZE(handlers) != MAX_BLOCKED);

/* A command has names, separated by '|'. */
static bool is_called(const HMPCommand *cmd, const char *name)
{
    g_auto(GStrv) names = g_strsplit(cmd->name, "|", -1);

    return g_strv_contains((const char *const *)names, name);
}

void hmp_block_command(const char *name, const char *reason)
{
    HMPCommand *cmd;
    size_t i;

    for (i = 0; i < nr_blocked; i++) {
        if (g_str_equal(blocked[i].name, name)) {
            blocked[i].reason = reason;
            return;
        }
    }
    for (cmd = hmp_cmds; cmd->name; cmd++) {
        if (is_called(cmd, name)) {
            assert(nr_blocked < MAX_BLOCKED);
            blocked[nr_blocked].name = name;
            blocked[nr_blocked].reason = reason;
            blocked[nr_blocked].own = cmd->cmd;
            cmd->cmd = handlers[nr_blocked++];
            return;
        }
    }
}
