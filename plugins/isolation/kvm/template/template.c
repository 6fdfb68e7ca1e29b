/* SPDX-License-Identifier: BSD-3-Clause
 * One template, opened, and which machines use it. */
#include "template.h"

#include <ctype.h>
#include <dirent.h>
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

const char *kvm_template_store(const struct hyfw_host *host, struct hyfw_arena *arena)
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

int64_t kvm_template_number(struct json_object *object, const char *key)
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
	if (st.st_size != kvm_template_number(template->header, "bytes"))
		return host->fail(err, EBADMSG, "template %s is damaged: its memory has %lld bytes of %lld; remove it and make "
				  "it again", template->name, (long long)st.st_size,
				  (long long)kvm_template_number(template->header, "bytes"));
	return 0;
}

/* ---- what is in its header ---- */

static int take_header(const struct hyfw_host *host, struct hyfw_arena *arena, struct kvm_template *template,
		       struct hyfw_error **err)
{
	const int64_t version = kvm_template_number(template->header, "version");

	if (version != KVM_TEMPLATE_VERSION && version != KVM_TEMPLATE_VERSION_BARE)
		return host->fail(err, EPROTO, "template %s was made by another version of hyfw; make it again", template->name);
	template->settings = take_settings(host, arena, template->header);
	template->disks = kvm_keep_array(template->header, "disks");
	template->genid = kvm_keep_bool(template->header, "genid");
	if (kvm_keep_bool(template->header, "nvram"))
		template->nvram = host->format(arena, "%s/" KVM_TEMPLATE_NVRAM, template->directory);
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
	ret_template->directory = host->format(arena, "%s/%s", kvm_template_store(host, arena), name);
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
	r = take_header(host, arena, ret_template, err);
	if (r == 0)
		r = check_memory(host, ret_template, err);
	return r < 0 ? r : kvm_template_disks_check(host, arena, name, ret_template->directory, ret_template->disks, err);
}

void kvm_template_close(struct kvm_template *template)
{
	json_object_put(template->header);
	template->header = template->disks = NULL;
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

int kvm_template_has_disks(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
			   struct hyfw_error **err)
{
	const char *path = kvm_keep_path(host, arena, workload, "template.json");
	KVM_AUTO_PUT struct json_object *use = NULL;
	int r = kvm_keep_read(host, path, &use, err);

	if (r < 0)
		return r;
	json_object_object_add(use, "begun", json_object_new_boolean(true));
	r = kvm_keep_write(host, arena, path, use, err);
	if (r < 0)
		return r;
	/* What it writes from now on must not be taken for a start that was cut short. */
	r = kvm_sync_directory(host->format(arena, "%s/" KVM_KEPT, host->directory("kvm", HYFW_DIRECTORY_DATA)));
	return r < 0 ? host->fail(err, -r, "%s: %s", path, strerror(-r)) : 0;
}

void kvm_template_leave(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload)
{
	unlink(kvm_keep_path(host, arena, workload, "template.json"));
}

/* NULL when it uses none. */
static struct json_object *use_of(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload)
{
	struct json_object *use = NULL;
	struct hyfw_error *ignored = NULL;

	if (kvm_keep_read(host, kvm_keep_path(host, arena, workload, "template.json"), &use, &ignored) == 0)
		return use;
	host->forget(&ignored);
	return NULL;
}

static bool uses(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload, const char *template)
{
	KVM_AUTO_PUT struct json_object *use = use_of(host, arena, workload);

	return use && strcmp(kvm_keep_text(use, "template"), template) == 0;
}

bool kvm_template_has_begun(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
			    const struct kvm_template *template)
{
	KVM_AUTO_PUT struct json_object *use = use_of(host, arena, workload);

	return use && kvm_keep_bool(use, "begun") && strcmp(kvm_keep_text(use, "template"), template->name) == 0;
}

const char *kvm_template_other(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
			       const struct kvm_template *template)
{
	KVM_AUTO_PUT struct json_object *use = use_of(host, arena, workload);

	return use && kvm_keep_bool(use, "begun") && strcmp(kvm_keep_text(use, "template"), template->name) != 0
		       ? host->format(arena, "%s", kvm_keep_text(use, "template")) : NULL;
}

static int is_use(const struct dirent *entry)
{
	const size_t length = strlen(entry->d_name), end = strlen(ENDING);

	return length > end && strcmp(entry->d_name + length - end, ENDING) == 0;
}

const char *kvm_template_users(const struct hyfw_host *host, struct hyfw_arena *arena, const char *template)
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
