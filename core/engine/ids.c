/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/ids.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/context.h"
#include "base/files.h"
#include "engine/apply.h"
#include "engine/rename.h"
#include "engine/store.h"

#define FIRST_ID 1879048192u
#define RANGE_SIZE 65536u
#define RANGES 4094u

static char *range_path(const char *range)
{
	return hyfw_format("%s/ids/%s", hyfw_context_current()->data, range);
}

/* An ordinary user has no ids to give away but their own, which root inside is. */
static bool has_ranges(void)
{
	return geteuid() == 0;
}

struct hyfw_idmap hyfw_ids_map(unsigned range)
{
	const struct hyfw_idmap own = { geteuid(), getegid(), 1 };
	const uint32_t first = FIRST_ID + range % RANGES * RANGE_SIZE;
	const struct hyfw_idmap map = { first, first, RANGE_SIZE };

	return has_ranges() ? map : own;
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

	for (i = 0; has_ranges() && i < RANGES; i++) {
		HYFW_AUTO_FREE char *range = hyfw_format("%u", (start + i) % RANGES);
		HYFW_AUTO_FREE char *path = range_path(range);

		if (access(path, F_OK) < 0)
			break;
	}
	return hyfw_ids_map(start + i);
}

static int open_ranges(bool make, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = range_path("");
	int fd;

	if (make && hyfw_make_directories(path, 0755, err) < 0)
		return -(*err)->errnum;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? hyfw_fail_errno(err, errno, "%s", path) : fd;
}

int hyfw_ids_take(struct hyfw_call *call, struct hyfw_error **err)
{
	const unsigned start = start_of(call->workload);
	HYFW_AUTO_CLOSE int ranges = -1;
	unsigned i;

	if (!has_ranges())
		return 0;
	ranges = open_ranges(true, err);
	if (ranges < 0)
		return -(*err)->errnum;
	for (i = 0; i < RANGES; i++) {
		HYFW_AUTO_FREE char *range = hyfw_format("%u", (start + i) % RANGES);
		int result;

		if (faccessat(ranges, range, F_OK, 0) == 0)
			continue;
		result = hyfw_apply_note(call, "range", range, err);
		if (result < 0)
			return result;
		result = hyfw_file_claim(ranges, range, call->workload);
		if (result == 0)
			return 0;
		if (result != -EEXIST)
			return hyfw_fail_errno(err, -result, "ids: take range %s", range);
	}
	return hyfw_fail(err, ENOSPC, "all %u id ranges are taken; remove workloads or use userns = host", RANGES);
}

static char *owner_of(int ranges, const char *range)
{
	char *owner = NULL;

	hyfw_file_read(ranges, range, 4096, &owner, NULL, NULL);
	return owner;
}

/* Those who give ranges back take turns: between reading the owner and unlinking
 * nobody may free the range for a stranger to take it. */
static void drop_of(int ranges, const char *range, const char *workload)
{
	HYFW_AUTO_FREE char *owner = NULL;

	while (flock(ranges, LOCK_EX) < 0 && errno == EINTR)
		continue;
	owner = owner_of(ranges, range);
	if (owner && strcmp(owner, workload) == 0)
		unlinkat(ranges, range, 0);
	flock(ranges, LOCK_UN);
}

int hyfw_ids_drop(const char *range, const char *workload, struct hyfw_error **err)
{
	HYFW_AUTO_ERROR struct hyfw_error *missing = NULL;
	HYFW_AUTO_CLOSE int ranges = -1;

	if (!range)
		return 0;
	if (*range == '\0' || strspn(range, "0123456789") != strlen(range))
		return hyfw_fail(err, EINVAL, "'%s' is not a range of ids", range);
	ranges = open_ranges(false, &missing);
	if (ranges == -ENOENT)
		return 0;
	if (ranges < 0)
		return hyfw_fail(err, missing->errnum, "%s", missing->message);
	drop_of(ranges, range, workload);
	return 0;
}

int hyfw_ids_rename(const char *range, const char *from, const char *to, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = NULL, *owner = NULL;
	HYFW_AUTO_CLOSE int ranges = -1;

	if (!range)
		return 0;
	path = range_path(range);
	ranges = open_ranges(false, err);
	if (ranges < 0)
		return -(*err)->errnum;
	while (flock(ranges, LOCK_EX) < 0 && errno == EINTR)
		continue;
	owner = owner_of(ranges, range);
	if (owner && strcmp(owner, to) == 0)
		return 0;
	if (!owner || strcmp(owner, from) != 0)
		return hyfw_fail(err, EINVAL, "ids: range %s is not of %s", range, from);
	return hyfw_file_write(path, to, strlen(to), 0600, true, err);
}

/* Owners first, workloads then: one that appears in between has its directory
 * before its range. */
int hyfw_ids_collect(struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = range_path("");
	struct hyfw_strings ranges = { 0 }, alive = { 0 };
	struct hyfw_pairs owners = { 0 };
	HYFW_AUTO_CLOSE int fd = open_ranges(false, NULL);
	size_t i;
	int result = fd < 0 ? 0 : hyfw_store_names(directory, &ranges, err);

	for (i = 0; result == 0 && i < ranges.count; i++) {
		HYFW_AUTO_FREE char *owner = owner_of(fd, ranges.items[i]);

		if (owner)
			hyfw_pairs_add(&owners, ranges.items[i], owner);
	}
	hyfw_rename_names(&alive);
	if (result == 0)
		result = hyfw_store_workloads(&alive, err);
	for (i = 0; result == 0 && i < owners.count; i++)
		if (!hyfw_strings_has(&alive, owners.items[i].value))
			drop_of(fd, owners.items[i].key, owners.items[i].value);
	hyfw_pairs_finish(&owners);
	hyfw_strings_finish(&ranges);
	hyfw_strings_finish(&alive);
	return result;
}
