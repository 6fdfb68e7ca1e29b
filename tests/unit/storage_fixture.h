/* SPDX-License-Identifier: BSD-3-Clause
 * What tests of storage drivers share: directories of their own, and a host whose
 * plan and journal can be looked at. */
#ifndef HYFW_TESTS_STORAGE_FIXTURE_H
#define HYFW_TESTS_STORAGE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hyfw/storage.h>

#include "base/alloc.h"
#include "base/context.h"
#include "base/files.h"
#include "plugin/host.h"

const struct hyfw_plugin *hyfw_plugin_entry_v1(void);

struct fixture {
	char *directory; /* removed at the end; holds "run" and "data" */
	struct hyfw_context context;
	struct hyfw_arena *arena;
	void *instance;
	const struct hyfw_common_ops *common;
	const struct hyfw_storage_ops *ops;
};

/* The step that plan() emitted last, and the notes made since. */
static struct {
	unsigned count;
	char *verb, *object;
	enum hyfw_lifetime lifetime;
	struct hyfw_pairs args, notes;
} told;

static int fixture_plan_step(struct hyfw_plan *plan, const struct hyfw_step *step, struct hyfw_error **err)
{
	(void)plan;
	(void)err;
	free(told.verb);
	free(told.object);
	hyfw_pairs_finish(&told.args);
	told.verb = hyfw_dup(step->verb);
	told.object = hyfw_dup(step->object);
	told.lifetime = step->lifetime;
	hyfw_pairs_add_map(&told.args, &step->args);
	told.count++;
	return 0;
}

static int fixture_note(struct hyfw_call *call, const char *key, const char *value, struct hyfw_error **err)
{
	(void)call;
	(void)err;
	hyfw_pairs_set(&told.notes, key, value);
	return 0;
}

static inline void fixture_forget_told(void)
{
	free(told.verb);
	free(told.object);
	hyfw_pairs_finish(&told.args);
	hyfw_pairs_finish(&told.notes);
	memset(&told, 0, sizeof(told));
}

static inline char *fixture_path(const struct fixture *fixture, const char *below)
{
	return hyfw_arena_format(fixture->arena, "%s/%s", fixture->directory, below);
}

static inline void fixture_open(struct fixture *fixture)
{
	const struct hyfw_host_hooks hooks = { fixture_plan_step, fixture_note };
	struct hyfw_map settings = { 0 };
	struct hyfw_error *err = NULL;

	hyfw_host_set_hooks(&hooks);
	fixture->common = hyfw_plugin_entry_v1()->common;
	fixture->ops = hyfw_plugin_entry_v1()->ops;
	assert_int_equal(fixture->common->open(hyfw_host_table(), &settings, &fixture->instance, &err), 0);
}

static inline int fixture_setup(void **state)
{
	struct fixture *fixture = hyfw_new(sizeof(*fixture));
	const char *base = getenv("TMPDIR");
	struct hyfw_context_options options = { 0 };
	struct hyfw_error *err = NULL;

	umask(022);
	fixture->directory = hyfw_format("%s/hyfw-test-XXXXXX", base ? base : "/tmp");
	assert_non_null(mkdtemp(fixture->directory));
	fixture->arena = hyfw_arena_new();
	options.data = fixture_path(fixture, "data");
	options.runtime = fixture_path(fixture, "run");
	assert_int_equal(hyfw_context_init(&fixture->context, &options, &err), 0);
	fixture_open(fixture);
	*state = fixture;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;
	struct hyfw_error *err = NULL;

	fixture->common->close(fixture->instance);
	hyfw_remove_tree(AT_FDCWD, fixture->directory, &err);
	hyfw_forget(&err);
	fixture_forget_told();
	hyfw_context_finish(&fixture->context);
	hyfw_arena_free(fixture->arena);
	free(fixture->directory);
	free(fixture);
	return 0;
}

/* plan(); returns how many steps it made. */
static inline unsigned fixture_plan(struct fixture *fixture, const struct hyfw_subject *subject)
{
	struct hyfw_error *err = NULL;

	fixture_forget_told();
	assert_int_equal(fixture->common->plan(fixture->instance, subject, NULL, fixture->arena, &err), 0);
	return told.count;
}

/* apply() or undo() of the step that was planned last, with what was noted. */
static inline int fixture_do(struct fixture *fixture, bool undo, const char *workload, struct hyfw_error **err)
{
	struct hyfw_step step = { .size = sizeof(step), .verb = told.verb, .object = told.object,
				  .lifetime = told.lifetime, .args = hyfw_pairs_map(&told.args) };
	struct hyfw_pairs before = { 0 };
	struct hyfw_map notes = hyfw_pairs_map(&told.notes);
	struct hyfw_call call = { .size = sizeof(call), .step = &step, .arena = fixture->arena,
				  .workload = workload, .netns_fd = -1 };
	int result;

	hyfw_pairs_add_map(&before, &notes);
	call.record = hyfw_pairs_map(&before);
	result = undo ? fixture->common->undo(fixture->instance, &call, err) :
			fixture->common->apply(fixture->instance, &call, err);
	hyfw_pairs_finish(&before);
	return result;
}

static inline void fixture_apply(struct fixture *fixture, const char *workload)
{
	struct hyfw_error *err = NULL;

	if (fixture_do(fixture, false, workload, &err) < 0)
		fail_msg("apply: %s", err->message);
}

static inline void fixture_undo(struct fixture *fixture, const char *workload)
{
	struct hyfw_error *err = NULL;

	if (fixture_do(fixture, true, workload, &err) < 0)
		fail_msg("undo: %s", err->message);
}

/* attachment() with arguments and notes of the last step. */
static inline int fixture_attach(struct fixture *fixture, const struct hyfw_subject *subject,
				 struct hyfw_attachment *ret_attachment, struct hyfw_error **err)
{
	struct hyfw_pairs both = { 0 };
	struct hyfw_map args = hyfw_pairs_map(&told.args), notes = hyfw_pairs_map(&told.notes), record;
	int result;

	hyfw_pairs_add_map(&both, &args);
	hyfw_pairs_add_map(&both, &notes);
	record = hyfw_pairs_map(&both);
	result = fixture->ops->attachment(fixture->instance, subject, &record, fixture->arena, ret_attachment, err);
	hyfw_pairs_finish(&both);
	return result;
}

/* That 'result' is -'errnum' and the message holds 'part'; forgets the error. */
static inline void fixture_failed(int result, int errnum, struct hyfw_error **err, const char *part)
{
	assert_int_equal(result, -errnum);
	assert_non_null(*err);
	if (!strstr((*err)->message, part))
		fail_msg("'%s' is not in: %s", part, (*err)->message);
	hyfw_forget(err);
}

static inline void fixture_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(hyfw_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static inline bool fixture_exists(const char *path)
{
	return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

#endif
