#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Kubernetes and KubeVirt by their protocols, over gRPC: packaging/kubevirt/hvcma-device-plugin beside a kubelet, and
# hvcma-domain-hook beside a virt-launcher, both played by peers that have the protocols' definitions from elsewhere, as
# protoc makes them. hvcmad and "hvcma domain apply" are the real ones; devices are files of a sysfs that was made for it.
# That the domain comes out right: unit/test_kubevirt. No cluster runs.
#
# check: limit 600

. "$HVCMA_SRC/tests/lib/tap.sh"

case $(uname -m) in aarch64) arch=arm64 ;; *) arch=amd64 ;; esac
programs=$HVCMA_BUILD/$arch
tree=$HVCMA_BUILD/env/kubernetes-amd64
[ -x "$tree/python" ] || skip_all "the environment has no gRPC: make check-libvirt brings it"
[ "$arch" = amd64 ] || skip_all "the programs are for amd64"
[ -x "$programs/hvcmad" ] || skip_all "there is no hvcmad: configure says what it lacks"
[ "$(id -u)" -eq 0 ] || skip_all "the service needs root"
"$programs/hvcma" domain apply --help >/dev/null 2>&1 || skip_all "this hvcma was built without libxml2"
tmp=$(mktemp -d) || exit 1
pids=
finish()
{
	for pid in $pids; do
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	rm -rf "$tmp"
}
trap finish EXIT
packaging=$HVCMA_SRC/packaging/kubevirt
peers=$HVCMA_SRC/tests/libvirt/kubernetes
mkdir -p "$tmp/bin" "$tmp/pb" "$tmp/kubelet" "$tmp/run" "$tmp/sys/bus/pci/drivers/vfio-pci" "$tmp/sys/kernel/iommu_groups/7"
ln -s "$packaging/onDefineDomain" "$tmp/bin/"
export PYTHONPATH="$tmp/pb:$HVCMA_SRC/packaging" PYTHONDONTWRITEBYTECODE=1
"$tree/protoc" -I "$peers" --python_out="$tmp/pb" "$peers/deviceplugin.proto" "$peers/domainhook.proto" || exit 1

# The real one, and if there is a file, a device in quarantine beside what it says.
cat >"$tmp/bin/hvcma" <<END
#!/bin/sh
[ "\$1" = status ] && [ -e "$tmp/quarantined" ] || exec "$programs/hvcma" "\$@"
"$programs/hvcma" "\$@" | python3 -c 'import json, sys
report = json.load(sys.stdin)
report["devices"].append({"device": "0000:01:00.0", "state": "quarantined"})
print(json.dumps(report))'
END
chmod 755 "$tmp/bin/hvcma"
PATH=$tmp/bin:$PATH

# device ADDRESS NODE
device()
{
	mkdir -p "$tmp/sys/bus/pci/devices/$1"
	ln -sfn ../../drivers/vfio-pci "$tmp/sys/bus/pci/devices/$1/driver"
	ln -sfn ../../../../kernel/iommu_groups/7 "$tmp/sys/bus/pci/devices/$1/iommu_group"
	echo "$2" >"$tmp/sys/bus/pci/devices/$1/numa_node"
}

# until SECONDS COMMAND...
until_so()
{
	un_end=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt "$un_end" ] || return
		sleep 0.2
	done
}

service_starts()
{
	"$programs/hvcmad" --config "$tmp/hvcmad.conf" --socket "$tmp/run/hvcmad.socket" >>"$tmp/service.log" 2>&1 &
	service=$!
	pids="$pids $service"
	until_so 20 "$programs/hvcma" status --service="$tmp/run/hvcmad.socket" >/dev/null 2>&1
}

service_ends()
{
	kill "$service"
	wait "$service"
}

kubelet_starts()
{
	rm -f "$tmp/commands"
	mkfifo "$tmp/commands"
	"$tree/python" "$peers/kubelet" "$tmp/kubelet" "$@" <"$tmp/commands" >"$tmp/answers" 2>"$tmp/kubelet.log" &
	pids="$pids $!"
	exec 5>"$tmp/commands"
	asked=0
	until_so 20 [ -e "$tmp/kubelet/kubelet.sock" ]
}

kubelet_ends()
{
	echo end >&5
	exec 5>&-
}

# ask COMMAND...: of the kubelet, its answer
ask()
{
	echo "$*" >&5
	asked=$((asked + 1))
	until_so 20 has_answered && sed -n "${asked}p" "$tmp/answers"
}

has_answered()
{
	[ "$(wc -l <"$tmp/answers")" -ge "$asked" ]
}

# asked_for WANTED COMMAND...: not in a subshell, for answers are counted
asked_for()
{
	as_wanted=$1
	shift
	ask "$@" >"$tmp/answer"
	equal "$as_wanted" "$(cat "$tmp/answer")"
}

# comes WANTED COMMAND...: in its time
comes()
{
	co_end=$(($(date +%s) + 20))
	until asked_for "$@" >"$tmp/note"; do
		[ "$(date +%s)" -lt "$co_end" ] || { cat "$tmp/note"; return 1; }
		sleep 0.3
	done
}

plugin_starts()
{
	"$tree/python" "$packaging/hvcma-device-plugin" --service "$tmp/run/hvcmad.socket" --kubelet "$tmp/kubelet" --sysfs "$tmp/sys" \
		--unit 32 --device example.com/nvme=0000:01:00.0 --device example.com/nvme=0000:02:00.0 \
		>"$tmp/plugin.out" 2>"$tmp/plugin.log" &
	plugin=$!
	pids="$pids $plugin"
}

# usage WORDS ARGUMENT...
usage()
{
	us_words=$1
	shift
	"$tree/python" "$packaging/hvcma-device-plugin" "$@" >"$tmp/out" 2>&1
	[ $? -eq 2 ] && grep -qF -e "$us_words" "$tmp/out" && return
	note "$(cat "$tmp/out")"
	return 1
}

# nvme HEALTH HEALTH: what the kubelet is told of the two devices
nvme()
{
	printf '[{"ID": "0000:01:00.0", "health": "%s", "topology": {"nodes": [{"ID": "1"}]}}, {"ID": "0000:02:00.0", "health": "%s"}]' "$1" "$2"
}

# units HEALTH COUNT
units()
{
	seq 0 $(($2 - 1)) | sed "s/.*/{\"ID\": \"memory-&\", \"health\": \"$1\"}/" | paste -s -d , | sed 's/,{/, {/g; s/.*/[&]/'
}

# ---- the device plugin ----
echo 'totals = { memory = "256M"; pinned = "96M"; regions = 4; };' >"$tmp/hvcmad.conf"
device 0000:01:00.0 1
device 0000:02:00.0 -1
check "the service starts" service_starts
check "a kubelet" kubelet_starts
plugin_starts
check "units of what may be pinned" comes "$(units Healthy 3)" list hvcma.example/memory
check "devices, with their node" comes "$(nvme Healthy Healthy)" list example.com/nvme
check "they are registered once, with their sockets" asked_for \
	'[{"version": "v1beta1", "endpoint": "hvcma-hvcma.example_memory.sock", "resourceName": "hvcma.example/memory", "options": {}}, {"version": "v1beta1", "endpoint": "hvcma-example.com_nvme.sock", "resourceName": "example.com/nvme", "options": {}}]' registered
check "no options" asked_for '{}' options example.com/nvme
check "memory for a pod of two containers" asked_for \
	'{"containerResponses": [{"envs": {"HVCMA_MEMORY_BYTES": "67108864"}}, {"envs": {"HVCMA_MEMORY_BYTES": "33554432"}}]}' \
	allocate hvcma.example/memory memory-0,memory-2 memory-1
check "a device: its address as KubeVirt looks for it, and the group's file" asked_for \
	'{"containerResponses": [{"envs": {"PCI_RESOURCE_EXAMPLE_COM_NVME": "0000:01:00.0"}, "devices": [{"containerPath": "/dev/vfio/7", "hostPath": "/dev/vfio/noiommu-7", "permissions": "r"}]}]}' \
	allocate example.com/nvme 0000:01:00.0
check "a unit that there is not: refused" asked_for '"INVALID_ARGUMENT: hvcma.example/memory has no memory-3"' allocate hvcma.example/memory memory-3
check "nor one of another name" asked_for '"INVALID_ARGUMENT: hvcma.example/memory has no other-0"' allocate hvcma.example/memory other-0
check "a device that is not listed: refused" asked_for '"INVALID_ARGUMENT: example.com/nvme has no 0000:03:00.0"' allocate example.com/nvme 0000:03:00.0

rm "$tmp/sys/bus/pci/devices/0000:02:00.0/driver"
check "a device that is not bound is not healthy" comes "$(nvme Healthy Unhealthy)" list example.com/nvme
rm "$tmp/sys/bus/pci/devices/0000:02:00.0/iommu_group"
check "and can't be had" asked_for '"FAILED_PRECONDITION: 0000:02:00.0 has no group of VFIO"' allocate example.com/nvme 0000:02:00.0
device 0000:02:00.0 -1
check "bound again it is" comes "$(nvme Healthy Healthy)" list example.com/nvme
: >"$tmp/quarantined"
check "a device in quarantine is not healthy" comes "$(nvme Unhealthy Healthy)" list example.com/nvme
rm "$tmp/quarantined"
check "released it is" comes "$(nvme Healthy Healthy)" list example.com/nvme
sed -i 's/96M/160M/' "$tmp/hvcmad.conf"
kill -HUP "$service"
check "a new configuration: more units" comes "$(units Healthy 5)" list hvcma.example/memory
check "the service ends" service_ends
check "nothing of it is healthy" comes "$(units Unhealthy 5)" list hvcma.example/memory
check "nor a device" comes "$(nvme Unhealthy Unhealthy)" list example.com/nvme
check "it is told" grep -q "hvcmad at .* does not answer" "$tmp/plugin.log"
check "it starts again" service_starts
check "all are" comes "$(units Healthy 5)" list hvcma.example/memory

kubelet_ends
check "a kubelet that does not want one of them" kubelet_starts example.com/nvme
check "the other registers again" comes "$(units Healthy 5)" list hvcma.example/memory
check "why is said" until_so 10 grep -q "example.com/nvme: the kubelet does not take it: not with this kubelet" "$tmp/plugin.log"
kubelet_ends
check "the next kubelet" kubelet_starts
check "has both" comes "$(nvme Healthy Healthy)" list example.com/nvme
kill "$plugin"
check "the plugin ends when it is told to" wait "$plugin"
check "the kubelet sees it" comes '"gone"' list hvcma.example/memory
check "nothing was wrong" eval '! grep -B 20 Traceback "$tmp/plugin.log"'
kubelet_ends

check "a name that is none: refused" usage "'nvme' is no name of a resource" --device nvme=0000:01:00.0
check "an address that is none" usage "is not RESOURCE=ADDRESS" --device example.com/nvme=1:0
check "a device twice" usage "0000:01:00.0 is there twice" --device example.com/a=0000:01:00.0 --device example.com/b=0000:01:00.0
check "memory's own name" usage "hvcma.example/memory is the name of the memory" --device hvcma.example/memory=0000:01:00.0
check "no unit" usage "'0' is no number of MiB" --unit 0

# ---- KubeVirt's domain hook ----
cat >"$tmp/domain.xml" <<'END'
<domain type="kvm"><name>v</name><memory unit="b">1073741824</memory><vcpu>1</vcpu><os><type arch="x86_64" machine="q35">hvm</type></os>
<devices><hostdev mode="subsystem" type="pci"><source><address bus="1"/></source><alias name="ua-hostdevice-nvme"/></hostdev></devices></domain>
END
# vmi MIB: a machine with a region of that size
vmi()
{
	printf '{"metadata":{"annotations":{"hvcma.example/regions":"%s"}}}' "<regions xmlns='https://hvcma.example/schemas/domain/1.0'><region name='dma' mode='private'><size unit='MiB'>$1</size><client device='ua-hostdevice-nvme' unsafe-noiommu='yes'/></region></regions>" >"$tmp/vmi"
}

mutates()
{
	"$tree/python" "$peers/launcher" "$tmp/run/hook.sock" "$tmp/domain.xml" "$tmp/vmi" "$@" >"$tmp/out" 2>"$tmp/err"
}

refused()
{
	re_words=$1
	shift
	! mutates "$@" && grep -qF -e "$re_words" "$tmp/out" && return
	note "$(cat "$tmp/out" "$tmp/err")"
	return 1
}

"$tree/python" "$packaging/hvcma-domain-hook" --socket "$tmp/run/hook.sock" 2>"$tmp/hook.log" &
hook=$!
pids="$pids $hook"
check "the hook serves" until_so 20 [ -S "$tmp/run/hook.sock" ]
vmi 64
check "a machine with a region" mutates || note "$(cat "$tmp/out" "$tmp/err" "$tmp/hook.log")"
check "as by the sidecar of KubeVirt before 1.9" eval 'onDefineDomain --vmi "$(cat "$tmp/vmi")" --domain "$(cat "$tmp/domain.xml")
" | cmp - "$tmp/out"'
check "the region is there" equal 65536 "$(xmllint --xpath 'string(//memory[@model="virtio-pmem"]/target/size)' "$tmp/out" 2>&1)"
vmi 63
check "a region that is none: the words, with their line" refused "INVALID_ARGUMENT: annotation hvcma.example/regions:1: error: the size of region 'dma'"
check "they are in the log, too" grep -q "the size of region 'dma'" "$tmp/hook.log"
check "another type of domain" refused "UNIMPLEMENTED: the domain is of type 'other', not libvirt" other
echo '{}' >"$tmp/vmi"
check "a machine without regions stays as it is" eval 'mutates && cmp "$tmp/out" "$tmp/domain.xml"'
rm "$tmp/bin/onDefineDomain"
check "no onDefineDomain" refused "INTERNAL: onDefineDomain can't be run"
kill "$hook"
check "it ends when it is told to" wait "$hook"
check "a socket that can't be" eval '! "$tree/python" "$packaging/hvcma-domain-hook" --socket "$tmp/none/hook.sock" 2>"$tmp/err" &&
	grep -q "^hvcma-domain-hook: " "$tmp/err"'
tap_end
