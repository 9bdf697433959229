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

# finds FILE MARK TEXT: what was said of it is a finding in the line that has MARK, with TEXT and a fix
finds()
{
	fi_line=$(grep -n -e "$2" "$1" | head -n 1 | cut -d : -f 1)
	grep -A 1 -F "$1:$fi_line: error: " "$tmp/said" >"$tmp/found"
	if grep -qF -e "$3" "$tmp/found" && grep -q '^    fix: .' "$tmp/found"; then
		return
	fi
	note "wanted line $fi_line: $3; said: $(grep -A 1 -F "$1:" "$tmp/said")"
	return 1
}

# A fault a line: form (by the schema, too) or meaning, example, what sed does to it, a mark of the
# line that is named, and words of the message. All are checked, and applied, in one run each.
mkdir "$tmp/faults" "$tmp/before"
cat >"$tmp/table" <<'EOL'
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
form~reusable~s,name='banka',& surrender='true',~surrender=~attribute 'surrender' of <region> is 'true', not yes, no
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
meaning~reusable~s,name='below4g',& surrender='yes',~below4g~surrender='yes' is of mode='reusable'
meaning~reusable~s,name='banka',& surrender='yes',~nodeset~what comes back with surrender='yes' is of any NUMA node
meaning~reusable~s,name='banka',& surrender='yes',;s, nodeset='0',,;s,<hvcma:pin limit='128' unit='MiB',<hvcma:pin mode='all',~<hvcma:pin~nothing is idle that surrender='yes' could give
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
other~private~s,<hvcma:regions xmlns:hvcma='[^']*',<regions,; s,/hvcma:regions,/regions,; s,hvcma:,,g~<regions>~element 'regions' in <metadata> has no namespace
other~private~s,<metadata>,,; s,</metadata>,,~<hvcma:regions~element 'regions' of our namespace is in <domain>
other~private~s,</metadata>,&<metadata/>,~</metadata>~<metadata> comes twice
form~private~s,<hvcma:client ,lend &,~<hvcma:region ~text 'lend' in <region>
form~private~s,<hvcma:contiguous mode='required' run='128' unit='MiB'/>,<hvcma:contiguous mode='best'>x</hvcma:contiguous>,~<hvcma:contiguous~text 'x' in <contiguous>
form~reusable~s,max='2048' unit='MiB'/>,max='2048' unit='MiB'>512</hvcma:size>,~percent=~text '512' in <size> beside percent=
form~reusable~s,nodeset='0',nodeset='0-',~nodeset=~attribute 'nodeset' of <hugepages> is '0-'
form~reusable~s,nodeset='0',nodeset='0\,\,1',~nodeset=~attribute 'nodeset' of <hugepages> is '0,,1'
meaning~reusable~s,nodeset='0',nodeset='3-1',~nodeset=~attribute 'nodeset' of <hugepages> is '3-1'
meaning~reusable~s,nodeset='0',nodeset='0-2000',~nodeset=~attribute 'nodeset' of <hugepages> is '0-2000'
meaning~reusable~s,min='256',min='257',~<hvcma:size~the least size of region 'banka' is 269484032 bytes, not a multiple
meaning~private~s,'MiB'>512,'EiB'>8,~<hvcma:size~come to more than 4503599627370496 bytes
meaning~reusable~s,'MiB'>32</hvcma:size,'EiB'>15</hvcma:size,; s,percent='25' min='256' max='2048' unit='MiB'/,unit='EiB'>15</hvcma:size,~<hvcma:size unit='EiB'>15~come to more than 4503599627370496 bytes
meaning~private~s,<memory unit='GiB'>4,<memory unit='EiB'>4,~<memory~come to more than 4503599627370496 bytes
meaning~private~s,'MiB'>64<,'bytes'>4097<,~<hvcma:reservation~is 4097 bytes, limit: multiples of 4096
meaning~static~s,'MiB'>128<,'MiB'>512<,~<hvcma:pool~the pool of region 'banka' is 536870912 bytes, limit: the region's 268435456
meaning~static~s,aarch64' machine='virt',x86_64' machine='q35',;s,qemu-system-aarch64,qemu-system-x86_64,~<hvcma:region ~mode='static' is of machine 'virt' of Arm
meaning~ram~s,<hvcma:client,<hvcma:hugepages size='1' unit='GiB'/>&,~<hvcma:hugepages~mode='ram' has the pages that the guest starts with
form~service~s,service='yes',service='on',~service=~attribute 'service' of <region> is 'on', not yes, no
meaning~ram~s,mode='ram',& service='yes',~<hvcma:region ~and the domain's RAM is not shared
meaning~emulated~s,device='ua-net'/>,device='ua-net'><hvcma:window bus='0' memory='0' size='4' unit='GiB'/></hvcma:client>,~<hvcma:window~windows are about host-physical addresses
meaning~reusable~s,<hvcma:client kind='coherent' unsafe-noiommu='yes'>,<hvcma:client device='ua-nvme' kind='coherent' unsafe-noiommu='yes'>,;/<hvcma:address/d~kind=~has other windows in region 'banka'
meaning~private~s,type='pci' managed,type='usb' managed,~<hostdev~client of region 'banka' has no PCI address
meaning~private~s,bus='0x01',bus='first',~<hostdev~client of region 'banka' has no PCI address
meaning~emulated~s,interface type='user',interface type='hostdev' managed='no',;s,<model type='e1000e'/>,<source><address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source>,~<hvcma:client~a passed-through device without an IOMMU can write anywhere
meaning~emulated~s,device='ua-net',& unsafe-noiommu='yes',~<hvcma:client~which is emulated, beside clients with unsafe-noiommu='yes'
meaning~private~s,</devices>,<interface type='user'><alias name='ua-net'/></interface>&,;s,</hvcma:region>,<hvcma:client device='ua-net'/>&,~device='ua-net'~which is emulated, beside clients with unsafe-noiommu='yes'
meaning~emulated~s,e1000e,virtio,~<interface~is a virtio device without <driver iommu='on'/>
meaning~emulated~s,</devices>,<disk type='block'><target dev='vda' bus='virtio'/><alias name='ua-disk'/></disk>&,;s,device='ua-net',device='ua-disk',~<disk~is a virtio device without <driver iommu='on'/>
meaning~emulated~s,</devices>,<interface type='user'><alias name='ua-net'/></interface>&,~<interface type='user'><alias~two devices have the alias 'ua-net'
meaning~emulated~s,ua-net,net0,g~<hvcma:client~alias 'net0', which libvirt does not keep
meaning~private~s,domain type='kvm',domain type='xen',~<domain~domain type 'xen' is none that QEMU runs
meaning~private~s,arch='x86_64',arch='riscv64',~arch=~architecture 'riscv64', for which there is no plugin
meaning~emulated~s,machine='q35',machine='microvm',~machine=~machine 'microvm' has no memory devices
meaning~private~s,<devices>,<launchSecurity type='sev'/>&,~<launchSecurity~memory of a confidential guest
meaning~private~s,</domain>,<q:override xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><q:device alias='ua-hvcma-banka'><q:frontend><q:property name='driver' type='string' value='virtio-cma-pci'/><q:property name='attr' type='string' value='cached'/></q:frontend></q:device></q:override>&,~<q:override~has the property 'attr', which would be lost
meaning~private~s,</domain>,<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><q:arg value='e1000\,id=ua-hvcma-banka'/></q:commandline>&,~<q:commandline~has an id of ours beside the declared regions
meaning~private~s,</domain>,<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><q:arg value='-m'/><q:arg value='8G'/></q:commandline>&,~<q:commandline~sets the memory of the machine
EOL
nr=100
while IFS='~' read -r _ example edit _; do
	nr=$((nr + 1))
	sed "$edit" "$examples/$example.xml" >"$tmp/faults/$nr.xml"
	cp "$tmp/faults/$nr.xml" "$tmp/before/$nr.xml"
done <"$tmp/table"
"$hvcma" domain check --no-host "$tmp"/faults/*.xml >"$tmp/said"
check "$((nr - 100)) domains with faults" equal 4 $?
"$hvcma" domain apply --mounts /dev/null -i "$tmp"/faults/*.xml >"$tmp/out" 2>/dev/null
check "none is applied" equal 4 $?
check "and nothing printed" [ ! -s "$tmp/out" ]
check "all stay as they were" diff -r "$tmp/before" "$tmp/faults"
nr=100
while IFS='~' read -r kind example edit mark text; do
	nr=$((nr + 1))
	fault=$tmp/faults/$nr.xml
	check "$example, $edit: $text" finds "$fault" "$mark" "$text"
	case $kind in
	form) check "$example, $edit: the schema agrees" eval '! by_schema "$fault"' ;;
	meaning) check "$example, $edit: the schema can't know" by_schema "$fault" ;;
	esac
done <"$tmp/table"

# An attribute of one region is not that of another.
sed "s,unsafe-noiommu='yes'/>,/>,; s,<hvcma:client kind.*,<hvcma:client device='ua-nvme' unsafe-noiommu='yes'>,
	s,<hvcma:address.*,," "$examples/reusable.xml" >"$tmp/fault.xml"
"$hvcma" domain check --no-host "$tmp/fault.xml" >"$tmp/said"
check "a device of two regions, unsafe in one alone" finds "$tmp/fault.xml" "device='ua-nvme' unsafe" \
	"of which one alone is unsafe"
check "negative control: another line is not that one" eval '! finds "$tmp/fault.xml" "<domain" "of which one alone is unsafe" >/dev/null'
check "negative control: nor are other words" eval '! finds "$tmp/fault.xml" "device=.ua-nvme. unsafe" "of which both are" >/dev/null'
"$hvcma" domain apply --mounts /dev/null "$tmp/fault.xml" >"$tmp/out" 2>"$tmp/said"
check "applied to the standard output: faults" equal 4 $?
check "and nothing comes" [ ! -s "$tmp/out" ]
cp "$tmp/fault.xml" "$tmp/target.xml"
check "applied over another file: that stays" eval \
	'! "$hvcma" domain apply --mounts /dev/null -o "$tmp/target.xml" "$tmp/fault.xml" 2>/dev/null && cmp "$tmp/fault.xml" "$tmp/target.xml"'

check "as JSON: line, words and fix" eval '"$hvcma" domain check --json --no-host "$tmp/fault.xml" |
	python3 -c "import json, sys; f = json.load(sys.stdin); \
		assert f[\"errors\"] == len(f[\"findings\"]) > 0, f; \
		assert all(x[\"line\"] > 0 and x[\"text\"] and x[\"fix\"] for x in f[\"findings\"]), f"'
awk '/<hvcma:regions/ { for (i = 0; i < 70000; i++) print "" } { print }' "$examples/private.xml" |
	sed "s,mode='private',mode='secret'," >"$tmp/long.xml"
"$hvcma" domain check --no-host "$tmp/long.xml" >"$tmp/said"
check "a line beyond 65,535" finds "$tmp/long.xml" "'secret'" "attribute 'mode' of <region> is 'secret'"
check "input that is no text" eval 'head -c 4096 /dev/urandom | "$hvcma" domain check --no-host - >"$tmp/said"; [ $? -eq 4 ]'
check "no input" eval '"$hvcma" domain check --no-host - </dev/null >"$tmp/said"; [ $? -eq 4 ]'
check "more than a domain can be" eval 'head -c 40000000 /dev/zero | tr "\0" " " | "$hvcma" domain check --no-host - >"$tmp/said"
	[ $? -eq 4 ] && grep -q limit "$tmp/said"'
check "a file that is not there" eval '"$hvcma" domain check "$tmp/none" 2>"$tmp/said"; [ $? -eq 1 ]'
check "no file at all" eval '"$hvcma" domain check 2>"$tmp/said"; [ $? -eq 2 ]'
check "unapply does with faults, too" eval '"$hvcma" domain unapply "$tmp/fault.xml" >/dev/null'
check "what can't be written" eval '"$hvcma" domain apply -o "$tmp/none/out" "$examples/private.xml" 2>"$tmp/said"; [ $? -eq 1 ]'


# ---- one element to attach: faults are found before libvirt is asked ----
# plugged WHAT STATUS TEXT: of $tmp/element.xml
plugged()
{
	"$hvcma" domain "attach-$1" -c none:///none vm "$tmp/element.xml" 2>"$tmp/said"
	pl_status=$?
	[ $pl_status -eq "$2" ] && grep -qF -e "$3" "$tmp/said" && return
	note "status $pl_status: $(cat "$tmp/said")"
	return 1
}

namespace=https://hvcma.example/schemas/domain/1.0
while IFS='~' read -r what text element; do
	printf '%b' "$element" >"$tmp/element.xml"
	check "attach-$what $element: $text" plugged "$what" 4 "element.xml:$text"
done <<EOL
region~2: error: attribute 'percent' of <size> is '101'~<region xmlns='$namespace' name='a'>\\n<size percent='101'/></region>
region~3: error: attribute 'mode' of <region> is 'x'~<?xml version='1.0'\\n?>\\n<region xmlns='$namespace' name='a' mode='x'/>
region~1: error: element 'region' in <regions> is of another namespace~<region name='a'/>
region~2: error: more than one element~<region xmlns='$namespace' name='a'/>\\n<region xmlns='$namespace' name='b'/>
region~1: error: no element~
region~1: error: not well-formed XML~<region
region~1: error: not well-formed XML~</hvcma:regions>
device~2: error: more than one element~<hostdev/>\\n<hostdev/>
device~1: error: no element~hostdev
device~1: error: not well-formed XML~<hostdev>
EOL
printf "<?xml version='1.0'?><region xmlns='%s' name='a'/>" "$namespace" >"$tmp/element.xml"
check "one without is what libvirt is asked about" plugged region 1 none
printf '<hostdev/>\0<x>' >"$tmp/element.xml"
check "a byte of 0 does not end it" plugged device 4 'a byte of 0'

# ---- files that are replaced ----
cp "$examples/private.xml" "$tmp/own.xml"
chmod 600 "$tmp/own.xml"
ln -s own.xml "$tmp/link.xml"
check "a file that others may not read, by a link" "$hvcma" domain apply -i "$tmp/link.xml"
check "others still may not" equal 600 "$(stat -c %a "$tmp/own.xml")"
check "the link is still one" [ -L "$tmp/link.xml" ]
check "and it was applied" grep -q ua-hvcma-banka "$tmp/own.xml"
cp "$examples/private.xml" "$tmp/own.xml"
# A file of 512 bytes at most, as if the disk were full.
(
	trap '' XFSZ
	ulimit -f 1
	exec "$hvcma" domain apply -i "$tmp/own.xml" 2>"$tmp/said"
)
check "a disk that is full" equal 1 $?
check "the domain stays as it was" cmp "$examples/private.xml" "$tmp/own.xml"
check "and nothing is left beside it" equal "$tmp/own.xml" "$(echo "$tmp"/own.xml*)"
check "standard output that is full" eval '! "$hvcma" domain apply "$examples/private.xml" >/dev/full 2>"$tmp/said"'

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
check "no service" eval '"$hvcma" domain check --sysfs "$sysfs" --mounts "$tmp/mounts" --emulator "$tmp/emulator" --service "$tmp/none" "$examples/service.xml" >"$tmp/said"
	finds "$examples/service.xml" "<hvcma:region " "the service'\''s socket $tmp/none: No such file"'
echo 1 >"$pool/nr_overcommit_hugepages"
check "surplus pages count" host ''
echo 1 >"$pool/resv_hugepages"
check "reserved ones don't" host 'need 256 of them, 255 can be had now'
echo 300 >"$pool/free_hugepages"
sed "s,<hvcma:contiguous.*,<hvcma:hugepages nodeset='1'/>," "$examples/private.xml" >"$tmp/nodes.xml"
check "a NUMA node that the host has not" host 'this host has no NUMA node 1' "$tmp/nodes.xml"
node=$sysfs/devices/system/node/node1/hugepages/hugepages-2048kB
mkdir -p "$node"
echo 254 >"$node/free_hugepages"
check "too few hugepages on the nodes named" host 'need 256 of them on NUMA nodes 1, 255 can be had now' "$tmp/nodes.xml"
echo 255 >"$node/free_hugepages"
check "enough of them" host '' "$tmp/nodes.xml"
echo intel >"$sysfs/groups/0/name"
check "a hostdev with an IOMMU" host 'device 0000:01:00.0 has an IOMMU'
rm "$nvme/iommu_group"
check "a hostdev that is not bound" host 'is not bound to vfio-pci in no-IOMMU mode'
rm -r "$nvme"
check "a hostdev that is not there" host 'this host has no device 0000:01:00.0'
check "without the host all is well" host '' --no-host
rm -r "$pool"
sed "/<emulator/d" "$examples/emulated.xml" >"$tmp/plain.xml"
check "an emulator that is not named has the line of <devices>" eval '"$hvcma" domain check --emulator "$tmp/none" --sysfs "$sysfs" --mounts "$tmp/mounts" "$tmp/plain.xml" >"$tmp/said"
	finds "$tmp/plain.xml" "<devices>" "No such file"'
check "a size that the host has not" host 'this host has no hugepages of 2097152 bytes'
tap_end
