/* SPDX-License-Identifier: BSD-3-Clause
 * OpenFlow rules.  Everything is in table 0; a flow's cookie names the two ports
 * that it is about (twice the same one for a port's own), so that a port that
 * goes takes each of its flows with it.
 *
 * The switch refuses output from one protected port to another whatever action
 * asks for it; a linked packet forgets its port of entry (load:0) to pass. */
#include "ovs.h"

#define TO_HOST 31000  /* what the host's own stack would take for itself or others */
#define SERVICE 30200  /* between a machine in a VLAN and the host that serves it */
#define LINKED 30100   /* between linked workloads */
#define ANSWER 30090   /* what a linked one answers */
#define OWN 30000      /* from a workload's own addresses */
#define SPOOFED 29000  /* anything else from its port */
#define HOST_OWN 20000 /* the host, by its own address ... */
#define HOST_ROUTED 19000 /* ... and what it would route for others */
#define KNOWN 1        /* the host's other frames, and uplinks */

#define UNTAGGED "vlan_tci=0x0000/0x1fff"
#define TAGGED "vlan_tci=0x1000/0x1000"

static unsigned long long flows_cookie(const char *first, const char *second)
{
	return (unsigned long long)ovs_name_number(first) << 32 | ovs_name_number(second);
}

/* What comes to the host is for its own address there: it carries nothing for workloads,
 * neither outside nor to its 127.0.0.1.  A packet that is goes on as it came. */
static void flows_host(struct ovs_words *lines, const char *gateway, const char *mac)
{
	ovs_words_add(lines, "add priority=%d,reg0=0,ip,dl_dst=%s,nw_dst=%s,actions=load:1->NXM_NX_REG0[],resubmit(,0)",
		      TO_HOST + 1, mac, gateway);
	ovs_words_add(lines, "add priority=%d,reg0=0,ip,dl_dst=%s,actions=drop", TO_HOST, mac);
}

/* For a bridge of ours, which drops what no flow lets through.  The host must not
 * carry between workloads what the ports do not. */
void ovs_flows_network(struct ovs_words *lines, const char *const *uplinks, const char *gateway)
{
	uint32_t address;

	ovs_words_add(lines, "add priority=0,actions=drop");
	ovs_words_add(lines, "add priority=%d,in_port=LOCAL,actions=NORMAL", KNOWN);
	for (; uplinks && *uplinks; uplinks++)
		ovs_words_add(lines, "add priority=%d,in_port=%s,actions=NORMAL", KNOWN, *uplinks);
	if (!gateway)
		return;
	ovs_words_add(lines, "add priority=%d,in_port=LOCAL,ip,nw_src=%s,actions=NORMAL", HOST_OWN, gateway);
	ovs_words_add(lines, "add priority=%d,in_port=LOCAL,ip,actions=drop", HOST_ROUTED);
	if (net_address_parse(gateway, &address))
		flows_host(lines, gateway, net_mac_text(lines->host, lines->arena, address));
}

/* "add cookie=...,priority=...,in_port=..." */
static const char *flows_from(const struct ovs_words *lines, const struct ovs_port *port, unsigned long long cookie,
			      int priority)
{
	return lines->host->format(lines->arena, "add cookie=0x%llx,priority=%d,in_port=%s", cookie, priority,
				   port->name);
}

static const char *flows_meter(const struct ovs_words *lines, const struct ovs_port *port)
{
	return *port->rate ? lines->host->format(lines->arena, "meter:%ld,", port->number) : "";
}

/* A machine asks for its address before it has it, and whether somebody else has it
 * (RFC 5227, 1.1).  Only the host hears the former. */
static void flows_tap(struct ovs_words *lines, const struct ovs_port *port, const char *own)
{
	ovs_words_add(lines, "%s,udp,nw_src=0.0.0.0,nw_dst=255.255.255.255,tp_src=68,tp_dst=67,actions=output:LOCAL",
		      own);
	ovs_words_add(lines, "%s,arp,arp_sha=%s,arp_spa=0.0.0.0,arp_tpa=%s,actions=NORMAL", own, port->mac,
		      port->address);
}

/* The host is in no VLAN: DHCP and names of a machine in one pass by these. */
static void flows_service(struct ovs_words *lines, const struct ovs_port *port, unsigned long long cookie)
{
	static const char *const services[][2] = {
		{ "udp,tp_dst=53", "udp,tp_src=53" },
		{ "tcp,tp_dst=53", "tcp,tp_src=53" },
		{ "udp,tp_dst=67", "udp,tp_src=67" },
	};
	const struct hyfw_host *host = lines->host;
	const char *own = host->format(lines->arena, "%s," UNTAGGED ",dl_src=%s",
				       flows_from(lines, port, cookie, SERVICE), port->mac),
		   *to = host->format(lines->arena, "add cookie=0x%llx,priority=%d,in_port=LOCAL", cookie, SERVICE);
	size_t i;

	ovs_words_add(lines, "%s,arp,arp_sha=%s,arp_spa=%s,arp_tpa=%s,actions=output:LOCAL", own, port->mac,
		      port->address, port->gateway);
	ovs_words_add(lines, "%s,arp,arp_tpa=%s,actions=output:%s", to, port->address, port->name);
	for (i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		ovs_words_add(lines, "%s,%s,nw_src=%s,nw_dst=%s,actions=%soutput:LOCAL", own, services[i][0], port->address,
			      port->gateway, flows_meter(lines, port));
		ovs_words_add(lines, "%s,%s,dl_dst=%s,nw_src=%s,actions=output:%s", to, services[i][1], port->mac,
			      port->gateway, port->name);
	}
}

void ovs_flows_port(struct ovs_words *lines, const struct ovs_port *port)
{
	unsigned long long cookie = flows_cookie(port->name, port->name);
	const char *meter = flows_meter(lines, port), *all = flows_from(lines, port, cookie, OWN),
		   *own = lines->host->format(lines->arena, "%s," UNTAGGED ",dl_src=%s", all, port->mac);

	ovs_words_add(lines, "%s,actions=drop", flows_from(lines, port, cookie, SPOOFED));
	if (port->trunk)
		ovs_words_add(lines, "%s," TAGGED ",dl_src=%s,actions=%sNORMAL", all, port->mac, meter);
	if (!*port->address) {
		ovs_words_add(lines, "%s,actions=%sNORMAL", own, meter);
		return;
	}
	ovs_words_add(lines, "%s,ip,nw_src=%s,actions=%sNORMAL", own, port->address, meter);
	ovs_words_add(lines, "%s,arp,arp_sha=%s,arp_spa=%s,actions=%sNORMAL", own, port->mac, port->address, meter);
	if (port->tap)
		flows_tap(lines, port, own);
	if (port->tap && *port->vlan && *port->gateway)
		flows_service(lines, port, cookie);
}

void ovs_flows_port_gone(struct ovs_words *lines, const char *port)
{
	ovs_words_add(lines, "delete cookie=0x%llx/0xffffffff00000000",
		      (unsigned long long)ovs_name_number(port) << 32);
	ovs_words_add(lines, "delete cookie=0x%x/0xffffffff", ovs_name_number(port));
}

/* ---- links ------------------------------------------------------------------- */

/* Untagged frames from a workload to another one. */
static const char *flows_between(const struct ovs_words *lines, const struct ovs_port *from,
				 const struct ovs_port *to, unsigned long long cookie, int priority)
{
	return lines->host->format(lines->arena, "%s," UNTAGGED ",dl_src=%s,dl_dst=%s,ip,nw_src=%s,nw_dst=%s",
				   flows_from(lines, from, cookie, priority), from->mac, to->mac, from->address,
				   to->address);
}

static void flows_arp(struct ovs_words *lines, const struct ovs_port *from, const struct ovs_port *to,
		      unsigned long long cookie, int priority)
{
	ovs_words_add(lines,
		      "%s," UNTAGGED ",dl_src=%s,arp,arp_sha=%s,arp_spa=%s,arp_tpa=%s,"
		      "actions=%sload:0->NXM_OF_IN_PORT[],output:%s",
		      flows_from(lines, from, cookie, priority), from->mac, from->mac, from->address, to->address,
		      flows_meter(lines, from), to->name);
}

void ovs_flows_link(struct ovs_words *lines, const struct ovs_port *from, const struct ovs_port *to, bool permit)
{
	unsigned long long cookie = flows_cookie(from->name, to->name);
	unsigned zone = ovs_name_number(from->bridge) % 0xfffe + 1;
	const char *answer;

	ovs_words_add(lines, "delete cookie=0x%llx/-1", cookie);
	if (!permit)
		return;
	answer = flows_between(lines, to, from, cookie, ANSWER);
	flows_arp(lines, from, to, cookie, LINKED);
	flows_arp(lines, to, from, cookie, ANSWER);
	ovs_words_add(lines, "%s,actions=%sct(commit,zone=%u),load:0->NXM_OF_IN_PORT[],output:%s",
		      flows_between(lines, from, to, cookie, LINKED), flows_meter(lines, from), zone, to->name);
	ovs_words_add(lines, "%s,ct_state=-trk,actions=%sct(table=0,zone=%u)", answer, flows_meter(lines, to), zone);
	ovs_words_add(lines, "%s,ct_state=+trk+est+rpl,ct_zone=%u,actions=load:0->NXM_OF_IN_PORT[],output:%s", answer,
		      zone, from->name);
	ovs_words_add(lines, "%s,ct_state=+trk+rel,ct_zone=%u,actions=load:0->NXM_OF_IN_PORT[],output:%s", answer, zone,
		      from->name);
	ovs_words_add(lines, "%s,ct_state=+trk,actions=drop",
		      flows_between(lines, to, from, cookie, ANSWER - 1));
}
