/* SPDX-License-Identifier: BSD-3-Clause
 * create, clone, convert: disks that were not there before.  Each is made beside its
 * place and gets its name when it is whole and synced. */
#include "qcow2.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

static const char *argument(const struct hyfw_operation *operation, const char *key, const char *fallback)
{
	const char *value = hyfw_map_get(&operation->args, key);

	return value && *value ? value : fallback;
}

static int check_format(struct qcow2 *qcow2, const char *format, struct hyfw_error **err)
{
	return qcow2_format_known(format) ? 0 :
					    qcow2->host->fail(err, EINVAL,
							      "format %s: it is not one of raw, qcow2, vmdk, vdi, vhdx and "
							      "vpc", format);
}

/* What qemu-img takes for 'preallocation' in 'format'; NULL for nothing. */
static int preallocation_option(struct qcow2 *qcow2, struct hyfw_arena *arena, const char *format,
				const char *preallocation, const char **ret_option, struct hyfw_error **err)
{
	static const struct {
		const char *format, *words;
	} known[] = { { "raw", " off falloc full " }, { "qcow2", " off metadata falloc full " }, { "vdi", " off metadata " } };
	size_t i;

	*ret_option = NULL;
	if (strcmp(preallocation, "off") == 0)
		return 0;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].format, format) != 0 ||
		    !strstr(known[i].words, qcow2->host->format(arena, " %s ", preallocation)))
			continue;
		*ret_option = qcow2->host->format(arena, "preallocation=%s", preallocation);
		return 0;
	}
	return qcow2->host->fail(err, EINVAL, "preallocation %s: format %s has none such", preallocation, format);
}

/* The new overlay 'target' on 'base', of 'size' (0: that of the base); the base becomes
 * readable for the users of machines, since all that are based on it read it. */
static int make_overlay(struct qcow2 *qcow2, const struct hyfw_operation *operation,
			const struct qcow2_disk *base, uint64_t size, struct qcow2_target *target,
			struct hyfw_error **err)
{
	struct hyfw_arena *arena = operation->arena;
	const char *const argv[] = { "create", "-q", "-f", "qcow2", "-F", base->format, "-b", base->path,
				     target->temporary,
				     qcow2->host->format(arena, "%" PRIu64, size ? size : base->header.virtual_size), NULL };
	int result = 0;

	if (!target->pool) /* in a pool it stands beside the disk */
		result = qcow2_may_be_based(qcow2, arena, target->path, base->path, base->path, err);
	if (result == 0)
		result = qcow2_run(qcow2, arena, NULL, argv, NULL, err);
	if (result == 0 && base->pool && fchmod(base->fd, (base->st.st_mode & 07777) | 0444) < 0)
		result = qcow2->host->fail(err, errno, "disk %s: make it readable: %s", base->path, strerror(errno));
	return result < 0 ? result : qcow2_target_commit(qcow2, target, base->path, err);
}

/* ---- create ---- */

static int create_plain(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *format,
			uint64_t size, struct qcow2_target *target, struct hyfw_error **err)
{
	const char *option = NULL;
	const char *argv[] = { "create", "-q", "-f", format, target->temporary,
			       qcow2->host->format(operation->arena, "%" PRIu64, size), NULL, NULL, NULL };
	int result = preallocation_option(qcow2, operation->arena, format,
					  argument(operation, "preallocation", "off"), &option, err);

	if (option) {
		argv[6] = "-o";
		argv[7] = option;
	}
	if (result == 0)
		result = qcow2_run(qcow2, operation->arena, operation, argv, NULL, err);
	return result < 0 ? result : qcow2_target_commit(qcow2, target, NULL, err);
}

static int create_on(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *backing,
		     const char *format, uint64_t size, struct hyfw_error **err)
{
	struct qcow2_target target;
	struct qcow2_disk base;
	int result;

	if (strcmp(format, "qcow2") != 0)
		return qcow2->host->fail(err, EINVAL, "format %s: only qcow2 can be based on another disk here", format);
	if (strcmp(argument(operation, "preallocation", "off"), "off") != 0)
		return qcow2->host->fail(err, EINVAL, "a disk that is based on another one cannot be preallocated");
	result = qcow2_disk_open(qcow2, operation, backing, QCOW2_READ, &base, err);
	if (result < 0)
		return result;
	if (size && size < base.header.virtual_size)
		result = qcow2->host->fail(err, EINVAL, "disk %s: it would be smaller than what it is based on",
					   operation->object);
	else
		result = qcow2_target_open(qcow2, operation, operation->object, format,
					   size ? size : base.header.virtual_size, &target, err);
	if (result == 0) {
		result = make_overlay(qcow2, operation, &base, size, &target, err);
		qcow2_target_close(qcow2, &target);
	}
	qcow2_disk_close(qcow2, &base);
	return result;
}

int qcow2_verb_create(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		      struct hyfw_error **err)
{
	const char *format = argument(operation, "format", "qcow2"), *backing = argument(operation, "backing", NULL);
	int64_t size = hyfw_map_int(&operation->args, "size", 0);
	struct qcow2_target target;
	int result = check_format(qcow2, format, err);

	(void)ret_result;
	if (result < 0)
		return result;
	if (size < 0 || (size == 0 && !backing))
		return qcow2->host->fail(err, EINVAL, "disk %s: its size is missing", operation->object);
	size = (int64_t)(((uint64_t)size + 511) & ~UINT64_C(511));
	if (backing)
		return create_on(qcow2, operation, backing, format, (uint64_t)size, err);
	result = qcow2_target_open(qcow2, operation, operation->object, format, (uint64_t)size, &target, err);
	if (result < 0)
		return result;
	result = create_plain(qcow2, operation, format, (uint64_t)size, &target, err);
	qcow2_target_close(qcow2, &target);
	return result;
}

/* ---- clone, convert ---- */

static int copy(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct qcow2_disk *from,
		const char *format, bool compress, struct qcow2_target *target, struct hyfw_error **err)
{
	const char *const argv[] = { "convert", "-p", "-f", from->format, "-O", format, from->path, target->temporary,
				     compress ? "-c" : NULL, NULL };
	int result = qcow2_run(qcow2, operation->arena, operation, argv, NULL, err);

	if (result == 0)
		result = qcow2_disk_unchanged(qcow2, from, err);
	return result < 0 ? result : qcow2_target_commit(qcow2, target, NULL, err);
}

static int copy_to(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *format, bool linked,
		   struct hyfw_error **err)
{
	struct qcow2_target target;
	struct qcow2_disk from;
	int result = qcow2_disk_open(qcow2, operation, operation->object, QCOW2_READ, &from, err);

	if (result < 0)
		return result;
	if (!format)
		format = linked ? "qcow2" : from.format;
	result = check_format(qcow2, format, err);
	if (result == 0)
		result = qcow2_target_open(qcow2, operation, argument(operation, "to", NULL), format,
					   from.header.virtual_size, &target, err);
	if (result == 0) {
		result = linked ? make_overlay(qcow2, operation, &from, 0, &target, err) :
				  copy(qcow2, operation, &from, format, hyfw_map_bool(&operation->args, "compress", false),
				       &target, err);
		qcow2_target_close(qcow2, &target);
	}
	qcow2_disk_close(qcow2, &from);
	return result;
}

int qcow2_verb_clone(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		     struct hyfw_error **err)
{
	(void)ret_result;
	return copy_to(qcow2, operation, NULL, hyfw_map_bool(&operation->args, "linked", false), err);
}

int qcow2_verb_convert(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		       struct hyfw_error **err)
{
	const char *format = argument(operation, "format", "qcow2");

	(void)ret_result;
	if (hyfw_map_bool(&operation->args, "compress", false) && strcmp(format, "qcow2") != 0 &&
	    strcmp(format, "vmdk") != 0)
		return qcow2->host->fail(err, EINVAL, "format %s cannot be compressed", format);
	return copy_to(qcow2, operation, format, false, err);
}
