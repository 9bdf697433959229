/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands that change a host: they show each step as they do it, and ask before what is unsafe.
 */
#ifndef HVCMA_CLI_STEPS_H
#define HVCMA_CLI_STEPS_H

#include <stdbool.h>

#include <json-c/json.h>

struct hvcma_steps {
	struct json_object *list;	/* NULL: steps are printed at once; else they are collected here */
	bool dry_run;
};

/** hvcma_steps_say() - one step, on its way to people or into the list; @opaque: struct hvcma_steps. */
void hvcma_steps_say(void *opaque, const char *step);

/**
 * hvcma_confirm() - ask, on the terminal, whether to go on.
 * @what: what is unsafe about it, a sentence
 * @yes: it was said beforehand
 *
 * Return: 0; HVCMA_EXIT_FAILED, said, if the answer is no, or nobody can be asked.
 */
int hvcma_confirm(const char *what, bool yes);

/** hvcma_need_root() - 0, or HVCMA_EXIT_FAILED, said. @root, as in host_files.h: another host needs none. */
int hvcma_need_root(const char *root);

#endif /* HVCMA_CLI_STEPS_H */
