/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hvcma-preload.so: brings the plugin for its series, hvcma-qemu-10.0.so say,
 * into an unmodified QEMU.
 *
 * LD_PRELOAD reaches every process QEMU starts too, so this library contains
 * nothing but the decision whether to load: it needs no QEMU symbol, does
 * nothing in a process that is not QEMU, and refuses a QEMU whose structures
 * the plugin was not built for. The environment is left alone: a shell, a
 * bridge helper or the pin keeper started by QEMU finds nothing to do here.
 *
 * It is no plugin itself: no QOM type, no device, no header of QEMU.
 */
#define _GNU_SOURCE     /* dladdr */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The one list of QEMU's series that the plugin's sources know. */
static const struct {
    int64_t major;
    int64_t minor;
} supported[] = {
    { 10, 0 },
    { 10, 2 },
};
#define SUPPORTED_TEXT "10.0.x, 10.2.x"

/*
 * What qmp_query_version() returns; part of QEMU's stable monitor interface.
 * QEMU fills it from constants, so it may be called before main() runs.
 */
struct version_triple {
    int64_t major;
    int64_t minor;
    int64_t micro;
};

struct version_info {
    struct version_triple *qemu;
    char *package;
};

typedef struct version_info *(*query_version_fn)(void **errp);
typedef void (*free_version_fn)(struct version_info *info);

static bool version_is_supported(const struct version_triple *v)
{
    size_t i;

    for (i = 0; i < sizeof(supported) / sizeof(supported[0]); i++) {
        if (v->major == supported[i].major && v->minor == supported[i].minor) {
            return true;
        }
    }
    return false;
}

/*
 * Says why not, on stderr, if there can be no plugin for this QEMU; else which
 * series it is of.
 */
static bool version_check(struct version_triple *version)
{
    query_version_fn query;
    free_version_fn release;
    struct version_info *info;
    bool ok;

    query = (query_version_fn)dlsym(RTLD_DEFAULT, "qmp_query_version");
    release = (free_version_fn)dlsym(RTLD_DEFAULT, "qapi_free_VersionInfo");
    if (!query || !release) {
        fprintf(stderr, "virtio-cma: this QEMU does not tell its version, "
                "supported: " SUPPORTED_TEXT "; no virtio-cma device type is "
                "registered\n");
        return false;
    }

    info = query(NULL);
    ok = version_is_supported(info->qemu);
    if (!ok) {
        fprintf(stderr, "virtio-cma: this is QEMU %lld.%lld.%lld, supported: "
                SUPPORTED_TEXT "; no virtio-cma device type is registered\n",
                (long long)info->qemu->major, (long long)info->qemu->minor,
                (long long)info->qemu->micro);
    }
    *version = *info->qemu;
    release(info);
    return ok;
}

/* Both symbols together exist in no program but a modular qemu-system-*. */
static bool process_is_qemu(void)
{
    return dlsym(RTLD_DEFAULT, "register_module_init") &&
           dlsym(RTLD_DEFAULT, "virtio_pci_types_register");
}

/*
 * Runs before QEMU's own constructors, so that the types of the plugin are on
 * QEMU's list by the time it initialises its object model.
 */
static void __attribute__((constructor)) load_plugin(void)
{
    struct version_triple v;
    char path[4096];
    const char *slash;
    Dl_info self;
    int len;

    if (!process_is_qemu() || !version_check(&v)) {
        return;
    }
    slash = dladdr((void *)load_plugin, &self) ? strrchr(self.dli_fname, '/') :
            NULL;
    if (!slash) {
        fprintf(stderr, "virtio-cma: can't find the folder of the preloaded "
                "library; preload it by a path with a '/'\n");
        return;
    }
    len = snprintf(path, sizeof(path), "%.*s/hvcma-qemu-%lld.%lld.so",
                   (int)(slash - self.dli_fname), self.dli_fname,
                   (long long)v.major, (long long)v.minor);
    if (len < 0 || (size_t)len >= sizeof(path)) {
        fprintf(stderr, "virtio-cma: path of the plugin is longer than %zu "
                "bytes\n", sizeof(path) - 1);
        return;
    }
    if (access(path, F_OK)) {
        fprintf(stderr, "virtio-cma: this is QEMU %lld.%lld.%lld, for which "
                "there is no plugin: %s: %s; no virtio-cma device type is "
                "registered\n", (long long)v.major, (long long)v.minor,
                (long long)v.micro, path, strerror(errno));
        return;
    }
    if (!dlopen(path, RTLD_NOW | RTLD_LOCAL)) {
        fprintf(stderr, "virtio-cma: %s\n", dlerror());
    }
}
