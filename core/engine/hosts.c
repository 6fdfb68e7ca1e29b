/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "engine/peers.h"
#include "engine/store.h"

#define LOCALHOST "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
#define RESOLV_LIMIT 65536

bool hyfw_hosts_networked(const struct hyfw_definition *definition)
{
	size_t i;

	for (i = 0; i < definition->network_count; i++)
		if (strcmp(definition->networks[i].driver, "none") != 0)
			return true;
	return false;
}

bool hyfw_hosts_wanted(const struct hyfw_definition *definition)
{
	return hyfw_hosts_networked(definition) && hyfw_definition_takes(definition, HYFW_TAKES_MOUNTS);
}

/* Root of the workload owns it, without an id mapping of the mount: the runtime
 * directory is a tmpfs, which has none before Linux 6.3. */
static int make_file(const struct hyfw_definition *definition, const char *file, const char *text,
		     struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_path_runtime(definition->name, file);
	HYFW_AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0 || fchmod(fd, 0644) < 0 || hyfw_write_all(fd, text, strlen(text)) < 0 ||
	    (definition->idmap.count && fchown(fd, definition->idmap.host_uid, definition->idmap.host_gid) < 0))
		return hyfw_fail_errno(err, errno, "%s", path);
	return 0;
}

/* The machine's name servers without those on its own loopback, which a
 * workload's network cannot reach. */
static char *resolvers(void)
{
	HYFW_AUTO_FREE char *text = NULL;
	char *out = hyfw_dup(""), *line, *rest;

	if (hyfw_file_read(AT_FDCWD, "/etc/resolv.conf", RESOLV_LIMIT, &text, NULL, NULL) < 0)
		return out;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		char *longer;

		if (line[0] == '\0' || strncmp(line, "nameserver 127.", 15) == 0 ||
		    strcmp(line, "nameserver ::1") == 0)
			continue;
		longer = hyfw_format("%s%s\n", out, line);
		free(out);
		out = longer;
	}
	return out;
}

int hyfw_hosts_make(const struct hyfw_definition *definition, struct hyfw_error **err)
{
	const char *hostname = hyfw_definition_get(definition, "hostname");
	HYFW_AUTO_FREE char *name = hyfw_format("%s\n", hostname ? hostname : definition->name);
	HYFW_AUTO_FREE char *servers = resolvers();

	if (make_file(definition, "hosts", LOCALHOST, err) < 0 ||
	    make_file(definition, "resolv.conf", servers, err) < 0)
		return -(*err)->errnum;
	return make_file(definition, "hostname", name, err);
}

static void add_line(char **text, const char *address, const char *name)
{
	char *longer = hyfw_format("%s%s\t%s\n", *text, address, name);

	free(*text);
	*text = longer;
}

static void add_self(char **text, const struct hyfw_definition *definition,
		     const struct hyfw_journal *journal, const struct hyfw_use *network)
{
	const char *hostname = hyfw_definition_get(definition, "hostname");
	struct hyfw_pairs record = { 0 };
	HYFW_AUTO_FREE char *address = NULL;
	struct hyfw_map map;

	hyfw_journal_record(journal, HYFW_KIND_NETWORK, network->driver, network->name, &record);
	map = hyfw_pairs_map(&record);
	address = hyfw_dup(hyfw_map_get(&map, HYFW_NOTE_ADDRESS));
	if (address) {
		address[strcspn(address, "/")] = '\0';
		add_line(text, address, hostname ? hostname : definition->name);
		if (hostname && strcmp(hostname, definition->name) != 0)
			add_line(text, address, definition->name);
	}
	hyfw_pairs_finish(&record);
}

static void add_links(char **text, const struct hyfw_definition *definition, const struct hyfw_use *network,
		      const char *gone)
{
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);
	struct hyfw_pairs peers = { 0 };
	struct hyfw_map map;
	const char *link;
	size_t cursor = 0;

	if (!hyfw_map_get(&settings, "links"))
		return;
	hyfw_peers_of(definition, network->name, &peers);
	map = hyfw_pairs_map(&peers);
	while ((link = hyfw_map_next(&settings, "links", &cursor)))
		if (hyfw_map_get(&map, link) && !(gone && strcmp(gone, link) == 0))
			add_line(text, hyfw_map_get(&map, link), link);
	hyfw_pairs_finish(&peers);
}

void hyfw_hosts_update(const struct hyfw_definition *definition, const struct hyfw_journal *journal,
		       const char *gone)
{
	HYFW_AUTO_FREE char *path = hyfw_path_runtime(definition->name, "hosts");
	HYFW_AUTO_FREE char *text = hyfw_dup(LOCALHOST);
	size_t i;

	/* The file tells, so that nobody loads the isolation driver of a peer. */
	if (!hyfw_hosts_networked(definition) || access(path, F_OK) < 0)
		return;
	for (i = 0; i < definition->network_count; i++) {
		add_self(&text, definition, journal, &definition->networks[i]);
		add_links(&text, definition, &definition->networks[i], gone);
	}
	make_file(definition, "hosts", text, NULL);
}
