/* SPDX-License-Identifier: BSD-3-Clause
 * Disks that are not shared are copied into files that the libvirtd there makes for us,
 * in directories that are pools of its own: each directory of a writable disk becomes
 * one for the time of the migration (formatstorage.html, type "dir").  The files belong
 * to the user that QEMU runs as, here and there. */
#include "migrate.h"

#include <stdio.h>

/* "/a" of "/a/b", in the arena; NULL when there is none. */
static const char *directory_of(const struct kvm_move *move, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (*path != '/' || slash == path)
		return NULL;
	return move->run->kvm->host->format(move->operation->arena, "%.*s", (int)(slash - path), path);
}

static char *pool_xml(const char *name, const char *directory)
{
	xmlDoc *doc = xmlNewDoc((const xmlChar *)"1.0");
	xmlNode *pool = xmlNewNode(NULL, (const xmlChar *)"pool"), *target;
	xmlChar *text = NULL;
	int size;

	xmlDocSetRootElement(doc, pool);
	xmlSetProp(pool, (const xmlChar *)"type", (const xmlChar *)"dir");
	xmlNewTextChild(pool, NULL, (const xmlChar *)"name", (const xmlChar *)name);
	target = xmlNewChild(pool, NULL, (const xmlChar *)"target", NULL);
	xmlNewTextChild(target, NULL, (const xmlChar *)"path", (const xmlChar *)directory);
	xmlDocDumpMemory(doc, &text, &size);
	xmlFreeDoc(doc);
	return (char *)text;
}

static int make_place(struct kvm_move *move, const char *directory, struct hyfw_error **err)
{
	const struct hyfw_host *host = move->run->kvm->host;
	struct hyfw_arena *arena = move->operation->arena;
	virStoragePoolPtr pool = virStoragePoolLookupByTargetPath(move->there, directory), *places;
	const char *uuid = kvm_move_text(move, NULL, "string(/domain/uuid)");
	char *xml;

	if (pool) {
		virStoragePoolFree(pool);
		return 0;
	}
	xml = pool_xml(host->format(arena, "%s-migrate-%s-%zu", host->owner, uuid, move->place_count), directory);
	pool = xml ? virStoragePoolCreateXML(move->there, xml, 0) : NULL;
	xmlFree(xml);
	if (!pool)
		return kvm_fail_libvirt(host, err, host->format(arena, "storage: a place for disks in %s there",
								directory));
	places = realloc(move->places, (move->place_count + 1) * sizeof(*places));
	if (!places) {
		virStoragePoolDestroy(pool);
		virStoragePoolFree(pool);
		return host->fail(err, ENOMEM, "out of memory");
	}
	move->places = places;
	move->places[move->place_count++] = pool;
	return 0;
}

/* ---- files ------------------------------------------------------------------------- */

struct copy {
	const char *path, *format;
	const char *owner, *group; /* of QEMU's user, "" when it is libvirt's own */
	unsigned long long bytes;
};

static void add(xmlNode *parent, const char *name, const char *text)
{
	if (*text)
		xmlNewTextChild(parent, NULL, (const xmlChar *)name, (const xmlChar *)text);
}

static char *volume_xml(const struct copy *copy, const char *capacity)
{
	xmlDoc *doc = xmlNewDoc((const xmlChar *)"1.0");
	xmlNode *volume = xmlNewNode(NULL, (const xmlChar *)"volume"), *target, *format, *permissions;
	xmlChar *text = NULL;
	int size;

	xmlDocSetRootElement(doc, volume);
	add(volume, "name", strrchr(copy->path, '/') + 1);
	add(volume, "capacity", capacity);
	add(volume, "allocation", "0");
	target = xmlNewChild(volume, NULL, (const xmlChar *)"target", NULL);
	format = xmlNewChild(target, NULL, (const xmlChar *)"format", NULL);
	xmlSetProp(format, (const xmlChar *)"type", (const xmlChar *)copy->format);
	permissions = xmlNewChild(target, NULL, (const xmlChar *)"permissions", NULL);
	add(permissions, "mode", "0600");
	add(permissions, "owner", copy->owner);
	add(permissions, "group", copy->group);
	xmlDocDumpMemory(doc, &text, &size);
	xmlFreeDoc(doc);
	return (char *)text;
}

static int keep_file(struct kvm_move *move, virStorageVolPtr volume, struct hyfw_error **err)
{
	virStorageVolPtr *files = realloc(move->files, (move->file_count + 1) * sizeof(*files));

	if (!files) {
		virStorageVolDelete(volume, 0);
		virStorageVolFree(volume);
		return move->run->kvm->host->fail(err, ENOMEM, "out of memory");
	}
	move->files = files;
	move->files[move->file_count++] = volume;
	return 0;
}

/* A file that is there was not made by us, and is not noted; libvirt would refuse it too. */
static int check_absent(struct kvm_move *move, virStoragePoolPtr pool, const char *path, struct hyfw_error **err)
{
	virStorageVolPtr volume;

	virStoragePoolRefresh(pool, 0);
	volume = virStorageVolLookupByName(pool, strrchr(path, '/') + 1);
	if (!volume)
		return 0;
	virStorageVolFree(volume);
	return move->run->kvm->host->fail(err, EEXIST, "storage: make %s there: it is there already", path);
}

static int make_file(struct kvm_move *move, const char *directory, const struct copy *copy, struct hyfw_error **err)
{
	const struct hyfw_host *host = move->run->kvm->host;
	struct hyfw_arena *arena = move->operation->arena;
	virStoragePoolPtr pool = virStoragePoolLookupByTargetPath(move->there, directory);
	virStorageVolPtr volume = NULL;
	char *xml = volume_xml(copy, host->format(arena, "%llu", copy->bytes));
	int result = pool && xml ? check_absent(move, pool, copy->path, err) : 0;

	if (result == 0)
		result = kvm_sent_note(move, copy->path, err);
	if (result == 0 && pool && xml)
		volume = virStorageVolCreateXML(pool, xml, 0); /* refuses a file that exists */
	if (result == 0 && !volume) {
		result = kvm_fail_libvirt(host, err, host->format(arena, "storage: make %s there", copy->path));
		kvm_sent_forget(move, copy->path);
	}
	xmlFree(xml);
	if (pool)
		virStoragePoolFree(pool);
	return result < 0 ? result : keep_file(move, volume, err);
}

int kvm_move_remove_file(struct kvm_move *move, const char *path)
{
	const char *directory = directory_of(move, path);
	struct hyfw_error *failure = NULL;
	virStoragePoolPtr pool = NULL;
	virStorageVolPtr volume = NULL;
	int result = -1;

	if (directory && make_place(move, directory, &failure) == 0)
		pool = virStoragePoolLookupByTargetPath(move->there, directory);
	move->run->kvm->host->forget(&failure);
	if (pool && virStoragePoolRefresh(pool, 0) == 0) {
		volume = virStorageVolLookupByName(pool, strrchr(path, '/') + 1);
		if (volume ? virStorageVolDelete(volume, 0) == 0 : virGetLastErrorCode() == VIR_ERR_NO_STORAGE_VOL)
			result = 0;
	}
	if (volume)
		virStorageVolFree(volume);
	if (pool)
		virStoragePoolFree(pool);
	return result;
}

/* ---- disks of the machine ------------------------------------------------------------- */

/* "+200000:+200000" -> "200000", "200000" */
static void read_owner(const struct kvm_move *move, const char *label, struct copy *copy)
{
	const struct hyfw_host *host = move->run->kvm->host;
	const char *colon = strchr(label, ':');

	copy->owner = copy->group = "";
	if (label[0] != '+' || !colon || colon[1] != '+')
		return;
	copy->owner = host->format(move->operation->arena, "%.*s", (int)(colon - label - 1), label + 1);
	copy->group = colon + 2;
}

virStorageVolPtr kvm_move_last_file(const struct kvm_move *move)
{
	return move->file_count > 0 ? move->files[move->file_count - 1] : NULL;
}

int kvm_move_make_file(struct kvm_move *move, const char *path, const char *format, unsigned long long bytes,
		       struct hyfw_error **err)
{
	struct copy copy = { .path = path, .format = format, .bytes = bytes };
	const char *directory = directory_of(move, path);
	int result;

	if (!directory)
		return move->run->kvm->host->fail(err, ENOTSUP, "storage: %s is in no directory", path);
	read_owner(move, kvm_move_text(move, NULL, "string(/domain/seclabel[@model='dac']/label)"), &copy);
	result = make_place(move, directory, err);
	return result < 0 ? result : make_file(move, directory, &copy, err);
}

static int make_for_disk(struct kvm_move *move, xmlNode *disk, void *data, struct hyfw_error **err)
{
	const struct hyfw_host *host = move->run->kvm->host;
	const char *path = kvm_move_text(move, disk, "string(source/@file)");
	const char *format = kvm_move_text(move, disk, "string(driver/@type)");
	virDomainBlockInfo info;

	(void)data;
	if (!directory_of(move, path))
		return 0; /* a device, or no medium */
	if (virDomainGetBlockInfo(move->domain, path, &info, 0) < 0)
		return kvm_fail_libvirt(host, err, host->format(move->operation->arena, "size of %s", path));
	return kvm_move_make_file(move, path, format, info.capacity, err);
}

int kvm_move_make_places(struct kvm_move *move, struct hyfw_error **err)
{
	return kvm_move_each(move, "/domain/devices/disk[not(readonly)]", make_for_disk, NULL, err);
}

void kvm_move_drop_places(struct kvm_move *move, bool moved)
{
	while (move->file_count > 0) {
		virStorageVolPtr volume = move->files[--move->file_count];
		const char *path = moved ? NULL : virStorageVolGetKey(volume); /* its path, in a directory */

		if (path && virStorageVolDelete(volume, 0) == 0)
			kvm_sent_forget(move, path);
		virStorageVolFree(volume);
	}
	if (moved)
		kvm_sent_forget(move, NULL);
	while (move->place_count > 0) {
		virStoragePoolPtr pool = move->places[--move->place_count];

		virStoragePoolDestroy(pool); /* stops it; its files stay */
		virStoragePoolFree(pool);
	}
	free(move->files);
	free(move->places);
	move->files = NULL;
	move->places = NULL;
}
