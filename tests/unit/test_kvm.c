/* SPDX-License-Identifier: BSD-3-Clause
 * The kvm driver without libvirt: what it checks, plans and writes. */
#include "kvm_fixture.h"

int main(void)
{
	return kvm_check_tests() + kvm_domain_tests() + kvm_template_tests() + kvm_template_disks_tests() +
	       kvm_clone_tests();
}
