/* SPDX-License-Identifier: BSD-3-Clause
 * What a migration makes on the other host is noted before it is made, so that one that
 * is killed leaves nothing there for good: machines/WORKLOAD.sent,
 *
 *     {"sent": [{"uri": ..., "uuid": ..., "files": [PATH, ...]}, ...]}
 *
 * The next migration to that host removes these files, unless a machine there has them. */
#include "../keep.h"
#include "migrate.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libxml/parser.h>

/* ---- the record ------------------------------------------------------------------- */

static const char *record_path(const struct kvm_move *move)
{
	return kvm_keep_path(move->run->kvm->host, move->operation->arena, move->operation->object, "sent");
}

/* An empty one where there is none. */
static int load(const struct kvm_move *move, struct json_object **ret_record, struct hyfw_error **err)
{
	int r = kvm_keep_read(move->run->kvm->host, record_path(move), ret_record, err);

	if (r != -ENOENT)
		return r;
	move->run->kvm->host->forget(err);
	*ret_record = json_object_new_object();
	return 0;
}

/* It says what there may be before there is any: it is on the disk first. */
static int store(const struct kvm_move *move, struct json_object *record, struct hyfw_error **err)
{
	const struct hyfw_host *host = move->run->kvm->host;
	const char *path = record_path(move), *directory = host->format(move->operation->arena, "%s/" KVM_KEPT,
									 host->directory("kvm", HYFW_DIRECTORY_DATA));
	int r;

	if (json_object_array_length(kvm_keep_array(record, "sent")) == 0) {
		unlink(path);
		return 0;
	}
	mkdir(directory, 0700);
	r = kvm_keep_write(host, move->operation->arena, path, record, err);
	if (r < 0)
		return r;
	r = kvm_sync_directory(directory);
	return r < 0 ? host->fail(err, -r, "%s: %s", directory, strerror(-r)) : 0;
}

/* What is noted of the host that 'move' goes to, and where in the list; NULL. */
static struct json_object *entry_of(const struct kvm_move *move, struct json_object *record, size_t *ret_index)
{
	struct json_object *list = kvm_keep_array(record, "sent");
	size_t i;

	for (i = 0; i < json_object_array_length(list); i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);

		if (json_object_is_type(entry, json_type_object) && strcmp(kvm_keep_text(entry, "uri"), move->uri) == 0) {
			*ret_index = i;
			return entry;
		}
	}
	return NULL;
}

int kvm_sent_note(struct kvm_move *move, const char *path, struct hyfw_error **err)
{
	KVM_AUTO_PUT struct json_object *record = NULL;
	struct json_object *entry;
	size_t index;
	int r = load(move, &record, err);

	if (r < 0)
		return r;
	entry = entry_of(move, record, &index);
	if (!entry) {
		entry = json_object_new_object();
		json_object_object_add(entry, "uri", json_object_new_string(move->uri));
		json_object_object_add(entry, "uuid",
				       json_object_new_string(kvm_move_text(move, NULL, "string(/domain/uuid)")));
		json_object_array_add(kvm_keep_array(record, "sent"), entry);
	}
	json_object_array_add(kvm_keep_array(entry, "files"), json_object_new_string(path));
	return store(move, record, err);
}

/* Takes 'path' out, or with NULL all of this host. */
static int take_out(const struct kvm_move *move, const char *path, struct hyfw_error **err)
{
	KVM_AUTO_PUT struct json_object *record = NULL;
	struct json_object *entry, *files;
	size_t index, i;
	int r = load(move, &record, err);

	if (r < 0)
		return r;
	entry = entry_of(move, record, &index);
	if (!entry)
		return 0;
	files = kvm_keep_array(entry, "files");
	for (i = json_object_array_length(files); path && i-- > 0;)
		if (strcmp(json_object_get_string(json_object_array_get_idx(files, i)), path) == 0)
			json_object_array_del_idx(files, i, 1);
	if (!path || json_object_array_length(files) == 0)
		json_object_array_del_idx(kvm_keep_array(record, "sent"), index, 1);
	return store(move, record, err);
}

void kvm_sent_forget(struct kvm_move *move, const char *path)
{
	const struct hyfw_host *host = move->run->kvm->host;
	struct hyfw_error *failure = NULL;

	if (access(record_path(move), F_OK) == 0 && take_out(move, path, &failure) < 0)
		host->log(HYFW_LOG_WARNING, "%s: what it has left at %s stays noted", move->operation->object, move->uri);
	host->forget(&failure);
}

/* ---- what was left there ------------------------------------------------------------ */

/* Pools of a migration that was killed: they hold nothing, their files stay. */
static void end_places(const struct kvm_move *move, const char *uuid)
{
	const struct hyfw_host *host = move->run->kvm->host;
	const char *prefix = host->format(move->operation->arena, "%s-migrate-%s-", host->owner, uuid);
	virStoragePoolPtr *pools = NULL;
	int count = virConnectListAllStoragePools(move->there, &pools, 0), i;

	for (i = 0; i < count; i++) {
		if (strncmp(virStoragePoolGetName(pools[i]), prefix, strlen(prefix)) == 0)
			virStoragePoolDestroy(pools[i]);
		virStoragePoolFree(pools[i]);
	}
	free(pools);
}

/* Whether the machine has the file, as a disk or for its variables of EFI; -1: it cannot be told. */
static int has_file(virDomainPtr domain, const char *path)
{
	KVM_AUTO_FREE char *xml = virDomainGetXMLDesc(domain, 0);
	xmlDoc *doc = xml ? xmlReadMemory(xml, (int)strlen(xml), "domain", NULL, XML_PARSE_NONET | XML_PARSE_NOERROR)
			  : NULL;
	xmlXPathContext *context = doc ? xmlXPathNewContext(doc) : NULL;
	xmlXPathObject *found = context ? xmlXPathEvalExpression(BAD_CAST "//source/@file | /domain/os/nvram", context)
					: NULL;
	int has = found ? 0 : -1, i;

	for (i = 0; has == 0 && found->nodesetval && i < found->nodesetval->nodeNr; i++) {
		xmlChar *text = xmlNodeGetContent(found->nodesetval->nodeTab[i]);

		has = text && strcmp((char *)text, path) == 0;
		xmlFree(text);
	}
	xmlXPathFreeObject(found);
	xmlXPathFreeContext(context);
	xmlFreeDoc(doc);
	return has;
}

/* Whether one that is there has 'uuid', so that it has arrived after all, or the file; -1: it
 * cannot be told. */
static int is_used(const struct kvm_move *move, const char *uuid, const char *path)
{
	virDomainPtr *domains = NULL;
	int count = virConnectListAllDomains(move->there, &domains, 0), used = count < 0 ? -1 : 0, i;
	char other[VIR_UUID_STRING_BUFLEN] = "";

	for (i = 0; i < count; i++) {
		if (used == 0 && virDomainGetUUIDString(domains[i], other) == 0 && strcmp(other, uuid) == 0)
			used = 1;
		if (used == 0)
			used = has_file(domains[i], path);
		virDomainFree(domains[i]);
	}
	free(domains);
	return used;
}

static void clean(struct kvm_move *move, const char *uuid, const char *path)
{
	const struct hyfw_host *host = move->run->kvm->host;
	const char *name = move->operation->object;
	const int used = is_used(move, uuid, path);

	if (used > 0)
		host->log(HYFW_LOG_INFO, "%s: a machine at %s has %s", name, move->uri, path);
	if (used < 0 || (used == 0 && kvm_move_remove_file(move, path) < 0))
		host->log(HYFW_LOG_WARNING, "%s: a migration that was cut off left %s at %s: %s", name, path, move->uri,
			  virGetLastErrorMessage());
	else
		kvm_sent_forget(move, path);
}

int kvm_sent_clean(struct kvm_move *move, struct hyfw_error **err)
{
	KVM_AUTO_PUT struct json_object *record = NULL;
	struct json_object *entry, *files;
	const char *uuid;
	size_t index, i;
	int r = load(move, &record, err);

	entry = r < 0 ? NULL : entry_of(move, record, &index);
	if (!entry)
		return r; /* nothing was left there, or that is not to be read */
	files = kvm_keep_array(entry, "files");
	uuid = kvm_keep_text(entry, "uuid");
	end_places(move, uuid);
	for (i = 0; i < json_object_array_length(files); i++) {
		const char *path = json_object_get_string(json_object_array_get_idx(files, i));

		if (path && *path == '/')
			clean(move, uuid, path);
	}
	return 0;
}

void kvm_sent_tell(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload)
{
	KVM_AUTO_PUT struct json_object *record = NULL;
	struct hyfw_error *ignored = NULL;
	struct json_object *list;
	size_t i, j;

	if (kvm_keep_read(host, kvm_keep_path(host, arena, workload, "sent"), &record, &ignored) < 0) {
		host->forget(&ignored);
		return;
	}
	list = kvm_keep_array(record, "sent");
	for (i = 0; i < json_object_array_length(list); i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		struct json_object *files = json_object_is_type(entry, json_type_object) ? kvm_keep_array(entry, "files") : NULL;

		for (j = 0; files && j < json_object_array_length(files); j++)
			host->log(HYFW_LOG_WARNING, "%s: a migration that was cut off left %s at %s, and nobody removes it now",
				  workload, json_object_get_string(json_object_array_get_idx(files, j)),
				  kvm_keep_text(entry, "uri"));
	}
}
