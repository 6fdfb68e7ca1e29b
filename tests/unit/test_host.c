/* SPDX-License-Identifier: BSD-3-Clause
 * The host table's directories and its cache. */
#include "host_fixture.h"

#include <stdio.h>

#include "plugin/cache.h"
#include "plugin/places.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_made_before_it_is_needed),
		cmocka_unit_test(directories_have_their_modes_whatever_the_umask),
		cmocka_unit_test(cache_returns_what_was_put),
		cmocka_unit_test(cache_forgets_what_is_oldest),
		cmocka_unit_test(cache_compares_the_whole_key),
		cmocka_unit_test(cache_misses_a_damaged_entry),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
