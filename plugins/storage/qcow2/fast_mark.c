/* SPDX-License-Identifier: BSD-3-Clause
 * Marks: below the driver's data directory, marks/DEVICE-INODE says that this file holds
 * a file system that we made and that nobody else has written to.  It keeps what the
 * kernel knew of the file then: size and time of change.  That time moves with every write,
 * change of owner (a disk is handed to its machine's user) or of links, and nobody can set
 * it back; so a mark is void after any of these.  Nothing on the disk is asked.  The second
 * line, the file's path, is for the removal of marks whose file is gone. */
#include "fast_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK_PATH 4096
#define MARK_TEXT (MARK_PATH + 128)

static int describe(struct qcow2 *qcow2, const char *path, char ret_mark[static MARK_PATH],
		    char ret_text[static MARK_TEXT])
{
	struct stat st;

	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1)
		return -1;
	if (snprintf(ret_text, MARK_TEXT, "%lld %lld.%09ld\n%s\n", (long long)st.st_size, (long long)st.st_ctim.tv_sec,
		     st.st_ctim.tv_nsec, path) >= MARK_TEXT)
		return -1;
	return snprintf(ret_mark, MARK_PATH, "%s/marks/%llx-%llx", qcow2_data(qcow2), (unsigned long long)st.st_dev,
			(unsigned long long)st.st_ino) < MARK_PATH ? 0 : -1;
}

/* Best effort: without a mark the appliance does the work. */
void fast_mark_set(struct qcow2 *qcow2, const char *path)
{
	char mark[MARK_PATH], text[MARK_TEXT], directory[MARK_PATH];
	int fd, data = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (data < 0)
		return;
	fsync(data); /* what is written later would move the time */
	close(data);
	if (describe(qcow2, path, mark, text) < 0)
		return;
	fast_marks_sweep(qcow2);
	snprintf(directory, sizeof(directory), "%s/marks", qcow2_data(qcow2));
	mkdir(directory, 0700);
	unlink(mark);
	fd = open(mark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		unlink(mark);
	close(fd);
}

static bool read_mark(int dirfd, const char *name, char ret_text[static MARK_TEXT])
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t got = fd >= 0 ? read(fd, ret_text, MARK_TEXT - 1) : -1;

	if (fd >= 0)
		close(fd);
	ret_text[got > 0 ? got : 0] = '\0';
	return got > 0;
}

bool fast_mark_valid(struct qcow2 *qcow2, const char *path)
{
	char mark[MARK_PATH], text[MARK_TEXT], kept[MARK_TEXT];

	return describe(qcow2, path, mark, text) == 0 && read_mark(AT_FDCWD, mark, kept) && strcmp(kept, text) == 0;
}

/* Is it what a file that is there now would get? */
static bool still_good(struct qcow2 *qcow2, const char *name, const char *kept)
{
	char mark[MARK_PATH], text[MARK_TEXT], path[MARK_PATH];
	const char *line = strchr(kept, '\n');

	if (!line || snprintf(path, sizeof(path), "%s", line + 1) >= (int)sizeof(path))
		return false;
	path[strcspn(path, "\n")] = '\0';
	return describe(qcow2, path, mark, text) == 0 && strcmp(text, kept) == 0 &&
	       strcmp(strrchr(mark, '/') + 1, name) == 0;
}

void fast_marks_sweep(struct qcow2 *qcow2)
{
	char directory[MARK_PATH], kept[MARK_TEXT];
	struct dirent *entry;
	DIR *list;

	snprintf(directory, sizeof(directory), "%s/marks", qcow2_data(qcow2));
	list = opendir(directory);
	while (list && (entry = readdir(list)))
		if (entry->d_name[0] != '.' &&
		    (!read_mark(dirfd(list), entry->d_name, kept) || !still_good(qcow2, entry->d_name, kept)))
			unlinkat(dirfd(list), entry->d_name, 0);
	if (list)
		closedir(list);
}
