/* SPDX-License-Identifier: BSD-3-Clause
 * The templates that there are, and which machines use them. */
#include "template.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_LONGEST 63
#define ENDING ".template.json" /* of a machine that starts from one, below KVM_KEPT */

/* ---- one ---- */

int kvm_template_check_name(const struct hyfw_host *host, const char *name, struct hyfw_error **err)
{
	const char *at;

	for (at = name; at && (isalnum((unsigned char)*at) || (*at && strchr("._-", *at))); at++)
		;
	if (!name || !isalnum((unsigned char)*name) || *at || strlen(name) > NAME_LONGEST)
		return host->fail(err, EINVAL, "template = %s: a name is of letters, digits, '.', '_' and '-', at most %d, "
				  "and begins with one of the first two", name ? name : "", NAME_LONGEST);
	return 0;
}

static const char *store(const struct hyfw_host *host, struct hyfw_arena *arena)
{
	return host->format(arena, "%s/" KVM_TEMPLATES, host->directory("kvm", HYFW_DIRECTORY_DATA));
}

static struct hyfw_map take_settings(const struct hyfw_host *host, struct hyfw_arena *arena,
				     struct json_object *header)
{
	struct json_object *pairs = kvm_keep_array(header, "settings");
	const size_t count = json_object_array_length(pairs);
	struct hyfw_pair *items = host->alloc(arena, (count + 1) * sizeof(*items));
	size_t i;

	for (i = 0; i < count; i++) {
		struct json_object *pair = json_object_array_get_idx(pairs, i);

		items[i].key = host->format(arena, "%s", kvm_keep_text(pair, "key"));
		items[i].value = host->format(arena, "%s", kvm_keep_text(pair, "value"));
	}
	return (struct hyfw_map){ count, items };
}

static int64_t number(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_int64(value) : -1;
}

/* A machine must not start from half of a memory. */
static int check_memory(const struct hyfw_host *host, const struct kvm_template *template, struct hyfw_error **err)
{
	struct stat st = { 0 };

	if (lstat(template->memory, &st) < 0 || !S_ISREG(st.st_mode))
		return host->fail(err, EBADMSG, "template %s is damaged: its memory is missing; remove it and make it again",
				  template->name);
	if (st.st_size != number(template->header, "bytes"))
		return host->fail(err, EBADMSG, "template %s is damaged: its memory has %lld bytes of %lld; remove it and make "
				  "it again", template->name, (long long)st.st_size,
				  (long long)number(template->header, "bytes"));
	return 0;
}

int kvm_template_open(const struct hyfw_host *host, struct hyfw_arena *arena, const char *name,
		      struct kvm_template *ret_template, struct hyfw_error **err)
{
	int r = kvm_template_check_name(host, name, err);

	*ret_template = (struct kvm_template){ 0 };
	if (r < 0)
		return r;
	ret_template->name = host->format(arena, "%s", name);
	ret_template->directory = host->format(arena, "%s/%s", store(host, arena), name);
	ret_template->memory = host->format(arena, "%s/memory", ret_template->directory);
	r = kvm_keep_read(host, host->format(arena, "%s/template.json", ret_template->directory), &ret_template->header,
			  err);
	if (r == -ENOENT) {
		host->forget(err);
		return host->fail(err, ENOENT, "there is no template %s; `hyfw template list` shows those that there are",
				  name);
	}
	if (r < 0)
		return host->wrap(err, "template %s", name);
	if (number(ret_template->header, "version") != KVM_TEMPLATE_VERSION)
		return host->fail(err, EPROTO, "template %s was made by another version of hyfw; make it again", name);
	ret_template->settings = take_settings(host, arena, ret_template->header);
	return check_memory(host, ret_template, err);
}

void kvm_template_close(struct kvm_template *template)
{
	json_object_put(template->header);
	template->header = NULL;
}

int kvm_template_apply(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_map *settings,
		       struct hyfw_error **err)
{
	const char *name = hyfw_map_get(settings, "template");
	KVM_AUTO_TEMPLATE struct kvm_template template = { 0 };
	int r = name ? kvm_template_open(host, arena, name, &template, err) : 0;

	if (r < 0 || !name)
		return r;
	return kvm_template_merge(host, arena, name, &template.settings, settings, settings, err);
}

/* ---- who uses it ---- */

int kvm_template_use(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
		     const struct kvm_template *template, struct hyfw_error **err)
{
	KVM_AUTO_PUT struct json_object *use = json_object_new_object();
	KVM_AUTO_CLOSE int lock = host->lock("kvm-templates", err);

	if (lock < 0)
		return lock;
	if (access(template->memory, F_OK) < 0)
		return host->fail(err, ENOENT, "template %s was just removed", template->name);
	mkdir(host->format(arena, "%s/" KVM_KEPT, host->directory("kvm", HYFW_DIRECTORY_DATA)), 0700);
	json_object_object_add(use, "template", json_object_new_string(template->name));
	return kvm_keep_write(host, arena, kvm_keep_path(host, arena, workload, "template.json"), use, err);
}

static bool uses(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload, const char *template)
{
	KVM_AUTO_PUT struct json_object *use = NULL;
	struct hyfw_error *ignored = NULL;

	if (kvm_keep_read(host, kvm_keep_path(host, arena, workload, "template.json"), &use, &ignored) < 0) {
		host->forget(&ignored);
		return false;
	}
	return strcmp(kvm_keep_text(use, "template"), template) == 0;
}

static int is_use(const struct dirent *entry)
{
	const size_t length = strlen(entry->d_name), end = strlen(ENDING);

	return length > end && strcmp(entry->d_name + length - end, ENDING) == 0;
}

/* "a b", "" when there are none. */
static const char *users_of(const struct hyfw_host *host, struct hyfw_arena *arena, const char *template)
{
	struct dirent **entries = NULL;
	const char *users = "";
	int i, count = scandir(host->format(arena, "%s/" KVM_KEPT, host->directory("kvm", HYFW_DIRECTORY_DATA)), &entries,
			       is_use, alphasort);

	for (i = 0; i < count; i++) {
		const char *file = entries[i]->d_name;
		const char *name = host->format(arena, "%.*s", (int)(strlen(file) - strlen(ENDING)), file);

		if (uses(host, arena, name, template))
			users = host->format(arena, "%s%s%s", users, *users ? " " : "", name);
		free(entries[i]);
	}
	free(entries);
	return users;
}

/* ---- verbs ---- */

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

static void add_template(struct rows *rows, const struct kvm_template *template)
{
	static const char *const texts[] = { "workload", "programs" };
	static const char *const numbers[] = { "created", "bytes" };
	size_t i;

	add(rows, "row", template->name);
	add(rows, "name", template->name);
	for (i = 0; i < KVM_COUNT(texts); i++)
		add(rows, texts[i], kvm_keep_text(template->header, texts[i]));
	for (i = 0; i < KVM_COUNT(numbers); i++)
		add(rows, numbers[i], rows->host->format(rows->arena, "%lld",
							 (long long)number(template->header, numbers[i])));
	add(rows, "memory", hyfw_map_get(&template->settings, "memory"));
	add(rows, "vcpus", hyfw_map_get(&template->settings, "vcpus"));
	add(rows, "users", users_of(rows->host, rows->arena, template->name));
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

static int is_shown(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int kvm_template_list(struct kvm_operation *operation, struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	struct rows rows = { .host = host, .arena = operation->asked->arena };
	struct dirent **entries = NULL;
	int i, count = scandir(store(host, rows.arena), &entries, is_shown, alphasort);

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
	users = users_of(host, arena, name);
	if (*users)
		return host->fail(err, EBUSY, "template %s is used by %s; `hyfw rm` them first", name, users);
	parent = open(store(host, arena), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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
	DIR *dir = opendir(store(host, arena));
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
