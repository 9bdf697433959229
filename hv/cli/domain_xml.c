// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma domain check, apply, diff, unapply: from text to text. No libvirt is asked.
 */
#define _GNU_SOURCE			/* memfd_create() */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv/cli/domain.h"
#include "hv/cli/text.h"
#include "hv/libvirt/apply.h"
#include "hv/libvirt/check.h"

/* ---- files ---- */

static int failed(const char *name, int error)
{
	char *text = hvcma_text("%s: %s", name, strerror(error));
	int ret = hvcma_failed(text);

	free(text);
	return ret;
}

static int read_all(FILE *file, struct hvcma_domain_text *t)
{
	size_t room = 65536, n;

	t->text = malloc(room);
	while (t->text && (n = fread(t->text + t->bytes, 1, room - t->bytes, file)) > 0) {
		char *larger;

		t->bytes += n;
		if (t->bytes < room)
			continue;
		if (room > HVCMA_XML_MAX_BYTES)
			break;			/* the parser says it */
		larger = realloc(t->text, room *= 2);
		if (!larger)
			free(t->text);
		t->text = larger;
	}
	return !t->text ? ENOMEM : ferror(file) ? errno : 0;
}

int hvcma_domain_load(const char *path, struct hvcma_domain_text *t)
{
	bool is_input = !strcmp(path, "-");
	FILE *file = is_input ? stdin : fopen(path, "re");
	int error;

	*t = (struct hvcma_domain_text){ .name = hvcma_text("%s", is_input ? "standard input" : path) };
	error = file ? read_all(file, t) : errno;
	if (file && !is_input)
		fclose(file);
	if (!error)
		return 0;
	error = failed(t->name, error);
	hvcma_domain_text_free(t);
	return error;
}

void hvcma_domain_text_free(struct hvcma_domain_text *t)
{
	free(t->text);
	free(t->name);
	*t = (struct hvcma_domain_text){ 0 };
}

/* ---- findings ---- */

void hvcma_domain_print_findings(FILE *out, const char *name, const struct hvcma_findings *f)
{
	for (size_t i = 0; i < f->nr; i++) {
		const struct hvcma_finding *one = &f->list[i];

		hvcma_put_printable(out, name);
		if (one->line)
			fprintf(out, ":%ld", one->line);
		fputs(one->severity == HVCMA_ERROR ? ": error: " : ": warning: ", out);
		hvcma_put_printable(out, one->text);
		fputs("\n    fix: ", out);
		hvcma_put_printable(out, one->fix);
		fputc('\n', out);
	}
}

static void add_json(struct json_object *list, const char *name, const struct hvcma_findings *f)
{
	for (size_t i = 0; i < f->nr; i++) {
		struct json_object *one = json_object_new_object();

		json_object_object_add(one, "file", json_object_new_string(name));
		json_object_object_add(one, "severity",
				       json_object_new_string(f->list[i].severity == HVCMA_ERROR ? "error" : "warning"));
		json_object_object_add(one, "line", json_object_new_int64(f->list[i].line));
		json_object_object_add(one, "text", json_object_new_string(f->list[i].text));
		json_object_object_add(one, "fix", json_object_new_string(f->list[i].fix));
		json_object_array_add(list, one);
	}
}

static void print_json(struct json_object *list, size_t errors)
{
	struct json_object *all = json_object_new_object();

	json_object_object_add(all, "errors", json_object_new_uint64(errors));
	json_object_object_add(all, "findings", list);
	hvcma_print_json(all, JSON_C_TO_STRING_PRETTY);
	json_object_put(all);
}

/* ---- work ---- */

static xmlDocPtr read_checked(const struct hvcma_domain_text *t, bool with_host, const struct hvcma_domain_request *r,
			      struct hvcma_domain *d, struct hvcma_findings *f)
{
	struct hvcma_domain_check_host host = { .sysfs = r->sysfs, .mounts = r->mounts, .emulator = r->emulator,
						.service = r->service };
	xmlDocPtr doc = hvcma_xml_parse(t->text, t->bytes, f);

	*d = (struct hvcma_domain){ 0 };
	if (!doc)
		return NULL;
	hvcma_domain_read(doc, d, f);
	hvcma_check_domain(d, f);
	if (with_host && !hvcma_findings_errors(f))
		hvcma_domain_check_host(d, &host, f);
	hvcma_findings_sort(f);
	return doc;
}

static bool has_declaration(const struct hvcma_domain_text *t)
{
	return t->bytes >= 5 && !memcmp(t->text, "<?xml", 5);
}

int hvcma_domain_change(const struct hvcma_domain_text *t, enum hvcma_domain_change change, bool with_host,
			const struct hvcma_domain_request *r, char **changed)
{
	struct hvcma_apply_places places = { .mounts = r->mounts };
	struct hvcma_findings f = { 0 };
	struct hvcma_domain d = { 0 };
	bool unapply = change == HVCMA_DOMAIN_UNAPPLY;
	xmlDocPtr doc;
	int ret = 0;

	/* What was declared wrong can be taken out all the same. */
	if (unapply) {
		struct hvcma_findings ignored = { 0 };

		doc = hvcma_xml_parse(t->text, t->bytes, &f);
		if (doc)
			hvcma_domain_read(doc, &d, &ignored);
		hvcma_findings_free(&ignored);
	} else {
		doc = read_checked(t, with_host, r, &d, &f);
	}
	if (hvcma_findings_errors(&f)) {
		hvcma_domain_print_findings(stderr, t->name, &f);
		ret = HVCMA_EXIT_FINDINGS;
	} else {
		if (unapply)
			hvcma_unapply(&d);
		else
			hvcma_apply(&d, &places);
		*changed = hvcma_xml_print(doc, has_declaration(t));
	}
	hvcma_domain_free(&d);
	xmlFreeDoc(doc);
	hvcma_findings_free(&f);
	return ret;
}

/* ---- check ---- */

/* The first that is none of success: what could not be read, or what has faults. */
static int worse(int before, int now)
{
	return before ? before : now;
}

/* @list: of JSON, NULL: as text, after the name of the file if there are @several. */
static int check_one(const char *path, const struct hvcma_domain_request *r, bool several, struct json_object *list,
		     size_t *errors)
{
	struct hvcma_findings f = { 0 };
	struct hvcma_domain_text t;
	struct hvcma_domain d;
	xmlDocPtr doc;
	size_t found;
	int ret = hvcma_domain_load(path, &t);

	if (ret)
		return ret;
	doc = read_checked(&t, !r->no_host, r, &d, &f);
	found = hvcma_findings_errors(&f);
	*errors += found;
	if (list) {
		add_json(list, t.name, &f);
	} else {
		hvcma_domain_print_findings(stdout, t.name, &f);
		if (!found && several) {
			hvcma_put_printable(stdout, t.name);
			fputs(": ", stdout);
		}
		if (!found)
			printf("%zu region%s: no faults\n", d.declared.nr, d.declared.nr == 1 ? "" : "s");
	}
	hvcma_domain_free(&d);
	xmlFreeDoc(doc);
	hvcma_findings_free(&f);
	hvcma_domain_text_free(&t);
	return found ? HVCMA_EXIT_FINDINGS : HVCMA_EXIT_OK;
}

static int run_check(int argc, char **argv)
{
	struct hvcma_domain_request r;
	struct json_object *list;
	size_t errors = 0;
	int ret = hvcma_domain_options(&hvcma_domain_check_command, argc, argv, "jnh", HVCMA_DOMAIN_SEVERAL, &r);

	if (ret)
		return ret;
	list = r.json ? json_object_new_array() : NULL;
	for (int i = optind; i < argc; i++)
		ret = worse(ret, check_one(argv[i], &r, argc - optind > 1, list, &errors));
	if (list)
		print_json(list, errors);
	return ret;
}

const struct hvcma_domain_command hvcma_domain_check_command = {
	.name = "check",
	.usage = "[OPTION...] FILE...",
	.help = "look for faults of the declared regions, in the domain and on this host\n"
		"Each with its line and what mends it. Exit status 4 if one is an error.\n",
	.run = run_check,
};

/* ---- apply, unapply ---- */

/* One that is written anew, for whom the one that it replaces is: a domain may have passwords in it. */
static FILE *create(const char *path, const char *replaces)
{
	struct stat before;
	bool is_there = !stat(replaces, &before);
	FILE *file = NULL;
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, is_there ? 0600 : 0666);
	/* Who may not give it to its owner has it alone. */
	if (fd >= 0 && is_there && !fchown(fd, before.st_uid, before.st_gid))
		fchmod(fd, before.st_mode & 07777);
	if (fd >= 0)
		file = fdopen(fd, "w");
	return file;
}

/* A reader finds the old file or the new one. */
static int replace(const char *path, const char *text)
{
	char *beside = hvcma_text("%s.hvcma-new", path);
	FILE *file = create(beside, path);
	int error = 0;

	if (!file || fputs(text, file) < 0)
		error = errno;
	if (file && fclose(file) && !error)
		error = errno;
	if (!error && rename(beside, path))
		error = errno;
	if (error && file)
		unlink(beside);
	free(beside);
	return error;
}

static int write_result(const char *path, const char *text)
{
	char *target;
	int error;

	if (!path || !strcmp(path, "-")) {
		fputs(text, stdout);
		return HVCMA_EXIT_OK;
	}
	/* Of a link, what it leads to; a new file is at no place yet. */
	target = realpath(path, NULL);
	error = replace(target ? target : path, text);
	free(target);
	return error ? failed(path, error) : HVCMA_EXIT_OK;
}

static int change_one(const char *path, enum hvcma_domain_change change, const struct hvcma_domain_request *r)
{
	struct hvcma_domain_text t;
	char *changed;
	int ret = hvcma_domain_load(path, &t);

	if (ret)
		return ret;
	ret = hvcma_domain_change(&t, change, false, r, &changed);
	if (!ret) {
		ret = write_result(r->in_place ? path : r->output, changed);
		free(changed);
	}
	hvcma_domain_text_free(&t);
	return ret;
}

static int run_change(const struct hvcma_domain_command *command, enum hvcma_domain_change change, int argc,
		      char **argv)
{
	struct hvcma_domain_request r;
	int ret = hvcma_domain_options(command, argc, argv, "oih", HVCMA_DOMAIN_SEVERAL, &r);

	if (ret)
		return ret;
	if (r.in_place && r.output)
		return hvcma_usage_error("--in-place and --output exclude each other");
	if (!r.in_place && argc - optind > 1)
		return hvcma_usage_error("unexpected argument '%s': several files only with --in-place", argv[optind + 1]);
	for (int i = optind; r.in_place && i < argc; i++)
		if (!strcmp(argv[i], "-"))
			return hvcma_usage_error("--in-place: the standard input has no place");
	for (int i = optind; i < argc; i++)
		ret = worse(ret, change_one(argv[i], change, &r));
	return ret;
}

static int run_apply(int argc, char **argv)
{
	return run_change(&hvcma_domain_apply_command, HVCMA_DOMAIN_APPLY, argc, argv);
}

static int run_unapply(int argc, char **argv)
{
	return run_change(&hvcma_domain_unapply_command, HVCMA_DOMAIN_UNAPPLY, argc, argv);
}

const struct hvcma_domain_command hvcma_domain_apply_command = {
	.name = "apply",
	.usage = "[OPTION...] FILE...",
	.help = "write into the domain what its declared regions need\n"
		"Twice is once; everything else stays as it is. With faults nothing is written.\n",
	.run = run_apply,
};

const struct hvcma_domain_command hvcma_domain_unapply_command = {
	.name = "unapply",
	.usage = "[OPTION...] FILE...",
	.help = "take out what apply has written; the declaration stays\n",
	.run = run_unapply,
};

/* ---- diff ---- */

/* A file that diff(1) can open; -1 with errno. */
static int text_file(const char *text)
{
	int fd = memfd_create("domain", 0);

	if (fd >= 0 && write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int print_diff(const struct hvcma_domain_text *t, const char *changed)
{
	struct hvcma_findings f = { 0 };
	xmlDocPtr doc = hvcma_xml_parse(t->text, t->bytes, &f);
	char *before = hvcma_xml_print(doc, has_declaration(t)), *files[2];
	int from = text_file(before), to = text_file(changed), status = -1;
	pid_t child;

	files[0] = hvcma_text("/dev/fd/%d", from);
	files[1] = hvcma_text("/dev/fd/%d", to);
	fflush(stdout);
	child = from < 0 || to < 0 ? -1 : fork();
	if (!child) {
		execlp("diff", "diff", "-u", "--label", t->name, "--label", "applied", files[0], files[1], NULL);
		_exit(127);
	}
	if (child > 0)
		waitpid(child, &status, 0);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	free(files[0]);
	free(files[1]);
	free(before);
	xmlFreeDoc(doc);
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
		return hvcma_failed("diff(1) can't be run");
	return WEXITSTATUS(status) ? HVCMA_EXIT_FINDINGS : HVCMA_EXIT_OK;
}

static int run_diff(int argc, char **argv)
{
	struct hvcma_domain_request r;
	struct hvcma_domain_text t;
	char *changed;
	int ret = hvcma_domain_options(&hvcma_domain_diff_command, argc, argv, "h", 1, &r);

	if (!ret)
		ret = hvcma_domain_load(argv[optind], &t);
	if (ret)
		return ret;
	ret = hvcma_domain_change(&t, HVCMA_DOMAIN_APPLY, false, &r, &changed);
	if (!ret) {
		ret = print_diff(&t, changed);
		free(changed);
	}
	hvcma_domain_text_free(&t);
	return ret;
}

const struct hvcma_domain_command hvcma_domain_diff_command = {
	.name = "diff",
	.usage = "[OPTION...] FILE",
	.help = "show what apply would change\n"
		"Exit status 4 if that is anything.\n",
	.run = run_diff,
};
