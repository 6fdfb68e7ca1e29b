/* SPDX-License-Identifier: BSD-3-Clause */
#include "guest.h"

#include <linux/if_tun.h>
#include <net/if_arp.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>

#define VNET_HEADER 10 /* struct virtio_net_hdr */

static const uint8_t everyone[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static int open_tap(const char *tap)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	assert_true(fd >= 0);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", tap);
	if (ioctl(fd, TUNSETIFF, &request) < 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* The raw calls change this thread only. */
int guest_open(const char *tap, uid_t uid)
{
	int fd, saved;

	if (uid == 0)
		return open_tap(tap);
	assert_int_equal(syscall(SYS_setresuid, -1, uid, 0), 0);
	fd = open_tap(tap);
	saved = errno;
	assert_int_equal(syscall(SYS_setresuid, -1, 0, 0), 0);
	errno = saved;
	return fd;
}

void guest_begin(struct guest *guest, const struct workload *machine)
{
	const char *tap = journal_note(&machine->journal, HYFW_NOTE_TAP);

	assert_non_null(tap);
	guest->address = 0;
	guest->stream = false;
	guest->fd = guest_open(tap, 0);
	assert_true(guest->fd >= 0);
	traffic_mac(journal_note(&machine->journal, HYFW_NOTE_MAC), guest->mac);
}

void guest_end(struct guest *guest)
{
	close(guest->fd);
}

void guest_send(struct guest *guest, const uint8_t *to, const uint8_t *from, uint16_t type, const void *data,
		size_t size)
{
	uint8_t wire[VNET_HEADER + 14 + 2048] = { 0 }, *frame = wire + VNET_HEADER;
	const size_t head = guest->stream ? 4 : VNET_HEADER;
	const uint32_t length = htonl((uint32_t)size + 14);

	assert_true(size <= 2048);
	if (guest->stream)
		memcpy(frame - 4, &length, 4);
	memcpy(frame, to, 6);
	memcpy(frame + 6, from ? from : guest->mac, 6);
	frame[12] = (uint8_t)(type >> 8);
	frame[13] = (uint8_t)type;
	memcpy(frame + 14, data, size);
	assert_true(write(guest->fd, frame - head, head + 14 + size) > 0);
}

/* ---- ARP ------------------------------------------------------------------ */

struct arp {
	uint8_t fixed[8]; /* Ethernet, IPv4, operation */
	uint8_t sender_mac[6], sender[4], target_mac[6], target[4];
};

static struct arp arp_new(struct guest *guest, uint8_t operation, uint32_t sender, uint32_t target)
{
	struct arp arp = { .fixed = { 0, 1, 8, 0, 6, 4, 0, operation } };

	memcpy(arp.sender_mac, guest->mac, 6);
	sender = htonl(sender);
	target = htonl(target);
	memcpy(arp.sender, &sender, 4);
	memcpy(arp.target, &target, 4);
	return arp;
}

static void arp_answer(struct guest *guest, const uint8_t *data, size_t size)
{
	struct arp question, answer;
	uint32_t target, sender;

	if (size < sizeof(question) || guest->address == 0)
		return;
	memcpy(&question, data, sizeof(question));
	memcpy(&target, question.target, 4);
	memcpy(&sender, question.sender, 4);
	if (question.fixed[7] != 1 || ntohl(target) != guest->address)
		return;
	answer = arp_new(guest, 2, guest->address, ntohl(sender));
	memcpy(answer.target_mac, question.sender_mac, 6);
	guest_send(guest, question.sender_mac, NULL, ETH_P_ARP, &answer, sizeof(answer));
}

bool guest_arp(struct guest *guest, uint32_t sender, uint32_t address, uint8_t ret_mac[6])
{
	struct arp question = arp_new(guest, 1, sender, address), answer;
	uint8_t data[2048];
	size_t size;

	guest_send(guest, everyone, NULL, ETH_P_ARP, &question, sizeof(question));
	while ((size = guest_receive(guest, ETH_P_ARP, data, sizeof(data), 300)) > 0) {
		memcpy(&answer, data, sizeof(answer));
		address = htonl(address);
		if (answer.fixed[7] == 2 && memcmp(answer.sender, &address, 4) == 0) {
			memcpy(ret_mac, answer.sender_mac, 6);
			return true;
		}
		address = ntohl(address);
	}
	return false;
}

/* The size of the frame that is read to behind 'wire'. */
static ssize_t read_frame(struct guest *guest, uint8_t *wire, size_t room)
{
	uint32_t length;

	if (!guest->stream)
		return read(guest->fd, wire, room);
	if (recv(guest->fd, &length, 4, MSG_WAITALL) != 4 || ntohl(length) > room - VNET_HEADER)
		return -1;
	return recv(guest->fd, wire + VNET_HEADER, ntohl(length), MSG_WAITALL) + VNET_HEADER;
}

size_t guest_receive(struct guest *guest, uint16_t type, void *data, size_t size, int ms)
{
	struct pollfd wait = { .fd = guest->fd, .events = POLLIN };
	uint8_t wire[VNET_HEADER + 14 + 2048], *frame = wire + VNET_HEADER;

	while (poll(&wait, 1, ms) > 0) {
		ssize_t got = read_frame(guest, wire, sizeof(wire));
		size_t length = got > VNET_HEADER + 14 ? (size_t)got - VNET_HEADER - 14 : 0;

		if (length == 0 || length > size)
			continue;
		if (frame[12] == 8 && frame[13] == 6)
			arp_answer(guest, frame + 14, length);
		if (frame[12] != type >> 8 || frame[13] != (type & 255))
			continue;
		memcpy(data, frame + 14, length);
		return length;
	}
	return 0;
}

/* ---- UDP ------------------------------------------------------------------ */

void guest_send_udp(struct guest *guest, const uint8_t *to, const uint8_t *from, const struct guest_datagram *datagram)
{
	uint8_t packet[1500];
	size_t size = sizeof(struct iphdr) + sizeof(struct udphdr) + datagram->size;
	struct iphdr ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP,
			    .tot_len = htons((uint16_t)size), .saddr = htonl(datagram->from),
			    .daddr = htonl(datagram->to) };
	struct udphdr udp = { .source = htons(datagram->from_port), .dest = htons(datagram->to_port),
			      .len = htons((uint16_t)(sizeof(udp) + datagram->size)) };

	assert_true(size <= sizeof(packet));
	ip.check = traffic_checksum(&ip, sizeof(ip));
	memcpy(packet, &ip, sizeof(ip));
	memcpy(packet + sizeof(ip), &udp, sizeof(udp));
	memcpy(packet + sizeof(ip) + sizeof(udp), datagram->data, datagram->size);
	guest_send(guest, to, from, ETH_P_IP, packet, size);
}

bool guest_receive_udp(struct guest *guest, uint16_t port, uint8_t buffer[2048],
		       struct guest_datagram *ret_datagram, int ms)
{
	size_t size;

	while ((size = guest_receive(guest, ETH_P_IP, buffer, 2048, ms)) > 0) {
		struct iphdr ip;
		struct udphdr udp;

		memcpy(&ip, buffer, sizeof(ip));
		if (size < sizeof(ip) + sizeof(udp) || ip.protocol != IPPROTO_UDP)
			continue;
		memcpy(&udp, buffer + sizeof(ip), sizeof(udp));
		if (ntohs(udp.dest) != port || ntohs(udp.len) < sizeof(udp) || ntohs(udp.len) + sizeof(ip) > size)
			continue;
		*ret_datagram = (struct guest_datagram){ ntohl(ip.saddr), ntohl(ip.daddr), ntohs(udp.source), port,
							 buffer + sizeof(ip) + sizeof(udp),
							 ntohs(udp.len) - sizeof(udp) };
		return true;
	}
	return false;
}

/* ---- DHCP (RFC 2131, RFC 2132) -------------------------------------------- */

#define DHCP_OPTIONS 240 /* where they begin */

enum { OPTION_MASK = 1, OPTION_ROUTER = 3, OPTION_DNS = 6, OPTION_NAME = 12, OPTION_MTU = 26, OPTION_ADDRESS = 50,
       OPTION_TYPE = 53, OPTION_SERVER = 54, OPTION_WANTED = 55 };

static size_t dhcp_message(const struct guest *guest, uint8_t type, const struct guest_lease *lease, uint8_t *message)
{
	static const uint8_t wanted[] = { OPTION_MASK, OPTION_ROUTER, OPTION_DNS, OPTION_NAME, OPTION_MTU };
	uint8_t *at = message + DHCP_OPTIONS;
	uint32_t number;

	memset(message, 0, 300);
	memcpy(message, (uint8_t[]){ 1, 1, 6, 0, 'h', 'y', 'f', 'w' }, 8);
	memcpy(message + 28, guest->mac, 6);
	memcpy(message + 236, (uint8_t[]){ 99, 130, 83, 99 }, 4);
	memcpy(at, (uint8_t[]){ OPTION_TYPE, 1, type, OPTION_WANTED, sizeof(wanted) }, 5);
	memcpy(at + 5, wanted, sizeof(wanted));
	at += 5 + sizeof(wanted);
	if (type == 3) {
		memcpy(at, (uint8_t[]){ OPTION_ADDRESS, 4 }, 2);
		number = htonl(lease->address);
		memcpy(at + 2, &number, 4);
		memcpy(at + 6, (uint8_t[]){ OPTION_SERVER, 4 }, 2);
		number = htonl(lease->server);
		memcpy(at + 8, &number, 4);
		at += 12;
	}
	*at = 255;
	return 300;
}

static void dhcp_option(struct guest_lease *lease, uint8_t option, const uint8_t *value, uint8_t length)
{
	uint32_t number = 0;

	memcpy(&number, value, length < 4 ? length : 4);
	if (option == OPTION_MASK)
		lease->mask = ntohl(number);
	else if (option == OPTION_ROUTER)
		lease->router = ntohl(number);
	else if (option == OPTION_DNS)
		lease->dns = ntohl(number);
	else if (option == OPTION_SERVER)
		lease->server = ntohl(number);
	else if (option == OPTION_MTU)
		lease->mtu = (uint16_t)(value[0] << 8 | value[1]);
	else if (option == OPTION_NAME && length < sizeof(lease->hostname))
		memcpy(lease->hostname, value, length);
}

/* The type of the answer. */
static uint8_t dhcp_read(const struct guest_datagram *datagram, struct guest_lease *lease)
{
	const uint8_t *message = datagram->data, *at = message + DHCP_OPTIONS, *end = message + datagram->size;
	uint32_t number;
	uint8_t type = 0;

	memset(lease, 0, sizeof(*lease));
	memcpy(&number, message + 16, 4);
	lease->address = ntohl(number);
	for (; at + 1 < end && *at != 255; at += *at ? at[1] + 2 : 1) {
		if (*at == OPTION_TYPE)
			type = at[2];
		if (*at)
			dhcp_option(lease, *at, at + 2, at[1]);
	}
	return type;
}

static uint8_t dhcp_ask(struct guest *guest, uint8_t type, struct guest_lease *lease)
{
	uint8_t message[300], buffer[2048];
	const struct guest_datagram question = { 0, 0xffffffff, 68, 67, message,
						 dhcp_message(guest, type, lease, message) };
	struct guest_datagram answer;

	guest_send_udp(guest, everyone, NULL, &question);
	while (guest_receive_udp(guest, 68, buffer, &answer, 500))
		if (answer.size > DHCP_OPTIONS && memcmp((const uint8_t *)answer.data + 4, "hyfw", 4) == 0)
			return dhcp_read(&answer, lease);
	return 0;
}

bool guest_dhcp(struct guest *guest, struct guest_lease *ret_lease)
{
	int tries;

	/* As clients do it: the port is not forwarding at once. */
	for (tries = 0; tries < 6; tries++) {
		if (dhcp_ask(guest, 1, ret_lease) != 2 || dhcp_ask(guest, 3, ret_lease) != 5)
			continue;
		guest->address = ret_lease->address;
		return true;
	}
	return false;
}

/* ---- DNS (RFC 1035) ------------------------------------------------------- */

static size_t dns_question(const char *name, uint8_t *message)
{
	size_t at = 12, length;

	memset(message, 0, 512);
	message[0] = 'h';
	message[2] = 1; /* recursion desired */
	message[5] = 1; /* one question */
	for (; *name; name += length + (name[length] == '.')) {
		length = strcspn(name, ".");
		message[at++] = (uint8_t)length;
		memcpy(message + at, name, length);
		at += length;
	}
	message[at + 2] = 1; /* A */
	message[at + 4] = 1; /* IN */
	return at + 5;
}

uint32_t guest_lookup(struct guest *guest, uint32_t server, const char *name)
{
	uint8_t question[512], buffer[2048], mac[6];
	const struct guest_datagram datagram = { guest->address, server, 4000, 53, question,
						 dns_question(name, question) };
	struct guest_datagram answer;
	const uint8_t *data;
	uint32_t address;

	assert_true(guest_arp(guest, guest->address, server, mac));
	guest_send_udp(guest, mac, NULL, &datagram);
	if (!guest_receive_udp(guest, 4000, buffer, &answer, 1000))
		return 0;
	data = answer.data;
	if (answer.size < datagram.size + 16 || data[7] == 0)
		return 0;
	memcpy(&address, data + datagram.size + 12, 4); /* behind a pointer to the name, type, class, TTL, length */
	return ntohl(address);
}
