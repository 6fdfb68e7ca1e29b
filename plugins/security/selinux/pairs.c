/* SPDX-License-Identifier: BSD-3-Clause
 * Pairs of categories, each for one workload.  A symbolic link is made whole or not at
 * all, and fails where there is one: that is the lock among processes.  workloads/NAME
 * comes first and names the pair that is tried, so whatever cuts this off, what NAME has
 * is found by its name. */
#include "selinux.h"

#include <dirent.h>
#include <errno.h>
#include <sys/random.h>
#include <sys/stat.h>

#define PAIR_BYTES 24 /* "c1022,c1023" */

bool categories_parse(const char *text, struct categories *ret_categories)
{
	unsigned first, last;
	int end = 0;

	if (sscanf(text, "c%4u.c%4u%n", &first, &last, &end) != 2 || text[end] || last > CATEGORY_MOST || first >= last)
		return false;
	ret_categories->first = first;
	ret_categories->last = last;
	return true;
}

static char *place(const struct hyfw_host *host, struct hyfw_arena *arena, const char *directory, const char *kind,
		   const char *name)
{
	return host->format(arena, "%s/%s%s%s", directory, kind, *name ? "/" : "", name);
}

/* What a link says; false when there is none, or it is too long to be ours. */
static bool link_says(const char *path, char *room, size_t size)
{
	const ssize_t length = readlink(path, room, size);

	if (length < 0 || (size_t)length == size)
		return false;
	room[length] = '\0';
	return true;
}

static int make_directories(const struct hyfw_host *host, struct hyfw_arena *arena, const char *directory,
			    struct hyfw_error **err)
{
	static const char *const kinds[] = { "pairs", "workloads" };
	size_t i;

	for (i = 0; i < 2; i++) {
		const char *path = place(host, arena, directory, kinds[i], "");

		if (mkdir(path, 0700) == 0)
			path_sync_parent(path);
		else if (errno != EEXIST)
			return host->fail(err, errno, "%s: %s", path, strerror(errno));
	}
	return 0;
}

const char *pair_of(const struct hyfw_host *host, struct hyfw_arena *arena, const char *directory,
		    const char *workload)
{
	char pair[PAIR_BYTES], holder[256];

	if (!link_says(place(host, arena, directory, "workloads", workload), pair, sizeof(pair)) || strchr(pair, '/') ||
	    !link_says(place(host, arena, directory, "pairs", pair), holder, sizeof(holder)) ||
	    strcmp(holder, workload) != 0)
		return NULL;
	return host->format(arena, "%s", pair);
}

/* 1 taken, 0 somebody has it. */
static int try_pair(const struct hyfw_host *host, const char *mine, const char *new_mine, const char *pairs,
		    const char *pair, const char *workload, struct hyfw_error **err)
{
	AUTO_FREE char *path = NULL;
	struct stat status;

	if (asprintf(&path, "%s/%s", pairs, pair) < 0)
		return host->fail(err, ENOMEM, "out of memory");
	if (lstat(path, &status) == 0)
		return 0;
	unlink(new_mine);
	if (symlink(pair, new_mine) < 0 || rename(new_mine, mine) < 0)
		return host->fail(err, errno, "%s: %s", mine, strerror(errno));
	if (symlink(workload, path) == 0)
		return 1;
	return errno == EEXIST ? 0 : host->fail(err, errno, "%s: %s", path, strerror(errno));
}

/* The pair of number 'index' among those of the range, in any fixed order. */
static void pair_name(const struct categories *categories, uint64_t index, char room[PAIR_BYTES])
{
	const unsigned count = categories->last - categories->first + 1;
	unsigned low = 0;

	while (index >= count - 1 - low) {
		index -= count - 1 - low;
		low++;
	}
	snprintf(room, PAIR_BYTES, "c%u,c%u", categories->first + low, categories->first + low + 1 + (unsigned)index);
}

static uint64_t random_number(void)
{
	uint64_t number = 0;

	/* Not a secret: only so that concurrent starts do not all try the same one. */
	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number))
		number = (uint64_t)getpid() * 2654435761u;
	return number;
}

int pair_take(const struct hyfw_host *host, struct hyfw_arena *arena, const char *directory, const char *workload,
	      const struct categories *categories, const char **ret_pair, struct hyfw_error **err)
{
	const uint64_t count = (uint64_t)categories->last - categories->first + 1, all = count * (count - 1) / 2;
	const char *pairs = place(host, arena, directory, "pairs", "");
	const char *mine = place(host, arena, directory, "workloads", workload);
	const char *new_mine = host->format(arena, "%s/workloads/.%s", directory, workload);
	const char *have = pair_of(host, arena, directory, workload);
	const uint64_t start = random_number() % all;
	char pair[PAIR_BYTES];
	uint64_t i;
	int taken = have ? 0 : make_directories(host, arena, directory, err);

	if (have) {
		*ret_pair = have;
		return 0;
	}
	for (i = 0; taken == 0 && i < all; i++) {
		pair_name(categories, (start + i) % all, pair);
		taken = try_pair(host, mine, new_mine, pairs, pair, workload, err);
	}
	if (taken < 0)
		return taken;
	if (taken == 0) {
		unlink(mine);
		return host->fail(err, ENOSPC, "all %llu pairs of the categories c%u to c%u are taken by workloads; remove some, "
				  "or widen `categories` in [plugin selinux]", (unsigned long long)all, categories->first,
				  categories->last);
	}
	path_sync_parent(place(host, arena, directory, "pairs", pair));
	path_sync_parent(mine);
	*ret_pair = host->format(arena, "%s", pair);
	return 0;
}

int pair_drop(const struct hyfw_host *host, const char *directory, const char *workload, struct hyfw_error **err)
{
	AUTO_FREE char *mine = NULL;
	AUTO_FREE char *path = NULL;
	char pair[PAIR_BYTES], holder[256];

	if (asprintf(&mine, "%s/workloads/%s", directory, workload) < 0)
		return host->fail(err, ENOMEM, "out of memory");
	if (!link_says(mine, pair, sizeof(pair)))
		return 0;
	if (asprintf(&path, "%s/pairs/%s", directory, pair) < 0)
		return host->fail(err, ENOMEM, "out of memory");
	if (!strchr(pair, '/') && link_says(path, holder, sizeof(holder)) && strcmp(holder, workload) == 0 &&
	    unlink(path) < 0 && errno != ENOENT)
		return host->fail(err, errno, "%s: %s", path, strerror(errno));
	if (unlink(mine) < 0 && errno != ENOENT)
		return host->fail(err, errno, "%s: %s", mine, strerror(errno));
	return 0;
}

static bool lives(const struct hyfw_alive *alive, const char *name)
{
	return hyfw_names_have(alive->workloads, name, strlen(name)) ||
	       hyfw_names_have(alive->running, name, strlen(name));
}

static int gc_workloads(const struct hyfw_host *host, const char *directory, DIR *stream,
			const struct hyfw_alive *alive, struct hyfw_error **err)
{
	struct dirent *entry;
	int result = 0;

	while (result == 0 && (entry = readdir(stream))) {
		const char *name = entry->d_name;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		if (name[0] == '.' && !lives(alive, name + 1)) /* a choice that was cut off; one that lives may be choosing */
			unlinkat(dirfd(stream), name, 0);
		else if (name[0] != '.' && !lives(alive, name))
			result = pair_drop(host, directory, name, err);
	}
	return result;
}

/* Those that no workloads/NAME leads to any more. */
static void gc_pairs(DIR *stream, const struct hyfw_alive *alive)
{
	struct dirent *entry;
	char holder[256];
	ssize_t length;

	while ((entry = readdir(stream))) {
		length = readlinkat(dirfd(stream), entry->d_name, holder, sizeof(holder) - 1);
		if (length < 0)
			continue;
		holder[length] = '\0';
		if (!lives(alive, holder))
			unlinkat(dirfd(stream), entry->d_name, 0);
	}
}

int pairs_gc(const struct hyfw_host *host, const char *directory, const struct hyfw_alive *alive,
	     struct hyfw_error **err)
{
	AUTO_FREE char *workloads = NULL;
	AUTO_FREE char *pairs = NULL;
	DIR *stream;
	int result = 0;

	if (asprintf(&workloads, "%s/workloads", directory) < 0 || asprintf(&pairs, "%s/pairs", directory) < 0)
		return host->fail(err, ENOMEM, "out of memory");
	stream = opendir(workloads);
	if (stream) {
		result = gc_workloads(host, directory, stream, alive, err);
		closedir(stream);
	}
	stream = result == 0 ? opendir(pairs) : NULL;
	if (stream) {
		gc_pairs(stream, alive);
		closedir(stream);
	}
	return result;
}

size_t pairs_count(const char *directory)
{
	AUTO_FREE char *pairs = NULL;
	struct dirent *entry;
	size_t count = 0;
	DIR *stream = asprintf(&pairs, "%s/pairs", directory) < 0 ? NULL : opendir(pairs);

	while (stream && (entry = readdir(stream)))
		count += entry->d_name[0] == 'c';
	if (stream)
		closedir(stream);
	return count;
}
