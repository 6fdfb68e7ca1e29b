/* SPDX-License-Identifier: BSD-3-Clause
 * process.scheduler and process.ioPriority. */
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <string.h>

#include "base/cleanup.h"
#include "oci/parts.h"

struct word {
	const char *name;
	uint64_t value;
};

static const struct word policies[] = {
	{ "SCHED_OTHER", SCHED_NORMAL }, { "SCHED_FIFO", SCHED_FIFO }, { "SCHED_RR", SCHED_RR },
	{ "SCHED_BATCH", SCHED_BATCH },  { "SCHED_IDLE", SCHED_IDLE }, { "SCHED_DEADLINE", SCHED_DEADLINE },
	{ "SCHED_ISO", 4 },
};
static const struct word flags[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK },
	{ "SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM },
	{ "SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN },
	{ "SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY },
	{ "SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS },
	{ "SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX },
};
static const struct word classes[] = {
	{ "IOPRIO_CLASS_RT", IOPRIO_CLASS_RT },
	{ "IOPRIO_CLASS_BE", IOPRIO_CLASS_BE },
	{ "IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE },
};

static bool value_of(const struct word *words, size_t count, const char *name, uint64_t *ret_value)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (strcmp(words[i].name, name) == 0) {
			*ret_value = words[i].value;
			return true;
		}
	}
	return false;
}

static uint64_t read_flags(const struct oci_node *node)
{
	const char *const *names = oci_texts(node, "flags");
	uint64_t mask = 0, flag;

	for (; names && *names; names++) {
		if (value_of(flags, HYFW_COUNT(flags), *names, &flag))
			mask |= flag;
		else
			oci_fail_member(node, "flags", "there is no %s", *names);
	}
	return mask;
}

static void read_scheduler(const struct oci_node *process, struct hyfw_oci_process *ret_process)
{
	struct hyfw_oci_scheduler *scheduler;
	struct oci_node node;
	const char *policy;
	uint64_t value = 0;

	if (!oci_member(process, "scheduler", json_type_object, &node))
		return;
	scheduler = oci_array(&node, 1, sizeof(*scheduler));
	policy = oci_text_needed(&node, "policy");
	if (!value_of(policies, HYFW_COUNT(policies), policy, &value))
		oci_fail_member(&node, "policy", "there is no %s", policy);
	scheduler->policy = (uint32_t)value;
	scheduler->nice = (int32_t)oci_number(&node, "nice", -20, 19).value;
	scheduler->priority = (uint32_t)oci_number(&node, "priority", 0, 99).value;
	scheduler->flags = read_flags(&node);
	scheduler->runtime = oci_u64(&node, "runtime");
	scheduler->deadline = oci_u64(&node, "deadline");
	scheduler->period = oci_u64(&node, "period");
	ret_process->scheduler = scheduler;
}

static void read_io(const struct oci_node *process, struct hyfw_oci_process *ret_process)
{
	struct oci_node node;
	const char *name;
	uint64_t class;

	if (!oci_member(process, "ioPriority", json_type_object, &node))
		return;
	name = oci_text_needed(&node, "class");
	if (!value_of(classes, HYFW_COUNT(classes), name, &class)) {
		oci_fail_member(&node, "class", "there is no %s", name);
		return;
	}
	ret_process->io_class = (struct hyfw_oci_number){ true, (int64_t)class };
	ret_process->io_level = oci_number(&node, "priority", 0, 7);
}

void oci_read_scheduling(const struct oci_node *process, struct hyfw_oci_process *ret_process)
{
	read_scheduler(process, ret_process);
	read_io(process, ret_process);
}
