/* SPDX-License-Identifier: BSD-3-Clause
 * States of a machine inside of its qcow2 disks.  While it runs, its QEMU makes them
 * and goes back to them, in the same process: control groups, console and display
 * stay.  (libvirt 9.0 would start another QEMU.)  When it stands, qemu-img does, as
 * the owner of the file, since what is in it comes from a guest. */
#include "layer.h"
#include "../libvirt/live.h"

#include <stdio.h>
#include <sys/stat.h>

#include <libvirt/libvirt-qemu.h>

/* ---- which disks ---- */

static xmlNode *child(xmlNode *parent, const char *name)
{
	xmlNode *node;

	for (node = parent ? parent->children : NULL; node; node = node->next)
		if (node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0)
			return node;
	return NULL;
}

static void add_text(struct json_object *object, const char *key, xmlNode *node, const char *attribute)
{
	xmlChar *text = node ? xmlGetProp(node, BAD_CAST attribute) : NULL;

	if (text)
		json_object_object_add(object, key, json_object_new_string((const char *)text));
	xmlFree(text);
}

static void add_disk(struct json_object *disks, xmlNode *node)
{
	struct json_object *disk = json_object_new_object();
	xmlNode *source = child(node, "source");

	add_text(disk, "path", source, "dev");
	add_text(disk, "path", source, "file");
	add_text(disk, "format", child(node, "driver"), "type");
	add_text(disk, "device", node, "device");
	add_text(disk, "target", child(node, "target"), "dev");
	add_text(disk, "name", child(node, "target"), "dev");
	add_text(disk, "name", child(node, "alias"), "name");
	json_object_object_add(disk, "read_only", json_object_new_boolean(child(node, "readonly") != NULL));
	if (*kvm_keep_text(disk, "path"))
		json_object_array_add(disks, disk);
	else
		json_object_put(disk); /* an empty drive */
}

static int disks_of_running(struct kvm_operation *operation, struct json_object **ret_disks, struct hyfw_error **err)
{
	struct json_object *disks;
	xmlDoc *document = NULL;
	xmlNode *node;
	int r = kvm_live_open(operation->kvm, operation->domain, &document, err);

	if (r < 0)
		return r;
	disks = json_object_new_array();
	node = kvm_live_node(document, "/domain/devices");
	for (node = node ? node->children : NULL; node; node = node->next)
		if (node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, "disk") == 0)
			add_disk(disks, node);
	xmlFreeDoc(document);
	*ret_disks = disks;
	return 0;
}

int kvm_disks_of(struct kvm_operation *operation, struct json_object *kept, struct json_object **ret_disks,
		 struct hyfw_error **err)
{
	struct json_object *disks = NULL;

	if (operation->domain)
		return disks_of_running(operation, ret_disks, err);
	if (!json_object_object_get_ex(kept, "disks", &disks))
		return operation->kvm->host->fail(err, ENOENT, "the machine was never started: there is nothing to keep "
						  "or to go back to");
	*ret_disks = json_object_get(disks);
	return 0;
}

const char *kvm_disk_name(struct json_object *disk)
{
	const char *name = kvm_keep_text(disk, "name");

	return strncmp(name, KVM_ALIAS, strlen(KVM_ALIAS)) == 0 ? name + strlen(KVM_ALIAS) : name;
}

int kvm_disks_check(struct kvm_operation *operation, struct json_object *disks, struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	size_t i, count = json_object_array_length(disks), able = 0;

	for (i = 0; i < count; i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);

		if (kvm_keep_bool(disk, "read_only"))
			continue;
		if (strcmp(kvm_keep_text(disk, "format"), "qcow2") != 0)
			return host->fail(err, ENOTSUP, "%s (%s) is in format %s, which keeps no snapshots; `hyfw disk "
					  "convert` makes qcow2 of it, or make it read-only", kvm_disk_name(disk),
					  kvm_keep_text(disk, "path"), kvm_keep_text(disk, "format"));
		able++;
	}
	if (able == 0)
		return host->fail(err, ENOTSUP, "the machine has no writable qcow2 disk that could keep a snapshot");
	return 0;
}

int64_t kvm_disks_bytes(struct json_object *disks)
{
	size_t i, count = json_object_array_length(disks);
	int64_t bytes = 0;
	struct stat st;

	for (i = 0; i < count; i++)
		if (stat(kvm_keep_text(json_object_array_get_idx(disks, i), "path"), &st) == 0)
			bytes += st.st_blocks * 512;
	return bytes;
}

/* ---- of a machine that runs ---- */

int kvm_live_snapshot(struct kvm_operation *operation, const char *word, const char *name, struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	const char *command = host->format(operation->asked->arena, "%s " KVM_SNAPSHOT_MARK "%s", word, name);
	char *said = NULL;
	int r = 0;

	if (virDomainQemuMonitorCommand(operation->domain, command, &said, VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP) < 0)
		r = kvm_fail_libvirt(host, err, word);
	else if (said && *said) /* it says nothing when all is well */
		r = host->fail(err, EIO, "%s: %.*s", word, (int)strcspn(said, "\r\n"), said);
	free(said);
	return r;
}

static int ask(struct kvm_operation *operation, const char *command, struct json_object **ret_answer,
	       struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	struct json_object *answer = NULL, *error = NULL;
	char *text = NULL;
	int r = 0;

	if (virDomainQemuMonitorCommand(operation->domain, command, &text, 0) < 0)
		return kvm_fail_libvirt(host, err, "QEMU's monitor");
	answer = text ? json_tokener_parse(text) : NULL;
	free(text);
	if (!json_object_is_type(answer, json_type_object))
		r = host->fail(err, EPROTO, "QEMU's monitor: not to be understood");
	else if (json_object_object_get_ex(answer, "error", &error))
		r = host->fail(err, EIO, "QEMU: %s", kvm_keep_text(error, "desc"));
	if (r < 0)
		json_object_put(answer);
	else
		*ret_answer = answer;
	return r;
}

/* Of each disk that can: one action of the transaction. */
static void add_actions(struct json_object *blocks, const char *name, struct json_object *actions)
{
	size_t i, count = json_object_is_type(blocks, json_type_array) ? json_object_array_length(blocks) : 0;

	for (i = 0; i < count; i++) {
		struct json_object *inserted = NULL, *action, *data;

		if (!json_object_object_get_ex(json_object_array_get_idx(blocks, i), "inserted", &inserted) ||
		    kvm_keep_bool(inserted, "ro") || strcmp(kvm_keep_text(inserted, "drv"), "qcow2") != 0)
			continue;
		data = json_object_new_object();
		json_object_object_add(data, "device", json_object_new_string(kvm_keep_text(inserted, "node-name")));
		json_object_object_add(data, "name", json_object_new_string(name));
		action = json_object_new_object();
		json_object_object_add(action, "type", json_object_new_string("blockdev-snapshot-internal-sync"));
		json_object_object_add(action, "data", data);
		json_object_array_add(actions, action);
	}
}

int kvm_live_disk_snapshot(struct kvm_operation *operation, const char *name, struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	KVM_AUTO_PUT struct json_object *blocks = NULL;
	KVM_AUTO_PUT struct json_object *command = json_object_new_object();
	KVM_AUTO_PUT struct json_object *answer = NULL;
	struct json_object *arguments = json_object_new_object(), *list = NULL;
	int r = ask(operation, "{\"execute\":\"query-block\"}", &blocks, err);

	json_object_object_add(command, "execute", json_object_new_string("transaction"));
	json_object_object_add(command, "arguments", arguments);
	if (r < 0)
		return r;
	json_object_object_get_ex(blocks, "return", &list);
	add_actions(list, host->format(operation->asked->arena, KVM_SNAPSHOT_MARK "%s", name),
		    kvm_keep_array(arguments, "actions"));
	return ask(operation, json_object_to_json_string_ext(command, JSON_C_TO_STRING_PLAIN), &answer, err);
}

/* ---- of one that stands ---- */

/* Without the file that it is based on, which is of no matter here. */
static const char *image_name(const struct hyfw_host *host, struct hyfw_arena *arena, const char *path)
{
	KVM_AUTO_PUT struct json_object *image = json_object_new_object();
	struct json_object *file = json_object_new_object();

	json_object_object_add(file, "driver", json_object_new_string("file"));
	json_object_object_add(file, "filename", json_object_new_string(path));
	json_object_object_add(image, "driver", json_object_new_string("qcow2"));
	json_object_object_add(image, "file", file);
	json_object_object_add(image, "backing", NULL);
	return host->format(arena, "json:%s", json_object_to_json_string_ext(image, JSON_C_TO_STRING_PLAIN));
}

static int idle_snapshot(struct kvm_operation *operation, const char *path, const char *flag, const char *name,
			 struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	struct hyfw_arena *arena = operation->asked->arena;
	const char *const argv[] = { "snapshot", flag, host->format(arena, KVM_SNAPSHOT_MARK "%s", name),
				     image_name(host, arena, path), NULL };
	struct stat st;

	if (stat(path, &st) < 0)
		return host->fail(err, errno, "%s: %s", path, strerror(errno));
	return kvm_qemu_img(host, arena, st.st_uid, st.st_gid, argv, NULL, err);
}

int kvm_idle_snapshot(struct kvm_operation *operation, struct json_object *disks, const char *flag,
		      const char *name, struct hyfw_error **err)
{
	const size_t count = json_object_array_length(disks);
	size_t i, done;
	int r = 0;

	for (i = 0; r == 0 && i < count; i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);

		if (!kvm_keep_bool(disk, "read_only"))
			r = idle_snapshot(operation, kvm_keep_text(disk, "path"), flag, name, err);
	}
	for (done = 0; r < 0 && strcmp(flag, "-c") == 0 && done + 1 < i; done++) {
		struct json_object *disk = json_object_array_get_idx(disks, done);
		struct hyfw_error *ignored = NULL;

		if (!kvm_keep_bool(disk, "read_only") &&
		    idle_snapshot(operation, kvm_keep_text(disk, "path"), "-d", name, &ignored) < 0)
			operation->kvm->host->forget(&ignored);
	}
	return r;
}
