/* SPDX-License-Identifier: BSD-3-Clause
 * Who may read the disks of a template: the users of the machines that start from it,
 * each named in the file's access list, and nobody else of this host.  (What the disks
 * of a machine hold that ran already is more than an image has.)  Where the file system has
 * no such lists everybody can, and that is logged.
 *
 * The list as linux/posix_acl_xattr.h has it: a version, then entries of a tag, rights
 * and an id, ordered by tag; little-endian. */
#include "template.h"

#include <endian.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LIST "system.posix_acl_access"
#define VERSION 2
#define USERS_MOST 200 /* ext4 has room for some 500 */
#define NOBODY UINT32_MAX

enum { OWNER = 0x01, USER = 0x02, GROUP = 0x04, MASK = 0x10, OTHERS = 0x20 };
enum { READ = 4, WRITE = 2 };

struct entry {
	uint16_t tag, rights;
	uint32_t id;
};

struct list {
	uint32_t version;
	struct entry entries[];
};

static struct entry entry(uint16_t tag, uint16_t rights, uint32_t id)
{
	return (struct entry){ htole16(tag), htole16(rights), htole32(id) };
}

/* The users that the list of 'fd' names, to be freed. */
static size_t users_of(int fd, uint32_t **ret_users)
{
	const ssize_t size = fgetxattr(fd, LIST, NULL, 0);
	KVM_AUTO_FREE struct list *list = size > 0 ? malloc((size_t)size) : NULL;
	size_t count = 0, i, entries;

	*ret_users = NULL;
	if (!list || fgetxattr(fd, LIST, list, (size_t)size) != size || (size_t)size < sizeof(*list) ||
	    le32toh(list->version) != VERSION)
		return 0;
	entries = ((size_t)size - sizeof(*list)) / sizeof(list->entries[0]);
	*ret_users = calloc(entries + 1, sizeof(**ret_users));
	for (i = 0; *ret_users && i < entries; i++)
		if (le16toh(list->entries[i].tag) == USER)
			(*ret_users)[count++] = le32toh(list->entries[i].id);
	return count;
}

static bool has(const uint32_t *users, size_t count, uid_t uid)
{
	size_t i;

	for (i = 0; i < count && users[i] != uid; i++)
		;
	return i < count;
}

static int write_list(int fd, const uint32_t *users, size_t count, uid_t more)
{
	const size_t size = sizeof(struct list) + (count + 5) * sizeof(struct entry);
	KVM_AUTO_FREE struct list *list = malloc(size);
	size_t at = 0, i;

	if (!list)
		return -ENOMEM;
	list->version = htole32(VERSION);
	list->entries[at++] = entry(OWNER, READ | WRITE, NOBODY);
	for (i = 0; i < count; i++)
		list->entries[at++] = entry(USER, READ, users[i]);
	list->entries[at++] = entry(USER, READ, more);
	list->entries[at++] = entry(GROUP, 0, NOBODY);
	list->entries[at++] = entry(MASK, READ, NOBODY);
	list->entries[at++] = entry(OTHERS, 0, NOBODY);
	return fsetxattr(fd, LIST, list, size, 0) < 0 ? -errno : 0;
}

int kvm_template_let_read(const struct hyfw_host *host, const char *path, uid_t uid, struct hyfw_error **err)
{
	KVM_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	KVM_AUTO_FREE uint32_t *users = NULL;
	struct stat st;
	size_t count;
	int r = 0;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return host->fail(err, fd < 0 ? errno : EINVAL, "%s: %s", path, strerror(fd < 0 ? errno : EINVAL));
	if (st.st_uid == uid)
		return 0;
	count = users_of(fd, &users);
	/* Most of so many are gone; who runs has it open, and is named again when it starts. */
	if (count >= USERS_MOST)
		count = 0;
	if (!has(users, count, uid))
		r = write_list(fd, users, count, uid);
	/* A file system without such lists. */
	if (r == -EOPNOTSUPP) {
		r = fchmod(fd, 0604) < 0 ? -errno : 0;
		if (r == 0 && !(st.st_mode & S_IROTH))
			host->log(HYFW_LOG_WARNING, "%s: its file system has no access lists, so every user of this host can read it "
				  "now", path);
	}
	return r < 0 ? host->fail(err, -r, "let user %u read %s: %s", (unsigned)uid, path, strerror(-r)) : 0;
}
