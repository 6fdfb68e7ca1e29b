/* SPDX-License-Identifier: BSD-3-Clause
 * The domain as the other host takes it.  Sockets and taps of this host mean nothing
 * there: consoles and displays get what the libvirtd there makes, and each interface
 * joins the bridge or network that the administrator named for it
 * ("eth0=bridge:br0", "eth0=network:default").  What the guest sees stays the same,
 * or libvirt would refuse it (its ABI check). */
#include "migrate.h"
#include "../domain/xml.h"

#include <libxml/parser.h>

#define XML_LIMIT (1 << 20)

/* ---- reading --------------------------------------------------------------------- */

int kvm_move_read(struct kvm_move *move, const char *xml, struct hyfw_error **err)
{
	const size_t length = strlen(xml);

	if (length < XML_LIMIT)
		move->doc = xmlReadMemory(xml, (int)length, "domain.xml", NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);
	move->xpath = move->doc ? xmlXPathNewContext(move->doc) : NULL;
	return move->xpath ? 0 : move->run->kvm->host->fail(err, EPROTO, "libvirt's description of the machine "
							     "cannot be read");
}

static xmlXPathObject *find(const struct kvm_move *move, xmlNode *from, const char *expression)
{
	move->xpath->node = from ? from : xmlDocGetRootElement(move->doc);
	return xmlXPathEvalExpression(BAD_CAST expression, move->xpath);
}

const char *kvm_move_text(const struct kvm_move *move, xmlNode *from, const char *expression)
{
	xmlXPathObject *object = find(move, from, expression);
	xmlChar *text = object ? xmlXPathCastToString(object) : NULL;
	const char *copy = move->run->kvm->host->format(move->operation->arena, "%s", text ? (const char *)text : "");

	xmlFree(text);
	xmlXPathFreeObject(object);
	return copy;
}

int kvm_move_each(struct kvm_move *move, const char *expression,
		  int (*look)(struct kvm_move *move, xmlNode *node, void *data, struct hyfw_error **err), void *data,
		  struct hyfw_error **err)
{
	xmlXPathObject *object = find(move, NULL, expression);
	int i, result = 0;

	for (i = 0; result == 0 && object && object->nodesetval && i < object->nodesetval->nodeNr; i++)
		result = look(move, object->nodesetval->nodeTab[i], data, err);
	xmlXPathFreeObject(object);
	return result;
}

const char *kvm_move_target(const struct kvm_move *move)
{
	xmlChar *text = NULL;
	const char *copy;
	int size;

	xmlDocDumpMemory(move->doc, &text, &size);
	copy = move->run->kvm->host->format(move->operation->arena, "%s", text ? (const char *)text : "");
	xmlFree(text);
	return copy;
}

/* ---- writing --------------------------------------------------------------------- */

static void set(xmlNode *node, const char *name, const char *value)
{
	xmlSetProp(node, (const xmlChar *)name, (const xmlChar *)value);
}

static void drop(xmlNode *node)
{
	if (!node)
		return;
	xmlUnlinkNode(node);
	xmlFreeNode(node);
}

/* The device's name: its alias without the mark of a user's alias; free(). */
static char *device_name(xmlNode *device)
{
	xmlNode *alias = kvm_xml_child(device, "alias");
	xmlChar *text = alias ? xmlGetProp(alias, (const xmlChar *)"name") : NULL;
	const size_t mark = strlen(KVM_ALIAS);
	char *name = NULL;

	if (text && strncmp((char *)text, KVM_ALIAS, mark) == 0)
		name = strdup((char *)text + mark);
	xmlFree(text);
	return name;
}

/* ---- consoles, displays ---------------------------------------------------------- */

static void write_console(xmlNode *device)
{
	set(device, "type", "pty");
	drop(kvm_xml_child(device, "source"));
}

static void write_display(xmlNode *graphics)
{
	xmlNode *listen = kvm_xml_child(graphics, "listen");
	xmlChar *type = listen ? xmlGetProp(listen, (const xmlChar *)"type") : NULL;

	if (type && strcmp((char *)type, "socket") == 0) {
		xmlUnsetProp(listen, (const xmlChar *)"socket");
		xmlUnsetProp(graphics, (const xmlChar *)"socket");
	}
	xmlFree(type);
}

/* ---- interfaces -------------------------------------------------------------------- */

/* What 'name' shall join there: "bridge:br0"; NULL when nobody said. */
static const char *joins(const struct kvm_move *move, const char *name)
{
	const char *text;
	size_t cursor = 0;

	while ((text = hyfw_map_next(&move->operation->args, "interface", &cursor)))
		if (strncmp(text, name, strlen(name)) == 0 && text[strlen(name)] == '=')
			return text + strlen(name) + 1;
	return NULL;
}

static int write_interface(const struct kvm_move *move, xmlNode *device, struct hyfw_error **err)
{
	const struct hyfw_host *host = move->run->kvm->host;
	KVM_AUTO_FREE char *name = device_name(device);
	const char *place = name ? joins(move, name) : NULL;
	const bool bridge = place && strncmp(place, "bridge:", 7) == 0;
	xmlChar *type = xmlGetProp(device, (const xmlChar *)"type");
	const bool ours = type && strcmp((char *)type, "ethernet") == 0;
	xmlNode *source;

	xmlFree(type);
	if (!place && !ours)
		return 0;
	if (!place)
		return host->fail(err, EINVAL, "network: %s is a tap of this host; say what it joins there with "
				  "--interface %s=bridge:NAME or %s=network:NAME", name, name, name);
	if (!bridge && strncmp(place, "network:", 8) != 0)
		return host->fail(err, EINVAL, "network: '%s=%s' is not of the form %s=bridge:NAME or "
				  "%s=network:NAME", name, place, name, name);
	drop(kvm_xml_child(device, "source"));
	drop(kvm_xml_child(device, "target"));
	set(device, "type", bridge ? "bridge" : "network");
	source = xmlNewChild(device, NULL, (const xmlChar *)"source", NULL);
	set(source, bridge ? "bridge" : "network", strchr(place, ':') + 1);
	return 0;
}

/* ---- what hyfw there needs to take it over ----------------------------------------- */

static void write_definition(const struct kvm_move *move, xmlNode *domain)
{
	const char *definition = hyfw_map_get(&move->operation->args, "definition");
	xmlNode *own = kvm_xml_child(kvm_xml_child(domain, "metadata"), "machine");

	if (!definition || !own)
		return;
	drop(kvm_xml_child(own, KVM_MOVE_DEFINITION));
	xmlNewTextChild(own, own->ns, BAD_CAST KVM_MOVE_DEFINITION, BAD_CAST definition);
}

/* ---- all of it ----------------------------------------------------------------------- */

static int write_devices(const struct kvm_move *move, xmlNode *devices, struct hyfw_error **err)
{
	xmlNode *node;
	int result = 0;

	for (node = devices ? devices->children : NULL; result == 0 && node; node = node->next) {
		if (node->type != XML_ELEMENT_NODE)
			continue;
		if (strcmp((const char *)node->name, "serial") == 0 ||
		    strcmp((const char *)node->name, "console") == 0)
			write_console(node);
		else if (strcmp((const char *)node->name, "graphics") == 0)
			write_display(node);
		else if (strcmp((const char *)node->name, "interface") == 0)
			result = write_interface(move, node, err);
	}
	return result;
}

int kvm_move_write(struct kvm_move *move, struct hyfw_error **err)
{
	xmlNode *domain = xmlDocGetRootElement(move->doc);

	write_definition(move, domain);
	if (strcmp(move->name, kvm_move_text(move, NULL, "string(/domain/name)")) != 0 && !move->domain)
		xmlNodeSetContent(kvm_xml_child(domain, "name"), BAD_CAST move->name);
	return write_devices(move, kvm_xml_child(domain, "devices"), err);
}
