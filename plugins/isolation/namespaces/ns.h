/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of this driver share.
 *
 * Two processes make a workload.  The caller of create() (the "parent") has the
 * privileges of the host: it writes the id maps, makes the mounts that need an id
 * mapping or an overlay, and looks users up.  The new process (the "child") lives
 * in the new namespaces, attaches the mounts and becomes the command.  The child
 * is a copy of the parent, so it reads the job through the same pointers; what is
 * decided after the clone goes over the channel (descriptors) and the board
 * (a page that both share).
 *
 *     parent                               child
 *     ns_clone()  ------------------------> session, device and proc trees
 *     id maps, NS_MAPPED  ----------------> root of its user namespace,
 *     root file system, binds, user         network and ipc namespaces
 *     NS_GO with all mounts  -------------> pivot_root, mounts, credentials
 *     <------------------- NS_READY with the terminal
 *     start(): NS_START  -----------------> label, Landlock, seccomp, exec
 *     <------------------- end of file, or NS_FAILED
 *
 * In the child only async-signal-safe calls are made.
 */
#ifndef NS_H
#define NS_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <hyfw/isolation.h>

#include "../common/process.h"
#include "cleanup.h"
#include "view.h"

#define NS_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- report.c: what went wrong in the child ------------------------------- */

enum ns_step {
	NS_STEP_NONE = 0,
	NS_STEP_PARENT,
	NS_STEP_CGROUP,
	NS_STEP_NAMESPACE,
	NS_STEP_JOIN,
	NS_STEP_IDS,
	NS_STEP_LOOPBACK,
	NS_STEP_HOSTNAME,
	NS_STEP_ROOT,
	NS_STEP_MOUNT,
	NS_STEP_TARGET,
	NS_STEP_DEVICE,
	NS_STEP_MASK,
	NS_STEP_TERMINAL,
	NS_STEP_STDIO,
	NS_STEP_WORKDIR,
	NS_STEP_OUTSIDE,
	NS_STEP_KEYRING,
	NS_STEP_USER,
	NS_STEP_CAPABILITIES,
	NS_STEP_LABEL,
	NS_STEP_LANDLOCK,
	NS_STEP_SECCOMP,
	NS_STEP_INTERPRETER,
	NS_STEP_PROC,
	NS_STEP_EXEC,
	/* of OCI bundles */
	NS_STEP_SETTING,
	NS_STEP_PERSONALITY,
	NS_STEP_READ_ONLY,
	NS_STEP_PROPAGATION,
	NS_STEP_COPY,
	NS_STEP_HOOK,
	NS_STEP_PROFILE,
	NS_STEP_TIME,
	NS_STEP_LIMIT,
	NS_STEP_SOURCE,
	NS_STEP_ORDINARY,
};

#define NS_GROUPS_MAX 1024
#define NS_PHASES_MOST 12

/* Shared by parent and child.  Zero at first. */
struct ns_board {
	/* The child's report.  'object' is an address that means the same in both. */
	uint32_t failed;
	uint32_t born;      /* it runs */
	uint32_t executing; /* set right before execve() */
	int32_t listener;   /* the seccomp listener's number in the child; 0 until there is one */
	int32_t errnum;
	enum ns_step step;
	const char *object;
	char text[256];     /* room for an object that has to be composed */

	/* Standard files that are the host's /dev/null, by bits: the container's own is opened. */
	uint32_t nulls;

	/* What the child has done, for the ledger: names that mean the same in both. */
	uint32_t phase_count;
	struct {
		const char *name;
		uint64_t until;
	} phases[NS_PHASES_MOST];

	/* The parent's answer: who the command runs as, with ids inside. */
	uint32_t uid, gid;
	uint32_t group_count;
	gid_t groups[NS_GROUPS_MAX];
	char home[PATH_MAX + sizeof("HOME=")];
};

struct ns_board *ns_board_new(void); /* NULL with errno */
void ns_board_free(struct ns_board *board);

/* Sets '*err' from the child's report. */
int ns_board_error(const struct hyfw_host *host, const struct ns_board *board, struct hyfw_error **err);

/* What the child tells whoever has no board: another process that starts it. */
struct ns_report {
	char message; /* NS_FAILED */
	int32_t errnum;
	enum ns_step step;
	char object[256];
};
int ns_report_error(const struct hyfw_host *host, const struct ns_report *report, struct hyfw_error **err);

/* Fails for a step that is not the command itself: -ENOENT and -EACCES say "no
 * such command" to callers of create() and start(), so they are told otherwise;
 * the sentence keeps the true reason. */
int ns_fail(const struct hyfw_host *host, struct hyfw_error **err, int errnum, const char *what,
	    const char *object);

/* ---- the job ---------------------------------------------------------------- */

struct ns_job {
	/* Of the workload. */
	const struct hyfw_workload *workload; /* NULL for exec() */
	const char *const *argv;
	const char **envp;        /* with a free slot for HOME at 'home_slot' */
	size_t home_slot;         /* SIZE_MAX: HOME is set already */
	const char *const *candidates; /* paths that the command may be at; NULL-terminated */
	const char *workdir;
	bool terminal;
	bool plain_lines;         /* see struct hyfw_oci_config */
	bool mapped;              /* it has a user namespace */
	bool tty_group;           /* group 5 exists inside */
	bool ordinary;            /* made by an ordinary user: see ordinary.c */
	int stdio[3];
	const struct hyfw_confinement *confinement;
	const int *cgroup_fds;    /* "tasks" of each v1 control group; see ns_cgroups_open() */
	size_t cgroup_count;
	int proc_fd;              /* for labels */

	/* Of an OCI bundle; all zero for others. */
	const struct hyfw_oci_process *process;
	struct oci_room *oci;     /* what create() prepared; NULL in exec() */
	const char *keyring;      /* name of the session keyring to be made */
	bool keep_keyring;        /* none is made */
	bool keep_groups;         /* the caller's supplementary groups stay */
	bool has_personality;
	unsigned long personality; /* personality(2) */
	bool outlives;            /* is not to end with its creator */
	uint32_t preserved;       /* descriptors from 3 on that go to the command */
	int started_by;           /* connection to another process that starts it; 0: nobody */

	struct ns_board *board;
	bool cloned;              /* ns_clone_job() made a process */
	int channel;              /* the child's end */
	int peer;                 /* the parent's end, to be closed in the child */
};

/* In the child: reports and ends the process. */
void ns_die(const struct ns_job *job, enum ns_step step, const char *object, int errnum)
	__attribute__((noreturn));

/* ---- channel.c --------------------------------------------------------------- */

#define NS_MAPPED 'm'
#define NS_GO 'g'
#define NS_READY 'r'
#define NS_START 's'
#define NS_DETACH 'd'    /* parent: wait at the gate from now on, create() is over */
#define NS_MADE 'e'      /* child: all is mounted, nothing is pivoted yet */
#define NS_HOOKED 'h'    /* child, to the same: the hooks in it have run */
#define NS_EXECUTING 'x' /* child, to another process that starts it: exec is next */
#define NS_FAILED 'f'

#define NS_FDS_MAX 250 /* SCM_MAX_FD of the kernel is 253 */

int ns_channel_open(int ret_ends[2]);
/* All return 0 or a negative errno; -EPIPE when the other side is gone. */
int ns_channel_send(int channel, char message, const int *fds, size_t count);
/* At most 'room' descriptors; '*ret_count' may be NULL when none is expected. */
int ns_channel_receive(int channel, char *ret_message, int *fds, size_t room, size_t *ret_count);

/* ---- namespace.c ------------------------------------------------------------- */

/* A namespace of a process as a descriptor. */
enum ns_kind { NS_KIND_NET, NS_KIND_USER };
int ns_namespace_open(int pidfd, pid_t pid, enum ns_kind kind);

/* ---- clone.c ------------------------------------------------------------------ */

/* As fork(), with clone3().  0 in the child. */
pid_t ns_clone(uint64_t flags, int *ret_pidfd);
/* The same for the child of a job, in the v2 group 'cgroup_fd', -1 for none. */
pid_t ns_clone_job(struct ns_job *job, uint64_t flags, int cgroup_fd, int *ret_pidfd);
/* It was killed before its first step.  Linux does that to a child made in another v2
 * group than its parent's when cgroup.kill has been written to one of the two: it counts
 * those writes (kill_seq in kernel/cgroup/cgroup.c, since 6.14 and in stable kernels of
 * 2025) and compares the count of the one with that of the other.  The remedy is to enter
 * the group by its cgroup.procs.  'pidfd' -1: it has been waited for. */
bool ns_is_stillborn(const struct ns_job *job, int cgroup_fd, int pidfd);

/* ---- idmap.c, user.c, command.c, rootfs.c, overlay.c: in the parent ------------- */

struct ns_handle;

struct ns_instance {
	const struct hyfw_host *host;
	struct ns_handle *handles; /* what create() made and wait() did not see yet */
};

/* The number outside of 'inside' by what /proc/PID/uid_map says; UINT32_MAX: none, or no such text. */
uint32_t ns_idmap_find(const char *text, uint32_t inside);
uint32_t ns_idmap_outside(pid_t pid, const char *file, uint32_t inside);
int ns_idmap_write(const struct hyfw_host *host, pid_t pid, const struct hyfw_idmap *idmap,
		   struct hyfw_error **err);

/* Only the home directory of user number 'uid', for the board. */
int ns_user_home(const struct hyfw_host *host, int root_fd, uint32_t uid, struct ns_board *board,
		 struct hyfw_error **err);

/* Looks 'user' up in /etc/passwd and /etc/group below 'root_fd'; fills the board. */
int ns_user_find(const struct hyfw_host *host, int root_fd, const char *user, struct ns_board *board,
		 struct hyfw_error **err);

/* Environment and candidates of the command, in 'arena'. */
int ns_command_prepare(const struct hyfw_host *host, struct hyfw_arena *arena, const char *const *argv,
		       const char *const *envp, struct ns_job *job, struct hyfw_error **err);

/* A detached mount of a BIND or OVERLAY attachment.  'userns' maps its ids where
 * HYFW_ATTACH_IDMAP asks for it; -1: there is no user namespace. */
int ns_rootfs_open(const struct hyfw_host *host, const struct hyfw_attachment *attachment, int userns,
		   const char *label, int *ret_fd, struct hyfw_error **err);

/* The mount flags (MOUNT_ATTR_*) that the attachment asks for. */
uint64_t ns_attachment_attributes(const struct hyfw_attachment *attachment);

/* An overlay of 'layers' (uppermost first).  The first way needs Linux 6.15, the
 * other one works since 5.19; both are here so that a test can take either. */
struct ns_overlay {
	const int *layers;
	size_t count;
	int upper, work; /* -1 for none */
	const char *upper_path, *work_path;
	const char *label;
};
int ns_open_source(const char *path, int flags); /* O_PATH; no magic links */
int ns_overlay_detached(const struct ns_overlay *overlay);
int ns_overlay_attached(const struct ns_overlay *overlay);

/* ordinary.c: workloads of an ordinary user. */
int ns_ordinary_check(const struct hyfw_host *host, const struct hyfw_subject *subject, struct hyfw_error **err);
/* Waits for what the child has opened: its root file system and its network namespace, which
 * nobody outside may look at before it runs its command. */
#define NS_OPENED 2
int ns_ordinary_take(const struct hyfw_host *host, const struct ns_handle *handle, int ret_fds[NS_OPENED],
		     struct hyfw_error **err);
/* The user namespace of 'pid' lets nobody change supplementary groups: the caller's stay. */
bool ns_keeps_groups(pid_t pid);

/* ---- in the child ----------------------------------------------------------------- */

/* ordinary.c: the root file system and all mounts but those of type tmpfs; their number.
 * Waits for NS_GO in between. */
size_t ns_ordinary_open(const struct ns_job *job, int fds[NS_FDS_MAX]);

/* child.c: never returns. */
void ns_child_create(struct ns_job *job) __attribute__((noreturn));
void ns_reset_signals(void);
void ns_die_with_creator(const struct ns_job *job);
void ns_expect(const struct ns_job *job, char message, int *fds, size_t room, size_t *ret_count);
void ns_become_private(const struct ns_job *job);
void ns_join_cgroups(const struct ns_job *job);
void ns_become_root(const struct ns_job *job); /* of the user namespace, once it is mapped */
/* Root's ids in the user namespace; where it has no root, those of the command. */
void ns_take_ids(const struct ns_job *job);
void ns_bring_up_loopback(const struct ns_job *job);
void ns_pivot(const struct ns_job *job, int root); /* to a root that is attached */
/* The last part, common to create() and exec(): stdio, directory, credentials,
 * waiting for NS_START, exec. */
void ns_child_become(struct ns_job *job, int console) __attribute__((noreturn));

/* phases.c: what was done up to now is called 'name', a literal. */
void ns_phase(const struct ns_job *job, const char *name);

/* mounts.c */
int ns_open_inside(int root_fd, const char *path, uint64_t flags); /* O_PATH; never leaves it */
/* Opens 'target' below 'root_fd' without leaving it; makes what is missing. */
int ns_target_open(int root_fd, const char *target, bool directory);
void ns_attach(const struct ns_job *job, int mount_fd, int root_fd, const char *target, bool directory);
void ns_mounts_attach(const struct ns_job *job, int root_fd, const int *fds, size_t count);
/* A new file system: fsopen, options ("key", "value" pairs, a NULL value for a
 * flag), fsmount; a descriptor or a negative errno. */
int ns_filesystem(const char *type, const char *const *options, uint64_t attributes);
int ns_attributes(int fd, uint64_t set, bool recursive);

/* Whether its first process is systemd, which divides its control group itself. */
static inline bool ns_has_systemd(const struct hyfw_map *settings)
{
	const char *word = hyfw_map_get(settings, "systemd");

	return word && (strcmp(word, "always") == 0 || strcmp(word, "detected") == 0);
}

/* guide.c: a process that is made by another one (the "guide"), which joins namespaces
 * first: its child is in them from birth, and is a child of the caller all the same. */
struct ns_guide {
	void (*join)(struct ns_job *job, void *context);
	void (*child)(struct ns_job *job, void *context); /* does not return */
	void *context;
	uint64_t flags; /* for the child */
	int cgroup_fd;  /* of cgroup v2, for both; -1 for none */
};
/* 0; -ECHILD when the board says why not; or another negative errno. */
int ns_guide_run(struct ns_job *job, const struct ns_guide *guide, pid_t *ret_pid, int *ret_pidfd);

/* confine.c */
void ns_confine_before(const struct ns_job *job); /* ids, capabilities, no_new_privs */
void ns_confine_hook(const struct ns_job *job);   /* in a hook: the filter alone */
void ns_confine_last(const struct ns_job *job);   /* label, Landlock, seccomp */

/* command.c: the path to execute; reports and dies when there is none. */
const char *ns_command_find(const struct ns_job *job);

/* ---- the operations ----------------------------------------------------------------- */

struct ns_handle {
	struct ns_board *board;
	uint32_t phases_told;
	int channel;    /* -1 once the command runs */
	char *command;  /* argv[0], for errors of start() */
	pid_t pid;
	uint64_t start_time;
	struct ns_handle *next; /* of the instance; unused for exec() */
};
struct ns_handle *ns_handle_new(const char *command); /* NULL: no memory or descriptors */
void ns_handle_free(struct ns_handle *handle);
void ns_handle_keep(struct ns_instance *instance, struct ns_handle *handle);
void ns_handle_drop(struct ns_instance *instance, struct ns_handle *handle); /* and frees it */

/* Notes pid and start time for the step in 'call'. */
int ns_note_process(const struct hyfw_host *host, struct hyfw_call *call, const struct ns_handle *handle,
		    struct hyfw_error **err);
/* Pipes made for the command belong to its user ('uid', 'gid' of the host), so
 * that it can open /dev/stdout; files and terminals are left alone. */
void ns_give_stdio(const struct ns_job *job, uint32_t uid, uint32_t gid);
/* phases.c: tells the ledger what the child has done since the last time. */
void ns_phases_tell(const struct hyfw_host *host, struct ns_handle *handle);
/* Waits until only NS_START is missing. */
int ns_await_ready(const struct hyfw_host *host, struct ns_handle *handle, int *ret_console,
		   struct hyfw_error **err);
int ns_let_go(const struct hyfw_host *host, struct ns_handle *handle, struct hyfw_error **err);
/* Opens "tasks" of the v1 groups ('tasks', with room for all) and the v2 directory.
 * Without 'ret_unified' the child enters that one as well, after it was stillborn. */
int ns_cgroups_open(const struct hyfw_host *host, const struct hyfw_confinement *confinement, int *tasks,
		    size_t *ret_count, int *ret_unified, struct hyfw_error **err);

int ns_create(void *instance, struct hyfw_call *call, const struct hyfw_workload *workload,
	      struct hyfw_running *ret_running, struct hyfw_error **err);
int ns_start(void *instance, struct hyfw_call *call, struct hyfw_running *running,
	     struct hyfw_error **err);
int ns_wait(void *instance, struct hyfw_running *running, struct hyfw_exit *ret_exit,
	    struct hyfw_error **err);
int ns_signal(void *instance, const struct hyfw_map *record, int signal, bool all,
	      struct hyfw_error **err);
int ns_exec(void *instance, const struct hyfw_map *record, const struct hyfw_exec *exec,
	    struct hyfw_arena *arena, struct hyfw_running *ret_running, struct hyfw_error **err);
int ns_describe(void *instance, const struct hyfw_map *record, struct hyfw_arena *arena,
		struct hyfw_map *ret_facts, struct hyfw_error **err);
int ns_undo(void *instance, struct hyfw_call *call, struct hyfw_error **err);
int ns_apply(void *instance, struct hyfw_call *call, struct hyfw_error **err);
int ns_check(void *instance, const struct hyfw_subject *subject, struct hyfw_error **err);
int ns_plan(void *instance, const struct hyfw_subject *subject, struct hyfw_plan *plan,
	    struct hyfw_arena *arena, struct hyfw_error **err);
int ns_probe(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
	     struct hyfw_error **err);

/* Notes of this driver beside the common ones. */
#define NS_NOTE_WORKDIR "workdir"

#endif
