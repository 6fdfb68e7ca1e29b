/* SPDX-License-Identifier: BSD-3-Clause
 * A layer from a directory: owners, modes, times, extended attributes, hard
 * links and holes are kept; devices and sockets are left out, other file systems
 * mounted below become empty directories. */
#include "writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "data.h"

/* Two descriptors are held for each level, and 1024 is a usual limit. */
#define MAX_DEPTH 240
#define XATTR_MAX 65536

struct copy {
	struct layer_writer *writer;
	dev_t device;
	struct stat store;   /* images/: never copied into itself */
	struct data_copy data;
	void *links;         /* tsearch(3) of struct link */
	uint64_t done, total;
	char path[PATH_MAX]; /* what is copied now, relative to the layer */
};

struct link {
	dev_t device;
	ino_t inode;
	char path[];
};

static int copy_directory(struct copy *copy, int from, int to, size_t length, unsigned depth,
			  struct hyfw_error **err);

/* ---- metadata ---- */

static struct layer_meta meta_of(const struct stat *st)
{
	struct layer_meta meta = { st->st_mode, st->st_uid, st->st_gid, { st->st_atim, st->st_mtim } };

	return meta;
}

static int copy_xattr(struct copy *copy, int from, int to, const char *name)
{
	ssize_t size = fgetxattr(from, name, NULL, 0);
	char *value;
	int result = 0;

	if (size < 0 || size > XATTR_MAX)
		return size < 0 && errno != ENODATA ? -errno : 0;
	value = malloc((size_t)size + 1);
	if (!value)
		return -ENOMEM;
	size = fgetxattr(from, name, value, (size_t)size);
	if (size >= 0)
		result = layer_xattr(copy->writer, to, name, value, (size_t)size);
	free(value);
	return result;
}

static int copy_xattrs(struct copy *copy, int from, int to)
{
	ssize_t size = flistxattr(from, NULL, 0), at;
	char *names;
	int result = 0;

	if (size <= 0)
		return size < 0 && errno != ENOTSUP ? -errno : 0;
	if (size > XATTR_MAX)
		return -E2BIG;
	names = calloc(1, (size_t)size + 1);
	if (!names)
		return -ENOMEM;
	size = flistxattr(from, names, (size_t)size);
	for (at = 0; result == 0 && at < size; at += (ssize_t)strlen(names + at) + 1)
		result = copy_xattr(copy, from, to, names + at);
	free(names);
	return result;
}

/* Capabilities do not survive a new owner, so attributes come last; they leave
 * the times alone. */
static int copy_meta(struct copy *copy, int from, int to, const struct stat *st)
{
	struct layer_meta meta = meta_of(st);
	int result = layer_finish(copy->writer, to, &meta);

	return result < 0 ? result : copy_xattrs(copy, from, to);
}

/* ---- entries ---- */

static int compare_links(const void *one, const void *other)
{
	const struct link *a = one, *b = other;

	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return a->inode < b->inode ? -1 : a->inode > b->inode;
}

/* 1 when the file was made as a hard link to an earlier one, 0 when it is the
 * first of its name and must be copied. */
static int copy_hard_link(struct copy *copy, int to, const char *name, const struct stat *st)
{
	const size_t size = strlen(copy->path) + 1;
	struct link *link = malloc(sizeof(*link) + size), **found;

	if (!link)
		return -ENOMEM;
	link->device = st->st_dev;
	link->inode = st->st_ino;
	memcpy(link->path, copy->path, size);
	found = tsearch(link, &copy->links, compare_links);
	if (!found) {
		free(link);
		return -ENOMEM;
	}
	if (*found == link)
		return 0;
	free(link);
	return linkat(copy->writer->root, (*found)->path, to, name, 0) < 0 ? -errno : 1;
}

static int copy_regular(struct copy *copy, int from, int to, const char *name, struct hyfw_error **err)
{
	int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), out = -1;
	struct stat st;
	int result = in < 0 || fstat(in, &st) < 0 ? -errno : 0;

	if (result == 0 && !S_ISREG(st.st_mode))
		result = -ESTALE; /* changed under us */
	if (result == 0 && st.st_nlink > 1) {
		result = copy_hard_link(copy, to, name, &st);
		if (result == 1) {
			close(in);
			return 0;
		}
	}
	if (result == 0) {
		uint64_t blocks = (uint64_t)st.st_blocks * 512;

		result = layer_count_bytes(copy->writer, blocks < (uint64_t)st.st_size ? blocks : (uint64_t)st.st_size,
					   err);
		if (result < 0) {
			close(in);
			return result;
		}
		copy->done += blocks;
		out = layer_file(to, name);
		result = out < 0 ? out : data_copy(&copy->data, in, out, &st);
	}
	if (result == 0)
		result = copy_meta(copy, in, out, &st);
	if (out >= 0 && close(out) < 0 && result == 0)
		result = -errno;
	if (in >= 0)
		close(in);
	return result < 0 ? layer_fail(copy->writer, -result, copy->path, err) : 0;
}

static int copy_symlink(struct copy *copy, int from, int to, const char *name, const struct stat *st,
			struct hyfw_error **err)
{
	struct layer_meta meta = meta_of(st);
	char target[PATH_MAX];
	ssize_t length = readlinkat(from, name, target, sizeof(target));
	int result = length < 0 ? -errno : 0;

	if (length == (ssize_t)sizeof(target))
		result = -ENAMETOOLONG;
	if (result == 0) {
		target[length] = '\0';
		result = symlinkat(target, to, name) < 0 ? -errno : layer_finish_at(copy->writer, to, name, &meta);
	}
	return result < 0 ? layer_fail(copy->writer, -result, copy->path, err) : 0;
}

static int copy_fifo(struct copy *copy, int to, const char *name, const struct stat *st, struct hyfw_error **err)
{
	struct layer_meta meta = meta_of(st);
	int result = mkfifoat(to, name, 0600) < 0 ? -errno : layer_finish_at(copy->writer, to, name, &meta);

	return result < 0 ? layer_fail(copy->writer, -result, copy->path, err) : 0;
}

static int copy_subdirectory(struct copy *copy, int from, int to, const char *name, size_t length,
			     unsigned depth, struct hyfw_error **err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int in, out = -1, result;

	if (depth >= MAX_DEPTH)
		return layer_fail(copy->writer, ELOOP, copy->path, err);
	in = openat(from, name, flags);
	result = in < 0 || mkdirat(to, name, 0700) < 0 ? -errno : 0;
	if (result == 0) {
		out = openat(to, name, flags);
		result = out < 0 ? -errno : 0;
	}
	if (result < 0)
		result = layer_fail(copy->writer, -result, copy->path, err);
	else
		result = copy_directory(copy, in, out, length, depth + 1, err);
	if (out >= 0)
		close(out);
	if (in >= 0)
		close(in);
	return result;
}

static int copy_entry(struct copy *copy, int from, int to, const char *name, size_t length, unsigned depth,
		      struct hyfw_error **err)
{
	struct stat st;
	int result = layer_count_file(copy->writer, err);

	if (result < 0)
		return result;
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return layer_fail(copy->writer, errno, copy->path, err);
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
		result = copy_regular(copy, from, to, name, err);
		break;
	case S_IFDIR:
		if (st.st_dev == copy->store.st_dev && st.st_ino == copy->store.st_ino)
			return 0;
		result = copy_subdirectory(copy, from, to, name, length, depth, err);
		break;
	case S_IFLNK:
		result = copy_symlink(copy, from, to, name, &st, err);
		break;
	case S_IFIFO:
		result = copy_fifo(copy, to, name, &st, err);
		break;
	default:
		copy->writer->devices++;
	}
	if (copy->writer->progress && result == 0)
		copy->writer->progress(copy->done, copy->total);
	return result;
}

/* The content of 'from', whose path has 'length' characters, then its metadata. */
static int copy_directory(struct copy *copy, int from, int to, size_t length, unsigned depth,
			  struct hyfw_error **err)
{
	int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = 0;
	DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	struct stat st;

	if (!listing || fstat(from, &st) < 0)
		result = layer_fail(copy->writer, errno, length ? copy->path : ".", err);
	/* A mount point is empty in the image. */
	while (result == 0 && st.st_dev == copy->device && (entry = readdir(listing))) {
		size_t more = strlen(entry->d_name);

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (length + more + 2 > sizeof(copy->path)) {
			result = layer_fail(copy->writer, ENAMETOOLONG, copy->path, err);
			break;
		}
		snprintf(copy->path + length, sizeof(copy->path) - length, "%s%s", length ? "/" : "",
			 entry->d_name);
		result = copy_entry(copy, from, to, entry->d_name, length + (length ? 1 : 0) + more, depth, err);
		copy->path[length] = '\0';
	}
	if (result == 0) {
		result = copy_meta(copy, from, to, &st);
		if (result < 0)
			result = layer_fail(copy->writer, -result, length ? copy->path : ".", err);
	}
	if (listing)
		closedir(listing);
	else if (fd >= 0)
		close(fd);
	return result;
}

/* How much there is to copy, for the progress bar; what cannot be read counts
 * nothing. */
static uint64_t measure(int dirfd, const char *name, dev_t device, unsigned depth)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	uint64_t bytes = 0;
	struct stat st;

	while (listing && (entry = readdir(listing))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_dev != device)
			continue;
		if (S_ISREG(st.st_mode))
			bytes += (uint64_t)st.st_blocks * 512 / (st.st_nlink ? st.st_nlink : 1);
		else if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH)
			bytes += measure(fd, entry->d_name, device, depth + 1);
	}
	if (listing)
		closedir(listing);
	else if (fd >= 0)
		close(fd);
	return bytes;
}

int layer_import_directory(struct layer_writer *writer, int source, struct hyfw_error **err)
{
	struct copy *copy = calloc(1, sizeof(*copy));
	struct stat st;
	int result;

	if (!copy)
		return layer_fail(writer, ENOMEM, ".", err);
	copy->writer = writer;
	/* writer->root is images/.import-X/layers/0 */
	if (fstat(source, &st) < 0 || fstatat(writer->root, "../../..", &copy->store, 0) < 0) {
		result = layer_fail(writer, errno, ".", err);
	} else {
		copy->device = st.st_dev;
		if (writer->progress)
			copy->total = measure(source, ".", st.st_dev, 0);
		result = copy_directory(copy, source, writer->root, 0, 0, err);
	}
	tdestroy(copy->links, free);
	data_copy_finish(&copy->data);
	free(copy);
	return result;
}
