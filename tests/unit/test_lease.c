/* SPDX-License-Identifier: BSD-3-Clause
 * Leases and locks of the host table: one owner among all processes. */
#include "host_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "plugin/lease.h"

static void a_lease_has_one_owner(void **state)
{
	struct hyfw_error *err = NULL;

	(void)state;
	assert_int_equal(host->lease_take("front", "10.89.0.2", "web", &err), 0);
	assert_int_equal(host->lease_take("front", "10.89.0.2", "web", &err), 0);
	assert_int_equal(host->lease_take("front", "10.89.0.2", "db", &err), -EADDRINUSE);
	assert_non_null(strstr(err->message, "web"));
	hyfw_forget(&err);
	host->lease_drop("front", "10.89.0.2", "db");
	assert_int_equal(host->lease_take("front", "10.89.0.2", "db", &err), -EADDRINUSE);
	hyfw_forget(&err);
	host->lease_drop("front", "10.89.0.2", "web");
	host->lease_drop("front", "10.89.0.2", "web");
	assert_int_equal(host->lease_take("front", "10.89.0.2", "db", &err), 0);
	assert_int_equal(host->lease_take("front", "../x", "db", &err), -EINVAL);
	hyfw_forget(&err);
	host->lease_drop("front", "10.89.0.2", "db");
	assert_false(exists(top, "run/leases/front"));
}

static void leases_are_listed_and_dropped_by_owner(void **state)
{
	struct hyfw_pairs leases = { 0 };
	struct hyfw_error *err = NULL;
	struct hyfw_map map;

	(void)state;
	assert_int_equal(host->lease_take("front", "10.89.0.2", "web", &err), 0);
	assert_int_equal(host->lease_take("ports", "tcp:80", "web", &err), 0);
	assert_int_equal(host->lease_take("ports", "tcp:81", "db", &err), 0);
	assert_int_equal(hyfw_lease_list("ports", &leases, &err), 0);
	map = hyfw_pairs_map(&leases);
	assert_int_equal(map.count, 2);
	assert_string_equal(hyfw_map_get(&map, "tcp:80"), "web");
	assert_int_equal(hyfw_lease_drop_all("web", &err), 0);
	hyfw_pairs_finish(&leases);
	leases = (struct hyfw_pairs){ 0 };
	assert_int_equal(hyfw_lease_list(NULL, &leases, &err), 0);
	map = hyfw_pairs_map(&leases);
	assert_int_equal(map.count, 1);
	assert_string_equal(hyfw_map_get(&map, "ports/tcp:81"), "db");
	hyfw_pairs_finish(&leases);
	host->lease_drop("ports", "tcp:81", "db");
}

#define TAKERS 8
#define ROUNDS 200
#define ITEMS 3

/* Takes and drops; a file made exclusively while the lease is held proves that
 * nobody else held it.  Ends with the number of leases it ever got, 255 on a
 * breach. */
static int contend(int number)
{
	HYFW_AUTO_FREE char *owner = hyfw_format("taker%d", number);
	int got = 0, round;

	for (round = 0; round < ROUNDS; round++) {
		HYFW_AUTO_FREE char *item = hyfw_format("item%d", (round + number) % ITEMS);
		HYFW_AUTO_FREE char *proof = hyfw_format("%s/proof-%s", top, item);
		struct hyfw_error *err = NULL;
		int result = host->lease_take("contended", item, owner, &err);
		int fd;

		if (result == -EADDRINUSE && !strstr(err->message, "taker"))
			return 255;
		hyfw_forget(&err);
		if (result == -EADDRINUSE)
			continue;
		if (result < 0)
			return 255;
		fd = open(proof, O_CREAT | O_EXCL | O_CLOEXEC | O_WRONLY, 0600);
		if (fd < 0)
			return 255;
		close(fd);
		unlink(proof);
		host->lease_drop("contended", item, owner);
		got = got < 100 ? got + 1 : got;
	}
	return got;
}

static void concurrent_takers_never_share_a_lease(void **state)
{
	pid_t takers[TAKERS];
	int i, status, all = 0;

	(void)state;
	for (i = 0; i < TAKERS; i++) {
		takers[i] = fork();
		assert_true(takers[i] >= 0);
		if (takers[i] == 0)
			_exit(contend(i));
	}
	for (i = 0; i < TAKERS; i++) {
		assert_int_equal(waitpid(takers[i], &status, 0), takers[i]);
		assert_true(WIFEXITED(status));
		assert_int_not_equal(WEXITSTATUS(status), 255);
		all += WEXITSTATUS(status);
	}
	assert_true(all > 0);
	assert_false(exists(top, "run/leases/contended"));
}

/* ---- lock ---- */

static void a_lock_excludes_other_processes(void **state)
{
	struct hyfw_error *err = NULL;
	int fd = host->lock("bridge", &err), ready[2], status;
	char byte;
	pid_t child;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC | O_NONBLOCK), 0);
	child = fork();
	if (child == 0) {
		close(fd); /* else this process holds it too */
		fd = host->lock("bridge", &err);
		_exit(fd >= 0 && write(ready[1], "x", 1) == 1 ? 0 : 1);
	}
	usleep(50000);
	assert_int_equal(read(ready[0], &byte, 1), -1);
	close(fd);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	assert_int_equal(host->lock("a/b", &err), -EINVAL);
	hyfw_forget(&err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lease_has_one_owner),
		cmocka_unit_test(leases_are_listed_and_dropped_by_owner),
		cmocka_unit_test(concurrent_takers_never_share_a_lease),
		cmocka_unit_test(a_lock_excludes_other_processes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
