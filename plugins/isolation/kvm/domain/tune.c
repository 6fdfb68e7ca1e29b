/* SPDX-License-Identifier: BSD-3-Clause
 * Limits in the domain, for a libvirtd on another host, which our own control groups do
 * not reach: the keys cpus and cpu_shares.  Memory is limited by kvm_hosted_limit(). */
#include "xml.h"

#define PERIOD_US 100000

void kvm_domain_tune_cpu(struct kvm_xml *xml, xmlNode *cputune)
{
	const int64_t milli = hyfw_map_int(xml->settings, "cpus", 0);
	const int64_t shares = hyfw_map_int(xml->settings, "cpu_shares", 0);

	if (shares > 0)
		kvm_xml_text(xml, cputune, "shares", xml->host->format(xml->arena, "%lld", (long long)shares));
	if (milli <= 0)
		return;
	kvm_xml_text(xml, cputune, "global_period", xml->host->format(xml->arena, "%d", PERIOD_US));
	kvm_xml_text(xml, cputune, "global_quota",
		     xml->host->format(xml->arena, "%lld", (long long)milli * (PERIOD_US / 1000)));
}
