/* SPDX-License-Identifier: BSD-3-Clause
 * A profile as Docker and Podman keep them, or the "linux.seccomp" part of an
 * OCI configuration (runtime-spec, config-linux.md#seccomp).  The file is not
 * trusted: its size and depth are bounded, and what is not understood is refused
 * with the place, because a filter that is not what its writer meant is worse
 * than none. */
#include "filter.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <json.h>
#include <linux/seccomp.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 16

static void auto_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static void auto_put(struct json_object **object)
{
	json_object_put(*object);
}

int profile_read(const struct hyfw_host *host, struct hyfw_arena *arena, const char *path, char **ret_text,
		 size_t *ret_size, struct hyfw_error **err)
{
	__attribute__((cleanup(auto_close))) int fd = -1;
	size_t size = 0;
	struct stat st;
	char *text;

	if (path[0] != '/')
		return host->fail(err, EINVAL, "\"%s\" is neither default, unconfined nor an absolute path",
				  path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return host->fail(err, errno, "profile %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return host->fail(err, EINVAL, "profile %s is not a regular file", path);
	if (st.st_size > PROFILE_LIMIT)
		return host->fail(err, EFBIG, "profile %s is larger than %u bytes", path, PROFILE_LIMIT);
	text = host->alloc(arena, (size_t)st.st_size + 1);
	while (size < (size_t)st.st_size) {
		ssize_t got = read(fd, text + size, (size_t)st.st_size - size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return host->fail(err, errno, "profile %s: %s", path, strerror(errno));
		if (got == 0)
			break;
		size += (size_t)got;
	}
	if (size == 0 || strlen(text) != size)
		return host->fail(err, EINVAL, "profile %s is %s", path,
				  size ? "not text: it has a NUL byte" : "empty");
	*ret_text = text;
	*ret_size = size;
	return 0;
}

static unsigned line_of(const char *text, size_t offset)
{
	unsigned line = 1;

	while (offset-- > 0)
		line += *text++ == '\n';
	return line;
}

static int parse_text(const struct place *place, const char *text, size_t size, struct json_object **ret_object,
		      struct hyfw_error **err)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	struct json_object *object;
	enum json_tokener_error error;
	size_t end;

	if (!tokener)
		return place->host->fail(err, ENOMEM, "out of memory");
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	/* With its NUL: a number at the end would wait for more otherwise. */
	object = json_tokener_parse_ex(tokener, text, (int)size + 1);
	error = json_tokener_get_error(tokener);
	end = json_tokener_get_parse_end(tokener);
	json_tokener_free(tokener);
	if (error == json_tokener_success && json_object_is_type(object, json_type_object)) {
		*ret_object = object;
		return 0;
	}
	json_object_put(object);
	return place->host->fail(err, EINVAL, "%s:%u: %s", place->path,
				 line_of(text, end > size ? size : end),
				 error == json_tokener_success ? "not a JSON object" : json_tokener_error_desc(error));
}

static int add_architecture(const struct place *place, struct json_object *value, struct policy *policy,
			    struct hyfw_error **err)
{
	static const char mark[] = "SCMP_ARCH_";
	const char *name = json_object_get_string(value);
	uint32_t token = 0;
	char *lower;
	size_t i;

	if (json_object_is_type(value, json_type_string) && strncmp(name, mark, strlen(mark)) == 0) {
		lower = place->host->format(place->arena, "%s", name + strlen(mark));
		for (i = 0; lower[i]; i++)
			lower[i] = (char)tolower((unsigned char)lower[i]);
		token = seccomp_arch_resolve_name(lower);
	}
	if (token == 0)
		return place->host->fail(err, EINVAL, "%s: %s: unknown architecture %s", place->path,
					 place->where, name ? name : "null");
	if (token == seccomp_arch_native())
		return 0;
	if (policy->architecture_count == ARCHITECTURES_MAX)
		return place->host->fail(err, E2BIG, "%s: %s: too many architectures", place->path,
					 place->where);
	policy->architectures[policy->architecture_count++] = token;
	return 0;
}

static int add_architectures(const struct place *place, struct json_object *list, struct policy *policy,
			     struct hyfw_error **err)
{
	size_t i;
	int result = 0;

	for (i = 0; list && result == 0 && i < json_object_array_length(list); i++)
		result = add_architecture(place, json_object_array_get_idx(list, i), policy, err);
	return result;
}

/* "archMap" (Docker): the entry of this machine says which others it runs. */
static int add_architecture_map(const struct place *place, struct json_object *map, struct policy *policy,
				struct hyfw_error **err)
{
	static const char *const known[] = { "architecture", "subArchitectures", NULL };
	size_t i;

	for (i = 0; map && i < json_object_array_length(map); i++) {
		struct json_object *entry = json_object_array_get_idx(map, i), *others = NULL;
		struct policy probe = { 0 };
		int result = profile_known_keys(place, entry, known, err);

		if (result == 0)
			result = profile_array(place, entry, "subArchitectures", &others, err);
		if (result == 0)
			result = add_architecture(place, json_object_object_get(entry, "architecture"), &probe, err);
		/* None counted: it was the native one. */
		if (result == 0 && probe.architecture_count == 0)
			result = add_architectures(place, others, policy, err);
		if (result < 0)
			return result;
	}
	return 0;
}

static int add_flags(const struct place *place, struct json_object *list, struct policy *policy,
		     struct hyfw_error **err)
{
	static const struct {
		const char *name;
		uint32_t flag;
	} known[] = {
		{ "SECCOMP_FILTER_FLAG_TSYNC", 0 }, /* one thread at that time: nothing to do */
		{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
		{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
		{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV },
	};
	size_t i, j, count = sizeof(known) / sizeof(known[0]);

	for (i = 0; list && i < json_object_array_length(list); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(list, i));

		for (j = 0; j < count && (!name || strcmp(known[j].name, name) != 0); j++)
			;
		if (j == count)
			return place->host->fail(err, EINVAL, "%s: flags[%zu]: unknown flag %s", place->path,
						 i, name ? name : "null");
		policy->flags |= known[j].flag;
	}
	return 0;
}

static int parse_head(struct place *place, struct json_object *root, struct policy *policy, struct hyfw_error **err)
{
	static const char *const known[] = { "defaultAction", "defaultErrnoRet", "defaultErrno", "architectures",
					     "archMap", "flags", "syscalls", NULL };
	struct json_object *list = NULL, *map = NULL, *flags = NULL;
	const char *action = NULL;
	int code = -1, result;

	place->where = "profile";
	result = profile_known_keys(place, root, known, err);
	if (result == 0)
		result = profile_string(place, root, "defaultAction", &action, err);
	if (result == 0)
		result = profile_errno(place, root, "defaultErrno", &code, err);
	if (result == 0)
		result = profile_errno(place, root, "defaultErrnoRet", &code, err);
	if (result == 0)
		result = profile_action(place, "defaultAction", action, code, &policy->otherwise, err);
	if (result == 0 && policy->otherwise == SCMP_ACT_NOTIFY)
		result = place->host->fail(err, EINVAL, "%s: defaultAction: SCMP_ACT_NOTIFY cannot be it: the start "
					   "itself would wait for the listener", place->path);
	if (result == 0)
		result = profile_array(place, root, "architectures", &list, err);
	if (result == 0)
		result = profile_array(place, root, "archMap", &map, err);
	if (result == 0)
		result = profile_array(place, root, "flags", &flags, err);
	if (result < 0)
		return result;
	/* A bundle that says nothing of flags gets this one, as with runc; an empty list says none. */
	if (place->oci && !flags)
		policy->flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	place->where = "architectures";
	result = add_architectures(place, list, policy, err);
	place->where = "archMap";
	if (result == 0)
		result = add_architecture_map(place, map, policy, err);
	return result < 0 ? result : add_flags(place, flags, policy, err);
}

int profile_parse(const struct hyfw_host *host, struct hyfw_arena *arena, const struct profile *profile,
		  struct policy *ret_policy, struct hyfw_error **err)
{
	__attribute__((cleanup(auto_put))) struct json_object *root = NULL;
	struct place place = { host, arena, profile->path, "profile", profile->oci };
	struct json_object *calls = NULL;
	struct policy policy = { 0 };
	size_t i;
	int result = parse_text(&place, profile->text, profile->size, &root, err);

	if (result == 0)
		result = parse_head(&place, root, &policy, err);
	place.where = "profile";
	if (result == 0)
		result = profile_array(&place, root, "syscalls", &calls, err);
	for (i = 0; result == 0 && calls && i < json_object_array_length(calls); i++) {
		place.where = host->format(arena, "syscalls[%zu]", i);
		result = profile_rule(&place, json_object_array_get_idx(calls, i), profile->grants, &policy, err);
	}
	/* Nothing to wait for without a listener; the kernel calls it an error. */
	if (!(policy.flags & POLICY_NOTIFIES))
		policy.flags &= ~(uint32_t)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	if (result == 0)
		*ret_policy = policy;
	return result;
}
