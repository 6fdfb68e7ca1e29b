/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Writing XML with libxml2's tree.  Functions cannot fail on the way: what went wrong
 * first is kept in the writer and told by kvm_xml_take(), and NULL elements are taken
 * and given back from then on.
 */
#ifndef KVM_XML_H
#define KVM_XML_H

#include <stdarg.h>

#include <libxml/tree.h>

#include "../kvm.h"

#define KVM_QEMU_NAMESPACE "http://libvirt.org/schemas/domain/qemu/1.0"
#define KVM_OWN_NAMESPACE "urn:hyfw:machine:1"

struct kvm_xml {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	const char *name; /* of the workload or device, for messages */
	const struct hyfw_workload *workload; /* NULL for a single device */
	const struct hyfw_map *settings;
	const struct kvm_facts *facts;
	xmlDoc *doc;
	xmlNode *root;
	xmlNode *qemu; /* <qemu:commandline>, once there is one */
	int result;    /* 0, or what went wrong first */
	struct hyfw_error **err;
};

/* Begins a document with the element 'element'; kvm_xml_finish() even after a failure. */
void kvm_xml_begin(struct kvm_xml *xml, const char *element);
void kvm_xml_finish(struct kvm_xml *xml);

/* The text of the document, in the arena; the failure if there was one. */
int kvm_xml_take(struct kvm_xml *xml, char **ret_text);

/* An element at the end of 'parent'. */
xmlNode *kvm_xml_node(struct kvm_xml *xml, xmlNode *parent, const char *name);

/* The same with text in it. */
xmlNode *kvm_xml_text(struct kvm_xml *xml, xmlNode *parent, const char *name, const char *text);

/* An attribute; nothing happens when 'value' is NULL. */
void kvm_xml_set(struct kvm_xml *xml, xmlNode *node, const char *name, const char *value);
void kvm_xml_format(struct kvm_xml *xml, xmlNode *node, const char *name, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* An element with one attribute, of which libvirt has many. */
xmlNode *kvm_xml_with(struct kvm_xml *xml, xmlNode *parent, const char *element, const char *name,
		      const char *value);

/* An argument of QEMU itself, for what libvirt has no words for. */
void kvm_xml_argument(struct kvm_xml *xml, const char *text);

/* Lets libvirt do without an ability of QEMU.  Once in a domain. */
void kvm_xml_without(struct kvm_xml *xml, const char *capability);

/* Keeps a failure, as hyfw_host.fail(), unless there is one already. */
void kvm_xml_fail(struct kvm_xml *xml, int errnum, const char *text);

/* The first child element of that name; NULL for none, and where 'parent' is NULL. */
xmlNode *kvm_xml_child(xmlNode *parent, const char *name);

/* ---- settings ------------------------------------------------------------------ */

/* The value of a key, 'otherwise' when it is not set or empty. */
const char *kvm_xml_setting(const struct kvm_xml *xml, const char *key, const char *otherwise);
bool kvm_xml_is(const struct kvm_xml *xml, const char *key, const char *value);

/* ---- the parts of a domain: each adds to 'parent' --------------------------------- */

void kvm_domain_cpu(struct kvm_xml *xml, xmlNode *domain);      /* vcpu, cputune, cpu */
void kvm_domain_tune_cpu(struct kvm_xml *xml, xmlNode *cputune);
void kvm_domain_vcpus(struct kvm_xml *xml, xmlNode *domain);
void kvm_domain_spare_questions(struct kvm_xml *xml);
void kvm_domain_boot(struct kvm_xml *xml, xmlNode *domain);     /* os */
void kvm_domain_features(struct kvm_xml *xml, xmlNode *domain); /* features */
void kvm_domain_clock(struct kvm_xml *xml, xmlNode *domain);    /* clock */
void kvm_domain_power(struct kvm_xml *xml, xmlNode *domain);    /* on_poweroff ..., pm */
void kvm_domain_disks(struct kvm_xml *xml, xmlNode *devices);
void kvm_domain_controllers(struct kvm_xml *xml, xmlNode *devices);
void kvm_domain_interfaces(struct kvm_xml *xml, xmlNode *devices);
void kvm_domain_console(struct kvm_xml *xml, xmlNode *devices);
void kvm_domain_display(struct kvm_xml *xml, xmlNode *devices); /* graphics, sound, video, input */
void kvm_domain_extras(struct kvm_xml *xml, xmlNode *devices);  /* tpm, watchdog, balloon, rng, panic */

/* Fills the element of a document that was begun: <disk>, <interface>. */
void kvm_xml_disk(struct kvm_xml *xml, xmlNode *node, const char *name, const struct hyfw_attachment *disk);
void kvm_xml_interface(struct kvm_xml *xml, xmlNode *node, const char *name, const struct hyfw_endpoint *endpoint);

/* Whether one of the workload's disks is on 'bus'. */
bool kvm_domain_uses_bus(const struct kvm_xml *xml, const char *bus);

/* How many of the workload's devices take a place behind a root port of their own. */
unsigned kvm_domain_ports(const struct kvm_xml *xml);

#endif
