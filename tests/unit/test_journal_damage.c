/* SPDX-License-Identifier: BSD-3-Clause
 * Journals as crashes, full disks, bad memory and newer versions leave them. */
#include "engine_fixture.h"

#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <sys/resource.h>

#include "engine/journal_format.h"

static char *path, *quarantine;
static char *text; /* a whole journal */
static size_t size;

/* Made anew for each test. */
static int set_up(void **state)
{
	const int result = engine_set_up(state);
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;

	path = engine_path("journal");
	quarantine = engine_path("run/quarantine");
	journal = open_journal_at(path);
	must(hyfw_journal_begin(journal, "run", err));
	put_intent(journal, "attach", "front");
	must(hyfw_journal_note(journal, 0, "mac", "52:54", err));
	must(hyfw_journal_done(journal, 0, err));
	put_intent(journal, "publish", "front");
	must(hyfw_journal_undone(journal, 1, err));
	must(hyfw_journal_exit(journal, 3, false, err));
	must(hyfw_journal_commit(journal, err));
	must(hyfw_file_read(AT_FDCWD, path, 1 << 20, &text, &size, err));
	return result;
}

static int tear_down(void **state)
{
	free(text);
	free(path);
	free(quarantine);
	return engine_tear_down(state);
}

static void put(const char *data, size_t length)
{
	must(hyfw_file_write(path, data, length, 0600, false, err));
}

static size_t file_size(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (size_t)st.st_size;
}

/* Bytes up to and including the last newline before 'at'. */
static size_t whole_lines(size_t at)
{
	while (at > 0 && text[at - 1] != '\n')
		at--;
	return at;
}

static void a_torn_end_is_dropped_wherever_it_tore(void **state)
{
	size_t cut;

	(void)state;
	for (cut = 0; cut <= size; cut++) {
		HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;

		put(text, cut);
		journal = read_journal_at(path);
		assert_false(journal->damaged);
		assert_int_equal(file_size(), cut); /* a reader leaves it as it is */
		hyfw_journal_close(journal);
		journal = open_journal_at(path);
		assert_false(journal->damaged);
		assert_int_equal(journal->committed, cut == size);
		assert_int_equal(file_size(), whole_lines(cut));
		must(hyfw_journal_begin(journal, "after", err));
		hyfw_journal_close(journal);
		journal = read_journal_at(path);
		assert_false(journal->damaged);
		assert_string_equal(journal->operation, "after");
	}
	assert_int_equal(count_names(quarantine), 0);
}

/* Any one changed byte, newlines included, is seen; what stands before it counts. */
static void damage_is_found_at_every_byte(void **state)
{
	size_t at;

	(void)state;
	for (at = 0; at < size; at++) {
		HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;
		const char kept = text[at];

		text[at] ^= 0x20;
		put(text, size);
		journal = read_journal_at(path);
		if (at == size - 1) /* the last newline: a torn end */
			assert_false(journal->damaged);
		else
			assert_true(journal->damaged);
		assert_int_equal(journal->size, whole_lines(at));
		assert_false(journal->committed);
		text[at] = kept;
	}
	assert_int_equal(count_names(quarantine), 0);
}

static void the_next_owner_of_a_damaged_journal_writes_what_is_read_again(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;
	HYFW_AUTO_FREE char *copy = hyfw_format("%s/%s-1", quarantine, strrchr(engine_top, '/') + 1);
	HYFW_AUTO_FREE char *kept = NULL;
	size_t at = whole_lines(size - 1) + 12, kept_size; /* in its last line */

	(void)state;
	text[at] ^= 1;
	put(text, size);
	journal = open_journal_at(path);
	assert_true(journal->damaged);
	assert_int_equal(journal->count, 2);
	assert_int_equal(hyfw_journal_live(journal), 1);
	assert_true(hyfw_journal_unfinished(journal));
	must(hyfw_journal_undone(journal, 0, err));
	hyfw_journal_close(journal);
	journal = read_journal_at(path);
	assert_false(journal->damaged);
	assert_int_equal(hyfw_journal_live(journal), 0);
	must(hyfw_file_read(AT_FDCWD, copy, 1 << 20, &kept, &kept_size, err));
	assert_int_equal(kept_size, size);
	assert_memory_equal(kept, text, size);
}

/* ---- lines that are whole and make no sense ---- */

static void append_json(const char *json)
{
	HYFW_AUTO_FREE char *line = NULL;
	struct json_object *record = json_tokener_parse(json);
	const int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_non_null(record);
	line = hyfw_journal_line(record);
	json_object_put(record);
	assert_int_equal(write(fd, line, strlen(line)), strlen(line));
	close(fd);
}

#define INTENT(id, kind, lifetime, rest)                                                            \
	"{\"r\":\"intent\",\"id\":" id ",\"kind\":" kind ",\"lifetime\":" lifetime ",\"driver\":\"a\"," \
	"\"verb\":\"v\"" rest "}"
#define REST ",\"subject\":\"s\",\"object\":\"o\",\"args\":[]"

static void senseless_records_are_damage(void **state)
{
	static const char *const records[] = {
		"[]", "5", "{}", "{\"r\":5}", "{\"r\":\"more\"}",
		"{\"r\":\"begin\",\"n\":1,\"version\":1}",
		"{\"r\":\"begin\",\"op\":\"run\",\"n\":1}",
		"{\"r\":\"begin\",\"op\":\"run\",\"n\":-1,\"version\":1}",
		"{\"r\":\"begin\",\"op\":\"run\",\"n\":99999999999,\"version\":1}",
		"{\"r\":\"note\",\"id\":1,\"k\":\"a\"}", "{\"r\":\"note\",\"id\":7,\"k\":\"a\",\"v\":\"b\"}",
		"{\"r\":\"done\"}", "{\"r\":\"undone\",\"id\":4294967297}",
		INTENT("0", "2", "0", REST), INTENT("-3", "2", "0", REST),
		INTENT("2", "2", "0", REST), /* was there */
		INTENT("4294967299", "2", "0", REST),
		INTENT("3", "5", "0", REST), INTENT("3", "-1", "0", REST),
		INTENT("3", "2", "3", REST), INTENT("3", "2", "64", REST), INTENT("3", "2", "-1", REST),
		INTENT("3", "2", "0", ",\"subject\":\"s\",\"args\":[]"),
		INTENT("3", "2", "0", ",\"object\":\"o\",\"args\":[]"),
		INTENT("3", "2", "0", ",\"subject\":\"s\",\"object\":\"o\""),
		INTENT("3", "2", "0", ",\"subject\":\"s\",\"object\":\"o\",\"args\":{}"),
		INTENT("3", "2", "0", ",\"subject\":\"s\",\"object\":\"o\",\"args\":[\"a\"]"),
		INTENT("3", "2", "0", ",\"subject\":\"s\",\"object\":\"o\",\"args\":[[\"a\"]]"),
		INTENT("3", "2", "0", ",\"subject\":\"s\",\"object\":\"o\",\"args\":[[\"a\",5]]"),
		INTENT("3", "2", "0", ",\"subject\":\"s\",\"object\":\"o\",\"args\":[[\"a\",null]]"),
	};
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < HYFW_COUNT(records); i++) {
		put(text, size);
		append_json(records[i]);
		journal = read_journal_at(path);
		if (!journal->damaged)
			fail_msg("taken: %s", records[i]);
		assert_true(journal->committed);
		assert_int_equal(journal->count, 2); /* nothing of it stays */
		hyfw_journal_close(HYFW_STEAL(journal));
	}
	put(text, size);
	append_json(INTENT("3", "2", "0", REST));
	journal = read_journal_at(path);
	assert_false(journal->damaged);
}

static void a_newer_version_is_left_alone(void **state)
{
	HYFW_AUTO_FREE char *before = NULL, *after = NULL;
	struct hyfw_journal *journal = NULL;

	(void)state;
	append_json("{\"r\":\"begin\",\"op\":\"run\",\"n\":2,\"version\":2}");
	must(hyfw_file_read(AT_FDCWD, path, 1 << 20, &before, NULL, err));
	must_fail(hyfw_journal_read(path, &journal, err), EPROTONOSUPPORT, "newer hyfw");
	must_fail(hyfw_journal_open(path, false, &journal, err), EPROTONOSUPPORT, "newer hyfw");
	assert_null(journal);
	must(hyfw_file_read(AT_FDCWD, path, 1 << 20, &after, NULL, err));
	assert_string_equal(before, after);
	assert_int_equal(hyfw_journal_owner(path), 0); /* and nobody holds it */
}

static void what_is_no_journal_is_refused(void **state)
{
	struct hyfw_journal *journal = NULL;

	(void)state;
	must_fail(hyfw_journal_read("/dev/null/journal", &journal, err), ENOTDIR, "/dev/null/journal");
	must_fail(hyfw_journal_read(engine_top, &journal, err), EFBIG, engine_top);
	assert_int_equal(truncate(path, (16 << 20) + 1), 0);
	must_fail(hyfw_journal_read(path, &journal, err), EFBIG, "larger than");
	assert_int_equal(unlink(path), 0);
	must_fail(hyfw_journal_read(path, &journal, err), ENOENT, path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	must_fail(hyfw_journal_open(path, false, &journal, err), ELOOP, path);
}

/* ---- disk full ---- */

/* A file size limit stops a write in its middle, as a full disk does. */
static bool writes_fail_whole(const char *argument)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = open_journal_at(argument);
	const struct rlimit tight = { file_size() + 40, RLIM_INFINITY }, wide = { RLIM_INFINITY, RLIM_INFINITY };
	const struct hyfw_entry entry = { .kind = 2, .driver = (char *)"a", .subject = (char *)"s",
					  .verb = (char *)"v", .object = (char *)"o" };
	const size_t live = hyfw_journal_live(journal), before = file_size();
	struct hyfw_error *err = NULL;
	size_t index = 77;

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &tight);
	if (hyfw_journal_intent(journal, &entry, &index, &err) != -EFBIG || index != 77 || !err ||
	    hyfw_journal_live(journal) != live || file_size() != before)
		return false;
	hyfw_forget(&err);
	if (hyfw_journal_undone(journal, 0, &err) == 0 || file_size() != before)
		return false;
	hyfw_forget(&err);
	setrlimit(RLIMIT_FSIZE, &wide);
	return hyfw_journal_begin(journal, "later", &err) == 0 &&
	       hyfw_journal_intent(journal, &entry, &index, &err) == 0 && journal->entries[index].id == 3;
}

static void a_record_that_did_not_fit_leaves_nothing(void **state)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;

	(void)state;
	assert_true(in_child(writes_fail_whole, path));
	journal = read_journal_at(path);
	assert_false(journal->damaged);
	assert_string_equal(journal->operation, "later");
	assert_int_equal(journal->count, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_torn_end_is_dropped_wherever_it_tore),
		TEST(damage_is_found_at_every_byte),
		TEST(the_next_owner_of_a_damaged_journal_writes_what_is_read_again),
		TEST(senseless_records_are_damage),
		TEST(a_newer_version_is_left_alone),
		TEST(what_is_no_journal_is_refused),
		TEST(a_record_that_did_not_fit_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
