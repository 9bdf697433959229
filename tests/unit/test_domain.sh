#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# hvcma domain on XML alone: examples of all modes are without faults, and what is applied to them
# is what libvirt's schema allows, once and for all, and can be taken back. No libvirt runs.

. "$HVCMA_SRC/tests/lib/tap.sh"

case $(uname -m) in aarch64) arch=arm64 ;; *) arch=amd64 ;; esac
hvcma=$HVCMA_BUILD/$arch/hvcma
schema=$HVCMA_SRC/hv/libvirt/domain.rng
# That of libvirt is here where libvirt is.
libvirt_schema=/usr/share/libvirt/schemas/domain.rng
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

"$hvcma" domain check --help >/dev/null 2>&1 || skip_all "this hvcma was built without libxml2"

# valid SCHEMA FILE
valid()
{
	va_said=$(xmllint --noout --relaxng "$1" "$2" 2>&1) && return
	note "$va_said"
	return 1
}

# metadata FILE: what our schema is about
metadata()
{
	xmllint --xpath "/domain/metadata/*" "$1" >"$tmp/metadata.xml"
	valid "$schema" "$tmp/metadata.xml"
}

# meaning FILE: without what XML may be written differently in, and declarations of namespaces that
# nobody uses; one size in one unit
meaning()
{
	xmllint --noblanks --exc-c14n "$1" |
		sed 's,<memory unit="GiB">4</memory>,<memory unit="KiB">4194304</memory>,' | xmllint --format -
}

same_meaning()
{
	meaning "$1" >"$tmp/one"
	meaning "$2" >"$tmp/two"
	diff "$tmp/one" "$tmp/two" >"$tmp/differs" && return
	note "$(cat "$tmp/differs")"
	return 1
}

for example in "$HVCMA_SRC"/examples/libvirt/*.xml; do
	name=$(basename "$example" .xml)
	out=$tmp/$name
	check "$name: no faults" eval '"$hvcma" domain check --no-host "$example" | grep -q "no faults"'
	check "$name: its metadata are what the schema says" metadata "$example"
	"$hvcma" domain apply --mounts /dev/null "$example" >"$out.applied"
	check "$name: and still are when it is applied" metadata "$out.applied"
	"$hvcma" domain apply --mounts /dev/null "$out.applied" >"$out.again"
	check "$name: applied twice is applied once, byte for byte" cmp "$out.applied" "$out.again"
	"$hvcma" domain unapply "$out.applied" >"$out.back"
	check "$name: unapply gives back what it was" same_meaning "$example" "$out.back"
	check "$name: negative control: applied means something else" eval '! same_meaning "$example" "$out.applied" >/dev/null'
	check "$name: diff says so" eval '"$hvcma" domain diff --mounts /dev/null "$example" >"$out.diff"; [ $? -eq 4 ]'
	check "$name: and nothing once it is applied" "$hvcma" domain diff --mounts /dev/null "$out.applied"
	check "$name: checked once more, no faults" eval '"$hvcma" domain check --no-host "$out.applied" | grep -q "no faults"'
	if [ -e $libvirt_schema ]; then
		check "$name: libvirt's schema allows it" valid $libvirt_schema "$out.applied"
	else
		tap_skip "$name: libvirt's schema allows it" "no libvirt here"
	fi
done
if [ -e $libvirt_schema ]; then
	sed 's,virtio-pmem,virtio-none,' "$tmp/private.applied" >"$tmp/wrong"
	check "negative control: libvirt's schema does not allow anything" eval '! valid $libvirt_schema "$tmp/wrong" >/dev/null'
fi

# has FILE XPATH VALUE
has()
{
	equal "$3" "$(xmllint --xpath "string($2)" "$1" 2>/dev/null)"
}

# property REGION NAME: as the applied example "reusable" has it
property()
{
	echo "//*[local-name()='device'][@alias='ua-hvcma-$1']//*[@name='$2']/@value"
}

applied=$tmp/reusable.applied
check "25 percent of 4 GiB" has "$applied" "//memory[alias/@name='ua-hvcma-banka']/target/size" 1048576
check "its file is where hugepages are" has "$applied" "//memory[alias/@name='ua-hvcma-banka']/source/path" \
	/dev/hugepages/hvcma/reusable/banka
check "all of the domain's memory" has "$applied" "/domain/memory" 5275648
check "all of its RAM is in a NUMA cell" has "$applied" "/domain/cpu/numa/cell/@memory" 4194304
check "a client by its alias" has "$applied" "$(property banka clients)" ua-nvme
check "a client by its address, for one kind" has "$applied" "$(property below4g regions)" \
	'below4g/ua-hvcma-0000-02-00-0(coherent)=0'
check "gets an alias" has "$applied" "//hostdev[2]/alias/@name" ua-hvcma-0000-02-00-0
check "its window" has "$applied" "$(property below4g dma-windows)" 'ua-hvcma-0000-02-00-0=0x0:0x0:0x100000000'
check "the pin limit" has "$applied" "$(property banka pin-limit)" 134217728
check "nobody surrenders memory who was not told to" has "$applied" "count($(property banka surrender))" 0
sed "s,name='banka',& surrender='yes',; s, nodeset='0',," "$HVCMA_SRC/examples/libvirt/reusable.xml" >"$tmp/surrenders"
check "surrender: its metadata are what the schema says" metadata "$tmp/surrenders"
"$hvcma" domain apply --mounts /dev/null "$tmp/surrenders" >"$tmp/surrenders.applied"
check "surrender: is the device's" has "$tmp/surrenders.applied" "$(property banka surrender)" true
check "surrender: of that region alone" has "$tmp/surrenders.applied" "count($(property below4g surrender))" 0
check "surrender: applied once more it is the same" eval \
	'"$hvcma" domain apply --mounts /dev/null "$tmp/surrenders.applied" | cmp - "$tmp/surrenders.applied"'
check "surrender: a bool" has "$tmp/surrenders.applied" "$(property banka surrender | sed 's,/@value$,/@type,')" bool
"$hvcma" domain unapply "$tmp/surrenders.applied" >"$tmp/surrenders.back"
check "surrender: unapply gives back what it was" same_meaning "$tmp/surrenders" "$tmp/surrenders.back"
check "the service has its memory" has "$tmp/service.applied" \
	"//*[local-name()='device'][@alias='ua-hvcma-banka']//*[@name='service']/@value" on
sed "s,</hvcma:region>,<hvcma:contiguous mode='best'/>&," "$HVCMA_SRC/examples/libvirt/service.xml" >"$tmp/chosen"
"$hvcma" domain apply --mounts /dev/null "$tmp/chosen" >"$tmp/chosen.applied"
check "and chooses its pages" has "$tmp/chosen.applied" \
	"//*[local-name()='device'][@alias='ua-hvcma-banka']//*[@name='contiguous']/@value" best
sed "s,mode='ram',& service='yes'," "$HVCMA_SRC/examples/libvirt/ram.xml" |
	sed "s,<hugepages/>,&<access mode='shared'/>," >"$tmp/shared"
check "or the RAM, if that is shared" eval '"$hvcma" domain apply "$tmp/shared" | grep -q "mode=ram,service=on,"'
check "the wrapper is the emulator" eval \
	'xmllint --xpath "string(//emulator)" "$applied" | grep -q "/hvcma-qemu-system-x86_64\$"'
check "mode=ram is an argument" has "$tmp/ram.applied" "//*[local-name()='arg'][2]/@value" \
	'virtio-cma-pci,id=ua-hvcma-banka,name=banka,mode=ram,unsafe-noiommu=on,clients=ua-nvme'

# What libvirt has added since stays; what is declared no more goes.
sed "s,<alias name=\"ua-hvcma-banka\"/>,&<address type=\"pci\" bus=\"0x05\"/>," "$applied" >"$tmp/addressed"
"$hvcma" domain apply --mounts /dev/null "$tmp/addressed" >"$tmp/again"
check "an address that libvirt has chosen stays" has "$tmp/again" \
	"//memory[alias/@name='ua-hvcma-banka']/address/@bus" 0x05
sed "/<hvcma:region name=\"below4g\"/,/<\/hvcma:region>/d" "$applied" >"$tmp/less"
"$hvcma" domain apply --mounts /dev/null "$tmp/less" >"$tmp/again"
check "a region that is declared no more goes" has "$tmp/again" "count(//memory[@model])" 1
check "and the alias that its client was given" has "$tmp/again" "count(//hostdev[2]/alias)" 0
sed "/<hvcma:region name/,/<\/hvcma:region>/d" "$applied" >"$tmp/less"
"$hvcma" domain apply --mounts /dev/null "$tmp/less" >"$tmp/again"
check "the last one takes all along" has "$tmp/again" "count(//numa | //maxMemory | //*[local-name()='override'])" 0

# What is not ours stays: comments, CDATA, other metadata, arguments, processing instructions.
sed "s,<metadata>,&<other:x xmlns:other='urn:other'><![CDATA[<&>]]></other:x>," "$HVCMA_SRC/examples/libvirt/ram.xml" |
	sed "s,</domain>,<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\
<qemu:arg value='-device'/><qemu:arg value='edu'/></qemu:commandline><!-- kept --></domain>," >"$tmp/mixed"
"$hvcma" domain apply "$tmp/mixed" >"$tmp/mixed.applied"
"$hvcma" domain unapply "$tmp/mixed.applied" >"$tmp/mixed.back"
check "arguments of others stay" has "$tmp/mixed.applied" "//*[local-name()='arg'][2]/@value" edu
check "other metadata, comments and CDATA stay" same_meaning "$tmp/mixed" "$tmp/mixed.back"
check "through standard input and output" eval \
	'"$hvcma" domain apply - <"$tmp/mixed" | cmp - "$tmp/mixed.applied"'
check "a file replaced in one step" eval \
	'cp "$tmp/mixed" "$tmp/in" && "$hvcma" domain apply -o "$tmp/in" "$tmp/in" && cmp "$tmp/in" "$tmp/mixed.applied"'
cp "$tmp/mixed" "$tmp/first"
cp "$HVCMA_SRC/examples/libvirt/emulated.xml" "$tmp/second"
sed "s,<hvcma:region ,&nothing='1' ," "$tmp/second" >"$tmp/faulty"
cp "$tmp/faulty" "$tmp/faulty.before"
check "several files are checked in one run" eval \
	'"$hvcma" domain check --no-host "$tmp/first" "$tmp/second" >"$tmp/said" && [ "$(grep -c "^$tmp/[a-z]*: 1 region: no faults" "$tmp/said")" = 2 ]'
check "the faults of one are told beside the others" eval \
	'"$hvcma" domain check --no-host "$tmp/first" "$tmp/faulty" "$tmp/second" >"$tmp/said"; [ $? -eq 4 ] &&
	[ "$(grep -c "no faults" "$tmp/said")" = 2 ] && grep -q "^$tmp/faulty:[0-9]*: error: " "$tmp/said"'
check "as JSON with the file that has each" eval \
	'"$hvcma" domain check --json --no-host "$tmp/first" "$tmp/faulty" >"$tmp/said"; grep -q "\"file\":.*/faulty\"" "$tmp/said" &&
	[ "$(grep -c "\"errors\":1" "$tmp/said")" = 1 ]'
check "a file that is not there is told beside the others" eval \
	'"$hvcma" domain check --no-host "$tmp/none" "$tmp/first" >"$tmp/said" 2>"$tmp/err"; [ $? -eq 1 ] && grep -q "no faults" "$tmp/said" && grep -q "none: No such file" "$tmp/err"'
"$hvcma" domain apply "$tmp/second" >"$tmp/second.applied"
"$hvcma" domain apply --in-place "$tmp/first" "$tmp/faulty" "$tmp/second" 2>"$tmp/err"
check "several are applied in place, but for one with faults" equal 4 $?
check "the first and the last are what one by one gives" eval \
	'cmp "$tmp/first" "$tmp/mixed.applied" && cmp "$tmp/second" "$tmp/second.applied"'
check "the one with faults stays as it was" cmp "$tmp/faulty" "$tmp/faulty.before"
check "several to one output: refused" eval '"$hvcma" domain apply "$tmp/first" "$tmp/second" >"$tmp/said" 2>"$tmp/err"; [ $? -eq 2 ] && [ ! -s "$tmp/said" ] &&
	grep -q "several files only with --in-place" "$tmp/err"'
check "in place and elsewhere: refused" eval '"$hvcma" domain apply -i -o "$tmp/else" "$tmp/first" 2>"$tmp/err"; [ $? -eq 2 ] && [ ! -e "$tmp/else" ]'
check "the standard input in place: refused" eval '"$hvcma" domain apply -i - <"$tmp/first" >"$tmp/said" 2>"$tmp/err"; [ $? -eq 2 ] && [ ! -s "$tmp/said" ]'
check "a domain without regions stays as it is" eval \
	'"$hvcma" domain unapply "$tmp/mixed" >"$tmp/plain" && same_meaning "$tmp/mixed" "$tmp/plain"'
tap_end
