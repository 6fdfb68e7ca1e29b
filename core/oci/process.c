/* SPDX-License-Identifier: BSD-3-Clause
 * process: what runs, and as whom. */
#include <string.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "oci/parts.h"

static const struct {
	const char *name;
	int resource;
} rlimit_names[] = {
	{ "RLIMIT_AS", RLIMIT_AS },           { "RLIMIT_CORE", RLIMIT_CORE },
	{ "RLIMIT_CPU", RLIMIT_CPU },         { "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE },     { "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK }, { "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE", RLIMIT_NICE },       { "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_NPROC", RLIMIT_NPROC },     { "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },   { "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING }, { "RLIMIT_STACK", RLIMIT_STACK },
};

static int rlimit_of(const struct oci_node *limit)
{
	const char *name = oci_text_needed(limit, "type");
	size_t i;

	for (i = 0; i < HYFW_COUNT(rlimit_names); i++)
		if (strcmp(rlimit_names[i].name, name) == 0)
			return rlimit_names[i].resource;
	oci_fail_member(limit, "type", "there is no %s", name);
	return -1;
}

static void read_rlimits(const struct oci_node *process, struct hyfw_oci_process *ret_process)
{
	struct oci_node list, limit;
	size_t count = oci_list(process, "rlimits", &list), i, j;
	struct hyfw_oci_rlimit *limits = oci_array(process, count, sizeof(*limits));

	for (i = 0; i < count && oci_element(&list, i, json_type_object, &limit); i++) {
		limits[i].resource = rlimit_of(&limit);
		limits[i].soft = oci_u64(&limit, "soft");
		limits[i].hard = oci_u64(&limit, "hard");
		for (j = 0; j < i; j++)
			if (limits[j].resource == limits[i].resource)
				oci_fail(&limit, "this limit was given before");
	}
	ret_process->rlimits = limits;
	ret_process->rlimit_count = count;
}

static void read_groups(const struct oci_node *user, struct hyfw_oci_process *ret_process)
{
	struct oci_node list, group;
	size_t count = oci_list(user, "additionalGids", &list), i;
	uint32_t *groups = oci_array(user, count, sizeof(*groups));

	for (i = 0; i < count && oci_element(&list, i, json_type_int, &group); i++) {
		const int64_t gid = json_object_get_int64(group.json);

		if (gid < 0 || gid >= UINT32_MAX)
			oci_fail(&group, "not a group id");
		groups[i] = (uint32_t)gid;
	}
	ret_process->groups = groups;
	ret_process->group_count = count;
}

static void read_user(const struct oci_node *process, struct hyfw_oci_process *ret_process)
{
	struct oci_node user;

	if (!oci_member(process, "user", json_type_object, &user))
		return;
	ret_process->uid = oci_u32(&user, "uid", 0);
	ret_process->gid = oci_u32(&user, "gid", 0);
	ret_process->umask = oci_number(&user, "umask", 0, 0777);
	read_groups(&user, ret_process);
}

static void read_affinity(const struct oci_node *process, struct hyfw_oci_process *ret_process)
{
	struct oci_node affinity;

	if (!oci_member(process, "execCPUAffinity", json_type_object, &affinity))
		return;
	ret_process->cpu_affinity_initial = oci_text(&affinity, "initial");
	ret_process->cpu_affinity_final = oci_text(&affinity, "final");
}

static void read_console(const struct oci_node *process, struct hyfw_oci_process *ret_process)
{
	struct oci_node size;

	if (!oci_member(process, "consoleSize", json_type_object, &size))
		return;
	ret_process->console_rows = oci_number(&size, "height", 0, UINT16_MAX);
	ret_process->console_columns = oci_number(&size, "width", 0, UINT16_MAX);
}

static void take_capabilities(struct hyfw_confinement *to, const struct hyfw_confinement *from)
{
	to->bounding = from->bounding;
	to->permitted = from->permitted;
	to->effective = from->effective;
	to->inheritable = from->inheritable;
	to->ambient = from->ambient;
}

void hyfw_oci_command_complete(struct hyfw_oci_command *command, const struct hyfw_oci_command *first)
{
	struct hyfw_oci_process *process = &command->process;

	if (!command->capabilities_said)
		take_capabilities(&command->confinement, &first->confinement);
	if (process->rlimit_count == 0) {
		process->rlimits = first->process.rlimits;
		process->rlimit_count = first->process.rlimit_count;
	}
	if (!process->apparmor_profile)
		process->apparmor_profile = first->process.apparmor_profile;
	if (!command->confinement.process_label)
		command->confinement.process_label = first->confinement.process_label;
	if (!process->umask.set)
		process->umask = first->process.umask;
	if (!process->scheduler)
		process->scheduler = first->process.scheduler;
	if (!process->io_class.set) {
		process->io_class = first->process.io_class;
		process->io_level = first->process.io_level;
	}
	if (!process->cpu_affinity_initial && !process->cpu_affinity_final) {
		process->cpu_affinity_initial = first->process.cpu_affinity_initial;
		process->cpu_affinity_final = first->process.cpu_affinity_final;
	}
}

static const char *empty_is_none(const char *text)
{
	return text && *text ? text : NULL;
}

void oci_read_process(const struct oci_node *process, struct hyfw_oci_command *command)
{
	struct hyfw_oci_process *ret_process = &command->process;

	command->confinement.size = sizeof(command->confinement);
	command->confinement.landlock_fd = -1;
	command->argv = oci_texts(process, "args");
	if (!command->argv)
		oci_fail_member(process, "args", "missing");
	command->envp = hyfw_oci_environment(process->reader->arena, oci_texts(process, "env"), NULL);
	command->cwd = oci_text_needed(process, "cwd");
	if (command->cwd[0] != '/')
		oci_fail_member(process, "cwd", "%s is not an absolute path", command->cwd);
	command->terminal = oci_bool(process, "terminal");
	read_user(process, ret_process);
	read_rlimits(process, ret_process);
	read_affinity(process, ret_process);
	read_console(process, ret_process);
	oci_read_scheduling(process, ret_process);
	oci_read_capabilities(process, command);
	ret_process->oom_score_adj = oci_number(process, "oomScoreAdj", -1000, 1000);
	ret_process->apparmor_profile = empty_is_none(oci_text(process, "apparmorProfile"));
	command->confinement.process_label = empty_is_none(oci_text(process, "selinuxLabel"));
	command->confinement.no_new_privileges = oci_bool(process, "noNewPrivileges");
}
