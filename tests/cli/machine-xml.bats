#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# The domains that driver kvm writes, as libvirt's own schema sees them.  That they
# are the ones it writes is what tests/unit/test_kvm_domain.c proves.
load helpers

# Nothing runs here.
setup_file() { :; }
teardown() { :; }
teardown_file() { :; }

setup() {
	command -v virt-xml-validate >/dev/null || skip "no virt-xml-validate: install libvirt-clients and libxml2-utils"
	command -v xmllint >/dev/null || skip "no xmllint: install libxml2-utils"
}

@test "libvirt's schema accepts every domain" {
	local file count=0
	for file in "$HYFW_TOP"/tests/golden/kvm/*.xml; do
		[[ $file != */plug-* ]] || continue
		virt-xml-validate "$file" domain || { echo "$file"; return 1; }
		count=$((count + 1))
	done
	[ "$count" -ge 20 ]
}

# A device that is plugged in is one that the domain could have had.
@test "libvirt's schema accepts every device that is plugged in" {
	local file
	for file in "$HYFW_TOP"/tests/golden/kvm/plug-*.xml; do
		sed -e "/<emulator>/r $file" "$HYFW_TOP/tests/golden/kvm/kernel.xml" >"$BATS_TEST_TMPDIR/domain.xml"
		virt-xml-validate "$BATS_TEST_TMPDIR/domain.xml" domain || { echo "$file"; return 1; }
	done
}

@test "the schema would refuse a domain that is wrong" {
	sed 's/<vcpu /<vcpus /; s/<.vcpu>/<\/vcpus>/' "$HYFW_TOP/tests/golden/kvm/minimal.xml" >"$BATS_TEST_TMPDIR/domain.xml"
	run virt-xml-validate "$BATS_TEST_TMPDIR/domain.xml" domain
	[ "$status" -ne 0 ]
}
