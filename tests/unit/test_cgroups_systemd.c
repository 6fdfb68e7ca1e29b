/* SPDX-License-Identifier: BSD-3-Clause
 * Scopes of systemd: names, properties, and what arrives at the other end of a bus, where
 * a systemd of our own making answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include "cgroups_fixture.h"
#include "security/cgroups/systemd.h"

#define N(number) { true, number }

static char unified[] = "/v2", pids[] = "/v1/pids";
static const struct hierarchy v2 = { .unified = unified, .unified_has = CONTROLLER_BIT(CONTROLLER_PIDS) };
static const struct hierarchy v1 = { .v1 = { [CONTROLLER_PIDS] = pids } };

static const char *parsed(const char *path)
{
	struct hyfw_error *err = NULL;
	struct scope scope;

	if (scope_parse(&fake_host, fake.arena, path, "web", &scope, &err) < 0) {
		const char *text = hyfw_arena_format(fake.arena, "refused: %s", err->message);

		hyfw_forget(&err);
		return text;
	}
	return hyfw_arena_format(fake.arena, "%s %s %s", scope.slice, scope.unit, scope.path);
}

static void paths_are_slice_prefix_and_name(void **state)
{
	(void)state;
	assert_string_equal(parsed("machine.slice:libpod:12ab"),
			    "machine.slice libpod-12ab.scope /machine.slice/libpod-12ab.scope");
	assert_string_equal(parsed("kubepods-besteffort-pod1.slice:cri-containerd:ab"),
			    "kubepods-besteffort-pod1.slice cri-containerd-ab.scope /kubepods.slice/"
			    "kubepods-besteffort.slice/kubepods-besteffort-pod1.slice/cri-containerd-ab.scope");
	assert_string_equal(parsed("-.slice::web"), "-.slice web.scope /web.scope");
	assert_string_equal(parsed("a.slice:x:b.slice"), "a.slice b.slice /a.slice/b.slice");
	if (geteuid() == 0)
		assert_string_equal(parsed(NULL), hyfw_arena_format(fake.arena, "system.slice %s-web.scope /system.slice/"
								    "%s-web.scope", fake_host.owner, fake_host.owner));
	assert_non_null(strstr(parsed("/pod/web"), "of format \"slice:prefix:name\""));
	assert_non_null(strstr(parsed("a:b:c:d"), "of format \"slice:prefix:name\""));
	assert_non_null(strstr(parsed("machine:libpod:1"), "\"machine\" is not the name of a slice"));
	assert_non_null(strstr(parsed("a--b.slice:libpod:1"), "is not the name of a slice"));
	assert_non_null(strstr(parsed("../a.slice:libpod:1"), "is not the name of a slice"));
	assert_non_null(strstr(parsed("a.slice:lib/pod:1"), "is not the name of a unit"));
	assert_non_null(strstr(parsed("a.slice:libpod:"), "is not the name of a unit"));
}

static void limits_become_properties(void **state)
{
	const struct hyfw_oci_resources resources = { .memory_limit = N(100), .memory_swap = N(150), .cpu_shares = N(1024),
						      .cpu_quota = N(50001), .cpu_period = N(100000), .cpus = "0-1,9",
						      .pids_limit = N(-1), .block_weight = N(500) };
	struct scope_properties properties = { 0 };
	const char *text = "";
	size_t i;

	(void)state;
	scope_limits(&fake_host, fake.arena, &v2, &resources, &properties);
	scope_limits(&fake_host, fake.arena, &v1, &resources, &properties);
	for (i = 0; i < properties.count; i++)
		text = hyfw_arena_format(fake.arena, "%s%s;", text, properties.items[i]);
	assert_string_equal(text,
			    "t MemoryMax 100;t MemorySwapMax 50;t CPUWeight 100;ay AllowedCPUs 0302;"
			    "t CPUQuotaPeriodUSec 100000;t CPUQuotaPerSecUSec 510000;t TasksMax 18446744073709551615;"
			    "t MemoryLimit 100;t CPUShares 1024;t BlockIOWeight 500;"
			    "t CPUQuotaPeriodUSec 100000;t CPUQuotaPerSecUSec 510000;t TasksMax 18446744073709551615;");
}

static void files_of_version_2_become_properties(void **state)
{
	const struct hyfw_pair files[] = { { "memory.min", "131072" }, { "memory.max", "max" }, { "pids.max", "99" },
					   { "cpu.max", "10000 100000" }, { "cpuset.cpus", "1" }, { "io.max", "8:0 rbps=1" } };
	const struct hyfw_oci_resources resources = { .unified = { 6, files } };
	struct scope_properties properties = { 0 };
	const char *text = "";
	size_t i;

	(void)state;
	scope_limits(&fake_host, fake.arena, &v2, &resources, &properties);
	for (i = 0; i < properties.count; i++)
		text = hyfw_arena_format(fake.arena, "%s%s;", text, properties.items[i]);
	assert_string_equal(text, "t MemoryMin 131072;t MemoryMax 18446744073709551615;t TasksMax 99;"
			    "t CPUQuotaPeriodUSec 100000;t CPUQuotaPerSecUSec 100000;ay AllowedCPUs 02;");
}

/* ---- what a bundle asks for itself ---- */

static const char *annotated(const char *name, const char *value)
{
	const struct hyfw_pair pairs[] = { { "org.example", "ignored" },
					   { hyfw_arena_format(fake.arena, "org.systemd.property.%s", name), value } };
	const struct hyfw_map map = { 2, pairs };
	struct scope_properties properties = { 0 };
	struct hyfw_error *err = NULL;
	const char *text = "";
	size_t i;

	if (scope_annotations(&fake_host, fake.arena, &map, &properties, &err) < 0) {
		hyfw_forget(&err);
		return "refused";
	}
	for (i = 0; i < properties.count; i++)
		text = hyfw_arena_format(fake.arena, "%s%s;", text, properties.items[i]);
	return text;
}

static void annotations_become_properties(void **state)
{
	(void)state;
	assert_string_equal(annotated("CollectMode", "'inactive-or-failed'"), "s CollectMode inactive-or-failed;");
	assert_string_equal(annotated("Description", "\"it\\\"s\""), "s Description it\"s;");
	assert_string_equal(annotated("Delegate", "true"), "b Delegate true;");
	assert_string_equal(annotated("TimeoutStopUSec", "uint64 123456789"), "t TimeoutStopUSec 123456789;");
	assert_string_equal(annotated("TimeoutStopUSec", "@t 7"), "t TimeoutStopUSec 7;");
	assert_string_equal(annotated("RuntimeMaxSec", "2"), "t RuntimeMaxUSec 2000000;");
	assert_string_equal(annotated("RuntimeMaxSec", "1.5"), "t RuntimeMaxUSec 1500000;");
	assert_string_equal(annotated("RuntimeMaxSec", "uint64 3"), "t RuntimeMaxUSec 3000000;");
	assert_string_equal(annotated("OOMScore", "-5"), "i OOMScore -5;");
	assert_string_equal(annotated("Before", "['a.service', 'b.service']"), "as Before a.service;as Before b.service;");
	assert_string_equal(annotated("MemorySwapMax", "uint64 0"), "t MemorySwapMax 0;");
	assert_string_equal(annotated("RuntimeMaxSec", "'2'"), "refused");
	assert_string_equal(annotated("RuntimeMaxSec", "-1"), "refused");
	assert_string_equal(annotated("CollectMode", "inactive"), "refused");
	assert_string_equal(annotated("CollectMode", "'a"), "refused");
	assert_string_equal(annotated("CollectMode", "'a' 'b'"), "refused");
	assert_string_equal(annotated("TasksMax", "uint32 4294967296"), "refused");
	assert_string_equal(annotated("Before", "['a' 'b']"), "refused");
	assert_string_equal(annotated("No Name", "true"), "refused");
	assert_string_equal(annotated("", "true"), "refused");
}

/* ---- a systemd that writes down what it is asked for ---- */

static const char *describe(sd_bus_message *message, struct hyfw_arena *arena, const char *text)
{
	const char *contents;
	char type;

	while (sd_bus_message_peek_type(message, &type, &contents) > 0) {
		if (strchr("arve", type)) {
			sd_bus_message_enter_container(message, type, contents);
			text = hyfw_arena_format(arena, "%s(", text);
			text = hyfw_arena_format(arena, "%s)", describe(message, arena, text));
			sd_bus_message_exit_container(message);
		} else {
			union {
				const char *s;
				uint8_t y;
				int b;
				uint32_t u;
				uint64_t t;
			} value = { 0 };

			sd_bus_message_read_basic(message, type, &value);
			text = type == 's' ? hyfw_arena_format(arena, "%s %s", text, value.s) :
					     hyfw_arena_format(arena, "%s %c%llu", text, type, type == 'y' ? value.y :
							       type == 't' ? (unsigned long long)value.t : value.u);
		}
	}
	return text;
}

/* Answers one call; the job ends as 'outcome' before it is told which one it is, as it
 * happens with the real one. */
static void serve(int fd, int report, const char *outcome)
{
	struct hyfw_arena *arena = hyfw_arena_new();
	sd_bus_message *call = NULL, *signal = NULL;
	sd_bus *bus = NULL;
	sd_id128_t id;
	const char *text;

	sd_id128_randomize(&id);
	if (sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, fd, fd) < 0 || sd_bus_set_server(bus, 1, id) < 0 ||
	    sd_bus_set_anonymous(bus, 1) < 0 || sd_bus_start(bus) < 0)
		_exit(1);
	while (!call)
		if (sd_bus_process(bus, &call) == 0)
			sd_bus_wait(bus, 5000000);
	text = hyfw_arena_format(arena, "%s:", sd_bus_message_get_member(call));
	text = describe(call, arena, text);
	if (write(report, text, strlen(text)) < 0)
		_exit(2);
	close(report);
	if (strcmp(outcome, "exists") == 0) {
		sd_bus_reply_method_errorf(call, "org.freedesktop.systemd1.UnitExists", "Unit is there already");
	} else if (strcmp(outcome, "none") == 0) {
		sd_bus_reply_method_errorf(call, "org.freedesktop.systemd1.NoSuchUnit", "Unit not loaded");
	} else {
		sd_bus_message_new_signal(bus, &signal, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
					  "JobRemoved");
		sd_bus_message_append(signal, "uoss", 7, "/org/freedesktop/systemd1/job/7", "web.scope", outcome);
		sd_bus_message_set_sender(signal, ":1.1"); /* a bus would */
		sd_bus_send(bus, signal, NULL);
		sd_bus_reply_method_return(call, "o", "/org/freedesktop/systemd1/job/7");
	}
	sd_bus_flush(bus);
	/* until the other end is closed */
	while (sd_bus_process(bus, NULL) >= 0 && sd_bus_is_open(bus) > 0)
		sd_bus_wait(bus, 5000000);
	_exit(0);
}

enum verb { START, CHANGE, STOP };

/* What systemd got, and how it went for us. */
static const char *ask(enum verb verb, const char *outcome, const struct scope_properties *properties,
		       int *ret_result, struct hyfw_error **err)
{
	struct sd_bus *bus = NULL, *unused = NULL;
	int ends[2], report[2], status;
	char *text = hyfw_arena_alloc(fake.arena, 8192);
	size_t length = 0;
	ssize_t got;
	pid_t pid;

	/* loads the library; whether there is a bus here is of no interest */
	if (systemd_open(&fake_host, &unused, err) < 0)
		hyfw_forget(err);
	else
		systemd_close(unused);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(pipe(report), 0);
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		serve(ends[1], report[1], outcome);
	}
	close(ends[1]);
	close(report[1]);
	assert_true(sd_bus_new(&bus) >= 0 && sd_bus_set_fd(bus, ends[0], ends[0]) >= 0 &&
		    sd_bus_set_anonymous(bus, 1) >= 0 && sd_bus_start(bus) >= 0);
	if (verb == START)
		*ret_result = systemd_start(&fake_host, bus, "web.scope", properties, 17, err);
	else if (verb == CHANGE)
		*ret_result = systemd_change(&fake_host, bus, "web.scope", properties, err);
	else
		*ret_result = systemd_stop(&fake_host, bus, "web.scope", err);
	while ((got = read(report[0], text + length, 8191 - length)) > 0)
		length += (size_t)got;
	sd_bus_flush_close_unref(bus);
	close(report[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return text;
}

static void a_scope_is_asked_for(void **state)
{
	const struct hyfw_oci_device_rule rules[] = { { false, 'a', -1, -1, true, true, true },
						      { true, 'c', 10, 229, true, true, false } };
	const struct hyfw_pair annotations[] = { { "org.systemd.property.Before", "['a.service', 'b.service']" },
						 { "org.systemd.property.RuntimeMaxSec", "2" },
						 { "org.systemd.property.OOMScore", "-5" } };
	struct hyfw_oci_config config = { .size = sizeof(config), .id = "web", .annotations = { 3, annotations },
					  .resources = { .pids_limit = N(64), .cpus = "0", .devices = rules,
							 .device_count = 2 } };
	struct scope_properties properties;
	struct hyfw_error *err = NULL;
	struct scope scope;
	int result = -1;

	(void)state;
	assert_int_equal(scope_parse(&fake_host, fake.arena, "machine.slice:libpod:web", "web", &scope, &err), 0);
	assert_int_equal(scope_properties(&fake_host, fake.arena, &v2, &scope, &config, &properties, &err), 0);
	assert_string_equal(ask(START, "done", &properties, &result, &err),
		"StartTransientUnit: web.scope replace(( Description( container web))( Slice( machine.slice))"
		"( Delegate( b1))( CollectMode( inactive-or-failed))( DefaultDependencies( b0))"
		"( MemoryAccounting( b1))( CPUAccounting( b1))( TasksAccounting( b1))( IOAccounting( b1))"
		"( DevicePolicy( strict))( DeviceAllow((( /dev/char/10:229 rw)( char-* m)( block-* m)"
		"( /dev/char/1:3 rwm)( /dev/char/1:5 rwm)( /dev/char/1:7 rwm)( /dev/char/1:8 rwm)"
		"( /dev/char/1:9 rwm)( /dev/char/5:0 rwm)( /dev/char/5:1 rwm)( /dev/char/5:2 rwm)"
		"( char-pts rwm))))( AllowedCPUs(( y1)))( TasksMax( t64))( Before(( a.service b.service)))( RuntimeMaxUSec( t2000000))( OOMScore( i4294967291))( PIDs(( u17))))()");
	assert_int_equal(result, 0);
}

static void answers_are_understood(void **state)
{
	const char *items[] = { "t TasksMax 5" };
	const struct scope_properties properties = { 1, 1, items };
	struct hyfw_error *err = NULL;
	int result;

	(void)state;
	ask(START, "failed", &properties, &result, &err);
	assert_int_equal(result, -EIO);
	assert_non_null(strstr(err->message, "start web.scope of systemd: the job ended as \"failed\""));
	hyfw_forget(&err);
	ask(START, "exists", &properties, &result, &err);
	assert_int_equal(result, -EEXIST);
	assert_non_null(strstr(err->message, "Unit is there already"));
	hyfw_forget(&err);
	assert_string_equal(ask(STOP, "done", NULL, &result, &err), "StopUnit: web.scope replace");
	assert_int_equal(result, 0);
	ask(STOP, "none", NULL, &result, &err);
	assert_int_equal(result, 0); /* gone is success */
	assert_string_equal(ask(CHANGE, "done", &properties, &result, &err),
			    "SetUnitProperties: web.scope b1(( TasksMax( t5)))");
	assert_int_equal(result, 0);
}

/* ---- the process that keeps the scope ---- */

static bool is_alive(int pid)
{
	return kill(pid, 0) == 0;
}

static void ended(int pid)
{
	int i;

	for (i = 0; i < 500 && is_alive(pid); i++)
		usleep(10000);
	assert_false(is_alive(pid));
}

static void the_holder_goes_when_another_comes(void **state)
{
	char root[] = "/tmp/hyfw-cgroups-XXXXXX";
	struct hyfw_error *err = NULL;
	int pid, channel;

	(void)state;
	assert_non_null(mkdtemp(root));
	put(hyfw_arena_format(fake.arena, "%s/cgroup.procs", root), "");
	assert_int_equal(holder_start(&fake_host, &pid, &channel, &err), 0);
	holder_watch(channel, root);
	close(channel);
	usleep(50000);
	assert_true(is_alive(pid));
	put(hyfw_arena_format(fake.arena, "%s/cgroup.procs", root), "1\n");
	ended(pid);
	/* and when whoever made it is gone without a word */
	assert_int_equal(holder_start(&fake_host, &pid, &channel, &err), 0);
	assert_true(is_alive(pid));
	close(channel);
	ended(pid);
	assert_int_equal(hyfw_remove_tree(AT_FDCWD, root, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(paths_are_slice_prefix_and_name),
		TEST(limits_become_properties),
		TEST(files_of_version_2_become_properties),
		TEST(annotations_become_properties),
		TEST(a_scope_is_asked_for),
		TEST(answers_are_understood),
		TEST(the_holder_goes_when_another_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
