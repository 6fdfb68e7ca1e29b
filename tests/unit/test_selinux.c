/* SPDX-License-Identifier: BSD-3-Clause
 * The module without a kernel that has SELinux: files that say labels, pairs of categories,
 * keys. */
#include "selinux_fixture.h"

#define MINE "system_u:object_r:container_file_t:s0:c1,c2"
#define SHARED "system_u:object_r:container_file_t:s0"

/* ---- labels ---- */

static struct contexts read_contexts(void)
{
	struct contexts contexts;
	struct hyfw_error *err = NULL;

	assert_int_equal(contexts_read(&host, fake.arena, path("lxc"), path("domain"), path("image"), &contexts, &err), 0);
	return contexts;
}

static void files_of_the_policy_say_the_labels(void **state)
{
	struct contexts contexts = read_contexts();

	(void)state;
	assert_string_equal(contexts.process, "system_u:system_r:container_t:s0"); /* no files */
	assert_string_equal(contexts.emulator, "system_u:system_r:svirt_tcg_t:s0");
	put("domain", "u:r:vm_t:s0\n");
	assert_string_equal(read_contexts().emulator, "u:r:vm_t:s0"); /* one for both */
	put("lxc", "# a comment\nprocess = \"u:r:box_t:s0\"\ncontent = \"u:object_r:x_t:s0\"\n  file=\"u:object_r:box_file_t:s0\"\n"
	    "ro_file = \"u:object_r:ro_t:s0\"\n");
	put("domain", "u:r:vm_t:s0\nu:r:vm_tcg_t:s0\n");
	put("image", "# disks\nu:object_r:disk_t:s0\nu:object_r:content_t:s0\n");
	contexts = read_contexts();
	assert_string_equal(contexts.process, "u:r:box_t:s0");
	assert_string_equal(contexts.file, "u:object_r:box_file_t:s0");
	assert_string_equal(contexts.machine, "u:r:vm_t:s0");
	assert_string_equal(contexts.emulator, "u:r:vm_tcg_t:s0");
	assert_string_equal(contexts.image, "u:object_r:disk_t:s0");
	assert_string_equal(contexts.content, "u:object_r:content_t:s0");
}

static struct labels make(const struct hyfw_pair *pairs, size_t count, bool machine, const char *pair, bool levels)
{
	static char none[] = "", spc[] = "spc_t";
	const struct types types = { none, none, spc, none, none, none };
	const struct contexts contexts = read_contexts();
	const struct hyfw_map settings = { count, pairs };
	struct labels labels;
	struct hyfw_error *err = NULL;

	if (labels_make(&host, fake.arena, &types, &contexts, &settings, machine, pair, levels, &labels, &err) < 0)
		fail_msg("%s", err->message);
	return labels;
}

#define MAKE(machine, pair, levels, ...)                                                            \
	make((struct hyfw_pair[]){ __VA_ARGS__ }, sizeof((struct hyfw_pair[]){ __VA_ARGS__ }) / sizeof(struct hyfw_pair), \
	     machine, pair, levels)

static void a_label_has_the_pair_and_the_keys(void **state)
{
	struct labels labels = MAKE(false, "c1,c2", true, { "selinux", "auto" });

	(void)state;
	assert_string_equal(labels.process, "system_u:system_r:container_t:s0:c1,c2");
	assert_string_equal(labels.files, MINE);
	assert_string_equal(labels.shared, SHARED);
	labels = MAKE(true, "c1,c2", true, { "selinux", "auto" });
	assert_string_equal(labels.process, "system_u:system_r:svirt_t:s0:c1,c2");
	assert_string_equal(labels.files, "system_u:object_r:svirt_image_t:s0:c1,c2");
	labels = MAKE(false, NULL, true, { "selinux_level", "s1-s15:c0.c1023" }, { "selinux_type", "my_t" });
	assert_string_equal(labels.process, "system_u:system_r:my_t:s1-s15:c0.c1023");
	assert_string_equal(labels.files, "system_u:object_r:container_file_t:s1");
	labels = MAKE(false, NULL, true, { "selinux", "privileged" }, { "selinux_user", "me_u" });
	assert_string_equal(labels.process, "me_u:system_r:spc_t:s0");
	labels = MAKE(false, NULL, false, { "selinux", "auto" }); /* a policy without levels */
	assert_string_equal(labels.process, "system_u:system_r:container_t");
}

static void what_would_end_a_part_is_refused(void **state)
{
	static char none[] = "";
	const struct types types = { none, none, none, none, none, none };
	const struct contexts contexts = read_contexts();
	static const struct hyfw_pair bad[] = { { "selinux_type", "a:b" }, { "selinux_user", "a\nb" },
						{ "selinux_level", "s0\"" }, { "selinux_role", "a,b" } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct hyfw_map settings = { 1, &bad[i] };
		struct hyfw_error *err = NULL;
		struct labels labels;

		assert_int_equal(labels_make(&host, fake.arena, &types, &contexts, &settings, false, NULL, true, &labels, &err),
				 -EINVAL);
		says(err, "cannot be in it");
	}
}

/* ---- pairs ---- */

static const struct categories few = { 0, 2 }; /* three pairs */

static const char *take(const char *workload, const struct categories *categories)
{
	struct hyfw_error *err = NULL;
	const char *pair = NULL;

	if (pair_take(&host, fake.arena, here, workload, categories, &pair, &err) < 0)
		fail_msg("%s", err->message);
	return pair;
}

static void ranges_of_categories(void **state)
{
	struct categories range;

	(void)state;
	assert_true(categories_parse("c0.c1023", &range));
	assert_int_equal(range.last, 1023);
	assert_false(categories_parse("c0.c1024", &range));
	assert_false(categories_parse("c5.c5", &range));
	assert_false(categories_parse("c0.c7x", &range));
	assert_false(categories_parse("0-7", &range));
}

static void pairs_differ_stay_and_come_back(void **state)
{
	struct hyfw_error *err = NULL;
	const char *a = take("a", &few), *b = take("b", &few), *c = take("c", &few), *none;

	(void)state;
	assert_string_not_equal(a, b);
	assert_string_not_equal(b, c);
	assert_string_not_equal(a, c);
	assert_string_equal(take("a", &few), a);
	assert_int_equal(pairs_count(here), 3);
	assert_int_equal(pair_take(&host, fake.arena, here, "d", &few, &none, &err), -ENOSPC);
	says(err, "all 3 pairs of the categories c0 to c2 are taken");
	assert_null(pair_of(&host, fake.arena, here, "d"));
	assert_int_equal(pair_drop(&host, here, "b", &err), 0);
	assert_int_equal(pair_drop(&host, here, "b", &err), 0);
	assert_string_equal(take("d", &few), b);
}

static void concurrent_starts_get_different_pairs(void **state)
{
	const struct categories range = { 0, 8 }; /* 36 pairs for 36 workloads */
	enum { COUNT = 36 };
	pid_t pids[COUNT];
	int i, status;

	(void)state;
	for (i = 0; i < COUNT; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			const char *pair;

			_exit(pair_take(&host, fake.arena, here, hyfw_arena_format(fake.arena, "w%d", i), &range, &pair, NULL) < 0);
		}
	}
	for (i = 0; i < COUNT; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(pairs_count(here), COUNT);
	for (i = 0; i < COUNT; i++)
		assert_non_null(pair_of(&host, fake.arena, here, hyfw_arena_format(fake.arena, "w%d", i)));
}

static void what_a_crash_leaves_goes_with_gc(void **state)
{
	const char *const living[] = { "a", NULL };
	const struct hyfw_alive alive = { .size = sizeof(alive), .workloads = living };
	struct hyfw_error *err = NULL;
	const char *a = take("a", &few);

	(void)state;
	take("b", &few);
	/* Killed between the two links, and between choosing and taking. */
	assert_int_equal(unlink(path("workloads/b")), 0);
	assert_int_equal(symlink("c0,c1", path("workloads/c")), 0);
	assert_int_equal(symlink("c0,c1", path("workloads/.c")), 0);
	assert_null(pair_of(&host, fake.arena, here, "c"));
	assert_int_equal(pairs_gc(&host, here, &alive, &err), 0);
	assert_int_equal(pairs_count(here), 1);
	assert_string_equal(pair_of(&host, fake.arena, here, "a"), a);
	assert_int_not_equal(access(path("workloads/.c"), F_OK), 0);
}

/* ---- keys ---- */

static void a_volume_key_says_its_flag(void **state)
{
	const char *source;

	(void)state;
	assert_int_equal(plan_volume(&host, fake.arena, "/srv/x|/x|rw|Z", &source), 'Z');
	assert_string_equal(source, "/srv/x");
	assert_int_equal(plan_volume(&host, fake.arena, "/srv/x|/z|ro", &source), 0);
	assert_int_equal(plan_volume(&host, fake.arena, "data|/x|rw", &source), 'z');
	assert_int_equal(plan_volume(&host, fake.arena, "data|/x|rw|Z", &source), 'Z');
}

static const struct hyfw_plugin *descriptor(void)
{
	return hyfw_plugin_entry_v1();
}

static void wrong_categories_are_refused_when_it_is_opened(void **state)
{
	const struct hyfw_pair pair = { "categories", "c9.c1" };
	const struct hyfw_map settings = { 1, &pair }, none = { 0, NULL };
	struct hyfw_error *err = NULL;
	void *instance = NULL;

	(void)state;
	assert_int_equal(descriptor()->common->open(&host, &settings, &instance, &err), -EINVAL);
	says(err, "categories = c9.c1: must be cFIRST.cLAST, within c0.c1023");
	assert_int_equal(descriptor()->common->open(&host, &none, &instance, &err), 0);
	descriptor()->common->close(instance);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_of_the_policy_say_the_labels),
		TEST(a_label_has_the_pair_and_the_keys),
		TEST(what_would_end_a_part_is_refused),
		TEST(ranges_of_categories),
		TEST(pairs_differ_stay_and_come_back),
		TEST(concurrent_starts_get_different_pairs),
		TEST(what_a_crash_leaves_goes_with_gc),
		TEST(a_volume_key_says_its_flag),
		TEST(wrong_categories_are_refused_when_it_is_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
