/* SPDX-License-Identifier: BSD-3-Clause
 * Our tables, as libnftables-json(5) objects without table and family, which are
 * filled in.  Rules never change at run time: what comes and goes are elements
 * of the sets and maps, so that each change is one small transaction whose undo
 * needs no handles.
 *
 * An accept of ours does not override other tables; only traffic of our own
 * bridges is ever rejected or dropped. */
#include <json-c/json.h>

#include "../common/nft.h"
#include "../common/nft_words.h"
#include "bridge.h"

static const char inet_objects[] =
	"[{'set': {'name': 'bridges', 'type': 'ifname'}},"
	" {'set': {'name': 'uplinked', 'type': 'ifname'}},"
	" {'set': {'name': 'links', 'type': ['ipv4_addr', 'ipv4_addr']}},"
	" {'set': {'name': 'selves', 'type': ['ipv4_addr', 'ipv4_addr']}},"
	NET_NFT_PUBLISH_OBJECTS ","
	" {'chain': {'name': 'outgoing'}},"
	" {'chain': {'name': 'incoming'}},"
	" {'chain': {'name': 'martians', 'type': 'filter', 'hook': 'prerouting', 'prio': -300,"
	"            'policy': 'accept'}},"
	" {'chain': {'name': 'forward', 'type': 'filter', 'hook': 'forward', 'prio': 0,"
	"            'policy': 'accept'}}]";

#define PAIR "{'concat': [" FIELD("ip", "saddr") ", " FIELD("ip", "daddr") "]}"

static const char inet_rules[] = "["
	/* route_localnet is on: 127.0.0.1 of the host is not for workloads. */
	RULE("martians", IS(IIF, "'@bridges'") "," IS(FIELD("ip", "daddr"), LOOPBACK) "," DROP) ","
	RULE("martians", IS(IIF, "'@bridges'") "," IS(FIELD("ip", "saddr"), LOOPBACK) "," DROP) ","

	RULE("prerouting", IPV4 "," JUMP("publish")) ","
	RULE("output", IPV4 "," JUMP("publish")) ","
	NET_NFT_PUBLISH_RULES ","

	RULE("postrouting", IPV4 "," IS(IIF, "'@uplinked'") "," NOT(OIF, "'@bridges'")
		"," MASQUERADE) ","
	/* From the host's 127.0.0.1, and from a workload to its own published port. */
	RULE("postrouting", IS(FIELD("ip", "saddr"), LOOPBACK) "," IS(OIF, "'@bridges'")
		"," MASQUERADE) ","
	RULE("postrouting", IS(PAIR, "'@selves'") "," MASQUERADE) ","

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
	RULE("incoming", STATUS("'dnat'") "," ACCEPT) ","
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

struct json_object *bridge_firewall_rules(const char *table)
{
	struct json_object *commands = json_object_new_array();

	net_nft_add_all(commands, "inet", table, inet_objects);
	net_nft_add_all(commands, "inet", table, inet_rules);
	net_nft_add_all(commands, "bridge", table, bridge_objects);
	net_nft_add_all(commands, "bridge", table, bridge_rules);
	return commands;
}
