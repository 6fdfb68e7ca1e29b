/* SPDX-License-Identifier: BSD-3-Clause
 * The selinux module: which label a workload has, which its files have, and which pair
 * of categories is its own.
 *
 *     policy.c        what the kernel and its policy say: mode, valid labels, transitions
 *     contexts.c      the labels that the distribution gives containers and machines
 *     label.c         from those and the workload's keys, the labels of one workload
 *     pairs.c         pairs of categories, each for one workload
 *     system_paths.c  directories that are never relabelled
 *     walk.c          through a tree of files, by descriptor
 *     record.c        what a tree's labels were
 *     relabel.c       gives a tree a label, and its own back
 *     volumes.c       :z and :Z, and who uses which (volumes.h)
 *     volume_take.c   how one gets its label
 *     steps.c         the steps of a workload
 *     disks.c         those of a machine's disks, and what it boots
 *     plan.c          what the reader of a plan sees
 *     views.c         `hyfw selinux`
 *     why.h           `hyfw why`, a part of its own
 *
 * On disk, in the module's data directory:
 *     pairs/cN,cM         -> NAME   link that makes the pair NAME's
 *     workloads/NAME      -> cN,cM  made before it
 *     volumes/HASH/labels           what the labels of a volume were, see record.c
 *                  done             its files all have the new label
 *                  users/NAME       workloads that have the volume; NAME@PART while a part of
 *                                   a machine has it as its disk */
#ifndef HYFW_SELINUX_H
#define HYFW_SELINUX_H

#include <hyfw/plugin.h>
#include <hyfw/security.h>

#include <stdio.h>
#include <unistd.h>

#define LABEL_MAX 4096 /* bytes of a label, as the kernel's page */
#define LABEL_ATTRIBUTE "security.selinux"

static inline void free_pointer(void *pointer)
{
	free(*(void **)pointer);
}

static inline void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define AUTO_FREE __attribute__((cleanup(free_pointer)))
#define AUTO_CLOSE __attribute__((cleanup(close_fd)))

/* ---- policy.c ---- */

enum mode { MODE_DISABLED, MODE_PERMISSIVE, MODE_ENFORCING };

enum mode policy_mode(void);
const char *mode_name(enum mode mode);
bool policy_has_levels(void);
bool policy_knows(const char *label);
/* Whether a process of label 'from' may become one of 'to'. */
bool policy_permits_transition(const char *from, const char *to);
/* Whether it may where exec is not to gain privileges. */
bool policy_permits_nnp(const char *from, const char *to);
/* Whether a process may begin with a program of this label. */
bool policy_permits_entry(const char *process, const char *file);
/* Whether a process may run code that it has made itself. */
bool policy_permits_execmem(const char *process);
/* Whether it may do all of 'permissions' to a file of this label; NULL at their end. */
bool policy_permits_file(const char *process, const char *file, const char *const *permissions);
/* Whether a file that 'process' makes in a directory with 'label' gets that very label.  Policies
 * without default_range give it the maker's categories. */
bool policy_keeps_label(const char *process, const char *label);
/* The label of the calling process, in 'arena'; NULL when there is none. */
const char *policy_own_label(const struct hyfw_host *host, struct hyfw_arena *arena);

/* ---- contexts.c ---- */

struct contexts {
	const char *process, *file;           /* containers, system_u:system_r:container_t:s0 */
	const char *layer;                    /* of images, which every container reads */
	const char *machine, *image, *content; /* machines; 'content' is for images that many read */
	const char *emulator;                 /* machines whose code QEMU makes as it runs */
};

/* What a label is for. */
enum runs { RUNS_CONTAINER, RUNS_MACHINE, RUNS_EMULATED };

/* Reads lxc_contexts(5), virtual_domain_context and virtual_image_context; what a file
 * does not say, or there is no file for, is the name that most policies have.  A path may
 * be NULL. */
int contexts_read(const struct hyfw_host *host, struct hyfw_arena *arena, const char *lxc, const char *domain,
		  const char *image, struct contexts *ret_contexts, struct hyfw_error **err);
/* Those of the policy in force. */
int contexts_of_policy(const struct hyfw_host *host, struct hyfw_arena *arena, struct contexts *ret_contexts,
		       struct hyfw_error **err);

/* ---- label.c ---- */

/* [plugin selinux]; empty text where nothing was set. */
struct types {
	char *container, *file, *privileged, *machine, *emulator, *image;
};

struct label {
	const char *user, *role, *type, *level; /* 'level' NULL: the policy has none */
};

enum wish { WISH_AUTO, WISH_YES, WISH_NO, WISH_PRIVILEGED };
enum wish label_wish(const struct hyfw_map *settings);
bool label_parse(const struct hyfw_host *host, struct hyfw_arena *arena, const char *text, struct label *ret_label);
const char *label_text(const struct hyfw_host *host, struct hyfw_arena *arena, const struct label *label);
/* Whether the workload says its level itself, so that it needs no pair. */
bool label_has_level(const struct hyfw_map *settings);
/* The level of files of a process with 'level': the lower end of a range. */
const char *label_low(const struct hyfw_host *host, struct hyfw_arena *arena, const char *level);

struct labels {
	const char *process; /* of its processes, or of QEMU */
	const char *files;   /* of file systems and volumes of its own, or disks */
	const char *shared;  /* of volumes that others have too */
	const char *layers;  /* of images */
	const char *content; /* of what machines only read */
};

/* 'pair' NULL: the workload has none. */
int labels_make(const struct hyfw_host *host, struct hyfw_arena *arena, const struct types *types,
		const struct contexts *contexts, const struct hyfw_map *settings, enum runs runs, const char *pair,
		bool levels, struct labels *ret_labels, struct hyfw_error **err);
/* Refuses those that the policy in force does not have; takes user and role of the calling
 * process where it may not become 'process' otherwise. */
int labels_check(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_map *settings,
		 enum runs runs, struct labels *labels, struct hyfw_error **err);

/* ---- pairs.c ---- */

#define CATEGORY_MOST 1023

struct categories {
	unsigned first, last;
};

/* "c0.c1023" */
bool categories_parse(const char *text, struct categories *ret_categories);
/* 'directory' is the module's.  Takes a pair for 'workload', or finds the one it has.
 * -ENOSPC when all are taken. */
int pair_take(const struct hyfw_host *host, struct hyfw_arena *arena, const char *directory, const char *workload,
	      const struct categories *categories, const char **ret_pair, struct hyfw_error **err);
const char *pair_of(const struct hyfw_host *host, struct hyfw_arena *arena, const char *directory,
		    const char *workload); /* "c1,c2"; NULL: none */
int pair_drop(const struct hyfw_host *host, const char *directory, const char *workload, struct hyfw_error **err);
/* Pairs of workloads that are no more. */
int pairs_gc(const struct hyfw_host *host, const char *directory, const struct hyfw_alive *alive,
	     struct hyfw_error **err);
size_t pairs_count(const char *directory);

/* ---- system_paths.c ---- */

bool path_is_systems(const char *path);

/* ---- walk.c ---- */

struct walk {
	const struct hyfw_host *host;
	const char *attribute;
	const char *root;       /* its path, for messages */
	dev_t device;
	uint64_t seen;
	bool lenient, told;     /* what is too deep is left out, and that is logged once; else it is -ELOOP */
	void *data;
	/* Called before a node's children, with what it said for its parent; 'path' is relative
	 * to the root, "" for itself.  '*ret_mark' (malloc) is for the children. */
	int (*enter)(struct walk *walk, int fd, const char *path, const char *mark, char **ret_mark,
		     struct hyfw_error **err);
	/* Called after them.  NULL: nothing to do. */
	int (*leave)(struct walk *walk, int fd, const char *path, struct hyfw_error **err);
};

/* 'fd' is the root, O_PATH.  Neither links nor mounts are followed. */
int walk_tree(struct walk *walk, int fd, struct hyfw_error **err);
/* Of an O_PATH descriptor.  free(); "" where there is no label. */
int label_get(const struct walk *walk, int fd, const char *path, char **ret_label, struct hyfw_error **err);
int label_set(const struct walk *walk, int fd, const char *path, const char *label, struct hyfw_error **err);

/* ---- record.c ---- */

struct record_line {
	const char *path, *label;
};

struct record {
	char *text;
	const char *path;  /* the volume's */
	const char *label; /* that it was given */
	struct record_line *lines; /* sorted by path */
	size_t count;
};

/* Writes 'lines' of a tree whole or not at all, and makes it last. */
struct record_writer {
	FILE *file;
	char *path, *temporary;
	uint64_t bytes;
};
int record_begin(const struct hyfw_host *host, const char *path, const char *volume, const char *label,
		 struct record_writer *writer, struct hyfw_error **err);
int record_add(const struct hyfw_host *host, struct record_writer *writer, const char *path, const char *label,
	       struct hyfw_error **err);
int record_commit(const struct hyfw_host *host, struct record_writer *writer, struct hyfw_error **err);
void record_abandon(struct record_writer *writer); /* after commit too */
/* -ENOENT: there is none. */
int record_read(const struct hyfw_host *host, const char *path, struct record *ret_record, struct hyfw_error **err);
const char *record_find(const struct record *record, const char *path); /* NULL: as its directory */
void record_finish(struct record *record);
/* That there is a file of this name, or none any more, outlives a reboot.  0 or -1 with errno. */
int path_sync_parent(const char *path);

/* ---- relabel.c ---- */

/* Writes down the labels of the tree at 'fd' that differ from their directory's. */
int relabel_record(const struct hyfw_host *host, const char *attribute, int fd, const char *volume, const char *label,
		   const char *record_path, struct hyfw_error **err);
/* Gives all of it 'label', the root last. */
int relabel_apply(const struct hyfw_host *host, const char *attribute, int fd, const char *volume, const char *label,
		  struct hyfw_error **err);
/* What has the label of 'record' gets that before it back; files made since, their directory's. */
int relabel_restore(const struct hyfw_host *host, const char *attribute, int fd, const struct record *record,
		    struct hyfw_error **err);

/* ---- volumes.c, volume_take.c ---- */

struct volumes {
	const struct hyfw_host *host;
	const char *directory; /* the module's */
	const char *attribute;
};

enum need {
	NEED_LABEL, /* this very label */
	NEED_ENTRY, /* a root file system: as it is where 'process' may run programs in it, and where it is the
		     * system's */
	NEED_READ,  /* a file that a machine reads: as it is where 'process' may */
	NEED_MAP,   /* one that it boots: QEMU maps it */
	NEED_WRITE, /* its disk: as it is where 'process' may write to it, and others have it or its file
		     * system takes no label */
};

struct volume {
	const char *path;
	const char *label;
	bool own; /* :Z */
	enum need need;
	const char *process; /* label of the processes, for NEED_ENTRY and on */
};

/* Makes 'workload', or the part of it NAME@PART, a user of the volume, which then has its label. -EBUSY when others
 * have it with another one. */
int volume_take(const struct volumes *volumes, struct hyfw_arena *arena, const char *workload,
		const struct volume *volume, struct hyfw_error **err);
/* Gives a layer of an image its label, which it keeps, unless it has it. */
int layer_label(const struct volumes *volumes, const char *path, const char *label, struct hyfw_error **err);
/* Gives back those of 'workload' whose last user it is; 'unfinished': only those whose files have not all
 * got their label. */
int volumes_drop(const struct volumes *volumes, struct hyfw_arena *arena, const char *workload, bool unfinished,
		 struct hyfw_error **err);
int volumes_gc(const struct volumes *volumes, struct hyfw_arena *arena, const struct hyfw_alive *alive,
	       struct hyfw_error **err);

/* ---- steps.c ---- */

/* Notes of the label step. */
#define NOTE_PROCESS "process_label"
#define NOTE_FILES "mount_label"
#define NOTE_MODE "mode"

struct instance {
	const struct hyfw_host *host;
	struct types types;
	struct categories categories;
	bool told; /* that the mode is another than at the start */
	int follow; /* a socket for denials to come; 0: not asked for yet */
};

/* Whether a workload with these settings gets a label on this host. */
bool selinux_is_active(const struct hyfw_map *settings);
const char *selinux_directory(const struct instance *instance);
/* What the last run of a workload had, or its first will have. */
int labels_of_stopped(const struct instance *instance, struct hyfw_arena *arena, const struct hyfw_subject *subject,
		      struct labels *ret_labels, struct hyfw_error **err);
int selinux_plan(void *instance, const struct hyfw_subject *subject, struct hyfw_plan *plan, struct hyfw_arena *arena,
		 struct hyfw_error **err);
int selinux_apply(void *instance, struct hyfw_call *call, struct hyfw_error **err);
int selinux_undo(void *instance, struct hyfw_call *call, struct hyfw_error **err);
int selinux_gc(void *instance, const struct hyfw_alive *alive, struct hyfw_error **err);

/* What disks.c has in common with it. */
#define ARGUMENTS_MOST 160
struct volumes volumes_of(const struct instance *instance);
enum runs runs_of(const struct hyfw_subject *subject);
enum runs runs_of_step(const struct hyfw_map *args);
/* The labels of a workload with these settings, which the policy accepts; 'pair' NULL: none. */
int labels_decide(const struct instance *instance, struct hyfw_arena *arena, const struct hyfw_map *settings,
		  enum runs runs, const char *pair, struct labels *ret_labels, struct hyfw_error **err);
/* All of it that labels_decide() wants from a step; how many. */
size_t label_arguments(const struct hyfw_subject *subject, const char *workload, struct hyfw_pair pairs[ARGUMENTS_MOST]);

/* ---- disks.c ---- */

#define VERB_DISK "label-disk"

/* ROOT and DISK of a machine. */
int disk_plan(const struct instance *instance, const struct hyfw_subject *subject, struct hyfw_plan *plan,
	      struct hyfw_arena *arena, struct hyfw_error **err);
int disk_apply(const struct instance *instance, struct hyfw_call *call, const char *workload, struct hyfw_error **err);
int disk_undo(const struct instance *instance, struct hyfw_call *call, const char *workload, struct hyfw_error **err);
/* Kernel and initrd, and for the step that runs it. */
int boot_apply(const struct instance *instance, struct hyfw_call *call, const char *workload,
	       const struct labels *labels, struct hyfw_error **err);
int boot_undo(const struct instance *instance, struct hyfw_call *call, const char *workload, struct hyfw_error **err);

/* ---- plan.c ---- */

char *plan_summary(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
		   const struct labels *labels, bool pair, enum mode mode);
/* 'Z', 'z' or 0 for a volume key; '*ret_source' in 'arena'. */
char plan_volume(const struct hyfw_host *host, struct hyfw_arena *arena, const char *setting, const char **ret_source);

/* ---- views.c ---- */

struct view {
	const struct hyfw_host *host;
	const struct types *types;
	const char *directory;
};
int views_operate(const struct view *view, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		  struct hyfw_error **err);

#endif
