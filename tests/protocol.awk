# SPDX-License-Identifier: GPL-2.0-or-later
#
# Facts of a wire contract, one a line and in no order, out of docs/protocol.md (awk -v doc=1) or
# of hv/abi/virtio_cma.h: the version, the device's id, fields of messages with their types, sizes,
# operations, statuses, feature bits and all other constants. Both must give the same (tests/layers).
# With -v prefix=HVCMAD_ it is docs/service.md beside hv/abi/hvcmad.h.
# What values mean is not compared.
#
# In the document fields are `name type, name type` in a span or a line of layout, or rows
# "| offset | `name type` |" of a table; "`struct NAME`, N bytes" tells a size; constants are rows
# "| NAME | value |", in decimal.

BEGIN {
	if (prefix == "")
		prefix = "VIRTIO_CMA_"
	define = "^#define " prefix
	struct = "struct " tolower(prefix)
	field_type = "^\t(__(le|u)64|__(le|u)32|__u8|" struct "[a-z_]+) "
	no_constant = "_NR_|_FLAGS$|_(NAME|PATH|KIND|VM)_BYTES$"
}

function bytes_of(type,    n)
{
	n = type
	sub(/\].*/, "", n)
	if (sub(/.*\[/, "", n))
		return n * bytes_of(substr(type, 1, index(type, "[") - 1))
	return type == "range" ? 16 : substr(type, 2) / 8
}

# A constant of C: decimal, hexadecimal, or (1U << n).
function number_of(text,    value, shift)
{
	shift = text ~ /<</ ? text : ""
	sub(/.*<< */, "", shift)
	if (shift != "")
		return 2 ^ (shift + 0)
	text = tolower(text)
	if (!sub(/^0x/, "", text))
		return text + 0
	for (value = 0; match(text, /^[0-9a-f]/); text = substr(text, 2))
		value = value * 16 + index("0123456789abcdef", substr(text, 1, 1)) - 1
	return value
}

function constant(name, value)
{
	printf "constant %s %.0f\n", name, value
}

function complain(what)
{
	print "in " FILENAME ": " what
}

# A span, if it is nothing but fields.
function span(text)
{
	if (text ~ /^[a-z0-9_]+ (u8|u32|u64|range)(, [a-z0-9_]+ (u8|u32|u64|range))+$/)
		print "fields " text
}

function table_end()
{
	if (fields != "")
		print "fields " fields
	fields = ""
}

function table_row(at, field,    type)
{
	type = field
	sub(/.* /, "", type)
	if (fields != "" && at != next_at)
		complain(field " is at " at ", not " next_at)
	if (fields == "" && at != 0 && at != 8)
		complain(field " is at " at ", not at the start")
	next_at = at + bytes_of(type)
	fields = fields (fields == "" ? "" : ", ") field
}

# ---- the document

doc && /^\| [0-9]+ \| `[a-z0-9_]+ (u[0-9]+(\[[0-9]+\])?|range)` \|/ {
	split($0, cell, / *\| */)
	gsub(/`/, "", cell[3])
	table_row(cell[2], cell[3])
	next
}
doc { table_end() }
doc && /^Version [0-9.]+\./ {
	version = $2
	sub(/\.$/, "", version)
	print "version " version
}
doc && /^[0-9]+ \(PCI 1af4:/ { print "id " $1 }
doc && /^\| [A-Z][A-Z0-9_]+ \| [0-9]+ \|/ { constant($2, $4) }
doc && /^\| [0-9]+ \| [A-Z_]+ \| [A-Z0]+ \|/ {
	split($0, cell, / *\| */)
	print "status " cell[2] " " cell[3] " " cell[4]
}
doc && /^\| [0-9]+ [A-Z_]+ \|/ { print "maint " $2 " " $3 }
doc && /^    (request|response): / {
	sub(/^[^:]*: */, "")
	sub(/ \| body.*/, "")
	gsub(/ \| /, ", ")
	span($0)
}
doc && /^\*\*[A-Z_]+\*\* \([0-9]+\)/ {
	split($0, cell, /[*() ]+/)
	print "op " cell[3] " " cell[2]
}
doc && !/^[| ]/ { prose = prose " " $0 }

function doc_end(    i, n, piece, word)
{
	n = split(prose, piece, /`/)
	for (i = 2; i <= n; i += 2) {
		span(piece[i])
		if (piece[i] ~ /^struct / && piece[i + 1] ~ /^, [0-9]+ bytes/) {
			split(piece[i + 1], word, " ")
			print "size " substr(piece[i], 8) " " word[2]
		}
	}
}

# ---- the header

!doc && $0 ~ define "SPEC_VERSION[ \t]" {
	gsub(/"/, "", $3)
	print "version " $3
	next
}
!doc && /^#define VIRTIO_ID_CMA[ \t]/ { print "id " $3 }
!doc && $0 ~ define "[A-Z0-9_]+[ \t]+[0-9(]" {
	name = $2
	text = $0
	sub(/^#define [A-Z0-9_]+[ \t]+/, "", text)
	sub(/[ \t]*\/\*.*/, "", text)
	value[name] = text
	if (sub("^" prefix "OP_", "", name))
		print "op " text " " name
	else if (sub("^" prefix "MAINT_", "", name) && name != "FLAGS")
		print "maint " number_of(text) " " name
	else if (name ~ "^" prefix && name !~ no_constant)
		constant(substr(name, length(prefix) + 1), number_of(text))
	name = ""
}
!doc && $0 ~ define "(STATUS|REASON|TYPE|SOURCE)_TABLE" {
	table = substr($2, length(prefix) + 1)
	sub(/TABLE.*/, "", table)
}
!doc && table && /^\tX\(/ {
	split($0, cell, /[ \t]*[(,][ \t]*/)
	if (table == "STATUS_")
		print "status " cell[3] " " cell[2] " " cell[4]
	else
		constant(table cell[2], cell[3])
}
!doc && !/\\$/ { table = "" }
!doc && $0 ~ "^" struct "[a-z_]+ [{]" {
	name = $2
	size = 0
	list = ""
}
!doc && name && $0 ~ field_type {
	type = $1
	field = $2
	if (type == "struct") {
		type = $2
		field = $3
	}
	sub(/;.*/, "", field)
	if (field ~ /\[\]/)
		next
	sub(/^__(le|u)/, "u", type)
	sub(/^virtio_cma_range$/, "range", type)
	if (match(field, /\[.*\]/)) {
		type = type "[" value[substr(field, RSTART + 1, RLENGTH - 2)] "]"
		field = substr(field, 1, RSTART - 1)
	}
	if (type ~ /_hdr$/) {
		size += sizes[type]
		next
	}
	if (type ~ /_event$/) {		# what all events begin with
		size += sizes[type]
		list = lists[type]
		next
	}
	size += bytes_of(type)
	list = list (list == "" ? "" : ", ") field " " type
}
!doc && name && /^};/ {
	if (list != "")
		print "fields " list
	sizes[name] = size
	lists[name] = list
	if (size > 64)
		print "size " name " " size
	name = ""
}

END {
	if (doc) {
		table_end()
		doc_end()
	}
}
