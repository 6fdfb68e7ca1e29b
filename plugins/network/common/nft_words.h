/* SPDX-License-Identifier: BSD-3-Clause
 * Words of libnftables-json(5) for rules that are written down as text.  They are
 * read by json-c, which takes ' for ", and given a table and a family then. */
#ifndef HYFW_NETWORK_NFT_WORDS_H
#define HYFW_NETWORK_NFT_WORDS_H

#define IIF "{'meta': {'key': 'iifname'}}"
#define OIF "{'meta': {'key': 'oifname'}}"
#define FIELD(protocol, field) "{'payload': {'protocol': '" protocol "', 'field': '" field "'}}"
#define MATCH(op, left, right) "{'match': {'op': '" op "', 'left': " left ", 'right': " right "}}"
#define IS(left, right) MATCH("==", left, right)
#define NOT(left, right) MATCH("!=", left, right)
#define RULE(chain, expressions) "{'rule': {'chain': '" chain "', 'expr': [" expressions "]}}"
#define STATE(right) MATCH("in", "{'ct': {'key': 'state'}}", right)
#define STATUS(right) MATCH("in", "{'ct': {'key': 'status'}}", right)
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
#define TO_US IS("{'fib': {'result': 'type', 'flags': ['daddr']}}", "'local'")
#define MASQUERADE "{'masquerade': null}"

/* ---- published ports ------------------------------------------------------------
 *
 * Elements of these maps lead ports of the host to a workload (net_nft_publish()),
 * chain "publish" uses them.  Maps for an address and a port instead of one for both:
 * the JSON reader of libnftables 1.0.6 refuses maps with concatenated data. */
#define NET_NFT_PUBLISH_OBJECTS                                                                          \
	" {'map': {'name': 'published_address', 'type': ['inet_proto', 'inet_service'],"                 \
	"          'map': 'ipv4_addr'}},"                                                                \
	" {'map': {'name': 'published_port', 'type': ['inet_proto', 'inet_service'],"                    \
	"          'map': 'inet_service'}},"                                                             \
	" {'map': {'name': 'published_at_address', 'type': ['ipv4_addr', 'inet_proto', 'inet_service']," \
	"          'map': 'ipv4_addr'}},"                                                                \
	" {'map': {'name': 'published_at_port', 'type': ['ipv4_addr', 'inet_proto', 'inet_service'],"    \
	"          'map': 'inet_service'}},"                                                             \
	" {'chain': {'name': 'publish'}},"                                                               \
	" {'chain': {'name': 'prerouting', 'type': 'nat', 'hook': 'prerouting', 'prio': -100,"           \
	"            'policy': 'accept'}},"                                                              \
	" {'chain': {'name': 'output', 'type': 'nat', 'hook': 'output', 'prio': -100,"                   \
	"            'policy': 'accept'}},"                                                              \
	" {'chain': {'name': 'postrouting', 'type': 'nat', 'hook': 'postrouting', 'prio': 100,"          \
	"            'policy': 'accept'}}"

#define SERVICE "{'meta': {'key': 'l4proto'}}, " FIELD("th", "dport")
#define LOOKUP(key, map) "{'map': {'key': {'concat': [" key "]}, 'data': '@" map "'}}"
#define DNAT(key, map)                                                       \
	"{'dnat': {'family': 'ip', 'addr': " LOOKUP(key, map "_address") ", " \
	"'port': " LOOKUP(key, map "_port") "}}"
#define NET_NFT_PUBLISH_RULES                                                 \
	RULE("publish", DNAT(FIELD("ip", "daddr") "," SERVICE, "published_at")) "," \
	RULE("publish", TO_US "," DNAT(SERVICE, "published"))

#endif
