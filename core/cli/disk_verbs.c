/* SPDX-License-Identifier: BSD-3-Clause
 * The subcommands of hyfw disk, as data.  The keys of words and flags are those that
 * storage.h of the SDK lists for the operation. */
#include "cli/disk.h"

#define LIVE { "live", DISK_TRUE, NULL, "read a disk that is in use, as it is at this moment" }
#define DEVICE { "device", DISK_TEXT, "DEVICE", "the file system that is meant, as df lists it" }

static const struct disk_flag create_flags[] = {
	{ "format", DISK_TEXT, "FORMAT", "qcow2 (default) or raw" },
	{ "preallocation", DISK_TEXT, "HOW", "off (default), metadata, falloc or full" },
	{ "backing", DISK_PATH, "DISK", "make an overlay of this disk" },
	{ "filesystem", DISK_TEXT, "TYPE", "with this file system in it, like ext4" },
	{ "from", DISK_PATH, "SOURCE", "a directory or tar archive that becomes its content" },
	{ "label", DISK_TEXT, "LABEL", "of the file system" },
	{ 0 },
};
static const struct disk_flag mkfs_flags[] = {
	{ "filesystem", DISK_TEXT, "TYPE", "ext4 (default), ext2, ext3, xfs, btrfs, vfat, ..." },
	{ "size", DISK_SIZE, "SIZE", "of the disk; default: what the source needs" },
	{ "format", DISK_TEXT, "FORMAT", "qcow2 (default) or raw" },
	{ "label", DISK_TEXT, "LABEL", "of the file system" },
	{ 0 },
};
static const struct disk_flag resize_flags[] = {
	{ "filesystem", DISK_TRUE, NULL, "the last partition and the file system in it too" },
	{ "partition", DISK_TEXT, "NUMBER", "that partition instead of the last" },
	{ "shrink", DISK_TRUE, NULL, "permit a smaller size" },
	{ 0 },
};
static const struct disk_flag clone_flags[] = {
	{ "linked", DISK_TRUE, NULL, "an overlay, which needs the original" }, { 0 }
};
static const struct disk_flag rebase_flags[] = {
	{ "unsafe", DISK_TRUE, NULL, "only write the new name down" }, { 0 }
};
static const struct disk_flag convert_flags[] = {
	{ "format", DISK_TEXT, "FORMAT", "qcow2 (default), raw, vmdk, vdi, vhdx or vpc (VHD)" },
	{ "compress", DISK_TRUE, NULL, "qcow2 and vmdk: compressed" },
	{ 0 },
};
static const struct disk_flag check_flags[] = {
	{ "repair", DISK_TRUE, NULL, "mend what can be mended" }, { 0 }
};
static const struct disk_flag live_flags[] = { LIVE, { 0 } };
static const struct disk_flag look_flags[] = { LIVE, DEVICE, { 0 } };
static const struct disk_flag device_flags[] = { DEVICE, { 0 } };
static const struct disk_flag customize_flags[] = {
	{ "hostname", DISK_TEXT, "NAME", "the host name" },
	{ "root-password-file", DISK_PATH, "FILE", "its first line becomes the root password" },
	{ "ssh-key-file", DISK_LIST_PATH, "FILE", "a public key that may log in as root. Repeatable" },
	{ "user", DISK_LIST, "NAME", "make this user. Repeatable" },
	{ "run", DISK_LIST, "COMMAND", "run this inside. Repeatable" },
	{ "install", DISK_LIST_PATH, "DIR", "install the packages that are in this directory. Repeatable" },
	{ 0 },
};
static const struct disk_flag sysprep_flags[] = {
	{ "operations", DISK_TEXT, "LIST", "which of them, as virt-sysprep lists them" }, { 0 }
};
static const struct disk_flag mount_flags[] = {
	{ "read-only", DISK_TRUE, NULL, "nothing can be written" }, DEVICE, { 0 }
};

static const char *const filesystem_columns[] = { "device", "type", "label", "uuid", "size", "used", "available", NULL };
static const char *const file_columns[] = { "mode", "uid", "gid", "size", "modified", "name", NULL };
static const char *const snapshot_columns[] = { "name", "created", "bytes", NULL };
static const char *const diff_columns[] = { "change", "path", NULL };
static const char *const pool_columns[] = { "name", "path", "size", "used", "available", NULL };

/* In the order of the help. */
const struct disk_verb disk_verbs[] = {
	{ .name = "create", .usage = "DISK [SIZE]", .help = "make a disk", .label = "Creating",
	  .words = { { "size", DISK_SIZE } }, .least = 1, .most = 2, .flags = create_flags },
	{ .name = "info", .usage = "DISK", .help = "format, sizes, backing file, lock", .least = 1, .most = 1,
	  .result = DISK_FACTS },
	{ .name = "check", .usage = "DISK", .help = "whether its structure is sound", .label = "Checking", .least = 1,
	  .most = 1, .flags = check_flags, .result = DISK_FACTS },
	{ .name = "resize", .usage = "DISK [+]SIZE", .help = "change its size, on demand with the file system",
	  .label = "Resizing", .words = { { "size", DISK_TEXT } }, .least = 2, .most = 2, .flags = resize_flags,
	  .run = disk_run_resize },
	{ .name = "clone", .usage = "DISK TO", .help = "copy it, or put an overlay on it", .label = "Cloning",
	  .words = { { "to", DISK_PATH } }, .least = 2, .most = 2, .flags = clone_flags },
	{ .name = "convert", .usage = "DISK TO", .help = "write it in another format", .label = "Converting",
	  .words = { { "to", DISK_PATH } }, .least = 2, .most = 2, .flags = convert_flags },
	{ .name = "rebase", .usage = "DISK [BACKING]", .help = "put an overlay on another disk; alone: on none",
	  .label = "Rebasing", .words = { { "backing", DISK_PATH, "" } }, .least = 1, .most = 2, .flags = rebase_flags },
	{ .name = "commit", .usage = "DISK", .help = "write an overlay into the disk below", .label = "Committing",
	  .least = 1, .most = 1 },
	{ .name = "sparsify", .usage = "DISK [TO]", .help = "give unused space back", .label = "Sparsifying",
	  .words = { { "to", DISK_PATH } }, .least = 1, .most = 2 },
	{ .name = "snapshot create", .operation = "snapshot-create", .usage = "DISK NAME", .help = "keep its state under a name",
	  .words = { { "name", DISK_TEXT } }, .least = 2, .most = 2 },
	{ .name = "snapshot list", .operation = "snapshot-list", .usage = "DISK", .help = "the states that are kept",
	  .least = 1, .most = 1, .result = DISK_ROWS, .columns = snapshot_columns },
	{ .name = "snapshot revert", .operation = "snapshot-revert", .usage = "DISK NAME", .help = "go back to one",
	  .words = { { "name", DISK_TEXT } }, .least = 2, .most = 2 },
	{ .name = "snapshot delete", .operation = "snapshot-delete", .usage = "DISK NAME", .help = "forget one",
	  .words = { { "name", DISK_TEXT } }, .least = 2, .most = 2 },
	{ .name = "diff", .usage = "DISK OTHER", .help = "files that differ", .label = "Comparing",
	  .words = { { "with", DISK_PATH } }, .least = 2, .most = 2, .flags = live_flags, .result = DISK_ROWS,
	  .columns = diff_columns },
	{ .name = "mkfs", .operation = "create", .usage = "DISK SOURCE", .help = "a disk with what a directory or tar archive holds",
	  .label = "Writing", .words = { { "from", DISK_PATH } }, .least = 2, .most = 2, .flags = mkfs_flags },
	{ .name = "filesystems", .usage = "DISK", .help = "file systems and their free space; also df", .label = "Reading",
	  .least = 1, .most = 1, .flags = live_flags, .result = DISK_ROWS, .columns = filesystem_columns },
	{ .name = "df", .operation = "filesystems", .usage = "DISK", .least = 1, .most = 1, .label = "Reading",
	  .flags = live_flags, .result = DISK_ROWS, .columns = filesystem_columns },
	{ .name = "inspect", .usage = "DISK", .help = "the operating system in it", .label = "Reading", .least = 1, .most = 1,
	  .flags = live_flags, .result = DISK_FACTS },
	{ .name = "ls", .usage = "DISK PATH", .help = "files of a directory in it", .label = "Reading",
	  .words = { { "path", DISK_TEXT } }, .least = 2, .most = 2, .flags = look_flags, .result = DISK_ROWS,
	  .columns = file_columns },
	{ .name = "cat", .usage = "DISK PATH", .help = "print a file in it", .label = "Reading",
	  .words = { { "path", DISK_TEXT } }, .least = 2, .most = 2, .flags = look_flags, .run = disk_run_stream },
	{ .name = "edit", .usage = "DISK PATH", .help = "change a file in it with $EDITOR", .label = "Reading",
	  .words = { { "path", DISK_TEXT } }, .least = 2, .most = 2, .flags = device_flags, .run = disk_run_edit },
	{ .name = "cp", .usage = "DISK:PATH TO | FROM DISK:PATH", .help = "copy files out or in", .label = "Copying",
	  .words = { { "to", DISK_TEXT } }, .least = 2, .most = 2, .flags = device_flags, .run = disk_run_copy },
	{ .name = "tar-in", .usage = "DISK PATH [ARCHIVE]", .help = "unpack an archive, or standard input, at a path in it",
	  .label = "Copying", .words = { { "path", DISK_TEXT }, { "archive", DISK_PATH } }, .least = 2, .most = 3,
	  .flags = device_flags, .run = disk_run_stream },
	{ .name = "tar-out", .usage = "DISK PATH [ARCHIVE]", .help = "pack a directory in it, to standard output without ARCHIVE",
	  .label = "Copying", .words = { { "path", DISK_TEXT }, { "archive", DISK_PATH } }, .least = 2, .most = 3,
	  .flags = look_flags, .run = disk_run_stream },
	{ .name = "customize", .usage = "DISK", .help = "prepare the system in it before its first start",
	  .label = "Customizing", .least = 1, .most = 1, .flags = customize_flags },
	{ .name = "sysprep", .usage = "DISK", .help = "remove what must not be in a template: keys, logs, ids",
	  .label = "Preparing", .least = 1, .most = 1, .flags = sysprep_flags },
	{ .name = "mount", .usage = "DISK DIRECTORY", .help = "mount it on this machine", .label = "Mounting",
	  .words = { { "at", DISK_PATH } }, .least = 2, .most = 2, .flags = mount_flags },
	{ .name = "unmount", .usage = "DIRECTORY", .help = "and end that", .label = "Unmounting", .least = 1, .most = 1,
	  .at_path = true },
	{ .name = "pools", .usage = "", .help = "the pools of the configuration", .result = DISK_ROWS,
	  .columns = pool_columns },
	{ 0 },
};
