/* SPDX-License-Identifier: BSD-3-Clause
 * What a machine that stands still has on its disks, as files of a template: each disk
 * whole, based on nothing, so that nothing else has to stay for it. */
#include "../snapshot/layer.h"
#include "template.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* A guest may have QEMU in its hand, and with it what the disk says it is based on. */
static int check_source(struct kvm_operation *operation, struct json_object *kept, const char *path,
			struct hyfw_error **err)
{
	struct kvm_layers layers = { .host = operation->kvm->host, .arena = operation->asked->arena,
				     .workload = operation->asked->object, .kept = kept, .operation = operation };

	/* One that goes when it ends has no record; it is read as its own user. */
	return json_object_object_get_ex(kept, "disks", NULL) &&
	       (kvm_layer_find(kept, path) || kvm_layer_disk(kept, path)) ? kvm_layer_check(&layers, path, err) : 0;
}

/* As the user who has the disk already, to whom the copy belongs while it is written. */
static int convert(struct kvm_operation *operation, struct json_object *disk, const char *path, int fd,
		   struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	const char *from = kvm_keep_text(disk, "path"), *format = kvm_keep_text(disk, "format");
	/* QEMU has it locked, but has written all that it had. */
	const char *const argv[] = { "convert", "-p", "-U", "-f", format, "-O", "qcow2", from, path, NULL };
	struct stat st;

	if (stat(from, &st) < 0)
		return host->fail(err, errno, "%s: %s", from, strerror(errno));
	if (geteuid() == 0 && fchown(fd, st.st_uid, st.st_gid) < 0)
		return host->fail(err, errno, "%s: %s", path, strerror(errno));
	return kvm_qemu_img(host, operation->asked->arena, st.st_uid, st.st_gid, argv, operation->asked, err);
}

/* Who had it while it was written, and may be a guest that has QEMU in its hand, could have kept it open,
 * and written to what other machines lie on.  The kernel lends a file for reading (F_SETLEASE in fcntl(2))
 * only when nobody has it open, or mapped, to write. */
int kvm_template_disk_own(const struct hyfw_host *host, const char *path, int *fd, struct hyfw_error **err)
{
	if ((geteuid() == 0 && fchown(*fd, geteuid(), getegid()) < 0) || fchmod(*fd, 0600) < 0)
		return host->fail(err, errno, "%s: %s", path, strerror(errno));
	close(*fd);
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (*fd < 0)
		return host->fail(err, errno, "%s: %s", path, strerror(errno));
	fcntl(*fd, F_SETSIG, SIGURG); /* which is ignored, should anybody open it just now */
	if (fcntl(*fd, F_SETLEASE, F_RDLCK) == 0)
		return fcntl(*fd, F_SETLEASE, F_UNLCK) < 0 ? host->fail(err, errno, "%s: %s", path, strerror(errno)) : 0;
	/* Other errors: a file system without leases, such as one of the network. */
	return errno == EAGAIN ? host->fail(err, EBUSY, "%s: somebody has it open to write: the machine is not to be trusted",
					    path) : 0;
}

/* Nothing is to be written to it any more; what cannot be marked is found out when it is
 * used. */
static void mark(struct kvm_operation *operation, int fd)
{
	const char *name = hyfw_map_get(&operation->asked->args, "name");

	if (fsetxattr(fd, HYFW_ATTRIBUTE_TEMPLATE, name, strlen(name), 0) < 0)
		operation->kvm->host->log(HYFW_LOG_INFO, "template %s: its disks cannot be marked: %s", name, strerror(errno));
}

static int copy_disk(struct kvm_operation *operation, struct json_object *kept, struct json_object *disk,
		     const char *directory, struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	const char *path = kvm_template_disk_path(host, operation->asked->arena, directory, disk);
	KVM_AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? host->fail(err, errno, "%s: %s", path, strerror(errno))
		       : check_source(operation, kept, kvm_keep_text(disk, "path"), err);

	if (r == 0)
		r = convert(operation, disk, path, fd, err);
	if (r == 0)
		r = kvm_template_disk_own(host, path, &fd, err);
	if (r == 0)
		mark(operation, fd);
	return r < 0 ? r : kvm_template_disk_note(host, disk, path, fd, err);
}

int kvm_template_copy_disks(struct kvm_operation *operation, struct json_object *disks, const char *directory,
			    struct hyfw_error **err)
{
	KVM_AUTO_PUT struct json_object *kept = NULL;
	const size_t count = json_object_array_length(disks);
	size_t i;
	int r = kvm_keep_load(operation->kvm->host, operation->asked->arena, operation->asked->object, &kept, err);

	for (i = 0; r == 0 && i < count; i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);

		r = copy_disk(operation, kept, disk, directory, err);
		if (r < 0)
			operation->kvm->host->wrap(err, "%s", kvm_keep_text(disk, "name"));
	}
	return r;
}

/* ---- EFI variables ---- */

static int copy(int from, int to)
{
	ssize_t copied;

	do
		copied = sendfile(to, from, NULL, 1 << 20);
	while (copied > 0 || (copied < 0 && errno == EINTR));
	return copied < 0 || fsync(to) < 0 ? -errno : 0;
}

int kvm_template_copy_file(const struct hyfw_host *host, const char *from, const char *to, struct hyfw_error **err)
{
	KVM_AUTO_CLOSE int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	KVM_AUTO_CLOSE int out = -1;
	int r;

	if (in < 0)
		return host->fail(err, errno, "%s: %s", from, strerror(errno));
	unlink(to);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	r = out < 0 ? -errno : copy(in, out);
	if (r == 0)
		return 0;
	if (out >= 0)
		unlink(to);
	return host->fail(err, -r, "%s: %s", to, strerror(-r));
}
