#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Makes a program of those files of Linux that read device trees.
#
#	build.sh SOURCE HERE WORK	SOURCE: Linux; HERE: this folder; WORK/linux-view comes of it

set -e
source=$1 here=$2 work=$3
gen=$work/include
rm -rf "$gen" "$work/parts"
mkdir -p "$gen/linux" "$gen/asm" "$work/parts" "$work/memblock/linux"

# functions FILE NAME...: definitions, whole; of NAME? none, where that Linux has none
functions()
{
	file=$1
	shift
	for name; do
		case $name in
		*\?)
			name=${name%\?}
			grep -q "^[a-z].*[ *]$name(" "$source/$file" || continue ;;
		esac
		awk -v name="$name" '
			!on && /^[a-zA-Z]/ && $0 ~ "(^|[ *])" name "\\(" { held = $0; on = 1 }
			on == 1 && /;$/ { on = 0 }
			on == 1 && /^{/ { on = 2; printf "%s", head; head = "" }
			on == 1 { head = head $0 "\n" }
			on == 2 { print }
			on == 2 && /^}/ { found = 1; exit }
			!on { head = "" }
			END { exit !found }' "$source/$file" || {
			echo "no function $name in $file" >&2
			return 1
		}
	done
}

functions drivers/of/base.c of_node_name_eq __of_node_is_type of_bus_n_addr_cells of_n_addr_cells \
	of_bus_n_size_cells of_n_size_cells __of_find_all_nodes of_find_all_nodes __of_find_property \
	of_find_property __of_get_property of_get_property __of_device_is_compatible \
	of_device_is_compatible __of_device_is_status? __of_device_is_available of_device_is_available \
	of_get_parent __of_get_next_child of_get_next_child of_get_next_status_child? \
	of_get_next_available_child of_phandle_cache_hash of_find_node_by_phandle \
	of_phandle_iterator_init of_phandle_iterator_next of_phandle_iterator_args \
	__of_parse_phandle_with_args >"$work/parts/base.c"
functions drivers/of/property.c of_prop_next_string of_property_read_string_helper \
	of_property_count_elems_of_size of_find_property_value_of_size \
	of_property_read_variable_u32_array of_property_match_string >"$work/parts/property.c"
{
	functions mm/cma.c cma_init_reserved_mem
	functions kernel/dma/contiguous.c rmem_cma_setup
	functions kernel/dma/coherent.c rmem_dma_setup
	functions kernel/dma/swiotlb.c rmem_swiotlb_setup
} >"$work/parts/cma.c"

# Headers: a few of Linux's own, the shim in place of all others.
for file in drivers/of/fdt.c drivers/of/of_reserved_mem.c drivers/of/address.c drivers/of/of_private.h \
	include/linux/of.h include/linux/of_fdt.h include/linux/of_address.h include/linux/memblock.h \
	include/linux/of_reserved_mem.h include/linux/cleanup.h; do
	sed -n 's/^#include <\(\(linux\|asm\)\/[^>]*\)>.*/\1/p' "$source/$file"
done | sort -u | while read -r header; do
	mkdir -p "$(dirname "$gen/$header")"
	: >"$gen/$header"
done
for header in of of_fdt of_address of_reserved_mem memblock cleanup; do
	ln -sf "$source/include/linux/$header.h" "$gen/linux/$header.h"
done
echo '#include <libfdt.h>' >"$gen/linux/libfdt.h"

# What differs from one Linux to the other.
{
	grep -q 'extern const struct kobj_type of_node_ktype' "$source/include/linux/of.h" && const=const
	echo "#define KTYPE ${const-} struct kobj_type"
	grep -q 'early_init_dt_verify(void \*dt_virt,' "$source/include/linux/of_fdt.h" && more=', 0'
	echo "#define VERIFY(blob) early_init_dt_verify(blob${more-})"
} >"$gen/version.h"

libfdt=$source/scripts/dtc/libfdt
cc=${CC:-gcc}
# Linux's own code, with Linux's own idea of warnings.
flags="-std=gnu11 -g -O1 -w -fno-strict-aliasing -fno-strict-overflow"
ln -sf "$source/include/linux/memblock.h" "$work/memblock/linux/memblock.h"
memblock=$source/tools/testing/memblock
headers="-I$work/memblock -I$memblock -I$source/tools/include -I$source/tools/arch/x86/include"
headers="$headers -idirafter $source/arch/x86/include -DCONFIG_PHYS_ADDR_T_64BIT -DINIT_MEMBLOCK_MEMORY_REGIONS=1024"
# shellcheck disable=SC2086 # options
for file in "$source/mm/memblock.c" "$memblock/mmzone.c" "$memblock/lib/slab.c"; do
	$cc $flags $headers -c -o "$work/$(echo "$file" | cksum | cut -d ' ' -f 1).o" "$file"
done
# shellcheck disable=SC2086
$cc $flags -I"$here" -I"$gen" -I"$work" -I"$source" -I"$libfdt" -o "$work/linux-view" "$here/view.c" \
	"$work"/*.o "$libfdt"/fdt.c "$libfdt"/fdt_ro.c "$libfdt"/fdt_rw.c "$libfdt"/fdt_wip.c \
	"$libfdt"/fdt_sw.c "$libfdt"/fdt_strerror.c "$libfdt"/fdt_empty_tree.c
