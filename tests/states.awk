# SPDX-License-Identifier: GPL-2.0-or-later
#
# Which state may follow which: of the tables in the code, or of docs/architecture.md. One line a step,
# "FILE FROM TO", names without their prefix.
#
#	awk -v root=ROOT/ -f states.awk FILE.c...	tables "transitions", "transition_ok", "allowed", "..._steps"
#	awk -v doc=1 -f states.awk DOCUMENT		rows "| WHAT | `FILE` | FROM | TO, TO |"
#
# Knows how these tables are written here, not C.

function add(to) { print name, from, to }

# NAME without the prefix that all states of its enum have, as their number has: PREFIX_NR_STATES.
function short(state)
{
	return substr(state, length(prefix) + 1)
}

function columns(text,    word)
{
	gsub(/= *true|TO\(|BIT\(/, " ", text)
	while (match(text, /[A-Z][A-Z0-9_]*/)) {
		word = substr(text, RSTART, RLENGTH)
		text = substr(text, RSTART + RLENGTH)
		add(index(word, prefix) == 1 ? short(word) : word)
	}
}

doc {
	if (split($0, cell, / *\| */) < 6 || cell[3] !~ /^`.*\.c`$/)
		next
	name = substr(cell[3], 2, length(cell[3]) - 2)
	from = cell[4]
	nr = split(cell[5], to, /, */)
	for (i = 1; i <= nr; i++)
		add(to[i])
	next
}

/^[ \t]*static const (bool|u8|uint8_t) (transitions|transition_ok|allowed|[a-z_]+_steps)\[/ {
	name = FILENAME
	if (index(name, root) == 1)
		name = substr(name, length(root) + 1)
	prefix = $0
	sub(/^[^[]*\[/, "", prefix)
	sub(/\].*/, "", prefix)
	# HVCMA_NR_CLIENT_STATES, GATE_NR_STATES
	if (sub(/_NR_STATES$/, "_", prefix) == 0) {
		sub(/_NR_/, "_", prefix)
		sub(/STATES$/, "", prefix)
	}
	in_table = 1
	next
}
in_table && /^[ \t]*\};/ { in_table = 0 }
in_table {
	gsub(/\/\*.*\*\//, "")
	if (match($0, "^[ \t]*\\[" prefix "[A-Z0-9_]*\\][ \t]*=") && substr($0, RSTART + RLENGTH) !~ /^[ \t]*true/) {
		from = substr($0, 1, RLENGTH)
		gsub(/[^A-Z0-9_]/, "", from)
		from = short(from)
		$0 = substr($0, RSTART + RLENGTH)
	}
	columns($0)
}
