/* SPDX-License-Identifier: BSD-3-Clause
 * "idmap=uids=0-1000-10#10-5000-1;gids=@0-0-10" among the options of a bind, in crun's words:
 * first id of the file system, first id it has on the host, and how many.  After an '@' the
 * second one is of the container's user namespace. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "oci/parts.h"

static bool read_id(const char **at, uint32_t *ret_id)
{
	char *end;
	unsigned long value;

	*at += **at == '+';
	if (!isdigit((unsigned char)**at))
		return false;
	errno = 0;
	value = strtoul(*at, &end, 10);
	if (errno || value > UINT32_MAX)
		return false;
	*at = end;
	*ret_id = (uint32_t)value;
	return true;
}

static bool read_range(const char **at, struct hyfw_oci_ids *ids)
{
	return read_id(at, &ids->inside) && *(*at)++ == '-' && read_id(at, &ids->outside) && *(*at)++ == '-' &&
	       read_id(at, &ids->count) && ids->count > 0 && ids->inside <= UINT32_MAX - ids->count &&
	       ids->outside <= UINT32_MAX - ids->count;
}

/* The host's id for one of the container. */
static bool make_absolute(const struct oci_node *option, bool groups, struct hyfw_oci_ids *ids)
{
	const struct oci_node *top = option;
	struct hyfw_oci_idmap container = { 0 };
	const struct hyfw_oci_ids *list;
	struct oci_node linux_node;
	size_t count, i;

	while (top->up)
		top = top->up;
	if (oci_member(top, "linux", json_type_object, &linux_node))
		oci_read_ids(&linux_node, &container);
	list = groups ? container.gids : container.uids;
	count = groups ? container.gid_count : container.uid_count;
	for (i = 0; i < count; i++)
		if (ids->outside >= list[i].inside && ids->outside - list[i].inside < list[i].count) {
			ids->outside = list[i].outside + (ids->outside - list[i].inside);
			return ids->outside <= UINT32_MAX - ids->count;
		}
	return false;
}

/* Up to the end of 'text' or a ';'; NULL when there is something else. */
static const char *read_list(const struct oci_node *option, const char *text, bool groups,
			     struct hyfw_oci_idmap *idmap)
{
	struct hyfw_oci_ids *ids;
	const char *at;
	size_t count = 1, i;

	for (at = text; *at && *at != ';'; at++)
		count += *at == '#';
	ids = oci_array(option, count, sizeof(*ids));
	for (at = text, i = 0; i < count; i++) {
		bool relative = *at == '@';

		at += relative;
		if (!read_range(&at, &ids[i]) || (relative && !make_absolute(option, groups, &ids[i])))
			return NULL;
		if (i + 1 < count && *at++ != '#')
			return NULL;
	}
	if (*at && *at != ';')
		return NULL;
	*(groups ? &idmap->gids : &idmap->uids) = ids;
	*(groups ? &idmap->gid_count : &idmap->uid_count) = count;
	return at;
}

void oci_read_mount_idmap(const struct oci_node *option, const char *text, struct hyfw_oci_idmap *idmap)
{
	struct hyfw_oci_idmap read = { 0 };
	const char *at = text;

	while (at && *at) {
		bool groups = strncmp(at, "gids=", 5) == 0;

		at = groups || strncmp(at, "uids=", 5) == 0 ? read_list(option, at + 5, groups, &read) : NULL;
		at += at && *at == ';';
	}
	if (!at || !read.uid_count || !read.gid_count)
		oci_fail(option, "not of the form idmap=uids=FIRST-HOST-COUNT;gids=FIRST-HOST-COUNT, "
			 "with ids that there are");
	else
		*idmap = read;
}
