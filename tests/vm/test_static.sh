#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# mode=static in an ordinary virtual machine: stock kernels without a module of ours, the emulated
# NVMe controller on the test fabric, where DMA reaches pinned memory at its host-physical address
# only. Extents are scattered:
#
#	guest RAM    | 64M | 64M | 64M | ...      each ends with a guard page
#	on the bus     5     2     7     ...
#
# Then a machine of two NUMA nodes, of which only the first is static: what the second CPU reads
# into its own memory bounces through the first node. And what is refused.
#
# The client of the first machine is not coherent, on a host where that can be: the stock kernel
# maps uncached what it allocates for it.

. "$HVCMA_SRC/tests/lib/testbed.sh"

for tool in dtc fdtput dt-validate; do
	command -v $tool >/dev/null || skip_all "$tool is not installed (dt-schema, device-tree-compiler)"
done
fake=x-fabric=on,x-provider=fake,granule=2M,x-fake-shuffle=on
device=virtio-cma-pci,id=cma0,mode=static,unsafe-noiommu=on,clients=nv0
hvcma=$HVCMA_BUILD/$VM_NATIVE/hvcma

# static_start SERIES QEMU-OPTION...
static_start()
{
	ss_series=$1
	shift
	rm -f "$VM_TMP/disk"
	truncate -s 64M "$VM_TMP/disk"
	initramfs "$VM_TMP/initramfs" arm64 "$ss_series" virtio_pci crc32c_generic ext4 nvme
	# shellcheck disable=SC2046 # options are words
	vm_start arm64 "$(kernel_dir arm64 "$ss_series")/vmlinuz" "$VM_TMP/initramfs" "$@" \
		$(disk_options nv0 "$VM_TMP/disk" "${STATIC_NVME-}")
	vm_booted 1 90
}

# disk_works WHAT [COMMAND-PREFIX]
disk_works()
{
	source=$(guest disk_fill nvme0n1 16)
	check "$1: 16 MiB read back are what was written" same_as "$source" "$(guest "${2-} sh -c '. /helpers.sh; disk_check'")"
	guest umount /mnt
	check "$1: the image outside holds the file" same_as "$source" "$(disk_outside "$VM_TMP/disk")"
	check "$1: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
}

# tree FILE: what it holds, in one order
tree()
{
	dtc -q -s -I dtb -O dts "$1" | md5sum
}

# The device tree as QEMU gave it to the guest.
dump_tree()
{
	rm -f "$VM_TMP/vm.dtb"
	monitor "dumpdtb $VM_TMP/vm.dtb"
	wait_until 5 eval '[ -s "$VM_TMP/vm.dtb" ]'
	sleep 0.2
}

# bus_is_coherent: as the guest's kernel was told; the bridge inherits what the root says
bus_is_coherent()
{
	guest 'cd /sys/firmware/devicetree/base; [ -e dma-coherent ] || [ -e pcie@10000000/dma-coherent ]'
}

# nr_uncached: of the kernel's mappings, those of coherent memory for devices that are not
nr_uncached()
{
	guest grep -c dma-coherent /proc/vmallocinfo
}

# windows_dma FILE: where each window is on the bus, in the order of guest memory
windows_dma()
{
	"$hvcma" fdt show --json "$1" | sed -n 's/.*"dma": *\([0-9]*\).*/\1/p'
}

nr_windows()
{
	windows_dma "$1" | wc -l
}

# ---- all of the guest's RAM, scattered ----
what="6.1, all RAM"
VM_MEMORY=512M VM_MACHINE=memory-backend=ram static_start 6.1 -object memory-backend-ram,id=ram,size=512M \
	-device $device,memdev=ram,default=on,coherent=off,stage2=no-fwb,x-fake-extent=32,$fake
check "$what: the guest boots" vm_alive
check "$what: its bus is not coherent" eval '! bus_is_coherent'
check "$what: the client's memory is to be uncached" status_is /clients/0/attr uncached
check "$what: QEMU keeps off all of it" status_is /attributes/noncoherent-bytes $((512 << 20))
check "$what: the client is claimed" status_is /clients/0/state claimed
check "$what: all RAM is pinned" status_is /counters/pinned-bytes $((512 << 20))
dump_tree
cp "$VM_TMP/vm.dtb" "$VM_TMP/first.dtb"
check "$what: a window for each extent" equal "$(status /counters/extents)" "$(nr_windows "$VM_TMP/vm.dtb")"
check "$what: more than one" [ "$(status /counters/extents)" -eq 8 ]
check "$what: hvcma fdt check finds nothing" "$hvcma" fdt check "$VM_TMP/vm.dtb"
check "$what: dtc takes the tree" dtc -q -I dtb -O dtb -o /dev/null "$VM_TMP/vm.dtb"
cp "$VM_TMP/vm.dtb" "$VM_TMP/again.dtb"
check "$what: windows from the running machine" \
	"$hvcma" fdt dma-ranges --granule 2M --qmp "$VM_DIR/qmp" "$VM_TMP/again.dtb"
check "$what: are the same" equal "$(tree "$VM_TMP/vm.dtb")" "$(tree "$VM_TMP/again.dtb")"
fdtput -r "$VM_TMP/again.dtb" /reserved-memory/dma-guard@43fff000
"$hvcma" fdt check "$VM_TMP/again.dtb" >"$VM_TMP/findings"
# Of 8 ends the last has no memory behind it, and Linux bounces what is above the highest on the bus.
borders=7
[ "$(windows_dma "$VM_TMP/vm.dtb" | tail -n 1)" = "$(windows_dma "$VM_TMP/vm.dtb" | sort -n | tail -n 1)" ] || borders=6
check "$what: control: without guards, it would find the $borders borders inside" \
	equal $borders "$(grep -c ^border: "$VM_TMP/findings")"
uncached=$(nr_uncached)
guest load ext4 nvme
check "$what: the stock driver finds its disk" guest disk_ready nvme0n1
check "$what: its queues are mapped uncached" [ "$(nr_uncached)" -gt "$uncached" ]
disk_works "$what"
check "$what: the guest's virtio code takes the device anew" \
	guest 'cd /sys/bus/pci/drivers/virtio-pci; set -- */virtio*; dev=${1%/*}; echo $dev >unbind && [ ! -e $dev ] && echo $dev >bind && [ -e $dev ]'
check "$what: the guest's reset of a device it has no driver for disturbs nobody" \
	guest 'dd if=/dev/nvme0n1 of=/dev/null bs=1M count=8 iflag=direct'
check "$what: the client is still claimed" status_is /clients/0/state claimed
check "$what: the guards are no memory of the kernel's" \
	equal 8 "$(guest "sed -n 's/^ *\([0-9a-f]*\)fff000-\1ffffff : reserved$/x/p; s/^ *\(4\|5\)\([37bf]\)fff000-\(4\|5\)[37bf]ffffff : reserved$/x/p' /proc/iomem | grep -c x")"
monitor system_reset
check "$what: reset: the guest boots again" vm_booted 2 90
check "$what: reset: the client is claimed again" status_is /clients/0/state claimed
check "$what: reset: all RAM is pinned" status_is /counters/pinned-bytes $((512 << 20))
check "$what: reset: no bus master before its driver" status_is /clients/0/bus-master false
guest load ext4 nvme
check "$what: reset: the stock driver finds its disk" guest disk_ready nvme0n1
check "$what: QEMU ends well" vm_quit

# ---- what others say of that tree ----
# dtc_kinds FILE: the kinds of dtc's warnings
dtc_kinds()
{
	dtc -I dtb -O dtb -o /dev/null "$1" 2>&1 | sed -n 's/.*Warning (\([a-z0-9_]*\)).*/\1/p' | sort -u
}

# violations FILE: of the public schemas and our own; chosen has addresses of each machine's own
violations()
{
	dt-validate -s "$VM_TMP/schema.json" "$1" 2>&1 | sed "s,^$1: ,," |
		grep -vE '^chosen: |From schema: ' | sort -u
}

# news COMMAND FILE: what it says of that file and not of the tree as the machine has it
news()
{
	"$1" "$VM_TMP/plain.dtb" >"$VM_TMP/plain.said"
	"$1" "$2" >"$VM_TMP/said"
	comm -13 "$VM_TMP/plain.said" "$VM_TMP/said"
}

VM_MEMORY=512M VM_MACHINE=memory-backend=ram vm_tree "$VM_TMP/plain.dtb" "$(kernel_dir arm64 6.1)/vmlinuz" \
	"$VM_TMP/initramfs" -object memory-backend-ram,id=ram,size=512M
dt-mk-schema -j -o "$VM_TMP/schema.json" "$HVCMA_SRC/docs/bindings" 2>/dev/null
cp "$VM_TMP/first.dtb" "$VM_TMP/broken.dtb"
fdtput -d "$VM_TMP/broken.dtb" /reserved-memory/dma-guard@43fff000 no-map
fdtput -d "$VM_TMP/broken.dtb" /reserved-memory '#size-cells'
check "$what: dtc warns of nothing that it does not in QEMU's own tree" equal '' "$(news dtc_kinds "$VM_TMP/first.dtb")"
check "$what: control: it would" [ -n "$(news dtc_kinds "$VM_TMP/broken.dtb")" ]
check "$what: nor does dt-validate" equal '' "$(news violations "$VM_TMP/first.dtb")"
check "$what: control: it would" eval 'news violations "$VM_TMP/broken.dtb" | grep -q "no-map"'

# ---- the first of two NUMA nodes ----
what="6.12, one node of two"
STATIC_NVME=bus=slot0 VM_MEMORY=1536M static_start 6.12 -device pcie-root-port,id=slot0,chassis=1,slot=1 \
	-object memory-backend-ram,id=near,size=1G -object memory-backend-ram,id=far,size=512M \
	-numa node,nodeid=0,cpus=0,memdev=near -numa node,nodeid=1,cpus=1,memdev=far \
	-device $device,memdev=near,x-fake-extent=64,$fake
check "$what: the guest boots" vm_alive
uncached=$(nr_uncached)
guest load ext4 nvme
check "$what: the stock driver finds its disk" guest disk_ready nvme0n1
check "$what: control: of a coherent device they are not" same_as "$uncached" "$(nr_uncached)"
disk_works "$what" 'taskset 2'
dump_tree
check "$what: a note, and no fault" "$hvcma" fdt check "$VM_TMP/vm.dtb"
check "$what: the note is on the second node" eval '"$hvcma" fdt check "$VM_TMP/vm.dtb" | grep -q "^note: window: .*0x80000000"'
guest mount -t debugfs debugfs /sys/kernel/debug
check "$what: buffers of the second node have bounced" \
	[ "$(guest cat /sys/kernel/debug/swiotlb/io_tlb_used_hiwater)" -gt 0 ]
monitor device_del nv0
check "$what: the client is unplugged" wait_until 20 status_is /clients/0/state absent
# QEMU frees the device a little later: until then its drive is taken.
plugged_again()
{
	for _ in 1 2 3 4 5 6 7 8; do
		monitor device_add nvme,id=nv0,drive=nv0-disk,serial=nv0,bus=slot0
		wait_until 3 status_is /clients/0/state claimed && return
	done
	return 1
}
check "$what: plugged again, it is claimed" plugged_again
live=$(guest disk_live)
check "$what: and works" same_as "$source" "$(guest "mount -t ext4 /dev/$live /mnt && disk_check; umount /mnt")"
check "$what: still not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
check "$what: QEMU ends well" vm_quit

# ---- a memory device ----
what="6.1, a region beside the RAM"
VM_MEMORY=512M,maxmem=8G static_start 6.1 -object memory-backend-ram,id=more,size=256M \
	-device pcie-root-port,id=slot0,chassis=1,slot=1 \
	-device $device,memdev=more,default=on,pool=32M,x-fake-extent=32,$fake
check "$what: the client is claimed" status_is /clients/0/state claimed
check "$what: its bus is coherent" bus_is_coherent
check "$what: the guest boots" vm_alive
check "$what: it is memory of the guest's" guest '[ "$(awk "/^MemTotal/ { print \$2 }" /proc/meminfo)" -gt 600000 ]'
check "$what: the guest's CMA is in it" equal 32768 "$(guest "awk '/^CmaTotal/ { print \$2 }' /proc/meminfo")"
dump_tree
check "$what: a window for each extent" equal 4 "$(nr_windows "$VM_TMP/vm.dtb")"
check "$what: hvcma fdt check finds nothing" "$hvcma" fdt check --quiet "$VM_TMP/vm.dtb"
monitor object_add memory-backend-ram,id=late-mem,size=64M
monitor device_add virtio-cma-pci,id=late,bus=slot0,memdev=late-mem,mode=static,unsafe-noiommu=on,clients=nv1,$fake
check "$what: refused: another one, while the guest runs" \
	wait_until 5 monitor_answered 1 "'late': mode=static must be there when the machine starts"
check "$what: refused: which changes nothing" status_is /clients/0/state claimed
check "$what: QEMU ends well" vm_quit

# ---- refusals ----
# refused WHAT WORDS QEMU-OPTION...: QEMU ends before a guest runs, and says why
refused()
{
	refused_what=$1 refused_words=$2
	shift 2
	# shellcheck disable=SC2046 # options are words
	vm_start "${refused_arch:-arm64}" "$(kernel_dir "${refused_arch:-arm64}" 6.1)/vmlinuz" "$VM_TMP/initramfs" "$@" \
		$(disk_options nv0 "$VM_TMP/disk")
	check "refused: $refused_what" wait_until 20 vm_dead
	vm_kill
	grep -q -e "$refused_words" "$VM_DIR/qemu.log"
	refused_status=$?
	[ $refused_status -eq 0 ] || note "$(cat "$VM_DIR/qemu.log")"
	tap_result $refused_status "refused: $refused_what: says '$refused_words'"
}

export VM_MEMORY=512M VM_MACHINE=memory-backend=ram
ram='-object memory-backend-ram,id=ram,size=512M'
# shellcheck disable=SC2086 # options are words
{
	refused "no unsafe-noiommu=on" 'needs unsafe-noiommu=on' $ram \
		-device virtio-cma-pci,memdev=ram,mode=static,clients=nv0,x-provider=fake,granule=2M
	refused "discard=on" 'discard=on contradicts it' $ram -device $device,memdev=ram,discard=on,$fake
	refused "a pin limit" 'pin-limit= contradicts it' $ram -device $device,memdev=ram,pin-limit=2M,$fake
	refused "a reservation" 'a reservation contradicts it' $ram \
		-device "$device,memdev=ram,name=st,regions=st/nv0=2M,$fake"
	refused "an extent that ends in the kernel" 'the kernel is loaded to' $ram \
		-device $device,memdev=ram,x-fake-extent=4,$fake
	refused "a pool larger than an extent" 'does not fit: its extents' $ram \
		-device $device,memdev=ram,x-fake-extent=32,pool=128M,$fake
	refused "an emulated device beside the client" "device 'bystander'" $ram \
		-device $device,memdev=ram,x-fake-extent=32,$fake -device edu,id=bystander
	refused "a virtio device that asks for DMA addresses" "device 'bystander'" $ram \
		-device $device,memdev=ram,x-fake-extent=32,$fake \
		-device virtio-rng-pci,id=bystander,iommu_platform=on,disable-legacy=on
	refused "clients of one bus, coherent and not" "coherent=off for client 'nv0' and not for 'second'" $ram \
		-device virtio-cma-pci,memdev=ram,mode=static,unsafe-noiommu=on,clients=nv0:second,coherent=nv0=off,stage2=no-fwb,x-fake-extent=32,$fake \
		-device edu,id=second
	truncate -s 4096 "$VM_TMP/bios"
	refused "firmware, which gives the guest ACPI" 'firmware gives the guest ACPI' $ram -bios "$VM_TMP/bios" \
		-device $device,memdev=ram,$fake
	VM_MACHINE=memory-backend=ram,acpi=off refused "firmware, and several extents" \
		'8 extents: where firmware loads a kernel' $ram -bios "$VM_TMP/bios" \
		-device $device,memdev=ram,x-fake-extent=32,$fake
	VM_MACHINE='' VM_MEMORY=512M,slots=2,maxmem=8G refused_arch=amd64 refused "a machine without device tree" \
		"machine 'pc-q35-.*' has none" $ram -device $device,memdev=ram,$fake
}

# ---- firmware that may, and a client that may not ----
what="firmware without ACPI, one extent"
# shellcheck disable=SC2046,SC2086 # options are words
VM_MACHINE=memory-backend=ram,acpi=off vm_start arm64 "$(kernel_dir arm64 6.1)/vmlinuz" "$VM_TMP/initramfs" -S \
	$ram -bios "$VM_TMP/bios" -device $device,memdev=ram,coherent=off,stage2=fwb,$fake \
	$(disk_options nv0 "$VM_TMP/disk")
check "$what: QEMU starts" wait_until 20 status_is /counters/extents 1
dump_tree
check "$what: the window is in the tree" equal 1 "$(nr_windows "$VM_TMP/vm.dtb")"
check "$what: not coherent, with FWB: the client is refused" status_is /clients/0/refused true
check "$what: and not claimed" status_is /clients/0/state present
check "$what: QEMU says why" \
	grep -q "client 'nv0' can't be used by the guest: in static mode nothing in the guest would fail coherent" "$VM_DIR/qemu.log"
check "$what: QEMU ends well" vm_quit
tap_end
