#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# libvirt's hook: files of regions on a real hugetlbfs, made and removed; refusals with words, and
# nothing left then; operations that must never fail; input that is no domain. libvirt itself is
# of the layer libvirt.

. "$HVCMA_SRC/tests/lib/tap.sh"
. "$HVCMA_SRC/tests/lib/hugepages.sh"

case $(uname -m) in aarch64) arch=arm64 ;; *) arch=amd64 ;; esac
hvcma=$HVCMA_BUILD/$arch/hvcma
"$hvcma" domain hook --help >/dev/null 2>&1 || skip_all "this hvcma was built without libxml2"
[ "$(id -u)" -eq 0 ] || skip_all "mounts hugetlbfs, which needs root"
# In a mount namespace of its own, in which nothing else is hugetlbfs.
if [ -z "${HOOK_ALONE-}" ]; then
	HOOK_ALONE=1 exec unshare -m "$0"
fi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
while read -r _ dir type _; do
	[ "$type" != hugetlbfs ] || umount "$dir"
done </proc/self/mounts
mkdir "$tmp/huge" "$tmp/bin"
mount -t hugetlbfs -o pagesize=2M hugetlbfs "$tmp/huge" 2>/dev/null || skip_all "no hugetlbfs here"
hugepages_need 2048 8

sed "s,@BINDIR@,$tmp/bin,g" "$HVCMA_SRC/packaging/libvirt-hook" >"$tmp/hook"
chmod +x "$tmp/hook"
ln -s "$hvcma" "$tmp/bin/hvcma"

sed "s,unit='MiB'>512<,unit='MiB'>8<,; /<hvcma:contiguous/d; /<hvcma:reserv/d" \
	"$HVCMA_SRC/examples/libvirt/private.xml" >"$tmp/declared.xml"
"$hvcma" domain apply "$tmp/declared.xml" >"$tmp/domain.xml"
cp "$tmp/domain.xml" "$tmp/in.xml"

# hook OPERATION [SUBOPERATION]: for the domain "private", with $tmp/in.xml
hook()
{
	"$tmp/hook" private "$1" "${2:-begin}" - <"$tmp/in.xml" >"$tmp/out" 2>"$tmp/err"
}

# refused TEXT: prepare fails with these words, and nothing is left
refused()
{
	if hook prepare || ! grep -qF -e "$1" "$tmp/err" || [ -e "$tmp/huge/hvcma/private" ]; then
		note "wanted '$1', said: $(cat "$tmp/err"); left: $(ls "$tmp/huge/hvcma" 2>/dev/null)"
		return 1
	fi
}

file=$tmp/huge/hvcma/private/banka
check "prepare" hook prepare
check "a file of the region's size" equal 8388608 "$(stat -c %s "$file" 2>/dev/null)"
check "its pages are there" equal 8388608 "$(($(stat -c '%b * %B' "$file" 2>/dev/null)))"
check "for whom libvirt gives it to alone" equal 600 "$(stat -c %a "$file" 2>/dev/null)"
check "in a folder that QEMU's user may pass" equal 755 "$(stat -c %a "$tmp/huge/hvcma/private" 2>/dev/null)"
for operation in start started reconnect attach stopped; do
	check "$operation: succeeds" hook $operation
done
check "prepared once more, as after a crash of the host's services" hook prepare
check "release" hook release end
check "all is given back" [ ! -e "$tmp/huge/hvcma/private" ]
check "release without anything to give back" hook release end

# What it does not touch. (hugetlbfs has no links, by which it could be led elsewhere.)
mkdir "$tmp/huge/hvcma/other"
touch "$tmp/huge/hvcma/other/banka" "$tmp/huge/file"
for name in . .. ../hvcma hvcma/other other/ ''; do
	"$tmp/hook" "$name" release end - </dev/null
done
check "release of names that are no folders" [ -e "$tmp/huge/hvcma/other/banka" ]
touch "$tmp/huge/hvcma/private"
check "prepare where a file is in the way: refused" eval '! hook prepare && grep -q "folder hvcma/private" "$tmp/err"'
rm "$tmp/huge/hvcma/private"

# Refusals.
sed 's,KiB">8192,KiB">8193,' "$tmp/domain.xml" >"$tmp/in.xml"
check "a size that is none" refused 'not a multiple of its hugepages'
sed "s,<path>.*</path>,<path>/etc/shadow</path>," "$tmp/domain.xml" >"$tmp/in.xml"
check "a path that is elsewhere" refused "the domain has its file at '/etc/shadow'"
sed "s,<path>.*</path>,<path>$tmp/huge/hvcma/private/../x</path>," "$tmp/domain.xml" >"$tmp/in.xml"
check "a path with .." refused 'the domain has its file at'
sed 's,KiB">8192,TiB">8,; s,unit="MiB">8<,unit="TiB">8<,' "$tmp/domain.xml" >"$tmp/in.xml"
check "more than there is" refused "region 'banka': no 8796093022208 bytes in hugepages"
cp "$tmp/declared.xml" "$tmp/in.xml"
check "declared and not applied" refused "is declared and not applied"
sed 's,<name>private,<name>other,' "$tmp/domain.xml" >"$tmp/in.xml"
check "the XML of another domain" refused "is of domain 'other', not of 'private'"
sed 's,device="ua-nvme",device="ua-none",' "$tmp/domain.xml" >"$tmp/in.xml"
check "a fault of the declaration" refused "no device has the alias 'ua-none'"
sed 's,<hvcma:client,<hvcma:hugepages nodeset="1000"/>&,' "$tmp/domain.xml" >"$tmp/in.xml"
check "a NUMA node that is not there" refused "on NUMA nodes 1000"
sed 's,<hvcma:client,<hvcma:hugepages nodeset="0"/>&,' "$tmp/domain.xml" >"$tmp/in.xml"
check "one that is" hook prepare
hook release end

# Input that is no domain: prepare refuses, everything else goes on.
cp /bin/sh "$tmp/in.xml"
check "no XML: refused" refused 'not well-formed XML'
for operation in reconnect started stopped release; do
	check "no XML: $operation succeeds" hook $operation
done
: >"$tmp/in.xml"
check "nothing: refused" refused 'not well-formed XML'
echo '<domain><name>private</name></domain>' >"$tmp/in.xml"
check "a domain without regions: nothing to do" hook prepare
check "and nothing is made" [ ! -e "$tmp/huge/hvcma/private" ]
rm "$tmp/bin/hvcma"
for operation in prepare reconnect release; do
	check "$operation succeeds where hvcma was removed" hook $operation
done
check "the other domain's files are there to the end" [ -e "$tmp/huge/hvcma/other/banka" ]
umount "$tmp/huge"
tap_end
