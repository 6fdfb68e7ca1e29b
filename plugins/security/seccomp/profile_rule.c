/* SPDX-License-Identifier: BSD-3-Clause
 * One element of a profile's "syscalls", and the small readers that the rest of
 * the profile uses too. */
#include "filter.h"

#include <errno.h>
#include <inttypes.h>
#include <json.h>
#include <stdio.h>
#include <sys/utsname.h>

#define ERRNO_MAX 4095 /* MAX_ERRNO of the kernel */

static int bad(const struct place *place, const char *key, const char *what, const char *value,
	       struct hyfw_error **err)
{
	return place->host->fail(err, EINVAL, "%s: %s: %s: %s%s%s", place->path, place->where, key, what,
				 value ? " " : "", value ? value : "");
}

int profile_known_keys(const struct place *place, struct json_object *object, const char *const *known,
		       struct hyfw_error **err)
{
	size_t i;

	if (!json_object_is_type(object, json_type_object))
		return bad(place, "value", "is not an object", NULL, err);
	if (place->oci)
		return 0;
	json_object_object_foreach(object, key, value)
	{
		(void)value;
		for (i = 0; known[i] && strcmp(known[i], key) != 0; i++)
			;
		if (!known[i])
			return bad(place, key, "unknown key", NULL, err);
	}
	return 0;
}

int profile_string(const struct place *place, struct json_object *object, const char *key, const char **ret_text,
		   struct hyfw_error **err)
{
	struct json_object *value = json_object_object_get(object, key);

	if (!value)
		return 0;
	if (!json_object_is_type(value, json_type_string))
		return bad(place, key, "is not text", NULL, err);
	*ret_text = json_object_get_string(value);
	return 0;
}

/* A number ("errnoRet") or a name ("errno"). */
int profile_errno(const struct place *place, struct json_object *object, const char *key, int *ret_errno,
		  struct hyfw_error **err)
{
	struct json_object *value = json_object_object_get(object, key);
	const char *name;
	int64_t number;
	int i;

	if (!value)
		return 0;
	if (json_object_is_type(value, json_type_int)) {
		number = json_object_get_int64(value);
		if (number < 0 || number > ERRNO_MAX)
			return bad(place, key, "no error code:", json_object_get_string(value), err);
		*ret_errno = (int)number;
		return 0;
	}
	name = json_object_get_string(value);
	for (i = 1; json_object_is_type(value, json_type_string) && i < 200; i++) {
		const char *known = strerrorname_np(i);

		if (known && strcmp(known, name) == 0) {
			*ret_errno = i;
			return 0;
		}
	}
	return bad(place, key, "no error code:", name, err);
}

int profile_array(const struct place *place, struct json_object *object, const char *key,
		  struct json_object **ret_array, struct hyfw_error **err)
{
	struct json_object *value = json_object_object_get(object, key);

	if (!value)
		return 0;
	if (!json_object_is_type(value, json_type_array))
		return bad(place, key, "is not a list", NULL, err);
	*ret_array = value;
	return 0;
}

int profile_action(const struct place *place, const char *key, const char *name, int errno_value,
		   uint32_t *ret_action, struct hyfw_error **err)
{
	static const struct {
		const char *name;
		uint32_t action;
		bool with_errno;
	} known[] = {
		{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW, false },
		{ "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0), true },
		{ "SCMP_ACT_LOG", SCMP_ACT_LOG, false },
		{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP, false },
		{ "SCMP_ACT_TRACE", SCMP_ACT_TRACE(0), true },
		{ "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD, false },
		{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD, false },
		{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS, false },
		{ "SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY, false },
	};
	size_t i;

	if (!name)
		return bad(place, key, "is missing", NULL, err);
	if (strcmp(name, "SCMP_ACT_NOTIFY") == 0 && !place->oci)
		return bad(place, key, "SCMP_ACT_NOTIFY needs a listener, which hyfw does not have", NULL, err);
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].name, name) != 0)
			continue;
		*ret_action = known[i].action;
		if (known[i].with_errno)
			*ret_action |= (uint32_t)(errno_value < 0 ? EPERM : errno_value);
		return 0;
	}
	return bad(place, key, "unknown action", name, err);
}

/* ---- "includes" and "excludes" (Docker, Podman) ---- */

/* Docker's name for the architecture this runs on. */
static const char *native_name(void)
{
	switch (seccomp_arch_native()) {
	case SCMP_ARCH_X86_64:
		return "amd64";
	case SCMP_ARCH_X86:
		return "x86";
	case SCMP_ARCH_AARCH64:
		return "arm64";
	case SCMP_ARCH_ARM:
		return "arm";
	case SCMP_ARCH_PPC64LE:
		return "ppc64le";
	case SCMP_ARCH_S390X:
		return "s390x";
	case SCMP_ARCH_RISCV64:
		return "riscv64";
	default:
		return "other";
	}
}

static size_t length(struct json_object *list)
{
	return list ? json_object_array_length(list) : 0;
}

static const char *text_at(struct json_object *list, size_t i)
{
	const char *text = json_object_get_string(json_object_array_get_idx(list, i));

	return text ? text : "";
}

static bool native_in(struct json_object *list)
{
	size_t i;

	for (i = 0; i < length(list); i++)
		if (strcmp(text_at(list, i), native_name()) == 0)
			return true;
	return false;
}

static size_t granted_in(struct json_object *list, uint64_t grants)
{
	size_t i, count = 0;

	for (i = 0; i < length(list); i++)
		count += (grants & grants_bit(text_at(list, i))) != 0;
	return count;
}

static bool kernel_at_least(unsigned major, unsigned minor)
{
	unsigned own_major = 0, own_minor = 0;
	struct utsname system;

	if (uname(&system) < 0 || sscanf(system.release, "%u.%u", &own_major, &own_minor) != 2)
		return false;
	return own_major != major ? own_major > major : own_minor >= minor;
}

struct filter_part {
	struct json_object *caps, *arches;
	bool has_kernel, kernel_is_there;
};

static int read_part(const struct place *place, struct json_object *object, const char *key,
		     struct filter_part *ret_part, struct hyfw_error **err)
{
	static const char *const known[] = { "caps", "arches", "minKernel", NULL };
	struct json_object *part = json_object_object_get(object, key);
	struct filter_part result_part = { 0 };
	const char *kernel = NULL;
	unsigned major, minor;
	int result;

	*ret_part = result_part;
	if (!part)
		return 0;
	result = profile_known_keys(place, part, known, err);
	if (result == 0)
		result = profile_array(place, part, "caps", &result_part.caps, err);
	if (result == 0)
		result = profile_array(place, part, "arches", &result_part.arches, err);
	if (result == 0)
		result = profile_string(place, part, "minKernel", &kernel, err);
	if (result == 0 && kernel) {
		if (sscanf(kernel, "%u.%u", &major, &minor) != 2)
			return bad(place, "minKernel", "is not a version such as 4.8:", kernel, err);
		result_part.has_kernel = true;
		result_part.kernel_is_there = kernel_at_least(major, minor);
	}
	if (result == 0)
		*ret_part = result_part;
	return result;
}

/* Includes: all of them must hold; excludes: none may. */
static int applies(const struct place *place, struct json_object *object, uint64_t grants, bool *ret_applies,
		   struct hyfw_error **err)
{
	struct filter_part in, out;
	int result = read_part(place, object, "includes", &in, err);

	if (result == 0)
		result = read_part(place, object, "excludes", &out, err);
	if (result < 0)
		return result;
	*ret_applies = (!length(in.arches) || native_in(in.arches)) &&
		       granted_in(in.caps, grants) == length(in.caps) && (!in.has_kernel || in.kernel_is_there) &&
		       !native_in(out.arches) && granted_in(out.caps, grants) == 0 && !out.kernel_is_there;
	return 0;
}

/* ---- "args" ---- */

static int read_number(const struct place *place, struct json_object *object, const char *key, uint64_t *ret_number,
		       struct hyfw_error **err)
{
	struct json_object *value = json_object_object_get(object, key);

	if (!value)
		return 0;
	/* A value beyond 63 bits is still an integer for json-c (0.14). */
	if (!json_object_is_type(value, json_type_int) || json_object_get_string(value)[0] == '-')
		return bad(place, key, "is not a number from 0", NULL, err);
	*ret_number = json_object_get_uint64(value);
	return 0;
}

static int read_condition(const struct place *place, struct json_object *object, struct scmp_arg_cmp *ret_condition,
			  struct hyfw_error **err)
{
	static const char *const known[] = { "index", "value", "valueTwo", "op", "comment", NULL };
	static const char *const names[] = { "", "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ",
					     "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ" };
	uint64_t index = 0, first = 0, second = 0;
	const char *name = "";
	unsigned op;
	int result = profile_known_keys(place, object, known, err);

	if (result == 0)
		result = read_number(place, object, "index", &index, err);
	if (result == 0)
		result = read_number(place, object, "value", &first, err);
	if (result == 0)
		result = read_number(place, object, "valueTwo", &second, err);
	if (result == 0)
		result = profile_string(place, object, "op", &name, err);
	if (result < 0)
		return result;
	if (index >= CONDITIONS_MAX)
		return bad(place, "index", "a system call has the arguments 0 to 5", NULL, err);
	for (op = SCMP_CMP_NE; op <= SCMP_CMP_MASKED_EQ && strcmp(names[op], name) != 0; op++)
		;
	if (op > SCMP_CMP_MASKED_EQ)
		return bad(place, "op", "unknown operator", name, err);
	*ret_condition = SCMP_CMP64((unsigned)index, (enum scmp_compare)op, first, second);
	return 0;
}

/* Conditions on different arguments must all hold; as soon as one argument has
 * two of them, any one suffices (so Docker and runc read it). */
static int add_rule(const struct place *place, struct json_object *args, struct rule *rule, struct policy *policy,
		    struct hyfw_error **err)
{
	struct scmp_arg_cmp conditions[CONDITIONS_MAX * 8];
	const size_t most = sizeof(conditions) / sizeof(conditions[0]);
	bool any = false, seen[CONDITIONS_MAX] = { false };
	size_t count = length(args), i;
	int result;

	if (count > most)
		return bad(place, "args", "too many conditions", NULL, err);
	for (i = 0; i < count; i++) {
		result = read_condition(place, json_object_array_get_idx(args, i), &conditions[i], err);
		if (result < 0)
			return result;
		any = any || seen[conditions[i].arg];
		seen[conditions[i].arg] = true;
	}
	rule->condition_count = any ? 1 : (unsigned)count;
	if (!any)
		memcpy(rule->conditions, conditions, count * sizeof(conditions[0]));
	for (i = 0; i < (any ? count : 1); i++) {
		if (any)
			rule->conditions[0] = conditions[i];
		policy_add(place->host, place->arena, policy, rule);
	}
	return 0;
}

int profile_rule(const struct place *place, struct json_object *object, uint64_t grants, struct policy *policy,
		 struct hyfw_error **err)
{
	static const char *const known[] = { "name", "names", "action", "errnoRet", "errno", "args", "comment",
					     "includes", "excludes", NULL };
	struct json_object *names = NULL, *args = NULL;
	const char *name = NULL, *action = NULL;
	struct rule rule = { 0 };
	bool wanted = false;
	int code = -1, result;
	size_t i;

	result = profile_known_keys(place, object, known, err);
	if (result == 0)
		result = profile_string(place, object, "name", &name, err);
	if (result == 0)
		result = profile_array(place, object, "names", &names, err);
	if (result == 0)
		result = profile_string(place, object, "action", &action, err);
	if (result == 0)
		result = profile_errno(place, object, "errno", &code, err);
	if (result == 0)
		result = profile_errno(place, object, "errnoRet", &code, err);
	if (result == 0)
		result = profile_action(place, "action", action, code, &rule.action, err);
	if (result == 0)
		result = profile_array(place, object, "args", &args, err);
	if (result == 0 && !place->oci)
		result = applies(place, object, grants, &wanted, err);
	if (result < 0 || !(wanted || place->oci))
		return result;
	if (rule.action == SCMP_ACT_NOTIFY)
		policy->flags |= POLICY_NOTIFIES;
	if (!name == !length(names))
		return bad(place, "names", "either names or name says which calls", NULL, err);
	for (i = 0; result == 0 && i < (name ? 1 : length(names)); i++) {
		rule.name = place->host->format(place->arena, "%s", name ? name : text_at(names, i));
		if (rule.action == SCMP_ACT_NOTIFY && strcmp(rule.name, "write") == 0)
			return bad(place, "names", "SCMP_ACT_NOTIFY cannot be used for the write syscall: the start "
				   "itself would wait for the listener", NULL, err);
		result = add_rule(place, args, &rule, policy, err);
	}
	return result;
}
