/* SPDX-License-Identifier: BSD-3-Clause
 * Imports of tar archives: what they keep, and what hostile ones do not get. */
#include "overlay_fixture.h"
#include "overlay_tests.h"

#include <sys/xattr.h>

#include "tar_maker.h"

/* An archive under way, and the file beside the store that it tries to reach. */
struct attempt {
	struct fixture *fixture;
	const char *archive, *victim;
	int fd;
};

static struct attempt begin(void **state)
{
	struct attempt attempt = { .fixture = *state };

	attempt.archive = fixture_path(attempt.fixture, "image.tar");
	attempt.victim = fixture_path(attempt.fixture, "victim");
	mkdir(attempt.victim, 0755);
	fixture_write(hyfw_arena_format(attempt.fixture->arena, "%s/file", attempt.victim), "precious");
	attempt.fd = tar_begin(attempt.archive);
	assert_true(attempt.fd >= 0);
	return attempt;
}

static int import_archive(const struct attempt *attempt, struct hyfw_error **err)
{
	struct hyfw_map none = { 0 };

	return attempt->fixture->ops->image_import(attempt->fixture->instance, "web", attempt->archive, &none, true,
						   NULL, err);
}

static void accept(const struct attempt *attempt)
{
	struct hyfw_error *err = NULL;

	tar_end(attempt->fd);
	if (import_archive(attempt, &err) < 0)
		fail_msg("%s", err->message);
}

static void victim_is_untouched(const struct attempt *attempt)
{
	DIR *listing = opendir(attempt->victim);
	struct hyfw_error *err = NULL;
	struct dirent *entry;
	struct stat st;
	char *text;

	while ((entry = readdir(listing)))
		if (entry->d_name[0] != '.')
			assert_string_equal(entry->d_name, "file");
	closedir(listing);
	assert_int_equal(stat(attempt->victim, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(stat(hyfw_arena_format(attempt->fixture->arena, "%s/file", attempt->victim), &st), 0);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(hyfw_file_read(AT_FDCWD, hyfw_arena_format(attempt->fixture->arena, "%s/file", attempt->victim),
					100, &text, NULL, &err),
			 0);
	assert_string_equal(text, "precious");
	free(text);
}

static void reject(const struct attempt *attempt, int errnum, const char *part)
{
	struct hyfw_error *err = NULL;

	tar_end(attempt->fd);
	fixture_failed(import_archive(attempt, &err), errnum, &err, part);
	store_is_empty(attempt->fixture);
	victim_is_untouched(attempt);
}

/* ---- what is kept ---- */

static void add_pax(int fd, const char *key, const char *value, size_t size)
{
	char record[512];
	size_t length = strlen(key) + size + 3, digits = length + 2 > 99 ? 3 : 2;
	int used = snprintf(record, sizeof(record), "%zu %s=", length + digits, key);

	memcpy(record + used, value, size);
	record[used + (int)size] = '\n';
	tar_add_sized(fd, TAR_PAX, "pax", NULL, 0644, 0, record, (size_t)used + size + 1);
}

static void an_archive_is_unpacked_as_it_is(void **state)
{
	static const unsigned char capability[20] = { 0, 0, 0, 2, 0, 4 };
	struct attempt attempt = begin(state);
	const struct fixture *fixture = attempt.fixture;
	unsigned char value[64];
	struct stat st, other;

	tar_add(attempt.fd, TAR_DIRECTORY, "./", NULL, 0711, NULL);
	tar_add_sized(attempt.fd, TAR_DIRECTORY, "./etc/", NULL, 0500, 7, NULL, 0);
	add_pax(attempt.fd, "SCHILY.xattr.security.capability", (const char *)capability, sizeof(capability));
	tar_add_sized(attempt.fd, TAR_FILE, "./etc/passwd", NULL, 04755, 33, "hello", 5);
	tar_add(attempt.fd, TAR_HARD_LINK, "etc/same", "./etc/passwd", 0644, NULL);
	tar_add(attempt.fd, TAR_SYMLINK, "link", "/etc/passwd", 0777, NULL);
	tar_add(attempt.fd, TAR_FIFO, "pipe", NULL, 0620, NULL);
	tar_add(attempt.fd, TAR_CHARACTER_DEVICE, "etc/whiteout", NULL, 0, NULL);
	add_pax(attempt.fd, "SCHILY.xattr.trusted.overlay.opaque", "y", 1);
	tar_add(attempt.fd, TAR_FILE, "no/parents/here", NULL, 0644, "x");
	add_pax(attempt.fd, "path", "gr\xc3\xbc\xc3\x9f", 6);
	tar_add(attempt.fd, TAR_FILE, "gruss", NULL, 0644, "x");
	tar_add(attempt.fd, TAR_FILE, "twice", NULL, 0644, "first");
	tar_add(attempt.fd, TAR_FILE, "twice", NULL, 0644, "second one");
	accept(&attempt);
	assert_int_equal(stat(in_image(fixture, "web", "."), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
	assert_int_equal(lstat(in_image(fixture, "web", "etc"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0500);
	assert_int_equal(st.st_mtim.tv_sec, 1000000000);
	assert_int_equal(lstat(in_image(fixture, "web", "etc/passwd"), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 04755);
	assert_int_equal(st.st_size, 5);
	assert_int_equal(st.st_mtim.tv_sec, 1000000000);
	assert_int_equal(lstat(in_image(fixture, "web", "etc/same"), &other), 0);
	assert_int_equal(st.st_ino, other.st_ino);
	if (geteuid() == 0) {
		assert_int_equal(st.st_uid, 33);
		assert_int_equal(lgetxattr(in_image(fixture, "web", "etc/passwd"), "security.capability", value, 64), 20);
		assert_int_equal(lgetxattr(in_image(fixture, "web", "no/parents/here"), "trusted.overlay.opaque", value, 64),
				 -1);
	}
	assert_int_equal(lstat(in_image(fixture, "web", "link"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(lstat(in_image(fixture, "web", "pipe"), &st), 0);
	assert_int_equal(st.st_mode, S_IFIFO | 0620);
	assert_false(fixture_exists(in_image(fixture, "web", "etc/whiteout")));
	assert_int_equal(lstat(in_image(fixture, "web", "no/parents"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_true(fixture_exists(in_image(fixture, "web", "gr\xc3\xbc\xc3\x9f")));
	assert_int_equal(lstat(in_image(fixture, "web", "twice"), &st), 0);
	assert_int_equal(st.st_size, 10);
}

static void compressed_archives_are_read(void **state)
{
	const char *const programs[] = { "gzip", "bzip2", "xz", "zstd" };
	const char *const suffixes[] = { "gz", "bz2", "xz", "zst" };
	struct attempt attempt = begin(state);
	struct fixture *fixture = attempt.fixture;
	struct hyfw_error *err = NULL;
	unsigned tried = 0;
	size_t i;

	tar_add(attempt.fd, TAR_FILE, "file", NULL, 0644, "hello");
	tar_end(attempt.fd);
	for (i = 0; i < 4; i++) {
		const char *argv[] = { programs[i], "-k", attempt.archive, NULL };
		struct hyfw_program program = { .size = sizeof(program), .argv = argv };

		if (hyfw_host_table()->run(fixture->arena, &program, NULL, &err) < 0) {
			hyfw_forget(&err);
			continue;
		}
		import(fixture, programs[i], hyfw_arena_format(fixture->arena, "%s.%s", attempt.archive, suffixes[i]), NULL);
		assert_true(fixture_exists(in_image(fixture, programs[i], "file")));
		tried++;
	}
	assert_true(tried > 0);
}

/* ---- what is refused ---- */

static void paths_that_lead_out_are_refused(void **state)
{
	static const struct { char type; const char *name, *link, *part; } cases[] = {
		{ TAR_FILE, "/etc/evil", NULL, "an absolute path" },
		{ TAR_FILE, "../evil", NULL, "leads out of it" },
		{ TAR_FILE, "a/../../../../victim/evil", NULL, "leads out of it" },
		{ TAR_DIRECTORY, "..", NULL, "leads out of it" },
		{ TAR_HARD_LINK, "evil", "/etc/passwd", "an absolute path" },
		{ TAR_HARD_LINK, "evil", "../../../../../victim/file", "leads out of it" },
		{ TAR_SYMLINK, ".", "/etc", "not a directory" },
		{ TAR_FILE, "/\033[2J", NULL, "'/?[2J'" }, /* nothing for the terminal */
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct attempt attempt = begin(state);

		tar_add(attempt.fd, TAR_FILE, "first", NULL, 0644, "x");
		tar_add(attempt.fd, cases[i].type, cases[i].name, cases[i].link, 0644,
			cases[i].type == TAR_FILE ? "x" : NULL);
		reject(&attempt, EINVAL, cases[i].part);
	}
}

/* Through a link that leads out by its text, everything stays inside. */
static void links_do_not_lead_out(void **state)
{
	const char *const ways[] = { "../../../../../../victim", NULL, "/" };
	size_t i;

	for (i = 0; i < 3; i++) {
		struct attempt attempt = begin(state);
		struct hyfw_error *err = NULL;

		tar_add(attempt.fd, TAR_SYMLINK, "way", ways[i] ? ways[i] : attempt.victim, 0777, NULL);
		tar_add(attempt.fd, TAR_FILE, "way/evil", NULL, 0644, "x");
		tar_add(attempt.fd, TAR_FILE, "way/file", NULL, 0644, "gone");
		tar_end(attempt.fd);
		if (import_archive(&attempt, &err) < 0)
			hyfw_forget(&err);
		else
			assert_true(fixture_exists(in_image(attempt.fixture, "web", "evil")) || i < 2);
		victim_is_untouched(&attempt);
		assert_false(fixture_exists("/evil"));
	}
}

static void links_are_replaced_not_followed(void **state)
{
	struct attempt attempt = begin(state);
	const char *file = hyfw_arena_format(attempt.fixture->arena, "%s/file", attempt.victim);
	struct stat st;

	tar_add(attempt.fd, TAR_SYMLINK, "file", file, 0777, NULL);
	tar_add(attempt.fd, TAR_FILE, "file", NULL, 0600, "changed");
	tar_add(attempt.fd, TAR_SYMLINK, "dir", attempt.victim, 0777, NULL);
	tar_add(attempt.fd, TAR_DIRECTORY, "dir", NULL, 0700, NULL);
	tar_add(attempt.fd, TAR_FILE, "dir/evil", NULL, 0600, "x");
	tar_add(attempt.fd, TAR_SYMLINK, "one", file, 0777, NULL);
	tar_add(attempt.fd, TAR_HARD_LINK, "two", "one", 0777, NULL);
	tar_add(attempt.fd, TAR_FILE, "two", NULL, 0600, "changed");
	tar_add(attempt.fd, TAR_FILE, "self", NULL, 0600, "kept");
	tar_add(attempt.fd, TAR_HARD_LINK, "self", "self", 0600, NULL);
	/* The directory becomes a link before its mode is set at the end. */
	tar_add(attempt.fd, TAR_DIRECTORY, "late", NULL, 0700, NULL);
	tar_add(attempt.fd, TAR_SYMLINK, "late", attempt.victim, 0777, NULL);
	accept(&attempt);
	victim_is_untouched(&attempt);
	assert_int_equal(lstat(in_image(attempt.fixture, "web", "file"), &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(lstat(in_image(attempt.fixture, "web", "dir"), &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(lstat(in_image(attempt.fixture, "web", "self"), &st), 0);
	assert_int_equal(st.st_size, 4);
}

static void what_is_no_archive_is_told(void **state)
{
	struct attempt attempt = begin(state);
	char noise[4096];
	size_t i;

	for (i = 0; i < sizeof(noise); i++)
		noise[i] = (char)(i * 7919 >> 3);
	assert_int_equal(hyfw_write_all(attempt.fd, noise, sizeof(noise)), 0);
	reject(&attempt, EBADMSG, "not a tar archive");
	attempt = begin(state);
	assert_int_equal(hyfw_write_all(attempt.fd, "\x1f\x8b\x08\0garbage garbage", 19), 0);
	reject(&attempt, EBADMSG, "image.tar");
	attempt = begin(state);
	reject(&attempt, EBADMSG, "holds no files"); /* an end and nothing before it */
	attempt = begin(state);
	close(attempt.fd);
	attempt.fd = -1;
	reject(&attempt, EBADMSG, "image.tar"); /* empty */
}

static void a_truncated_archive_leaves_nothing(void **state)
{
	struct attempt attempt = begin(state);
	char data[3000] = { 1 };
	int fd;

	tar_add(attempt.fd, TAR_FILE, "first", NULL, 0644, "x");
	tar_add_sized(attempt.fd, TAR_FILE, "second", NULL, 0644, 0, data, sizeof(data));
	assert_int_equal(ftruncate(attempt.fd, 512 * 4), 0);
	close(attempt.fd);
	attempt.fd = -1;
	reject(&attempt, EBADMSG, "damaged after 2 files");
	/* A header that promises a terabyte. */
	fd = tar_begin(attempt.archive);
	tar_add(fd, TAR_FILE, "first", NULL, 0644, "x");
	add_pax(fd, "size", "1099511627776", 13);
	tar_add(fd, TAR_FILE, "second", NULL, 0644, "x");
	attempt.fd = fd;
	reject(&attempt, EBADMSG, "damaged after 2 files");
}

static void an_archive_that_expands_is_stopped(void **state)
{
	const struct hyfw_pair limit = { "image_max_size", "100000" };
	struct hyfw_map settings = { 1, &limit }, none = { 0 };
	struct attempt attempt = begin(state);
	struct fixture *fixture = attempt.fixture;
	char *data = hyfw_arena_alloc(fixture->arena, 200000);
	const char *argv[] = { "gzip", attempt.archive, NULL };
	struct hyfw_program program = { .size = sizeof(program), .argv = argv };
	struct hyfw_error *err = NULL;
	void *instance;
	int i;

	for (i = 0; i < 20; i++)
		tar_add_sized(attempt.fd, TAR_FILE, hyfw_arena_format(fixture->arena, "zero%d", i), NULL, 0644, 0, data,
			      200000);
	tar_end(attempt.fd);
	assert_int_equal(hyfw_host_table()->run(fixture->arena, &program, NULL, &err), 0);
	assert_int_equal(fixture->common->open(hyfw_host_table(), &settings, &instance, &err), 0);
	fixture_failed(fixture->ops->image_import(instance, "web",
						  hyfw_arena_format(fixture->arena, "%s.gz", attempt.archive), &none, false,
						  NULL, &err),
		       EFBIG, &err, "larger than 100000 bytes");
	fixture->common->close(instance);
	store_is_empty(fixture);
}

int overlay_tar_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_archive_is_unpacked_as_it_is),
		TEST(compressed_archives_are_read),
		TEST(paths_that_lead_out_are_refused),
		TEST(links_do_not_lead_out),
		TEST(links_are_replaced_not_followed),
		TEST(what_is_no_archive_is_told),
		TEST(a_truncated_archive_leaves_nothing),
		TEST(an_archive_that_expands_is_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
