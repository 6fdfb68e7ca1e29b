/* SPDX-License-Identifier: BSD-3-Clause */
#include "untar.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path.h"

#define XATTR_MAX 65536

int untar_refuse(const struct untar *untar, const char *path, const char *why, struct hyfw_error **err)
{
	char shown[LAYER_SHOWN];

	return untar->writer->overlay->host->fail(err, EINVAL, "%s: refused: it holds '%s', %s",
						  untar->writer->source, layer_shown(path, shown), why);
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The directory that holds 'path', kept for the next entry, which is mostly in
 * the same one.  A descriptor always is a directory inside the layer, whatever
 * the archive does to its name later. */
static int open_parent(struct untar *untar, const char *path)
{
	size_t length = (size_t)(last_part(path) - path);

	if (length > 0)
		length--;
	if (untar->parent >= 0 && strncmp(untar->parent_path, path, length) == 0 && untar->parent_path[length] == '\0')
		return untar->parent;
	if (untar->parent >= 0)
		close(untar->parent);
	memcpy(untar->parent_path, path, length);
	untar->parent_path[length] = '\0';
	untar->parent = layer_open_directory(untar->writer->root, untar->parent_path);
	return untar->parent;
}

/* ---- entries ---- */

static uint32_t id_of(int64_t id)
{
	return id < 0 || id >= UINT32_MAX ? 0 : (uint32_t)id;
}

static struct layer_meta meta_of(const struct untar *untar, struct archive_entry *entry)
{
	const struct archive_library *library = untar->library;
	struct timespec modified = { library->archive_entry_mtime(entry), library->archive_entry_mtime_nsec(entry) };
	struct layer_meta meta = {
		.mode = library->archive_entry_filetype(entry) | library->archive_entry_perm(entry),
		.uid = id_of(library->archive_entry_uid(entry)),
		.gid = id_of(library->archive_entry_gid(entry)),
		.times = { modified, modified },
	};

	if (modified.tv_nsec < 0 || modified.tv_nsec > 999999999)
		meta.times[0].tv_nsec = meta.times[1].tv_nsec = 0;
	return meta;
}

static int write_xattrs(const struct untar *untar, struct archive_entry *entry, int fd)
{
	const char *name;
	const void *value;
	size_t size;
	int result = 0;

	untar->library->archive_entry_xattr_reset(entry);
	while (result == 0 && untar->library->archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
		if (name && size <= XATTR_MAX)
			result = layer_xattr(untar->writer, fd, name, value, size);
	return result;
}

int untar_damaged(const struct untar *untar, struct hyfw_error **err)
{
	const char *why = untar->library->archive_error_string(untar->archive);
	char shown[LAYER_SHOWN];

	if (untar->writer->files == 0)
		return untar->writer->overlay->host->fail(
			err, EBADMSG, "%s: not a tar archive (plain, gzip, bzip2, xz, zstd or lz4)",
			untar->writer->source);
	return untar->writer->overlay->host->fail(err, EBADMSG, "%s: damaged after %llu files: %s",
						  untar->writer->source, (unsigned long long)untar->writer->files,
						  layer_shown(why ? why : "unreadable", shown));
}

void untar_tell(const struct untar *untar)
{
	if (untar->writer->progress)
		untar->writer->progress((uint64_t)untar->library->archive_filter_bytes(untar->archive, -1),
					untar->size);
}

static int write_block(const struct untar *untar, int fd, const char *data, size_t size, off_t at,
		       struct hyfw_error **err)
{
	int result = layer_count_bytes(untar->writer, size, err);

	while (result == 0 && size > 0) {
		ssize_t put = pwrite(fd, data, size, at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return layer_fail(untar->writer, errno, untar->path, err);
		data += put;
		at += put;
		size -= (size_t)put;
	}
	return result;
}

/* Blocks come with their offset: what is between them are holes. */
static int write_data(const struct untar *untar, struct archive_entry *entry, int fd, struct hyfw_error **err)
{
	int64_t size = untar->library->archive_entry_size(entry), at = 0;
	const void *data;
	size_t length;
	int64_t end = 0;
	int status, result = 0;

	while (result == 0) {
		status = untar->library->archive_read_data_block(untar->archive, &data, &length, &at);
		if (status == ARCHIVE_EOF)
			break;
		if (status < ARCHIVE_WARN)
			return untar_damaged(untar, err);
		if (at < 0 || length > (uint64_t)INT64_MAX - (uint64_t)at || at + (int64_t)length > size)
			return untar_refuse(untar, untar->path, "a file with data behind its end", err);
		if (length > 0)
			result = write_block(untar, fd, data, length, at, err);
		end = at + (int64_t)length;
		untar_tell(untar);
	}
	if (result == 0 && end < size && ftruncate(fd, size) < 0)
		return layer_fail(untar->writer, errno, untar->path, err);
	return result;
}

static int write_regular(struct untar *untar, struct archive_entry *entry, int parent, const char *name,
			 struct hyfw_error **err)
{
	struct layer_meta meta = meta_of(untar, entry);
	int fd = layer_file(parent, name), result;

	if (fd < 0)
		return layer_fail(untar->writer, -fd, untar->path, err);
	result = write_data(untar, entry, fd, err);
	if (result == 0) {
		result = layer_finish(untar->writer, fd, &meta);
		if (result == 0)
			result = write_xattrs(untar, entry, fd);
		if (result < 0)
			layer_fail(untar->writer, -result, untar->path, err);
	}
	if (close(fd) < 0 && result == 0)
		result = layer_fail(untar->writer, errno, untar->path, err);
	return result;
}

static int write_hard_link(struct untar *untar, const char *raw, int parent, const char *name,
			   struct hyfw_error **err)
{
	const char *why;
	int from, result;
	char *slash;

	if (!layer_path(raw, untar->target, &why))
		return untar_refuse(untar, raw, why, err);
	slash = strrchr(untar->target, '/');
	if (slash)
		*slash = '\0';
	from = layer_open(untar->writer->root, slash ? untar->target : "", O_PATH | O_DIRECTORY);
	if (from < 0)
		return layer_fail(untar->writer, -from, untar->path, err);
	result = linkat(from, slash ? slash + 1 : untar->target, parent, name, 0) < 0 ? -errno : 0;
	close(from);
	return result < 0 ? layer_fail(untar->writer, -result, untar->path, err) : 0;
}

static int write_symlink(struct untar *untar, struct archive_entry *entry, int parent, const char *name,
			 struct hyfw_error **err)
{
	struct layer_meta meta = meta_of(untar, entry);
	const char *target = untar->library->archive_entry_symlink(entry);
	int result;

	if (!target)
		target = untar->library->archive_entry_symlink_utf8(entry);
	if (!target || !*target)
		return untar_refuse(untar, untar->path, "a link to nothing", err);
	result = symlinkat(target, parent, name) < 0 ? -errno :
						       layer_finish_at(untar->writer, parent, name, &meta);
	return result < 0 ? layer_fail(untar->writer, -result, untar->path, err) : 0;
}

static int write_fifo(struct untar *untar, struct archive_entry *entry, int parent, const char *name,
		      struct hyfw_error **err)
{
	struct layer_meta meta = meta_of(untar, entry);
	int result = mkfifoat(parent, name, 0600) < 0 ? -errno :
							layer_finish_at(untar->writer, parent, name, &meta);

	return result < 0 ? layer_fail(untar->writer, -result, untar->path, err) : 0;
}

/* Remembers the directory for finish_directories(). */
static int defer_directory(struct untar *untar, const struct layer_meta *meta, struct hyfw_error **err)
{
	struct directory *more = untar->directories;

	if (untar->count == untar->room) {
		size_t room = untar->room ? untar->room * 2 : 256;

		more = reallocarray(untar->directories, room, sizeof(*more));
		if (!more)
			return layer_fail(untar->writer, ENOMEM, untar->path, err);
		untar->directories = more;
		untar->room = room;
	}
	more[untar->count].meta = *meta;
	more[untar->count].path = strdup(untar->path);
	if (!more[untar->count].path)
		return layer_fail(untar->writer, ENOMEM, untar->path, err);
	untar->count++;
	return 0;
}

/* A directory that is there already (an earlier entry, or the root) is kept; one
 * reached through a link replaces the link, as everywhere else. */
static int write_directory(struct untar *untar, struct archive_entry *entry, int parent, const char *name,
			   struct hyfw_error **err)
{
	struct layer_meta meta = meta_of(untar, entry);
	struct stat st;
	int fd, result = 0;

	if (*name && (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))) {
		result = layer_make_room(parent, name);
		if (result == 0 && mkdirat(parent, name, 0700) < 0)
			result = -errno;
	}
	fd = result < 0 ? result :
			  openat(*name ? parent : untar->writer->root, *name ? name : ".",
				 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (result == 0 && fd < 0)
		result = -errno;
	if (result == 0)
		result = write_xattrs(untar, entry, fd);
	if (fd >= 0)
		close(fd);
	return result < 0 ? layer_fail(untar->writer, -result, untar->path, err) : defer_directory(untar, &meta, err);
}

int untar_entry(struct untar *untar, struct archive_entry *entry, struct hyfw_error **err)
{
	const struct archive_library *library = untar->library;
	const char *hard_link = library->archive_entry_hardlink(entry), *name = last_part(untar->path);
	mode_t type = library->archive_entry_filetype(entry);
	int parent, result;

	if (!hard_link)
		hard_link = library->archive_entry_hardlink_utf8(entry);
	if (!untar->path[0])
		return type == AE_IFDIR ? write_directory(untar, entry, -1, "", err) :
					  untar_refuse(untar, "/", "which is not a directory", err);
	if (!hard_link && (type == AE_IFCHR || type == AE_IFBLK || type == AE_IFSOCK)) {
		untar->writer->devices++;
		return 0;
	}
	parent = open_parent(untar, untar->path);
	if (parent < 0)
		return layer_fail(untar->writer, -parent, untar->path, err);
	if (!hard_link && type == AE_IFDIR)
		return write_directory(untar, entry, parent, name, err);
	if (hard_link && layer_path(hard_link, untar->target, &(const char *){ NULL }) &&
	    strcmp(untar->target, untar->path) == 0)
		return 0; /* a link to itself */
	result = layer_make_room(parent, name);
	if (result < 0)
		return layer_fail(untar->writer, -result, untar->path, err);
	if (hard_link)
		return write_hard_link(untar, hard_link, parent, name, err);
	switch (type) {
	case AE_IFREG: return write_regular(untar, entry, parent, name, err);
	case AE_IFLNK: return write_symlink(untar, entry, parent, name, err);
	case AE_IFIFO: return write_fifo(untar, entry, parent, name, err);
	default: return untar_refuse(untar, untar->path, "a file of an unknown type", err);
	}
}

/* The last entry of a path wins, so they are done in the order of the archive. */
int untar_directories(const struct untar *untar, struct hyfw_error **err)
{
	size_t i;

	for (i = 0; i < untar->count; i++) {
		const struct directory *directory = &untar->directories[i];
		int fd = layer_open(untar->writer->root, directory->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), result;

		if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
			continue; /* replaced by a later entry */
		result = fd < 0 ? fd : layer_finish(untar->writer, fd, &directory->meta);
		if (fd >= 0)
			close(fd);
		if (result < 0)
			return layer_fail(untar->writer, -result, directory->path, err);
	}
	return 0;
}
