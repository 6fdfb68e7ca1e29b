/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/failover_lease.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "base/json.h"
#include "engine/journal_format.h"

#define LEASE_VERSION 1
#define NUMBER_MOST ((int64_t)1 << 62)

/* ---- the file ---- */

int hyfw_failover_lease_open(const char *path, bool make, struct hyfw_error **err)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (make ? O_CREAT : 0);
	HYFW_AUTO_CLOSE int fd = open(path, flags, 0600);
	struct stat st;

	if (fd < 0)
		return hyfw_fail_errno(err, errno, "lease %s", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return hyfw_fail(err, EINVAL, "lease %s: not a file", path);
	return hyfw_steal_fd(&fd);
}

int hyfw_failover_lease_lock(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

bool hyfw_failover_lease_locked(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

int hyfw_failover_lease_is_at(int fd, const char *path)
{
	struct stat open_file, named;

	if (fstat(fd, &open_file) < 0)
		return -errno;
	if (lstat(path, &named) < 0)
		return errno == ENOENT ? 0 : -errno;
	return open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

/* ---- the content ---- */

/* Text of at most 'size' - 1 visible characters. */
static bool take_text(struct json_object *object, const char *key, char *ret_text, size_t size)
{
	const char *text = hyfw_json_text(object, key), *at;

	if (!text || strlen(text) >= size)
		return false;
	for (at = text; *at; at++)
		if ((unsigned char)*at <= ' ' || (unsigned char)*at > '~')
			return false;
	memcpy(ret_text, text, strlen(text) + 1);
	return true;
}

static bool take_number(struct json_object *object, const char *key, int64_t most, uint64_t *ret_number)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, json_type_int) ||
	    json_object_get_int64(value) < 0 || json_object_get_int64(value) > most)
		return false;
	*ret_number = (uint64_t)json_object_get_int64(value);
	return true;
}

static bool take_lease(struct json_object *object, struct hyfw_failover_lease *lease)
{
	struct json_object *held;
	uint64_t version, period;

	if (!take_number(object, "version", LEASE_VERSION, &version) || version != LEASE_VERSION ||
	    !take_number(object, "period_ms", HYFW_LEASE_MOST_MS, &period) || period < HYFW_LEASE_LEAST_MS ||
	    !json_object_object_get_ex(object, "held", &held) || !json_object_is_type(held, json_type_boolean))
		return false;
	lease->period_ms = (unsigned)period;
	lease->held = json_object_get_boolean(held);
	return take_text(object, "host", lease->host, sizeof(lease->host)) &&
	       take_text(object, "boot", lease->boot, sizeof(lease->boot)) &&
	       take_text(object, "token", lease->token, sizeof(lease->token)) &&
	       take_number(object, "generation", NUMBER_MOST, &lease->generation) &&
	       take_number(object, "counter", NUMBER_MOST, &lease->counter);
}

int hyfw_failover_lease_read(int fd, struct hyfw_failover_lease *ret_lease, struct hyfw_error **err)
{
	struct hyfw_failover_lease lease = { 0 };
	char block[HYFW_LEASE_BLOCK + 1] = "", *end;
	const ssize_t got = pread(fd, block, HYFW_LEASE_BLOCK, 0);
	struct json_object *object;
	bool good;

	if (got < 0)
		return hyfw_fail_errno(err, errno, "read the lease");
	if (got == 0) {
		*ret_lease = lease;
		return 0;
	}
	end = memchr(block, '\n', (size_t)got);
	if (!end || got != HYFW_LEASE_BLOCK)
		return hyfw_fail(err, EBADMSG, "the lease is damaged");
	*end = '\0';
	object = hyfw_journal_unline(block, (size_t)(end - block));
	good = object && take_lease(object, &lease);
	json_object_put(object);
	if (!good)
		return hyfw_fail(err, EBADMSG, "the lease is damaged, or of another version of hyfw");
	*ret_lease = lease;
	return 0;
}

int hyfw_failover_lease_write(int fd, const struct hyfw_failover_lease *lease, struct hyfw_error **err)
{
	struct json_object *object = json_object_new_object();
	char block[HYFW_LEASE_BLOCK];
	HYFW_AUTO_FREE char *line = NULL;
	ssize_t written;

	hyfw_json_add_number(object, "version", LEASE_VERSION);
	hyfw_json_add_text(object, "host", lease->host);
	hyfw_json_add_text(object, "boot", lease->boot);
	hyfw_json_add_text(object, "token", lease->token);
	hyfw_json_add_number(object, "generation", (int64_t)lease->generation);
	hyfw_json_add_number(object, "counter", (int64_t)lease->counter);
	hyfw_json_add_number(object, "period_ms", lease->period_ms);
	hyfw_json_add_bool(object, "held", lease->held);
	line = hyfw_journal_line(object);
	json_object_put(object);
	if (strlen(line) > sizeof(block))
		return hyfw_fail(err, EINVAL, "write the lease: too long");
	memset(block, '\n', sizeof(block));
	memcpy(block, line, strlen(line));
	written = pwrite(fd, block, sizeof(block), 0);
	if (written != (ssize_t)sizeof(block))
		return hyfw_fail_errno(err, written < 0 ? errno : ENOSPC, "write the lease");
	return fdatasync(fd) < 0 ? hyfw_fail_errno(err, errno, "write the lease") : 0;
}

/* ---- takings ---- */

bool hyfw_failover_lease_same(const struct hyfw_failover_lease *a, const struct hyfw_failover_lease *b)
{
	return a->generation == b->generation && strcmp(a->token, b->token) == 0;
}

bool hyfw_failover_lease_unchanged(const struct hyfw_failover_lease *a, const struct hyfw_failover_lease *b)
{
	return hyfw_failover_lease_same(a, b) && a->counter == b->counter && a->held == b->held;
}

static int make_token(char ret_token[static 33], struct hyfw_error **err)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[16];
	size_t i;

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return hyfw_fail_errno(err, errno, "getrandom");
	for (i = 0; i < sizeof(bytes); i++) {
		ret_token[2 * i] = digits[bytes[i] >> 4];
		ret_token[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret_token[32] = '\0';
	return 0;
}

int hyfw_failover_lease_next(const struct hyfw_failover_lease *before, unsigned period_ms,
			     struct hyfw_failover_lease *ret_lease, struct hyfw_error **err)
{
	struct hyfw_failover_lease lease = { .generation = before->generation + 1, .period_ms = period_ms,
					     .held = true };
	int result = hyfw_failover_here(lease.host, lease.boot, err);

	if (result == 0)
		result = make_token(lease.token, err);
	if (result == 0)
		*ret_lease = lease;
	return result;
}

int hyfw_failover_here(char ret_host[static 65], char ret_boot[static 40], struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *boot = NULL;
	struct utsname name;
	int result;

	if (uname(&name) < 0)
		return hyfw_fail_errno(err, errno, "uname");
	result = hyfw_file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 39, &boot, NULL, err);
	if (result < 0)
		return result;
	boot[strcspn(boot, "\n")] = '\0';
	snprintf(ret_boot, 40, "%s", boot);
	snprintf(ret_host, 65, "%s", name.nodename); /* the kernel's has at most 64 bytes */
	return 0;
}
