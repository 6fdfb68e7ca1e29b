/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/context.h"
#include "base/files.h"
#include "plugin/cache.h"
#include "plugin/host.h"
#include "plugin/lease.h"
#include "plugin/places.h"

static struct hyfw_context context;
static const struct hyfw_host *host;
static char top[] = "/tmp/hyfw-host-XXXXXX";

static int set_up(void **state)
{
	struct hyfw_context_options options = { 0 };
	HYFW_AUTO_FREE char *runtime = NULL, *data = NULL;
	struct hyfw_error *err = NULL;

	(void)state;
	umask(077);
	assert_non_null(mkdtemp(top));
	options.runtime = runtime = hyfw_format("%s/run", top);
	options.data = data = hyfw_format("%s/data", top);
	assert_int_equal(hyfw_context_init(&context, &options, &err), 0);
	host = hyfw_host_table();
	return 0;
}

static int tear_down(void **state)
{
	struct hyfw_error *err = NULL;

	(void)state;
	assert_int_equal(hyfw_remove_tree(AT_FDCWD, top, &err), 0);
	hyfw_context_finish(&context);
	return 0;
}

static bool exists(const char *base, const char *below)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/%s", base, below);

	return access(path, F_OK) == 0;
}

static void nothing_is_made_before_it_is_needed(void **state)
{
	(void)state;
	assert_false(exists(top, "run"));
	assert_false(exists(top, "data"));
	assert_string_equal(host->owner, context.owner);
	assert_true(HYFW_HOST_HAS(host, lock));
}

static void directories_have_their_modes_whatever_the_umask(void **state)
{
	HYFW_AUTO_FREE char *expected = hyfw_format("%s/run/drivers/overlay", top);
	const char *runtime = host->directory("overlay", HYFW_DIRECTORY_RUNTIME);
	const char *data = host->directory("overlay", HYFW_DIRECTORY_DATA);
	struct stat st;

	(void)state;
	assert_string_equal(runtime, expected);
	assert_int_equal(stat(runtime, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(data, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_ptr_equal(runtime, host->directory("overlay", HYFW_DIRECTORY_RUNTIME));
	assert_string_equal(host->directory("../up", HYFW_DIRECTORY_DATA), "/nonexistent");
}

/* ---- cache ---- */

static void cache_returns_what_was_put(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	const void *data = NULL;
	size_t size = 0;

	(void)state;
	assert_int_equal(host->cache_get(arena, "bpf", "key one", &data, &size), 0);
	host->cache_put("bpf", "key one", "a\0b", 3);
	assert_int_equal(host->cache_get(arena, "bpf", "key one", &data, &size), 1);
	assert_int_equal(size, 3);
	assert_memory_equal(data, "a\0b", 3);
	assert_int_equal(host->cache_get(arena, "bpf", "key two", &data, &size), 0);
	assert_int_equal(host->cache_get(arena, "../bpf", "key one", &data, &size), 0);
}

static char *cache_file(const char *key)
{
	return hyfw_format("%s/data/cache/bpf/%016llx", top,
			   (unsigned long long)hyfw_place_digest(key, strlen(key)));
}

/* As if 'other' had the digest of 'key'. */
static void cache_forgets_what_is_oldest(void **state)
{
	const struct timespec past[2] = { { 1000000000, 0 }, { 1000000000, 0 } };
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	const void *data;
	size_t size, i, left = 0;

	(void)state;
	for (i = 0; i < HYFW_CACHE_MOST; i++) {
		HYFW_AUTO_FREE char *key = hyfw_format("entry %zu", i), *path = cache_file(key);

		host->cache_put("bpf", key, "data", 4);
		if (i < 10)
			assert_int_equal(utimensat(AT_FDCWD, path, past, 0), 0);
	}
	host->cache_put("bpf", "one more", "data", 4);
	host->cache_put("bpf", "and one", "data", 4);
	assert_int_equal(host->cache_get(arena, "bpf", "and one", &data, &size), 1);
	for (i = 0; i < HYFW_CACHE_MOST; i++) {
		HYFW_AUTO_FREE char *key = hyfw_format("entry %zu", i);
		const int found = host->cache_get(arena, "bpf", key, &data, &size);

		left += (size_t)found;
		assert_false(i < 10 && found);
	}
	assert_in_range(left, HYFW_CACHE_MOST / 2, HYFW_CACHE_MOST - 2);
}

static void cache_compares_the_whole_key(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	HYFW_AUTO_FREE char *key = cache_file("same size 1");
	HYFW_AUTO_FREE char *other = cache_file("same size 2");
	const void *data;
	size_t size;

	(void)state;
	host->cache_put("bpf", "same size 1", "one", 3);
	assert_int_equal(rename(key, other), 0);
	assert_int_equal(host->cache_get(arena, "bpf", "same size 2", &data, &size), 0);
}

static void cache_misses_a_damaged_entry(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	HYFW_AUTO_FREE char *file = cache_file("torn");
	const void *data;
	struct stat st;
	size_t size;
	int fd;

	(void)state;
	host->cache_put("bpf", "torn", "0123456789", 10);
	assert_int_equal(host->cache_get(arena, "bpf", "torn", &data, &size), 1);
	fd = open(file, O_WRONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(pwrite(fd, "X", 1, st.st_size - 4), 1);
	assert_int_equal(host->cache_get(arena, "bpf", "torn", &data, &size), 0);
	assert_int_equal(pwrite(fd, "6", 1, st.st_size - 4), 1);
	assert_int_equal(host->cache_get(arena, "bpf", "torn", &data, &size), 1);
	assert_int_equal(ftruncate(fd, st.st_size - 1), 0);
	assert_int_equal(host->cache_get(arena, "bpf", "torn", &data, &size), 0);
	close(fd);
	assert_int_equal(chmod(file, 0666), 0);
	host->cache_put("bpf", "torn", "0123456789", 10);
	assert_int_equal(chmod(file, 0666), 0);
	assert_int_equal(host->cache_get(arena, "bpf", "torn", &data, &size), 0);
}

/* ---- leases ---- */

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

/* ---- run ---- */

static int run(struct hyfw_arena *arena, struct hyfw_program program, const char *const *argv, char **ret_output,
	       struct hyfw_error **err)
{
	program.size = sizeof(program);
	program.argv = argv;
	return host->run(arena, &program, ret_output, err);
}

static void run_gives_input_and_takes_output(void **state)
{
	static const char *const cat[] = { "cat", NULL };
	static const char *const env[] = { "env", NULL };
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_error *err = NULL;
	char *output = NULL;

	(void)state;
	setenv("HYFW_TEST_LEAK", "1", 1);
	assert_int_equal(run(arena, (struct hyfw_program){ .input = "hello" }, cat, &output, &err), 0);
	assert_string_equal(output, "hello");
	assert_int_equal(run(arena, (struct hyfw_program){ 0 }, env, &output, &err), 0);
	assert_string_equal(output, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C\n");
}

static void run_tells_why_a_program_failed(void **state)
{
	static const char *const missing[] = { "hyfw-no-such-program", NULL };
	static const char *const not_executable[] = { "/etc/passwd", NULL };
	static const char *const complains[] = { "cat", "/no/such/file", NULL };
	static const char *const fails[] = { "false", NULL };
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_error *err = NULL;
	char *output = (char *)1;

	(void)state;
	assert_int_equal(run(arena, (struct hyfw_program){ 0 }, missing, &output, &err), -ENOENT);
	hyfw_forget(&err);
	assert_int_equal(run(arena, (struct hyfw_program){ 0 }, not_executable, &output, &err), -EACCES);
	hyfw_forget(&err);
	assert_int_equal(run(arena, (struct hyfw_program){ 0 }, complains, &output, &err), -EIO);
	assert_string_equal(err->message, "cat: cat: /no/such/file: No such file or directory");
	hyfw_forget(&err);
	assert_int_equal(run(arena, (struct hyfw_program){ 0 }, fails, &output, &err), -EIO);
	assert_string_equal(err->message, "false: exit status 1");
	hyfw_forget(&err);
	assert_ptr_equal(output, (char *)1);
}

static void run_bounds_time_and_output(void **state)
{
	static const char *const sleeps[] = { "sleep", "20", NULL };
	static const char *const floods[] = { "yes", NULL };
	static const char *const exact[] = { "printf", "%s", "12345678", NULL };
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_error *err = NULL;
	uint64_t start = host->clock();
	char *output = NULL;

	(void)state;
	assert_int_equal(run(arena, (struct hyfw_program){ .timeout_ms = 50 }, sleeps, NULL, &err), -ETIMEDOUT);
	hyfw_forget(&err);
	assert_true(host->clock() - start < 5000000000u);
	assert_int_equal(run(arena, (struct hyfw_program){ 0 }, floods, &output, &err), -EFBIG);
	hyfw_forget(&err);
	assert_int_equal(run(arena, (struct hyfw_program){ .output_limit = 8 }, exact, &output, &err), 0);
	assert_string_equal(output, "12345678");
	assert_int_equal(run(arena, (struct hyfw_program){ .output_limit = 7 }, exact, &output, &err), -EFBIG);
	hyfw_forget(&err);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* A daemon that keeps our pipe open does not keep us. */
static void run_does_not_wait_for_what_the_program_left(void **state)
{
	static const char *const leaves[] = { "/bin/sh", "-c", "sleep 3 & echo $!", NULL };
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	uint64_t start = host->clock();
	struct hyfw_error *err = NULL;
	char *output = NULL;

	(void)state;
	assert_int_equal(run(arena, (struct hyfw_program){ 0 }, leaves, &output, &err), 0);
	assert_true(host->clock() - start < 2000000000u);
	assert_int_equal(kill((pid_t)atoi(output), SIGKILL), 0);
}

static unsigned lines_seen;
static char last_line[32];

static void see_line(void *given, const char *line)
{
	assert_ptr_equal(given, &lines_seen);
	lines_seen++;
	snprintf(last_line, sizeof(last_line), "%s", line);
}

static bool cancel_after_a_line(void *given)
{
	(void)given;
	return lines_seen > 0;
}

static void run_hands_on_lines_and_can_be_cancelled(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	static const char *const counts[] = { "sh", "-c", "printf '1\\r2\\n\\n3'", NULL };
	static const char *const many[] = { "sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x", NULL };
	static const char *const waits[] = { "sh", "-c", "echo here; sleep 30", NULL };
	struct hyfw_program program = { .line = see_line, .context = &lines_seen };
	struct hyfw_error *err = NULL;

	(void)state;
	lines_seen = 0;
	assert_int_equal(run(arena, program, counts, NULL, &err), 0);
	assert_int_equal(lines_seen, 3);
	assert_string_equal(last_line, "3");
	lines_seen = 0;
	assert_int_equal(run(arena, program, many, NULL, &err), 0); /* more than may be kept */
	assert_in_range(lines_seen, 300, 800);
	lines_seen = 0;
	program.cancelled = cancel_after_a_line;
	assert_int_equal(run(arena, program, waits, NULL, &err), -ECANCELED);
	hyfw_forget(&err);
}

static void run_bounds_memory(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	static const char *const eats[] = { "sh", "-c", "sleep 0.1; head -c 400M /dev/zero | tail -c 300M | wc -c",
					    NULL };
	static const char *const limit[] = { "sh", "-c", "sleep 0.1; ulimit -v", NULL };
	struct hyfw_error *err = NULL;
	char *output = NULL;

	(void)state;
	assert_int_equal(run(arena, (struct hyfw_program){ .memory_limit = 64 << 20 }, limit, &output, &err), 0);
	assert_string_equal(output, "65536\n");
	assert_int_equal(run(arena, (struct hyfw_program){ .memory_limit = 64 << 20 }, eats, &output, &err), 0);
	assert_string_equal(output, "0\n");
}

/* A driver that was built with fewer members has no more behind them. */
static void run_takes_what_an_older_driver_gives(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	static const char *const argv[] = { "echo", "old", NULL };
	struct hyfw_program program = { .size = offsetof(struct hyfw_program, memory_limit), .argv = argv,
					.memory_limit = 1, .line = see_line };
	struct hyfw_error *err = NULL;
	char *output = NULL;

	(void)state;
	lines_seen = 0;
	assert_int_equal(hyfw_host_table()->run(arena, &program, &output, &err), 0);
	assert_string_equal(output, "old\n");
	assert_int_equal(lines_seen, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_made_before_it_is_needed),
		cmocka_unit_test(directories_have_their_modes_whatever_the_umask),
		cmocka_unit_test(cache_returns_what_was_put),
		cmocka_unit_test(cache_forgets_what_is_oldest),
		cmocka_unit_test(cache_compares_the_whole_key),
		cmocka_unit_test(cache_misses_a_damaged_entry),
		cmocka_unit_test(a_lease_has_one_owner),
		cmocka_unit_test(leases_are_listed_and_dropped_by_owner),
		cmocka_unit_test(concurrent_takers_never_share_a_lease),
		cmocka_unit_test(a_lock_excludes_other_processes),
		cmocka_unit_test(run_gives_input_and_takes_output),
		cmocka_unit_test(run_tells_why_a_program_failed),
		cmocka_unit_test(run_bounds_time_and_output),
		cmocka_unit_test(run_does_not_wait_for_what_the_program_left),
		cmocka_unit_test(run_hands_on_lines_and_can_be_cancelled),
		cmocka_unit_test(run_bounds_memory),
		cmocka_unit_test(run_takes_what_an_older_driver_gives),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
