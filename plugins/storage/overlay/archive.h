/* SPDX-License-Identifier: BSD-3-Clause
 * The functions of libarchive that an import uses.  The library is opened at the
 * first import and stays; nothing else loads it. */
#ifndef HYFW_STORAGE_ARCHIVE_H
#define HYFW_STORAGE_ARCHIVE_H

#include <archive.h>
#include <archive_entry.h>

#include <hyfw/host.h>

#define ARCHIVE_FUNCTIONS(X)                                                                   \
	X(archive_read_new) X(archive_read_free) X(archive_read_support_format_tar)            \
	X(archive_read_support_filter_gzip) X(archive_read_support_filter_bzip2)               \
	X(archive_read_support_filter_xz) X(archive_read_support_filter_lzma)                  \
	X(archive_read_support_filter_zstd) X(archive_read_support_filter_lz4)                 \
	X(archive_read_support_filter_compress) X(archive_read_open_fd)                        \
	X(archive_read_next_header) X(archive_read_data_block) X(archive_filter_bytes)         \
	X(archive_error_string) X(archive_errno) X(archive_format)                             \
	X(archive_entry_pathname) X(archive_entry_pathname_utf8) X(archive_entry_hardlink)     \
	X(archive_entry_hardlink_utf8) X(archive_entry_symlink) X(archive_entry_symlink_utf8)  \
	X(archive_entry_filetype) X(archive_entry_perm) X(archive_entry_uid)                   \
	X(archive_entry_gid) X(archive_entry_size) X(archive_entry_mtime)                      \
	X(archive_entry_mtime_nsec) X(archive_entry_xattr_reset) X(archive_entry_xattr_next)

struct archive_library {
#define X(name) __typeof__(name) *name;
	ARCHIVE_FUNCTIONS(X)
#undef X
};

/* NULL with '*err' set when there is no usable libarchive. */
const struct archive_library *archive_library_open(const struct hyfw_host *host, struct hyfw_error **err);

#endif
