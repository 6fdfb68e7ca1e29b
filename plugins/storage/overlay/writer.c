/* SPDX-License-Identifier: BSD-3-Clause */
#include "writer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define BLOCK UINT64_C(4096)
#define LOOK_AT_SPACE (UINT64_C(32) << 20) /* bytes between two looks */
#define RESERVE (UINT64_C(64) << 20)       /* left free for the rest of the machine */

const char *layer_shown(const char *text, char ret_shown[static LAYER_SHOWN])
{
	const size_t length = strnlen(text, LAYER_SHOWN - 4);
	const bool cut = text[length] != '\0';
	size_t i;

	for (i = 0; i < length; i++)
		ret_shown[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
	memcpy(ret_shown + length, cut ? "..." : "", cut ? 4 : 1);
	return ret_shown;
}

int layer_fail(const struct layer_writer *writer, int errnum, const char *path, struct hyfw_error **err)
{
	char shown[LAYER_SHOWN];

	if (errnum == ENOSPC || errnum == EDQUOT)
		return writer->overlay->host->fail(err, errnum,
						   "%s: %s in %s; nothing was imported", writer->source,
						   errnum == ENOSPC ? "No space left" : "Disk quota exceeded",
						   overlay_data(writer->overlay));
	return writer->overlay->host->fail(err, errnum, "%s: %s: %s", writer->source, layer_shown(path, shown),
					   strerror(errnum));
}

int layer_count_file(struct layer_writer *writer, struct hyfw_error **err)
{
	if (++writer->files > writer->overlay->max_files)
		return writer->overlay->host->fail(err, EFBIG, "%s: holds more than %llu files (image_max_files)",
						   writer->source, (unsigned long long)writer->overlay->max_files);
	return layer_count_bytes(writer, 0, err);
}

/* A small archive can expand to more than any disk has: stop before the machine
 * has no space for anything else. */
static int look_at_space(struct layer_writer *writer, struct hyfw_error **err)
{
	struct statvfs fs;
	uint64_t reserve;

	writer->looked_at = writer->bytes;
	if (fstatvfs(writer->root, &fs) < 0)
		return 0;
	reserve = (uint64_t)fs.f_blocks * fs.f_frsize / 100;
	if (reserve > RESERVE)
		reserve = RESERVE;
	if ((uint64_t)fs.f_bavail * fs.f_frsize > reserve)
		return 0;
	return layer_fail(writer, ENOSPC, "", err);
}

int layer_count_bytes(struct layer_writer *writer, uint64_t bytes, struct hyfw_error **err)
{
	uint64_t limit = writer->overlay->max_bytes;

	if (bytes > limit || writer->bytes > limit - bytes)
		return writer->overlay->host->fail(err, EFBIG, "%s: larger than %llu bytes (image_max_size)",
						   writer->source, (unsigned long long)limit);
	writer->bytes += bytes ? (bytes + BLOCK - 1) / BLOCK * BLOCK : BLOCK;
	if (writer->bytes - writer->looked_at >= LOOK_AT_SPACE)
		return look_at_space(writer, err);
	return 0;
}

int layer_file(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

int layer_make_room(int dirfd, const char *name)
{
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

/* The owner comes first: changing it drops set-user-id and capabilities. */
int layer_finish(const struct layer_writer *writer, int fd, const struct layer_meta *meta)
{
	if (writer->chown && fchown(fd, meta->uid, meta->gid) < 0)
		return -errno;
	if (fchmod(fd, meta->mode & 07777) < 0)
		return -errno;
	return futimens(fd, meta->times) < 0 ? -errno : 0;
}

int layer_finish_at(const struct layer_writer *writer, int dirfd, const char *name,
		    const struct layer_meta *meta)
{
	if (writer->chown && fchownat(dirfd, name, meta->uid, meta->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISFIFO(meta->mode) && fchmodat(dirfd, name, meta->mode & 07777, 0) < 0)
		return -errno;
	return utimensat(dirfd, name, meta->times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static bool starts_with(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

int layer_xattr(struct layer_writer *writer, int fd, const char *name, const void *value, size_t size)
{
	bool needed = strcmp(name, "security.capability") == 0;
	bool wanted = needed || strcmp(name, "system.posix_acl_access") == 0 ||
		      strcmp(name, "system.posix_acl_default") == 0 ||
		      (starts_with(name, "user.") && !starts_with(name, "user.overlay."));

	if (!wanted) {
		writer->xattrs++;
		return 0;
	}
	if (fsetxattr(fd, name, value, size, 0) == 0)
		return 0;
	if (errno != ENOSPC && errno != EDQUOT && (!needed || (errno == EPERM && !writer->chown))) {
		writer->xattrs++;
		return 0;
	}
	return -errno;
}
