/* SPDX-License-Identifier: BSD-3-Clause
 * The verbs of the driver; sdk/include/hyfw/storage.h says what they take and give. */
#include "qcow2.h"

#include <errno.h>

#include "fast_disk.h"
#include "guestfs_disk.h"

/* With the file system it needs the appliance. */
static int resize(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		  struct hyfw_error **err)
{
#ifdef QCOW2_WITH_GUESTFS
	if (hyfw_map_bool(&operation->args, "filesystem", false) || hyfw_map_get(&operation->args, "partition"))
		return gf_verb_resize(qcow2, operation, ret_result, err);
#endif
	return qcow2_verb_resize(qcow2, operation, ret_result, err);
}

static const struct {
	const char *verb;
	qcow2_verb_fn run;
} verbs[] = {
#ifdef QCOW2_WITH_GUESTFS
	{ "filesystems", gf_verb_filesystems },
	{ "inspect", gf_verb_inspect },
	{ "ls", gf_verb_ls },
	{ "cat", gf_verb_cat },
	{ "upload", gf_verb_upload },
	{ "tar-in", gf_verb_tar_in },
	{ "tar-out", gf_verb_tar_out },
	{ "copy-in", gf_verb_copy_in },
	{ "copy-out", gf_verb_copy_out },
	{ "diff", gf_verb_diff },
#endif
	{ "customize", gf_verb_customize },
	{ "sysprep", gf_verb_sysprep },
	{ "sparsify", gf_verb_sparsify },
	{ "check", qcow2_verb_check },
	{ "clone", qcow2_verb_clone },
	{ "commit", qcow2_verb_commit },
	{ "convert", qcow2_verb_convert },
	{ "build-disk", fast_verb_build },
	{ "create", fast_verb_create },
	{ "info", qcow2_verb_info },
	{ "mount", fast_verb_mount },
	{ "pools", qcow2_verb_pools },
	{ "rebase", qcow2_verb_rebase },
	{ "release", qcow2_verb_release },
	{ "reserve", qcow2_verb_reserve },
	{ "resize", resize },
	{ "snapshot-create", qcow2_verb_snapshot_create },
	{ "snapshot-delete", qcow2_verb_snapshot_delete },
	{ "snapshot-list", qcow2_verb_snapshot_list },
	{ "snapshot-revert", qcow2_verb_snapshot_revert },
	{ "unmount", fast_verb_unmount },
	{ "volumes", qcow2_verb_volumes },
	{ NULL, NULL },
};

int qcow2_operate(void *instance, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		  struct hyfw_error **err)
{
	struct qcow2 *qcow2 = instance;
	size_t i;

	for (i = 0; verbs[i].verb; i++)
		if (strcmp(verbs[i].verb, operation->verb) == 0)
			return verbs[i].run(qcow2, operation, ret_result, err);
	return qcow2->host->fail(err, ENOTSUP, "disks: there is no operation '%s'", operation->verb);
}
