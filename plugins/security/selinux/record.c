/* SPDX-License-Identifier: BSD-3-Clause
 * What the labels of a tree were: a file of texts, each with a NUL behind,
 *
 *     "hyfw-labels 1"  volume's path  its new label  { path  label }...  "end"
 *
 * with a line for each node whose label is not its directory's.  Most trees have one.
 * It is there whole and on disk before the first label changes. */
#include "selinux.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define MAGIC "hyfw-labels 1"
#define END "end"
#define BYTES_MOST (64u << 20)

static int put(const struct hyfw_host *host, struct record_writer *writer, const char *text, struct hyfw_error **err)
{
	const size_t size = strlen(text) + 1;

	writer->bytes += size;
	if (writer->bytes > BYTES_MOST)
		return host->fail(err, EFBIG, "its files have too many different labels to be remembered; give it one label "
				  "yourself (chcon -R), or leave :z and :Z out");
	if (fwrite(text, 1, size, writer->file) != size)
		return host->fail(err, errno, "%s: %s", writer->temporary, strerror(errno));
	return 0;
}

int record_begin(const struct hyfw_host *host, const char *path, const char *volume, const char *label,
		 struct record_writer *writer, struct hyfw_error **err)
{
	int result;

	memset(writer, 0, sizeof(*writer));
	if (asprintf(&writer->temporary, "%s.new", path) < 0 || !(writer->path = strdup(path)))
		return host->fail(err, ENOMEM, "out of memory");
	writer->file = fopen(writer->temporary, "we");
	if (!writer->file)
		return host->fail(err, errno, "%s: %s", writer->temporary, strerror(errno));
	result = put(host, writer, MAGIC, err);
	if (result == 0)
		result = put(host, writer, volume, err);
	return result == 0 ? put(host, writer, label, err) : result;
}

int record_add(const struct hyfw_host *host, struct record_writer *writer, const char *path, const char *label,
	       struct hyfw_error **err)
{
	int result = put(host, writer, path, err);

	return result == 0 ? put(host, writer, label, err) : result;
}

int path_sync_parent(const char *path)
{
	AUTO_FREE char *parent = strdup(path);
	AUTO_CLOSE int fd = -1;
	char *slash = parent ? strrchr(parent, '/') : NULL;

	if (!slash)
		return -1;
	*slash = '\0';
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -1 : fsync(fd);
}

int record_commit(const struct hyfw_host *host, struct record_writer *writer, struct hyfw_error **err)
{
	int result = put(host, writer, END, err);

	if (result < 0)
		return result;
	if (fflush(writer->file) != 0 || fsync(fileno(writer->file)) < 0 ||
	    rename(writer->temporary, writer->path) < 0 || path_sync_parent(writer->path) < 0)
		return host->fail(err, errno, "%s: %s", writer->path, strerror(errno));
	return 0;
}

void record_abandon(struct record_writer *writer)
{
	if (writer->file)
		fclose(writer->file);
	if (writer->temporary)
		unlink(writer->temporary);
	free(writer->temporary);
	free(writer->path);
	memset(writer, 0, sizeof(*writer));
}

/* ---- reading ---- */

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct record_line *)a)->path, ((const struct record_line *)b)->path);
}

/* The texts of 'record->text', which ends with a NUL. */
static bool parse(struct record *record, size_t size)
{
	const char *at = record->text, *end = at + size, *texts[3];
	size_t count = 0, room, i;

	for (i = 0; i < 3; i++) {
		if (at >= end)
			return false;
		texts[i] = at;
		at += strlen(at) + 1;
	}
	if (strcmp(texts[0], MAGIC) != 0)
		return false;
	record->path = texts[1];
	record->label = texts[2];
	for (room = 0, i = 0; i < size; i++)
		room += record->text[i] == '\0';
	record->lines = calloc(room, sizeof(*record->lines));
	if (!record->lines)
		return false;
	while (at < end) {
		const char *path = at;

		at += strlen(at) + 1;
		if (at >= end) { /* the last one */
			qsort(record->lines, count, sizeof(*record->lines), compare);
			record->count = count;
			return strcmp(path, END) == 0;
		}
		record->lines[count++] = (struct record_line){ path, at };
		at += strlen(at) + 1;
	}
	return false;
}

int record_read(const struct hyfw_host *host, const char *path, struct record *ret_record, struct hyfw_error **err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct record record = { 0 };
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return host->fail(err, errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(status.st_mode) || status.st_size < 4 || status.st_size > (off_t)BYTES_MOST + 64)
		return host->fail(err, EBADMSG, "%s is damaged", path);
	record.text = malloc((size_t)status.st_size);
	if (!record.text)
		return host->fail(err, ENOMEM, "out of memory");
	if (read(fd, record.text, (size_t)status.st_size) != status.st_size || record.text[status.st_size - 1] != '\0' ||
	    !parse(&record, (size_t)status.st_size)) {
		record_finish(&record);
		return host->fail(err, EBADMSG, "%s is damaged", path);
	}
	*ret_record = record;
	return 0;
}

const char *record_find(const struct record *record, const char *path)
{
	const struct record_line wanted = { path, NULL };
	const struct record_line *found =
		record->count ? bsearch(&wanted, record->lines, record->count, sizeof(wanted), compare) : NULL;

	return found ? found->label : NULL;
}

void record_finish(struct record *record)
{
	free(record->text);
	free(record->lines);
	memset(record, 0, sizeof(*record));
}
