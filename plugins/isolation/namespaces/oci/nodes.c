/* SPDX-License-Identifier: BSD-3-Clause
 * Devices that a bundle lists, where the container has a user namespace: nodes that are
 * made in it are of no use, so we make them, with the owner and mode that are asked for, in
 * a file system of their own, and the child binds them one by one.  It attaches that file
 * system for so long, as only what is attached can be copied before Linux 6.15. */
#include "oci.h"

#include <sched.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define PLACE "/proc" /* of the host, in the child's mount namespace; there is one for sure */

static int make_one(const struct oci_room *room, size_t index)
{
	const struct hyfw_oci_device *device = &room->config->devices[index];
	const struct hyfw_oci_idmap *idmap = &room->config->idmap;
	char room_of_name[24];
	const char *name = oci_digits(index, 10, room_of_name);
	mode_t kind = device->type == 'b' ? S_IFBLK : S_IFCHR;
	uint32_t uid = oci_id_outside(idmap->uids, idmap->uid_count, device->uid);
	uint32_t gid = oci_id_outside(idmap->gids, idmap->gid_count, device->gid);

	if (mknodat(room->nodes, name, kind | device->mode, makedev(device->major, device->minor)) < 0)
		return -errno;
	/* Of a namespace that is joined we do not know the ids. */
	if (idmap->uid_count && uid != UINT32_MAX && gid != UINT32_MAX && fchownat(room->nodes, name, uid, gid, 0) < 0)
		return -errno;
	return fchmodat(room->nodes, name, device->mode, 0) < 0 ? -errno : 0; /* the umask is the caller's */
}

static bool is_wanted(const struct oci_room *room)
{
	size_t i;

	if (room->late || !oci_fresh(room, CLONE_NEWNS) ||
	    !((room->namespaces.fresh | room->namespaces.taken) & CLONE_NEWUSER))
		return false;
	for (i = 0; i < room->config->device_count; i++)
		if (room->config->devices[i].type != 'p')
			return true;
	return false;
}

int oci_nodes_make(struct oci_room *room, struct hyfw_error **err)
{
	const char *label = room->workload->confinement.mount_label;
	const char *const options[] = { "source", "tmpfs", "mode", "755", label ? "context" : NULL, label, NULL };
	size_t i;
	int r;

	if (!is_wanted(room))
		return 0;
	/* The child has to look into it, and nobody else sees it. */
	room->nodes = ns_filesystem("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	if (room->nodes < 0)
		return ns_fail(room->host, err, -room->nodes, "mount a file system for", "devices");
	for (i = 0; i < room->config->device_count; i++) {
		r = room->config->devices[i].type == 'p' ? 0 : make_one(room, i);
		if (r == -EPERM) { /* who may not make any has those of the host bound */
			close(room->nodes);
			room->nodes = -1;
			return 0;
		}
		if (r < 0)
			return ns_fail(room->host, err, -r, "make the device", room->config->devices[i].path);
	}
	return 0;
}

/* ---- in the child ---------------------------------------------------------------- */

void oci_nodes_attach(const struct ns_job *job, const struct oci_room *room)
{
	if (room->nodes >= 0 && move_mount(room->nodes, "", AT_FDCWD, PLACE, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		ns_die(job, NS_STEP_DEVICE, "the file system of the listed ones", errno);
}

void oci_nodes_detach(const struct ns_job *job, const struct oci_room *room)
{
	if (room->nodes >= 0 && umount2(PLACE, MNT_DETACH) < 0)
		ns_die(job, NS_STEP_DEVICE, "the file system of the listed ones", errno);
}

int oci_node_take(const struct oci_room *room, size_t index)
{
	char room_of_name[24];
	int fd = open_tree(room->nodes, oci_digits(index, 10, room_of_name), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	return fd < 0 ? -errno : fd;
}
