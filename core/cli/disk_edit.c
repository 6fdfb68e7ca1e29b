/* SPDX-License-Identifier: BSD-3-Clause
 * Subcommands of hyfw disk that open files of the caller or need several
 * operations: streams, +SIZE, edit, cp. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "cli/disk.h"
#include "config/normalize.h"

#define EDITED_MOST (64u << 20) /* bytes of a file that is edited */

static int operate(struct hyfw_cli *cli, const char *operation, const struct disk_verb *verb,
		   const struct disk_request *request, struct hyfw_error **err)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_map result = { 0 };

	return disk_operate(cli, operation, verb->label, request, arena, &result, err);
}

/* ---- streams ---- */

/* A file that is written whole or not at all: under another name until then. */
static int stream_to_file(struct hyfw_cli *cli, const struct disk_verb *verb, struct disk_request *request,
			  const char *path, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *temporary = hyfw_format("%s.XXXXXX", path);
	HYFW_AUTO_CLOSE int fd = mkostemp(temporary, O_CLOEXEC);
	int result;

	if (fd < 0)
		return hyfw_fail_errno(err, errno, "%s", path);
	request->output_fd = fd;
	result = operate(cli, verb->name, verb, request, err);
	if (result == 0 && rename(temporary, path) < 0)
		result = hyfw_fail_errno(err, errno, "%s", path);
	if (result < 0)
		unlink(temporary);
	return result;
}

int disk_run_stream(struct hyfw_cli *cli, const struct disk_verb *verb, struct disk_request *request,
		    struct hyfw_error **err)
{
	const struct hyfw_map args = hyfw_pairs_map(&request->args);
	const bool in = strcmp(verb->name, "tar-in") == 0;
	HYFW_AUTO_FREE char *archive = hyfw_dup(hyfw_map_get(&args, "archive"));
	HYFW_AUTO_CLOSE int fd = -1;

	hyfw_pairs_remove(&request->args, "archive");
	if (in && archive) {
		fd = open(archive, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return hyfw_fail_errno(err, errno, "%s", archive);
	}
	if (!in && archive)
		return stream_to_file(cli, verb, request, archive, err);
	if (!in && isatty(STDOUT_FILENO) && strcmp(verb->name, "cat") != 0)
		return hyfw_fail(err, EINVAL, "an archive is not printed on a terminal; name a file for it");
	request->input_fd = in ? (fd >= 0 ? fd : STDIN_FILENO) : -1;
	request->output_fd = in ? -1 : STDOUT_FILENO;
	fflush(stdout);
	return operate(cli, verb->name, verb, request, err);
}

/* ---- resize ---- */

static int current_size(struct hyfw_cli *cli, const struct disk_request *request, int64_t *ret_bytes,
			struct hyfw_error **err)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	const struct disk_request question = { .object = request->object, .input_fd = -1, .output_fd = -1 };
	struct hyfw_map facts = { 0 };
	int result = disk_operate(cli, "info", NULL, &question, arena, &facts, err);

	if (result == 0)
		*ret_bytes = hyfw_map_int(&facts, "virtual_size", 0);
	return result;
}

int disk_run_resize(struct hyfw_cli *cli, const struct disk_verb *verb, struct disk_request *request,
		    struct hyfw_error **err)
{
	const struct hyfw_map args = hyfw_pairs_map(&request->args);
	const char *text = hyfw_map_get(&args, "size");
	const bool more = text[0] == '+';
	HYFW_AUTO_FREE char *size = NULL;
	int64_t bytes, now = 0;
	int result = hyfw_parse_size(text + more, &bytes, err);

	if (result == 0 && bytes <= 0)
		result = hyfw_fail(err, EINVAL, "'%s' is no size", text);
	if (result == 0 && more)
		result = current_size(cli, request, &now, err);
	if (result == 0 && __builtin_add_overflow(bytes, now, &bytes))
		result = hyfw_fail(err, EINVAL, "'%s' is too much", text);
	if (result < 0)
		return result;
	size = hyfw_format("%lld", (long long)bytes);
	hyfw_pairs_set(&request->args, "size", size);
	return operate(cli, verb->name, verb, request, err);
}

/* ---- edit ---- */

/* The caller's own editor with the caller's own environment; no shell. */
static int run_editor(const char *path, struct hyfw_error **err)
{
	const char *wanted = getenv("VISUAL");
	struct hyfw_strings words = { 0 };
	int result, status = 0;
	pid_t child;

	if (!wanted || !*wanted)
		wanted = getenv("EDITOR");
	result = hyfw_split_arguments(wanted && *wanted ? wanted : "vi", &words, err);
	if (result == 0 && words.count == 0)
		result = hyfw_fail(err, EINVAL, "EDITOR is blank");
	if (result < 0) {
		hyfw_strings_finish(&words);
		return hyfw_wrap(err, "$EDITOR");
	}
	hyfw_strings_add(&words, path);
	child = fork();
	if (child == 0) {
		execvp(words.items[0], words.items);
		_exit(127);
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (child < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		result = hyfw_fail(err, EIO, "%s failed: nothing was changed", words.items[0]);
	hyfw_strings_finish(&words);
	return result;
}

static int read_whole(const char *path, char **ret_data, size_t *ret_size, struct hyfw_error **err)
{
	return hyfw_file_read(AT_FDCWD, path, EDITED_MOST, ret_data, ret_size, err);
}

/* The file comes out, is edited, and goes in when it is another then.  It is
 * opened anew each time: editors put a new file in its place. */
static int edit_at(struct hyfw_cli *cli, const struct disk_verb *verb, struct disk_request *request,
		   const char *path, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	HYFW_AUTO_FREE char *before = NULL, *after = NULL;
	HYFW_AUTO_CLOSE int in = -1;
	size_t size_before, size_after;
	int result;

	if (out < 0)
		return hyfw_fail_errno(err, errno, "%s", path);
	request->output_fd = out;
	result = operate(cli, "cat", verb, request, err);
	request->output_fd = -1;
	if (result == 0)
		result = read_whole(path, &before, &size_before, err);
	if (result == 0)
		result = run_editor(path, err);
	if (result == 0)
		result = read_whole(path, &after, &size_after, err);
	if (result < 0)
		return result;
	if (size_before == size_after && memcmp(before, after, size_after) == 0) {
		fprintf(stderr, "hyfw: nothing was changed\n");
		return 0;
	}
	in = open(path, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return hyfw_fail_errno(err, errno, "%s", path);
	request->input_fd = in;
	return operate(cli, "upload", verb, request, err);
}

int disk_run_edit(struct hyfw_cli *cli, const struct disk_verb *verb, struct disk_request *request,
		  struct hyfw_error **err)
{
	char directory[] = "/tmp/hyfw-edit-XXXXXX";
	const struct hyfw_map args = hyfw_pairs_map(&request->args);
	const char *inside = hyfw_map_get(&args, "path"), *slash = strrchr(inside, '/');
	HYFW_AUTO_FREE char *path = NULL;
	int result;

	if (!slash || !slash[1] || strcmp(slash, "/..") == 0 || strcmp(slash, "/.") == 0)
		return hyfw_fail(err, EINVAL, "'%s' must be the absolute path of a file", inside);
	if (!mkdtemp(directory))
		return hyfw_fail_errno(err, errno, "%s", directory);
	path = hyfw_format("%s%s", directory, slash); /* editors go by the name */
	result = edit_at(cli, verb, request, path, err);
	hyfw_remove_tree(AT_FDCWD, directory, NULL);
	return result;
}

/* ---- cp ---- */

/* The colon of DISK:PATH, PATH being absolute; NULL in the name of a file here. */
static const char *colon_of(const char *word)
{
	const char *found = strstr(word, ":/");

	return found && found != word ? found : NULL;
}

int disk_run_copy(struct hyfw_cli *cli, const struct disk_verb *verb, struct disk_request *request,
		  struct hyfw_error **err)
{
	const struct hyfw_map args = hyfw_pairs_map(&request->args);
	HYFW_AUTO_FREE char *from = HYFW_STEAL(request->object), *to = hyfw_dup(hyfw_map_get(&args, "to"));
	const char *from_colon = colon_of(from), *to_colon = colon_of(to);
	const bool out = from_colon != NULL;
	HYFW_AUTO_FREE char *disk = NULL, *local = NULL;
	int result;

	if (out == (to_colon != NULL))
		return hyfw_fail(err, EINVAL, "one of the two must be DISK:PATH, PATH beginning with /");
	disk = out ? hyfw_dup_n(from, (size_t)(from_colon - from)) : hyfw_dup_n(to, (size_t)(to_colon - to));
	result = disk_object(disk, &request->object, err);
	if (result == 0)
		result = disk_path(out ? to : from, &local, err);
	if (result < 0)
		return result;
	hyfw_pairs_remove(&request->args, "to");
	hyfw_pairs_set(&request->args, "path", (out ? from_colon : to_colon) + 1);
	hyfw_pairs_set(&request->args, out ? "to" : "source", local);
	return operate(cli, out ? "copy-out" : "copy-in", verb, request, err);
}
