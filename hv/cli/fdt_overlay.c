// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma fdt overlay: a blob made out of two others.
 */
#include "fdt/overlay.h"
#include "hv/cli/fdt.h"

struct overlay {
	struct hvcma_dtb base, edited;
};

static int edit_overlay(void *fdt, void *opaque, struct hvcma_fdt_error *err)
{
	struct overlay *o = opaque;

	return hvcma_fdt_overlay(o->base.blob, o->edited.blob, fdt, (int)fdt_totalsize(fdt), err);
}

static int run_overlay(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *output = NULL;
	struct overlay o = { 0 };
	int ret;

	ret = hvcma_fdt_options(&hvcma_fdt_overlay_command, argc, argv, longs, NULL, NULL, &output);
	if (ret)
		return ret;
	if (optind != argc - 2 || !output)
		return hvcma_usage_error("BASE, EDITED and -o are needed");
	ret = HVCMA_EXIT_FAILED;
	if (!hvcma_dtb_load(argv[optind], &o.base) && !hvcma_dtb_load(argv[optind + 1], &o.edited))
		ret = hvcma_dtb_edit(NULL, edit_overlay, &o, output);
	hvcma_dtb_free(&o.edited);
	hvcma_dtb_free(&o.base);
	return ret;
}

const struct hvcma_fdt_command hvcma_fdt_overlay_command = {
	.name = "overlay",
	.usage = "BASE EDITED -o OUT",
	.help = "writes the difference of two blobs as an overlay (dtbo)\n"
		"\n"
		"  BASE                 blob that the target has\n"
		"  EDITED               the same, edited (with the other subcommands)\n"
		"  -o, --output OUT     the overlay; applied to BASE it gives EDITED\n"
		"\n"
		"An overlay adds and changes; what EDITED lacks is an error.\n",
	.run = run_overlay,
};
