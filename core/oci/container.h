/* SPDX-License-Identifier: BSD-3-Clause
 * An OCI container as it is kept between the commands of its client: ROOT/ID/ with
 *
 *     lock         held by the command that changes it; record lock, goes with the process
 *     journal      steps of the drivers and their notes, as for a workload (engine/journal.h)
 *     state.json   what `state` and `list` tell beside that
 *     config.json  the bundle's, as it was when the container was created
 *
 * No process stays: whoever calls next reads what the last one left.  A creation that
 * was cut off is undone by the next command for the same ID. */
#ifndef HYFW_OCI_CONTAINER_H
#define HYFW_OCI_CONTAINER_H

#include <hyfw/isolation.h>

#include "engine/journal.h"
#include "oci/config.h"
#include "plugin/driver.h"

enum hyfw_oci_status {
	HYFW_OCI_CREATING = 0,
	HYFW_OCI_CREATED,
	HYFW_OCI_RUNNING,
	HYFW_OCI_PAUSED,
	HYFW_OCI_STOPPED,
};
const char *hyfw_oci_status_name(enum hyfw_oci_status status);

struct hyfw_oci_container {
	char *id, *directory;
	int lock;                    /* -1: only looked at */
	struct hyfw_journal *journal; /* NULL while it is being made */
	struct hyfw_arena *arena;
	const char *bundle, *created, *owner, *version; /* of state.json, in the arena */
	const char *const *freezers; /* the kernel's files that tell whether it stands still; NULL: unknown */
	bool paused, systemd_cgroup, no_cgroups;
	char *config_text;           /* config.json; NULL until it is asked for */
	size_t config_size;
	struct hyfw_oci_spec spec;   /* valid with config_text */
};

/* Phases (base/ledger.h) that hyfw_oci_create(), _open() and _start() tell; they are kept while
 * the caller has a ledger open, in the container's journal.  This one is the client's. */
#define HYFW_OCI_PHASE_WAIT "wait for start"

/* What a client wants created. */
struct hyfw_oci_request {
	const char *root, *id;
	const char *bundle;          /* absolute */
	const char *config_file;     /* NULL: BUNDLE/config.json */
	const char *pid_file, *console_socket, *pidfd_socket; /* NULL: none */
	const char *notify_socket;   /* NOTIFY_SOCKET, sd_notify(3); NULL: none */
	uint32_t preserve_fds;       /* with those of 'listen_fds' */
	uint32_t listen_fds;         /* LISTEN_FDS, which the command is told */
	bool no_pivot, no_new_keyring;
	bool detached;               /* the creator goes before the container does */
	bool systemd_cgroup, no_cgroups;
	bool plain_lines;            /* as hyfw_oci_config.plain_lines */
};

/* A file name of letters, digits and "_+-.", a dot not first; -EINVAL. */
int hyfw_oci_id_check(const char *id, struct hyfw_error **err);

/* Makes the container up to the point where only the exec of its command is missing, and
 * claims its ID: -EEXIST.  Whatever fails is undone.  'ret_running' as create() of the
 * isolation driver left it, to be closed by the caller. */
int hyfw_oci_create(const struct hyfw_oci_request *request, struct hyfw_oci_container **ret_container,
		    struct hyfw_running *ret_running, struct hyfw_error **err);

/* An existing one, -ENOENT; with 'change' it is locked, waiting for whoever has it. */
int hyfw_oci_open(const char *root, const char *id, bool change, struct hyfw_oci_container **ret_container,
		  struct hyfw_error **err);
void hyfw_oci_close(struct hyfw_oci_container *container); /* accepts NULL; closes, ends nothing */

/* Reads container->spec. */
int hyfw_oci_load_config(struct hyfw_oci_container *container, struct hyfw_error **err);

enum hyfw_oci_status hyfw_oci_status(const struct hyfw_oci_container *container);
pid_t hyfw_oci_pid(const struct hyfw_oci_container *container); /* 0 when there is none (any more) */

/* 'running' is NULL in another process than that of hyfw_oci_create().  A poststart hook
 * that fails is the end of the container: it is deleted. */
int hyfw_oci_start(struct hyfw_oci_container *container, struct hyfw_running *running, struct hyfw_error **err);

/* 0 sends nothing and only looks.  -ESRCH when nobody is there. */
int hyfw_oci_kill(struct hyfw_oci_container *container, int signal, bool all, struct hyfw_error **err);

/* Of one that has stopped or was never started; with 'force' of any. */
int hyfw_oci_delete(struct hyfw_oci_container *container, bool force, struct hyfw_error **err);
int hyfw_oci_freeze(struct hyfw_oci_container *container, bool frozen, struct hyfw_error **err);
int hyfw_oci_update(struct hyfw_oci_container *container, const struct hyfw_oci_resources *resources,
		    struct hyfw_error **err);
int hyfw_oci_stats(struct hyfw_oci_container *container, struct hyfw_stats *ret_stats, struct hyfw_error **err);

/* All figures, as the member "data" of what `runc events --stats` prints; in the
 * container's arena, NULL without control groups. */
int hyfw_oci_report(struct hyfw_oci_container *container, const char **ret_json, struct hyfw_error **err);

/* How a further command differs from what exec says. */
struct hyfw_oci_exec_options {
	bool ignore_paused;
	const char *const *cgroups; /* "[CONTROLLERS:]PATH", groups below the container's; NULL: its own */
};

/* A further command; 'exec' needs argv, envp, workdir, terminal, stdio, detached and
 * preserve_fds, 'command' says the rest. */
int hyfw_oci_exec(struct hyfw_oci_container *container, const struct hyfw_oci_command *command,
		  const struct hyfw_oci_exec_options *options, struct hyfw_exec *exec,
		  struct hyfw_running *ret_running, struct hyfw_error **err);

/* Ids of the processes inside, as the machine sees them. */
int hyfw_oci_pids(struct hyfw_oci_container *container, pid_t **ret_pids, size_t *ret_count,
		  struct hyfw_error **err);

/* IDs of all in 'root', sorted. */
int hyfw_oci_list(const char *root, struct hyfw_strings *ret_ids, struct hyfw_error **err);

/* The state, runtime.md; free(). */
char *hyfw_oci_state_json(const struct hyfw_oci_container *container);

/* Sends 'fd' over the listening socket at 'path' with 'text' beside it. */
int hyfw_oci_send_fd(const char *path, int fd, const char *text, struct hyfw_error **err);
/* The same with a descriptor of process 'pid'. */
int hyfw_oci_send_pidfd(const char *path, pid_t pid, struct hyfw_error **err);

/* notify.c: the container's end of NOTIFY_SOCKET, a socket of ours in its directory; a
 * descriptor, -ENOENT when the container was created without one. */
int hyfw_oci_notify_listen(const struct hyfw_oci_container *container, struct hyfw_error **err);
/* Hands the first "READY=" that comes over 'listener' on to 'host', with MAINPID= where 'main_pid'
 * is not 0.  True once that is done or nothing can come any more. */
bool hyfw_oci_notify_forward(int listener, const char *host, pid_t main_pid);
/* The same, waiting until it is done or 'pid' is gone. */
void hyfw_oci_notify_wait(int listener, const char *host, pid_t pid);

static inline void hyfw_cleanup_oci(struct hyfw_oci_container **container)
{
	hyfw_oci_close(*container);
}
#define HYFW_AUTO_OCI __attribute__((cleanup(hyfw_cleanup_oci)))

#endif
