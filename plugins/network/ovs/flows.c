/* SPDX-License-Identifier: BSD-3-Clause
 * OpenFlow rules.  Everything is in table 0; a flow's cookie names the two ports
 * that it is about (twice the same one for a port's own), so that a port that
 * goes takes each of its flows with it.
 *
 * The switch refuses output from one protected port to another whatever action
 * asks for it; a linked packet forgets its port of entry (load:0) to pass. */
#include <stdio.h>

#include "ovs.h"

#define LINKED 30100   /* between linked workloads */
#define ANSWER 30090   /* what a linked one answers */
#define OWN 30000      /* from a workload's own addresses */
#define SPOOFED 29000  /* anything else from its port */
#define HOST_OWN 20000 /* the host, by its own address ... */
#define HOST_ROUTED 19000 /* ... and what it would route for others */

static unsigned long long flows_cookie(const char *first, const char *second)
{
	return (unsigned long long)ovs_name_number(first) << 32 | ovs_name_number(second);
}

/* For a bridge of ours, which drops what no flow lets through.  The host must not
 * carry between workloads what the ports do not. */
const char *ovs_flows_network(const struct ovs *ovs, struct hyfw_arena *arena, const char *gateway)
{
	const char *base = "add priority=0,actions=NORMAL\n";

	if (!gateway)
		return base;
	return ovs->host->format(arena,
				 "%sadd priority=%d,in_port=LOCAL,ip,nw_src=%s,actions=NORMAL\n"
				 "add priority=%d,in_port=LOCAL,ip,actions=drop\n",
				 base, HOST_OWN, gateway, HOST_ROUTED);
}

const char *ovs_flows_port(const struct ovs *ovs, struct hyfw_arena *arena, const struct ovs_port *port)
{
	unsigned long long cookie = flows_cookie(port->name, port->name);
	const char *drop = ovs->host->format(arena, "add cookie=0x%llx,priority=%d,in_port=%s,actions=drop\n", cookie,
					     SPOOFED, port->name);

	if (!port->address || port->trunk)
		return ovs->host->format(
			arena, "%sadd cookie=0x%llx,priority=%d,in_port=%s,dl_src=%s,actions=%sNORMAL\n", drop, cookie,
			OWN, port->name, port->mac, port->meter);
	return ovs->host->format(
		arena,
		"%sadd cookie=0x%llx,priority=%d,in_port=%s,dl_src=%s,ip,nw_src=%s,actions=%sNORMAL\n"
		"add cookie=0x%llx,priority=%d,in_port=%s,dl_src=%s,arp,arp_sha=%s,arp_spa=%s,actions=%sNORMAL\n",
		drop, cookie, OWN, port->name, port->mac, port->address, port->meter, cookie, OWN, port->name,
		port->mac, port->mac, port->address, port->meter);
}

const char *ovs_flows_port_gone(const struct ovs *ovs, struct hyfw_arena *arena, const char *port)
{
	return ovs->host->format(arena, "delete cookie=0x%llx/0xffffffff00000000\ndelete cookie=0x%x/0xffffffff\n",
				 (unsigned long long)ovs_name_number(port) << 32, ovs_name_number(port));
}

/* Untagged frames of a workload. */
static const char *flows_between(const struct ovs *ovs, struct hyfw_arena *arena, const struct ovs_port *from,
				 unsigned long long cookie, int priority)
{
	return ovs->host->format(arena,
				 "add cookie=0x%llx,priority=%d,in_port=%s,vlan_tci=0x0000/0x1fff,dl_src=%s",
				 cookie, priority, from->name, from->mac);
}

static const char *flows_arp(const struct ovs *ovs, struct hyfw_arena *arena, const struct ovs_port *from,
			     const struct ovs_port *to, unsigned long long cookie, int priority)
{
	return ovs->host->format(arena, "%s,arp,arp_sha=%s,arp_spa=%s,arp_tpa=%s,actions=%sload:0->NXM_OF_IN_PORT[],output:%s\n",
				 flows_between(ovs, arena, from, cookie, priority), from->mac, from->address,
				 to->address, from->meter, to->name);
}

int ovs_flows_link(struct ovs *ovs, struct hyfw_arena *arena, const struct ovs_port *from,
		   const struct ovs_port *to, bool permit, struct hyfw_error **err)
{
	unsigned long long cookie = flows_cookie(from->name, to->name);
	unsigned zone = ovs_name_number(from->bridge) % 0xfffe + 1;
	const char *lines = ovs->host->format(arena, "delete cookie=0x%llx/-1\n", cookie);

	if (permit)
		lines = ovs->host->format(
			arena,
			"%s%s%s%s,dl_dst=%s,ip,nw_src=%s,nw_dst=%s,actions=%sct(commit,zone=%u),load:0->NXM_OF_IN_PORT[],output:%s\n"
			"%s,dl_dst=%s,ip,nw_src=%s,nw_dst=%s,ct_state=-trk,actions=%sct(table=0,zone=%u)\n"
			"%s,dl_dst=%s,ip,nw_src=%s,nw_dst=%s,ct_state=+trk+est+rpl,ct_zone=%u,actions=load:0->NXM_OF_IN_PORT[],output:%s\n"
			"%s,dl_dst=%s,ip,nw_src=%s,nw_dst=%s,ct_state=+trk+rel,ct_zone=%u,actions=load:0->NXM_OF_IN_PORT[],output:%s\n"
			"%s,dl_dst=%s,ip,nw_src=%s,nw_dst=%s,ct_state=+trk,actions=drop\n",
			lines, flows_arp(ovs, arena, from, to, cookie, LINKED),
			flows_arp(ovs, arena, to, from, cookie, ANSWER),
			flows_between(ovs, arena, from, cookie, LINKED), to->mac, from->address, to->address,
			from->meter, zone, to->name,
			flows_between(ovs, arena, to, cookie, ANSWER), from->mac, to->address, from->address,
			to->meter, zone,
			flows_between(ovs, arena, to, cookie, ANSWER), from->mac, to->address, from->address,
			zone, from->name,
			flows_between(ovs, arena, to, cookie, ANSWER), from->mac, to->address, from->address,
			zone, from->name,
			flows_between(ovs, arena, to, cookie, ANSWER - 1), from->mac, to->address,
			from->address);
	return ovs_flows(ovs, arena, from->bridge, lines, err);
}
