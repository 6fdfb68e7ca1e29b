/* SPDX-License-Identifier: BSD-3-Clause */
#include "ovs_fixture.h"

#include <net/ethernet.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define DAEMON_WAIT 100 /* times 50 ms */

static pid_t database, vswitch;
static char directory[] = "/tmp/hyfw-ovs-XXXXXX";
char ovs_db[64];

static pid_t start(const char *const *argv)
{
	pid_t child = fork();

	if (child == 0) {
		int null = open("/dev/null", O_RDWR);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(null, 1);
		dup2(null, 2);
		setenv("OVS_RUNDIR", directory, 1);
		setenv("OVS_LOGDIR", directory, 1);
		setenv("OVS_DBDIR", directory, 1);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	return child;
}

static void stop(pid_t *pid)
{
	if (*pid > 0) {
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
	}
	*pid = 0;
}

char *ovs_run_line(const char *line)
{
	HYFW_AUTO_FREE char *copy = hyfw_dup(line);
	const char *argv[24] = { NULL };
	const struct hyfw_program program = { .size = sizeof(program), .argv = argv };
	char *rest = copy, *word, *output = NULL;
	size_t n = 0;

	while ((word = strsep(&rest, " ")) && n < 23)
		argv[n++] = word;
	OK(hyfw_host_table()->run(fixture.arena, &program, &output, &err));
	return output;
}

char *ovs_vsctl(const char *words)
{
	HYFW_AUTO_FREE char *line = hyfw_format("ovs-vsctl --db=%s --timeout=10 %s", ovs_db, words);

	return ovs_run_line(line);
}

static bool wait_for(const char *name)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/%s", directory, name);
	int i;

	for (i = 0; i < DAEMON_WAIT; i++) {
		if (access(path, F_OK) == 0)
			return true;
		usleep(50000);
	}
	return false;
}

void ovs_switch_start(void)
{
	HYFW_AUTO_FREE char *pid = hyfw_format("--pidfile=%s/ovs-vswitchd.pid", directory);
	const char *const argv[] = { "ovs-vswitchd", ovs_db, pid, "--no-chdir", "-vconsole:off", NULL };

	unlink(pid + strlen("--pidfile="));
	vswitch = start(argv);
	assert_true(wait_for("ovs-vswitchd.pid"));
	HYFW_AUTO_FREE char *control = hyfw_format("ovs-vswitchd.%d.ctl", vswitch);
	assert_true(wait_for(control));
}

static void daemons_start(void)
{
	HYFW_AUTO_FREE char *file = hyfw_format("%s/conf.db", directory),
			    *remote = hyfw_format("--remote=punix:%s/db.sock", directory),
			    *create = hyfw_format("ovsdb-tool create %s /usr/share/openvswitch/vswitch.ovsschema", file);
	const char *const argv[] = { "ovsdb-server", file, remote, "--no-chdir", "-vconsole:off", NULL };

	ovs_run_line(create);
	database = start(argv);
	assert_true(wait_for("db.sock"));
	ovs_vsctl("--no-wait init");
	ovs_switch_start();
}

/* ---- networks and workloads ------------------------------------------------- */

static const struct hyfw_pair net_keys[] = { { "driver", "ovs" }, { "subnet", "10.77.4.0/24" },
					     { "datapath", "netdev" } };
const struct hyfw_map ovs_net = { HYFW_COUNT(net_keys), net_keys };

struct hyfw_map ovs_net_with(struct hyfw_pair *room, const struct hyfw_pair *keys, size_t count)
{
	memcpy(room, net_keys, sizeof(net_keys));
	memcpy(room + HYFW_COUNT(net_keys), keys, count * sizeof(*keys));
	return (struct hyfw_map){ HYFW_COUNT(net_keys) + count, room };
}

int ovs_endpoint_up(struct workload *workload, const char *name, const struct hyfw_map *network,
		    const struct hyfw_map *settings, const struct hyfw_map *peers, bool tap, struct hyfw_error **err)
{
	struct hyfw_subject subject = {
		.size = sizeof(subject), .kind = HYFW_SUBJECT_ENDPOINT, .name = "lan", .workload = name,
		.network = *network, .isolation = tap ? "kvm" : "namespaces", .takes_tap = tap,
		.idmap = { 654321, 654321, 65536 },
	};
	int r;

	if (settings)
		subject.settings = *settings;
	workload->netns = tap ? -1 : netns_new();
	r = journal_apply(&workload->journal, &subject, workload->netns, peers, err);
	workload->address = journal_note(&workload->journal, HYFW_NOTE_ADDRESS);
	return r;
}

int ovs_workload_up(struct workload *workload, const char *name, const struct hyfw_map *settings,
		    const struct hyfw_map *peers, struct hyfw_error **err)
{
	return ovs_endpoint_up(workload, name, &ovs_net, settings, peers, false, err);
}

const char *ovs_bridge_of(const struct journal *network)
{
	return journal_note(network, HYFW_NOTE_HOST_INTERFACE);
}

void ovs_mac(const char *interface, uint8_t ret_mac[6])
{
	struct ifreq request = { .ifr_flags = 0 };
	HYFW_AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	assert_int_equal(ioctl(fd, SIOCGIFHWADDR, &request), 0);
	memcpy(ret_mac, request.ifr_hwaddr.sa_data, 6);
}

char *ovs_ofctl(const char *verb, const char *bridge)
{
	HYFW_AUTO_FREE char *line = hyfw_format("ovs-ofctl -O OpenFlow14 %s unix:%s/%s.mgmt", verb, directory, bridge);

	return ovs_run_line(line);
}

char *ovs_appctl(const char *words)
{
	HYFW_AUTO_FREE char *line = hyfw_format("ovs-appctl -t %s/ovs-vswitchd.%d.ctl %s", directory, vswitch, words);

	return ovs_run_line(line);
}

void ovs_assert_no_rows(void)
{
	assert_string_equal(ovs_vsctl("--columns=name find Port external_ids:hyfw!=\"\""), "");
	assert_string_equal(ovs_vsctl("--columns=_uuid list QoS"), "");
	assert_string_equal(ovs_vsctl("--columns=_uuid list Queue"), "");
	assert_string_equal(ovs_vsctl("list-br"), "");
}

bool ovs_reaches(const struct workload *from, const struct workload *to)
{
	pid_t server = traffic_serve(to->netns, to->address, 80);
	bool open = traffic_connect(from->netns, to->address, 80) == 0;

	traffic_stop(server);
	return open;
}

/* ---- frames with tags --------------------------------------------------------- */

#define TEST_TYPE 0x88b5 /* local experimental, IEEE 802 */

void ovs_frame_send(int netns, const char *interface, const char *mac, unsigned vlan, const char *mark)
{
	struct traffic_frame frame = { .interface = interface, .to = { 255, 255, 255, 255, 255, 255 },
				       .type = vlan ? ETHERTYPE_VLAN : TEST_TYPE };
	uint8_t *text = frame.payload;

	traffic_mac(mac, frame.from);
	if (vlan) {
		*text++ = (uint8_t)(vlan >> 8);
		*text++ = (uint8_t)vlan;
		*text++ = TEST_TYPE >> 8;
		*text++ = TEST_TYPE & 255;
	}
	memcpy(text, mark, strlen(mark));
	assert_int_equal(traffic_run(netns, traffic_send_work, &frame), 0);
}

int ovs_frame_listen(int netns)
{
	int fd = traffic_listen(netns), one = 1;

	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)), 0);
	return fd;
}

/* The kernel takes the tag off before it shows the frame. */
static int frame_vlan(struct msghdr *message)
{
	struct cmsghdr *part;

	for (part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
		struct tpacket_auxdata about;

		if (part->cmsg_level != SOL_PACKET || part->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&about, CMSG_DATA(part), sizeof(about));
		return about.tp_status & TP_STATUS_VLAN_VALID ? about.tp_vlan_tci & 4095 : 0;
	}
	return 0;
}

int ovs_frame_heard(int fd, const char *mark)
{
	return ovs_frame_heard_at(fd, NULL, mark);
}

int ovs_frame_heard_at(int fd, const char *interface, const char *mark)
{
	const int index = interface ? (int)if_nametoindex(interface) : 0;
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	uint8_t wire[2048];

	while (poll(&wait, 1, 200) > 0) {
		struct iovec part = { wire, sizeof(wire) };
		struct sockaddr_ll name;
		struct msghdr message = { .msg_name = &name, .msg_namelen = sizeof(name), .msg_iov = &part,
					  .msg_iovlen = 1, .msg_control = control,
					  .msg_controllen = sizeof(control) };
		ssize_t size = recvmsg(fd, &message, 0);

		if (size >= 30 && (!index || name.sll_ifindex == index) && wire[12] == TEST_TYPE >> 8 && wire[13] == (TEST_TYPE & 255) &&
		    memcmp(wire + 14, mark, strlen(mark)) == 0)
			return frame_vlan(&message);
	}
	return -1;
}

/* A packet from 'address' that comes in on 'interface'. */
bool ovs_seen(int fd, const char *interface, const char *address)
{
	const int index = (int)if_nametoindex(interface);
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	struct in_addr from;
	uint8_t wire[2048];

	inet_pton(AF_INET, address, &from);
	while (poll(&wait, 1, 200) > 0) {
		struct sockaddr_ll name;
		socklen_t size = sizeof(name);
		ssize_t length = recvfrom(fd, wire, sizeof(wire), 0, (struct sockaddr *)&name, &size);

		if (length >= 34 && name.sll_ifindex == index && wire[12] == 8 && wire[13] == 0 &&
		    memcmp(wire + 26, &from, 4) == 0)
			return true;
	}
	return false;
}

/* ---- the whole ----------------------------------------------------------------- */

void ovs_switch_kill(void)
{
	stop(&vswitch);
}

int ovs_fixture_begin(void)
{
	struct hyfw_pair settings[] = { { "db", ovs_db } };
	struct hyfw_error *err = NULL;

	if (access("/usr/sbin/ovs-vswitchd", X_OK) < 0) {
		fprintf(stderr, "skipped: needs Open vSwitch (package openvswitch-switch)\n");
		return 77;
	}
	if (!fixture_can_run()) {
		fprintf(stderr, "skipped: needs root and network namespaces\n");
		return 77;
	}
	if (fixture_set_up() < 0 || !mkdtemp(directory))
		return 1;
	snprintf(ovs_db, sizeof(ovs_db), "unix:%s/db.sock", directory);
	fixture.common->close(fixture.instance);
	if (fixture.common->open(hyfw_host_table(), &(struct hyfw_map){ 1, settings }, &fixture.instance, &err) < 0)
		return 1;
	daemons_start();
	return 0;
}

void ovs_fixture_end(void)
{
	stop(&vswitch);
	stop(&database);
	hyfw_remove_tree(AT_FDCWD, directory, NULL);
	fixture_tear_down();
}
