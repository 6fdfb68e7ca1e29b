/* SPDX-License-Identifier: BSD-3-Clause
 * The domain as libvirt has it now, read with libxml2. */
#include "live.h"

#include <libxml/parser.h>
#include <libxml/xpath.h>

int kvm_live_open(struct kvm_instance *kvm, virDomainPtr domain, xmlDoc **ret_document, struct hyfw_error **err)
{
	char *text = virDomainGetXMLDesc(domain, 0);
	xmlDoc *document;

	if (!text)
		return kvm_fail_libvirt(kvm->host, err, "the machine's domain");
	document = xmlReadMemory(text, (int)strlen(text), "domain", NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);
	free(text);
	if (!document)
		return kvm->host->fail(err, EPROTO, "the machine's domain: not to be read");
	*ret_document = document;
	return 0;
}

bool kvm_live_has_password(struct kvm_instance *kvm, virDomainPtr domain)
{
	char *text = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_SECURE);
	xmlDoc *document;
	bool found;

	if (!text) {
		struct hyfw_error *ignored = NULL;

		kvm_fail_libvirt(kvm->host, &ignored, "the display's password");
		kvm->host->forget(&ignored);
		return false;
	}
	document = xmlReadMemory(text, (int)strlen(text), "domain", NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);
	found = document && kvm_live_node(document, "/domain/devices/graphics[@passwd]");
	xmlFreeDoc(document);
	explicit_bzero(text, strlen(text));
	free(text);
	return found;
}

xmlNode *kvm_live_node(xmlDoc *document, const char *path)
{
	xmlXPathContext *context = xmlXPathNewContext(document);
	xmlXPathObject *found = context ? xmlXPathEvalExpression(BAD_CAST path, context) : NULL;
	xmlNode *node = NULL;

	if (found && found->nodesetval && found->nodesetval->nodeNr > 0)
		node = found->nodesetval->nodeTab[0];
	xmlXPathFreeObject(found);
	xmlXPathFreeContext(context);
	return node;
}

const char *kvm_live_text(const struct hyfw_host *host, struct hyfw_arena *arena, xmlDoc *document, const char *path)
{
	xmlNode *node = kvm_live_node(document, path);
	xmlChar *content = node ? xmlNodeGetContent(node) : NULL;
	const char *text = content && *content ? host->format(arena, "%s", (const char *)content) : NULL;

	xmlFree(content);
	return text;
}
