/* SPDX-License-Identifier: BSD-3-Clause
 * A layer from a tar archive, which nobody needs to trust: every path is resolved
 * by the kernel below the layer's root (openat2, RESOLVE_IN_ROOT), so that neither
 * ".." nor a link in the archive leads out of it; absolute paths and ".." are
 * refused as well; devices are left out; sizes are limited by the writer. */
#include "untar.h"

#include <errno.h>
#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path.h"

#define READ_BLOCK (1u << 18)

/* Tar, plain or compressed; each filter is named because "all" of them would
 * include some that run programs. */
static int open_archive(struct untar *untar, int source, struct hyfw_error **err)
{
	const struct archive_library *library = untar->library;
	struct archive *archive = library->archive_read_new();

	untar->archive = archive;
	if (!archive)
		return layer_fail(untar->writer, ENOMEM, "", err);
	library->archive_read_support_format_tar(archive);
	library->archive_read_support_filter_gzip(archive);
	library->archive_read_support_filter_bzip2(archive);
	library->archive_read_support_filter_xz(archive);
	library->archive_read_support_filter_lzma(archive);
	library->archive_read_support_filter_zstd(archive);
	library->archive_read_support_filter_lz4(archive);
	library->archive_read_support_filter_compress(archive);
	if (library->archive_read_open_fd(archive, source, READ_BLOCK) != ARCHIVE_OK)
		return untar_damaged(untar, err);
	return 0;
}

static int read_entries(struct untar *untar, struct hyfw_error **err)
{
	const struct hyfw_host *host = untar->writer->overlay->host;
	const struct archive_library *library = untar->library;
	struct archive_entry *entry;
	int result = 0;

	while (result == 0) {
		int status = library->archive_read_next_header(untar->archive, &entry);
		const char *raw, *why;

		if (status == ARCHIVE_EOF)
			break;
		if (status < ARCHIVE_WARN)
			return untar_damaged(untar, err);
		raw = library->archive_entry_pathname(entry);
		if (!raw)
			raw = library->archive_entry_pathname_utf8(entry);
		if (!raw || !layer_path(raw, untar->path, &why))
			return untar_refuse(untar, raw ? raw : "?", raw ? why : "a name that cannot be read", err);
		result = layer_count_file(untar->writer, err);
		if (result == 0)
			result = untar_entry(untar, entry, err);
		untar_tell(untar);
	}
	if (result == 0 && untar->writer->files == 0)
		return host->fail(err, EBADMSG, "%s: holds no files; is it a tar archive?", untar->writer->source);
	return result;
}

/* Names in an archive are UTF-8 or bytes as they are; in the C locale libarchive
 * would put question marks in their place. */
static int read_in_utf8(struct untar *untar, struct hyfw_error **err)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0), before = (locale_t)0;
	int result;

	if (utf8)
		before = uselocale(utf8);
	result = read_entries(untar, err);
	if (utf8) {
		uselocale(before);
		freelocale(utf8);
	}
	return result;
}

int layer_import_tar(struct layer_writer *writer, int source, struct hyfw_error **err)
{
	const struct archive_library *library = archive_library_open(writer->overlay->host, err);
	struct untar *untar;
	struct stat st;
	int result;
	size_t i;

	if (!library)
		return -ENOENT;
	untar = calloc(1, sizeof(*untar));
	if (!untar)
		return layer_fail(writer, ENOMEM, "", err);
	untar->writer = writer;
	untar->library = library;
	untar->parent = -1;
	if (fstat(source, &st) == 0 && S_ISREG(st.st_mode))
		untar->size = (uint64_t)st.st_size;
	result = open_archive(untar, source, err);
	if (result == 0)
		result = read_in_utf8(untar, err);
	if (result == 0)
		result = untar_directories(untar, err);
	if (untar->parent >= 0)
		close(untar->parent);
	for (i = 0; i < untar->count; i++)
		free(untar->directories[i].path);
	free(untar->directories);
	if (untar->archive)
		library->archive_read_free(untar->archive);
	free(untar);
	return result;
}
