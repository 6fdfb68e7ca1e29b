/* SPDX-License-Identifier: BSD-3-Clause
 * SELinux labels of QEMU and of the files that this driver makes for it; disks and what is
 * booted have theirs from the security module.
 *
 * What a thread runs, and the sockets and files that it makes, get the labels that it wrote to
 * its attributes (proc(5), /proc/PID/attr), and its children inherit them until they run
 * something.  An embedded libvirt starts QEMU in the thread that asks for it, so that thread has
 * them while it asks, and no longer: other programs are not for that label. */
#include "run.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ATTRIBUTE "security.selinux"
#define LABEL_MOST 4096

static int write_attribute(const char *name, const char *label)
{
	KVM_AUTO_CLOSE int fd = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/thread-self/attr/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 || write(fd, label, strlen(label)) < 0 ? -errno : 0;
}

int kvm_label_begin(const struct kvm_run *run, struct hyfw_error **err)
{
	const struct hyfw_host *host = run->kvm->host;
	int r = 0;

	if (!run->label)
		return 0;
	r = write_attribute("exec", run->label);
	if (r == 0)
		r = write_attribute("sockcreate", run->label);
	if (r == 0)
		r = write_attribute("fscreate", run->file_label);
	if (r == 0)
		return 0;
	kvm_label_end(run);
	return host->fail(err, -r, "run QEMU with the SELinux label %s: %s", run->label, strerror(-r));
}

void kvm_label_end(const struct kvm_run *run)
{
	static const char *const names[] = { "exec", "sockcreate", "fscreate" };
	size_t i;

	for (i = 0; run->label && i < KVM_COUNT(names); i++)
		write_attribute(names[i], "\n"); /* none: security/selinux/hooks.c, selinux_setprocattr() */
}

int kvm_label_take(struct kvm_run *run, const struct hyfw_confinement *confinement, struct hyfw_error **err)
{
	free(run->label);
	free(run->file_label);
	run->label = run->file_label = NULL;
	if (!confinement->process_label || !confinement->mount_label)
		return 0;
	run->label = strdup(confinement->process_label);
	run->file_label = strdup(confinement->mount_label);
	return run->label && run->file_label ? 0 : run->kvm->host->fail(err, ENOMEM, "out of memory");
}

int kvm_label_file(const struct hyfw_host *host, const char *path, const char *label, struct hyfw_error **err)
{
	if (!label || lsetxattr(path, ATTRIBUTE, label, strlen(label) + 1, 0) == 0)
		return 0;
	return host->fail(err, errno, "%s: give it the label %s: %s", path, label, strerror(errno));
}

int kvm_label_fd(const struct hyfw_host *host, int fd, const char *label, struct hyfw_error **err)
{
	if (!label || fsetxattr(fd, ATTRIBUTE, label, strlen(label) + 1, 0) == 0)
		return 0;
	return host->fail(err, errno, "give a file the label %s: %s", label, strerror(errno));
}

/* USER:ROLE:TYPE:SENSITIVITY:CATEGORIES without the last of them. */
const char *kvm_label_shared(const struct hyfw_host *host, struct hyfw_arena *arena, const char *label)
{
	const char *at = label;
	int colons;

	for (colons = 0; at && colons < 4; colons++) {
		at += strcspn(at, ":");
		if (!*at)
			return label;
		at += colons < 3;
	}
	return label ? host->format(arena, "%.*s", (int)(at - label), label) : NULL;
}

void kvm_label_like(const char *path, const char *other)
{
	char label[LABEL_MOST];
	const ssize_t size = getxattr(other, ATTRIBUTE, label, sizeof(label));

	if (size > 0)
		lsetxattr(path, ATTRIBUTE, label, (size_t)size, 0);
}

const char *kvm_label_of(const struct hyfw_host *host, struct hyfw_arena *arena, pid_t pid)
{
	KVM_AUTO_CLOSE int fd = -1;
	char path[64], label[LABEL_MOST];
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/%d/attr/current", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = fd < 0 ? -1 : read(fd, label, sizeof(label) - 1);
	if (size <= 0)
		return NULL;
	label[size] = '\0';
	label[strcspn(label, "\n")] = '\0';
	return host->format(arena, "%s", label);
}
