/* SPDX-License-Identifier: BSD-3-Clause
 * The labels of one workload: those of the distribution, with the types of [plugin
 * selinux], then the keys of the workload, then its categories. */
#include "selinux.h"

#include <errno.h>

enum wish label_wish(const struct hyfw_map *settings)
{
	static const char *const words[] = { "auto", "yes", "no", "privileged" };
	const char *text = hyfw_map_get(settings, "selinux");
	size_t i;

	for (i = 0; text && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(text, words[i]) == 0)
			return (enum wish)i;
	return WISH_AUTO;
}

static const char *setting(const struct hyfw_map *settings, const char *key)
{
	const char *value = hyfw_map_get(settings, key);

	return value && *value ? value : NULL;
}

bool label_has_level(const struct hyfw_map *settings)
{
	return setting(settings, "selinux_level") != NULL;
}

/* "USER:ROLE:TYPE[:LEVEL]"; a level may hold ':' itself. */
bool label_parse(const struct hyfw_host *host, struct hyfw_arena *arena, const char *text, struct label *ret_label)
{
	char *rest = host->format(arena, "%s", text);
	struct label label = { 0 };

	label.user = strsep(&rest, ":");
	label.role = strsep(&rest, ":");
	label.type = strsep(&rest, ":");
	label.level = rest && *rest ? rest : NULL;
	if (!label.role || !label.type || !*label.user || !*label.role || !*label.type || strlen(text) >= LABEL_MAX)
		return false;
	*ret_label = label;
	return true;
}

const char *label_text(const struct hyfw_host *host, struct hyfw_arena *arena, const struct label *label)
{
	return host->format(arena, "%s:%s:%s%s%s", label->user, label->role, label->type, label->level ? ":" : "",
			    label->level ? label->level : "");
}

const char *label_low(const struct hyfw_host *host, struct hyfw_arena *arena, const char *level)
{
	return host->format(arena, "%.*s", (int)strcspn(level, "-"), level);
}

/* "s0" of "s0-s15:c0.c1023". */
static const char *sensitivity(const struct hyfw_host *host, struct hyfw_arena *arena, const char *level)
{
	return level ? host->format(arena, "%.*s", (int)strcspn(level, ":-"), level) : "s0";
}

/* What may stand in a part of a label: no ':' but in a level, nothing that a mount option
 * would end at. */
static int check_part(const struct hyfw_host *host, const struct hyfw_map *settings, const char *key,
		      struct hyfw_error **err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	const char *value = setting(settings, key), *at;
	const bool level = strcmp(key, "selinux_level") == 0;

	for (at = value; at && *at; at++)
		if (!strchr(letters, *at) && !(level && strchr(":,", *at)))
			return host->fail(err, EINVAL, "%s = %s: '%c' cannot be in it", key, value, *at);
	if (value && strlen(value) > 1024)
		return host->fail(err, EINVAL, "%s is longer than 1024 bytes", key);
	return 0;
}

static int check_parts(const struct hyfw_host *host, const struct hyfw_map *settings, struct hyfw_error **err)
{
	static const char *const keys[] = { "selinux_user", "selinux_role", "selinux_type", "selinux_filetype",
					    "selinux_level" };
	size_t i;
	int result = 0;

	for (i = 0; result == 0 && i < sizeof(keys) / sizeof(keys[0]); i++)
		result = check_part(host, settings, keys[i], err);
	return result;
}

static int parse(const struct hyfw_host *host, struct hyfw_arena *arena, const char *text, const char *what,
		 struct label *ret_label, struct hyfw_error **err)
{
	if (label_parse(host, arena, text, ret_label))
		return 0;
	return host->fail(err, EINVAL, "\"%s\", which the policy's files say for %s, is not USER:ROLE:TYPE:LEVEL", text,
			  what);
}

static const char *first_of(const char *a, const char *b, const char *otherwise)
{
	return a && *a ? a : b && *b ? b : otherwise;
}

/* The process's level, and in '*ret_low' its files'. */
static const char *level_for(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_map *settings,
			     const char *base, const char *pair, const char **ret_low)
{
	const char *given = setting(settings, "selinux_level");
	const char *level = given ? given : sensitivity(host, arena, base);

	if (!given && pair)
		level = host->format(arena, "%s:%s", level, pair);
	*ret_low = label_low(host, arena, level);
	return level;
}

int labels_make(const struct hyfw_host *host, struct hyfw_arena *arena, const struct types *types,
		const struct contexts *contexts, const struct hyfw_map *settings, enum runs runs, const char *pair,
		bool levels, struct labels *ret_labels, struct hyfw_error **err)
{
	const char *const bases[] = { contexts->process, contexts->machine, contexts->emulator };
	const char *const own[] = { types->container, types->machine, types->emulator };
	const bool privileged = label_wish(settings) == WISH_PRIVILEGED, machine = runs != RUNS_CONTAINER;
	struct label process, files, shared;
	int result = check_parts(host, settings, err);

	if (result == 0)
		result = parse(host, arena, bases[runs], machine ? "machines" : "containers", &process, err);
	if (result == 0)
		result = parse(host, arena, machine ? contexts->image : contexts->file,
			       machine ? "disks" : "files of containers", &files, err);
	if (result < 0)
		return result;
	process.type = first_of(setting(settings, "selinux_type"),
				privileged ? types->privileged : own[runs], process.type);
	process.role = first_of(setting(settings, "selinux_role"), NULL, process.role);
	process.user = first_of(setting(settings, "selinux_user"), NULL, process.user);
	files.type = first_of(setting(settings, "selinux_filetype"), machine ? types->image : types->file, files.type);
	shared = files;
	shared.level = levels ? sensitivity(host, arena, process.level) : NULL;
	if (levels)
		process.level = level_for(host, arena, settings, process.level, pair, &files.level);
	else
		process.level = files.level = NULL;
	ret_labels->process = label_text(host, arena, &process);
	ret_labels->files = label_text(host, arena, &files);
	ret_labels->shared = label_text(host, arena, &shared);
	ret_labels->layers = contexts->layer;
	ret_labels->content = contexts->content;
	return 0;
}

/* Ours, where the policy has no way from our role or user to those of its file. */
static const char *reachable(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_map *settings,
			     const char *process)
{
	const char *own = policy_own_label(host, arena), *other;
	struct label ours, theirs;

	if (!own || policy_permits_transition(own, process) || setting(settings, "selinux_user") ||
	    setting(settings, "selinux_role") || !label_parse(host, arena, own, &ours) ||
	    !label_parse(host, arena, process, &theirs))
		return process;
	theirs.role = ours.role;
	other = label_text(host, arena, &theirs);
	if (policy_knows(other) && policy_permits_transition(own, other))
		return other;
	theirs.user = ours.user;
	other = label_text(host, arena, &theirs);
	return policy_knows(other) && policy_permits_transition(own, other) ? other : process;
}

/* Nobody's privileges are taken before a hypervisor begins, so that is a container's question. */
static int check_nnp(const struct hyfw_host *host, const struct hyfw_map *settings, const char *own, const char *process,
		     struct hyfw_error **err)
{
	if (!hyfw_map_bool(settings, "no_new_privileges", true) || policy_permits_nnp(own, process))
		return 0;
	return host->fail(err, EACCES, "the SELinux policy does not let %s start %s without new privileges "
			  "(nnp_transition); a policy module or no_new_privileges = no would permit it", own, process);
}

static int fail_unknown(const struct hyfw_host *host, enum runs runs, const char *process, struct hyfw_error **err)
{
	const char *const what[] = { "container", "machine", "machine" }, *const keys[] = { "container", "machine", "emulator" };

	return host->fail(err, EINVAL, "the SELinux policy has no label %s; install one with %s types, choose another type "
			  "(selinux_type, or %s_type in [plugin selinux]), or run it without a label (selinux = no)", process,
			  what[runs], keys[runs]);
}

int labels_check(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_map *settings,
		 enum runs runs, struct labels *labels, struct hyfw_error **err)
{
	const char *const files[] = { labels->files, labels->shared };
	const char *own;
	size_t i;

	labels->process = reachable(host, arena, settings, labels->process);
	if (!policy_knows(labels->process))
		return fail_unknown(host, runs, labels->process, err);
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (!policy_knows(files[i]))
			return host->fail(err, EINVAL, "the SELinux policy has no label %s for files; choose another type "
					  "(selinux_filetype, or %s_type in [plugin selinux])", files[i],
					  runs == RUNS_CONTAINER ? "file" : "image");
	if (!policy_knows(labels->layers)) /* a policy without a type for what is only read */
		labels->layers = labels->shared;
	if (!policy_knows(labels->content))
		labels->content = labels->shared;
	own = policy_own_label(host, arena);
	if (!own || policy_mode() != MODE_ENFORCING)
		return 0;
	if (!policy_permits_transition(own, labels->process))
		return host->fail(err, EACCES, "the SELinux policy does not let hyfw, which runs as %s, start a process as %s",
				  own, labels->process);
	if (runs == RUNS_EMULATED && !policy_permits_execmem(labels->process))
		return host->fail(err, EACCES, "the SELinux policy does not let %s run code that it has made (execmem), as QEMU "
				  "does without KVM; a boolean such as virt_use_execmem, or another type (emulator_type in "
				  "[plugin selinux]) would permit it", labels->process);
	return runs == RUNS_CONTAINER ? check_nnp(host, settings, own, labels->process, err) : 0;
}
