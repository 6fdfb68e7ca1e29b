/* SPDX-License-Identifier: BSD-3-Clause
 * publish =, subnet = and gateway =. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/normalize.h"

#define PUBLISH_FORM "must be [[ADDRESS:]HOSTPORT:]PORT with /tcp or /udp behind, IPv6 addresses in []"
#define PUBLISH_MOST 1024u /* ports of a range */

struct ports {
	unsigned first, last;
};

static int parse_number(const char *what, const char *text, size_t length, unsigned *ret_port, struct hyfw_error **err)
{
	unsigned long port;

	if (length == 0 || length > 5 || strspn(text, "0123456789") < length)
		return hyfw_fail(err, EINVAL, PUBLISH_FORM);
	port = strtoul(text, NULL, 10);
	if (port < 1 || port > 65535)
		return hyfw_fail(err, ERANGE, "the %s must be from 1 to 65535", what);
	*ret_port = (unsigned)port;
	return 0;
}

/* "80" or "8000-8010" */
static int parse_ports(const char *what, const char *text, struct ports *ret_ports, struct hyfw_error **err)
{
	const char *dash = strchr(text, '-');
	struct ports ports = { 0 };
	int result = parse_number(what, text, dash ? (size_t)(dash - text) : strlen(text), &ports.first, err);

	ports.last = ports.first;
	if (result == 0 && dash)
		result = parse_number(what, dash + 1, strlen(dash + 1), &ports.last, err);
	if (result < 0)
		return result;
	if (ports.last < ports.first)
		return hyfw_fail(err, ERANGE, "'%s' ends before it begins", text);
	if (ports.last - ports.first >= PUBLISH_MOST)
		return hyfw_fail(err, ERANGE, "'%s' has more than %u ports", text, PUBLISH_MOST);
	*ret_ports = ports;
	return 0;
}

static char *ports_text(const struct ports *ports)
{
	return ports->first == ports->last ? hyfw_format("%u", ports->first)
					   : hyfw_format("%u-%u", ports->first, ports->last);
}

/* Splits "[V6]:REST" or "V4:REST" from '*rest'; checks the address. */
static int take_address(char **rest, char **ret_address, struct hyfw_error **err)
{
	unsigned char binary[sizeof(struct in6_addr)];
	char *address = *rest, *end;

	if (*address == '[') {
		end = strchr(++address, ']');
		if (!end || end[1] != ':')
			return hyfw_fail(err, EINVAL, PUBLISH_FORM);
		*end++ = '\0';
		if (inet_pton(AF_INET6, address, binary) != 1)
			return hyfw_fail(err, EINVAL, "'%s' is not an IPv6 address", address);
	} else {
		end = strchr(address, ':');
		*end = '\0';
		if (inet_pton(AF_INET, address, binary) != 1)
			return hyfw_fail(err, EINVAL, "'%s' is not an IPv4 address", address);
	}
	*rest = end + 1;
	*ret_address = address;
	return 0;
}

static int take_protocol(char *text, const char **ret_protocol, struct hyfw_error **err)
{
	char *slash = strrchr(text, '/');

	*ret_protocol = "tcp";
	if (!slash)
		return 0;
	*slash = '\0';
	if (strcmp(slash + 1, "udp") == 0)
		*ret_protocol = "udp";
	else if (strcmp(slash + 1, "tcp") != 0)
		return hyfw_fail(err, EINVAL, "the protocol must be tcp or udp, not '%s'", slash + 1);
	return 0;
}

int hyfw_normalize_publish(const char *text, char **ret_normal, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *copy = hyfw_dup(text);
	char *rest = copy, *colon, none[] = "", *address = none;
	HYFW_AUTO_FREE char *host_text = NULL, *port_text = NULL;
	struct ports host = { 0 }, port = { 0 };
	const char *protocol;
	int result = take_protocol(copy, &protocol, err);

	colon = strchr(rest, ':');
	if (result == 0 && (*rest == '[' || (colon && strchr(colon + 1, ':'))))
		result = take_address(&rest, &address, err);
	if (result < 0)
		return result;
	colon = strchr(rest, ':');
	if (*address && !colon)
		return hyfw_fail(err, EINVAL, PUBLISH_FORM);
	if (colon) {
		*colon = '\0';
		/* "ADDRESS::PORT": a host port that the driver chooses */
		if (*rest || !*address)
			result = parse_ports("port of the host", rest, &host, err);
		rest = colon + 1;
	}
	if (result == 0)
		result = parse_ports("port", rest, &port, err);
	if (result == 0 && host.first && host.last - host.first != port.last - port.first)
		result = hyfw_fail(err, EINVAL, "has %u ports of the host and %u behind them; both must be as many",
				   host.last - host.first + 1, port.last - port.first + 1);
	if (result < 0)
		return result;
	host_text = ports_text(&host);
	port_text = ports_text(&port);
	*ret_normal = hyfw_format("%s|%s|%s|%s", address, host_text, port_text, protocol);
	return 0;
}

/* ---- addresses of networks ---- */

static bool parse_subnet(const char *text, uint32_t *ret_address, unsigned *ret_length)
{
	HYFW_AUTO_FREE char *copy = hyfw_dup(text);
	char *slash = strchr(copy, '/');
	struct in_addr binary;

	if (!slash)
		return false;
	*slash++ = '\0';
	if (inet_pton(AF_INET, copy, &binary) != 1 || !isdigit((unsigned char)*slash) || strlen(slash) > 2 ||
	    slash[strspn(slash, "0123456789")])
		return false;
	*ret_address = ntohl(binary.s_addr);
	*ret_length = (unsigned)strtoul(slash, NULL, 10);
	return true;
}

static uint32_t mask(unsigned length)
{
	return length ? UINT32_MAX << (32 - length) : 0;
}

int hyfw_normalize_subnet(const char *text, char **ret_normal, struct hyfw_error **err)
{
	char network[INET_ADDRSTRLEN];
	struct in_addr binary;
	uint32_t address;
	unsigned length;

	if (!parse_subnet(text, &address, &length))
		return hyfw_fail(err, EINVAL, "not an IPv4 subnet; write it like 10.89.1.0/24");
	if (length < 8 || length > 30)
		return hyfw_fail(err, ERANGE, "the subnet's length must be from /8 to /30");
	/* RFC 6890: this network, loopback, multicast and what is reserved */
	if (address >> 24 == 0 || address >> 24 == 127 || address >> 24 >= 224)
		return hyfw_fail(err, EINVAL, "hosts cannot have these addresses; a private subnet is like 10.89.1.0/24");
	if (address & ~mask(length)) {
		binary.s_addr = htonl(address & mask(length));
		inet_ntop(AF_INET, &binary, network, sizeof(network));
		return hyfw_fail(err, EINVAL, "has bits behind its length; the subnet is %s/%u", network, length);
	}
	*ret_normal = hyfw_dup(text);
	return 0;
}

int hyfw_normalize_ipv4(const char *text, char **ret_normal, struct hyfw_error **err)
{
	struct in_addr binary;

	if (inet_pton(AF_INET, text, &binary) != 1)
		return hyfw_fail(err, EINVAL, "not an IPv4 address");
	*ret_normal = hyfw_dup(text);
	return 0;
}

int hyfw_check_gateway(const char *subnet, const char *gateway, struct hyfw_error **err)
{
	struct in_addr binary;
	uint32_t address, host;
	unsigned length;

	if (!parse_subnet(subnet, &address, &length) || inet_pton(AF_INET, gateway, &binary) != 1)
		return hyfw_fail(err, EINVAL, "not an IPv4 address");
	host = ntohl(binary.s_addr);
	if ((host & mask(length)) != address)
		return hyfw_fail(err, EINVAL, "is not in the subnet %s", subnet);
	if (host == address || host == (address | ~mask(length)))
		return hyfw_fail(err, EINVAL, "is the network or broadcast address of %s", subnet);
	return 0;
}

bool hyfw_subnets_overlap(const char *one, const char *other)
{
	uint32_t a, b;
	unsigned a_length, b_length, shorter;

	if (!parse_subnet(one, &a, &a_length) || !parse_subnet(other, &b, &b_length))
		return false;
	shorter = a_length < b_length ? a_length : b_length;
	return (a & mask(shorter)) == (b & mask(shorter));
}
