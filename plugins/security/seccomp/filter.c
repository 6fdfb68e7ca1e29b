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

static int read_profile(const struct hyfw_host *host, struct hyfw_arena *arena, const char *setting, uint64_t grants,
			struct profile *ret_profile, struct hyfw_error **err)
{
	char *text;
	size_t size;
	int result = profile_read(host, arena, setting, &text, &size, err);

	if (result == 0)
		*ret_profile = (struct profile){ setting, text, size, grants, false };
	return result;
}

int filter_policy(const struct hyfw_host *host, struct hyfw_arena *arena, const char *setting, uint64_t grants,
		  struct policy *ret_policy, struct hyfw_error **err)
{
	struct profile profile;
	int result;

	if (strcmp(setting, FILTER_DEFAULT) == 0) {
		builtin_policy(host, arena, grants, ret_policy);
		return 0;
	}
	result = read_profile(host, arena, setting, grants, &profile, err);
	return result < 0 ? result : profile_parse(host, arena, &profile, ret_policy, err);
}

static char *cache_key(const struct hyfw_host *host, struct hyfw_arena *arena, const struct profile *profile)
{
	const struct scmp_version *version = seccomp_version();
	struct utsname system;

	if (!version || uname(&system) < 0)
		return NULL;
	return host->format(arena, "driver 3\nlibseccomp %u.%u.%u\narchitecture %s\nkernel %s\ncapabilities %" PRIx64
			    "\nbuiltin %d\n%s %s", version->major, version->minor, version->micro, system.machine,
			    system.release, profile->grants, BUILTIN_VERSION, profile->oci ? "oci" : "profile",
			    profile->text);
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

/* A profile without text is the built-in one. */
static int get(const struct hyfw_host *host, struct hyfw_arena *arena, const struct profile *profile,
	       struct filter *ret_filter, struct hyfw_error **err)
{
	struct profile named = *profile;
	struct filter filter = { 0 };
	struct sock_filter *program;
	struct policy policy;
	char *key;
	int result = 0;

	named.text = profile->text ? profile->text : "";
	key = cache_key(host, arena, &named);
	if (take_kept(host, arena, key, ret_filter)) {
		hyfw_phase_tell(host, "filter from the cache", 0);
		return 0;
	}
	if (!profile->text)
		builtin_policy(host, arena, profile->grants, &policy);
	else
		result = profile_parse(host, arena, profile, &policy, err);
	if (result == 0)
		result = builder_build(host, arena, &policy, &program, &filter.count, err);
	if (result < 0)
		return result;
	filter.program = program;
	filter.flags = policy.flags;
	if (key)
		keep(host, arena, key, &filter);
	hyfw_phase_tell(host, "filter built", 0);
	*ret_filter = filter;
	return 0;
}

int filter_get(const struct hyfw_host *host, struct hyfw_arena *arena, const char *setting, uint64_t grants,
	       struct filter *ret_filter, struct hyfw_error **err)
{
	struct profile profile = { .path = setting, .grants = grants };
	int result = 0;

	if (strcmp(setting, FILTER_NONE) == 0) {
		*ret_filter = (struct filter){ 0 };
		return 0;
	}
	if (strcmp(setting, FILTER_DEFAULT) != 0)
		result = read_profile(host, arena, setting, grants, &profile, err);
	return result < 0 ? result : get(host, arena, &profile, ret_filter, err);
}

int filter_get_oci(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_oci_config *config,
		   struct filter *ret_filter, struct hyfw_error **err)
{
	struct profile profile = { .path = "linux.seccomp", .text = config->seccomp, .oci = true };
	struct filter filter = { 0 };
	int result = 0;

	if (config->seccomp) {
		profile.size = strlen(config->seccomp);
		if (profile.size > PROFILE_LIMIT)
			return host->fail(err, EFBIG, "linux.seccomp is larger than %u bytes", PROFILE_LIMIT);
		result = get(host, arena, &profile, &filter, err);
	}
	/* Whoever names a listener gets one, also without a rule for it, as with crun. */
	if (config->seccomp && config->seccomp_listener)
		filter.flags |= POLICY_NOTIFIES;
	if (result == 0 && (filter.flags & POLICY_NOTIFIES) && !config->seccomp_listener)
		result = host->fail(err, EINVAL, "linux.seccomp: SCMP_ACT_NOTIFY needs listenerPath");
	if (result == 0 && config->seccomp_listener && config->seccomp_listener[0] != '/')
		result = host->fail(err, EINVAL, "linux.seccomp: listenerPath: \"%s\" is not an absolute path",
				    config->seccomp_listener);
	if (result < 0)
		return result;
	if (filter.program)
		host->log(HYFW_LOG_DEBUG, "seccomp filter flags: %u", filter.flags);
	*ret_filter = filter;
	return 0;
}
