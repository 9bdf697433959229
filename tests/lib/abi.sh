# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Files of sysfs and debugfs that the guest driver has, and its parameters: as docs/ABI lists them, and
# as the code does. One a line, "RO PATH" or "RW PATH", sorted; "*" in a path stands for a device's number.

# abi_documented ROOT
abi_documented()
{
	awk '
	/^What:/ { what = $2; next }
	/^Description:/ { wanted = 1; next }
	wanted && NF { mode = substr($1, 2, 2); print ($1 == "(" mode ")" ? mode : "??"), what; wanted = 0 }' \
		"$1"/docs/ABI/testing/* | sort
}

# What follows is said by the preprocessor, so that the driver's own macros around the kernel's count.
abi_sysfs='/sys/bus/virtio/drivers/virtio_cma/virtio*/vcma'
abi_params=/sys/module/virtio_cma/parameters
abi_debugfs='/sys/kernel/debug/virtio_cma/virtio*'

# abi_coded ROOT
abi_coded()
{
	find "$1/guest-driver" -name '*.c' | while read -r ac_file; do
		# What is included is not there, and nothing of it is wanted.
		sed '/^[ \t]*#[ \t]*include/d' "$ac_file" | ${CC:-gcc} -E -P -x c \
			-D'KERNEL_VERSION(a, b, c)=0' \
			-D'DEVICE_ATTR_RO(name)=@ 0444 sysfs name @' \
			-D'DEVICE_ATTR_WO(name)=@ 0200 sysfs name @' \
			-D'DEVICE_ATTR_RW(name)=@ 0644 sysfs name @' \
			-D'DEVICE_ATTR_ADMIN_RO(name)=@ 0400 sysfs name @' \
			-D'DEVICE_ATTR_ADMIN_RW(name)=@ 0600 sysfs name @' \
			-D'DEVICE_ATTR(name, mode, show, store)=@ mode sysfs name @' \
			-D'module_param(name, type, mode)=@ mode params name @' \
			-D'module_param_named(name, value, type, mode)=@ mode params name @' \
			-D'module_param_string(name, string, bytes, mode)=@ mode params name @' \
			-D'module_param_cb(name, ops, arg, mode)=@ mode params name @' \
			-D'debugfs_create_file(name, mode, parent, data, fops)=@ mode debugfs name @' - |
			tr '@' '\n' | awk -v sysfs="$abi_sysfs" -v params="$abi_params" -v debugfs="$abi_debugfs" '
			BEGIN {
				folder["sysfs"] = sysfs; folder["params"] = params; folder["debugfs"] = debugfs
				mode["0444"] = mode["0400"] = "RO"; mode["0644"] = mode["0600"] = "RW"
			}
			NF == 3 && $2 in folder {
				gsub(/"/, "", $3)
				print ($1 in mode ? mode[$1] : $1), folder[$2] "/" $3
			}'
	done | sort
}
