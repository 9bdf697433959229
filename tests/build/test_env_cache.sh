#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
# tests/env/build and what can happen to its cache: runs that are killed at any moment, a disk that
# is full, downloads that are broken off or spoilt, packages that leave the archive, two runs at once,
# products that others wrote to. The next run always gets there. The steps are small ones of this
# test, the packages made up; machinery and apt are the real ones.

. "$HVCMA_SRC/tests/lib/tap.sh"
. "$HVCMA_SRC/tests/build/archive.sh"

dir=$(mktemp -d)
trap 'umount "$dir/full" 2>/dev/null; chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
archive_dir=$dir/archive
build=$HVCMA_SRC/tests/env/build
machine=$(dpkg --print-architecture)
unset HVCMA_CACHE HVCMA_JOBS
cache=$dir/cache out=$dir/out
KILLS=${HVCMA_KILLS:-20}

# ---- steps: "one", "two" and "four" of a package each, "three" of two others ----
HVCMA_ENV_RECIPES=$dir/recipes
export HVCMA_ENV_RECIPES
mkdir "$dir/recipes"
cat >"$dir/recipes/steps.sh" <<'END'
STEPS='one two three four'
step_define()
{
	step_recipe=toy step_verb=toy step_args=$1 step_needs='' step_out=$1 step_optional='' step_cost='1 1'
	case $1 in
	three) step_verb=three step_needs='one two' ;;
	esac
}
END
cat >"$dir/recipes/plan.sh" <<'END'
plan_toy()
{
	plan_packages "toy-$1" toy-common
}
plan_three()
{
	:
}
END
cat >"$dir/recipes/toy.sh" <<'END'
make_toy()
{
	unpack "$DEST"
	for n in 1 2 3 4 5 6; do
		echo "$1 $n" >"$DEST/part-$n"
		sleep 0.03
	done
	echo "$FINAL" >"$DEST/whole"
}
make_three()
{
	mkdir "$DEST"
	for need in one two; do
		cat "$(need $need)"/part-* "$(need $need)/data" >"$DEST/$need"
		sleep 0.03
	done
	echo "$FINAL" >"$DEST/whole"
}
END

# archive_toys VERSION
archive_toys()
{
	for name in one two four common; do
		rm -rf "$dir/tree"
		mkdir "$dir/tree"
		case $name in
		common) echo common >"$dir/tree/common" ;;
		*) head -c 300000 /dev/zero | tr '\0' "${name%"${name#?}"}" >"$dir/tree/data" ;;
		esac
		echo "$1" >"$dir/tree/version-$name"
		package_file bookworm "toy-$name" "$1" "$machine" '' "$dir/tree"
	done
	archive_publish
}

run()
{
	"$build" --cache "$cache" --out "$out" "$@" >"$dir/out.txt" 2>&1
}

says()
{
	grep -q -e "$1" "$dir/out.txt" || {
		note "$(cat "$dir/out.txt")"
		return 1
	}
}

# made NAME...: each of them is what it should be.
made()
{
	for name; do
		product=$(readlink "$out/$name")
		same_as "$product" "$(cat "$out/$name/whole")" || return
		case $name in
		three)
			for need in one two; do
				{ cat "$out/$need"/part-* "$out/$need/data"; } | cmp -s - "$out/three/$need" || return
			done
			;;
		*)
			equal "$name 1 $name 2 $name 3 $name 4 $name 5 $name 6" \
				"$(cat "$out/$name"/part-* | tr '\n' ' ' | sed 's/ $//')" || return
			equal 300000 "$(stat -c %s "$out/$name/data")" || return
			;;
		esac
	done
}

# settles [TARGET...]: a run succeeds, with the right products, and the one after has nothing to do.
settles()
{
	run "$@" || { note "$(cat "$dir/out.txt")"; return 1; }
	[ $# -gt 0 ] || set -- one two three four
	made "$@" || return
	for name; do
		equal "$(readlink "$out/$name")" "$(cat "$out/ready/$name")" || return
	done
	run "$@" && equal '' "$(cat "$dir/out.txt")"
}

# fresh [all]: an empty cache, of which apt remembers the package lists, if not all is to go.
fresh()
{
	chmod -R u+w "$cache" 2>/dev/null
	rm -rf "$out" "$cache"/[b-z]* ${1:+"$cache"}
}

# A run in a session of its own, to be killed as a whole: sets pid.
in_background()
{
	# What a shell starts in the background ignores SIGINT otherwise.
	env --default-signal=INT setsid "$build" --cache "$cache" --out "$out" >"$dir/out.txt" 2>&1 &
	pid=$!
}

archive_new
archive_toys 1

check "made from nothing" settles
check "it said how much is to download, on disk, and how long" eval \
	'fresh; run; says "4 to make: 1 MB to download, 5 MB on disk, about . min besides the download"'
check "it told how far the download was" says 'downloaded 1 of 1 MB'
fresh
check "who asks for one gets what it needs" settles three
check "and nothing else" equal "one three two" "$(find "$out" -maxdepth 1 -type l -printf '%f ' | tr ' ' '\n' | sort | xargs)"
check "nor a file for it" test ! -e "$cache/files/toy-four_1_$machine.deb"
fresh
run --plan four
check "a plan names files" says "^four toy-four_1_$machine.deb [0-9]* SHA256:"
check "and makes nothing" test ! -e "$cache/files" -a ! -e "$cache/products"

# ---- killed ----
# killed_after MILLISECONDS: whether it was still running; sets lasted.
killed_after()
{
	start=$(date +%s%N) lasted=0
	in_background
	while kill -0 "$pid" 2>/dev/null && [ $lasted -lt "$1" ]; do
		sleep 0.02
		lasted=$((($(date +%s%N) - start) / 1000000))
	done
	kill -9 "-$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	[ $? -eq 137 ]
}

# Moments are spread over a run, as long as the last one that nobody killed took.
fresh all
killed_after 600000
whole=$lasted
seed=${HVCMA_SEED:-$(date +%N | sed 's/^0*//')}
note "a run takes $whole ms; kills by HVCMA_SEED=$seed"
interrupted=0 ok=0 turn=0
while [ $interrupted -lt "$KILLS" ] && [ $turn -lt $((3 * KILLS)) ]; do
	turn=$((turn + 1))
	# Every other time from nothing, else on top of what the last one left.
	[ $((turn % 2)) -eq 0 ] || fresh all
	moment=$(awk -v seed="$((seed + turn))" -v whole="$whole" \
		'BEGIN { srand(seed); printf "%d\n", 50 + rand() * whole }')
	if killed_after "$moment"; then
		interrupted=$((interrupted + 1))
	elif [ $((turn % 2)) -eq 1 ]; then
		whole=$lasted
	fi
	for link in "$out"/*/whole; do
		# What is to be seen at any moment is whole.
		[ ! -e "$link" ] || made "$(basename "$(dirname "$link")")" || ok=1
	done
done
check "killed at $interrupted moments of $turn runs: what is shown is whole" test "$ok" -eq 0
check "they did interrupt them" test "$interrupted" -eq "$KILLS"
check "and the next run gets there" settles

fresh
in_background
until [ -e "$cache/tmp/one/product/part-1" ] || ! kill -0 "$pid" 2>/dev/null; do
	sleep 0.02
done
kill -INT "-$pid"
wait "$pid"
check "Ctrl-C ends it" test $? -ne 0
check "and all it started: the lock is free" flock -w 5 "$cache/lock" true
check "the next run gets there" settles

# ---- the files ----
fresh
run one
chmod -R u+w "$cache/products"
rm -rf "$cache/products"
printf x | dd of="$cache/files/toy-one_1_$machine.deb" bs=1 seek=2000 conv=notrunc 2>/dev/null
truncate -s 1000 "$cache/files/toy-common_1_$machine.deb"
check "a file that was cut off, and one with another byte, are fetched again" settles one
fresh
mkdir -p "$cache/partial"
head -c 1000 "$archive_dir/pool/toy-one_1_$machine.deb" >"$cache/partial/toy-one_1_$machine.deb"
head -c 500000 /dev/zero >"$cache/partial/toy-common_1_$machine.deb"
check "a download that was broken off goes on, one that is too long begins again" settles one
fresh
run --plan one
mv "$archive_dir/pool" "$archive_dir/elsewhere"
check "an archive that went away is an error" eval '! run one && says "one failed" && says "not downloaded: toy-one_1"'
mv "$archive_dir/elsewhere" "$archive_dir/pool"
check "and forgotten once it is back" settles one
fresh
run --plan one
chmod u+w "$archive_dir/pool/toy-one_1_$machine.deb"
printf x | dd of="$archive_dir/pool/toy-one_1_$machine.deb" bs=1 seek=2000 conv=notrunc 2>/dev/null
check "a file that is not what the lists promise is refused" eval '! run one && says "not downloaded: toy-one_1"'
archive_new
archive_toys 1
fresh
run --plan
archive_new
archive_toys 2
check "a version that went between plan and download: planned anew" settles
check "with the new one" test -e "$out/one/version-one" -a "$(cat "$out/one/version-one")" = 2
check "it says so" eval 'fresh; run --plan; archive_new; archive_toys 3; run && says "fresh package lists"'

# ---- products ----
add_to()
{
	echo more >>"$1"
}

# What make did when a recipe failed: it deleted its target, through the link.
for damage in rm 'truncate -s 0' 'chmod a+x' add_to touch; do
	settles >/dev/null
	chmod u+w "$out/one/" "$out/one/part-3"
	$damage "$out/one/part-3"
	chmod a-w "$out/one/" "$out/one"/part-*	# it is not that which tells
	run
	check "damaged by $damage: made again" says '/1\] one'
	check "and right" settles
done
settles >/dev/null
rm "$(readlink "$out/two").stamp"
check "a product without its stamp does not count" eval 'run && says "] two" && settles'
echo nonsense >"$(readlink "$out/two").stamp"
check "nor one with another's" eval 'run && says "] two" && settles'
: >"$(readlink "$out/two").stamp"
check "nor one with half of it" eval 'run && says "] two" && settles'
check "nobody but root can write to one" equal '' "$(find "$cache/products/" -mindepth 1 ! -name '*.stamp' ! -type l -perm /222)"
echo other >"$out/ready/one"
ln -sfn /nowhere "$out/two"
check "links and marks that others changed are put right" settles

# ---- two at once ----
fresh
in_background
"$build" --cache "$cache" --out "$dir/out2" >"$dir/second.txt" 2>&1
second=$?
wait "$pid"
check "two at once: both succeed" equal "0 0" "$? $second"
check "one waits, and nothing is made twice" eval \
	'cat "$dir/second.txt" >>"$dir/out.txt"; says "waiting for another run" && equal 4 "$(grep -c "^env: \[" "$dir/out.txt")"'
check "the products are right" settles

# ---- a full disk ----
fresh
mkdir -p "$cache"
(
	ulimit -f 200	# blocks of 512 bytes
	run one
)
check "a file that can't be written is an error" test $? -ne 0
check "the next run gets there" settles one
fresh
mkdir -p "$dir/full"
if mount -t tmpfs -o size=1500k none "$dir/full" 2>/dev/null; then
	cache=$dir/full/cache
	sed -i "s/step_cost='1 1'/step_cost='0 0'/" "$dir/recipes/steps.sh"
	check "a full disk is an error" eval '! run'
	mount -o remount,size=20m "$dir/full"
	check "with more room the next run gets there" settles
	sed -i "s/step_cost='0 0'/step_cost='100 1'/" "$dir/recipes/steps.sh"
	rm -rf "$cache/products"
	check "too little room is refused before it begins" eval \
		'! run one && says "has room for .* MB, 100 MB are needed"'
else
	tap_skip "a full disk" "only root can make one"
fi

tap_end
