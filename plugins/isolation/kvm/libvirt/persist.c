/* SPDX-License-Identifier: BSD-3-Clause
 * Machines that a libvirtd keeps: persistent = yes defines one at each start, so that
 * the libvirtd knows it over its own end and that of its host; the step "define",
 * which lasts as long as the workload, takes the definition away.  libvirtd starts by
 * itself only machines of another host (autostart = yes): one of this host has taps,
 * sockets and limits of our making, and without them it would run unconfined. */
#include "../migrate/adopt.h"
#include "hosted.h"
#include "persist.h"
#include "../domain/xml.h"
#include "../migrate/migrate.h"

#include <libxml/parser.h>

/* Whether the domain is ours: it bears our mark and the name that we give. */
static bool is_ours(virDomainPtr domain, const char *name)
{
	char *mark = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, KVM_OWN_NAMESPACE, 0);
	const bool ours = mark && strcmp(virDomainGetName(domain), name) == 0;

	free(mark);
	return ours;
}

int kvm_libvirtd_find(struct kvm_run *run, const char *uuid, const char *name, virDomainPtr *ret_domain,
		      struct hyfw_error **err)
{
	virErrorPtr error;

	*ret_domain = virDomainLookupByUUIDString(run->connection, uuid);
	if (*ret_domain && is_ours(*ret_domain, name))
		return 1;
	error = virGetLastError();
	if (!*ret_domain && !(error && error->code == VIR_ERR_NO_DOMAIN))
		return kvm_fail_libvirt(run->kvm->host, err, "look for the machine");
	if (*ret_domain)
		virDomainFree(*ret_domain);
	*ret_domain = NULL;
	return 0;
}

int kvm_persist_define(struct kvm_run *run, const struct hyfw_map *settings, const char *xml,
		       virDomainPtr *ret_domain, struct hyfw_error **err)
{
	const bool autostart = kvm_is_hosted(run->kvm) && hyfw_map_bool(settings, "autostart", false);
	virDomainPtr domain = virDomainDefineXML(run->connection, xml);

	if (!domain)
		return kvm_fail_libvirt(run->kvm->host, err, "define the machine");
	if (virDomainSetAutostart(domain, autostart) < 0 && autostart) {
		virDomainFree(domain);
		return kvm_fail_libvirt(run->kvm->host, err, "autostart of the machine");
	}
	*ret_domain = domain;
	return 0;
}

/* What belongs to it there goes with it; the variables of EFI are a file of ours. */
int kvm_persist_undefine(struct kvm_run *run, virDomainPtr domain, struct hyfw_error **err)
{
	const unsigned flags = VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | VIR_DOMAIN_UNDEFINE_MANAGED_SAVE |
			       VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA | VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA;

	if (virDomainIsPersistent(domain) == 1 && virDomainUndefineFlags(domain, flags) < 0)
		return kvm_fail_libvirt(run->kvm->host, err, "undefine the machine");
	return 0;
}

int kvm_libvirtd_end(struct kvm_instance *kvm, const char *uuid, const char *name, bool keep,
		     struct hyfw_error **err)
{
	virDomainPtr domain = NULL;
	struct kvm_run *run;
	int r = kvm_run_get(kvm, &run, err);

	if (r == 0)
		r = kvm_connect(run, err);
	if (r == 0)
		r = kvm_libvirtd_find(run, uuid, name, &domain, err);
	if (r <= 0)
		return r;
	r = 0;
	if (virDomainIsActive(domain) == 1 && virDomainDestroy(domain) < 0)
		r = kvm_fail_libvirt(kvm->host, err, "power off the machine");
	if (r == 0 && !keep)
		r = kvm_persist_undefine(run, domain, err);
	virDomainFree(domain);
	return r;
}

/* ---- gc ---- */

/* Whether it is that owner's, as our mark says: "hyfw-12345678-web" is a name of the
 * instance hyfw-12345678 as well as one that the instance hyfw could give.  Another host's
 * may be called the same: one that has come from there bears its definition. */
static bool has_owner(virDomainPtr domain, const char *owner)
{
	char *mark = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, KVM_OWN_NAMESPACE, 0);
	xmlDoc *document = mark ? xmlReadMemory(mark, (int)strlen(mark), "mark", NULL,
						XML_PARSE_NONET | XML_PARSE_NOERROR) : NULL;
	xmlNode *own = document ? xmlDocGetRootElement(document) : NULL;
	xmlChar *value = own ? xmlGetNoNsProp(own, BAD_CAST "owner") : NULL;
	const bool same = value && strcmp((const char *)value, owner) == 0 && !kvm_xml_child(own, KVM_MOVE_DEFINITION);

	xmlFree(value);
	xmlFreeDoc(document);
	free(mark);
	return same;
}

/* Names begin with the owner; see kvm_domain_name(). */
static bool is_orphan(const struct kvm_instance *kvm, virDomainPtr domain, const struct hyfw_alive *alive)
{
	const char *owner = kvm->host->owner, *name = virDomainGetName(domain);
	const size_t length = strlen(owner);

	if (virDomainIsActive(domain) != 0 || virDomainIsPersistent(domain) != 1 ||
	    strncmp(name, owner, length) != 0 || name[length] != '-' || !has_owner(domain, owner))
		return false;
	name += length + 1;
	return !hyfw_names_have(alive->workloads, name, strlen(name));
}

bool kvm_persist_gc(struct kvm_instance *kvm, const struct hyfw_alive *alive)
{
	virDomainPtr *domains = NULL;
	struct hyfw_error *err = NULL;
	struct kvm_run *run;
	bool settled = true;
	int count = 0, i;

	/* A host that does not answer would hold this up for minutes. */
	if (!kvm->uri || kvm_is_hosted(kvm))
		return true;
	if (kvm_run_get(kvm, &run, &err) < 0 || kvm_connect(run, &err) < 0) {
		kvm->host->forget(&err); /* next time */
		return false;
	}
	count = virConnectListAllDomains(run->connection, &domains, 0);
	for (i = 0; i < count; i++) {
		if (kvm_adopt_waits(domains[i])) {
			settled = false;
		} else if (is_orphan(kvm, domains[i], alive)) {
			kvm->host->log(HYFW_LOG_INFO, "undefining the orphaned machine %s", virDomainGetName(domains[i]));
			if (kvm_persist_undefine(run, domains[i], &err) < 0)
				kvm->host->forget(&err);
		}
		virDomainFree(domains[i]);
	}
	free(domains);
	return settled && count >= 0;
}
