#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# oVirt: packaging/ovirt/50_hvcma, run as VDSM runs hooks before it starts a machine: the domain in a file whose name is in
# the environment, custom properties there, too. What it writes, what it leaves alone, what it refuses with which words and
# status. "hvcma domain apply" is the real one. No VDSM runs.

. "$HVCMA_SRC/tests/lib/tap.sh"

case $(uname -m) in aarch64) arch=arm64 ;; *) arch=amd64 ;; esac
hvcma=$HVCMA_BUILD/$arch/hvcma
"$hvcma" domain apply --help >/dev/null 2>&1 || skip_all "this hvcma was built without libxml2"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
export PYTHONDONTWRITEBYTECODE=1
mkdir -p "$tmp/bin" "$tmp/before_vm_start"
ln -s "$hvcma" "$tmp/bin/hvcma"
sed "s,@MODULEDIR@,$HVCMA_SRC/packaging," "$HVCMA_SRC/packaging/ovirt/50_hvcma" >"$tmp/before_vm_start/50_hvcma"
# What comes after ours.
printf '#!/bin/sh\n: >"%s/others"\n' "$tmp" >"$tmp/before_vm_start/60_other"
chmod 755 "$tmp"/before_vm_start/*

# The form of VDSM's domains: metadata of its own, addresses as numbers.
cat >"$tmp/domain.xml" <<'END'
<?xml version='1.0' encoding='utf-8'?>
<domain xmlns:ns0="http://ovirt.org/vm/tune/1.0" xmlns:ovirt-vm="http://ovirt.org/vm/1.0" type="kvm">
	<name>camera</name>
	<uuid>0f8fad5b-d9cb-469f-a165-70867728950e</uuid>
	<memory>1048576</memory>
	<vcpu current="2">16</vcpu>
	<metadata>
		<ns0:qos />
		<ovirt-vm:vm><ovirt-vm:clusterVersion>4.7</ovirt-vm:clusterVersion></ovirt-vm:vm>
	</metadata>
	<os>
		<type arch="x86_64" machine="pc-q35-rhel9.2.0">hvm</type>
	</os>
	<features>
		<acpi />
	</features>
	<devices>
		<emulator>/usr/bin/qemu-system-x86_64</emulator>
		<hostdev managed="no" mode="subsystem" type="pci">
			<source>
				<address bus="1" domain="0" function="0" slot="0" type="pci" />
			</source>
			<alias name="ua-nvme" />
		</hostdev>
	</devices>
</domain>
END
cat >"$tmp/regions.xml" <<'END'
<regions xmlns='https://hvcma.example/schemas/domain/1.0'>
  <region name='dma' mode='private' service='yes'>
    <size unit='MiB'>64</size>
    <client device='ua-nvme' unsafe-noiommu='yes'/>
  </region>
</regions>
END
cp "$tmp/regions.xml" "$tmp/good.xml"

# vdsm [PROPERTY]: what VDSM does: all that is executable in the folder, in order, until one says 2; sets the last status
vdsm()
{
	rm -f "$tmp/others"
	cp "$tmp/domain.xml" "$tmp/file"
	: >"$tmp/err"
	status=0
	for script in "$tmp"/before_vm_start/*; do
		env ${1+"hvcma=$1"} PATH="$tmp/bin:$PATH" vmId=0f8fad5b-d9cb-469f-a165-70867728950e _hook_domxml="$tmp/file" \
			"$script" >"$tmp/out" 2>>"$tmp/err"
		status=$?
		[ $status -ne 2 ] || return
	done
}

declares()
{
	vdsm "$(cat "$tmp/regions.xml")"
	[ $status -eq 0 ] && return
	note "$(cat "$tmp/err")"
	return 1
}

# refuses WORDS: of $tmp/regions.xml, in these words; no hook runs after it, the domain is as it was
refuses()
{
	vdsm "$(cat "$tmp/regions.xml")"
	[ $status -eq 2 ] && grep -qF -e "$1" "$tmp/err" && [ ! -e "$tmp/others" ] && cmp "$tmp/file" "$tmp/domain.xml" && return
	note "status $status, wanted '$1', said: $(cat "$tmp/err")"
	return 1
}

# has XPATH VALUE
has()
{
	equal "$2" "$(xmllint --xpath "string($1)" "$tmp/file" 2>/dev/null)"
}

# without_ours FILE: meaning of what is not written by or for hvcma
without_ours()
{
	"$hvcma" domain unapply "$1" | xmllint --noblanks --exc-c14n - | tr -d '\n' | sed 's,<regions .*</regions>,,'
}

vdsm
check "a machine without the property" [ "$status" -eq 0 ]
check "stays as it is, byte for byte" cmp "$tmp/file" "$tmp/domain.xml"
check "and the next hook runs" [ -e "$tmp/others" ]
check "a machine with a region" declares
check "nothing is said then" [ ! -s "$tmp/err" ]
check "the next hook runs" [ -e "$tmp/others" ]
check "the region is a memory device" has '//memory[@model="virtio-pmem"]/target/size' 65536
check "with the device's driver" has '//*[local-name()="property"][@name="driver"]/@value' virtio-cma-pci
check "and its client" has '//*[local-name()="property"][@name="clients"]/@value' ua-nvme
check "the emulator is the wrapper" eval 'xmllint --xpath "string(//emulator)" "$tmp/file" | grep -q "/hvcma-qemu-system-x86_64$"'
check "VDSM's own metadata are there" has '//*[local-name()="clusterVersion"]' 4.7
check "hvcma has nothing against the result" eval '"$hvcma" domain check --no-host "$tmp/file" | grep -q "no faults"'
check "what is not ours means what it did" equal \
	"$(sed "s,<memory>,<memory unit='KiB'>," "$tmp/domain.xml" | xmllint --noblanks --exc-c14n -)" "$(without_ours "$tmp/file")"
check "negative control: a device more is seen" eval 'sed "s,<devices>,&<input/>," "$tmp/file" >"$tmp/more" &&
	! equal "$(without_ours "$tmp/file")" "$(without_ours "$tmp/more")" >/dev/null'

sed -i "s,>64<,>63<," "$tmp/regions.xml"
check "a size that is none: hvcma's words, with the property's line" refuses "property hvcma:3: error: the size of region 'dma'"
sed "s,ua-nvme,ua-none," "$tmp/good.xml" >"$tmp/regions.xml"
check "a device that the machine has not" refuses "property hvcma:4: error: client of region 'dma': no device has the alias"
: >"$tmp/regions.xml"
check "an empty property" refuses 'property hvcma is not well-formed XML'
echo '<regions/>' >"$tmp/regions.xml"
check "another namespace" refuses 'property hvcma: the element is not <regions> of https://hvcma.example/schemas/domain/1.0'
cp "$tmp/good.xml" "$tmp/regions.xml"
mv "$tmp/domain.xml" "$tmp/whole.xml"
head -n 5 "$tmp/whole.xml" >"$tmp/domain.xml"
check "a domain that is no XML" refuses 'hvcma: the domain is not well-formed XML'
mv "$tmp/whole.xml" "$tmp/domain.xml"
check "no file at all" eval '! hvcma=$(cat "$tmp/good.xml") "$tmp/before_vm_start/50_hvcma" 2>"$tmp/err" &&
	grep -q "VDSM says no _hook_domxml" "$tmp/err"'
check "a file that is not there" eval '! _hook_domxml=$tmp/none hvcma=$(cat "$tmp/good.xml") "$tmp/before_vm_start/50_hvcma" 2>"$tmp/err" &&
	grep -q "/none: No such file" "$tmp/err"'
rm "$tmp/bin/hvcma"
PATH=$(printf %s "$PATH" | tr : '\n' | while read -r dir; do [ -x "$dir/hvcma" ] || printf '%s:' "$dir"; done)
check "hvcma is missing" refuses "hvcma can't be run: No such file"
tap_end
