/* SPDX-License-Identifier: BSD-3-Clause
 * The user driver on a machine of its own, whose way outside is one end of a veth pair. */
#include "guest.h"

#include <sys/stat.h>
#include <sys/un.h>

#define UID 654321u

static int up(struct workload *workload, const char *name, bool machine, const struct hyfw_map *settings,
	      struct hyfw_error **err)
{
	struct hyfw_subject subject = {
		.size = sizeof(subject), .kind = HYFW_SUBJECT_ENDPOINT, .name = "out", .workload = name,
		.isolation = machine ? "kvm" : "namespaces", .takes_tap = machine, .idmap = { UID, UID, 65536 },
	};

	if (settings)
		subject.settings = *settings;
	return journal_apply(&workload->journal, &subject, workload->netns, NULL, err);
}

static pid_t server_pid(const struct workload *workload)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/pid", journal_note(&workload->journal, "directory"));
	HYFW_AUTO_FREE char *text = NULL;

	OK(hyfw_file_read(AT_FDCWD, path, 64, &text, NULL, &err));
	return (pid_t)strtol(text, NULL, 10);
}

static uid_t owner_of(pid_t pid)
{
	HYFW_AUTO_FREE char *path = hyfw_format("/proc/%d/status", pid);
	HYFW_AUTO_FREE char *text = NULL;

	OK(hyfw_file_read(AT_FDCWD, path, 65536, &text, NULL, &err));
	return (uid_t)strtoul(strstr(text, "\nUid:") + 5, NULL, 10);
}

static bool is_running(pid_t pid)
{
	HYFW_AUTO_FREE char *path = hyfw_format("/proc/%d/cmdline", pid);
	HYFW_AUTO_FREE char *text = NULL;
	size_t size = 0;

	return hyfw_file_read(AT_FDCWD, path, 65536, &text, &size, NULL) == 0 && size > 0;
}

/* As QEMU does with -netdev stream. */
static void begin(struct guest *guest, const struct workload *machine)
{
	const char *note = journal_note(&machine->journal, HYFW_NOTE_USER_NETWORK);
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	assert_non_null(note);
	assert_int_equal(strncmp(note, "passt /", 7), 0);
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", note + 6);
	*guest = (struct guest){ .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), .stream = true };
	assert_int_equal(connect(guest->fd, (struct sockaddr *)&name, sizeof(name)), 0);
	traffic_mac(journal_note(&machine->journal, HYFW_NOTE_MAC), guest->mac);
}

static void a_machine_gets_out_by_passt(void **state)
{
	static const struct hyfw_pair settings[] = { { "publish", "127.0.0.1|80|8053|udp" } };
	HYFW_AUTO_FREE char *before = machine_state();
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(80) };
	struct workload vm = { .netns = -1 }, second = { .netns = -1 };
	struct hyfw_error *refusal = NULL;
	struct guest_datagram question;
	struct guest_lease lease;
	struct guest guest;
	uint8_t buffer[2048];
	pid_t pid;
	int fd;

	(void)state;
	OK(up(&vm, "vm", true, &(struct hyfw_map){ 1, settings }, &err));
	pid = server_pid(&vm);
	assert_true(is_running(pid));
	assert_int_equal(owner_of(pid), UID);
	assert_int_equal(up(&second, "second", true, &(struct hyfw_map){ 1, settings }, &refusal), -EADDRINUSE);
	hyfw_forget(&refusal);
	journal_finish(&second.journal);

	begin(&guest, &vm);
	assert_true(guest_dhcp(&guest, &lease));
	assert_int_equal(lease.address, 0xc0000202u); /* the host's own */
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, "127.0.0.1", &name.sin_addr);
	assert_int_equal(sendto(fd, "hello", 5, 0, (struct sockaddr *)&name, sizeof(name)), 5);
	assert_true(guest_receive_udp(&guest, 8053, buffer, &question, 2000));
	assert_int_equal(question.size, 5);
	assert_memory_equal(question.data, "hello", 5);
	close(fd);
	assert_int_equal(journal_undo(&vm.journal), 0);
	assert_false(is_running(pid));
	guest_end(&guest);
	workload_down(&vm);
	assert_state(before);
}

/* A network namespace of a user namespace whose root is user UID. */
static int container_netns(pid_t *ret_child)
{
	HYFW_AUTO_FREE char *map = hyfw_format("0 %u 65536\n", UID);
	HYFW_AUTO_FREE char *path = NULL;
	int ready[2], fd;
	char byte;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	*ret_child = fork();
	if (*ret_child == 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	for (fd = 0; fd < 2; fd++) {
		HYFW_AUTO_FREE char *file = hyfw_format("/proc/%d/%s_map", *ret_child, fd ? "gid" : "uid");
		HYFW_AUTO_CLOSE int out = open(file, O_WRONLY | O_CLOEXEC);

		assert_int_equal(hyfw_write_all(out, map, strlen(map)), 0);
	}
	path = hyfw_format("/proc/%d/ns/net", *ret_child);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void a_container_gets_out_by_pasta(void **state)
{
	static const struct hyfw_pair settings[] = { { "publish", "|8080|80|tcp" } },
				      low[] = { { "publish", "|80|80|tcp" } };
	HYFW_AUTO_FREE char *before = machine_state();
	struct hyfw_error *refusal = NULL;
	struct workload web;
	pid_t holder, pid, inside, at_host;

	(void)state;
	web.netns = container_netns(&holder);
	assert_int_equal(up(&web, "web", false, &(struct hyfw_map){ 1, low }, &refusal), -EACCES);
	assert_non_null(strstr(refusal->message, "without privileges"));
	hyfw_forget(&refusal);
	journal_finish(&web.journal);

	OK(up(&web, "web", false, &(struct hyfw_map){ 1, settings }, &err));
	pid = server_pid(&web);
	assert_int_equal(owner_of(pid), UID);
	assert_string_equal(journal_note(&web.journal, HYFW_NOTE_INTERFACE), "eth0");
	inside = traffic_serve(web.netns, "0.0.0.0", 80);
	at_host = traffic_serve(-1, "127.0.0.1", 700);
	assert_int_equal(traffic_connect(-1, "127.0.0.1", 8080), 0);
	/* The host's own services: not on the workload's 127.0.0.1, nor at the gateway. */
	assert_int_equal(traffic_connect(web.netns, "127.0.0.1", 700), ECONNREFUSED);
	assert_int_not_equal(traffic_connect(web.netns, "192.0.2.1", 700), 0);
	traffic_stop(inside);
	traffic_stop(at_host);

	workload_down(&web);
	assert_false(is_running(pid));
	traffic_stop(holder);
	assert_state(before);
}

static void orphans_are_collected(void **state)
{
	const char *const running[] = { "vm", NULL }, *const none[] = { NULL };
	const struct hyfw_alive alive = { sizeof(alive), running, none, none, running };
	struct workload vm = { .netns = -1 }, dead = { .netns = -1 };
	pid_t vm_pid, dead_pid;
	HYFW_AUTO_FREE char *before = NULL;

	(void)state;
	OK(up(&vm, "vm", true, NULL, &err));
	before = machine_state();
	OK(up(&dead, "dead", true, NULL, &err));
	vm_pid = server_pid(&vm);
	dead_pid = server_pid(&dead);
	OK(fixture.common->gc(fixture.instance, &alive, &err));
	assert_true(is_running(vm_pid));
	assert_false(is_running(dead_pid));
	assert_state(before);
	assert_int_equal(journal_undo(&dead.journal), 0); /* already gone is success */
	workload_down(&dead);
	kill(vm_pid, SIGKILL);
	workload_down(&vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_machine_gets_out_by_passt),
		cmocka_unit_test(a_container_gets_out_by_pasta),
		cmocka_unit_test(orphans_are_collected),
	};
	int failed;

	if (!fixture_can_run()) {
		fprintf(stderr, "skipped: needs root and network namespaces\n");
		return 77;
	}
	if (access("/usr/bin/passt", X_OK) < 0) {
		fprintf(stderr, "skipped: needs passt\n");
		return 77;
	}
	if (fixture_set_up() < 0)
		return 1;
	traffic_ip("link add ext0 type veth peer name ext1");
	traffic_ip("link set ext1 up");
	traffic_ip("address add 192.0.2.2/24 dev ext0");
	traffic_ip("link set ext0 up");
	traffic_ip("route add default via 192.0.2.1");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	fixture_tear_down();
	return failed;
}
