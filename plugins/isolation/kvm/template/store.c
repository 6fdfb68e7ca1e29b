/* SPDX-License-Identifier: BSD-3-Clause
 * The templates that there are: list, inspect, rm, and what is left of those that were
 * not finished. */
#include "template.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* ---- rows ---- */

struct rows {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	struct hyfw_pair *items;
	size_t count, room;
};

static void add(struct rows *rows, const char *key, const char *value)
{
	if (rows->count == rows->room) {
		struct hyfw_pair *more;

		rows->room = rows->room ? 2 * rows->room : 64;
		more = rows->host->alloc(rows->arena, rows->room * sizeof(*more));
		if (rows->count)
			memcpy(more, rows->items, rows->count * sizeof(*more));
		rows->items = more;
	}
	rows->items[rows->count++] = (struct hyfw_pair){ key, rows->host->format(rows->arena, "%s", value) };
}

static int64_t bytes_of(const struct kvm_template *template)
{
	int64_t bytes = kvm_template_number(template->header, "bytes");
	size_t i, count = json_object_array_length(template->disks);

	for (i = 0; i < count; i++)
		bytes += kvm_template_number(json_object_array_get_idx(template->disks, i), "bytes");
	return bytes;
}

/* "32M", "32M, read-only" */
static void add_disks(struct rows *rows, const struct kvm_template *template)
{
	const struct hyfw_host *host = rows->host;
	size_t i, count = json_object_array_length(template->disks);

	for (i = 0; i < count; i++) {
		struct json_object *disk = json_object_array_get_idx(template->disks, i);
		const long long size = (long long)kvm_template_number(disk, "size");

		add(rows, host->format(rows->arena, "disk %s", kvm_keep_text(disk, "name")),
		    host->format(rows->arena, size % (1 << 20) ? "%lld bytes%s" : "%lldM%s",
				 size % (1 << 20) ? size : size >> 20,
				 kvm_keep_bool(disk, "read_only") ? ", read-only" : ""));
	}
}

static void add_template(struct rows *rows, const struct kvm_template *template)
{
	static const char *const texts[] = { "workload", "programs" };
	const struct hyfw_host *host = rows->host;
	size_t i;

	add(rows, "row", template->name);
	add(rows, "name", template->name);
	for (i = 0; i < KVM_COUNT(texts); i++)
		add(rows, texts[i], kvm_keep_text(template->header, texts[i]));
	add(rows, "created", host->format(rows->arena, "%lld",
					  (long long)kvm_template_number(template->header, "created")));
	add(rows, "bytes", host->format(rows->arena, "%lld", (long long)bytes_of(template)));
	add(rows, "memory", hyfw_map_get(&template->settings, "memory"));
	add(rows, "vcpus", hyfw_map_get(&template->settings, "vcpus"));
	add(rows, "users", kvm_template_users(rows->host, rows->arena, template->name));
}

/* One that is damaged is listed all the same, so that it can be removed. */
static void add_entry(struct rows *rows, const char *name)
{
	KVM_AUTO_TEMPLATE struct kvm_template template = { 0 };
	struct hyfw_error *damage = NULL;

	if (kvm_template_open(rows->host, rows->arena, name, &template, &damage) == 0) {
		add_template(rows, &template);
		return;
	}
	rows->host->forget(&damage);
	add(rows, "row", name);
	add(rows, "name", name);
	add(rows, "damaged", "true");
}

/* ---- verbs ---- */

static int is_shown(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int kvm_template_list(struct kvm_operation *operation, struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	struct rows rows = { .host = host, .arena = operation->asked->arena };
	struct dirent **entries = NULL;
	int i, count = scandir(kvm_template_store(host, rows.arena), &entries, is_shown, alphasort);

	(void)err;
	for (i = 0; i < count; i++) {
		add_entry(&rows, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	*operation->ret_result = (struct hyfw_map){ rows.count, rows.items };
	return 0;
}

int kvm_template_inspect(struct kvm_operation *operation, struct hyfw_error **err)
{
	struct rows rows = { .host = operation->kvm->host, .arena = operation->asked->arena };
	KVM_AUTO_TEMPLATE struct kvm_template template = { 0 };
	size_t i;
	int r = kvm_template_open(rows.host, rows.arena, operation->asked->object, &template, err);

	if (r < 0)
		return r;
	add_template(&rows, &template);
	add_disks(&rows, &template);
	for (i = 0; i < template.settings.count; i++)
		add(&rows, rows.host->format(rows.arena, "setting %s", template.settings.items[i].key),
		    template.settings.items[i].value);
	*operation->ret_result = (struct hyfw_map){ rows.count, rows.items };
	return 0;
}

static void remove_files(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	unlinkat(parent, name, AT_REMOVEDIR);
}

int kvm_template_remove(struct kvm_operation *operation, struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	struct hyfw_arena *arena = operation->asked->arena;
	const char *name = operation->asked->object, *users, *gone;
	KVM_AUTO_CLOSE int lock = -1;
	KVM_AUTO_CLOSE int parent = -1;
	int r = kvm_template_check_name(host, name, err);

	if (r < 0)
		return r;
	lock = host->lock("kvm-templates", err);
	if (lock < 0)
		return lock;
	users = kvm_template_users(host, arena, name);
	if (*users)
		return host->fail(err, EBUSY, "template %s is used by %s; `hyfw rm` them first", name, users);
	parent = open(kvm_template_store(host, arena), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Nobody finds half of it. */
	gone = host->format(arena, ".%s.%d", name, (int)getpid());
	if (parent < 0 || renameat(parent, name, parent, gone) < 0)
		return host->fail(err, errno, errno == ENOENT ? "there is no template %s" : "template %s cannot be removed",
				  name);
	remove_files(parent, gone);
	return fsync(parent) < 0 ? host->fail(err, errno, "template %s: %s", name, strerror(errno)) : 0;
}

/* ".NAME.PID" of what is being made, or removed. */
void kvm_template_gc(const struct hyfw_host *host, struct hyfw_arena *arena)
{
	DIR *dir = opendir(kvm_template_store(host, arena));
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		const char *digits = strrchr(entry->d_name, '.');
		const long pid = digits ? strtol(digits + 1, NULL, 10) : 0;

		if (entry->d_name[0] == '.' && digits > entry->d_name && pid > 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH)
			remove_files(dirfd(dir), entry->d_name);
	}
	if (dir)
		closedir(dir);
}
