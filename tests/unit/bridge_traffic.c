/* SPDX-License-Identifier: BSD-3-Clause */
#include "bridge_traffic.h"

#include <sys/prctl.h>

int traffic_run(int netns, int (*work)(const void *), const void *argument)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		if (netns >= 0 && setns(netns, CLONE_NEWNET) < 0)
			_exit(200);
		_exit(work(argument));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static struct sockaddr_in traffic_name(const char *address, unsigned port)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	HYFW_AUTO_FREE char *bare = hyfw_dup_n(address, strcspn(address, "/"));

	inet_pton(AF_INET, bare, &name.sin_addr);
	return name;
}

/* 0 when the other side took the connection and sent its byte, else an errno. */
static int traffic_connect_work(const void *argument)
{
	const struct sockaddr_in *name = argument;
	struct timeval limit = { .tv_usec = 700000 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char byte;

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, (const struct sockaddr *)name, sizeof(*name)) < 0)
		return errno == EINPROGRESS ? ETIMEDOUT : errno;
	return read(fd, &byte, 1) == 1 && byte == 'h' ? 0 : EPROTO;
}

int traffic_connect(int netns, const char *address, unsigned port)
{
	struct sockaddr_in name = traffic_name(address, port);

	return traffic_run(netns, traffic_connect_work, &name);
}

pid_t traffic_serve(int netns, const char *address, unsigned port)
{
	struct sockaddr_in name = traffic_name(address, port);
	int ready[2], fd, one = 1;
	pid_t child;
	char byte = 0;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when a test fails before it is stopped */
		close(STDOUT_FILENO);
		close(STDERR_FILENO);
		if (netns >= 0 && setns(netns, CLONE_NEWNET) < 0)
			_exit(200);
		fd = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0 || listen(fd, 8) < 0)
			_exit(201);
		if (write(ready[1], "r", 1) != 1)
			_exit(202);
		for (;;) {
			int caller = accept(fd, NULL, NULL);

			if (write(caller, "h", 1) != 1)
				_exit(203);
			close(caller);
		}
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return child;
}

void traffic_stop(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

uint16_t traffic_checksum(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i + 1 < size; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static int traffic_ping_work(const void *argument)
{
	struct icmphdr echo = { .type = ICMP_ECHO, .un.echo.id = htons(0x6879) };
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	uint8_t answer[256];

	echo.checksum = traffic_checksum(&echo, sizeof(echo));
	if (sendto(fd, &echo, sizeof(echo), 0, argument, sizeof(struct sockaddr_in)) < 0)
		return 1;
	while (poll(&wait, 1, 500) > 0) {
		ssize_t size = recv(fd, answer, sizeof(answer), 0);

		if (size >= 28 && answer[20] == ICMP_ECHOREPLY &&
		    memcmp(answer + 12, &((const struct sockaddr_in *)argument)->sin_addr, 4) == 0)
			return 0;
	}
	return 1;
}

bool traffic_ping(int netns, const char *address)
{
	struct sockaddr_in name = traffic_name(address, 0);

	return traffic_run(netns, traffic_ping_work, &name) == 0;
}

int traffic_send_work(const void *argument)
{
	const struct traffic_frame *frame = argument;
	struct sockaddr_ll name = { .sll_family = AF_PACKET, .sll_halen = 6 };
	uint8_t wire[60] = { 0 };
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	name.sll_ifindex = (int)if_nametoindex(frame->interface);
	memcpy(name.sll_addr, frame->to, 6);
	memcpy(wire, frame->to, 6);
	memcpy(wire + 6, frame->from, 6);
	wire[12] = (uint8_t)(frame->type >> 8);
	wire[13] = (uint8_t)frame->type;
	memcpy(wire + 14, frame->payload, sizeof(frame->payload));
	return sendto(fd, wire, sizeof(wire), 0, (struct sockaddr *)&name, sizeof(name)) < 0 ? errno : 0;
}

int traffic_listen(int netns)
{
	HYFW_AUTO_CLOSE int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int fd;

	if (netns >= 0)
		assert_int_equal(setns(netns, CLONE_NEWNET), 0);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	assert_true(fd >= 0);
	return fd;
}

bool traffic_heard(int fd, const uint8_t *payload)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	uint8_t wire[2048];

	while (poll(&wait, 1, 200) > 0) {
		ssize_t size = recv(fd, wire, sizeof(wire), 0);

		if (size >= 42 && memcmp(wire + 14, payload, 28) == 0)
			return true;
	}
	return false;
}

int traffic_udp_socket(const char *address)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(5000) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	inet_pton(AF_INET, address, &name.sin_addr);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

bool traffic_udp_heard(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char byte;

	return poll(&wait, 1, 200) > 0 && recv(fd, &byte, 1, 0) >= 0;
}

/* A UDP packet to 'port' among what 'fd' of traffic_listen() hears. */
bool traffic_udp_passed(int fd, uint16_t port)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	uint8_t wire[2048];

	while (poll(&wait, 1, 200) > 0) {
		ssize_t size = recv(fd, wire, sizeof(wire), 0);

		if (size >= 42 && wire[12] == 8 && wire[13] == 0 && wire[23] == IPPROTO_UDP &&
		    (wire[36] << 8 | wire[37]) == port)
			return true;
	}
	return false;
}

void traffic_mac(const char *text, uint8_t ret_mac[6])
{
	unsigned bytes[6], i;

	assert_int_equal(sscanf(text, "%x:%x:%x:%x:%x:%x", &bytes[0], &bytes[1], &bytes[2], &bytes[3], &bytes[4],
				&bytes[5]), 6);
	for (i = 0; i < 6; i++)
		ret_mac[i] = (uint8_t)bytes[i];
}

void traffic_ip(const char *text)
{
	HYFW_AUTO_FREE char *copy = hyfw_dup(text);
	const char *argv[24] = { "ip" };
	struct hyfw_program program = { .size = sizeof(program), .argv = argv };
	char *word, *rest = copy;
	size_t n = 1;

	while ((word = strsep(&rest, " ")) && n < 23)
		argv[n++] = word;
	OK(hyfw_host_table()->run(fixture.arena, &program, NULL, &err));
}

static int outside_configure(const void *network)
{
	traffic_ip("address add 192.0.2.9/24 dev eth0");
	traffic_ip("link set eth0 up");
	traffic_ip(hyfw_host_table()->format(fixture.arena, "route add %s via 192.0.2.1", (const char *)network));
	return 0;
}

int traffic_outside_new(const char *network)
{
	int netns = netns_new();
	HYFW_AUTO_FREE char *path = hyfw_format("/proc/%d/fd/%d", getpid(), netns),
			    *make = hyfw_format("link add out0 type veth peer name eth0 netns %s", path);

	traffic_ip(make);
	traffic_ip("address add 192.0.2.1/24 dev out0");
	traffic_ip("link set out0 up");
	assert_int_equal(traffic_run(netns, outside_configure, network), 0);
	return netns;
}

void traffic_outside_remove(int netns)
{
	traffic_ip("link del out0");
	close(netns);
}
