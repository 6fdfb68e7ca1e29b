/* SPDX-License-Identifier: BSD-3-Clause
 * The functions of libguestfs that are used, found with dlsym() in a worker's
 * process: the driver is not linked with it and works without it. */
#ifndef HYFW_STORAGE_GUESTFS_API_H
#define HYFW_STORAGE_GUESTFS_API_H

#include <guestfs.h>

#define GF_FUNCTIONS(X)                                                                                   \
	X(create_flags) X(close) X(shutdown) X(last_error) X(last_errno) X(set_error_handler)               \
	X(set_event_callback) X(set_backend) X(set_backend_settings) X(set_tmpdir) X(set_autosync)          \
	X(add_drive_opts) X(launch) X(user_cancel)                                                          \
	X(list_filesystems) X(list_devices) X(list_partitions)                                              \
	X(mount) X(mount_ro) X(umount) X(umount_all) X(mkmountpoint) X(statvfs) X(free_statvfs) X(sync)     \
	X(vfs_label) X(vfs_uuid) X(vfs_type) X(blockdev_getsize64) X(blockdev_getsz)                        \
	X(inspect_os) X(inspect_get_mountpoints) X(inspect_get_type) X(inspect_get_distro)                  \
	X(inspect_get_product_name) X(inspect_get_major_version) X(inspect_get_minor_version)               \
	X(inspect_get_arch) X(inspect_get_hostname) X(inspect_get_package_format)                           \
	X(inspect_get_package_management)                                                                   \
	X(is_dir_opts) X(is_file_opts) X(exists) X(ls) X(lstatns) X(lstatnslist) X(free_statns)             \
	X(free_statns_list) X(download) X(upload) X(tar_in_opts) X(tar_out_opts) X(mkdir_p) X(mkfs_opts) X(chmod)        \
	X(find0) X(checksums_out)                                                                           \
	X(part_get_parttype) X(part_list) X(free_partition_list) X(part_expand_gpt) X(part_resize)          \
	X(part_to_dev) X(e2fsck) X(resize2fs) X(resize2fs_size) X(xfs_growfs) X(btrfs_filesystem_resize)    \
	X(ntfsresize_opts) X(ntfsfix) X(pvresize) X(lvresize_free) X(pvs) X(lvs)

struct guestfs_api {
#define GF_MEMBER(name) __typeof__(guestfs_##name) *name;
	GF_FUNCTIONS(GF_MEMBER)
#undef GF_MEMBER
};

/* Opens the library; NULL with the reason in '*ret_why'.  Once in a process. */
const struct guestfs_api *guestfs_api_load(const char **ret_why);

#endif
