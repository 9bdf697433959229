# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In a domain that Xen has started itself, which nobody can speak to: it does all by itself, and says so on Xen's console.
# Sourced by the first program of the initramfs (/start).

exec <>/dev/ttyAMA0 >&0 2>&1	# hvc0 is there, and leads nowhere
. /helpers.sh

# say FACT...: found by the test that looks at the console
say()
{
	echo "@dom0less $*"
}

say began
load virtio_cma
say found "$(dmesg | sed -n 's/.*vcma-xen-ram [^ ]*: region ram: domain //p')"
say region "$(dmesg | sed -n 's/.*vcma-xen-ram [^ ]*: region ram: ram, //p')"
say refused "$(dmesg | sed -n 's/.*vcma-xen-ram [^ ]*: machine /machine /p')"
load virtio_mmio
if disk_ready vda; then
	say disk there
	say written "$(disk_fill vda 4 && umount /mnt)"
	say read "$(mount -t ext4 /dev/vda /mnt && disk_check && umount /mnt)"
else
	say disk absent
fi
say client "$(cut -c 1-60 /sys/bus/platform/drivers/vcma-xen-ram/*/vcma/clients)"

# The driver goes, and comes back: it finds the same.
bus=/sys/bus/platform/drivers/virtio-mmio
device=$(cd $bus && echo *.virtio_mmio)
echo "$device" >$bus/unbind
say removed "$(rmmod virtio_cma && echo yes)"
load virtio_cma
echo "$device" >$bus/bind
say again "$(disk_ready vda && mount -t ext4 /dev/vda /mnt && disk_check && umount /mnt)"
say complaints "$(complaints)"
say end
while :; do
	sleep 1000
done
