/* SPDX-License-Identifier: BSD-3-Clause
 * What the tests of the overlay driver share. */
#ifndef HYFW_TESTS_OVERLAY_FIXTURE_H
#define HYFW_TESTS_OVERLAY_FIXTURE_H

#include "storage_fixture.h"

#include <dirent.h>
#include <signal.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#define ROOT(workload_, image_)                                                                 \
	{ .size = sizeof(struct hyfw_subject), .kind = HYFW_SUBJECT_ROOT, .name = workload_,      \
	  .workload = workload_, .idmap = { 100000, 200000, 65536 },                                \
	  .settings = { 1, (struct hyfw_pair[]){ { "image", image_ } } } }

/* A small root file system; made once. */
static inline const char *make_tree(const struct fixture *fixture, const char *name)
{
	const char *tree = fixture_path(fixture, name);

	if (mkdir(tree, 0755) == 0) {
		mkdir(hyfw_arena_format(fixture->arena, "%s/etc", tree), 0755);
		mkdir(hyfw_arena_format(fixture->arena, "%s/usr", tree), 0755);
		fixture_write(hyfw_arena_format(fixture->arena, "%s/etc/passwd", tree), "root:x:0:0::/:/bin/sh\n");
	}
	return tree;
}

static inline char *in_image(const struct fixture *fixture, const char *key, const char *path)
{
	return hyfw_arena_format(fixture->arena, "%s/data/drivers/overlay/images/%s/layers/0/%s", fixture->directory,
				 key, path);
}

static inline void import(struct fixture *fixture, const char *name, const char *source,
			  const struct hyfw_map *config)
{
	struct hyfw_map none = { 0 };
	struct hyfw_error *err = NULL;

	if (fixture->ops->image_import(fixture->instance, name, source, config ? config : &none, false, NULL, &err) < 0)
		fail_msg("import %s: %s", source, err->message);
}

/* Entries of images/: those that start with a dot, and all. */
static inline unsigned count_entries(const struct fixture *fixture, bool hidden)
{
	DIR *listing = opendir(fixture_path(fixture, "data/drivers/overlay/images"));
	struct dirent *entry;
	unsigned count = 0;

	while (listing && (entry = readdir(listing)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    (!hidden || entry->d_name[0] == '.'))
			count++;
	if (listing)
		closedir(listing);
	return count;
}

static inline unsigned temporaries(const struct fixture *fixture)
{
	return count_entries(fixture, true);
}

static inline void store_is_empty(const struct fixture *fixture)
{
	assert_int_equal(count_entries(fixture, false), 0);
}

#endif
