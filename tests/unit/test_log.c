/* SPDX-License-Identifier: BSD-3-Clause
 * Log files: their format, their size, and disks that are full. */
#include "engine_fixture.h"

#include <signal.h>
#include <sys/resource.h>

#include "engine/log.h"

static char *path;
static struct hyfw_log logger;

static int set_up(void **state)
{
	const int result = engine_set_up(state);

	path = engine_path("log");
	return result;
}

static int tear_down(void **state)
{
	free(path);
	return engine_tear_down(state);
}

static void say(int stream, const char *text)
{
	hyfw_log_write(&logger, stream, text, strlen(text));
}

static char *content(const char *file)
{
	char *text = NULL;

	must(hyfw_file_read(AT_FDCWD, file, 1 << 24, &text, NULL, err));
	return text;
}

/* Everything behind "2026-01-31T12:00:00.123456789Z ", line by line. */
static char *without_times(const char *file)
{
	HYFW_AUTO_FREE char *text = content(file);
	char *out = hyfw_dup(""), *rest = text, *line;

	while ((line = strsep(&rest, "\n")) && (*line || rest)) {
		char *longer;

		assert_in_range(strlen(line), 31, 8192);
		assert_int_equal(strspn(line, "0123456789-T:.Z"), 30);
		assert_int_equal(line[10], 'T');
		assert_int_equal(line[19], '.');
		assert_int_equal(line[29], 'Z');
		assert_int_equal(line[30], ' ');
		longer = hyfw_format("%s%s\n", out, line + 31);
		free(out);
		out = longer;
	}
	return out;
}

#define expect(file, text)                                       \
	do {                                                     \
		HYFW_AUTO_FREE char *got_ = without_times(file); \
		assert_string_equal(got_, text);                 \
	} while (0)

static void a_line_of_output_is_a_line(void **state)
{
	(void)state;
	hyfw_log_init(&logger, path, 0, 0);
	assert_int_equal(access(path, F_OK), -1); /* nothing said, no file */
	say(1, "one\ntwo\n");
	say(2, "oh\n");
	say(1, "\n");
	expect(path, "stdout F one\nstdout F two\nstderr F oh\nstdout F \n");
	hyfw_log_finish(&logger);
}

static void a_line_comes_in_pieces(void **state)
{
	(void)state;
	hyfw_log_init(&logger, path, 0, 0);
	say(1, "he");
	say(2, "ot");
	say(1, "llo\nwor");
	say(2, "her\n");
	expect(path, "stdout F hello\nstderr F other\n");
	hyfw_log_finish(&logger);
	expect(path, "stdout F hello\nstderr F other\nstdout F wor\n"); /* never ended */
}

static void a_long_line_is_cut_in_parts(void **state)
{
	HYFW_AUTO_FREE char *line = hyfw_new(10002), *expected = NULL;

	(void)state;
	memset(line, 'x', 10000);
	line[10000] = '\n';
	hyfw_log_init(&logger, path, 0, 0);
	say(1, line);
	hyfw_log_finish(&logger);
	expected = hyfw_format("stdout P %.4096s\nstdout P %.4096s\nstdout F %.1808s\n", line, line, line);
	expect(path, expected);
}

static void any_bytes_go_through(void **state)
{
	static const char bytes[] = "a\0b\xff\n";
	HYFW_AUTO_FREE char *text = NULL;
	size_t size;

	(void)state;
	hyfw_log_init(&logger, path, 0, 0);
	hyfw_log_write(&logger, 1, bytes, sizeof(bytes) - 1);
	hyfw_log_finish(&logger);
	must(hyfw_file_read(AT_FDCWD, path, 4096, &text, &size, err));
	assert_int_equal(size, 31 + 9 + 5);
	assert_memory_equal(text + 40, bytes, 5);
}

static void the_next_run_goes_on_in_the_same_file(void **state)
{
	struct stat st;

	(void)state;
	hyfw_log_init(&logger, path, 0, 0);
	say(1, "one\n");
	hyfw_log_finish(&logger);
	hyfw_log_init(&logger, path, 0, 0);
	say(1, "two\n");
	hyfw_log_finish(&logger);
	expect(path, "stdout F one\nstdout F two\n");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

/* A record of 4 letters is 45 bytes; a limit of 100 takes three of them. */
static void the_file_turns_over_at_its_limit(void **state)
{
	HYFW_AUTO_FREE char *first = hyfw_format("%s.1", path), *second = hyfw_format("%s.2", path),
			    *third = hyfw_format("%s.3", path);
	int i;

	(void)state;
	hyfw_log_init(&logger, path, 100, 2);
	for (i = 0; i < 11; i++) {
		HYFW_AUTO_FREE char *line = hyfw_format("L%03d\n", i);

		say(1, line);
	}
	hyfw_log_finish(&logger);
	expect(path, "stdout F L009\nstdout F L010\n");
	expect(first, "stdout F L006\nstdout F L007\nstdout F L008\n");
	expect(second, "stdout F L003\nstdout F L004\nstdout F L005\n");
	assert_int_equal(access(third, F_OK), -1);
}

static void without_old_files_it_starts_over(void **state)
{
	(void)state;
	hyfw_log_init(&logger, path, 40, 0);
	say(1, "L001\nL002\nL003\n");
	assert_int_equal(access(path, F_OK), -1);
	hyfw_log_finish(&logger);
	assert_int_equal(count_names(engine_top), 0);
}

/* Loses what does not fit, whole records at a time, and goes on afterwards. */
static bool survives_a_full_disk(const char *argument)
{
	const struct rlimit tight = { 100, RLIM_INFINITY }, wide = { RLIM_INFINITY, RLIM_INFINITY };

	(void)argument;
	signal(SIGXFSZ, SIG_IGN);
	hyfw_log_init(&logger, path, 0, 0);
	setrlimit(RLIMIT_FSIZE, &tight);
	say(1, "L001\nL002\nL003\nL004\n");
	setrlimit(RLIMIT_FSIZE, &wide);
	say(1, "L005\n");
	hyfw_log_finish(&logger);
	return true;
}

static void a_full_disk_loses_records_and_blocks_nobody(void **state)
{
	(void)state;
	assert_true(in_child(survives_a_full_disk, NULL));
	expect(path, "stdout F L001\nstdout F L002\nstdout F L005\n");
	hyfw_log_init(&logger, "/nonexistent/log", 100, 2);
	say(1, "nobody hears this\n");
	hyfw_log_finish(&logger);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/full", path), 0); /* a link is not followed */
	hyfw_log_init(&logger, path, 0, 0);
	say(1, "nor this\n");
	hyfw_log_finish(&logger);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_of_output_is_a_line),
		TEST(a_line_comes_in_pieces),
		TEST(a_long_line_is_cut_in_parts),
		TEST(any_bytes_go_through),
		TEST(the_next_run_goes_on_in_the_same_file),
		TEST(the_file_turns_over_at_its_limit),
		TEST(without_old_files_it_starts_over),
		TEST(a_full_disk_loses_records_and_blocks_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
