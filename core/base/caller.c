/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/caller.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"

static int *files;
static size_t file_count;
static char **arguments;

void hyfw_caller_note_files(void)
{
	HYFW_AUTO_DIR DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	size_t room = 0;

	while (dir && (entry = readdir(dir))) {
		const int fd = atoi(entry->d_name);

		if (fd <= STDERR_FILENO || fd == dirfd(dir))
			continue;
		if (file_count == room) {
			room = room ? room * 2 : 16;
			files = hyfw_grow(files, room, sizeof(*files));
		}
		files[file_count++] = fd;
	}
}

void hyfw_caller_note_arguments(char **argv)
{
	arguments = argv;
}

void hyfw_caller_forget(void)
{
	char **argument;

	while (file_count > 0)
		close(files[--file_count]);
	free(files);
	files = NULL;
	for (argument = arguments; argument && *argument; argument++)
		memset(*argument, 0, strlen(*argument));
	arguments = NULL;
}
