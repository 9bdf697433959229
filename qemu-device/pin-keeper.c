/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pin keeper of one region: see pin-keeper.h.
 */
#include "qemu/osdep.h"
#include <dlfcn.h>
#include "qemu/main-loop.h"
#include "qemu/timer.h"

#include "pin-keeper.h"
#include "hv/host/keeper.h"
#include "trace.h"

#define KEEPER_PROGRAM "hvcma-pin-keeper"

/* In a row, the first at once; a keeper that lived that long ends the row. */
#define MAX_TRIES 6
#define FIRST_WAIT_MS 100       /* then after twice as long each time */
#define LONG_LIFE_MS 60000

typedef enum PinKeeperState {
    KEEPER_DEAD,
    KEEPER_RUNS,
    KEEPER_GIVEN_UP,
    KEEPER_NR_STATES
} PinKeeperState;

static const char *const state_names[KEEPER_NR_STATES] = {
    [KEEPER_DEAD] = "dead",
    [KEEPER_RUNS] = "runs",
    [KEEPER_GIVEN_UP] = "given-up",
};

/* From (row) to (column). */
static const bool allowed[KEEPER_NR_STATES][KEEPER_NR_STATES] = {
    [KEEPER_DEAD] = { [KEEPER_RUNS] = true, [KEEPER_GIVEN_UP] = true },
    [KEEPER_RUNS] = { [KEEPER_DEAD] = true },
};

/* A device whose end a keeper is to wait for. */
typedef struct Watched {
    char *path;
    int device_fd;                      /* -1: the path tells */
    struct hvcma_platform_rule *rule;   /* NULL: none */
} Watched;

/* Where a client was never quiesced it outlives the region's device. */
struct HvcmaPinKeeper {
    char *region;
    const struct hvcma_provider *provider;
    struct hvcma_keeper *keeper;        /* while it runs */
    PinKeeperState state;
    GPtrArray *watched;                 /* of Watched */
    QEMUTimer *again;
    unsigned nr_tries;
    int64_t started_ms;
};

static void set_state(HvcmaPinKeeper *k, PinKeeperState state)
{
    assert(allowed[k->state][state]);
    trace_virtio_cma_pin_keeper(k->region, state_names[k->state],
                                state_names[state]);
    k->state = state;
}

static int64_t now_ms(void)
{
    return qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
}

/*
 * The keeper is installed beside the plugin, which is this very file; or beside
 * QEMU, if this is part of it: then the name can be what the user typed.
 */
static char *program_path(void)
{
    g_autofree char *file = NULL;
    g_autofree char *folder = NULL;
    Dl_info self;

    if (dladdr((void *)program_path, &self) && strchr(self.dli_fname, '/')) {
        file = g_strdup(self.dli_fname);
    } else {
        file = g_file_read_link("/proc/self/exe", NULL);
    }
    if (!file) {
        return NULL;
    }
    folder = g_path_get_dirname(file);
    return g_build_filename(folder, KEEPER_PROGRAM, NULL);
}

static void died(void *opaque);

static void let_go(HvcmaPinKeeper *k)
{
    qemu_set_fd_handler(hvcma_keeper_fd(k->keeper), NULL, NULL, NULL);
    hvcma_keeper_stop(k->keeper);
    k->keeper = NULL;
}

static Watched *watched_new(const char *path, int device_fd,
                            const struct hvcma_platform_rule *rule)
{
    Watched *w = g_new0(Watched, 1);

    w->path = g_strdup(path);
    w->device_fd = device_fd < 0 ? -1 : fcntl(device_fd, F_DUPFD_CLOEXEC, 0);
    w->rule = rule ? g_memdup2(rule, sizeof(*rule)) : NULL;
    return w;
}

static void watched_free(void *opaque)
{
    Watched *w = opaque;

    if (w->device_fd >= 0) {
        close(w->device_fd);
    }
    g_free(w->rule);
    g_free(w->path);
    g_free(w);
}

static int tell(HvcmaPinKeeper *k, const Watched *w, struct hvcma_error *err)
{
    return w->device_fd < 0 ? hvcma_keeper_watch(k->keeper, w->path, err) :
           hvcma_keeper_watch_device(k->keeper, w->path, w->device_fd, w->rule,
                                     err);
}

/* What a keeper before knew, but for devices that are gone by now. */
static int tell_all(HvcmaPinKeeper *k, struct hvcma_error *err)
{
    int ret = 0;
    guint i;

    for (i = 0; !ret && i < k->watched->len; i++) {
        ret = tell(k, g_ptr_array_index(k->watched, i), err);
        ret = ret == -ENOENT ? 0 : ret;
    }
    return ret;
}

static bool start(HvcmaPinKeeper *k, Error **errp)
{
    g_autofree char *path = program_path();
    struct hvcma_error err = { "the folder of the plugin is unknown" };
    const int *fds;
    size_t nr_fds = hvcma_provider_local_pin_fds(k->provider, &fds);
    int ret = path ? hvcma_keeper_start(path, fds, nr_fds, &k->keeper, &err) :
                     -ENOENT;

    if (ret) {
        error_setg(errp, "%s%s", err.text, ret == -EPERM ?
                   " (of -sandbox, spawn=deny and elevateprivileges=deny or "
                   "=children are in its way)" : "");
        return false;
    }
    if (tell_all(k, &err)) {
        error_setg(errp, "%s", err.text);
        hvcma_keeper_stop(k->keeper);
        k->keeper = NULL;
        return false;
    }
    qemu_set_fd_handler(hvcma_keeper_fd(k->keeper), died, NULL, k);
    k->started_ms = now_ms();
    set_state(k, KEEPER_RUNS);
    return true;
}

static void start_again(void *opaque)
{
    HvcmaPinKeeper *k = opaque;
    Error *err = NULL;

    if (k->nr_tries == MAX_TRIES) {
        set_state(k, KEEPER_GIVEN_UP);
        error_report("virtio-cma '%s': no pin keeper stays alive, given up "
                     "after %u: no client can be claimed until the region is "
                     "plugged anew", k->region, k->nr_tries);
        return;
    }
    k->nr_tries++;
    if (start(k, &err)) {
        warn_report("virtio-cma '%s': there is a pin keeper again", k->region);
        return;
    }
    warn_reportf_err(err, "virtio-cma '%s': no new pin keeper: ",
                      k->region);
    timer_mod(k->again, now_ms() + (FIRST_WAIT_MS << k->nr_tries));
}

/* Also called from where it is noticed first: then there is none any more. */
static void died(void *opaque)
{
    HvcmaPinKeeper *k = opaque;
    int64_t lived_ms = now_ms() - k->started_ms;

    let_go(k);
    set_state(k, KEEPER_DEAD);
    error_report("virtio-cma '%s': its pin keeper has died; until there is one "
                 "again no client is claimed, and if QEMU is killed devices "
                 "may write to memory that is others' by then",
                 k->region);
    if (lived_ms >= LONG_LIFE_MS) {
        k->nr_tries = 0;
    }
    timer_mod(k->again, now_ms() + (k->nr_tries ?
                                    FIRST_WAIT_MS << k->nr_tries : 0));
}

HvcmaPinKeeper *hvcma_pin_keeper_new(VirtIOCMA *s,
                                     const struct hvcma_provider *provider,
                                     Error **errp)
{
    HvcmaPinKeeper *k = g_new0(HvcmaPinKeeper, 1);
    Error *err = NULL;

    k->region = g_strdup(s->config.name);
    k->provider = provider;
    k->watched = g_ptr_array_new_with_free_func(watched_free);
    k->again = timer_new_ms(QEMU_CLOCK_REALTIME, start_again, k);
    if (start(k, &err)) {
        return k;
    }
    error_propagate_prepend(errp, err, "virtio-cma '%s': unsafe-noiommu=on "
                            "needs a pin keeper: ", s->config.name);
    hvcma_pin_keeper_free(k);
    return NULL;
}

void hvcma_pin_keeper_free(HvcmaPinKeeper *k)
{
    if (!k) {
        return;
    }
    if (k->keeper) {
        let_go(k);
    }
    timer_free(k->again);
    g_ptr_array_free(k->watched, true);
    g_free(k->region);
    g_free(k);
}

const char *hvcma_pin_keeper_state(const HvcmaPinKeeper *k)
{
    return k ? state_names[k->state] : "none";
}

bool hvcma_pin_keeper_is_missing(const HvcmaPinKeeper *k)
{
    return k && k->state != KEEPER_RUNS;
}

static bool watch(HvcmaPinKeeper *k, Watched *w, Error **errp)
{
    struct hvcma_error err = { "" };
    int ret = k->keeper ? tell(k, w, &err) : 0;

    if (ret == -EPIPE) {
        died(k);
    } else if (ret) {
        error_setg(errp, "virtio-cma '%s': %s", k->region, err.text);
        watched_free(w);
        return false;
    }
    g_ptr_array_add(k->watched, w);
    return true;
}

bool hvcma_pin_keeper_watch(HvcmaPinKeeper *k, const char *path, Error **errp)
{
    return watch(k, watched_new(path, -1, NULL), errp);
}

bool hvcma_pin_keeper_watch_device(HvcmaPinKeeper *k, const char *path,
                                   int device_fd,
                                   const struct hvcma_platform_rule *rule,
                                   Error **errp)
{
    Watched *w = watched_new(path, device_fd, rule);

    if (w->device_fd < 0) {
        error_setg_errno(errp, errno, "virtio-cma '%s': no descriptor of %s "
                         "for the pin keeper", k->region, path);
        watched_free(w);
        return false;
    }
    return watch(k, w, errp);
}

void hvcma_pin_keeper_unwatch(HvcmaPinKeeper *k, const char *path)
{
    struct hvcma_error err = { "" };
    int ret = k->keeper ? hvcma_keeper_unwatch(k->keeper, path, &err) : 0;
    guint i;

    if (ret == -EPIPE) {
        died(k);
    } else if (ret) {
        warn_report("virtio-cma '%s': %s", k->region, err.text);
    }
    for (i = 0; i < k->watched->len; i++) {
        const Watched *w = g_ptr_array_index(k->watched, i);

        if (g_str_equal(w->path, path)) {
            g_ptr_array_remove_index_fast(k->watched, i);
            return;
        }
    }
}
