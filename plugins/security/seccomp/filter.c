/* SPDX-License-Identifier: BSD-3-Clause
 * From a setting to the finished program.  Building one takes milliseconds, so
 * the host keeps it under a key that has all that it depends on. */
#include "filter.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/utsname.h>

#define BUCKET "seccomp"

/* What is kept: the flags, then the program. */
struct kept {
	uint32_t magic;
	uint32_t flags;
	struct sock_filter program[];
};
#define KEPT_MAGIC 0x53434d50u
#define INSTRUCTIONS_MAX 4096

int filter_policy(const struct hyfw_host *host, struct hyfw_arena *arena, const char *setting, uint64_t grants,
		  struct policy *ret_policy, struct hyfw_error **err)
{
	size_t size;
	char *text;
	int result;

	if (strcmp(setting, FILTER_DEFAULT) == 0) {
		builtin_policy(host, arena, grants, ret_policy);
		return 0;
	}
	result = profile_read(host, arena, setting, &text, &size, err);
	if (result < 0)
		return result;
	return profile_parse(host, arena, setting, text, size, grants, ret_policy, err);
}

static char *cache_key(const struct hyfw_host *host, struct hyfw_arena *arena, const char *profile, uint64_t grants)
{
	const struct scmp_version *version = seccomp_version();
	struct utsname system;

	if (!version || uname(&system) < 0)
		return NULL;
	return host->format(arena, "driver 1\nlibseccomp %u.%u.%u\narchitecture %s\nkernel %s\ncapabilities %" PRIx64
			    "\nbuiltin %d\nprofile %s", version->major, version->minor, version->micro,
			    system.machine, system.release, grants, BUILTIN_VERSION, profile);
}

static bool take_kept(const struct hyfw_host *host, struct hyfw_arena *arena, const char *key,
		      struct filter *ret_filter)
{
	const struct kept *kept;
	const void *data;
	size_t size, count;

	if (!key || host->cache_get(arena, BUCKET, key, &data, &size) != 1)
		return false;
	kept = data;
	if (size <= sizeof(*kept) || kept->magic != KEPT_MAGIC)
		return false;
	count = (size - sizeof(*kept)) / sizeof(kept->program[0]);
	if (count > INSTRUCTIONS_MAX || count * sizeof(kept->program[0]) + sizeof(*kept) != size)
		return false;
	*ret_filter = (struct filter){ kept->program, count, kept->flags };
	return true;
}

static void keep(const struct hyfw_host *host, struct hyfw_arena *arena, const char *key,
		 const struct filter *filter)
{
	size_t size = sizeof(struct kept) + filter->count * sizeof(*filter->program);
	struct kept *kept = host->alloc(arena, size);

	kept->magic = KEPT_MAGIC;
	kept->flags = filter->flags;
	memcpy(kept->program, filter->program, filter->count * sizeof(*filter->program));
	host->cache_put(BUCKET, key, kept, size);
}

int filter_get(const struct hyfw_host *host, struct hyfw_arena *arena, const char *setting, uint64_t grants,
	       struct filter *ret_filter, struct hyfw_error **err)
{
	char *text = NULL, *key;
	struct filter filter = { 0 };
	struct sock_filter *program;
	struct policy policy;
	size_t size = 0;
	int result = 0;

	if (strcmp(setting, FILTER_NONE) == 0) {
		*ret_filter = filter;
		return 0;
	}
	if (strcmp(setting, FILTER_DEFAULT) != 0)
		result = profile_read(host, arena, setting, &text, &size, err);
	if (result < 0)
		return result;
	key = cache_key(host, arena, text ? text : "", grants);
	if (take_kept(host, arena, key, ret_filter))
		return 0;
	if (!text)
		builtin_policy(host, arena, grants, &policy);
	else
		result = profile_parse(host, arena, setting, text, size, grants, &policy, err);
	if (result == 0)
		result = builder_build(host, arena, &policy, &program, &filter.count, err);
	if (result < 0)
		return result;
	filter.program = program;
	filter.flags = policy.flags;
	if (key)
		keep(host, arena, key, &filter);
	*ret_filter = filter;
	return 0;
}
