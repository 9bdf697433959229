// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma fdt: windows from a file of extents, or from a running QEMU. See fdt.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/cli/devices.h"
#include "hv/cli/fdt.h"

#define TIMEOUT_MS	10000u
#define MAX_LINE_BYTES	4096

static int add(struct hvcma_window_list *list, const struct hvcma_window *window)
{
	struct hvcma_window *more = realloc(list->window, (list->nr + 1) * sizeof(*more));
	struct hvcma_fdt_error err;

	if (!more) {
		hvcma_fdt_fail(&err, 0, "out of memory after %zu windows", list->nr);
		return hvcma_failed(err.text);
	}
	list->window = more;
	list->window[list->nr++] = *window;
	return 0;
}

void hvcma_windows_free(struct hvcma_window_list *list)
{
	free(list->window);
	*list = (struct hvcma_window_list){ 0 };
}

/* ---- a file ---- */

/* Return: 1 a window, 0 nothing but blanks and comment, -1 neither. */
static int parse_line(char *line, struct hvcma_window *window)
{
	uint64_t *const field[] = { &window->gpa, &window->dma, &window->bytes };
	char *word, *next = line;
	int nr = 0;

	line[strcspn(line, "#\n")] = '\0';
	while ((word = strsep(&next, " \t,\r")) != NULL) {
		if (!*word)
			continue;
		if (nr == 3 || !hvcma_fdt_number(word, field[nr++]))
			return -1;
	}
	return nr == 3 ? 1 : nr ? -1 : 0;
}

/* Bounded, for a file may have no end; and no text has a zero in it. */
static int read_file(FILE *in, const char *path, struct hvcma_window_list *list)
{
	struct hvcma_fdt_error err;
	struct hvcma_window window;
	char line[MAX_LINE_BYTES];
	int nr = 0, found = 0, ret = 0;

	while (!ret && fgets(line, sizeof(line), in)) {
		nr++;
		found = strchr(line, '\n') || feof(in) ? parse_line(line, &window) : -1;
		if (found > 0)
			ret = add(list, &window);
		if (found < 0) {
			hvcma_fdt_fail(&err, 0, "%s, line %d: not three numbers: guest-physical base, DMA base, size",
				       path, nr);
			ret = hvcma_failed(err.text);
		}
	}
	if (!ret && ferror(in)) {
		hvcma_fdt_fail(&err, 0, "%s: %s", path, strerror(errno));
		ret = hvcma_failed(err.text);
	}
	return ret;
}

int hvcma_windows_from_file(const char *path, struct hvcma_window_list *list)
{
	struct hvcma_fdt_error err;
	FILE *in = hvcma_fdt_open(path, &err);
	int ret;

	if (!in)
		return hvcma_failed(err.text);
	ret = read_file(in, path, list);
	if (in != stdin)
		fclose(in);
	return ret;
}

/* ---- a running QEMU ---- */

static uint64_t number(struct json_object *obj, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(obj, key, &value);
	return json_object_get_uint64(value);
}

static const char *string(struct json_object *obj, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(obj, key, &value);
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

/* An array, which may be missing: @nr is 0 then. */
static struct json_object *array(struct json_object *obj, const char *key, size_t *nr)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(obj, key, &value);
	*nr = json_object_is_type(value, json_type_array) ? json_object_array_length(value) : 0;
	return value;
}

/* Reports have a bounded number of extents: part of a list would leave memory out. */
static int check_whole(struct json_object *report, const char *device)
{
	struct json_object *truncated = NULL, *extents = NULL;
	struct hvcma_fdt_error err;
	size_t nr;

	json_object_object_get_ex(report, "truncated", &truncated);
	if (!json_object_object_get_ex(truncated, "extents", &extents) ||
	    !json_object_get_boolean(extents))
		return 0;
	array(report, "extents", &nr);
	hvcma_fdt_fail(&err, 0, "device '%s' has more extents than the %zu that it reports: give them by --extents, or use larger hugepages",
		       device, nr);
	return hvcma_failed(err.text);
}

static int add_extents(struct json_object *report, struct hvcma_window_list *list)
{
	struct json_object *extents = NULL;
	int ret = 0;

	if (!json_object_object_get_ex(report, "extents", &extents) ||
	    !json_object_is_type(extents, json_type_array))
		return 0;
	for (size_t i = 0; i < json_object_array_length(extents) && !ret; i++) {
		struct json_object *extent = json_object_array_get_idx(extents, i);
		struct hvcma_window window = {
			.gpa = number(extent, "base-gpa"),
			.dma = number(extent, "base-dma"),
			.bytes = number(extent, "bytes"),
		};

		ret = add(list, &window);
	}
	return ret;
}

/* ---- its clients ---- */

static int client_failed(const char *name, const char *why, const char *other)
{
	struct hvcma_fdt_error err;

	hvcma_fdt_fail(&err, 0, "client '%s' %s%s", name, why, other);
	return hvcma_failed(err.text);
}

static int read_windows(struct json_object *client, struct hvcma_dma_windows *windows)
{
	struct hvcma_dma_window list[HVCMA_MAX_DMA_WINDOWS + 1];
	struct hvcma_dma_windows_error wrong;
	struct hvcma_fdt_error err;
	size_t nr;
	struct json_object *all = array(client, "windows", &nr);

	/* one too many is said to be that */
	if (nr > HVCMA_MAX_DMA_WINDOWS + 1)
		nr = HVCMA_MAX_DMA_WINDOWS + 1;
	for (size_t i = 0; i < nr; i++) {
		struct json_object *w = json_object_array_get_idx(all, i);

		list[i] = (struct hvcma_dma_window){
			number(w, "bus-base"), number(w, "base-dma"), number(w, "bytes"),
		};
	}
	if (!hvcma_dma_windows_set(windows, list, (uint32_t)nr, &wrong))
		return 0;
	hvcma_fdt_fail(&err, 0, "window %u of client '%s': %s: 0x%" PRIx64, wrong.window,
		       string(client, "name"), wrong.sentence, wrong.value);
	return hvcma_failed(err.text);
}

/* One that is not plugged has no windows, and neither has one of a plugin that knows of none. */
static int add_client(struct json_object *client, struct hvcma_vm_clients *clients)
{
	struct hvcma_dma_windows windows;
	const char *name = string(client, "name");
	int ret;

	if ((clients->only && strcmp(clients->only, name)) ||
	    !json_object_object_get_ex(client, "windows", NULL))
		return 0;
	ret = read_windows(client, &windows);
	if (ret)
		return ret;
	if (!*clients->name) {
		snprintf(clients->name, sizeof(clients->name), "%s", name);
		snprintf(clients->source, sizeof(clients->source), "%s", string(client, "windows-source"));
		clients->windows = windows;
		return 0;
	}
	if (hvcma_dma_windows_equal(&windows, &clients->windows))
		return 0;
	return client_failed(name, "has other windows, and a bus has one list: --client ID says whose it is. The other one: ",
			     clients->name);
}

static int add_clients(struct json_object *report, struct hvcma_vm_clients *clients)
{
	size_t nr;
	struct json_object *all = array(report, "clients", &nr);
	int ret = 0;

	for (size_t i = 0; i < nr && !ret; i++)
		ret = add_client(json_object_array_get_idx(all, i), clients);
	return ret;
}

static int qmp_failed(const struct hvcma_error *qmp_err, int ret)
{
	struct hvcma_fdt_error err;

	hvcma_fdt_fail(&err, 0, "%s", qmp_err->text);
	hvcma_failed(err.text);
	return ret == -ENOENT ? HVCMA_EXIT_NO_DEVICE : HVCMA_EXIT_FAILED;
}

static int from_devices(struct hvcma_qmp *qmp, struct json_object *devices,
			struct hvcma_window_list *list, struct hvcma_vm_clients *clients)
{
	struct hvcma_error err;

	json_object_object_foreach(devices, title, path) {
		struct json_object *report;
		int ret = hvcma_device_report(qmp, json_object_get_string(path), &report, &err);

		if (ret)
			return qmp_failed(&err, ret);
		ret = check_whole(report, title);
		ret = ret ? ret : add_extents(report, list);
		ret = ret ? ret : add_clients(report, clients);
		json_object_put(report);
		if (ret)
			return ret;
	}
	return 0;
}

int hvcma_windows_from_vm(const char *socket, const char *device,
			  struct hvcma_window_list *list, struct hvcma_vm_clients *clients)
{
	struct json_object *devices;
	struct hvcma_error err;
	struct hvcma_qmp *qmp;
	int ret;

	ret = hvcma_qmp_connect(socket, TIMEOUT_MS, &qmp, &err);
	if (ret)
		return qmp_failed(&err, -EIO);
	devices = json_object_new_object();
	ret = hvcma_devices_find(qmp, device, devices, &err);
	ret = ret ? qmp_failed(&err, ret) : from_devices(qmp, devices, list, clients);
	json_object_put(devices);
	hvcma_qmp_close(qmp);
	if (!ret && clients->only && !*clients->name)
		ret = client_failed(clients->only, "is not plugged, or of no such region, in the machine at ",
				    socket);
	return ret;
}
