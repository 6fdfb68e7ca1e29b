/* SPDX-License-Identifier: BSD-3-Clause
 * Our tables, as libnftables-json(5) objects without table and family, which are
 * filled in.  Rules never change at run time: what comes and goes are elements
 * of the sets and maps, so that each change is one small transaction whose undo
 * needs no handles.
 *
 * An accept of ours does not override other tables; only traffic of our own
 * bridges is ever rejected or dropped. */
#include <json-c/json.h>

#include "bridge.h"

/* Maps for an address and a port instead of one for both: the JSON reader of
 * libnftables 1.0.6 refuses maps with concatenated data. */
static const char inet_objects[] =
	"[{'set': {'name': 'bridges', 'type': 'ifname'}},"
	" {'set': {'name': 'uplinked', 'type': 'ifname'}},"
	" {'set': {'name': 'links', 'type': ['ipv4_addr', 'ipv4_addr']}},"
	" {'set': {'name': 'selves', 'type': ['ipv4_addr', 'ipv4_addr']}},"
	" {'map': {'name': 'published_address', 'type': ['inet_proto', 'inet_service'],"
	"          'map': 'ipv4_addr'}},"
	" {'map': {'name': 'published_port', 'type': ['inet_proto', 'inet_service'],"
	"          'map': 'inet_service'}},"
	" {'map': {'name': 'published_at_address', 'type': ['ipv4_addr', 'inet_proto', 'inet_service'],"
	"          'map': 'ipv4_addr'}},"
	" {'map': {'name': 'published_at_port', 'type': ['ipv4_addr', 'inet_proto', 'inet_service'],"
	"          'map': 'inet_service'}},"
	" {'chain': {'name': 'outgoing'}},"
	" {'chain': {'name': 'incoming'}},"
	" {'chain': {'name': 'publish'}},"
	" {'chain': {'name': 'martians', 'type': 'filter', 'hook': 'prerouting', 'prio': -300,"
	"            'policy': 'accept'}},"
	" {'chain': {'name': 'prerouting', 'type': 'nat', 'hook': 'prerouting', 'prio': -100,"
	"            'policy': 'accept'}},"
	" {'chain': {'name': 'output', 'type': 'nat', 'hook': 'output', 'prio': -100,"
	"            'policy': 'accept'}},"
	" {'chain': {'name': 'postrouting', 'type': 'nat', 'hook': 'postrouting', 'prio': 100,"
	"            'policy': 'accept'}},"
	" {'chain': {'name': 'forward', 'type': 'filter', 'hook': 'forward', 'prio': 0,"
	"            'policy': 'accept'}}]";

#define IIF "{'meta': {'key': 'iifname'}}"
#define OIF "{'meta': {'key': 'oifname'}}"
#define FIELD(protocol, field) "{'payload': {'protocol': '" protocol "', 'field': '" field "'}}"
#define MATCH(op, left, right) "{'match': {'op': '" op "', 'left': " left ", 'right': " right "}}"
#define IS(left, right) MATCH("==", left, right)
#define NOT(left, right) MATCH("!=", left, right)
#define RULE(chain, expressions) "{'rule': {'chain': '" chain "', 'expr': [" expressions "]}}"
#define STATE(right) MATCH("in", "{'ct': {'key': 'state'}}", right)
#define ACCEPT "{'accept': null}"
#define DROP "{'drop': null}"
#define REJECT "{'reject': {'type': 'icmpx', 'expr': 'admin-prohibited'}}"
#define TCP IS("{'meta': {'key': 'l4proto'}}", "'tcp'")
#define RESET "{'reject': {'type': 'tcp reset'}}"
/* A reset, because ICMP answers are limited per receiver, and the redirects that
 * the kernel sends when a packet leaves where it came in use that up. */
#define REFUSE(chain) RULE(chain, TCP "," RESET) "," RULE(chain, REJECT)
#define JUMP(chain) "{'jump': {'target': '" chain "'}}"
#define LOOPBACK "{'prefix': {'addr': '127.0.0.0', 'len': 8}}"
#define IPV4 IS("{'meta': {'key': 'nfproto'}}", "'ipv4'")
#define PAIR "{'concat': [" FIELD("ip", "saddr") ", " FIELD("ip", "daddr") "]}"
#define SERVICE "{'meta': {'key': 'l4proto'}}, " FIELD("th", "dport")
#define LOOKUP(key, map) "{'map': {'key': {'concat': [" key "]}, 'data': '@" map "'}}"
#define DNAT(key, map)                                                       \
	"{'dnat': {'family': 'ip', 'addr': " LOOKUP(key, map "_address") ", "  \
	"'port': " LOOKUP(key, map "_port") "}}"

static const char inet_rules[] = "["
	/* route_localnet is on: 127.0.0.1 of the host is not for workloads. */
	RULE("martians", IS(IIF, "'@bridges'") "," IS(FIELD("ip", "daddr"), LOOPBACK) "," DROP) ","
	RULE("martians", IS(IIF, "'@bridges'") "," IS(FIELD("ip", "saddr"), LOOPBACK) "," DROP) ","

	RULE("prerouting", IPV4 "," JUMP("publish")) ","
	RULE("output", IPV4 "," JUMP("publish")) ","
	RULE("publish", DNAT(FIELD("ip", "daddr") "," SERVICE, "published_at")) ","
	RULE("publish", IS("{'fib': {'result': 'type', 'flags': ['daddr']}}", "'local'") ","
		DNAT(SERVICE, "published")) ","

	RULE("postrouting", IPV4 "," IS(IIF, "'@uplinked'") "," NOT(OIF, "'@bridges'")
		", {'masquerade': null}") ","
	/* From the host's 127.0.0.1, and from a workload to its own published port. */
	RULE("postrouting", IS(FIELD("ip", "saddr"), LOOPBACK) "," IS(OIF, "'@bridges'")
		", {'masquerade': null}") ","
	RULE("postrouting", IS(PAIR, "'@selves'") ", {'masquerade': null}") ","

	RULE("forward", IS(IIF, "'@bridges'") "," JUMP("outgoing")) ","
	RULE("forward", IS(OIF, "'@bridges'") "," JUMP("incoming")) ","
	/* To a neighbour, also by way of its published port, only where linked. */
	RULE("outgoing", STATE("['established', 'related']") "," ACCEPT) ","
	RULE("outgoing", STATE("'invalid'") "," DROP) ","
	RULE("outgoing", IS(OIF, "'@bridges'") "," IS(PAIR, "'@links'") "," ACCEPT) ","
	RULE("outgoing", IPV4 "," NOT(OIF, "'@bridges'") "," IS(IIF, "'@uplinked'") "," ACCEPT) ","
	REFUSE("outgoing") ","
	RULE("incoming", STATE("['established', 'related']") "," ACCEPT) ","
	RULE("incoming", STATE("'invalid'") "," DROP) ","
	RULE("incoming", MATCH("in", "{'ct': {'key': 'status'}}", "'dnat'") "," ACCEPT) ","
	REFUSE("incoming") "]";

static const char bridge_objects[] =
	"[{'set': {'name': 'ports', 'type': 'ifname'}},"
	" {'set': {'name': 'endpoints', 'type': ['ifname', 'ether_addr', 'ipv4_addr']}},"
	" {'set': {'name': 'clients', 'type': ['ifname', 'ether_addr']}},"
	" {'chain': {'name': 'own'}},"
	" {'chain': {'name': 'prerouting', 'type': 'filter', 'hook': 'prerouting', 'prio': -300,"
	"            'policy': 'accept'}}]";

/* A workload sends IPv4 and ARP from its own addresses, and nothing else; a machine
 * also asks for its address without one. */
static const char bridge_rules[] = "["
	RULE("prerouting", IS(IIF, "'@ports'") "," JUMP("own")) ","
	RULE("own", IS("{'concat': [" IIF "," FIELD("ether", "saddr") "," FIELD("ip", "saddr") "]}",
		"'@endpoints'") "," ACCEPT) ","
	RULE("own", IS("{'concat': [" IIF "," FIELD("arp", "saddr ether") "," FIELD("arp", "saddr ip") "]}",
		"'@endpoints'") ","
		IS("{'concat': [" IIF "," FIELD("ether", "saddr") "," FIELD("arp", "saddr ip") "]}",
		"'@endpoints'") "," ACCEPT) ","
	RULE("own", IS("{'concat': [" IIF "," FIELD("ether", "saddr") "]}", "'@clients'") ","
		IS(FIELD("ip", "saddr"), "'0.0.0.0'") "," IS(FIELD("ip", "daddr"), "'255.255.255.255'") ","
		IS(FIELD("udp", "sport"), "68") "," IS(FIELD("udp", "dport"), "67") "," ACCEPT) ","
	RULE("own", DROP) "]";

static void rules_command(struct json_object *commands, const char *verb, struct json_object *what)
{
	struct json_object *command = json_object_new_object();

	json_object_object_add(command, verb, what);
	json_object_array_add(commands, command);
}

static void rules_add_table(struct json_object *commands, const char *family, const char *table)
{
	struct json_object *object = json_object_new_object(), *body = json_object_new_object();

	json_object_object_add(body, "family", json_object_new_string(family));
	json_object_object_add(body, "name", json_object_new_string(table));
	json_object_object_add(object, "table", body);
	rules_command(commands, "add", object);
}

/* Empties the chain that 'object' describes, so that its rules can be added
 * again without doubling them. */
static void rules_flush(struct json_object *commands, struct json_object *body)
{
	struct json_object *object = json_object_new_object(), *chain = json_object_new_object();
	static const char *const keys[] = { "family", "table", "name" };
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		json_object_object_add(chain, keys[i],
				       json_object_get(json_object_object_get(body, keys[i])));
	json_object_object_add(object, "chain", chain);
	rules_command(commands, "flush", object);
}

static void rules_add_all(struct json_object *commands, const char *family, const char *table,
			  const char *text)
{
	struct json_object *list = json_tokener_parse(text);
	size_t i;

	for (i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *object = json_object_array_get_idx(list, i);

		json_object_object_foreach(object, kind, body) {
			json_object_object_add(body, "family", json_object_new_string(family));
			json_object_object_add(body, "table", json_object_new_string(table));
			rules_command(commands, "add", json_object_get(object));
			if (strcmp(kind, "chain") == 0)
				rules_flush(commands, body);
		}
	}
	json_object_put(list);
}

struct json_object *bridge_firewall_rules(const char *table)
{
	struct json_object *commands = json_object_new_array();

	rules_add_table(commands, "inet", table);
	rules_add_all(commands, "inet", table, inet_objects);
	rules_add_all(commands, "inet", table, inet_rules);
	rules_add_table(commands, "bridge", table);
	rules_add_all(commands, "bridge", table, bridge_objects);
	rules_add_all(commands, "bridge", table, bridge_rules);
	return commands;
}
