/* SPDX-License-Identifier: BSD-3-Clause */
#include "qcow2.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

const char *qcow2_data(struct qcow2 *qcow2)
{
	if (!qcow2->data)
		qcow2->data = qcow2->host->directory("qcow2", HYFW_DIRECTORY_DATA);
	return qcow2->data;
}

int qcow2_disk_open(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *object,
		    enum qcow2_access access, struct qcow2_disk *ret_disk, struct hyfw_error **err)
{
	const char *dot = strrchr(object, '.');
	int fd;

	(void)access;
	if (object[0] != '/')
		return qcow2->host->fail(err, ENOENT, "disk %s: not found", object);
	fd = open(object, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return qcow2->host->fail(err, errno, "disk %s: %s", object, strerror(errno));
	*ret_disk = (struct qcow2_disk){
		.path = qcow2->host->format(operation->arena, "%s", object),
		.format = dot && strcmp(dot, ".raw") == 0 ? "raw" : "qcow2",
		.fd = fd,
	};
	return 0;
}

int qcow2_disk_unchanged(struct qcow2 *qcow2, const struct qcow2_disk *disk, struct hyfw_error **err)
{
	(void)qcow2;
	(void)disk;
	(void)err;
	return 0;
}

void qcow2_disk_close(struct qcow2 *qcow2, struct qcow2_disk *disk)
{
	(void)qcow2;
	if (disk->fd >= 0)
		close(disk->fd);
	disk->fd = -1;
}
