/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/context.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/userns.h"
#include "build_config.h"

static struct hyfw_context *current;

struct hyfw_context *hyfw_context_current(void)
{
	return current;
}

/* FNV-1a: only tells instances of different directories apart. */
static uint32_t digest(const char *text)
{
	uint32_t hash = 2166136261u;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u;
	return hash;
}

/* Root of the machine, or of a container that is a machine of its own.  Who is root in a user
 * namespace of theirs, as Podman makes one, is still the user whom the session is of. */
static bool is_root(void)
{
	const char *session = geteuid() == 0 ? getenv("XDG_RUNTIME_DIR") : NULL;

	return geteuid() == 0 && !(session && session[0] == '/' && hyfw_in_user_namespace());
}

/* $VARIABLE/hyfw, or 'fallback' (free()d when not used) where it is not set. */
static char *user_directory(const char *variable, char *fallback)
{
	const char *base = getenv(variable);

	if (!base || base[0] != '/')
		return fallback;
	free(fallback);
	return hyfw_format("%s/hyfw", base);
}

static char *default_runtime(void)
{
	if (is_root())
		return hyfw_dup("/run/hyfw");
	return user_directory("XDG_RUNTIME_DIR", hyfw_format("/run/user/%u/hyfw", (unsigned)geteuid()));
}

static char *default_data(void)
{
	const char *home = getenv("HOME");

	if (is_root())
		return hyfw_dup("/var/lib/hyfw");
	return user_directory("XDG_DATA_HOME",
			      hyfw_format("%s/.local/share/hyfw", home && home[0] == '/' ? home : ""));
}

/* 'chosen' made absolute, without a trailing slash. */
static int choose(const char *chosen, const char *option, char *fallback, char **ret_path,
		  struct hyfw_error **err)
{
	size_t length;
	char *path;

	if (!chosen) {
		*ret_path = fallback;
		return 0;
	}
	free(fallback);
	if (chosen[0] == '\0' || strlen(chosen) > PATH_MAX / 4)
		return hyfw_fail(err, EINVAL, "%s: not a usable directory name", option);
	if (chosen[0] == '/') {
		path = hyfw_dup(chosen);
	} else {
		HYFW_AUTO_FREE char *here = getcwd(NULL, 0);

		if (!here)
			return hyfw_fail_errno(err, errno, "%s %s", option, chosen);
		path = hyfw_format("%s/%s", here, chosen);
	}
	for (length = strlen(path); length > 1 && path[length - 1] == '/'; length--)
		path[length - 1] = '\0';
	*ret_path = path;
	return 0;
}

/* Journals and definitions are obeyed as they are read, so nobody else may have
 * put them there: in a directory like /tmp another user can be first. */
static int check_base(const char *path, const char *option, struct hyfw_error **err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return 0; /* to be made, by us */
	if (S_ISLNK(st.st_mode) && (st.st_uid == 0 || st.st_uid == geteuid()) && stat(path, &st) < 0)
		return 0;
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return hyfw_fail(err, EPERM, "%s %s: not trusted: it is owned by user %u", option, path,
				 (unsigned)st.st_uid);
	if (S_ISDIR(st.st_mode) && (st.st_mode & (S_IWGRP | S_IWOTH)))
		return hyfw_fail(err, EPERM, "%s %s: not trusted: others may write to it (mode %04o)", option, path,
				 (unsigned)(st.st_mode & 07777));
	return 0;
}

int hyfw_context_init(struct hyfw_context *context, const struct hyfw_context_options *options,
		      struct hyfw_error **err)
{
	int result;

	memset(context, 0, sizeof(*context));
	result = choose(options->runtime, "--state", default_runtime(), &context->runtime, err);
	if (result == 0)
		result = choose(options->data, "--root", default_data(), &context->data, err);
	if (result == 0)
		result = choose(options->plugin_path, "--plugin-path", hyfw_dup(HYFW_PLUGIN_DIRECTORY),
				&context->plugin_path, err);
	if (result == 0)
		result = choose(options->config_file, "--config", hyfw_dup(HYFW_CONFIG_FILE),
				&context->config_file, err);
	if (result == 0)
		result = check_base(context->runtime, "--state", err);
	if (result == 0)
		result = check_base(context->data, "--root", err);
	if (result < 0) {
		hyfw_context_finish(context);
		return result;
	}
	/* Nobody takes root's objects for leftovers of their own. */
	if (options->runtime || options->data || !is_root()) {
		HYFW_AUTO_FREE char *both = hyfw_format("%s:%s", context->runtime, context->data);

		snprintf(context->owner, sizeof(context->owner), "hyfw-%08" PRIx32, digest(both));
	} else {
		snprintf(context->owner, sizeof(context->owner), "hyfw");
	}
	context->verbosity = 1;
	current = context;
	return 0;
}

void hyfw_context_finish(struct hyfw_context *context)
{
	if (current == context)
		current = NULL;
	free(context->runtime);
	free(context->data);
	free(context->config_file);
	free(context->plugin_path);
	memset(context, 0, sizeof(*context));
}
