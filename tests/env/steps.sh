# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# The steps of the test environment builder: what each makes, from what, and the machinery that
# runs them. A step's product is a directory (or file) in the cache, named after the step and a
# key over everything it was made from: its plan (package versions), its recipe, the keys of the
# steps it needs. It is made elsewhere and renamed, so a product that exists is complete. OUT
# holds symbolic links to products.

# shellcheck disable=SC2034 # used by build
STEPS='qemu-amd64 qemu-src meson qemu-headers-amd64
cross cross-amd64 kernel-amd64-6.12 kernel-arm64-6.12 busybox-amd64 busybox-arm64
kernel-amd64-6.1 kernel-arm64-6.1 sysroot-arm64 qemu-headers-arm64
kernel-arm64-6.12-cloud kernel-arm64-6.1-cloud rootfs-arm64 e2fs-arm64 e2fs-amd64
udev-amd64 kexec-arm64 initramfs-tools
headers-amd64-6.12-cloud headers-amd64-6.1-cloud
tools-newest kernel-amd64-newest kernel-arm64-newest
headers-amd64-newest-cloud headers-arm64-newest-cloud'

# step_define NAME: sets step_recipe (file), step_verb and step_args (functions plan_VERB and
# make_VERB with these arguments), step_needs (other steps) and step_out (path under OUT).
step_define()
{
	step_args=
	step_needs=
	step_out=$1
	step_verb=$(echo "$1" | tr - _)
	case $1 in
	qemu-src | qemu-amd64) step_recipe=qemu ;;
	meson) step_recipe=qemu step_out= ;;
	qemu-headers-amd64)
		step_recipe=qemu step_verb=qemu_headers step_args=amd64
		step_needs='qemu-src meson' ;;
	qemu-headers-arm64)
		step_recipe=qemu step_verb=qemu_headers step_args=arm64
		step_needs='qemu-src meson cross sysroot-arm64' ;;
	cross) step_recipe=cross step_needs=sysroot-arm64 ;;
	cross-amd64) step_recipe=cross ;;
	sysroot-arm64) step_recipe=cross ;;
	kernel-* | headers-*)
		step_recipe=kernel step_verb=${1%%-*} step_needs=cross
		case $1 in
		*-newest*) step_needs=tools-newest ;;
		*-amd64-*) step_needs=cross-amd64 ;;
		esac
		step_args=$(echo "${1#*-}" | tr - ' ')
		step_out=kernel/$(echo "${1#*-}" | sed 's,-,/,') ;;
	tools-newest) step_recipe=newest step_out= ;;
	busybox-*)
		step_recipe=userland step_verb=busybox step_args=${1#busybox-} ;;
	e2fs-*) step_recipe=userland step_verb=tree step_args="e2fsprogs ${1#e2fs-}" ;;
	kexec-*) step_recipe=userland step_verb=tree step_args="kexec-tools ${1#kexec-}" ;;
	udev-*) step_recipe=userland step_verb=tree step_args="udev ${1#udev-}" ;;
	initramfs-tools) step_recipe=userland ;;
	rootfs-arm64) step_recipe=userland step_needs=busybox-amd64 ;;
	esac
}

# All steps that the given ones need, and they themselves, each after those it needs.
step_closure()
{
	for step; do
		step_define "$step"
		for need in $step_needs; do
			(step_closure "$need")
		done
		echo "$step"
	done | awk '!seen[$0]++'
}

step_plan_file()
{
	echo "$CACHE/plans/$1-$(cat "$ENV_DIR/apt.sh" "$ENV_DIR/$step_recipe.sh" | digest)"
}

# step_product NAME: path of its product; fails while the versions it is made of are not known.
step_product()
(
	step_define "$1"
	plan=$(step_plan_file "$1")
	[ -e "$plan" ] || exit 1
	key=$({
		cat "$plan" "$ENV_DIR/recipe.sh" "$ENV_DIR/$step_recipe.sh"
		for need in $step_needs; do
			step_product "$need" || echo unknown
		done
	} | digest)
	echo "$CACHE/products/$1-$key"
)

# step_link NAME PRODUCT: make it visible under OUT.
step_link()
(
	step_define "$1"
	[ -n "$step_out" ] || exit 0
	[ "$(readlink "$OUT/$step_out")" = "$2" ] && exit 0
	mkdir -p "$(dirname "$OUT/$step_out")"
	ln -sfnT "$2" "$OUT/$step_out"
)

# step_ready NAME: its product exists; show it under OUT.
step_ready()
{
	product=$(step_product "$1") && [ -e "$product" ] && step_link "$1" "$product"
}

# step_make NAME: in a process of its own; its output is the step's log.
step_make()
(
	set -e
	step_define "$1"
	PLAN=$(step_plan_file "$1")
	ARCHIVE=$CACHE/files
	WORK=$CACHE/tmp/$1
	rm -rf "$WORK"
	mkdir -p "$WORK"
	if ! [ -e "$PLAN" ]; then
		# shellcheck disable=SC2086 # arguments are words
		"plan_$step_verb" $step_args >"$WORK/plan"
		mv "$WORK/plan" "$PLAN"
	fi
	FINAL=$(step_product "$1")
	if ! [ -e "$FINAL" ]; then
		if ! fetch "$PLAN" "$WORK/download"; then
			: >"$CACHE/tmp/download-failed"
			die "$1: download failed"
		fi
		DEST=$WORK/product
		# shellcheck disable=SC2086
		"make_$step_verb" $step_args
		mkdir -p "$CACHE/products"
		mv -T "$DEST" "$FINAL"
	fi
	rm -rf "$WORK"
	step_link "$1" "$FINAL"
)

# step_run NAME COUNT: step_make with a line of progress for people.
step_run()
{
	log=$CACHE/log/$1
	mkdir -p "$CACHE/log"
	start=$(date +%s)
	unset MAKEFLAGS MFLAGS MAKELEVEL
	# Not in a condition: the shell would ignore the recipe's own failures.
	step_make "$1" >"$log" 2>&1 &
	if ! wait $!; then
		printf 'env: error: %s failed, the end of %s:\n' "$1" "$log" >&2
		tail -n 15 "$log" >&2
		return 1
	fi
	echo "$1" >>"$CACHE/tmp/done"
	say "[$(grep -c . "$CACHE/tmp/done")/$2] $1 ... $(($(date +%s) - start)) s"
}

# Those of the steps, and of what they need, that are not ready; links the others under OUT.
steps_missing()
{
	step_closure "$@" | while read -r step; do
		step_ready "$step" || echo "$step"
	done
}

# Those of the steps read that can be made: the newest kernel is there or not.
steps_possible()
{
	if newest_is_known; then
		cat
	else
		grep -v newest
	fi
}

# Only the newest kernel may be missing: what needs it skips.
steps_suffice()
{
	[ -z "$(steps_missing "$@" | grep -v newest)" ] || return 1
	say "the newest kernel is missing, what needs it is skipped"
}

# steps_build NAME...: those missing, independent ones in parallel; make is the scheduler.
steps_build()
{
	[ "$REFRESH" = daily ] && [ -z "$(steps_missing "$@")" ] && return
	apt_refresh "$REFRESH"
	steps_make "$@" && return
	# Between two refreshes, files of superseded versions leave the archives.
	if [ -e "$CACHE/tmp/download-failed" ] && [ -z "$refreshed" ]; then
		say "trying again with fresh package lists"
		apt_refresh now
		steps_make "$@" && return
	fi
	steps_suffice "$@" && return
	die "not everything was made; run again to resume"
}

steps_make()
{
	todo=$(steps_missing "$@" | steps_possible | tr '\n' ' ')
	count=$(echo "$todo" | wc -w)
	say "$count to make: $todo"
	rm -rf "$CACHE/tmp"
	mkdir -p "$CACHE/tmp"
	for step in $todo; do
		step_define "$step"
		echo "all: $step"
		printf '%s:' "$step"
		for need in $step_needs; do
			case " $todo" in
			*" $need "*) printf ' %s' "$need" ;;
			esac
		done
		printf '\n\t@%s --cache %s --out %s --step %s %s\n' \
			"$ENV_DIR/build" "$CACHE" "$OUT" "$step" "$count"
	done >"$CACHE/tmp/steps.mk"
	unset MAKEFLAGS MFLAGS MAKELEVEL
	make -s -r -k -j "${HVCMA_JOBS:-3}" -f "$CACHE/tmp/steps.mk" all
}

# steps_prune NAME...: keep only what these steps use.
steps_prune()
{
	for step in $(step_closure "$@"); do
		step_define "$step"
		step_product "$step"
		step_plan_file "$step"
		cut -d ' ' -f 1 "$(step_plan_file "$step")" 2>/dev/null | sed "s,^,$CACHE/files/,"
	done >"$CACHE/keep"
	for path in "$CACHE"/products/* "$CACHE"/plans/* "$CACHE"/files/*; do
		grep -qxF "$path" "$CACHE/keep" || rm -rf "$path"
	done
	rm -f "$CACHE/keep"
}
