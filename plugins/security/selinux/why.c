/* SPDX-License-Identifier: BSD-3-Clause
 * `hyfw why`, the part of SELinux: from the records of denials to rows. */
#include "why.h"

#include <errno.h>
#include <sys/stat.h>

#define AUDIT_LOG "/var/log/audit/audit.log"
#define ROW_PAIRS (12 + 2 * REMEDIES_MOST)

struct rows {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	struct hyfw_pair *items;
	size_t count, room;
};

static void add(struct rows *rows, const char *key, const char *value)
{
	if (rows->count < rows->room)
		rows->items[rows->count++] = (struct hyfw_pair){ key, value };
}

static void note(struct rows *rows, const char *text)
{
	add(rows, "row", "note");
	add(rows, "sentence", text);
}

/* ---- whose denials ---- */

static int label_of_workload(const struct instance *instance, const struct hyfw_subject *subject,
			     const struct hyfw_map *record, struct denials *denials, struct hyfw_error **err)
{
	const char *running = hyfw_map_get(record, NOTE_PROCESS);
	struct labels labels;
	int result = 0;

	if (running)
		denials->label = running;
	else
		result = labels_of_stopped(instance, denials->arena, subject, &labels, err);
	if (result == 0 && !running)
		denials->label = labels.process;
	return result;
}

/* The time at which the workload got its pair. */
static int64_t pair_since(const struct instance *instance, struct hyfw_arena *arena, const char *workload)
{
	struct stat status;

	if (lstat(instance->host->format(arena, "%s/workloads/%s", selinux_directory(instance), workload), &status) < 0)
		return 0;
	return (int64_t)status.st_mtim.tv_sec * 1000;
}

/* ---- sources ---- */

static void read_sources(struct denials *denials, struct rows *rows)
{
	const int log = audit_log_read(AUDIT_LOG, denials_take, denials);
	const int kernel = kernel_log_read(denials_take, denials);

	if (log < 0 && log != -ENOENT)
		note(rows, denials->host->format(denials->arena, AUDIT_LOG " cannot be read: %s", strerror(-log)));
	if (kernel < 0)
		note(rows, denials->host->format(denials->arena, "the kernel's log cannot be read: %s", strerror(-kernel)));
	if (denials->left_out > 0)
		note(rows, denials->host->format(denials->arena, "%llu more are of kinds beyond the %d that are told",
						 (unsigned long long)denials->left_out, DENIALS_MOST));
}

/* The socket stays open between two calls, so that nothing is missed. */
static int follow(struct instance *instance, struct denials *denials, struct hyfw_error **err)
{
	int result = 0;

	if (instance->follow <= 0) {
		result = audit_netlink_open();
		if (result >= 0)
			instance->follow = result;
	}
	if (result >= 0)
		result = audit_netlink_read(instance->follow, 500, denials_take, denials);
	return result < 0 ? instance->host->fail(err, -result, "the kernel does not tell new denials (CAP_AUDIT_READ, and a "
							      "policy that grants it): %s", strerror(-result)) : 0;
}

/* ---- rows ---- */

static const char *words_of(const struct rows *rows, const struct denial *denial)
{
	const char *text = "";
	size_t i;

	for (i = 0; i < denial->permission_count; i++)
		text = rows->host->format(rows->arena, "%s%s%s", text, i ? " " : "", denial->permissions[i]);
	return text;
}

/* Whether nothing less than a policy module permits it. */
static bool add_denial(struct rows *rows, const struct hyfw_subject *subject, struct policy_copy **policy,
		       const struct denial *denial)
{
	struct remedy remedies[REMEDIES_MOST];
	const size_t count = remedies_for(rows->host, rows->arena, subject, policy, denial, remedies);
	size_t i;

	add(rows, "row", "avc");
	add(rows, "time", rows->host->format(rows->arena, "%lld", (long long)denial->last));
	add(rows, "count", rows->host->format(rows->arena, "%llu", (unsigned long long)denial->count));
	add(rows, "refused", denial->enforced ? "yes" : "no");
	add(rows, "sentence", denial_sentence(rows->host, rows->arena, denial));
	add(rows, "subject", denial->source);
	add(rows, "object", denial->target);
	add(rows, "class", denial->class);
	add(rows, "permissions", words_of(rows, denial));
	for (i = 0; i < count; i++) {
		add(rows, "permit_by", remedy_name(remedies[i].kind));
		add(rows, "permit", remedies[i].text);
	}
	return count > 0 && remedies[0].kind == REMEDY_POLICY;
}

static int add_module(struct rows *rows, const struct denials *denials, const bool *chosen, const char *name,
		      struct hyfw_error **err)
{
	size_t i, count = 0;

	if (!module_name_is_good(name))
		return rows->host->fail(err, EINVAL, "%s: a policy module's name is of letters, digits and _", name);
	for (i = 0; i < denials->count; i++)
		count += chosen[i];
	if (count == 0) {
		note(rows, rows->host->format(rows->arena, "SELinux: nothing of it takes a policy module, so %s is not written",
					      name));
		return 0;
	}
	add(rows, "row", "policy");
	add(rows, "te", module_te(denials, chosen, name));
	add(rows, "cil", module_cil(denials, chosen, name));
	return 0;
}

static int explain(struct rows *rows, const struct denials *denials, const struct hyfw_subject *subject,
		   const struct hyfw_operation *operation, struct hyfw_error **err)
{
	const char *name = hyfw_map_get(&operation->args, "policy");
	struct policy_copy *policy = NULL;
	bool chosen[DENIALS_MOST];
	size_t i;

	for (i = 0; i < denials->count; i++)
		chosen[i] = add_denial(rows, subject, &policy, &denials->items[i]);
	policy_copy_free(&policy);
	return name ? add_module(rows, denials, chosen, name, err) : 0;
}

int selinux_explain(void *data, const struct hyfw_subject *subject, const struct hyfw_map *record,
		    const struct hyfw_operation *operation, struct hyfw_map *ret_result, struct hyfw_error **err)
{
	struct instance *instance = data;
	const struct hyfw_host *host = instance->host;
	struct hyfw_arena *arena = operation->arena;
	struct denials *denials = host->alloc(arena, sizeof(*denials));
	struct rows rows = { host, arena, NULL, 0, DENIALS_MOST * ROW_PAIRS + 32 };
	const bool live = hyfw_map_bool(&operation->args, "follow", false);
	int result = 0;

	rows.items = host->alloc(arena, rows.room * sizeof(*rows.items));
	denials->host = host;
	denials->arena = arena;
	if (!selinux_is_active(&subject->settings)) {
		if (!live)
			note(&rows, label_wish(&subject->settings) == WISH_NO ? "SELinux: it has no label of its own (selinux = no)"
									      : "SELinux is off on this host");
	} else {
		result = label_of_workload(instance, subject, record, denials, err);
		denials->since = result == 0 ? pair_since(instance, arena, subject->name) : 0;
		if (result == 0 && live)
			result = follow(instance, denials, err);
		else if (result == 0)
			read_sources(denials, &rows);
		if (result == 0)
			result = explain(&rows, denials, subject, operation, err);
	}
	*ret_result = (struct hyfw_map){ rows.count, rows.items };
	return result;
}
