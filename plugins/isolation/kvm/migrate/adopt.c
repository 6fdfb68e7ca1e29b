/* SPDX-License-Identifier: BSD-3-Clause
 * The operation "adopt": what came with a machine, and taking it. */
#include "adopt.h"
#include "migrate.h"
#include "../domain/xml.h"
#include "../libvirt/persist.h"

#include <unistd.h>

#include <libxml/parser.h>

#define MOST_DISKS 64
#define OWN "*[local-name()='machine' and namespace-uri()='" KVM_OWN_NAMESPACE "']"

/* ---- which one ---------------------------------------------------------------------- */

/* By the name of its domain, or of its workload where that host had a libvirtd too. */
static int find(struct kvm_run *run, const struct hyfw_operation *asked, virDomainPtr *ret_domain,
		struct hyfw_error **err)
{
	const struct hyfw_host *host = run->kvm->host;
	const struct kvm_facts facts = { .owner = host->owner };
	virErrorPtr error;

	*ret_domain = virDomainLookupByName(run->connection, asked->object);
	if (!*ret_domain)
		*ret_domain = virDomainLookupByName(run->connection,
						    kvm_domain_name(host, asked->arena, asked->object, &facts));
	if (*ret_domain)
		return 0;
	error = virGetLastError();
	if (error && error->code == VIR_ERR_NO_DOMAIN)
		return host->fail(err, ESRCH, "there is no machine of that name at %s", run->kvm->uri);
	return kvm_fail_libvirt(host, err, "look for the machine");
}

/* What is left of the mark without the definition; xmlFreeDoc().  libvirt gives it without
 * its name space, and takes it so. */
static xmlDoc *mark_of(virDomainPtr domain, xmlNode **ret_definition)
{
	KVM_AUTO_FREE char *text = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, KVM_OWN_NAMESPACE, 0);
	xmlDoc *mark = text ? xmlReadMemory(text, (int)strlen(text), "mark", NULL, XML_PARSE_NONET | XML_PARSE_NOERROR)
			    : NULL;

	*ret_definition = mark ? kvm_xml_child(xmlDocGetRootElement(mark), KVM_MOVE_DEFINITION) : NULL;
	return mark;
}

bool kvm_adopt_waits(virDomainPtr domain)
{
	xmlNode *definition;
	xmlDoc *mark = mark_of(domain, &definition);

	xmlFreeDoc(mark);
	return definition != NULL;
}

static int check_mark(struct kvm_run *run, virDomainPtr domain, struct hyfw_error **err)
{
	xmlNode *definition;
	xmlDoc *mark = mark_of(domain, &definition);
	const bool ours = mark != NULL;

	xmlFreeDoc(mark);
	if (!ours)
		return run->kvm->host->fail(err, EPERM, "it is no machine of hyfw: it does not bear its mark");
	if (!definition)
		return run->kvm->host->fail(err, ENOENT, "no definition came with it: it was adopted already, or it was "
					    "never migrated");
	return 0;
}

/* A guest that stands still was stopped by somebody, who may want it so. */
static int check_state(struct kvm_run *run, virDomainPtr domain, bool *ret_running, struct hyfw_error **err)
{
	int state = 0;

	if (virDomainGetState(domain, &state, NULL, 0) < 0)
		return kvm_fail_libvirt(run->kvm->host, err, "the machine's state");
	*ret_running = state == VIR_DOMAIN_RUNNING;
	if (state == VIR_DOMAIN_RUNNING || state == VIR_DOMAIN_SHUTOFF)
		return 0;
	return run->kvm->host->fail(err, EBUSY, "it neither runs nor is it off: it stands still or is just moving; "
				    "`virsh -c %s resume %s` lets it go on", run->kvm->uri, virDomainGetName(domain));
}

/* ---- what came with it -------------------------------------------------------------------- */

struct telling {
	struct kvm_move move; /* for its XPath */
	struct hyfw_pair *items;
	size_t count;
	const char *missing; /* files; NULL: none */
};

static void tell(struct telling *telling, const char *key, const char *value)
{
	if (value && *value)
		telling->items[telling->count++] = (struct hyfw_pair){ key, value };
}

static const char *text_of(struct telling *telling, const char *expression)
{
	return kvm_move_text(&telling->move, NULL, expression);
}

static void look_for(struct telling *telling, const char *path)
{
	const struct hyfw_host *host = telling->move.run->kvm->host;
	struct hyfw_arena *arena = telling->move.operation->arena;

	if (!*path || access(path, F_OK) == 0)
		return;
	telling->missing = telling->missing ? host->format(arena, "%s, %s", telling->missing, path) : path;
}

static int tell_disk(struct kvm_move *move, xmlNode *disk, void *data, struct hyfw_error **err)
{
	struct telling *telling = data;
	const char *alias = kvm_move_text(move, disk, "string(alias/@name)");
	const char *path = kvm_move_text(move, disk, "string(source/@file | source/@dev)");
	const size_t mark = strlen(KVM_ALIAS);

	look_for(telling, path);
	if (strncmp(alias, KVM_ALIAS, mark) != 0)
		return 0;
	if (telling->count + 2 > MOST_DISKS)
		return move->run->kvm->host->fail(err, E2BIG, "more than %d disks", MOST_DISKS);
	tell(telling, alias + mark, path);
	if (strcmp(alias + mark, "root") == 0)
		tell(telling, "root_format", kvm_move_text(move, disk, "string(driver/@type)"));
	return 0;
}

static void tell_password(struct telling *telling)
{
	const struct hyfw_host *host = telling->move.run->kvm->host;

	if (*text_of(telling, "string(/domain/devices/graphics/@passwd)"))
		tell(telling, "password", host->format(telling->move.operation->arena, "%s_password_file",
						       text_of(telling, "string(/domain/devices/graphics/@type)")));
}

static int tell_all(struct telling *telling, virDomainPtr domain, bool running, struct hyfw_error **err)
{
	const struct hyfw_host *host = telling->move.run->kvm->host;
	int r;

	telling->items = host->alloc(telling->move.operation->arena, (MOST_DISKS + 8) * sizeof(*telling->items));
	tell(telling, "name", host->format(telling->move.operation->arena, "%s", virDomainGetName(domain)));
	tell(telling, "uuid", text_of(telling, "string(/domain/uuid)"));
	tell(telling, "running", running ? "true" : "false");
	tell(telling, "definition", text_of(telling, "string(/domain/metadata/" OWN "/*[local-name()='"
					    KVM_MOVE_DEFINITION "'])"));
	tell_password(telling);
	look_for(telling, text_of(telling, "string(/domain/os/kernel)"));
	look_for(telling, text_of(telling, "string(/domain/os/initrd)"));
	r = kvm_move_each(&telling->move, "/domain/devices/disk", tell_disk, telling, err);
	if (r == 0 && telling->missing)
		r = host->fail(err, ENOENT, "it needs what is not on this host: %s", telling->missing);
	return r;
}

static int look(struct kvm_operation *operation, struct kvm_run *run, virDomainPtr domain, bool running,
		struct hyfw_error **err)
{
	struct telling telling = { .move = { .run = run, .operation = operation->asked } };
	char *xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_SECURE);
	int r = xml ? kvm_move_read(&telling.move, xml, err) : kvm_fail_libvirt(run->kvm->host, err, "the machine's domain");

	if (r == 0)
		r = tell_all(&telling, domain, running, err);
	if (r == 0)
		*operation->ret_result = (struct hyfw_map){ telling.count, telling.items };
	xmlXPathFreeContext(telling.move.xpath);
	xmlFreeDoc(telling.move.doc);
	if (xml)
		explicit_bzero(xml, strlen(xml)); /* the display's password */
	free(xml);
	return r;
}

/* ---- taking it -------------------------------------------------------------------------------- */

static int drop_definition(struct kvm_run *run, virDomainPtr domain, struct hyfw_error **err)
{
	const struct hyfw_host *host = run->kvm->host;
	xmlNode *definition;
	xmlDoc *mark = mark_of(domain, &definition);
	xmlBuffer *text = xmlBufferCreate();
	int r = 0;

	if (definition) {
		xmlUnlinkNode(definition);
		xmlFreeNode(definition);
	}
	if (!mark || !text || xmlNodeDump(text, mark, xmlDocGetRootElement(mark), 0, 0) < 0)
		r = host->fail(err, ENOMEM, "out of memory");
	else if (virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, (const char *)xmlBufferContent(text), "hyfw",
				      KVM_OWN_NAMESPACE, VIR_DOMAIN_AFFECT_CURRENT) < 0)
		r = kvm_fail_libvirt(host, err, "offer it no more");
	xmlBufferFree(text);
	xmlFreeDoc(mark);
	return r;
}

static int take(struct kvm_operation *operation, struct kvm_run *run, virDomainPtr domain, bool running,
		struct hyfw_error **err)
{
	if (running != hyfw_map_bool(&operation->asked->args, "running", false))
		return run->kvm->host->fail(err, EBUSY, "it was %s meanwhile; try again", running ? "started" : "stopped");
	return running ? drop_definition(run, domain, err) : kvm_persist_undefine(run, domain, err);
}

int kvm_adopt(struct kvm_operation *operation, struct hyfw_error **err)
{
	struct kvm_instance *kvm = operation->kvm;
	virDomainPtr domain = NULL;
	bool running = false;
	struct kvm_run *run;
	int r;

	if (!kvm->uri)
		return kvm->host->fail(err, ENOTSUP, "no machine can come to a host without a libvirtd; set uri in "
				       "[plugin kvm] to the one that has it");
	r = kvm_run_get(kvm, &run, err);
	if (r == 0)
		r = kvm_connect(run, err);
	if (r == 0)
		r = find(run, operation->asked, &domain, err);
	if (r == 0)
		r = check_mark(run, domain, err);
	if (r == 0)
		r = check_state(run, domain, &running, err);
	if (r == 0)
		r = hyfw_map_bool(&operation->asked->args, "take", false) ? take(operation, run, domain, running, err)
									   : look(operation, run, domain, running, err);
	if (domain)
		virDomainFree(domain);
	return r;
}
