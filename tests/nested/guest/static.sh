. ./lib.sh
nvme=$(nvme_pci)
vfio_take "$nvme"
grep -i huge /proc/meminfo; cat /sys/kernel/mm/hugepages/*/free_hugepages
export VM_MEMORY=$1 VM_MACHINE=memory-backend=m0
page=$2; shift 2
nested_guest -object memory-backend-memfd,id=m0,size=$VM_MEMORY,hugetlb=on,hugetlbsize=$page,share=on,prealloc=on -device virtio-cma-pci,id=cma0,memdev=m0,mode=static,clients=nv0,unsafe-noiommu=on,default=on -device "vfio-pci,host=$nvme,id=nv0" "$@"
vm_booted 1 60 || cat $VM_DIR/qemu.log
"$HVCMA_BUILD/arm64/hvcma" status --qmp "$VM_DIR/qmp" | head -40
guest 'load ext4 nvme; disk_ready nvme0n1; disk_fill nvme0n1 16; disk_check; umount /mnt'
guest 'dmesg | grep -E "nvme|CMA|reserved mem" | tail -n 8; cat /proc/modules'
pci_master "$nvme"
vm_quit
pci_master "$nvme"
