/* SPDX-License-Identifier: BSD-3-Clause
 * The mark on a disk that files of ours lie on (HYFW_ATTRIBUTE_SNAPSHOTS).  It goes where
 * the disk goes: a host that shares its storage finds it, and has no record of the files. */
#include "layer.h"

#include <string.h>
#include <sys/utsname.h>
#include <sys/xattr.h>

#define MARK_SIZE 512 /* of what another host has written, too */

/* "WORKLOAD OWNER MACHINE ": what no other machine of any host has. */
static const char *own_part(struct kvm_layers *layers)
{
	char machine[KVM_MACHINE_ID_SIZE];

	return layers->host->format(layers->arena, "%s %s %s ", layers->workload, layers->host->owner,
				    kvm_machine_id(machine) ? machine : "-");
}

/* NULL when there is none. */
static const char *read_mark(struct kvm_layers *layers, const char *base)
{
	char mark[MARK_SIZE];
	const ssize_t length = lgetxattr(base, HYFW_ATTRIBUTE_SNAPSHOTS, mark, sizeof(mark) - 1);

	if (length <= 0)
		return length < 0 && errno == ERANGE ? "?" : NULL;
	mark[length] = '\0';
	return layers->host->format(layers->arena, "%s", mark);
}

/* Older ones are the workload's name alone. */
static bool is_own(struct kvm_layers *layers, const char *mark)
{
	const char *own = own_part(layers);

	return strncmp(mark, own, strlen(own)) == 0 || strcmp(mark, layers->workload) == 0;
}

void kvm_layer_mark(struct kvm_layers *layers, const char *base)
{
	const char *mark = read_mark(layers, base), *own;
	struct utsname name;

	if (!kvm_layer_of_base(layers->kept, base)) {
		if (mark && is_own(layers, mark))
			lremovexattr(base, HYFW_ATTRIBUTE_SNAPSHOTS);
		return;
	}
	if (mark && !is_own(layers, mark))
		return; /* kvm_layer_foreign() has told */
	own = layers->host->format(layers->arena, "%s%s", own_part(layers), uname(&name) == 0 ? name.nodename : "?");
	if (lsetxattr(base, HYFW_ATTRIBUTE_SNAPSHOTS, own, strlen(own), 0) < 0)
		layers->host->log(HYFW_LOG_WARNING, "disk %s: note that it has snapshots: %s: see to it that nobody else "
				  "writes to it", base, strerror(errno));
}

int kvm_layer_foreign(struct kvm_layers *layers, const char *base, struct hyfw_error **err)
{
	const char *mark = read_mark(layers, base), *host;
	int workload;

	if (!mark || is_own(layers, mark))
		return 0;
	host = strrchr(mark, ' ');
	workload = (int)strcspn(mark, " ");
	return layers->host->fail(err, EBUSY, "disk %s: workload %.*s of %s has external snapshots of it, and what it wrote "
				  "since is in files that are known there; `hyfw snapshot delete %.*s NAME` there merges them",
				  base, workload, mark, host ? host + 1 : "this host", workload, mark);
}
