# SPDX-License-Identifier: GPL-2.0-or-later
#
# Facts of the wire contract, one a line and in no order, out of docs/protocol.md (awk -v doc=1) or
# of hv/abi/virtio_cma.h: fields of messages with their types, sizes, numbers of operations, statuses,
# reasons and care bits. Both must give the same (tests/layers). What values mean is not compared.
#
# In the document fields are `name type, name type` in a span or a line of layout, or rows
# "| offset | `name type` |" of a table; "`struct NAME`, N bytes" tells a size.

function bytes_of(type,    n)
{
	n = type
	sub(/\].*/, "", n)
	if (sub(/.*\[/, "", n))
		return n * bytes_of(substr(type, 1, index(type, "[") - 1))
	return type == "range" ? 16 : substr(type, 2) / 8
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

doc && /^\| [0-9]+ \| `[a-z0-9_]+ u[0-9]+(\[[0-9]+\])?` \|/ {
	split($0, cell, / *\| */)
	gsub(/`/, "", cell[3])
	table_row(cell[2], cell[3])
	next
}
doc { table_end() }
doc && /^\| [0-9]+ \| [A-Z_]+ \| [A-Z0]+ \|/ {
	split($0, cell, / *\| */)
	print "status " cell[2] " " cell[3] " " cell[4]
}
doc && /^\| [0-9]+ [A-Z_]+ \|/ { print "care " $2 " " $3 }
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

function doc_end(    i, n, piece, nr, word)
{
	n = split(prose, piece, /`/)
	for (i = 2; i <= n; i += 2) {
		span(piece[i])
		if (piece[i] ~ /^struct / && piece[i + 1] ~ /^, [0-9]+ bytes/) {
			split(piece[i + 1], word, " ")
			print "size " substr(piece[i], 8) " " word[2]
		}
	}
	sub(/.* why: /, "", prose)
	sub(/;.*/, "", prose)
	n = split(prose, piece, ",")
	for (i = 1; i <= n; i++) {
		nr = split(piece[i], word, " ")
		print "reason " word[1] " " word[2]
	}
}

# ---- the header

!doc && /^#define VIRTIO_CMA_[A-Z_]+[ \t]+[0-9]/ {
	value[$2] = $3
	if (sub(/^VIRTIO_CMA_OP_/, "", $2))
		print "op " $3 " " $2
	else if (sub(/^VIRTIO_CMA_MAINT_/, "", $2) && $2 != "FLAGS")
		print "care " substr($3, 3) " " $2
}
!doc && /^#define VIRTIO_CMA_(STATUS|REASON)_TABLE/ {
	table = $2 ~ /STATUS/ ? "status" : "reason"
}
!doc && table && /^\tX\(/ {
	split($0, cell, /[ \t]*[(,][ \t]*/)
	print table " " cell[3] " " cell[2] (table == "status" ? " " cell[4] : "")
}
!doc && !/\\$/ { table = "" }
!doc && /^struct virtio_cma_[a-z_]+ \{/ {
	name = $2
	size = 0
	list = ""
}
!doc && name && /^\t(__le64|__le32|__u8|struct virtio_cma_[a-z_]+) / {
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
	size += bytes_of(type)
	list = list (list == "" ? "" : ", ") field " " type
}
!doc && name && /^};/ {
	print "fields " list
	sizes[name] = size
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
