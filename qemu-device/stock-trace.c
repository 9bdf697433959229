/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose trace events are printed. See stock-trace.h.
 */
#include "qemu/osdep.h"

#include "stock-trace.h"

static GHashTable *nr_starts;   /* by name; NULL: nobody's */

void hvcma_trace_start(const char *who)
{
    guint nr;

    if (!nr_starts) {
        nr_starts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                          NULL);
    }
    nr = GPOINTER_TO_UINT(g_hash_table_lookup(nr_starts, who));
    g_hash_table_insert(nr_starts, g_strdup(who), GUINT_TO_POINTER(nr + 1));
}

void hvcma_trace_stop(const char *who)
{
    guint nr = GPOINTER_TO_UINT(g_hash_table_lookup(nr_starts, who));

    if (nr > 1) {
        g_hash_table_insert(nr_starts, g_strdup(who), GUINT_TO_POINTER(nr - 1));
    } else {
        g_hash_table_remove(nr_starts, who);
    }
}

bool hvcma_trace_is_on(const char *who)
{
    return nr_starts && g_hash_table_contains(nr_starts, who);
}
