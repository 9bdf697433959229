# SPDX-License-Identifier: GPL-2.0-or-later
#
#	awk -v qemu=1002 -f renames -f rename.awk FILE	(called by the Makefile)
#
# A source of the plugin as it is compiled for this release of QEMU (100 * major + minor): names of that
# release, line by line, and nothing else. Non-purpose: the sources of QEMU's own tree (export.awk).

{
	renamed()
	print
}
