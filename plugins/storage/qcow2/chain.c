/* SPDX-License-Identifier: BSD-3-Clause
 * Which files an image may be based on.  An image names its backing file in its own
 * header, which a guest's hypervisor can write: whatever opens the image as root opens
 * that file too.  So
 *     - our images are based on nothing, our roots on their image, our volumes on what
 *       stands beside them, disks of machines that started from a template on what their
 *       file is marked with (which only root can)
 *     - other images on files in the same directory, our images, and what
 *       backing_allowed names; and only when somebody has said their format
 *     - a name with a protocol ("json:", "nbd:", ...), with "..", or without a recorded
 *       format is refused, data in a further file too. */
#include "qcow2.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CHAIN_LONGEST 32u

bool qcow2_is_below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	while (length > 0 && directory[length - 1] == '/')
		length--;
	return strncmp(path, directory, length) == 0 && path[length] == '/';
}

static bool in_directory(const char *path, const char *directory)
{
	return qcow2_is_below(path, directory) && !strchr(path + strlen(directory) + 1, '/');
}

static const char *parent_of(struct qcow2 *qcow2, struct hyfw_arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == path ? "/" : qcow2->host->format(arena, "%.*s", (int)(slash - path), path);
}

/* ---- files ---- */

int qcow2_file_open(struct qcow2 *qcow2, struct hyfw_arena *arena, const char *path, const char **ret_path,
		    struct stat *ret_st, struct hyfw_error **err)
{
	int found = open(path, O_PATH | O_CLOEXEC), fd = -1;
	char link[64], real[PATH_MAX];
	ssize_t length;

	if (found < 0)
		return qcow2->host->fail(err, errno, "%s: %s", path, strerror(errno));
	snprintf(link, sizeof(link), "/proc/self/fd/%d", found);
	length = readlink(link, real, sizeof(real) - 1);
	if (fstat(found, ret_st) < 0 || length <= 0 || length >= (ssize_t)sizeof(real) - 1) {
		fd = qcow2->host->fail(err, EIO, "%s: cannot be looked at", path);
	} else if (!S_ISREG(ret_st->st_mode) && !S_ISBLK(ret_st->st_mode)) {
		fd = qcow2->host->fail(err, EINVAL, "%s: neither a file nor a block device", path);
	} else {
		real[length] = '\0';
		fd = open(link, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fd < 0)
			fd = qcow2->host->fail(err, errno, "%s: %s", path, strerror(errno));
		else
			*ret_path = qcow2->host->format(arena, "%s", real);
	}
	close(found);
	return fd;
}

int qcow2_format_of(struct qcow2 *qcow2, const char *path, int fd, const char *given, const char **ret_format,
		    bool *ret_named, struct hyfw_error **err)
{
	const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');
	int result;

	*ret_named = true;
	if (!given && dot && (!slash || dot > slash) && qcow2_format_known(dot + 1))
		given = dot + 1;
	if (given) {
		*ret_format = given;
		return qcow2_format_known(given) ? 0 :
						   qcow2->host->fail(err, EINVAL,
								     "format %s: it is not one of raw, qcow2, vmdk, vdi, "
								     "vhdx and vpc", given);
	}
	*ret_named = false;
	result = qcow2_header_probe(fd, ret_format);
	return result < 0 ? qcow2->host->fail(err, -result, "%s: %s", path, strerror(-result)) : 0;
}

int qcow2_device_format(struct qcow2 *qcow2, const char *name, int fd, const char **ret_format, struct hyfw_error **err)
{
	const char *shown = "raw";
	int result = qcow2_header_probe(fd, &shown);

	if (result < 0)
		return qcow2->host->fail(err, -result, "disk %s: %s", name, strerror(-result));
	if (strcmp(shown, "raw") != 0)
		return qcow2->host->fail(err, EINVAL, "disk %s: its content is in format %s, or a guest made it look so; say "
					 "format=%s, or format=raw for the device as it is", name, shown, shown);
	*ret_format = "raw";
	return 0;
}

/* ---- what is allowed ---- */

static int refuse(struct qcow2 *qcow2, const char *path, const char *backing, const char *why,
		  struct hyfw_error **err)
{
	return qcow2->host->fail(err, EPERM, "disk %s: its backing file '%s' %s", path, backing, why);
}

/* QEMU takes what is before a colon for a protocol unless a slash comes first
 * (path_has_protocol() of block.c). */
static int check_name(struct qcow2 *qcow2, const char *path, const char *name, struct hyfw_error **err)
{
	const char *at;

	if (name[strcspn(name, ":/")] == ':')
		return refuse(qcow2, path, name, "is not a plain file but a protocol, which is not allowed", err);
	for (at = name; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			return refuse(qcow2, path, "?", "has control characters in its name", err);
	for (at = name; (at = strstr(at, "..")); at += 2)
		if ((at == name || at[-1] == '/') && (at[2] == '/' || at[2] == '\0'))
			return refuse(qcow2, path, name, "leads upwards with '..', which is not allowed", err);
	return 0;
}

/* Is 'path' a line of 'lines'? */
static bool has_line(const char *lines, const char *path)
{
	size_t length = strlen(path);

	while (lines && *lines) {
		size_t line = strcspn(lines, "\n");

		if (line == length && memcmp(lines, path, length) == 0)
			return true;
		lines += line + (lines[line] == '\n');
	}
	return false;
}

/* What a disk of ours in 'directory' may be based on. */
static const char *volume_bases(struct qcow2 *qcow2, struct hyfw_arena *arena, const char *directory,
				const char *path)
{
	const char *file = strrchr(path, '/') + 1;
	int dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *bases = NULL;
	size_t length;

	if (dirfd < 0)
		return NULL;
	if (qcow2_volume_format(file, &length))
		bases = qcow2_bases_read(qcow2, dirfd, qcow2->host->format(arena, "%.*s", (int)length, file), arena);
	close(dirfd);
	return bases;
}

/* True when 'path' is a disk of ours: '*ret_bases' is then all that it may be based on,
 * NULL for nothing. */
static bool is_ours(struct qcow2 *qcow2, struct hyfw_arena *arena, const char *path, const char **ret_bases)
{
	const char *data = qcow2_data(qcow2);
	size_t i;

	*ret_bases = NULL;
	if (qcow2_is_below(path, qcow2->host->format(arena, "%s/images", data)))
		return true;
	if (qcow2_is_below(path, qcow2->host->format(arena, "%s/roots", data))) {
		*ret_bases = qcow2_root_base(qcow2, strrchr(path, '/') + 1, arena);
		return true;
	}
	for (i = 0; i < qcow2->pool_count; i++) {
		const char *directory = qcow2_pool_path(qcow2, &qcow2->pools[i], arena);

		if (!in_directory(path, directory))
			continue;
		*ret_bases = volume_bases(qcow2, arena, directory, path);
		return true;
	}
	return false;
}

/* HYFW_ATTRIBUTE_BASE; NULL where there is none. */
static const char *marked_base(struct qcow2 *qcow2, struct hyfw_arena *arena, const char *path)
{
	char base[PATH_MAX];
	const ssize_t length = lgetxattr(path, HYFW_ATTRIBUTE_BASE, base, sizeof(base) - 1);

	if (length <= 0)
		return NULL;
	base[length] = '\0';
	return qcow2->host->format(arena, "%s", base);
}

int qcow2_may_be_based(struct qcow2 *qcow2, struct hyfw_arena *arena, const char *path, const char *name,
		       const char *real, struct hyfw_error **err)
{
	const char *bases;
	size_t i;

	if (is_ours(qcow2, arena, path, &bases))
		return has_line(bases, real) ? 0 :
					       refuse(qcow2, path, name, "is not the one that it was made on", err);
	bases = marked_base(qcow2, arena, path);
	if (bases)
		return strcmp(bases, real) == 0 ? 0 : refuse(qcow2, path, name, "is not the one that it was made on", err);
	if (in_directory(real, parent_of(qcow2, arena, path)) ||
	    qcow2_is_below(real, qcow2->host->format(arena, "%s/images", qcow2_data(qcow2))))
		return 0;
	for (i = 0; qcow2->allowed && qcow2->allowed[i]; i++)
		if (qcow2_is_below(real, qcow2->allowed[i]) || strcmp(real, qcow2->allowed[i]) == 0)
			return 0;
	return refuse(qcow2, path, name,
		      "is in another directory; name that with backing_allowed in [plugin qcow2] when it is to be "
		      "trusted", err);
}

/* ---- the chain ---- */

static int read_link(struct qcow2 *qcow2, const char *format, struct qcow2_link *link, struct hyfw_error **err)
{
	const char *why = "";
	int result = qcow2_header_read(link->fd, format, &link->header, &why);

	if (result < 0)
		return qcow2->host->fail(err, -result, "disk %s (%s): %s", link->path, format, why);
	if (link->header.external_data)
		return qcow2->host->fail(err, EPERM, "disk %s: its data is in a further file, which is not allowed",
					 link->path);
	return 0;
}

/* Opens what 'top' is based on into 'link'. */
static int open_backing(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct qcow2_link *top,
			struct qcow2_link *link, struct hyfw_error **err)
{
	const char *name = top->header.backing, *path = name;
	int result = check_name(qcow2, top->path, name, err);

	if (result < 0)
		return result;
	if (!top->header.backing_format[0])
		return refuse(qcow2, top->path, name,
			      "has no recorded format; `qemu-img rebase -u -F FORMAT -b FILE` records it", err);
	if (name[0] != '/')
		path = qcow2->host->format(arena, "%s/%s", parent_of(qcow2, arena, top->path), name);
	link->fd = qcow2_file_open(qcow2, arena, path, &link->path, &link->st, err);
	if (link->fd < 0)
		return qcow2->host->wrap(err, "disk %s: its backing file", top->path);
	result = qcow2_may_be_based(qcow2, arena, top->path, name, link->path, err);
	return result < 0 ? result : read_link(qcow2, top->header.backing_format, link, err);
}

int qcow2_chain_open(struct qcow2 *qcow2, struct hyfw_arena *arena, const char *path, const char *format,
		     bool named, struct qcow2_chain *ret_chain, struct hyfw_error **err)
{
	struct qcow2_chain chain = { 0, qcow2->host->alloc(arena, CHAIN_LONGEST * sizeof(struct qcow2_link)) };
	struct qcow2_link *link = &chain.links[0];
	int result = 0;

	link->fd = qcow2_file_open(qcow2, arena, path, &link->path, &link->st, err);
	if (link->fd < 0)
		return link->fd;
	chain.count = 1;
	result = read_link(qcow2, format, link, err);
	if (result == 0 && link->header.backing[0] && !named)
		result = qcow2->host->fail(err, EPERM,
					   "disk %s: it says that it is based on '%s', and nobody has said that it is in "
					   "format %s; give the format, or name the file *.%s", path,
					   link->header.backing, format, format);
	while (result == 0 && link->header.backing[0]) {
		if (chain.count == CHAIN_LONGEST) {
			result = qcow2->host->fail(err, ELOOP, "disk %s: more than %u files are based on each other", path,
						   CHAIN_LONGEST);
			break;
		}
		chain.links[chain.count].fd = -1;
		result = open_backing(qcow2, arena, link, &chain.links[chain.count], err);
		link = &chain.links[chain.count++];
	}
	if (result < 0)
		qcow2_chain_close(&chain);
	else
		*ret_chain = chain;
	return result;
}

void qcow2_chain_close(struct qcow2_chain *chain)
{
	while (chain->count > 0)
		if (chain->links[--chain->count].fd >= 0)
			close(chain->links[chain->count].fd);
}

const char *const *qcow2_chain_lower(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct qcow2_chain *chain)
{
	const char **lower;
	size_t i;

	if (chain->count < 2)
		return NULL;
	lower = qcow2->host->alloc(arena, chain->count * sizeof(*lower));
	for (i = 1; i < chain->count; i++)
		lower[i - 1] = chain->links[i].path;
	return lower;
}
