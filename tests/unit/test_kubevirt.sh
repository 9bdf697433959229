#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# KubeVirt: packaging/kubevirt/onDefineDomain, run as its sidecar-shim runs it, by name out of PATH with the machine as
# JSON and the domain as XML in arguments: what it writes, what it leaves alone, what it refuses with which words. And
# the manifests: they are YAML, the service takes its configuration, the machine's annotation is good. No cluster runs.

. "$HVCMA_SRC/tests/lib/tap.sh"

case $(uname -m) in aarch64) arch=arm64 ;; *) arch=amd64 ;; esac
hvcma=$HVCMA_BUILD/$arch/hvcma
"$hvcma" domain apply --help >/dev/null 2>&1 || skip_all "this hvcma was built without libxml2"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/bin"
ln -s "$hvcma" "$tmp/bin/hvcma"
ln -s "$HVCMA_SRC/packaging/kubevirt/onDefineDomain" "$tmp/bin/onDefineDomain"
export PYTHONPATH="$HVCMA_SRC/packaging" PYTHONDONTWRITEBYTECODE=1

# The form of KubeVirt's domains: tabs, no declaration, no empty elements, metadata of its own.
cat >"$tmp/domain.xml" <<'END'
<domain type="kvm" xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0">
	<name>default_camera</name>
	<memory unit="b">1073741824</memory>
	<os>
		<type arch="x86_64" machine="q35">hvm</type>
	</os>
	<devices>
		<hostdev type="pci" managed="no" mode="subsystem">
			<source>
				<address type="pci" domain="0x0000" bus="0x01" slot="0x00" function="0x0"></address>
			</source>
			<alias name="ua-hostdevice-nvme"></alias>
		</hostdev>
	</devices>
	<metadata>
		<kubevirt xmlns="http://kubevirt.io">
			<uid>f4686d2c-6e8d-4335-b8fd-81bee22f4814</uid>
		</kubevirt>
	</metadata>
	<features>
		<acpi></acpi>
	</features>
	<vcpu placement="static">2</vcpu>
</domain>
END
cat >"$tmp/regions.xml" <<'END'
<?xml version='1.0'?>
<!-- of the machine's owner -->
<regions xmlns='https://hvcma.example/schemas/domain/1.0'>
  <region name='dma' mode='private' service='yes'>
    <size unit='MiB'>64</size>
    <client device='ua-hostdevice-nvme' unsafe-noiommu='yes'/>
  </region>
</regions>
<!-- end -->
END

# vmi [FILE]: a machine as KubeVirt has it, with this annotation
vmi()
{
	python3 -c '
import json, sys
of = {"kubevirt.io/latest-observed-api-version": "v1", "hooks.kubevirt.io/hookSidecars": "[]"}
if len(sys.argv) > 1:
    of["hvcma.example/regions"] = open(sys.argv[1], encoding="utf-8").read()
print(json.dumps({"kind": "VirtualMachineInstance", "metadata": {"name": "camera", "annotations": of}, "spec": {}}))' "$@"
}

# shim VMI DOMAIN: what sidecar-shim does
shim()
{
	PATH=$tmp/bin:$PATH onDefineDomain --vmi "$1" --domain "$2" >"$tmp/out" 2>"$tmp/err"
}

# declares DOMAIN: with $tmp/regions.xml
declares()
{
	shim "$(vmi "$tmp/regions.xml")" "$1" && return
	note "$(cat "$tmp/err")"
	return 1
}

# refused WORDS VMI DOMAIN: with these words, and nothing that KubeVirt could take for a domain
refused()
{
	if shim "$2" "$3" || ! grep -qF -e "$1" "$tmp/err" || [ -s "$tmp/out" ]; then
		note "wanted '$1', said: $(cat "$tmp/err")"
		return 1
	fi
}

# refuses WORDS: of $tmp/regions.xml as it is now
refuses()
{
	refused "$1" "$(vmi "$tmp/regions.xml")" "$domain"
}

# has XPATH VALUE
has()
{
	equal "$2" "$(xmllint --xpath "string($1)" "$tmp/out" 2>/dev/null)"
}

# without_ours FILE: meaning of what is not written by or for hvcma
without_ours()
{
	"$hvcma" domain unapply "$1" | xmllint --noblanks --exc-c14n - | tr -d '\n' | sed 's,<regions .*</regions>,,'
}

domain=$(cat "$tmp/domain.xml")
cp "$tmp/regions.xml" "$tmp/good.xml"

# ---- what it writes ----
check "a machine with a region" declares "$domain"
check "nothing is said then" [ ! -s "$tmp/err" ]
check "the region is a memory device" has '//memory[@model="virtio-pmem"]/target/size' 65536
check "with the device's driver" has '//*[local-name()="property"][@name="driver"]/@value' virtio-cma-pci
check "and its client" has '//*[local-name()="property"][@name="clients"]/@value' ua-hostdevice-nvme
check "the emulator is the wrapper" eval 'xmllint --xpath "string(//emulator)" "$tmp/out" | grep -q "/hvcma-qemu-system-x86_64$"'
check "KubeVirt's own metadata are there" has '//*[local-name()="kubevirt"]/*' f4686d2c-6e8d-4335-b8fd-81bee22f4814
check "hvcma has nothing against the result" eval '"$hvcma" domain check --no-host "$tmp/out" | grep -q "no faults"'
check "what is not ours means what it did" equal \
	"$(sed 's,<memory unit="b">1073741824,<memory unit="KiB">1048576,' "$tmp/domain.xml" | xmllint --noblanks --exc-c14n -)" \
	"$(without_ours "$tmp/out")"
check "negative control: a device more is seen" eval 'sed "s,<devices>,&<input/>," "$tmp/out" >"$tmp/more" &&
	! equal "$(without_ours "$tmp/out")" "$(without_ours "$tmp/more")" >/dev/null'
cp "$tmp/out" "$tmp/first"
check "the form --vmi=JSON" eval 'PATH=$tmp/bin:$PATH onDefineDomain --domain="$domain" --vmi="$(vmi "$tmp/regions.xml")" |
	cmp - "$tmp/first"'

# Wherever the domain has its metadata, or has none.
for form in '<metadata></metadata>' '<metadata/>' "<metadata a='/>' />" ''; do
	printf '<domain type="kvm"><name>v</name>%s<memory>1048576</memory><vcpu>1</vcpu><os><type arch="x86_64" machine="q35">hvm</type></os>%s</domain>' \
		"$form" '<devices><hostdev mode="subsystem" type="pci"><source><address bus="1"/></source><alias name="ua-hostdevice-nvme"/></hostdev></devices>' \
		>"$tmp/form.xml"
	check "metadata as '$form'" declares "$(cat "$tmp/form.xml")"
	check "the region is there" has '//memory[@model="virtio-pmem"]/target/size' 65536
done

# A machine that is none of ours.
for other in "$(vmi)" '{}' '{"metadata":null}' '{"metadata":{}}' '{"metadata":{"annotations":null}}'; do
	check "no annotation: the domain stays, byte for byte: $(printf %.40s "$other")" eval 'shim "$other" "$domain" &&
		printf %s "$domain" | cmp - "$tmp/out"'
done
mv "$tmp/bin/hvcma" "$tmp/bin/away"
check "also where hvcma is missing" eval 'shim "$(vmi)" "$domain" && [ -s "$tmp/out" ]'
PATH_WAS=$PATH
PATH=$(printf %s "$PATH" | tr : '\n' | while read -r dir; do [ -x "$dir/hvcma" ] || printf '%s:' "$dir"; done)
check "a region where it is missing: refused" refuses "hvcma can't be run: No such file"
PATH=$PATH_WAS
mv "$tmp/bin/away" "$tmp/bin/hvcma"

# ---- what it refuses ----
sed -i "s,>64<,>63<," "$tmp/regions.xml"
check "a size that is none: hvcma's words, with the annotation's line" refuses \
	"annotation hvcma.example/regions:5: error: the size of region 'dma'"
check "with hvcma's status" eval 'shim "$(vmi "$tmp/regions.xml")" "$domain"; [ $? -eq 4 ]'
sed "s,hostdevice-nvme,hostdevice-none," "$tmp/good.xml" >"$tmp/regions.xml"
check "a device that the machine has not" refuses "annotation hvcma.example/regions:6: error: client of region 'dma': no device has the alias"
cp "$tmp/good.xml" "$tmp/regions.xml"
check "a line of the domain before the annotation is the domain's" eval 'refused "domain:5: error:" "$(vmi "$tmp/regions.xml")" \
	"$(sed "s,machine=.q35.,machine=\"isapc\"," "$tmp/domain.xml")"'
check "and after it" eval 'refused "domain:24: error:" "$(vmi "$tmp/regions.xml")" \
	"$(sed "s,</domain>,<launchSecurity type=\"sev\"/>&," "$tmp/domain.xml")"'
check "regions that are declared already" refused 'hvcma domain apply refuses' "$(vmi "$tmp/regions.xml")" "$(cat "$tmp/first")"
check "a domain that is no XML" refused 'the domain is not well-formed XML' "$(vmi "$tmp/regions.xml")" '<domain'
check "an empty one" refused 'the domain is empty' "$(vmi "$tmp/regions.xml")" '<domain/>'
check "a domain with a document type" refused 'the domain has a document type' "$(vmi "$tmp/regions.xml")" '<!DOCTYPE domain><domain><name/></domain>'
: >"$tmp/regions.xml"
check "an empty annotation" refuses 'annotation hvcma.example/regions is not well-formed XML'
echo '<regions><region' >"$tmp/regions.xml"
check "an annotation that is no XML" refuses 'annotation hvcma.example/regions is not well-formed XML'
sed 's,domain/1.0,domain/2.0,' "$tmp/good.xml" >"$tmp/regions.xml"
check "another namespace" refuses 'the element is not <regions> of https://hvcma.example/schemas/domain/1.0'
echo "<a/>" >"$tmp/regions.xml"
check "another element" refuses 'the element is not <regions>'
sed "s,^<regions,<!DOCTYPE regions [<!ENTITY a 'aaaa'>]>&," "$tmp/good.xml" >"$tmp/regions.xml"
check "an annotation with a document type" refuses 'annotation hvcma.example/regions has a document type'
echo "</metadata><devices/><metadata>" >"$tmp/regions.xml"
check "what would leave <metadata>" refuses 'annotation hvcma.example/regions is not well-formed XML'
cp "$tmp/good.xml" "$tmp/regions.xml"
check "a machine that is no JSON" refused '--vmi is not JSON' '{"metadata"' "$domain"
check "nothing" refused '--vmi is not JSON' '' "$domain"
check "a machine that is a list" refused '--vmi: no object that has metadata' '[]' "$domain"
check "annotations that are a list" refused '--vmi: metadata.annotations is no object' '{"metadata":{"annotations":[]}}' "$domain"
check "an annotation that is a number" refused 'annotation hvcma.example/regions is no text' \
	'{"metadata":{"annotations":{"hvcma.example/regions":1}}}' "$domain"
check "half a character" refused 'annotation hvcma.example/regions is no UTF-8' \
	'{"metadata":{"annotations":{"hvcma.example/regions":"\ud800"}}}' "$domain"
check "JSON that is too deep" refused '--vmi is not JSON' "$(python3 -c 'print("[" * 60000)')" "$domain"
check "no domain at all: wrong usage" eval 'PATH=$tmp/bin:$PATH onDefineDomain --vmi "{}" >"$tmp/out" 2>"$tmp/err"; [ $? -eq 2 ] &&
	grep -q -e "--domain" "$tmp/err" && [ ! -s "$tmp/out" ]'
check "an output that is full" eval '! PATH=$tmp/bin:$PATH onDefineDomain --vmi "$(vmi)" --domain "$domain" >/dev/full 2>"$tmp/err" &&
	grep -q "can.t be written: No space" "$tmp/err"'

# ---- manifests ----
# documents FILE: parsed; each has what every object of Kubernetes has; texts of interest go to $tmp
documents()
{
	python3 - "$1" "$tmp" 2>"$tmp/err" <<'END'
import json, sys, yaml
for one in yaml.safe_load_all(open(sys.argv[1], encoding="utf-8")):
	assert one["apiVersion"] and one["kind"] and one["metadata"]["name"], one
	if one["kind"] == "ConfigMap":
		open(sys.argv[2] + "/hvcmad.conf", "w").write(one["data"]["hvcmad.conf"])
	if one["kind"] == "VirtualMachineInstance":
		json.dump(one, open(sys.argv[2] + "/vmi.json", "w"))
		sidecars = json.loads(one["metadata"]["annotations"]["hooks.kubevirt.io/hookSidecars"])
		assert [s for s in sidecars if s["image"] and s["args"] == ["--version", "v1alpha2"]], sidecars
		alias = "ua-hostdevice-" + one["spec"]["domain"]["devices"]["hostDevices"][0]["name"]
		assert alias in one["metadata"]["annotations"]["hvcma.example/regions"], alias
END
}

if python3 -c 'import yaml' 2>/dev/null; then
	for file in "$HVCMA_SRC"/packaging/kubevirt/*.yaml; do
		check "$(basename "$file"): YAML of objects" eval 'documents "$file" || ! note "$(cat "$tmp/err")"'
	done
	sed 's,^  name: hvcmad,\t&,' "$HVCMA_SRC/packaging/kubevirt/node.yaml" >"$tmp/wrong.yaml"
	check "negative control: a tab is none of YAML's" eval '! documents "$tmp/wrong.yaml"'
	check "the machine's annotation is good" eval 'shim "$(cat "$tmp/vmi.json")" "$domain" && cmp "$tmp/out" "$tmp/first"'
	# Its group is the image's.
	sed -i 's,"qemu",'"\"$(id -gn)\"," "$tmp/hvcmad.conf"
	if [ -x "$HVCMA_BUILD/$arch/hvcmad" ]; then
		check "hvcmad takes the configuration" eval '"$HVCMA_BUILD/$arch/hvcmad" --config "$tmp/hvcmad.conf" --check-config >"$tmp/said" 2>&1 ||
			! note "$(cat "$tmp/said")"'
		sed -i 's,pinned,pined,' "$tmp/hvcmad.conf"
		check "negative control: not any" eval '! "$HVCMA_BUILD/$arch/hvcmad" --config "$tmp/hvcmad.conf" --check-config >/dev/null 2>&1'
	else
		tap_skip "hvcmad takes the configuration" "it was not built"
	fi
else
	tap_skip "manifests" "python3 has no yaml"
fi
tap_end
