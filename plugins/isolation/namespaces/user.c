/* SPDX-License-Identifier: BSD-3-Clause
 * Who the command runs as, by the passwd(5) and group(5) files inside the root
 * file system.  They belong to the image and are not trusted: they are resolved
 * below the root, must be regular files, and are read up to a limit. */
#include "ns.h"

#include <linux/openat2.h>
#include <sys/stat.h>

#define FILE_LIMIT (1u << 20)
#define FIELDS 7

/* The whole file in 'arena-less' memory, free(); "" when there is none. */
static char *read_inside(int root_fd, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	NS_AUTO_CLOSE int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	struct stat status;
	size_t size = 0;
	ssize_t got;
	char *text;

	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size > FILE_LIMIT)
		return calloc(1, 1);
	text = malloc((size_t)status.st_size + 1);
	if (!text)
		return NULL;
	while (size < (size_t)status.st_size) {
		got = read(fd, text + size, (size_t)status.st_size - size);
		if (got <= 0)
			break;
		size += (size_t)got;
	}
	text[size] = '\0';
	return text;
}

/* Splits the next line of '*at' at colons, in place; the number of fields, -1 at
 * the end. */
static int next_line(char **at, char *fields[FIELDS])
{
	char *line = *at, *end;
	int count = 0;

	if (!line || !*line)
		return -1;
	end = strchr(line, '\n');
	*at = end ? end + 1 : line + strlen(line);
	if (end)
		*end = '\0';
	while (line && count < FIELDS) {
		fields[count++] = line;
		line = strchr(line, ':');
		if (line)
			*line++ = '\0';
	}
	return count;
}

static bool to_id(const char *text, uint32_t *ret_id)
{
	unsigned long value;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || value >= UINT32_MAX)
		return false;
	*ret_id = (uint32_t)value;
	return true;
}

/* Finds the entry of 'user' (a name or number).  The name is left in '*ret_name',
 * which points into 'text'. */
static bool find_user(char *text, const char *user, struct ns_board *board, const char **ret_name)
{
	uint32_t wanted = 0, uid, gid;
	bool numeric = to_id(user, &wanted);
	char *fields[FIELDS], *at = text;
	int count;

	while ((count = next_line(&at, fields)) >= 0) {
		if (count < 4 || !to_id(fields[2], &uid) || !to_id(fields[3], &gid))
			continue;
		if (strcmp(fields[0], user) != 0 && !(numeric && uid == wanted))
			continue;
		board->uid = uid;
		board->gid = gid;
		if (count >= 6 && fields[5][0] == '/' && strlen(fields[5]) < PATH_MAX)
			snprintf(board->home, sizeof(board->home), "HOME=%s", fields[5]);
		*ret_name = fields[0];
		return true;
	}
	return false;
}

static bool is_member(const char *list, const char *name)
{
	size_t length = strlen(name), part;

	while (*list) {
		part = strcspn(list, ",");
		if (part == length && memcmp(list, name, length) == 0)
			return true;
		list += part;
		list += *list == ',';
	}
	return false;
}

/* The groups that 'name' is a member of; -E2BIG when there are too many. */
static int find_groups(char *text, const char *name, struct ns_board *board)
{
	char *fields[FIELDS], *at = text;
	uint32_t gid;
	int count;

	while ((count = next_line(&at, fields)) >= 0) {
		if (count < 4 || !to_id(fields[2], &gid) || gid == board->gid || !is_member(fields[3], name))
			continue;
		if (board->group_count == NS_GROUPS_MAX)
			return -E2BIG;
		board->groups[board->group_count++] = gid;
	}
	return 0;
}

static bool find_group(char *text, const char *group, uint32_t *ret_gid)
{
	char *fields[FIELDS], *at = text;
	uint32_t gid;
	int count;

	if (to_id(group, ret_gid))
		return true;
	while ((count = next_line(&at, fields)) >= 0)
		if (count >= 3 && strcmp(fields[0], group) == 0 && to_id(fields[2], &gid)) {
			*ret_gid = gid;
			return true;
		}
	return false;
}

static int resolve(const struct hyfw_host *host, char *passwd, char *groups, const char *user,
		   const char *group, struct ns_board *board, struct hyfw_error **err)
{
	const char *name = NULL;

	if (!find_user(passwd, *user ? user : "0", board, &name)) {
		if (*user && !to_id(user, &board->uid))
			return host->fail(err, EINVAL, "user %s: no such user in /etc/passwd of the "
					  "root file system", user);
		board->gid = 0;
	}
	if (group) {
		if (!find_group(groups, group, &board->gid))
			return host->fail(err, EINVAL, "group %s: no such group in /etc/group of the "
					  "root file system", group);
	} else if (name && find_groups(groups, name, board) < 0) {
		return host->fail(err, E2BIG, "user %s: member of more than %d groups", user, NS_GROUPS_MAX);
	}
	if (!board->home[0])
		snprintf(board->home, sizeof(board->home), "HOME=%s", board->uid == 0 ? "/root" : "/");
	return 0;
}

int ns_user_find(const struct hyfw_host *host, int root_fd, const char *user, struct ns_board *board,
		 struct hyfw_error **err)
{
	char *name = strdup(user ? user : ""), *group = name ? strchr(name, ':') : NULL;
	char *passwd = read_inside(root_fd, "etc/passwd"), *groups = read_inside(root_fd, "etc/group");
	int r;

	if (group)
		*group++ = '\0';
	if (name && passwd && groups)
		r = resolve(host, passwd, groups, name, group, board, err);
	else
		r = host->fail(err, ENOMEM, "user %s: out of memory", user);
	free(groups);
	free(passwd);
	free(name);
	return r;
}

int ns_user_home(const struct hyfw_host *host, int root_fd, uint32_t uid, struct ns_board *board,
		 struct hyfw_error **err)
{
	char number[16], *passwd = read_inside(root_fd, "etc/passwd");
	uint32_t own_uid = board->uid, own_gid = board->gid;
	const char *name;

	if (!passwd)
		return host->fail(err, ENOMEM, "user %u: out of memory", uid);
	snprintf(number, sizeof(number), "%u", uid);
	if (!find_user(passwd, number, board, &name) || !board->home[0])
		snprintf(board->home, sizeof(board->home), "HOME=%s", uid == 0 ? "/root" : "/");
	board->uid = own_uid;
	board->gid = own_gid;
	free(passwd);
	return 0;
}
