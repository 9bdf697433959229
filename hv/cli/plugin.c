// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QEMU and the plugin: see plugin.h.
 */
#define _GNU_SOURCE			/* memmem() */
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hv/abi/version.h"
#include "hv/cli/plugin.h"
#include "hv/host/host_run.h"

#define PLUGIN_FILES	"hvcma-qemu-*.so"	/* of each series of QEMU one */
#define QEMU_SECONDS	20

void hvcma_plugin_find(char path[PATH_MAX])
{
	ssize_t bytes = readlink("/proc/self/exe", path, PATH_MAX - sizeof(HVCMA_PRELOAD_FILE) - 1);
	char *slash;

	if (bytes > 0) {
		path[bytes] = '\0';
		slash = strrchr(path, '/');
		strcpy(slash ? slash + 1 : path, HVCMA_PRELOAD_FILE);
		if (!access(path, R_OK))
			return;
	}
	snprintf(path, PATH_MAX, "%s/%s", HVCMA_PLUGINDIR, HVCMA_PRELOAD_FILE);
	if (access(path, R_OK))
		path[0] = '\0';
}

static void version_of(const char *path, char *text, size_t room)
{
	static const char mark[] = HVCMA_PLUGIN_VERSION_MARK;
	const char *found;
	struct stat st;
	char *file;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	*text = '\0';
	if (fd < 0)
		return;
	if (!fstat(fd, &st) && st.st_size > 0) {
		file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (file != MAP_FAILED) {
			found = memmem(file, (size_t)st.st_size, mark, strlen(mark));
			if (found) {
				found += strlen(mark);
				snprintf(text, room, "%.*s", (int)strnlen(found, (size_t)(file + st.st_size - found)), found);
			}
			munmap(file, (size_t)st.st_size);
		}
	}
	close(fd);
}

void hvcma_plugin_version(const char *preload, char *text, size_t room)
{
	const char *slash = strrchr(preload, '/');
	char pattern[PATH_MAX];
	glob_t files;

	*text = '\0';
	snprintf(pattern, sizeof(pattern), "%.*s" PLUGIN_FILES, slash ? (int)(slash + 1 - preload) : 0, preload);
	if (glob(pattern, 0, NULL, &files))
		return;
	for (size_t i = 0; i < files.gl_pathc; i++) {
		version_of(files.gl_pathv[i], text, room);
		if (strcmp(text, HVCMA_VERSION) != 0)
			break;
	}
	globfree(&files);
}

/* Does it know the device? What it says is in @text. */
static bool ask_device(const char *qemu, const char *plugin, char *text, size_t room)
{
	char preload[PATH_MAX + 16];
	const char *const argv[] = {
		"env", preload, qemu, "-M", "none", "-display", "none", "-device", "virtio-cma-pci,help", NULL,
	};

	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", plugin);
	return !hvcma_host_run(argv, NULL, text, room, QEMU_SECONDS) && strstr(text, "memdev=");
}

/* The plugin's own words, if there are some; else QEMU's. */
static void take_complaint(char *text, char *complaint, size_t room)
{
	const char *own = strstr(text, "virtio-cma: ");

	if (own)
		text = (char *)own;
	snprintf(complaint, room, "%.*s", (int)strcspn(text, "\n"), text);
}

void hvcma_qemu_ask(const char *qemu, const char *plugin, struct hvcma_qemu_answer *answer)
{
	const char *const version[] = { qemu, "--version", NULL };
	static char text[65536];

	memset(answer, 0, sizeof(*answer));
	if (hvcma_host_run(version, NULL, text, sizeof(text), QEMU_SECONDS))
		return;
	snprintf(answer->version, sizeof(answer->version), "%.*s", (int)strcspn(text, "\n"), text);
	if (*plugin && ask_device(qemu, plugin, text, sizeof(text))) {
		answer->has_device = true;
		snprintf(answer->plugin, sizeof(answer->plugin), "%s", plugin);
		return;
	}
	if (*plugin)
		take_complaint(text, answer->complaint, sizeof(answer->complaint));
	answer->has_device = ask_device(qemu, "", text, sizeof(text));
	if (!*plugin)
		take_complaint(text, answer->complaint, sizeof(answer->complaint));
}
