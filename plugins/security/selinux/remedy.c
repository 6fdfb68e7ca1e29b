/* SPDX-License-Identifier: BSD-3-Clause
 * What would permit a denial: less is better, so a volume's own label comes before a
 * switch of the whole policy, and that before a rule of one's own. */
#include "why.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <selinux/selinux.h>
#include <sys/stat.h>

#define NODES_MOST 20000 /* of a volume that are looked at */

const char *remedy_name(enum remedy_kind kind)
{
	static const char *const names[] = { "nothing", "volume", "boolean", "key", "policy" };

	return names[kind];
}

/* ---- the policy ---- */

static bool permits(const char *source, const char *target, const struct denial *denial)
{
	const security_class_t class = string_to_security_class(denial->class);
	struct av_decision decision;
	access_vector_t wanted = 0, one;
	size_t i;

	for (i = 0; class && i < denial->permission_count; i++) {
		one = string_to_av_perm(class, denial->permissions[i]);
		if (!one)
			return false;
		wanted |= one;
	}
	return wanted && security_compute_av_raw(source, target, class, wanted, &decision) == 0 &&
	       (decision.allowed & wanted) == wanted;
}

/* Whether it is the categories alone that part them. */
static bool level_parts(const struct hyfw_host *host, struct hyfw_arena *arena, const struct denial *denial,
			const char **ret_level)
{
	struct label source, target;

	if (!label_parse(host, arena, denial->source, &source) || !label_parse(host, arena, denial->target, &target) ||
	    !source.level || !target.level || strcmp(source.level, target.level) == 0)
		return false;
	source.level = *ret_level = target.level;
	return permits(label_text(host, arena, &source), denial->target, denial);
}

/* ---- the volume ---- */

struct search {
	ino_t inode;
	bool found;
};

static int compare(struct walk *walk, int fd, const char *path, const char *mark, char **ret_mark, struct hyfw_error **err)
{
	struct search *search = walk->data;
	struct stat status;

	(void)path;
	(void)mark;
	(void)err;
	*ret_mark = NULL;
	search->found = fstat(fd, &status) == 0 && status.st_ino == search->inode;
	return search->found || walk->seen > NODES_MOST ? -ECANCELED : 0;
}

static bool tree_has(const struct hyfw_host *host, const char *path, const struct denial *denial)
{
	AUTO_CLOSE int fd = open(path, O_PATH | O_CLOEXEC);
	struct search search = { (ino_t)denial->inode, false };
	struct hyfw_error *err = NULL;
	struct walk walk = { .host = host, .attribute = LABEL_ATTRIBUTE, .root = path, .data = &search, .enter = compare };
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0 || denial->inode == 0)
		return false;
	walk.device = status.st_dev;
	walk_tree(&walk, fd, &err);
	host->forget(&err);
	return search.found;
}

static bool has_label(const char *path, const char *label)
{
	char *there = NULL;
	const bool same = getfilecon_raw(path, &there) >= 0 && strcmp(there, label) == 0;

	freecon(there);
	return same;
}

static bool is_below(const char *path, const char *directory)
{
	const size_t length = strlen(directory);

	return strncmp(path, directory, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

struct part {
	const char *source, *target;
	const char *mode; /* "ro," or "": what stands before the flag */
	char flag;        /* 'z', 'Z' or 0 */
};

static bool part_of(const struct hyfw_host *host, struct hyfw_arena *arena, const char *setting, struct part *ret_part)
{
	char *rest = host->format(arena, "%s", setting);
	const char *mode;

	ret_part->flag = plan_volume(host, arena, setting, &ret_part->source);
	strsep(&rest, "|");
	ret_part->target = strsep(&rest, "|");
	mode = strsep(&rest, "|");
	ret_part->mode = mode && strcmp(mode, "ro") == 0 ? "ro," : "";
	return ret_part->target != NULL;
}

/* The volume in which the object is: by its path inside, by its inode, by its label. */
static bool find_volume(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_subject *subject,
			const struct denial *denial, struct part *ret_part)
{
	const char *setting;
	size_t cursor;
	int way;

	for (way = 0; way < 3; way++) {
		cursor = 0;
		while ((setting = hyfw_map_next(&subject->settings, "volume", &cursor))) {
			if (!part_of(host, arena, setting, ret_part) || ret_part->source[0] != '/')
				continue;
			if ((way == 0 && is_below(denial->path, ret_part->target)) ||
			    (way == 1 && tree_has(host, ret_part->source, denial)) ||
			    (way == 2 && has_label(ret_part->source, denial->target)))
				return true;
		}
	}
	return false;
}

/* A label for all of a volume does what is right for files of data. */
static bool is_data(const struct denial *denial)
{
	return strcmp(denial->class, "file") == 0 || strcmp(denial->class, "dir") == 0 ||
	       strcmp(denial->class, "lnk_file") == 0;
}

static bool may_relabel(const char *path)
{
	char real[PATH_MAX];

	return realpath(path, real) && !path_is_systems(real);
}

/* ---- all ---- */

struct list {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	struct remedy *items;
	size_t count;
};

#define ADD(list, kind, ...)                                                                       \
	do {                                                                                       \
		if ((list)->count < REMEDIES_MOST)                                                 \
			(list)->items[(list)->count++] =                                           \
				(struct remedy){ kind, (list)->host->format((list)->arena, __VA_ARGS__) }; \
	} while (0)

static void add_volume(struct list *list, const struct part *part, bool parted)
{
	if (!may_relabel(part->source))
		ADD(list, REMEDY_NOTHING, "%s belongs to the system and is not relabelled: copy what is needed into a directory "
		    "of its own, and give the workload that", part->source);
	else if (parted)
		ADD(list, REMEDY_VOLUME, "volume = %s:%s:%sz in each workload that has it, as it holds files of another one",
		    part->source, part->target, part->mode);
	else
		ADD(list, REMEDY_VOLUME, "volume = %s:%s:%sZ, or :%sz when other workloads have it too", part->source, part->target,
		    part->mode, part->mode);
}

static void add_booleans(struct list *list, struct policy_copy **policy, const struct denial *denial)
{
	const char *names[BOOLEANS_MOST];
	bool values[BOOLEANS_MOST];
	const size_t count = booleans_for(list->host, list->arena, policy, denial, names, values);
	size_t i;

	for (i = 0; i < count; i++)
		ADD(list, REMEDY_BOOLEAN, "setsebool -P %s %s, for all of this host", names[i], values[i] ? "on" : "off");
}

size_t remedies_for(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_subject *subject,
		    struct policy_copy **policy, const struct denial *denial, struct remedy remedies[REMEDIES_MOST])
{
	struct list list = { host, arena, remedies, 0 };
	const char *level = NULL;
	const bool parted = level_parts(host, arena, denial, &level);
	struct part part;

	if (permits(denial->source, denial->target, denial)) {
		ADD(&list, REMEDY_NOTHING, "the policy in force permits it by now");
		return list.count;
	}
	if (is_data(denial) && find_volume(host, arena, subject, denial, &part) && (parted || !part.flag))
		add_volume(&list, &part, parted);
	if (parted) {
		ADD(&list, REMEDY_KEY, "selinux_level = %s: only the categories part them, and no rule of a policy does that "
		    "away", level);
		return list.count;
	}
	add_booleans(&list, policy, denial);
	ADD(&list, REMEDY_POLICY, "a policy module, for every workload of type %s: hyfw why --policy FILE %s writes it",
	    type_in(host, arena, denial->source), subject->name);
	return list.count;
}
