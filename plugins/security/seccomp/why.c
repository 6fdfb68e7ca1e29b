/* SPDX-License-Identifier: BSD-3-Clause
 * `hyfw why`, the part of system calls.  The kernel writes down whom it killed for one, and with
 * `seccomp_log = yes` also those that failed (kernel/seccomp.c, seccomp_log()):
 *     auid=4294967295 uid=2076639232 gid=... pid=7 comm="mount" exe="/bin/busybox" sig=0
 *     arch=c000003e syscall=165 compat=0 ip=0x7f3a code=0x50000
 * Whose it was the user id tells, as the process is gone by now. */
#include "../common/audit.h"
#include "filter.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define AUDIT_LOG "/var/log/audit/audit.log"
#define CALLS_MOST 64
#define ROW_PAIRS 14
#define KEY_LOG "seccomp_log"

struct call {
	const char *program, *name;
	bool foreign, killed; /* of another architecture; its process was ended for it */
	int64_t last;
	uint64_t count;
};

struct calls {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	const struct hyfw_idmap *idmap;
	struct call items[CALLS_MOST];
	size_t count;
	int64_t newest_ms; /* of the last record that was taken */
	uint64_t newest;   /* and its serial number */
};

/* ---- records ---- */

static unsigned long number_in(const struct audit_record *record, const char *key, int base)
{
	char room[32];

	return audit_record_field(record->text, key, false, room, sizeof(room)) ? strtoul(room, NULL, base) : 0;
}

static const char *name_of(const struct calls *calls, unsigned long arch, unsigned long number)
{
	char *known = seccomp_syscall_resolve_num_arch((uint32_t)arch, (int)number);
	const char *name = known ? calls->host->format(calls->arena, "%s", known) :
				   calls->host->format(calls->arena, "number %lu", number);

	free(known);
	return name;
}

static void add(struct calls *calls, const struct call *call)
{
	size_t i;

	for (i = 0; i < calls->count; i++) {
		struct call *there = &calls->items[i];

		if (strcmp(there->name, call->name) != 0 || strcmp(there->program, call->program) != 0 ||
		    there->killed != call->killed || there->foreign != call->foreign)
			continue;
		there->count++;
		there->last = call->last > there->last ? call->last : there->last;
		return;
	}
	if (calls->count < CALLS_MOST)
		calls->items[calls->count++] = *call;
}

/* The audit log and the kernel's can both have one; serial numbers begin anew with each boot. */
static bool is_new(struct calls *calls, const struct audit_record *record)
{
	if (record->milliseconds < calls->newest_ms ||
	    (record->milliseconds == calls->newest_ms && record->serial <= calls->newest))
		return false;
	calls->newest_ms = record->milliseconds;
	calls->newest = record->serial;
	return true;
}

static int take(void *data, const struct audit_record *record)
{
	struct calls *calls = data;
	const struct hyfw_idmap *idmap = calls->idmap;
	struct call call = { .program = "a process", .last = record->milliseconds, .count = 1 };
	char room[256];
	unsigned long uid, arch;

	if (record->type != RECORD_SECCOMP || !audit_record_field(record->text, "uid", false, room, sizeof(room)))
		return 0;
	uid = strtoul(room, NULL, 10);
	if (uid < idmap->host_uid || uid - idmap->host_uid >= idmap->count || !is_new(calls, record))
		return 0;
	if (audit_record_field(record->text, "comm", true, room, sizeof(room)) && *room)
		call.program = calls->host->format(calls->arena, "%s", room);
	arch = number_in(record, "arch", 16);
	call.name = name_of(calls, arch, number_in(record, "syscall", 10));
	call.foreign = arch != seccomp_arch_native();
	call.killed = number_in(record, "sig", 10) != 0;
	add(calls, &call);
	return 0;
}

/* ---- rows ---- */

struct rows {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	struct hyfw_pair *items;
	size_t count;
};

static void pair(struct rows *rows, const char *key, const char *value)
{
	rows->items[rows->count++] = (struct hyfw_pair){ key, value };
}

static void note(struct rows *rows, const char *word, const char *text)
{
	pair(rows, "row", word);
	pair(rows, "sentence", text);
}

static void add_ways(struct rows *rows, const struct hyfw_subject *subject, const struct call *call)
{
	const char *setting = hyfw_map_get(&subject->settings, "seccomp");
	const uint64_t missing = builtin_capabilities(call->name) & ~grants_read(&subject->settings);
	const char *capability = grants_name(missing);

	if (call->foreign)
		return;
	if (capability && (!setting || strcmp(setting, FILTER_DEFAULT) == 0)) {
		pair(rows, "permit_by", "key");
		pair(rows, "permit", rows->host->format(rows->arena, "cap_add = %s, and with it all else that this "
							"capability is for", capability));
	}
	pair(rows, "permit_by", "key");
	pair(rows, "permit", rows->host->format(rows->arena, "seccomp = PATH, a profile in JSON that permits %s", call->name));
}

static void add_call(struct rows *rows, const struct hyfw_subject *subject, const struct call *call)
{
	const struct hyfw_host *host = rows->host;

	pair(rows, "row", "seccomp");
	pair(rows, "time", host->format(rows->arena, "%lld", (long long)call->last));
	pair(rows, "count", host->format(rows->arena, "%llu", (unsigned long long)call->count));
	pair(rows, "refused", "yes");
	pair(rows, "sentence", host->format(rows->arena, "%s %s the system call %s%s", call->program,
					    call->killed ? "was ended for" : "may not make", call->name,
					    call->foreign ? " of another architecture" : ""));
	add_ways(rows, subject, call);
}

/* ---- all ---- */

static bool is_filtered(const struct hyfw_subject *subject)
{
	const char *setting = hyfw_map_get(&subject->settings, "seccomp");

	return !setting || strcmp(setting, FILTER_NONE) != 0;
}

static void read_logs(struct calls *calls, struct rows *rows, const struct hyfw_subject *subject)
{
	const int log = audit_log_read(AUDIT_LOG, take, calls);
	const int kernel = kernel_log_read(take, calls);

	if (log < 0 && log != -ENOENT)
		note(rows, "note", calls->host->format(calls->arena, AUDIT_LOG " cannot be read: %s", strerror(-log)));
	if (kernel < 0)
		note(rows, "note", calls->host->format(calls->arena, "the kernel's log cannot be read: %s", strerror(-kernel)));
	if (subject->idmap.count == 0)
		note(rows, "hint", "without a user namespace its calls cannot be told from those of others");
	else if (!hyfw_map_bool(&subject->settings, KEY_LOG, false))
		note(rows, "hint", "system calls that fail with EPERM or ENOSYS are written down with " KEY_LOG " = yes");
}

/* Waits a little where there is nothing to wait for, too: it is called again at once. */
static int read_coming(struct calls *calls, int *follow, struct hyfw_error **err)
{
	const struct timespec pause = { .tv_nsec = 200000000 };
	int result = 0;

	if (*follow == 0) {
		result = audit_netlink_open();
		*follow = result < 0 ? 0 : result;
	}
	if (result >= 0)
		result = audit_netlink_read(*follow, 500, take, calls);
	else
		nanosleep(&pause, NULL);
	if (result < 0)
		return calls->host->fail(err, -result, "the kernel does not tell new denials (CAP_AUDIT_READ): %s",
					 strerror(-result));
	return 0;
}

int why_explain(const struct hyfw_host *host, const struct hyfw_subject *subject, int *follow,
		const struct hyfw_operation *operation, struct hyfw_map *ret_result, struct hyfw_error **err)
{
	struct calls *calls = host->alloc(operation->arena, sizeof(*calls));
	struct rows rows = { .host = host, .arena = operation->arena };
	const bool live = hyfw_map_bool(&operation->args, "follow", false);
	int result = 0;
	size_t i;

	rows.items = host->alloc(operation->arena, (CALLS_MOST * ROW_PAIRS + 8) * sizeof(*rows.items));
	calls->host = host;
	calls->arena = operation->arena;
	calls->idmap = &subject->idmap;
	if (!is_filtered(subject) && !live)
		note(&rows, "hint", "it may make every system call (seccomp = unconfined)");
	else if (live)
		result = read_coming(calls, follow, err);
	else
		read_logs(calls, &rows, subject);
	for (i = 0; i < calls->count; i++)
		add_call(&rows, subject, &calls->items[i]);
	*ret_result = (struct hyfw_map){ rows.count, rows.items };
	return result;
}
