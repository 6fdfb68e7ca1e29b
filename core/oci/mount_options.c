/* SPDX-License-Identifier: BSD-3-Clause
 * mounts[].options: the words of mount(8) that are not the file system's. */
#include <string.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "oci/parts.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

/* What is not among 'set' and 'clear' of the table. */
enum special { NONE = 0, BIND, RBIND, COPY_UP, MAPPED, MAPPED_ALL, DEFAULT, REFUSED };

static const struct word {
	const char *name;
	uint64_t set, clear;
	enum special special;
} words[] = {
	{ "acl", 0, 0, DEFAULT },
	{ "async", 0, 0, DEFAULT },
	{ "atime", 0, MOUNT_ATTR__ATIME, NONE },
	{ "bind", 0, 0, BIND },
	{ "defaults", 0, 0, DEFAULT },
	{ "dev", 0, MOUNT_ATTR_NODEV, NONE },
	{ "diratime", 0, MOUNT_ATTR_NODIRATIME, NONE },
	{ "exec", 0, MOUNT_ATTR_NOEXEC, NONE },
	{ "idmap", 0, 0, MAPPED },
	{ "loud", 0, 0, DEFAULT },
	{ "noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, NONE },
	{ "nodev", MOUNT_ATTR_NODEV, 0, NONE },
	{ "nodiratime", MOUNT_ATTR_NODIRATIME, 0, NONE },
	{ "noexec", MOUNT_ATTR_NOEXEC, 0, NONE },
	{ "noiversion", 0, 0, DEFAULT },
	{ "nolazytime", 0, 0, DEFAULT },
	{ "nomand", 0, 0, DEFAULT },
	{ "norelatime", 0, 0, DEFAULT },
	{ "nostrictatime", 0, MOUNT_ATTR__ATIME, NONE },
	{ "nosuid", MOUNT_ATTR_NOSUID, 0, NONE },
	{ "nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0, NONE },
	{ "rbind", 0, 0, RBIND },
	{ "relatime", 0, MOUNT_ATTR__ATIME, NONE },
	{ "remount", 0, 0, REFUSED },
	{ "ridmap", 0, 0, MAPPED_ALL },
	{ "ro", MOUNT_ATTR_RDONLY, 0, NONE },
	{ "rw", 0, MOUNT_ATTR_RDONLY, NONE },
	{ "silent", 0, 0, DEFAULT },
	{ "strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, NONE },
	{ "suid", 0, MOUNT_ATTR_NOSUID, NONE },
	{ "symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW, NONE },
	{ "tmpcopyup", 0, 0, COPY_UP },
};

const char *hyfw_oci_mount_option(size_t number)
{
	return number < HYFW_COUNT(words) ? words[number].name : NULL;
}

bool oci_propagation(const char *word, uint64_t *ret_propagation, bool *ret_all)
{
	static const struct {
		const char *name;
		uint64_t propagation;
	} kinds[] = {
		{ "private", MS_PRIVATE }, { "slave", MS_SLAVE }, { "shared", MS_SHARED }, { "unbindable", MS_UNBINDABLE },
	};
	size_t i;

	for (i = 0; i < HYFW_COUNT(kinds); i++) {
		const bool all = word[0] == 'r' && strcmp(word + 1, kinds[i].name) == 0;

		if (!all && strcmp(word, kinds[i].name) != 0)
			continue;
		*ret_propagation = kinds[i].propagation;
		*ret_all = all;
		return true;
	}
	return false;
}

static const struct word *find(const char *name)
{
	size_t i;

	for (i = 0; i < HYFW_COUNT(words); i++)
		if (strcmp(words[i].name, name) == 0)
			return &words[i];
	return NULL;
}

/* A later word takes back an earlier one. */
static void change(const struct word *word, uint64_t *set, uint64_t *clear)
{
	*set = (*set & ~word->clear) | word->set;
	*clear = (*clear & ~word->set) | word->clear;
}

static void apply_special(const struct oci_node *option, const struct word *word, struct hyfw_oci_mount *mount)
{
	switch (word->special) {
	case RBIND: mount->recursive = true; mount->bind = true; break;
	case BIND: mount->bind = true; break;
	case COPY_UP: mount->copy_up = true; break;
	case MAPPED: mount->map = HYFW_OCI_MAPPED; break;
	case MAPPED_ALL: mount->map = HYFW_OCI_MAPPED_RECURSIVE; break;
	case REFUSED: oci_fail(option, "%s is not possible: mounts are new", word->name); break;
	default: break;
	}
}

/* With ids of its own after it: the word and they. */
static bool read_mapping(const struct oci_node *option, const char *name, struct hyfw_oci_mount *mount)
{
	const bool all = name[0] == 'r';

	if (strncmp(name + all, "idmap=", 6) != 0)
		return false;
	mount->map = all ? HYFW_OCI_MAPPED_RECURSIVE : HYFW_OCI_MAPPED;
	oci_read_mount_idmap(option, name + all + 6, &mount->ids);
	return true;
}

void oci_read_mount_option(const struct oci_node *option, struct hyfw_oci_mount *mount, const char **data,
			   size_t *data_count)
{
	const char *name = json_object_get_string(option->json);
	const struct word *word = find(name);

	if (oci_propagation(name, &mount->propagation, &mount->propagation_all) || read_mapping(option, name, mount))
		return;
	if (word && word->special != NONE) {
		apply_special(option, word, mount);
		return;
	}
	if (word) {
		change(word, &mount->set, &mount->clear);
		return;
	}
	word = name[0] == 'r' ? find(name + 1) : NULL;
	if (word && word->special == NONE)
		change(word, &mount->set_all, &mount->clear_all);
	else if (*name)
		data[(*data_count)++] = hyfw_arena_dup(option->reader->arena, name);
}
