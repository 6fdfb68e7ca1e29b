/* SPDX-License-Identifier: BSD-3-Clause
 * The lease of a machine with failover: its format, its damage, its lock, whose turn it is. */
#include "engine_fixture.h"

#include <errno.h>

#include "base/json.h"
#include "engine/failover_lease.h"
#include "engine/journal_format.h"

static char *path;

static int set_up(void **state)
{
	const int result = engine_set_up(state);

	path = engine_path("lease");
	return result;
}

static int tear_down(void **state)
{
	free(path);
	return engine_tear_down(state);
}

static int open_lease(bool make)
{
	int fd = -1;

	must((fd = hyfw_failover_lease_open(path, make, err)));
	return fd;
}

static struct hyfw_failover_lease taken_once(int fd)
{
	struct hyfw_failover_lease none, lease;

	must(hyfw_failover_lease_read(fd, &none, err));
	must(hyfw_failover_lease_next(&none, 5000, &lease, err));
	must(hyfw_failover_lease_write(fd, &lease, err));
	return lease;
}

static void what_is_written_is_read(void **state)
{
	HYFW_AUTO_CLOSE int fd = open_lease(true);
	struct hyfw_failover_lease lease, read;
	char host[65];
	struct stat st;

	(void)state;
	must(hyfw_failover_lease_read(fd, &read, err));
	assert_string_equal(read.host, "");
	assert_false(read.held);
	assert_int_equal(read.generation, 0);
	lease = taken_once(fd);
	lease.counter = 77;
	must(hyfw_failover_lease_write(fd, &lease, err));
	must(hyfw_failover_lease_read(fd, &read, err));
	assert_int_equal(gethostname(host, sizeof(host)), 0);
	assert_string_equal(read.host, host);
	assert_int_equal(strlen(read.boot), 36);
	assert_int_equal(strlen(read.token), 32);
	assert_int_equal(read.generation, 1);
	assert_int_equal(read.counter, 77);
	assert_int_equal(read.period_ms, 5000);
	assert_true(read.held);
	assert_true(hyfw_failover_lease_unchanged(&lease, &read));
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, HYFW_LEASE_BLOCK);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void no_damaged_byte_is_believed(void **state)
{
	HYFW_AUTO_CLOSE int fd = open_lease(true);
	struct hyfw_failover_lease lease = taken_once(fd), read;
	char block[HYFW_LEASE_BLOCK];
	size_t i, size;

	assert_int_equal(pread(fd, block, sizeof(block), 0), HYFW_LEASE_BLOCK);
	size = (size_t)((char *)memchr(block, '\n', sizeof(block)) - block);
	for (i = 0; i <= size; i++) {
		const char other = (char)(block[i] ^ 1);

		assert_int_equal(pwrite(fd, &other, 1, (off_t)i), 1);
		must_fail(hyfw_failover_lease_read(fd, &read, err), EBADMSG, "damaged");
		assert_int_equal(pwrite(fd, &block[i], 1, (off_t)i), 1);
	}
	must(hyfw_failover_lease_read(fd, &read, err));
	assert_true(hyfw_failover_lease_same(&lease, &read));
	for (i = 1; i < sizeof(block); i += 50) {
		assert_int_equal(ftruncate(fd, (off_t)i), 0);
		must_fail(hyfw_failover_lease_read(fd, &read, err), EBADMSG, "damaged");
	}
	*state = NULL;
}

static void put_text(int fd, const char *json)
{
	struct json_object *object = json_tokener_parse(json);
	HYFW_AUTO_FREE char *line = NULL;
	char block[HYFW_LEASE_BLOCK];

	assert_non_null(object);
	line = hyfw_journal_line(object);
	json_object_put(object);
	assert_true(strlen(line) <= sizeof(block));
	memset(block, '\n', sizeof(block));
	memcpy(block, line, strlen(line));
	assert_int_equal(pwrite(fd, block, sizeof(block), 0), HYFW_LEASE_BLOCK);
}

/* The sum is right, what it is over is not. */
static void no_strange_content_is_believed(void **state)
{
#define GOOD_END "\"token\":\"t\",\"generation\":3,\"counter\":1,\"period_ms\":2000,\"held\":true}"
	static const char *const bad[] = {
		"[]",
		"{}",
		"{\"version\":2,\"host\":\"a\",\"boot\":\"b\"," GOOD_END,
		"{\"version\":1,\"host\":\"a b\",\"boot\":\"b\"," GOOD_END,
		"{\"version\":1,\"host\":7,\"boot\":\"b\"," GOOD_END,
		"{\"version\":1,\"boot\":\"b\"," GOOD_END,
		"{\"version\":1,\"host\":\"0123456789012345678901234567890123456789012345678901234567890123456789\","
		"\"boot\":\"b\"," GOOD_END,
		"{\"version\":1,\"host\":\"a\",\"boot\":\"b\",\"token\":\"t\",\"generation\":-3,\"counter\":1,"
		"\"period_ms\":2000,\"held\":true}",
		"{\"version\":1,\"host\":\"a\",\"boot\":\"b\",\"token\":\"t\",\"generation\":3,\"counter\":1,"
		"\"period_ms\":1,\"held\":true}",
		"{\"version\":1,\"host\":\"a\",\"boot\":\"b\",\"token\":\"t\",\"generation\":3,\"counter\":1,"
		"\"period_ms\":2000,\"held\":1}",
	};
	HYFW_AUTO_CLOSE int fd = open_lease(true);
	struct hyfw_failover_lease read;
	size_t i;

	(void)state;
	put_text(fd, "{\"version\":1,\"host\":\"a\",\"boot\":\"b\"," GOOD_END);
	must(hyfw_failover_lease_read(fd, &read, err));
	assert_int_equal(read.generation, 3);
	for (i = 0; i < HYFW_COUNT(bad); i++) {
		put_text(fd, bad[i]);
		must_fail(hyfw_failover_lease_read(fd, &read, err), EBADMSG, "damaged");
	}
}

static void takings_differ_and_renewals_do_not(void **state)
{
	HYFW_AUTO_CLOSE int fd = open_lease(true);
	struct hyfw_failover_lease first = taken_once(fd), again, renewed, other;

	(void)state;
	again = taken_once(fd);
	assert_int_equal(again.generation, 2);
	assert_int_equal(again.counter, 0);
	assert_false(hyfw_failover_lease_same(&first, &again));
	renewed = again;
	renewed.counter++;
	assert_true(hyfw_failover_lease_same(&again, &renewed));
	assert_false(hyfw_failover_lease_unchanged(&again, &renewed));
	/* two that took the same one at once, as a storage without locks would let them */
	must(hyfw_failover_lease_next(&first, 5000, &other, err));
	assert_int_equal(other.generation, again.generation);
	assert_false(hyfw_failover_lease_same(&again, &other));
}

static void one_holds_the_lock(void **state)
{
	HYFW_AUTO_CLOSE int one = open_lease(true);
	HYFW_AUTO_CLOSE int other = open_lease(false);
	int copy;

	(void)state;
	assert_false(hyfw_failover_lease_locked(one));
	assert_int_equal(hyfw_failover_lease_lock(one), 0);
	assert_true(hyfw_failover_lease_locked(other));
	assert_int_equal(hyfw_failover_lease_lock(other), -EAGAIN);
	copy = open(path, O_RDONLY);
	close(copy); /* a lock of the process would be gone now */
	assert_int_equal(hyfw_failover_lease_lock(other), -EAGAIN);
	close(hyfw_steal_fd(&one));
	assert_int_equal(hyfw_failover_lease_lock(other), 0);
}

static void another_file_in_its_place_is_seen(void **state)
{
	HYFW_AUTO_CLOSE int fd = open_lease(true);
	HYFW_AUTO_FREE char *fresh = engine_path("fresh");

	(void)state;
	assert_int_equal(hyfw_failover_lease_is_at(fd, path), 1);
	must(hyfw_file_write(fresh, "", 0, 0600, false, err));
	assert_int_equal(rename(fresh, path), 0);
	assert_int_equal(hyfw_failover_lease_is_at(fd, path), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(hyfw_failover_lease_is_at(fd, path), 0);
	must_fail(hyfw_failover_lease_open(path, false, err), ENOENT, "lease");
	assert_int_equal(symlink("/etc/passwd", path), 0);
	must_fail(hyfw_failover_lease_open(path, true, err), ELOOP, "lease");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_is_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_damaged_byte_is_believed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_strange_content_is_believed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(takings_differ_and_renewals_do_not, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_holds_the_lock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_file_in_its_place_is_seen, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
