/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/ids.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/context.h"
#include "base/files.h"
#include "engine/apply.h"
#include "engine/store.h"

#define FIRST_ID 1879048192u
#define RANGE_SIZE 65536u
#define RANGES 4094u

static char *range_path(const char *range)
{
	return hyfw_format("%s/ids/%s", hyfw_context_current()->data, range);
}

struct hyfw_idmap hyfw_ids_map(unsigned range)
{
	const uint32_t first = FIRST_ID + range % RANGES * RANGE_SIZE;
	const struct hyfw_idmap map = { first, first, RANGE_SIZE };

	return map;
}

/* Where to start looking: spreads names, so that the first try mostly succeeds. */
static unsigned start_of(const char *name)
{
	unsigned hash = 5381;

	for (; *name; name++)
		hash = hash * 33u + (unsigned char)*name;
	return hash % RANGES;
}

struct hyfw_idmap hyfw_ids_preview(const char *workload)
{
	const unsigned start = start_of(workload);
	unsigned i;

	for (i = 0; i < RANGES; i++) {
		HYFW_AUTO_FREE char *range = hyfw_format("%u", (start + i) % RANGES);
		HYFW_AUTO_FREE char *path = range_path(range);

		if (access(path, F_OK) < 0)
			break;
	}
	return hyfw_ids_map(start + i);
}

/* 1 when taken, 0 when somebody has it. */
static int try_range(const char *range, const char *workload, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = range_path(range);
	HYFW_AUTO_CLOSE int fd = -1;
	int attempt;

	for (attempt = 0; attempt < 2 && fd < 0; attempt++) {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0 && errno == EEXIST)
			return 0;
		if (fd < 0 && errno == ENOENT) {
			HYFW_AUTO_FREE char *directory = range_path("");

			if (hyfw_make_directories(directory, 0755, err) < 0)
				return -(*err)->errnum;
		}
	}
	if (fd < 0)
		return hyfw_fail_errno(err, errno, "%s", path);
	if (hyfw_write_all(fd, workload, strlen(workload)) < 0) {
		unlink(path);
		return hyfw_fail_errno(err, ENOSPC, "%s", path);
	}
	return 1;
}

int hyfw_ids_take(struct hyfw_call *call, struct hyfw_error **err)
{
	const unsigned start = start_of(call->workload);
	unsigned i;

	for (i = 0; i < RANGES; i++) {
		HYFW_AUTO_FREE char *range = hyfw_format("%u", (start + i) % RANGES);
		HYFW_AUTO_FREE char *path = range_path(range);
		int result;

		if (access(path, F_OK) == 0)
			continue;
		result = hyfw_apply_note(call, "range", range, err);
		if (result == 0)
			result = try_range(range, call->workload, err);
		if (result != 0)
			return result < 0 ? result : 0;
	}
	return hyfw_fail(err, ENOSPC, "all %u id ranges are taken; remove workloads or use userns = host", RANGES);
}

static bool belongs_to(const char *path, const char *workload)
{
	HYFW_AUTO_FREE char *owner = NULL;

	/* An empty file is what a crash between making and writing leaves. */
	return hyfw_file_read(AT_FDCWD, path, 4096, &owner, NULL, NULL) == 0 &&
	       (owner[0] == '\0' || strcmp(owner, workload) == 0);
}

int hyfw_ids_drop(const char *range, const char *workload, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = NULL;

	if (!range)
		return 0;
	if (strspn(range, "0123456789") != strlen(range))
		return hyfw_fail(err, EINVAL, "'%s' is not a range of ids", range);
	path = range_path(range);
	if (belongs_to(path, workload) && unlink(path) < 0 && errno != ENOENT)
		return hyfw_fail_errno(err, errno, "%s", path);
	return 0;
}

int hyfw_ids_collect(const struct hyfw_strings *alive, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = range_path("");
	struct hyfw_strings ranges = { 0 };
	size_t i;
	int result = hyfw_store_names(directory, &ranges, err);

	for (i = 0; result == 0 && i < ranges.count; i++) {
		HYFW_AUTO_FREE char *path = range_path(ranges.items[i]);
		HYFW_AUTO_FREE char *owner = NULL;

		if (hyfw_file_read(AT_FDCWD, path, 4096, &owner, NULL, NULL) == 0 &&
		    !hyfw_strings_has(alive, owner))
			unlink(path);
	}
	hyfw_strings_finish(&ranges);
	return result;
}
