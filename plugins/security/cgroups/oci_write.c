/* SPDX-License-Identifier: BSD-3-Clause
 * Writing the values of a bundle's resources: all of them, or what was before.  Several
 * bound each other (memory and memory with swap, quota and period, quota and burst), and
 * which goes first depends on what is in effect: what is refused at first is tried once
 * more when the others are there. */
#include "oci.h"

#include <errno.h>

#define TEXT_MOST 256 /* of a value that is put back */
#define NOT_SUPPORTED 524 /* the kernel's own ENOTSUPP */

struct attempt {
	const struct oci_write *write;
	const struct group *group;
	int fd; /* of the group; borrowed */
	int result;
	char before[TEXT_MOST];
};

static const struct group *group_for(const struct group *groups, size_t count, const struct oci_write *write)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (write->controller == CONTROLLER_COUNT ? groups[i].unified :
							    (groups[i].mask & CONTROLLER_BIT(write->controller)) != 0)
			return &groups[i];
	return NULL;
}

static bool keeps_lines(const char *text)
{
	const char *end = strchr(text, '\n');

	return end && end[1];
}

static int attempts_begin(const struct hyfw_host *host, const struct group *groups, size_t count, const int *fds,
			  const struct oci_writes *writes, struct attempt *attempts, struct hyfw_error **err)
{
	size_t i;

	for (i = 0; i < writes->count; i++) {
		const struct oci_write *write = &writes->items[i];
		const struct group *group = group_for(groups, count, write);

		if (!group && !(write->flags & OCI_MAY))
			return host->fail(err, ENOTSUP, "linux.resources.%s: the container has no control group for it",
					  write->key);
		attempts[i] = (struct attempt){ .write = write, .group = group, .result = -EINVAL,
						.fd = group ? fds[group - groups] : -1 };
		/* Lists of devices and the like are not put back: a line of them is no value. */
		if (group && (file_read(attempts[i].fd, write->file, attempts[i].before, TEXT_MOST) < 0 ||
			      keeps_lines(attempts[i].before)))
			attempts[i].before[0] = '\0';
	}
	return 0;
}

/* Limits of kernel memory are gone since Linux 5.16 (memory.rst, "2.7"). */
static bool is_gone(const struct oci_write *write, int result)
{
	return (write->flags & OCI_OBSOLETE) &&
	       (result == -ENOENT || result == -NOT_SUPPORTED || result == -EOPNOTSUPP);
}

static int try_one(const struct hyfw_host *host, const struct attempt *attempt)
{
	int result;

	if (!attempt->group)
		return 0;
	result = file_write(attempt->fd, attempt->write->file, attempt->write->text);
	if (is_gone(attempt->write, result)) {
		host->log(HYFW_LOG_WARNING, "linux.resources.%s: this kernel has no such limit", attempt->write->key);
		return 0;
	}
	return result == -ENOENT && (attempt->write->flags & OCI_MAY) ? 0 : result;
}

/* An alternative that is there leaves its successor nothing to do. */
static void try_all(const struct hyfw_host *host, struct attempt *attempts, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		struct attempt *attempt = &attempts[i];

		if (attempt->result == 0)
			continue;
		attempt->result = try_one(host, attempt);
		if (!(attempt->write->flags & OCI_OR_NEXT) || i + 1 == count)
			continue;
		if (attempt->result == -ENOENT)
			attempt->result = 0;
		else
			attempts[++i].result = 0;
	}
}

static void put_back(const struct attempt *attempts, size_t count)
{
	size_t i;
	int pass;

	for (pass = 0; pass < 2; pass++)
		for (i = count; i > 0; i--)
			if (attempts[i - 1].before[0])
				file_write(attempts[i - 1].fd, attempts[i - 1].write->file, attempts[i - 1].before);
}

static const char *reason(int result)
{
	if (result == -NOT_SUPPORTED)
		return "Operation not supported";
	return result == -ENOENT ? "No such file or directory (this kernel does not have it)" : strerror(-result);
}

static int tell(const struct hyfw_host *host, const struct attempt *attempts, size_t count, struct hyfw_error **err)
{
	size_t i;

	for (i = 0; i < count; i++) {
		const struct attempt *attempt = &attempts[i];

		if (attempt->result == 0)
			continue;
		return host->fail(err, attempt->result == -NOT_SUPPORTED ? ENOTSUP : -attempt->result,
				  "linux.resources.%s: cannot write %s to %s/%s: %s", attempt->write->key,
				  attempt->write->text, attempt->group->path, attempt->write->file,
				  reason(attempt->result));
	}
	return 0;
}

int oci_write(const struct hyfw_host *host, struct hyfw_arena *arena, const struct group *groups, size_t count,
	      const struct oci_writes *writes, struct hyfw_error **err)
{
	struct attempt *attempts = host->alloc(arena, (writes->count + 1) * sizeof(*attempts));
	int fds[GROUPS_MAX], result;
	size_t i;

	for (i = 0; i < count; i++)
		fds[i] = group_open(groups[i].path);
	result = attempts_begin(host, groups, count, fds, writes, attempts, err);
	if (result == 0) {
		try_all(host, attempts, writes->count);
		try_all(host, attempts, writes->count);
		result = tell(host, attempts, writes->count, err);
		if (result < 0)
			put_back(attempts, writes->count);
	}
	for (i = 0; i < count; i++)
		auto_close(&fds[i]);
	return result;
}
