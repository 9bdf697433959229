# SPDX-License-Identifier: GPL-2.0-or-later
#
# awk -f trace.awk trace-events >trace.h: what QEMU's tracetool would make for a QEMU source tree, for
# the plugin: functions that print an event if whose it is has trace=on.

BEGIN {
	print "/* Made by trace.awk of trace-events. */"
	print "#ifndef QEMU_DEVICE_TRACE_H"
	print "#define QEMU_DEVICE_TRACE_H\n"
	print "#include \"qemu/error-report.h\"\n"
	print "#include \"qemu-device/stock-trace.h\""
}

/^[ \t]*(#|$)/ { next }

{
	open = index($0, "(")
	shut = index($0, ")")
	name = substr($0, 1, open - 1)
	args = substr($0, open + 1, shut - open - 1)
	format = substr($0, shut + 2)
	nr = split(args, arg, /, */)
	names = ""
	for (i = 1; i <= nr; i++) {
		sub(/.*[ *]/, "", arg[i])
		names = names (i > 1 ? ", " : "") arg[i]
	}
	if (!open || shut < open || format !~ /^"/) {
		printf "%s:%d: no event: %s\n", FILENAME, FNR, $0 >"/dev/stderr"
		exit bad = 1
	}
	printf "\nstatic inline void trace_%s(%s)\n{\n", name, args
	printf "    if (hvcma_trace_is_on(%s)) {\n", arg[1]
	printf "        info_report(\"virtio-cma \" %s, %s);\n    }\n}\n", format, names
}

END {
	if (!bad)
		print "\n#endif /* QEMU_DEVICE_TRACE_H */"
}
