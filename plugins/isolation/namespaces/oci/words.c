/* SPDX-License-Identifier: BSD-3-Clause
 * Words among the options of a bind that are no mount flags, and that clients know from
 * crun: links that are not followed, and links that are copied instead of bound. */
#include "oci.h"

#include <sys/stat.h>

static bool has_word(const struct hyfw_oci_mount *mount, const char *word)
{
	const char *const *at;

	for (at = mount->data; at && *at; at++)
		if (strcmp(*at, word) == 0)
			return true;
	return false;
}

/* Where the source leads to; NULL when it is no link. */
static const char *read_link(const struct oci_room *room, const char *path)
{
	char text[PATH_MAX];
	ssize_t length = readlink(path, text, sizeof(text) - 1);

	if (length <= 0)
		return NULL;
	text[length] = '\0';
	return room->host->format(room->arena, "%s", text);
}

void oci_words_prepare(struct oci_room *room, size_t index)
{
	const struct hyfw_oci_mount *mount = &room->config->mounts[index];
	struct oci_mount *made = &room->mounts[index];

	if (!mount->data || !mount->data[0])
		return;
	made->source_link = has_word(mount, "src-nofollow");
	made->target_link = has_word(mount, "dest-nofollow");
	if (has_word(mount, "copy-symlink"))
		made->link = read_link(room, made->source);
}
