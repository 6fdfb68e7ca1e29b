/* SPDX-License-Identifier: BSD-3-Clause
 * Records of denials (security/selinux/avc.c and lib/lsm_audit.c of the kernel):
 *     avc:  denied  { read open } for  pid=7 comm="cat" name="x" dev="vda" ino=12
 *     scontext=... tcontext=... tclass=file permissive=0
 * A workload chooses names of files and programs, and how many denials there are; labels,
 * class and permissions are the kernel's. */
#include "why.h"

#include <selinux/selinux.h>
#include <stdlib.h>

#define SEEN_MOST 8192
#define TEXT_BYTES 4096

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

/* ---- what is the workload's ---- */

/* Users and roles are those of whoever started it. */
static bool same_process(const char *label, const char *other)
{
	const char *a = label, *b = other;
	int i;

	for (i = 0; a && b && i < 2; i++) {
		a = strchr(a, ':');
		b = strchr(b, ':');
		if (!a || !b)
			return false;
		a++;
		b++;
	}
	return a && b && strcmp(a, b) == 0;
}

static uint64_t digest(const struct audit_record *record)
{
	uint64_t number = 1469598103934665603u ^ record->serial ^ (uint64_t)record->milliseconds << 20;
	const char *at;

	for (at = record->text; *at; at++)
		number = (number ^ (unsigned char)*at) * 1099511628211u;
	return number;
}

static bool is_seen(struct denials *denials, const struct audit_record *record)
{
	const uint64_t number = digest(record);
	size_t i;

	for (i = 0; i < denials->seen_count; i++)
		if (denials->seen[i] == number)
			return true;
	if (!denials->seen)
		denials->seen = denials->host->alloc(denials->arena, SEEN_MOST * sizeof(*denials->seen));
	if (denials->seen_count < SEEN_MOST)
		denials->seen[denials->seen_count++] = number;
	return false;
}

/* ---- one record ---- */

static const char *field(const struct denials *denials, const char *text, const char *key, bool free_text)
{
	char room[TEXT_BYTES];

	return audit_record_field(text, key, free_text, room, sizeof(room)) ? denials->host->format(denials->arena, "%s", room) : "";
}

/* "{ read open }" */
static bool read_permissions(const struct denials *denials, const char *text, struct denial *denial)
{
	const char *at = strchr(text, '{'), *end = at ? strchr(at, '}') : NULL;
	size_t length;

	if (!end)
		return false;
	for (at++; denial->permission_count < PERMISSIONS_MOST; at += length) {
		at += strspn(at, " ");
		length = strspn(at, letters);
		if (at >= end || length == 0)
			break;
		denial->permissions[denial->permission_count++] =
			denials->host->format(denials->arena, "%.*s", (int)length, at);
	}
	return denial->permission_count > 0;
}

/* Whether a policy module could speak of it. */
static bool is_sound(const struct denial *denial)
{
	size_t i;

	for (i = 0; i < denial->permission_count; i++)
		if (strlen(denial->permissions[i]) > 64)
			return false;
	return *denial->class && strlen(denial->class) <= 64 && denial->class[strspn(denial->class, letters)] == '\0' &&
	       policy_knows(denial->target);
}

static bool read_denial(const struct denials *denials, const struct audit_record *record, struct denial *denial)
{
	const char *text = record->text;
	const char *port;

	*denial = (struct denial){ .last = record->milliseconds, .count = 1 };
	denial->source = field(denials, text, "scontext", false);
	if (!same_process(denial->source, denials->label))
		return false;
	denial->target = field(denials, text, "tcontext", false);
	denial->class = field(denials, text, "tclass", false);
	denial->program = field(denials, text, "comm", true);
	denial->path = field(denials, text, "path", true);
	denial->name = field(denials, text, "name", true);
	denial->inode = strtoull(field(denials, text, "ino", false), NULL, 10);
	denial->enforced = strcmp(field(denials, text, "permissive", false), "1") != 0;
	port = field(denials, text, "dest", false);
	port = *port ? port : field(denials, text, "src", false);
	if (!*denial->name && port[strspn(port, "0123456789")] == '\0')
		denial->name = port;
	return read_permissions(denials, text, denial) && is_sound(denial);
}

/* ---- many of them ---- */

static bool is_alike(const struct denial *a, const struct denial *b)
{
	return strcmp(a->target, b->target) == 0 && strcmp(a->class, b->class) == 0 && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->path, b->path) == 0 && strcmp(a->program, b->program) == 0 && a->enforced == b->enforced;
}

static void add_permission(struct denial *denial, const char *permission)
{
	size_t i;

	for (i = 0; i < denial->permission_count; i++)
		if (strcmp(denial->permissions[i], permission) == 0)
			return;
	if (denial->permission_count < PERMISSIONS_MOST)
		denial->permissions[denial->permission_count++] = permission;
}

static void add(struct denials *denials, const struct denial *denial)
{
	struct denial *there;
	size_t i, j;

	for (i = 0; i < denials->count; i++) {
		there = &denials->items[i];
		if (!is_alike(there, denial))
			continue;
		for (j = 0; j < denial->permission_count; j++)
			add_permission(there, denial->permissions[j]);
		there->count++;
		if (denial->last > there->last)
			there->last = denial->last;
		return;
	}
	if (denials->count < DENIALS_MOST)
		denials->items[denials->count++] = *denial;
	else
		denials->left_out++;
}

int denials_take(void *data, const struct audit_record *record)
{
	struct denials *denials = data;
	struct denial denial;

	if (record->type == RECORD_AVC && record->milliseconds >= denials->since && strstr(record->text, "denied") &&
	    read_denial(denials, record, &denial) && !is_seen(denials, record))
		add(denials, &denial);
	return 0;
}
