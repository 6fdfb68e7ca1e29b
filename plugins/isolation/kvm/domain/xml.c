/* SPDX-License-Identifier: BSD-3-Clause */
#include "xml.h"

#include <stdio.h>

#include <libxml/xmlstring.h>

#define TEXT_MAX 65536 /* of one attribute or element; descriptions are the longest */

void kvm_xml_fail(struct kvm_xml *xml, int errnum, const char *text)
{
	if (xml->result == 0)
		xml->result = xml->host->fail(xml->err, errnum, "%s: %s", xml->name, text);
}

static void out_of_memory(struct kvm_xml *xml)
{
	kvm_xml_fail(xml, ENOMEM, "out of memory");
}

/* XML has no way to write most control characters, and nobody needs the others. */
static bool is_writable(struct kvm_xml *xml, const char *text)
{
	size_t i;

	if (!xmlCheckUTF8(BAD_CAST text)) {
		kvm_xml_fail(xml, EINVAL, "a text is not UTF-8");
		return false;
	}
	for (i = 0; text[i]; i++) {
		const unsigned char c = (unsigned char)text[i];
		const unsigned char next = (unsigned char)text[i + 1];
		/* Surrogates (from ED A0), U+FFFE and U+FFFF (EF BF BE, EF BF BF) are no
		 * characters of XML (XML 1.0, 2.2). */
		const bool no_character = (c == 0xed && next >= 0xa0) ||
					  (c == 0xef && next == 0xbf && (unsigned char)text[i + 2] >= 0xbe);

		if (c < 0x20 || c == 0x7f || no_character || i == TEXT_MAX) {
			kvm_xml_fail(xml, EINVAL, i == TEXT_MAX ? "a text is longer than 64 KiB" :
				     "a text has control characters; leave them out");
			return false;
		}
	}
	return true;
}

void kvm_xml_begin(struct kvm_xml *xml, const char *element)
{
	xml->doc = xmlNewDoc(BAD_CAST "1.0");
	xml->root = xml->doc ? xmlNewDocNode(xml->doc, NULL, BAD_CAST element, NULL) : NULL;
	if (xml->root)
		xmlDocSetRootElement(xml->doc, xml->root);
	else
		out_of_memory(xml);
}

void kvm_xml_finish(struct kvm_xml *xml)
{
	xmlFreeDoc(xml->doc);
	xml->doc = NULL;
	xml->root = xml->qemu = NULL;
}

int kvm_xml_take(struct kvm_xml *xml, char **ret_text)
{
	xmlBuffer *buffer;

	if (xml->result < 0)
		return xml->result;
	buffer = xmlBufferCreate();
	if (buffer && xmlNodeDump(buffer, xml->doc, xml->root, 0, 1) >= 0)
		*ret_text = xml->host->format(xml->arena, "%s\n", (const char *)xmlBufferContent(buffer));
	else
		out_of_memory(xml);
	xmlBufferFree(buffer);
	return xml->result;
}

xmlNode *kvm_xml_node(struct kvm_xml *xml, xmlNode *parent, const char *name)
{
	return kvm_xml_text(xml, parent, name, NULL);
}

xmlNode *kvm_xml_text(struct kvm_xml *xml, xmlNode *parent, const char *name, const char *text)
{
	xmlNode *node;

	if (xml->result < 0 || !parent || (text && !is_writable(xml, text)))
		return NULL;
	node = xmlNewTextChild(parent, NULL, BAD_CAST name, BAD_CAST text);
	if (!node)
		out_of_memory(xml);
	return node;
}

void kvm_xml_set(struct kvm_xml *xml, xmlNode *node, const char *name, const char *value)
{
	if (xml->result < 0 || !node || !value || !is_writable(xml, value))
		return;
	if (!xmlNewProp(node, BAD_CAST name, BAD_CAST value))
		out_of_memory(xml);
}

void kvm_xml_format(struct kvm_xml *xml, xmlNode *node, const char *name, const char *format, ...)
{
	va_list args;
	char *text;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0) {
		out_of_memory(xml);
		return;
	}
	kvm_xml_set(xml, node, name, text);
	free(text);
}

xmlNode *kvm_xml_with(struct kvm_xml *xml, xmlNode *parent, const char *element, const char *name,
		      const char *value)
{
	xmlNode *node = kvm_xml_node(xml, parent, element);

	kvm_xml_set(xml, node, name, value);
	return node;
}

static xmlNs *qemu_namespace(struct kvm_xml *xml)
{
	xmlNs *space = xmlSearchNs(xml->doc, xml->root, BAD_CAST "qemu");

	return space ? space : xmlNewNs(xml->root, BAD_CAST KVM_QEMU_NAMESPACE, BAD_CAST "qemu");
}

/* <qemu:commandline><qemu:arg value='TEXT'/>, last in the domain. */
void kvm_xml_argument(struct kvm_xml *xml, const char *text)
{
	xmlNode *argument;
	xmlNs *space;

	if (xml->result < 0)
		return;
	space = qemu_namespace(xml);
	if (space && !xml->qemu)
		xml->qemu = xmlNewTextChild(xml->root, space, BAD_CAST "commandline", NULL);
	argument = xml->qemu ? xmlNewTextChild(xml->qemu, space, BAD_CAST "arg", NULL) : NULL;
	if (argument)
		kvm_xml_set(xml, argument, "value", text);
	else
		out_of_memory(xml);
}

xmlNode *kvm_xml_child(xmlNode *parent, const char *name)
{
	xmlNode *node;

	for (node = parent ? parent->children : NULL; node; node = node->next)
		if (node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0)
			return node;
	return NULL;
}

void kvm_xml_without(struct kvm_xml *xml, const char *capability)
{
	xmlNode *list, *entry;
	xmlNs *space;

	if (xml->result < 0)
		return;
	space = qemu_namespace(xml);
	list = space ? xmlNewTextChild(xml->root, space, BAD_CAST "capabilities", NULL) : NULL;
	entry = list ? xmlNewTextChild(list, space, BAD_CAST "del", NULL) : NULL;
	if (entry)
		kvm_xml_set(xml, entry, "capability", capability);
	else
		out_of_memory(xml);
}

const char *kvm_xml_setting(const struct kvm_xml *xml, const char *key, const char *otherwise)
{
	const char *value = hyfw_map_get(xml->settings, key);

	return value && *value ? value : otherwise;
}

bool kvm_xml_is(const struct kvm_xml *xml, const char *key, const char *value)
{
	return strcmp(kvm_xml_setting(xml, key, ""), value) == 0;
}
