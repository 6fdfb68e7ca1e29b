/* SPDX-License-Identifier: BSD-3-Clause
 * Parts of the OCI runtime that need no container: environments, what a short process
 * takes over, groups below a container's, the freezer's file, the socket of sd_notify(3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "oci/private.h"

static char place[] = "/tmp/hyfw-oci-parts.XXXXXX";

static int make_place(void **state)
{
	(void)state;
	return mkdtemp(place) ? 0 : -1;
}

static int remove_place(void **state)
{
	(void)state;
	return hyfw_remove_tree(AT_FDCWD, place, NULL);
}

/* ---- environment ---- */

static void each_name_is_there_once_with_its_last_value(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	const char *const before[] = { "PATH=/bin", "A=1", "AB=2", "HOME=/x", "A=3", NULL };
	const char *const added[] = { "PATH=/usr/bin", "HOME=", "B", NULL };
	const char *const *all = hyfw_oci_environment(arena, before, added);

	(void)state;
	assert_string_equal(all[0], "AB=2");
	assert_string_equal(all[1], "A=3");
	assert_string_equal(all[2], "PATH=/usr/bin");
	assert_string_equal(all[3], "B");
	assert_null(all[4]);
}

static void no_environment_is_an_empty_list(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();

	(void)state;
	assert_null(hyfw_oci_environment(arena, NULL, NULL)[0]);
}

/* ---- exec ---- */

static void a_short_process_takes_over_what_it_does_not_say(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	static const char whole[] = "{\"args\":[\"sh\"],\"cwd\":\"/\",\"capabilities\":{\"bounding\":[\"CAP_KILL\"]},"
		"\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":1,\"hard\":2}],\"selinuxLabel\":\"label\","
		"\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":4},\"noNewPrivileges\":true}";
	static const char empty[] = "{\"args\":[\"id\"],\"cwd\":\"/\"}";
	static const char none[] = "{\"args\":[\"id\"],\"cwd\":\"/\",\"capabilities\":{},"
		"\"ioPriority\":{\"class\":\"IOPRIO_CLASS_IDLE\"}}";
	struct hyfw_oci_command first, command;

	(void)state;
	assert_int_equal(hyfw_oci_command_read(whole, strlen(whole), arena, &first, NULL), 0);
	assert_int_equal(hyfw_oci_command_read(empty, strlen(empty), arena, &command, NULL), 0);
	hyfw_oci_command_complete(&command, &first);
	assert_int_equal(command.confinement.bounding, 1u << 5);
	assert_int_equal(command.process.rlimit_count, 1);
	assert_int_equal(command.process.io_level.value, 4);
	assert_string_equal(command.confinement.process_label, "label");
	assert_false(command.confinement.no_new_privileges); /* said by its absence */
	assert_int_equal(hyfw_oci_command_read(none, strlen(none), arena, &command, NULL), 0);
	hyfw_oci_command_complete(&command, &first);
	assert_int_equal(command.confinement.bounding, 0);
	assert_int_equal(command.process.io_class.value, 3);
	assert_false(command.process.io_level.set);
}

/* ---- IDs ---- */

static void an_id_is_a_name_that_is_not_hidden(void **state)
{
	static const char *const bad[] = { "", ".", "..", ".a", "a b", "a/b" };
	size_t i;

	(void)state;
	assert_int_equal(hyfw_oci_id_check("a.b_c+d-E1", NULL), 0);
	for (i = 0; i < HYFW_COUNT(bad); i++)
		assert_int_equal(hyfw_oci_id_check(bad[i], NULL), -EINVAL);
}

/* ---- groups ---- */

static void write_text(const char *path, const char *text)
{
	assert_int_equal(hyfw_file_write(path, text, strlen(text), 0600, false, NULL), 0);
}


static const struct hyfw_cgroup *groups_here(struct hyfw_arena *arena)
{
	struct hyfw_cgroup *groups = hyfw_arena_alloc(arena, 2 * sizeof(*groups));

	groups[0] = (struct hyfw_cgroup){ .path = hyfw_arena_format(arena, "%s/cpu", place), .controllers = "cpu,cpuacct" };
	groups[1] = (struct hyfw_cgroup){ .path = hyfw_arena_format(arena, "%s/pids", place), .controllers = "pids" };
	mkdir(groups[0].path, 0700);
	mkdir(groups[1].path, 0700);
	mkdir(hyfw_arena_format(arena, "%s/below", groups[0].path), 0700);
	return groups;
}

static void join_fails(const char *wanted, const char *words)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_confinement confinement = { .cgroups = groups_here(arena), .cgroup_count = 2 };
	const char *const list[] = { wanted, NULL };
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;

	assert_true(oci_join_subgroups(list, NULL, arena, &confinement, &err) < 0);
	assert_non_null(strstr(err->message, words));
}

static void groups_below_the_containers_own_are_joined(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_confinement confinement = { .cgroups = groups_here(arena), .cgroup_count = 2 };
	const char *const wanted[] = { "cpu,cpuacct:below", "pids:/", NULL };

	(void)state;
	assert_int_equal(oci_join_subgroups(wanted, NULL, arena, &confinement, NULL), 0);
	assert_string_equal(strrchr(confinement.cgroups[0].path, '/'), "/below");
	assert_string_equal(strrchr(confinement.cgroups[1].path, '/'), "/pids");
	join_fails("..", "bad sub cgroup path: .. is not a sub cgroup path");
	join_fails("cpu:..", "bad sub cgroup path: .. is not a sub cgroup path");
	join_fails("cpu:a/../../b", "bad sub cgroup path");
	join_fails("none", "/none/cgroup.procs: no such file or directory");
	join_fails("cpu:none", "no such file or directory");
	join_fails("what:/", "unknown controller ");
	join_fails(":below", "unknown controller ");
}

/* Files as cgroup v2 has them, in a directory that is none. */
static void a_group_that_gives_controllers_on_takes_no_command(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	const char *top = hyfw_arena_format(arena, "%s/cpu", place);
	struct hyfw_cgroup group = { .path = hyfw_arena_format(arena, "%s/init", top), .controllers = "", .unified = true };
	struct hyfw_confinement confinement = { .cgroups = &group, .cgroup_count = 1 };
	const char *const root[] = { "/", NULL }, *const below[] = { "below", NULL };
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	const char *file = hyfw_arena_format(arena, "%s/cgroup.subtree_control", top);

	(void)state;
	groups_here(arena);
	write_text(file, "memory pids\n");
	assert_int_equal(oci_join_subgroups(root, top, arena, &confinement, &err), -EBUSY);
	assert_non_null(strstr(err->message, "/cgroup.procs: device or resource busy"));
	confinement.cgroups = &group;
	assert_int_equal(oci_join_subgroups(below, top, arena, &confinement, NULL), 0);
	assert_string_equal(confinement.cgroups[0].path, hyfw_arena_format(arena, "%s/below", top));
	confinement.cgroups = &group;
	assert_int_equal(oci_join_subgroups(NULL, top, arena, &confinement, NULL), 0);
	assert_string_equal(confinement.cgroups[0].path, group.path);
	write_text(file, "\n");
	assert_int_equal(oci_join_subgroups(root, top, arena, &confinement, NULL), 0);
	unlink(file);
}

static void the_freezers_tell_who_stands_still(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_confinement confinement = { .cgroups = groups_here(arena), .cgroup_count = 2 };
	const char *file = hyfw_arena_format(arena, "%s/pids/cgroup.freeze", place);
	const char *old = hyfw_arena_format(arena, "%s/cpu/freezer.state", place);
	const char *const *found = oci_freezers_of(&confinement, arena);

	(void)state;
	assert_null(found[0]);
	assert_false(oci_is_frozen(found));
	assert_null(oci_unified_group(found, arena));
	write_text(file, "0\n");
	write_text(old, "THAWED\n");
	found = oci_freezers_of(&confinement, arena);
	assert_string_equal(found[0], file);
	assert_string_equal(found[1], old);
	assert_null(found[2]);
	assert_string_equal(oci_unified_group(found, arena), confinement.cgroups[1].path);
	assert_false(oci_is_frozen(found));
	write_text(file, "1\n");
	assert_true(oci_is_frozen(found));
	write_text(file, "0\n");
	write_text(old, "FREEZING\n");
	assert_true(oci_is_frozen(found));
	write_text(old, "FROZEN\n");
	assert_true(oci_is_frozen(found));
	oci_thaw(found);
	assert_false(oci_is_frozen(found));
	unlink(old);
	unlink(file);
	assert_false(oci_is_frozen(found));
}

/* ---- sd_notify ---- */

static int bound_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void say(const char *path, const char *text)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	HYFW_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	assert_int_equal(sendto(fd, text, strlen(text), 0, (struct sockaddr *)&address, sizeof(address)), strlen(text));
}

static void readiness_is_handed_on_and_nothing_else(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_oci_container container = { .directory = place, .arena = arena };
	const char *host = hyfw_arena_format(arena, "%s/host", place);
	const char *inside = hyfw_arena_format(arena, "%s/notify/notify.sock", place);
	HYFW_AUTO_CLOSE int manager = bound_to(host), listener = -1;
	char heard[100] = "";

	(void)state;
	assert_int_equal(hyfw_oci_notify_listen(&container, NULL), -ENOENT);
	assert_int_equal(oci_notify_prepare(&container, "@abstract", NULL), 0);
	assert_string_equal(container.spec.command.envp[0], "NOTIFY_SOCKET=/run/notify/notify.sock");
	assert_int_equal(container.spec.config.mount_count, 1);
	assert_string_equal(container.spec.config.mounts[0].target, "/run/notify");
	assert_true(container.spec.config.mounts[0].set & MOUNT_ATTR_RDONLY);
	listener = hyfw_oci_notify_listen(&container, NULL);
	assert_true(listener >= 0);
	assert_false(hyfw_oci_notify_forward(listener, host, 7));
	say(inside, "STATUS=busy\nMAINPID=1");
	assert_false(hyfw_oci_notify_forward(listener, host, 7));
	assert_int_equal(recv(manager, heard, sizeof(heard) - 1, MSG_DONTWAIT), -1);
	say(inside, "STATUS=done\nREADY=1\nMAINPID=1");
	assert_true(hyfw_oci_notify_forward(listener, host, 7));
	assert_true(recv(manager, heard, sizeof(heard) - 1, MSG_DONTWAIT) > 0);
	assert_string_equal(heard, "MAINPID=7\nREADY=1");
}

/* Where the socket is inside, NULL when the bundle has put something there. */
static const char *place_for(const char *host, const struct hyfw_oci_mount *mounts, size_t count,
			     struct hyfw_arena *arena)
{
	struct hyfw_oci_container container = { .directory = place, .arena = arena };
	const char *const *envp;

	container.spec.config.root = place;
	container.spec.config.mounts = mounts;
	container.spec.config.mount_count = count;
	assert_int_equal(oci_notify_prepare(&container, host, NULL), 0);
	envp = container.spec.command.envp;
	assert_int_equal(container.spec.config.mount_count, count + (envp != NULL));
	if (!envp)
		return NULL;
	assert_int_equal(strncmp(envp[0], "NOTIFY_SOCKET=", 14), 0);
	assert_true(strncmp(envp[0] + 14, container.spec.config.mounts[count].target,
			    strlen(container.spec.config.mounts[count].target)) == 0);
	return envp[0] + 14;
}

static void the_socket_is_where_the_caller_has_it_unless_it_is_in_the_way(void **state)
{
	static const char *const elsewhere[] = {
		"@abstract", "relative", "/", "/a/../b", "/a//b", "/a/./b", "/a/", "/proc/a", "/sys", "/dev/log",
		"/in/place", "/bound/below", "/a-file",
	};
	static const char runc[] = "/run/notify/notify.sock";
	const struct hyfw_oci_mount mounts[] = {
		{ .target = "/in/place/of/it", .type = "tmpfs" }, { .target = "/bound", .bind = true },
		{ .target = "/memory", .type = "tmpfs" }, { .target = "/served" , .bind = true },
	}, odd = { .target = "/a/../run", .type = "tmpfs" };
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	char *file = hyfw_arena_format(arena, "%s/a-file", place);
	char longest[108] = "/";
	size_t i;

	(void)state;
	write_text(file, "");
	for (i = 0; i < HYFW_COUNT(elsewhere); i++)
		assert_string_equal(place_for(elsewhere[i], mounts, HYFW_COUNT(mounts), arena), runc);
	unlink(file);
	assert_string_equal(place_for("/run/a", &odd, 1, arena), runc);
	assert_string_equal(place_for("/run/a", mounts, HYFW_COUNT(mounts), arena), "/run/a/notify");
	assert_string_equal(place_for("/devices", mounts, HYFW_COUNT(mounts), arena), "/devices/notify");
	assert_string_equal(place_for("/memory/a", mounts, HYFW_COUNT(mounts), arena), "/memory/a/notify");
	assert_null(place_for("/served", mounts, HYFW_COUNT(mounts), arena));
	memset(longest + 1, 'a', 99); /* with "/notify" and its end as long as an address */
	assert_int_equal(strlen(place_for(longest, NULL, 0, arena)), 107);
	longest[100] = 'a';
	assert_string_equal(place_for(longest, NULL, 0, arena), runc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_name_is_there_once_with_its_last_value),
		cmocka_unit_test(no_environment_is_an_empty_list),
		cmocka_unit_test(a_short_process_takes_over_what_it_does_not_say),
		cmocka_unit_test(an_id_is_a_name_that_is_not_hidden),
		cmocka_unit_test(groups_below_the_containers_own_are_joined),
		cmocka_unit_test(a_group_that_gives_controllers_on_takes_no_command),
		cmocka_unit_test(the_freezers_tell_who_stands_still),
		cmocka_unit_test(readiness_is_handed_on_and_nothing_else),
		cmocka_unit_test(the_socket_is_where_the_caller_has_it_unless_it_is_in_the_way),
	};

	return cmocka_run_group_tests_name("oci-parts", tests, make_place, remove_place);
}
