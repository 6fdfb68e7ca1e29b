/* SPDX-License-Identifier: BSD-3-Clause
 * Documents that clients hand over by name: a file, standard input as "-", or what a shell
 * makes of <(COMMAND), which comes in pieces. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "cli/oci.h"
#include "oci/node.h"

int oci_read_document(const char *path, char **ret_text, size_t *ret_size, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int opened = strcmp(path, "-") == 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	const int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : opened;
	HYFW_AUTO_FREE char *text = NULL;
	size_t size = 0, room = 0;
	ssize_t got = fd < 0 ? -1 : 1;

	while (got > 0) {
		if (room - size < 2) {
			room = room ? room * 2 : 4096;
			text = hyfw_grow(text, room, 1);
		}
		do
			got = read(fd, text + size, room - size - 1);
		while (got < 0 && errno == EINTR);
		size += got > 0 ? (size_t)got : 0;
		if (size > OCI_DOCUMENT_LIMIT)
			return hyfw_fail(err, EFBIG, "%s: larger than %u bytes", path, OCI_DOCUMENT_LIMIT);
	}
	if (got < 0)
		return hyfw_fail_errno(err, errno, "%s", path);
	text[size] = '\0';
	*ret_text = HYFW_STEAL(text);
	*ret_size = size;
	return 0;
}
