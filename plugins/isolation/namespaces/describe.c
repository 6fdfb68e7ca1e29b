/* SPDX-License-Identifier: BSD-3-Clause
 * Facts about the live confinement, read from the running process. */
#include "ns.h"

#include <sys/stat.h>

#define FACTS_MAX 16
#define STATUS_LIMIT 16384

static const char *const namespaces[] = { "cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts" };

struct facts {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	struct hyfw_pair *items;
	size_t count;
};

static void add(struct facts *facts, const char *key, const char *value)
{
	if (facts->count < FACTS_MAX)
		facts->items[facts->count++] = (struct hyfw_pair){ key, value };
}

/* The names of those that are not ours. */
static void add_namespaces(struct facts *facts, pid_t pid)
{
	const char *names = "", *shared = "";
	struct stat own, theirs;
	char path[64];
	size_t i;

	for (i = 0; i < NS_COUNT(namespaces); i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", namespaces[i]);
		if (stat(path, &own) < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, namespaces[i]);
		if (stat(path, &theirs) < 0)
			continue;
		if (own.st_ino != theirs.st_ino)
			names = facts->host->format(facts->arena, "%s%s%s", names, *names ? " " : "",
						    strcmp(namespaces[i], "mnt") ? namespaces[i] : "mount");
		else
			shared = facts->host->format(facts->arena, "%s%s%s", shared, *shared ? " " : "",
						     namespaces[i]);
	}
	add(facts, "namespaces", names);
	if (*shared)
		add(facts, "namespaces_shared", shared);
}

static char *read_text(struct facts *facts, pid_t pid, const char *file)
{
	char path[64], *text = facts->host->alloc(facts->arena, STATUS_LIMIT + 1);
	NS_AUTO_CLOSE int fd = -1;
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = fd < 0 ? -1 : read(fd, text, STATUS_LIMIT);
	if (size < 0)
		return NULL;
	text[size] = '\0';
	return text;
}

/* "0 100000 65536", a comma between ranges. */
static void add_map(struct facts *facts, pid_t pid, const char *file)
{
	char *text = read_text(facts, pid, file), *at, *out;
	bool gap = false;

	if (!text)
		return;
	for (at = out = text; *at; at++) {
		if (*at == ' ' || *at == '\n') {
			gap = out > text;
			if (*at == '\n' && at[1])
				*out++ = ',';
			continue;
		}
		if (gap)
			*out++ = ' ';
		gap = false;
		*out++ = *at;
	}
	*out = '\0';
	add(facts, file, text);
}

static void add_status(struct facts *facts, const char *text, const char *field, const char *key)
{
	size_t length = strlen(field);
	const char *line = text;

	while (line && !(strncmp(line, field, length) == 0 && line[length] == ':')) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (!line)
		return;
	line += length + 1;
	line += strspn(line, " \t");
	add(facts, key, facts->host->format(facts->arena, "%.*s", (int)strcspn(line, "\n"), line));
}

static void add_seccomp(struct facts *facts, const char *text)
{
	static const char *const modes[] = { "disabled", "strict", "filter" };
	size_t before = facts->count;

	add_status(facts, text, "Seccomp", "seccomp");
	if (facts->count > before && facts->items[before].value[0] >= '0' &&
	    facts->items[before].value[0] <= '2' && !facts->items[before].value[1])
		facts->items[before].value = modes[facts->items[before].value[0] - '0'];
}

/* Where the host has SELinux: the label, and whether it is more than a word now. */
static void add_label(struct facts *facts, pid_t pid)
{
	NS_AUTO_CLOSE int fd = open("/sys/fs/selinux/enforce", O_RDONLY | O_CLOEXEC);
	char mode = '0', *label;

	if (fd < 0 || read(fd, &mode, 1) != 1)
		return;
	label = read_text(facts, pid, "attr/current");
	if (label)
		add(facts, "label", facts->host->format(facts->arena, "%.*s", (int)strcspn(label, "\n"), label));
	add(facts, "selinux", mode == '1' ? "enforcing" : "permissive");
}

int ns_describe(void *instance, const struct hyfw_map *record, struct hyfw_arena *arena,
		struct hyfw_map *ret_facts, struct hyfw_error **err)
{
	struct facts facts = { ((struct ns_instance *)instance)->host, arena, NULL, 0 };
	NS_AUTO_CLOSE int pidfd = -1;
	pid_t pid = 0;
	char *text;

	pidfd = process_open(record, &pid);
	if (pidfd == -ESRCH)
		return facts.host->fail(err, ESRCH, "it does not run");
	if (pidfd < 0)
		return ns_fail(facts.host, err, -pidfd, "open", "the process");
	facts.items = facts.host->alloc(arena, FACTS_MAX * sizeof(*facts.items));
	add_namespaces(&facts, pid);
	add_map(&facts, pid, "uid_map");
	add_map(&facts, pid, "gid_map");
	text = read_text(&facts, pid, "status");
	if (text) {
		add_seccomp(&facts, text);
		add_status(&facts, text, "NoNewPrivs", "no_new_privileges");
		add_status(&facts, text, "CapEff", "capabilities_effective");
		add_status(&facts, text, "CapPrm", "capabilities_permitted");
		add_status(&facts, text, "CapBnd", "capabilities_bounding");
		add_status(&facts, text, "CapAmb", "capabilities_ambient");
		add_status(&facts, text, "Uid", "user_on_host");
	}
	add_label(&facts, pid);
	ret_facts->count = facts.count;
	ret_facts->items = facts.items;
	return 0;
}
