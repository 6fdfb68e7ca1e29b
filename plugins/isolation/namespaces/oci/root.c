/* SPDX-License-Identifier: BSD-3-Clause
 * The root of an OCI container: attached, later pivoted to (or, with no_pivot, where
 * the kernel's first root cannot be left, changed to). */
#include "oci.h"

#include <sched.h>

/* Nothing that is mounted here may reach the host; what the host mounts is still seen
 * until the root changes. */
static void part_from_host(const struct ns_job *job)
{
	struct mount_attr slave = { .propagation = MS_SLAVE };

	if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &slave, sizeof(slave)) < 0)
		ns_die(job, NS_STEP_PROPAGATION, "/", errno);
}

static int attach_at(int root, const char *path)
{
	return move_mount(root, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

/* Hooks before the pivot find it where the bundle has it; that path may be closed to
 * the root of a user namespace, and costs a walk, so all others get it on top of "/". */
void oci_root_attach(const struct ns_job *job, const struct oci_room *room)
{
	bool hooks = room->stops || room->config->hooks[HYFW_OCI_CREATE_CONTAINER].count;
	bool fresh = oci_fresh(room, CLONE_NEWNS);
	int r = -EACCES;

	if (!fresh && !(room->namespaces.taken & CLONE_NEWNS))
		return; /* the host's: nothing is mounted */
	if (fresh)
		part_from_host(job);
	if (hooks || !fresh)
		r = attach_at(room->root, room->config->root);
	if (r == -EACCES && fresh)
		r = attach_at(room->root, "/");
	/* What was moved to a mount that others share is shared with them. */
	if (r == 0 && !fresh)
		r = oci_mount_change(room->root, 0, 0, MS_PRIVATE, true);
	if (r < 0)
		ns_die(job, NS_STEP_ROOT, "attach", -r);
}

/* With no_pivot the root is on top of "/" already, unless hooks ran. */
static void change_root(const struct ns_job *job, int root, bool move)
{
	if (fchdir(root) < 0)
		ns_die(job, NS_STEP_ROOT, "enter", errno);
	if (move && mount(".", "/", NULL, MS_MOVE, NULL) < 0 && errno != EINVAL && errno != ELOOP)
		ns_die(job, NS_STEP_ROOT, "move", errno);
	if (chroot(".") < 0 || chdir("/") < 0)
		ns_die(job, NS_STEP_ROOT, "chroot", errno);
}

void oci_root_enter(const struct ns_job *job, const struct oci_room *room)
{
	const struct hyfw_oci_config *config = room->config;
	uint64_t propagation = config->root_propagation;
	int r;

	/* Others may live in a mount namespace that is not ours alone. */
	if (!oci_fresh(room, CLONE_NEWNS)) {
		change_root(job, room->root, false);
		return;
	}
	if (config->no_pivot) {
		oci_hostfs_hide(job, room->root);
		change_root(job, room->root, true);
	} else {
		ns_pivot(job, room->root);
	}
	if (!(propagation & (MS_SHARED | MS_UNBINDABLE)))
		return;
	r = oci_mount_change(room->root, 0, 0, propagation, config->root_propagation_all);
	if (r < 0)
		ns_die(job, NS_STEP_PROPAGATION, "the root file system", -r);
}
