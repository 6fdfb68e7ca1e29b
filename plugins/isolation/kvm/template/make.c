/* SPDX-License-Identifier: BSD-3-Clause
 * A running machine becomes a template: it stands still while its memory is written and
 * its disks are copied, so that all are of one moment, and goes on.  Nothing of the
 * machine itself is changed: its disks stay the files that they are. */
#include "../libvirt/live.h"
#include "template.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- while it runs ---- */

static struct json_object *settings_of(const struct hyfw_map *settings)
{
	struct json_object *pairs = json_object_new_array();
	size_t i;

	for (i = 0; i < settings->count; i++) {
		struct json_object *pair = json_object_new_object();

		json_object_object_add(pair, "key", json_object_new_string(settings->items[i].key));
		json_object_object_add(pair, "value", json_object_new_string(settings->items[i].value));
		json_object_array_add(pairs, pair);
	}
	return pairs;
}

void kvm_template_remember(struct kvm_run *run, const struct hyfw_workload *workload, enum kvm_accel accel)
{
	const struct hyfw_host *host = run->kvm->host;
	struct hyfw_arena *arena = host->arena_new();
	const struct hyfw_map fixed = kvm_template_take(host, arena, &workload->settings, accel);
	struct json_object *pairs = settings_of(&fixed);

	struct json_object *disks = kvm_template_disks_of(host, arena, workload);

	free(run->hardware);
	run->hardware = strdup(json_object_to_json_string_ext(pairs, JSON_C_TO_STRING_PLAIN));
	free(run->disks);
	run->disks = strdup(json_object_to_json_string_ext(disks, JSON_C_TO_STRING_PLAIN));
	json_object_put(disks);
	json_object_put(pairs);
	host->arena_free(arena);
}

/* ---- whether it can be one ---- */

struct making {
	struct kvm_operation *operation;
	const char *name, *parent, *fresh, *memory; /* paths */
	struct json_object *disks;
	const char *nvram; /* its variables; NULL for none */
	bool genid;
};

static const char *path_in(const struct making *making, const char *file)
{
	return making->operation->kvm->host->format(making->operation->asked->arena, "%s/%s", making->fresh, file);
}

/* A guest knows its interfaces, and two must not have the same; and QEMU's own
 * arguments are networks of the kind user. */
static int check_devices(struct making *making, struct hyfw_error **err)
{
	struct kvm_operation *operation = making->operation;
	const struct hyfw_host *host = operation->kvm->host;
	xmlDoc *document = NULL;
	int r = kvm_live_open(operation->kvm, operation->domain, &document, err);

	if (r < 0)
		return r;
	if (kvm_live_node(document, "/domain/devices/interface") ||
	    kvm_live_node(document, "/domain/*[local-name()='commandline']"))
		r = host->fail(err, EBUSY, "%s has network interfaces, whose addresses its copies would share: start it with "
			       "network = none; those that start from the template get their own", operation->asked->object);
	else if (kvm_live_node(document, "/domain/devices/tpm"))
		r = host->fail(err, ENOTSUP, "%s has a TPM, whose secrets its copies would share", operation->asked->object);
	making->nvram = kvm_live_text(host, operation->asked->arena, document, "/domain/os/nvram");
	making->genid = kvm_live_node(document, "/domain/genid") != NULL;
	xmlFreeDoc(document);
	return r;
}

/* Before anything is copied; finish() looks once more. */
static int check_space(struct making *making, struct json_object *live, struct hyfw_error **err)
{
	struct kvm_operation *operation = making->operation;
	KVM_AUTO_CLOSE int lock = -1;
	size_t i, count = json_object_array_length(live);
	uint64_t bytes = 0;

	for (i = 0; operation->kvm->template_space && i < count; i++) {
		const char *target = kvm_keep_text(json_object_array_get_idx(live, i), "target");
		virDomainBlockInfo info = { 0 };

		if (virDomainGetBlockInfo(operation->domain, target, &info, 0) < 0)
			return kvm_fail_libvirt(operation->kvm->host, err, target);
		bytes += info.capacity;
	}
	return kvm_template_space_take(operation->kvm->host, operation->asked->arena, operation->kvm->template_space,
				       bytes, &lock, err);
}

static int check_disks(struct making *making, struct hyfw_error **err)
{
	struct kvm_operation *operation = making->operation;
	KVM_AUTO_PUT struct json_object *live = NULL;
	int r = kvm_disks_of(operation, NULL, &live, err);

	if (r < 0)
		return r;
	making->disks = operation->run->disks ? json_tokener_parse(operation->run->disks) : NULL;
	if (!making->disks)
		making->disks = json_object_new_array();
	r = kvm_template_disks_match(operation->kvm->host, making->disks, live, err);
	return r < 0 ? r : check_space(making, live, err);
}

/* ---- the files ---- */

static int prepare(struct making *making, struct hyfw_error **err)
{
	struct kvm_operation *operation = making->operation;
	const struct hyfw_host *host = operation->kvm->host;
	struct hyfw_arena *arena = operation->asked->arena;
	int r, fd;

	making->name = hyfw_map_get(&operation->asked->args, "name");
	r = kvm_template_check_name(host, making->name, err);
	if (r < 0)
		return r;
	making->parent = host->format(arena, "%s/" KVM_TEMPLATES, host->directory("kvm", HYFW_DIRECTORY_DATA));
	making->fresh = host->format(arena, "%s/.%s.%d", making->parent, making->name, (int)getpid());
	making->memory = host->format(arena, "%s/memory", making->fresh);
	if (access(host->format(arena, "%s/%s", making->parent, making->name), F_OK) == 0)
		return host->fail(err, EEXIST, "there is a template %s already; `hyfw template rm %s` removes it", making->name,
				  making->name);
	/* The users of those that start from it walk through, whatever the umask is. */
	mkdir(making->parent, 0711);
	if (chmod(making->parent, 0711) < 0 || mkdir(making->fresh, 0711) < 0 || chmod(making->fresh, 0711) < 0)
		return host->fail(err, errno, "%s: %s", making->fresh, strerror(errno));
	fd = open(making->memory, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return host->fail(err, errno, "%s: %s", making->memory, strerror(errno));
	close(fd);
	return 0;
}

static void clean_up(const struct making *making)
{
	if (making->fresh)
		kvm_remove_tree(making->fresh);
}

static int sync_path(const char *path)
{
	KVM_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int write_header(const struct making *making, struct hyfw_error **err)
{
	struct kvm_operation *operation = making->operation;
	const struct hyfw_host *host = operation->kvm->host;
	struct hyfw_arena *arena = operation->asked->arena;
	KVM_AUTO_PUT struct json_object *header = json_object_new_object();
	struct json_object *settings = operation->run->hardware ? json_tokener_parse(operation->run->hardware) : NULL;
	struct stat st;

	if (stat(making->memory, &st) < 0)
		return host->fail(err, errno, "%s: %s", making->memory, strerror(errno));
	json_object_object_add(header, "version", json_object_new_int(KVM_TEMPLATE_VERSION));
	json_object_object_add(header, "name", json_object_new_string(making->name));
	json_object_object_add(header, "workload", json_object_new_string(operation->asked->object));
	json_object_object_add(header, "created", json_object_new_int64(time(NULL)));
	json_object_object_add(header, "bytes", json_object_new_int64(st.st_size));
	json_object_object_add(header, "programs", json_object_new_string(
		kvm_template_programs(host, arena, operation->run->connection)));
	json_object_object_add(header, "settings", settings ? settings : json_object_new_array());
	json_object_object_add(header, "disks", json_object_get(making->disks));
	json_object_object_add(header, "nvram", json_object_new_boolean(making->nvram != NULL));
	json_object_object_add(header, "genid", json_object_new_boolean(making->genid));
	return kvm_keep_write(host, arena, path_in(making, "template.json"), header, err);
}

/* ---- the memory ---- */

/* libvirt knows the memory of a machine that goes on as a part of a snapshot; the disks
 * have none in it. */
static void add_disks(xmlNode *root, struct json_object *targets)
{
	xmlNode *list = xmlNewChild(root, NULL, BAD_CAST "disks", NULL);
	size_t i, count = json_object_array_length(targets);

	for (i = 0; i < count; i++) {
		const char *target = kvm_keep_text(json_object_array_get_idx(targets, i), "target");
		xmlNode *node = xmlNewChild(list, NULL, BAD_CAST "disk", NULL);

		xmlNewProp(node, BAD_CAST "name", BAD_CAST target);
		xmlNewProp(node, BAD_CAST "snapshot", BAD_CAST "no");
	}
}

static char *snapshot_xml(const char *path, struct json_object *targets)
{
	xmlDoc *document = xmlNewDoc(BAD_CAST "1.0");
	xmlNode *root = xmlNewDocNode(document, NULL, BAD_CAST "domainsnapshot", NULL), *memory;
	xmlChar *text = NULL;
	char *copy;
	int size;

	xmlDocSetRootElement(document, root);
	memory = xmlNewChild(root, NULL, BAD_CAST "memory", NULL);
	xmlNewProp(memory, BAD_CAST "snapshot", BAD_CAST "external");
	xmlNewProp(memory, BAD_CAST "file", BAD_CAST path);
	if (json_object_array_length(targets) > 0)
		add_disks(root, targets);
	xmlDocDumpMemory(document, &text, &size);
	xmlFreeDoc(document);
	copy = text ? strdup((const char *)text) : NULL;
	xmlFree(text);
	return copy;
}

static int write_memory(const struct making *making, struct hyfw_error **err)
{
	struct kvm_operation *operation = making->operation;
	KVM_AUTO_PUT struct json_object *live = NULL;
	KVM_AUTO_FREE char *xml = NULL;
	virDomainSnapshotPtr snapshot;
	int r = kvm_disks_of(operation, NULL, &live, err);

	if (r < 0)
		return r;
	xml = snapshot_xml(making->memory, live);
	if (!xml)
		return operation->kvm->host->fail(err, ENOMEM, "out of memory");
	r = kvm_label_begin(operation->run, err);
	if (r < 0)
		return r;
	snapshot = virDomainSnapshotCreateXML(operation->domain, xml, VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA);
	kvm_label_end(operation->run);
	if (!snapshot)
		return kvm_fail_libvirt(operation->kvm->host, err, "write the machine's memory");
	virDomainSnapshotFree(snapshot);
	return 0;
}

/* ---- standing still ---- */

/* Nobody may let it go on meanwhile but us. */
static void hold(struct kvm_run *run, bool held)
{
	pthread_mutex_lock(&run->lock);
	run->held = held;
	pthread_mutex_unlock(&run->lock);
}

/* All of it while the guest does nothing.  QEMU has written what it had for the disks
 * when it has come to stand still, and more when its memory is written. */
static int copy_all(struct making *making, struct hyfw_error **err)
{
	int r = write_memory(making, err);

	if (r == 0)
		r = kvm_template_copy_disks(making->operation, making->disks, making->fresh, err);
	if (r == 0 && making->nvram)
		r = kvm_template_copy_file(making->operation->kvm->host, making->nvram,
					   path_in(making, KVM_TEMPLATE_NVRAM), err);
	return r;
}

/* It runs again, whatever has happened, if it did. */
static int let_go_on(const struct making *making, int r, struct hyfw_error **err)
{
	const struct hyfw_host *host = making->operation->kvm->host;

	if (virDomainResume(making->operation->domain) == 0)
		return r;
	if (r == 0)
		return kvm_fail_libvirt(host, err, "the machine stands still, `hyfw unpause` lets it go on");
	host->log(HYFW_LOG_ERROR, "%s stands still: %s", making->operation->asked->object, virGetLastErrorMessage());
	return r;
}

static int copy_still(struct making *making, struct hyfw_error **err)
{
	struct kvm_operation *operation = making->operation;
	int state = 0, r = 0;
	bool runs;

	/* libvirt has it stand still for its memory alone. */
	if (json_object_array_length(making->disks) == 0 && !making->nvram)
		return write_memory(making, err);
	hold(operation->run, true);
	if (virDomainGetState(operation->domain, &state, NULL, 0) < 0)
		r = kvm_fail_libvirt(operation->kvm->host, err, "the machine's state");
	runs = r == 0 && state != VIR_DOMAIN_PAUSED;
	if (runs && virDomainSuspend(operation->domain) < 0) {
		r = kvm_fail_libvirt(operation->kvm->host, err, "pause");
		runs = false;
	}
	if (r == 0)
		r = copy_all(making, err);
	if (runs)
		r = let_go_on(making, r, err);
	hold(operation->run, false);
	return r;
}

/* ---- all of it ---- */

static int sync_disks(const struct making *making)
{
	size_t i, count = json_object_array_length(making->disks);
	int r = 0;

	for (i = 0; r == 0 && i < count; i++)
		r = sync_path(kvm_template_disk_path(making->operation->kvm->host, making->operation->asked->arena,
						     making->fresh, json_object_array_get_idx(making->disks, i)));
	return r;
}

static int finish(const struct making *making, struct hyfw_error **err)
{
	const struct hyfw_host *host = making->operation->kvm->host;
	const char *path = host->format(making->operation->asked->arena, "%s/%s", making->parent, making->name);
	KVM_AUTO_CLOSE int lock = -1;
	int r = kvm_template_space_take(host, making->operation->asked->arena, making->operation->kvm->template_space,
					kvm_template_bytes_of(making->disks, false), &lock, err);

	if (r < 0)
		return r;
	r = sync_path(making->memory);
	if (r == 0)
		r = sync_disks(making);
	if (r == 0)
		r = sync_path(making->fresh);
	if (r == 0 && rename(making->fresh, path) < 0)
		r = -errno;
	if (r == 0)
		r = sync_path(making->parent);
	return r < 0 ? host->fail(err, -r, "template %s: %s", making->name, strerror(-r)) : 0;
}

int kvm_template_create(struct kvm_operation *operation, struct hyfw_error **err)
{
	struct making making = { .operation = operation };
	int r = check_devices(&making, err);

	if (r == 0)
		r = check_disks(&making, err);
	if (r == 0)
		r = prepare(&making, err);
	if (r == 0)
		r = copy_still(&making, err);
	if (r == 0)
		r = write_header(&making, err);
	if (r == 0)
		r = finish(&making, err);
	if (r < 0)
		clean_up(&making);
	json_object_put(making.disks);
	return r;
}
