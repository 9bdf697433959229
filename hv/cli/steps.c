// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands that change a host: see steps.h.
 */
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "hv/cli/options.h"
#include "hv/cli/steps.h"
#include "hv/cli/text.h"

void hvcma_steps_say(void *opaque, const char *step)
{
	struct hvcma_steps *steps = opaque;

	if (steps->list) {
		json_object_array_add(steps->list, json_object_new_string(step));
		return;
	}
	fputs(steps->dry_run ? "would: " : "  ", stdout);
	hvcma_put_printable(stdout, step);
	putchar('\n');
}

int hvcma_confirm(const char *what, bool yes)
{
	char answer[16] = "";

	if (yes)
		return 0;
	if (!isatty(STDIN_FILENO))
		return hvcma_failed("nobody is there to be asked: --yes says that it is meant");
	fflush(stdout);
	hvcma_put_printable(stderr, what);
	fputs("\nGo on? [y/N] ", stderr);
	if (fgets(answer, sizeof(answer), stdin) && (!strcasecmp(answer, "y\n") || !strcasecmp(answer, "yes\n")))
		return 0;
	return hvcma_failed("not done");
}

int hvcma_need_root(const char *root)
{
	return *root || !geteuid() ? 0 : hvcma_failed("this is for root: sudo hvcma ...");
}
