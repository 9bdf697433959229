# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# The machinery that runs steps. A step's product is a directory (or file) in the cache, named
# after the step and a key over everything it was made from: the files of its plan, its recipe, the
# keys of the steps it needs. OUT shows products.
#
# A run asks which products are there (products.sh), plans the others (apt.sh, recipes/plan.sh),
# says what is to come, then downloads (download.sh) and makes (recipes/), both at once. A plan
# that fails ends it before anything is downloaded. Every part of it may be killed at any time: what
# counts is put in its place by renaming, and the rest of a run is swept away by the next.

# All steps that the given ones need, and they themselves, each after those it needs.
step_closure()
{
	for step; do
		step_define "$step"
		# shellcheck disable=SC2086 # a list of words
		[ -z "$step_needs" ] || (step_closure $step_needs)
		echo "$step"
	done | awk '!seen[$0]++'
}

step_plan_file()
{
	echo "$CACHE/plans/$1-$PLAN_CODE"
}

# steps_products NAME...: "STEP PRODUCT" for each and for what they need: the path of the product, or
# "unknown" while the files it is made of are not known. Which archive has them, and how they were
# chosen, makes no difference.
steps_products()
{
	known=' '
	for step in $(step_closure "$@"); do
		step_define "$step"
		plan=$CACHE/plans/$step-$PLAN_CODE
		[ -e "$plan" ] && key= || key=unknown
		needed=
		for need in $step_needs; do
			need=${known##* "$need"=}
			need=${need%% *}
			[ "$need" != unknown ] || key=unknown
			needed="$needed $need"
		done
		[ "$key" = unknown ] || key=$CACHE/products/$step-$({
			cut -d ' ' -f 1,3 "$plan"
			cat "$ENV_DIR/recipe.sh" "$RECIPES/$step_recipe.sh"
			# shellcheck disable=SC2086 # a list of words
			[ -z "${step_reads-}" ] || (cd "$ENV_DIR" && cat $step_reads)
			for need in $needed; do
				echo "$need"
			done
		} | digest)
		known="$known$step=$key "
		echo "$step $key"
	done
}

# step_product NAME: path of its product.
step_product()
{
	steps_products "$1" | sed -n "s,^$1 \\(/.*\\),\\1,p" | grep .
}

# Those of the steps, and of what they need, that are not ready; shows the others under OUT.
steps_missing()
{
	steps_products "$@" | while read -r step product; do
		if product_is_whole "$product"; then
			step_define "$step"
			product_show "$product" "$step" "$step_out"
		else
			echo "$step"
		fi
	done
}

# step_work NAME: an empty folder to work in.
step_work()
{
	WORK=$CACHE/tmp/$1
	tree_remove "$WORK"
	mkdir -p "$WORK" "$CACHE/log"
}

# step_plan NAME: in a process of its own.
step_plan()
{
	step_work "$1"
	step_define "$1"
	(
		set -e
		# shellcheck disable=SC2086 # arguments are words
		"plan_$step_verb" $step_args >"$WORK/plan"
		mv "$WORK/plan" "$(step_plan_file "$1")"
	) 2>"$WORK/log"
	# Not in a condition: the shell would ignore failures inside.
	status=$?
	[ $status -eq 0 ] && return
	sed "s/^env: error: /env: plan of $1: /" "$WORK/log" |
		if [ -n "$step_optional" ]; then cat >>"$CACHE/tmp/notes"; else cat >&2; fi
	return 1
}

# step_fetch NAME: download its files. It is the step that fails without them.
step_fetch()
{
	step_work "$1.fetch"
	plan=$(step_plan_file "$1")
	if [ -z "$(files_absent <"$plan")" ]; then
		files_fetch "$plan" >"$CACHE/log/$1.fetch" 2>&1	# looks whether they are right
		return 0
	fi
	files_watch "$CACHE/tmp/absent" 9>&- &
	watcher=$!
	files_fetch "$plan" >"$CACHE/log/$1.fetch" 2>&1
	kill "$watcher"
	wait "$watcher" 2>/dev/null
	files_tell "$CACHE/tmp/absent"
}

# step_make NAME: its output is the step's log.
step_make()
(
	set -e
	step_define "$1"
	PLAN=$(step_plan_file "$1")
	ARCHIVE=$CACHE/files
	absent=$(files_absent <"$PLAN" | cut -d ' ' -f 1 | tr '\n' ' ')
	if [ -n "$absent" ]; then
		: >"$CACHE/tmp/download-failed"
		cat "$CACHE/log/$1.fetch"
		die "not downloaded: $absent"
	fi
	FINAL=$(step_product "$1")
	DEST=$WORK/product
	product_remove "$FINAL"
	# shellcheck disable=SC2086 # arguments are words
	"make_$step_verb" $step_args
	product_publish "$DEST" "$FINAL"
	product_show "$FINAL" "$1" "$step_out"
)

# step_run NAME COUNT: step_make with a line of progress for people.
step_run()
{
	step_work "$1"
	log=$CACHE/log/$1
	start=$(date +%s)
	step_make "$1" >"$log" 2>&1
	# Not in a condition: the shell would ignore the recipe's own failures.
	status=$?
	if [ $status -ne 0 ]; then
		printf 'env: error: %s failed, the end of %s:\n' "$1" "$log" >&2
		tail -n 15 "$log" >&2
		return 1
	fi
	tree_remove "$WORK"
	echo "$1" >>"$CACHE/tmp/done"
	say "[$(grep -c . "$CACHE/tmp/done")/$2] $1 ... $(($(date +%s) - start)) s"
}

# Those of the steps read for which there is a plan, and for all they need.
steps_possible()
{
	while read -r step; do
		for need in $(step_closure "$step"); do
			[ -e "$(step_plan_file "$need")" ] || continue 2
		done
		echo "$step"
	done
}

# Those of the steps read that others can't do without.
steps_required()
{
	while read -r step; do
		step_define "$step"
		[ -n "$step_optional" ] || echo "$step"
	done
}

# steps_scheduler N: run the rules on standard input, N at a time; make does it.
steps_scheduler()
{
	{
		echo all:
		cat
	} >"$CACHE/tmp/steps.mk"
	(
		unset MAKEFLAGS MFLAGS MAKELEVEL
		make -s -r -k -j "$1" -f "$CACHE/tmp/steps.mk" all
	)
}

# steps_again ARGUMENT...: a rule's command: this program again.
steps_again()
{
	printf '\t@%s --cache %s --out %s %s\n' "$ENV_DIR/build" "$CACHE" "$OUT" "$*"
}

# steps_plan NAME...: make the plans that there are not.
steps_plan()
{
	rm -f "$CACHE/tmp/notes"
	: >"$CACHE/tmp/notes"
	for step in $(step_closure "$@"); do
		[ ! -e "$(step_plan_file "$step")" ] || continue
		printf 'all: plan-%s\nplan-%s:\n' "$step" "$step"
		steps_again --step-plan "$step"
	done | steps_scheduler "$(nproc)" 2>"$CACHE/tmp/plan-errors"
	sort -u "$CACHE/tmp/notes"
	grep -v '^make' "$CACHE/tmp/plan-errors" >&2
	lost=$(step_closure "$@" | steps_required | while read -r step; do
		[ -e "$(step_plan_file "$step")" ] || echo "$step"
	done)
	# shellcheck disable=SC2086 # a list of words
	[ -z "$lost" ] || die "can't be planned:" $lost "($CACHE has $(room_megabytes) MB free)"
}

room_megabytes()
{
	df -Pk "$CACHE" | awk 'NR == 2 { printf "%.0f\n", $4 / 1000 }'
}

# steps_announce NAME...: what making them takes; refuses what there is no room for.
steps_announce()
{
	for step; do
		cat "$(step_plan_file "$step")"
	done | sort -u | files_absent >"$CACHE/tmp/absent"
	download=$(cut -d ' ' -f 2 "$CACHE/tmp/absent" | bytes_sum)
	# shellcheck disable=SC2046 # two numbers
	set -- $# $(for step; do
		step_define "$step"
		echo "$step_cost"
	done | awk '{ disk += $1; work += $2 } END { print disk + 0, work + 0 }') "$@"
	disk=$(($2 + $(megabytes "$download")))
	say "$1 to make: $(megabytes "$download") MB to download, $disk MB on disk," \
		"about $((($3 / $(nproc) + 59) / 60)) min besides the download"
	room=$(room_megabytes)
	[ "$room" -ge "$disk" ] ||
		die "$CACHE has room for $room MB, $disk MB are needed (--cache DIR: elsewhere)"
}

# Fetch and make them, independent ones in parallel.
steps_make()
{
	rm -f "$CACHE/tmp/done" "$CACHE/tmp/download-failed"
	before=
	for step; do
		step_define "$step"
		printf 'all: %s\n%s: fetch-%s' "$step" "$step" "$step"
		for need in $step_needs; do
			case " $* " in
			*" $need "*) printf ' %s' "$need" ;;
			esac
		done
		echo
		steps_again --step "$step" "$#"
		# One download at a time, beside what is made of those before.
		printf 'fetch-%s: %s\n' "$step" "$before"
		steps_again --step-fetch "$step"
		before=fetch-$step
	done | steps_scheduler "${HVCMA_JOBS:-3}"
}

# steps_prepare NAME...: sets todo to those that are to be made and can be.
steps_prepare()
{
	steps_plan "$@"
	todo=$(steps_missing "$@" | steps_possible)
	# shellcheck disable=SC2086 # a list of words
	[ -z "$todo" ] || steps_announce $todo
}

# steps_refresh WHEN NAME...
steps_refresh()
{
	when=$1
	shift
	all=$(step_closure "$@")
	of_newest=$(echo "$all" | grep -v -e '-iommufd$')
	[ "$(echo "$of_newest" | wc -l)" = "$(echo "$of_newest" | steps_required | wc -l)" ] && roots='' || roots=newest
	echo "$all" | grep -q -e '^libvirt-' -e '^selinux-' -e 'xen-.*4\.20' && roots="$roots later"
	echo "$all" | grep -q -e '-iommufd$' && roots="$roots coming"
	echo "$all" | grep -q -e -armhf- && roots="$roots armhf"
	echo "$all" | grep -q -e '-of-arm64$' && roots="$roots arm64"
	# shellcheck disable=SC2086 # a list of words
	apt_refresh "$when" $roots
}

# steps_build NAME...: those missing.
steps_build()
{
	[ "$REFRESH" = daily ] && [ -z "$(steps_missing "$@")" ] && return
	tree_remove "$CACHE/tmp"
	steps_refresh "$REFRESH" "$@"
	steps_prepare "$@"
	# shellcheck disable=SC2086 # a list of words
	[ -z "$todo" ] || steps_make $todo
	# Between two refreshes, files of superseded versions leave the archives.
	if [ -e "$CACHE/tmp/download-failed" ] && [ ! -e "$CACHE/tmp/refreshed" ]; then
		say "trying again with fresh package lists"
		steps_refresh now "$@"
		steps_prepare "$@"
		# shellcheck disable=SC2086
		[ -z "$todo" ] || steps_make $todo
	fi
	lost=$(steps_missing "$@")
	if [ -n "$(echo "$lost" | grep . | steps_required)" ]; then
		die "not everything was made; run again to resume"
	fi
	tree_remove "$CACHE/tmp"
	tree_remove "$CACHE/partial"
	# shellcheck disable=SC2086
	[ -z "$lost" ] || say "what needs these is skipped:" $lost
}

# steps_show_plan NAME...: what a run would do.
steps_show_plan()
{
	tree_remove "$CACHE/tmp"
	steps_refresh "$REFRESH" "$@"
	steps_prepare "$@"
	for step in $todo; do
		sed "s/^/$step /" "$(step_plan_file "$step")"
	done
}

# steps_prune NAME...: keep only what these steps use.
steps_prune()
{
	steps_products "$@" | while read -r step product; do
		printf '%s\n' "$product" "$product.stamp"
		step_plan_file "$step"
		cut -d ' ' -f 1 "$(step_plan_file "$step")" 2>/dev/null | sed "s,^,$CACHE/files/,"
	done >"$CACHE/keep"
	for path in "$CACHE"/products/* "$CACHE"/plans/* "$CACHE"/files/* "$CACHE"/partial/*; do
		grep -qxF "$path" "$CACHE/keep" || tree_remove "$path"
	done
	rm -f "$CACHE/keep"
}
