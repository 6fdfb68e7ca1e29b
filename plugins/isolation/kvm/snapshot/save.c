/* SPDX-License-Identifier: BSD-3-Clause
 * A running machine with its memory in a file, which ends it, and going on from there
 * at its next start.  Memory fits only the disks as they were: what they looked like
 * stands in a file beside it, FILE.json. */
#include "../keep.h"
#include "../libvirt/live.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libxml/parser.h>

/* ---- what the disks look like ---- */

/* Not the time of the inode, which a change of its owner moves. */
static void add_look(struct json_object *disk)
{
	struct stat st;

	if (stat(kvm_keep_text(disk, "path"), &st) < 0)
		return;
	json_object_object_add(disk, "inode", json_object_new_int64((int64_t)st.st_ino));
	json_object_object_add(disk, "size", json_object_new_int64(st.st_size));
	json_object_object_add(disk, "written", json_object_new_int64(st.st_mtim.tv_sec));
	json_object_object_add(disk, "written_ns", json_object_new_int64(st.st_mtim.tv_nsec));
}

static int64_t number(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_int64(value) : -1;
}

static bool is_as_it_was(struct json_object *disk)
{
	struct stat st;

	return stat(kvm_keep_text(disk, "path"), &st) == 0 && (int64_t)st.st_ino == number(disk, "inode") &&
	       st.st_size == number(disk, "size") && st.st_mtim.tv_sec == number(disk, "written") &&
	       st.st_mtim.tv_nsec == number(disk, "written_ns");
}

static int check_disks(const struct hyfw_host *host, struct json_object *header, struct hyfw_error **err)
{
	struct json_object *disks = kvm_keep_array(header, "disks");
	size_t i, count = json_object_array_length(disks);

	for (i = 0; i < count; i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);

		if (!is_as_it_was(disk))
			return host->fail(err, ESTALE, "disk %s has changed since: memory and disks do not fit any more",
					  kvm_keep_text(disk, "path"));
	}
	return 0;
}

/* ---- save ---- */

static const char *path_of(struct kvm_operation *operation)
{
	const char *path = hyfw_map_get(&operation->asked->args, "path");

	if (path && *path)
		return path;
	mkdir(operation->kvm->host->format(operation->asked->arena, "%s/" KVM_KEPT,
					   operation->kvm->host->directory("kvm", HYFW_DIRECTORY_DATA)), 0700);
	return kvm_keep_path(operation->kvm->host, operation->asked->arena, operation->asked->object, "saved");
}

static const char *beside(struct kvm_operation *operation, const char *path, const char *suffix)
{
	return operation->kvm->host->format(operation->asked->arena, "%s.%s", path, suffix);
}

static int write_header(struct kvm_operation *operation, const char *path, struct json_object *disks,
			struct hyfw_error **err)
{
	KVM_AUTO_PUT struct json_object *header = json_object_new_object();
	size_t i, count = json_object_array_length(disks);

	for (i = 0; i < count; i++)
		add_look(json_object_array_get_idx(disks, i));
	json_object_object_add(header, "workload", json_object_new_string(operation->asked->object));
	json_object_object_add(header, "uuid", json_object_new_string(operation->run->uuid));
	json_object_object_add(header, "disks", json_object_get(disks));
	return kvm_keep_write(operation->kvm->host, operation->asked->arena, beside(operation, path, "json"), header, err);
}

/* When the header cannot be written the machine has ended and its memory is in a file
 * all the same: that is told, and the file stays. */
static int finish(struct kvm_operation *operation, const char *fresh, const char *path, struct json_object *disks,
		  struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	int r = write_header(operation, path, disks, err);

	if (r == 0 && rename(fresh, path) < 0)
		r = host->fail(err, errno, "%s: %s", path, strerror(errno));
	return r < 0 ? host->wrap(err, "the machine has ended, its memory is in %s", fresh) : 0;
}

int kvm_save(struct kvm_operation *operation, struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	const char *path = path_of(operation), *fresh = beside(operation, path, "part");
	KVM_AUTO_PUT struct json_object *disks = NULL;
	int fd, r;

	if (*path != '/')
		return host->fail(err, EINVAL, "save: %s is no absolute path", path);
	r = kvm_disks_of(operation, NULL, &disks, err);
	if (r < 0)
		return r;
	unlink(fresh); /* of one that was cut short */
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return host->fail(err, errno, "%s: %s", fresh, strerror(errno));
	r = kvm_label_fd(host, fd, operation->run->file_label, err);
	close(fd);
	if (r < 0) {
		unlink(fresh);
		return r;
	}
	if (virDomainSaveFlags(operation->domain, fresh, NULL, 0) < 0) {
		unlink(fresh);
		return kvm_fail_libvirt(host, err, "save");
	}
	return finish(operation, fresh, path, disks, err);
}

/* ---- restore: the next start goes on with it ---- */

static int read_header(const struct hyfw_host *host, struct hyfw_arena *arena, const char *path,
		       const char *workload, struct json_object **ret_header, struct hyfw_error **err)
{
	struct json_object *header;
	int r = 0;

	if (access(path, R_OK) < 0)
		return host->fail(err, errno, "%s: %s", path, errno == ENOENT ? "there is no saved machine" : strerror(errno));
	r = kvm_keep_read(host, host->format(arena, "%s.json", path), &header, err);
	if (r < 0)
		return r;
	if (strcmp(kvm_keep_text(header, "workload"), workload) != 0)
		r = host->fail(err, EINVAL, "%s is of machine %s, not of %s", path, kvm_keep_text(header, "workload"),
			       workload);
	if (r == 0)
		r = check_disks(host, header, err);
	if (r < 0)
		json_object_put(header);
	else
		*ret_header = header;
	return r;
}

int kvm_restore(struct kvm_operation *operation, struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	struct hyfw_arena *arena = operation->asked->arena;
	const char *path = path_of(operation), *workload = operation->asked->object;
	KVM_AUTO_PUT struct json_object *header = NULL;
	KVM_AUTO_PUT struct json_object *kept = NULL;
	int r;

	if (operation->domain)
		return host->fail(err, EBUSY, "it runs");
	r = read_header(host, arena, path, workload, &header, err);
	if (r == 0)
		r = kvm_keep_load(host, arena, workload, &kept, err);
	if (r < 0)
		return r;
	json_object_object_add(kept, "restore", json_object_new_string(path));
	return kvm_keep_store(host, arena, workload, kept, err);
}

int kvm_saved_take(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
		   const char **ret_path, struct hyfw_error **err)
{
	KVM_AUTO_PUT struct json_object *kept = NULL;
	KVM_AUTO_PUT struct json_object *header = NULL;
	const char *path;
	int r = kvm_keep_load(host, arena, workload, &kept, err);

	*ret_path = NULL;
	if (r < 0 || !*kvm_keep_text(kept, "restore"))
		return r;
	path = host->format(arena, "%s", kvm_keep_text(kept, "restore"));
	json_object_object_del(kept, "restore");
	r = kvm_keep_store(host, arena, workload, kept, err);
	if (r == 0)
		r = read_header(host, arena, path, workload, &header, err);
	if (r == 0)
		*ret_path = path;
	return r;
}

int kvm_saved_genid(struct kvm_run *run, struct hyfw_arena *arena, const char *path, const char **genid,
		    struct hyfw_error **err)
{
	KVM_AUTO_FREE char *text = path ? virDomainSaveImageGetXMLDesc(run->connection, path, 0) : NULL;
	xmlDoc *document;

	if (!path)
		return 0;
	if (!text)
		return kvm_fail_libvirt(run->kvm->host, err, path);
	document = xmlReadMemory(text, (int)strlen(text), "domain", NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);
	if (!document)
		return run->kvm->host->fail(err, EBADMSG, "%s: it is no saved machine", path);
	*genid = kvm_live_text(run->kvm->host, arena, document, "/domain/genid");
	xmlFreeDoc(document);
	return 0;
}

/* What was given no name is used up; a file of the administrator's stays. */
void kvm_saved_used(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload, const char *path)
{
	if (strcmp(path, kvm_keep_path(host, arena, workload, "saved")) != 0)
		return;
	unlink(path);
	unlink(host->format(arena, "%s.json", path));
}
