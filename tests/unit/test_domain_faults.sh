#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Faults of domains with regions: each is found, in its line, with what mends it, and nothing is
# applied then. What is wrong in form is wrong by the schema, too. No libvirt runs.

. "$HVCMA_SRC/tests/lib/tap.sh"

case $(uname -m) in aarch64) arch=arm64 ;; *) arch=amd64 ;; esac
hvcma=$HVCMA_BUILD/$arch/hvcma
schema=$HVCMA_SRC/hv/libvirt/domain.rng
examples=$HVCMA_SRC/examples/libvirt
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

"$hvcma" domain check --help >/dev/null 2>&1 || skip_all "this hvcma was built without libxml2"

# by_schema FILE: is its metadata what the schema says?
by_schema()
{
	xmllint --xpath "/domain/metadata/*" "$1" >"$tmp/metadata.xml" 2>/dev/null &&
		xmllint --noout --relaxng "$schema" "$tmp/metadata.xml" 2>/dev/null
}

# finds FILE MARK TEXT: a finding in the line that has MARK, with TEXT and a fix
finds()
{
	fi_line=$(grep -n -e "$2" "$1" | head -n 1 | cut -d : -f 1)
	"$hvcma" domain check --no-host "$1" >"$tmp/said"
	fi_status=$?
	if [ $fi_status -eq 4 ] && grep -F "$1:$fi_line: error: " "$tmp/said" | grep -qF -e "$3" &&
		grep -q '^    fix: .' "$tmp/said"; then
		return
	fi
	note "status $fi_status, wanted line $fi_line: $3; said: $(cat "$tmp/said")"
	return 1
}

# applies_nothing FILE
applies_nothing()
{
	cp "$1" "$tmp/before"
	"$hvcma" domain apply --mounts /dev/null "$1" >"$tmp/out" 2>/dev/null
	an_status=$?
	"$hvcma" domain apply --mounts /dev/null -o "$1" "$1" 2>/dev/null
	[ $an_status -eq 4 ] && [ ! -s "$tmp/out" ] && cmp "$1" "$tmp/before"
}

# A fault a line: form (by the schema, too) or meaning, example, what sed does to it, a mark of the
# line that is named, and words of the message.
while IFS='~' read -r kind example edit mark text; do
	[ -n "$kind" ] || continue
	sed "$edit" "$examples/$example.xml" >"$tmp/fault.xml"
	check "$example, $edit: $text" finds "$tmp/fault.xml" "$mark" "$text"
	check "$example, $edit: and nothing is applied" applies_nothing "$tmp/fault.xml"
	case $kind in
	form) check "$example, $edit: the schema agrees" eval '! by_schema "$tmp/fault.xml"' ;;
	meaning) check "$example, $edit: the schema can't know" by_schema "$tmp/fault.xml" ;;
	esac
done <<'EOL'
other~private~s,</vcpu>,</vcp>,~<vcpu>~not well-formed XML
other~private~s,^<domain,<!DOCTYPE domain []>&,~<!DOCTYPE~a document type
other~private~s,domain type=.kvm.,network,;s,</domain,</network,~<network~the outermost element is <network>
other~private~s,schemas/domain/1.0,schemas/domain/2.0,~<hvcma:regions~has the namespace 'https://hvcma.example/schemas/domain/2.0', which nobody reads
other~private~s,hvcma:regions,hvcma:areas,~<hvcma:areas~unknown element 'areas' of our namespace
form~private~s,mode='private',colour='red',~colour=~unknown attribute 'colour' in <region>
form~private~s,hvcma:reservation,hvcma:reserve,g~<hvcma:reserve~unknown element 'reserve' in <client>
form~private~s,<hvcma:size.*,&&,~<hvcma:size~<size> comes twice in <region>
form~private~s,<hvcma:size,<size,;s,hvcma:size>,size>,~<size~is of another namespace, or of none
form~private~s,mode='private',mode='secret',~'secret'~attribute 'mode' of <region> is 'secret', not private, reusable, auto, static, ram
form~private~s, name='banka',,~<hvcma:region m~a region without a name
form~private~s,name='banka',name='bank a',~bank a~attribute 'name' of <region> is 'bank a'
form~private~s,>512<,>half<,~>half<~the content of <size> is 'half', not a size above 0
form~private~s,'MiB'>512,'MBit'>512,~MBit~attribute 'unit' of <size> is 'MBit'
form~reusable~s,percent='25',percent='101',~percent=~attribute 'percent' of <size> is '101', not 1 to 100
form~reusable~s,percent='25',percent='0',~percent=~attribute 'percent' of <size> is '0', not 1 to 100
form~reusable~s,nodeset='0',nodeset='all',~nodeset=~attribute 'nodeset' of <hugepages> is 'all'
form~reusable~s,default='yes',default='true',~default=~attribute 'default' of <region> is 'true', not yes, no
form~reusable~s, bus='0' memory='0',,~<hvcma:window~<window> has no attribute 'bus'
form~reusable~s,device='ua-nvme' unsafe,unsafe,~<hvcma:client unsafe~neither an alias nor an address
form~reusable~s,<hvcma:client kind,<hvcma:client device='ua-nvme' kind,~kind=~has both an alias and an address
meaning~reusable~s,min='256' max='2048',min='2048' max='256',~<hvcma:size~min of <size> is above its max
meaning~reusable~s,bus='0x02' slot='0x00',bus='0x100' slot='0x00',~<hvcma:address~is none of a PCI device
meaning~private~s,>512<,>513<,~>513<~is 537919488 bytes, not a multiple of its hugepages of 2097152
meaning~private~s,run='128',run='1024',~run=~limit: the region's 536870912
meaning~private~s,>64<,>1024<,~<hvcma:region ~reserves 1073741824 bytes for its clients, limit: 536870912
meaning~private~/<hvcma:size/d~<hvcma:region ~region 'banka' has no <size>
meaning~reusable~s,size='2' unit='MiB',size='4' unit='GiB',;s,max='2048',max='1024',~<hvcma:size~less than one hugepage of 4294967296
meaning~reusable~s,name='below4g',& default='yes',~below4g~is the second default region, after 'banka'
meaning~reusable~s,name='below4g',name='banka',~private~two regions are called 'banka'
meaning~private~s,device='ua-nvme',device='ua-none',~ua-none~no device has the alias 'ua-none'
meaning~reusable~s,bus='0x02' slot='0x00' function='0x0'/>$,&<!-- -->,;0,/bus='0x02'/s,0x02,0x03,~kind=~no hostdev has the address 0000:03:00.0
meaning~reusable~s,<hvcma:client device.*,&<hvcma:client device='ua-nvme'/>,~device='ua-nvme'~names the same client twice
meaning~private~s, unsafe-noiommu='yes',,~<hvcma:client~a passed-through device without an IOMMU can write anywhere
meaning~private~s,managed='no',managed='yes',~managed=~has managed='yes'
meaning~emulated~s,</hvcma:regions>,<hvcma:region name='b'><hvcma:size unit='MiB'>2</hvcma:size><hvcma:contiguous mode='best'/></hvcma:region>&,~name='b'~where host pages lie matters to devices without an IOMMU alone
meaning~reusable~s,</hvcma:region>,<hvcma:contiguous mode='best'/>&,~nodeset~pages of <low> or <contiguous> are chosen from all NUMA nodes
meaning~private~s,mode='required',mode='best',~run=~run= of <contiguous> is of mode='required'
meaning~private~s,</hvcma:region>,<hvcma:pool>64</hvcma:pool>&,~<hvcma:pool~<pool> is of mode='static'
meaning~private~s,</hvcma:region>,<hvcma:pin mode='all'/>&,~<hvcma:pin~<pin mode='all'> is of mode='reusable'
meaning~reusable~s,<hvcma:pin,& mode='all',~<hvcma:pin~<pin> has mode='all' and a limit
meaning~ram~s,<hvcma:client,<hvcma:size>4096</hvcma:size>&,~<hvcma:size~mode='ram' has the size of the domain's RAM
meaning~ram~/<hugepages/d~<hvcma:region ~the domain's RAM is not on hugepages
meaning~ram~s,</hvcma:regions>,<hvcma:region name='b' mode='reusable'><hvcma:size unit='MiB'>2</hvcma:size></hvcma:region>&,~name='banka'~beside region 'b', which is RAM of the guest, too
meaning~ram~s,<hvcma:client.*,,~<hvcma:region ~is of use to devices without an IOMMU alone
meaning~static~s,<hvcma:client.*,,~<hvcma:region ~no client may have them
meaning~static~s,bus='0x1000000000',bus='0x1000000001',~<hvcma:window~limit: multiples of 4096 bytes
meaning~static~s,<hvcma:window.*,&&,~<hvcma:region ~windows of region 'banka'
meaning~private~s,<memory,<maxMemory slots='1' unit='GiB'>4</maxMemory>&,~<maxMemory~maxMemory is 4294967296 bytes, at least needed: 5368709120
meaning~reusable~s,<memory,<maxMemory slots='1' unit='GiB'>16</maxMemory>&,~<maxMemory~maxMemory has slots='1', needed: 2
meaning~private~s,/usr/bin/qemu-system,/opt/qemu-system,~<emulator>~has no wrapper that brings the plugin along
meaning~private~s,<name>private,<name>..,~<name>~can't be the name of a folder
meaning~private~s,<memory unit='GiB'>4<,<memory unit='GiB'>four<,~<memory~<memory> is 'four', not a size
meaning~private~s,ua-nvme'/>$,ua-hvcma-banka'/>,;s,device='ua-nvme',device='ua-hvcma-banka',~<hostdev~has the alias 'ua-hvcma-banka', which is a region's
meaning~private~s,</domain>,<q:override xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><q:device alias='ua-hvcma-banka'/></q:override>&,~<q:override~is not ours, and would be lost
meaning~private~s,</domain>,<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><q:arg value='virtio-cma-pci\,id=x'/></q:commandline>&,~<q:commandline~has a virtio-cma device beside the declared regions
meaning~private~s,</domain>,<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><q:env name='LD_PRELOAD' value='/x/hvcma-preload.so'/></q:commandline>&,~<q:commandline~preloads the plugin itself
EOL

# An attribute of one region is not that of another.
sed "s,unsafe-noiommu='yes'/>,/>,; s,<hvcma:client kind.*,<hvcma:client device='ua-nvme' unsafe-noiommu='yes'>,
	s,<hvcma:address.*,," "$examples/reusable.xml" >"$tmp/fault.xml"
check "a device of two regions, unsafe in one alone" finds "$tmp/fault.xml" "device='ua-nvme' unsafe" \
	"of which one alone is unsafe"

check "as JSON: line, words and fix" eval '"$hvcma" domain check --json --no-host "$tmp/fault.xml" |
	python3 -c "import json, sys; f = json.load(sys.stdin); \
		assert f[\"errors\"] == len(f[\"findings\"]) > 0, f; \
		assert all(x[\"line\"] > 0 and x[\"text\"] and x[\"fix\"] for x in f[\"findings\"]), f"'
check "input that is no text" eval 'head -c 4096 /dev/urandom | "$hvcma" domain check --no-host - >"$tmp/said"; [ $? -eq 4 ]'
check "no input" eval '"$hvcma" domain check --no-host - </dev/null >"$tmp/said"; [ $? -eq 4 ]'
check "more than a domain can be" eval 'head -c 40000000 /dev/zero | tr "\0" " " | "$hvcma" domain check --no-host - >"$tmp/said"
	[ $? -eq 4 ] && grep -q limit "$tmp/said"'
check "a file that is not there" eval '"$hvcma" domain check "$tmp/none" 2>"$tmp/said"; [ $? -eq 1 ]'
check "no file at all" eval '"$hvcma" domain check 2>"$tmp/said"; [ $? -eq 2 ]'
check "unapply does with faults, too" eval '"$hvcma" domain unapply "$tmp/fault.xml" >/dev/null'
check "what can't be written" eval '"$hvcma" domain apply -o "$tmp/none/out" "$examples/private.xml" 2>"$tmp/said"; [ $? -eq 1 ]'

# ---- the host, as files tell it ----
sysfs=$tmp/sys
pool=$sysfs/kernel/mm/hugepages/hugepages-2048kB
nvme=$sysfs/bus/pci/devices/0000:01:00.0
mkdir -p "$pool" "$nvme" "$sysfs/groups/0"
for file in free_hugepages resv_hugepages nr_overcommit_hugepages surplus_hugepages; do
	echo 0 >"$pool/$file"
done
echo 256 >"$pool/free_hugepages"
echo vfio-noiommu >"$sysfs/groups/0/name"
ln -s "$sysfs/groups/0" "$nvme/iommu_group"
echo "hugetlbfs /dev/hugepages hugetlbfs rw,relatime,pagesize=2M 0 0" >"$tmp/mounts"
printf '#!/bin/sh\nexit 0\n' >"$tmp/emulator"
printf '#!/bin/sh\necho "virtio-cma: this is QEMU 9.2.0, supported: 10.0.x" >&2\nexit 1\n' >"$tmp/old"
printf '#!/bin/sh\necho "Device virtio-cma-pci not found" >&2\nexit 1\n' >"$tmp/plain"
chmod +x "$tmp/emulator" "$tmp/old" "$tmp/plain"

# host TEXT [OPTION...]: what check says of this host, once TEXT is "" nothing
host()
{
	ho_text=$1
	shift
	"$hvcma" domain check --sysfs "$sysfs" --mounts "$tmp/mounts" --emulator "$tmp/emulator" "$@" \
		"$examples/private.xml" >"$tmp/said"
	ho_status=$?
	[ -z "$ho_text" ] && [ $ho_status -eq 0 ] && return
	[ -n "$ho_text" ] && [ $ho_status -eq 4 ] && grep -qF -e "$ho_text" "$tmp/said" && return
	note "status $ho_status: $(cat "$tmp/said")"
	return 1
}

check "a host that has all" host ''
check "a plugin for another QEMU" host 'does not take the plugin: this is QEMU 9.2.0' --emulator "$tmp/old"
check "an emulator without modules" host 'has no device virtio-cma-pci' --emulator "$tmp/plain"
check "no emulator" host 'No such file' --emulator "$tmp/none"
check "no hugetlbfs" host 'no hugetlbfs with pages of 2097152 bytes is mounted' --mounts /dev/null
echo 255 >"$pool/free_hugepages"
check "too few hugepages" host 'need 256 of them, 255 can be had now'
echo 1 >"$pool/nr_overcommit_hugepages"
check "surplus pages count" host ''
echo 1 >"$pool/resv_hugepages"
check "reserved ones don't" host 'need 256 of them, 255 can be had now'
echo 300 >"$pool/free_hugepages"
echo intel >"$sysfs/groups/0/name"
check "a hostdev with an IOMMU" host 'device 0000:01:00.0 has an IOMMU'
rm "$nvme/iommu_group"
check "a hostdev that is not bound" host 'is not bound to vfio-pci in no-IOMMU mode'
rm -r "$nvme"
check "a hostdev that is not there" host 'this host has no device 0000:01:00.0'
check "without the host all is well" host '' --no-host
rm -r "$pool"
check "a size that the host has not" host 'this host has no hugepages of 2097152 bytes'
tap_end
