/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin/places.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/context.h"
#include "base/files.h"

#define WALK_MODE 0711
#define NAME_LONGEST 128

char *hyfw_place_path(enum hyfw_place place, const char *part, const char *subpart)
{
	const struct hyfw_context *context = hyfw_context_current();
	const char *base;

	if (!context)
		return NULL;
	base = place == HYFW_PLACE_RUNTIME ? context->runtime : context->data;
	if (!subpart)
		return hyfw_format("%s/%s", base, part);
	return hyfw_format("%s/%s/%s", base, part, subpart);
}

/* One directory with exactly 'mode' when it is made here, whatever the umask. */
static int make_one(const char *path, mode_t mode, struct hyfw_error **err)
{
	if (mkdir(path, mode) == 0)
		return chmod(path, mode) < 0 ? hyfw_fail_errno(err, errno, "mode of %s", path) : 0;
	if (errno == EEXIST)
		return 0;
	return hyfw_fail_errno(err, errno, "make directory %s", path);
}

/* The base and 'parent' (may be NULL), from the top. */
static int make_above(const char *base, const char *parent, struct hyfw_error **err)
{
	HYFW_AUTO_ERROR struct hyfw_error *ignored = NULL;
	int result = make_one(base, WALK_MODE, &ignored);

	if (result < 0) {
		result = hyfw_make_directories(base, WALK_MODE, err);
		if (result < 0)
			return result;
	}
	return parent ? make_one(parent, WALK_MODE, err) : 0;
}

int hyfw_place_make(enum hyfw_place place, const char *part, const char *subpart, mode_t mode,
		    char **ret_path, struct hyfw_error **err)
{
	const struct hyfw_context *context = hyfw_context_current();
	HYFW_AUTO_FREE char *path = hyfw_place_path(place, part, subpart);
	HYFW_AUTO_FREE char *parent = hyfw_place_path(place, part, NULL);
	struct stat st;
	int result;

	if (!path)
		return hyfw_fail(err, EINVAL, "no context to keep %s in", part);
	if (stat(path, &st) < 0) {
		const char *base = place == HYFW_PLACE_RUNTIME ? context->runtime : context->data;

		result = make_above(base, subpart ? parent : NULL, err);
		if (result == 0)
			result = make_one(path, mode, err);
		if (result < 0)
			return result;
	}
	*ret_path = HYFW_STEAL(path);
	return 0;
}

bool hyfw_place_name_ok(const char *name)
{
	size_t length = name ? strlen(name) : 0;

	if (length == 0 || length > NAME_LONGEST || name[0] == '.')
		return false;
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-") == length;
}

uint64_t hyfw_place_digest(const void *data, size_t size)
{
	const unsigned char *at = data;
	uint64_t hash = 14695981039346656037u;

	while (size--)
		hash = (hash ^ *at++) * 1099511628211u;
	return hash;
}
