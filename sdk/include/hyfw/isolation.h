/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Isolation drivers make and control the thing that runs.
 *
 * Order of calls for a workload, all in its monitor process:
 *
 *     plan(WORKLOAD)       emits the two steps "create" and "start", last and in this
 *                          order; before them what lasts as long as the workload
 *     create()             everything is ready, nothing of the workload runs yet
 *       network endpoints are attached (TAKES_INTERFACE: now, with netns_fd)
 *     start()              the command runs
 *     wait_fd readable ->  wait()
 *     undo("start"), ..., undo("create")
 *
 * and in any process, by what create() and start() noted:
 *
 *     signal() exec() stats() pause() resume() describe() plug() operate()
 *
 * A driver with HYFW_HELD_BY_MONITOR holds the running thing in the monitor
 * process (a hypervisor's connection): these are called there only, on the
 * instance that created it; what other processes want reaches it through the
 * monitor's control socket.
 *
 * The core calls create() and start() where it would call apply() for the two
 * steps; undo() is the common one.
 */
#ifndef HYFW_ISOLATION_H
#define HYFW_ISOLATION_H

#include <hyfw/plugin.h>
#include <hyfw/workload.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The verbs of the two steps. */
#define HYFW_VERB_CREATE "create"
#define HYFW_VERB_START "start"

/* Words for hyfw_plugin.capabilities of isolation drivers.  The core matches
 * them with what storage and network drivers produce. */
#define HYFW_TAKES_MOUNTS "takes-mounts"       /* BIND, OVERLAY, TMPFS attachments */
#define HYFW_TAKES_BLOCK "takes-block"         /* BLOCK attachments */
#define HYFW_TAKES_INTERFACE "takes-interface" /* endpoints put into its network namespace
						* between create() and start(); the
						* loopback interface is up by then */
#define HYFW_TAKES_TAP "takes-tap"             /* endpoints as taps, before create() */
#define HYFW_TAKES_IDMAP "takes-idmap"         /* an id range of its own: a user namespace, or the
						* user that a hypervisor runs as */
#define HYFW_TAKES_USER_NETWORK "takes-user-network" /* endpoints with HYFW_NOTE_USER_NETWORK */
#define HYFW_TAKES_NO_COMMAND "takes-no-command" /* runs what its disk holds: a workload needs
						* neither command nor image */
#define HYFW_HELD_BY_MONITOR "held-by-monitor" /* see above */

/* Words of what it puts into effect of a confinement.  Security modules whose word
 * (security.h) is not among them are left out of the default list, and refused by
 * name when a workload asks for them. */
#define HYFW_TAKES_RESOURCES "takes-resources"
#define HYFW_TAKES_PRIVILEGES "takes-privileges"
#define HYFW_TAKES_SYSCALLS "takes-syscalls"
#define HYFW_TAKES_LABELS "takes-labels"
#define HYFW_TAKES_PATHS "takes-paths"

/* Notes that the core understands. */
#define HYFW_NOTE_PID "pid"               /* first process of the workload, as the host sees it */
#define HYFW_NOTE_PID_START "pid_start"   /* its start time: field 22 of /proc/PID/stat, proc(5) */

/* What runs.  Descriptors are owned by the core after the call returned. */
struct hyfw_running {
	size_t size;
	int32_t pid;      /* 0 when there is none */
	int wait_fd;      /* becomes readable when the workload has ended (a pidfd, for example) */
	int netns_fd;     /* its network namespace; -1 when it has none of its own */
	int console_fd;   /* the terminal's master side; -1 without a terminal */
	void *handle;     /* the driver's; freed by wait() or undo("create") */
	int changed_fd;   /* eventfd(2) of a workload that may come to stand still, or go on, by itself;
			   * see halted(), lacks(); -1: it does not */
	int seccomp_listener_fd; /* what seccomp(2) returned for SECCOMP_FILTER_FLAG_NEW_LISTENER in an OCI
				  * container or a command in it, from create(), start() or exec(),
				  * whichever loads the filter; -1: there is none */
};

struct hyfw_exit {
	size_t size;
	int32_t status;   /* exit status, or 128 + signal */
	int32_t signal;   /* the signal that ended it, 0 for none */
	bool oom_killed;
};

/* A further command in a running workload. */
struct hyfw_exec {
	size_t size;
	const char *const *argv;
	const char *const *envp;
	const char *workdir;  /* NULL: the workload's */
	const char *user;     /* as in struct hyfw_workload */
	bool terminal;
	int stdio[3];         /* owned by the core */
	struct hyfw_confinement confinement;
	const struct hyfw_oci_process *oci; /* of a container made from an OCI bundle; 'user' is empty
					     * then.  NULL for all others */
	bool detached;        /* outlives the caller, as hyfw_oci_config.detached */
	uint32_t preserve_fds; /* as hyfw_oci_config.preserve_fds */
	bool plain_lines;     /* as hyfw_oci_config.plain_lines */
};

/* Something that is put into a running workload or taken out: one of the two. */
struct hyfw_device {
	size_t size;
	const char *name;                     /* unique in the workload: "disk1" is the first of
					       * 'disks', "eth0" the first of 'endpoints' */
	const struct hyfw_attachment *disk;   /* BLOCK */
	const struct hyfw_endpoint *endpoint; /* with HYFW_NOTE_TAP or HYFW_NOTE_INTERFACE */
};

/* Words for hyfw_operation.verb of isolation drivers; 'object' is the workload.
 * Arguments are optional unless they are in capitals.
 *
 *   update           vcpus, memory (bytes, the balloon's), cdrom (a path, "" for none)
 *   display          -> type, address, port, socket, password_set
 *   snapshot-create  NAME, description, memory, disk_only, external (true, false)
 *   snapshot-list    -> row, name, created (seconds), state, type, memory, parent, current, bytes
 *   snapshot-revert  NAME, running, paused (true)
 *                    -> stop (true: nothing was done; it is to be ended, then asked for
 *                    again), start (true: the workload is to be started)
 *   snapshot-delete  NAME, children (true)
 *   save             path (without it: the driver's own, gone with the workload)
 *   restore          path: of one that does not run; its next start goes on there
 *   migrate          TO (a URI), live, peer_to_peer, tunnelled, copy_storage, post_copy,
 *                    auto_converge, unsafe, check, offline (true: one that does not run),
 *                    definition (text that goes along with it), interface ("eth0=bridge:NAME" or
 *                    "eth0=network:NAME", any number), migrate_uri, max_downtime (ms),
 *                    bandwidth (bytes/s), name
 *                    -> name, downtime (ms), total (ms), bytes
 *   adopt            of no workload; 'object' is what it is called where it is: one that has moved to
 *                    this host; take (true: it is the workload's from now on, and offered no
 *                    more), running (with take: as it was told)
 *                    -> name, uuid, running (true, false), definition (the text that came with
 *                    it), password (the key that is missing when its display has one), root (a
 *                    path) and root_format, "disk1" ... (paths)
 *   template-create  NAME: of one that runs, and goes on running; memory and disks of one moment
 *   template-list    of no workload -> row, name, workload, created (seconds), bytes, programs,
 *                    memory (bytes), vcpus, users, damaged (true)
 *   template-inspect 'object' is the template -> as list, "disk NAME" (its size) and "setting KEY"
 *   template-remove  'object' is the template
 *   reboot
 *   rename           TO: of one that does not run, what the driver keeps of it is the workload TO's
 *                    from now on; what was done already is success.  check (true: only say what
 *                    is in the way), uuid and persistent (its settings), disk_from and disk_to
 *                    (paths: what rename() of storage.h told)
 *                    -> KEY: what notes and arguments of its steps of that name are now,
 *                    "setting KEY": one that its definition gets where it has none
 *   forget           the workload, which does not run, is being removed: whatever the
 *                    driver keeps of it is to go
 */

struct hyfw_isolation_ops {
	size_t size;

	/* Makes the workload up to the point where only the exec of its command is
	 * missing: namespaces, id mapping, mounts, devices, terminal; it has joined
	 * its control groups.  Whatever can fail should fail here, not in start().
	 * A missing command is -ENOENT with "executable file not found", one that
	 * cannot be executed -EACCES.
	 * 'workload' and all in it are the core's, its descriptors too; 'ret_running'
	 * comes with its descriptors at -1.
	 * Notes HYFW_NOTE_PID and HYFW_NOTE_PID_START as soon as a process exists.
	 * The process must die when its creator is killed, unless it is an OCI container
	 * that is 'detached': then until create() has returned.  Mandatory. */
	int (*create)(void *instance, struct hyfw_call *call, const struct hyfw_workload *workload,
		      struct hyfw_running *ret_running, struct hyfw_error **err);

	/* Lets the command run.  Returns when exec has succeeded or failed (same
	 * errors as create).  For a detached OCI container it may be called in another
	 * process than create(): 'running' has no handle then, and what the driver noted
	 * in create() is in 'call'.  Mandatory. */
	int (*start)(void *instance, struct hyfw_call *call, struct hyfw_running *running,
		     struct hyfw_error **err);

	/* Takes the exit status after wait_fd became readable; frees the handle.
	 * Also used for what exec() returned.  Does not block.  Mandatory. */
	int (*wait)(void *instance, struct hyfw_running *running, struct hyfw_exit *ret_exit,
		    struct hyfw_error **err);

	/* Sends 'signal' to the first process, or to all of them.  'record' holds
	 * the notes of create.  -ESRCH when it is gone.  Never hits a stranger
	 * that got the same process id.  Mandatory. */
	int (*signal)(void *instance, const struct hyfw_map *record, int signal, bool all,
		      struct hyfw_error **err);

	/* Runs a further command in the workload's namespaces and confinement, as
	 * a child of the calling process; returns when its exec has succeeded or
	 * failed (same errors as create, -ESRCH when the workload is gone).  wait()
	 * takes its end and frees the handle.  NULL: not possible with this driver. */
	int (*exec)(void *instance, const struct hyfw_map *record, const struct hyfw_exec *exec,
		    struct hyfw_arena *arena, struct hyfw_running *ret_running, struct hyfw_error **err);

	/* Stops and continues all processes without their taking part; returns when
	 * they have.  -ESRCH when the workload is gone; no failure when they stand
	 * still, or run, already.  NULL: not possible; the core asks the security
	 * modules' freeze() then. */
	int (*pause)(void *instance, const struct hyfw_map *record, struct hyfw_error **err);
	int (*resume)(void *instance, const struct hyfw_map *record, struct hyfw_error **err);

	/* Adds what only the driver knows (network counters, balloon, ...); members
	 * already known are left alone, HYFW_STAT_NONE is what is not known.  Units
	 * stand at struct hyfw_stats.  Does not block.  NULL: nothing. */
	int (*stats)(void *instance, const struct hyfw_map *record, struct hyfw_stats *stats,
		     struct hyfw_error **err);

	/* Lines for `hyfw inspect` about the live confinement: pairs such as
	 * "namespaces" = "cgroup ipc mount net pid time user uts" read from the
	 * running process.  In 'arena'.  With an empty 'record' it is about the driver on
	 * this machine instead, for `hyfw doctor`: "acceleration" = "tcg: /dev/kvm does not
	 * run 64-bit code", "nested" = "on"; may take as long as probe().
	 * NULL: nothing to tell. */
	int (*describe)(void *instance, const struct hyfw_map *record, struct hyfw_arena *arena,
			struct hyfw_map *ret_facts, struct hyfw_error **err);

	/* How many bytes the driver's own processes need beside the memory of a
	 * workload with these settings; where those do not say its memory, together with
	 * that, so that there is a limit all the same.  Pure.  NULL: none. */
	uint64_t (*overhead)(void *instance, const struct hyfw_map *settings);

	/* Puts 'device' into the running workload, or takes it out; returns when the
	 * workload has it, or has let go of it (-ETIMEDOUT when it does not).  Taking out
	 * what is not there is success.  NULL: not possible. */
	int (*plug)(void *instance, const struct hyfw_map *record, const struct hyfw_device *device,
		    bool attach, struct hyfw_error **err);

	/* Does 'operation'; 'record' is empty when the workload does not run (called in
	 * the process that wants it then, under the workload's lock).  May take long:
	 * with HYFW_HELD_BY_MONITOR it runs in a thread of its own, one at a time, while
	 * the others above are called from the monitor's main thread.  -ENOTSUP for a
	 * verb that the driver does not know.  NULL: none. */
	int (*operate)(void *instance, const struct hyfw_map *record, const struct hyfw_operation *operation,
		       struct hyfw_map *ret_result, struct hyfw_error **err);

	/* Why it stands still though nobody asked for that, in a few words ("disk full"),
	 * until resume(); NULL when it does not.  Asked when changed_fd was written to.  Does
	 * not block.  The text is static.  NULL: it never does. */
	const char *(*halted)(void *instance, const struct hyfw_map *record);

	/* What it has lost and runs on without until it is started anew, in a few words
	 * ("TPM"); NULL when nothing.  Asked when changed_fd was written to.  Does not
	 * block.  The text is static.  NULL: it never loses anything. */
	const char *(*lacks)(void *instance, const struct hyfw_map *record);

	/* Whether a workload with these settings is emulated: see hyfw_subject.emulated.
	 * Does not block but for what overhead() does.  NULL: none is. */
	bool (*emulates)(void *instance, const struct hyfw_map *settings);
};

#ifdef __cplusplus
}
#endif
#endif
