/* SPDX-License-Identifier: BSD-3-Clause
 * Directories of its own for each test of core/engine, and journals in them. */
#ifndef HYFW_TESTS_ENGINE_FIXTURE_H
#define HYFW_TESTS_ENGINE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/context.h"
#include "base/files.h"
#include "engine/definition.h"
#include "engine/journal.h"

static char engine_top[32];
static struct hyfw_context engine_context;

/* Before each test: engine_top/run and engine_top/data, which are not made yet. */
__attribute__((unused)) static int engine_set_up(void **state)
{
	struct hyfw_context_options options = { 0 };
	HYFW_AUTO_FREE char *runtime = NULL, *data = NULL;

	(void)state;
	strcpy(engine_top, "/tmp/hyfw-test-XXXXXX");
	if (!mkdtemp(engine_top))
		return -1;
	options.runtime = runtime = hyfw_format("%s/run", engine_top);
	options.data = data = hyfw_format("%s/data", engine_top);
	return hyfw_context_init(&engine_context, &options, NULL);
}

__attribute__((unused)) static int engine_tear_down(void **state)
{
	(void)state;
	hyfw_context_finish(&engine_context);
	return hyfw_remove_tree(AT_FDCWD, engine_top, NULL);
}

__attribute__((unused)) static char *engine_path(const char *name)
{
	return hyfw_format("%s/%s", engine_top, name);
}

/* A failure fails the test with its message. */
#define must(call)                                                                        \
	do {                                                                              \
		struct hyfw_error *must_ = NULL, **err = &must_;                          \
		if ((call) < 0)                                                           \
			fail_msg("%s: %s", #call, must_ ? must_->message : "no message"); \
		assert_null(must_);                                                       \
	} while (0)

/* Fails as it should: with 'errnum_', and 'text' in its message. */
#define must_fail(call, errnum_, text)                                                    \
	do {                                                                              \
		struct hyfw_error *must_ = NULL, **err = &must_;                          \
		const int result_ = (call);                                               \
		assert_int_equal(result_, -(errnum_));                                    \
		assert_non_null(must_);                                                   \
		assert_int_equal(must_->errnum, (errnum_));                               \
		if (!strstr(must_->message, (text)))                                      \
			fail_msg("%s: \"%s\", not \"%s\"", #call, must_->message, (text)); \
		hyfw_error_free(must_);                                                   \
	} while (0)

__attribute__((unused)) static size_t count_names(const char *directory)
{
	HYFW_AUTO_DIR DIR *dir = opendir(directory);
	const struct dirent *entry;
	size_t count = 0;

	while (dir && (entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	return count;
}

__attribute__((unused)) static struct hyfw_journal *open_journal_at(const char *path)
{
	struct hyfw_journal *journal = NULL;

	must(hyfw_journal_open(path, false, &journal, err));
	return journal;
}

__attribute__((unused)) static struct hyfw_journal *read_journal_at(const char *path)
{
	struct hyfw_journal *journal = NULL;

	must(hyfw_journal_read(path, &journal, err));
	return journal;
}

/* The intent of a step of a network driver about 'subject'. */
__attribute__((unused)) static size_t put_intent(struct hyfw_journal *journal, const char *verb,
						 const char *subject)
{
	struct hyfw_pair args[] = { { "key", "value of verb" }, { "key", "again" }, { "odd", "\"\\\n\xc3\xa4" } };
	const struct hyfw_entry entry = {
		.kind = HYFW_KIND_NETWORK,
		.driver = (char *)"bridge",
		.subject = (char *)subject,
		.workload = (char *)"web",
		.verb = (char *)verb,
		.object = (char *)"interface eth0",
		.lifetime = HYFW_LIFETIME_WORKLOAD,
		.args = { 3, 0, args },
	};
	size_t index = SIZE_MAX;

	must(hyfw_journal_intent(journal, &entry, &index, err));
	return index;
}

/* True when a child process that calls 'function' exits with 0. */
__attribute__((unused)) static bool in_child(bool (*function)(const char *argument), const char *argument)
{
	int status = 0;
	const pid_t pid = fork();

	if (pid == 0)
		_exit(function(argument) ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status == 0;
}

#endif
