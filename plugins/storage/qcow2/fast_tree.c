/* SPDX-License-Identifier: BSD-3-Clause */
#include "fast_disk.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <sys/stat.h>

#define BLOCK 4096
#define UNPACK_MS (30u * 60000u)
#define LEAST (16 * FAST_MIB)

/* As the tree is to be owned by whom the archive says, below a directory that is
 * closed to everybody else. */
static int unpack(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *archive,
		  const char *directory, struct hyfw_error **err)
{
	const char *const argv[] = { "tar", "--extract", "--numeric-owner", "--same-owner", "--same-permissions",
				     "--xattrs", "--xattrs-include=security.capability", "--file", archive,
				     "--directory", directory, NULL };
	const struct hyfw_program program = { .size = sizeof(program), .argv = argv, .timeout_ms = UNPACK_MS };

	if (mkdir(directory, 0755) < 0)
		return qcow2->host->fail(err, errno, "%s: %s", directory, strerror(errno));
	return qcow2->host->run(operation->arena, &program, NULL, err);
}

int fast_tree_open(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *source,
		   const char *work, const char **ret_directory, struct hyfw_error **err)
{
	char *directory;
	struct stat st;
	int result;

	if (source[0] != '/')
		return qcow2->host->fail(err, EINVAL, "%s: must be an absolute path", source);
	if (stat(source, &st) < 0)
		return qcow2->host->fail(err, errno, "%s: %s", source, strerror(errno));
	if (S_ISDIR(st.st_mode)) {
		*ret_directory = source;
		return 0;
	}
	if (!S_ISREG(st.st_mode))
		return qcow2->host->fail(err, EINVAL, "%s: neither a directory nor an archive", source);
	directory = qcow2->host->format(operation->arena, "%s/tree", work);
	result = unpack(qcow2, operation, source, directory, err);
	if (result == 0)
		*ret_directory = directory;
	return result;
}

/* Blocks of files, an inode each, the journal, and a fifth more. */
int fast_tree_size(const char *directory, int64_t *ret_bytes)
{
	char *roots[] = { (char *)(uintptr_t)directory, NULL };
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
	int64_t blocks = 0, inodes = 0, bytes;
	int result = tree ? 0 : -errno;
	FTSENT *entry;

	while (result == 0 && (entry = fts_read(tree))) {
		if (entry->fts_info == FTS_DP)
			continue;
		if (entry->fts_info == FTS_ERR || entry->fts_info == FTS_DNR || entry->fts_info == FTS_NS)
			result = -entry->fts_errno;
		inodes++;
		blocks += (entry->fts_statp->st_size + BLOCK - 1) / BLOCK;
	}
	if (tree)
		fts_close(tree);
	bytes = (blocks * BLOCK + inodes * 576) / 5 * 6 + LEAST + 8 * FAST_MIB;
	if (bytes > 128 * FAST_MIB)
		bytes += 64 * FAST_MIB;
	*ret_bytes = (bytes + FAST_MIB - 1) / FAST_MIB * FAST_MIB;
	return result;
}
