/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Plans are made of steps.  A driver describes in plan() what it would change,
 * the core shows it (hyfw plan) or has it done: for each step it writes the
 * intent to the journal, calls apply(), and writes that it is done.  When
 * anything goes wrong later, even in another process after a crash, the core
 * calls undo() with the same step and all that was noted for it.
 */
#ifndef HYFW_STEP_H
#define HYFW_STEP_H

#include <hyfw/oci.h>
#include <hyfw/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* When a step is undone. */
enum hyfw_lifetime {
	HYFW_LIFETIME_RUN = 0,      /* when the workload stops */
	HYFW_LIFETIME_WORKLOAD = 1, /* when the workload is removed; outlives a reboot */
	HYFW_LIFETIME_SHARED = 2,   /* when the last user of a network or volume is gone */
};

enum hyfw_step_flags {
	/* Says something to the reader of a plan and changes nothing: neither
	 * apply() nor undo() is called. */
	HYFW_STEP_NOTE = 1u << 0,
};

struct hyfw_step {
	size_t size;
	const char *verb;     /* the driver's own word for it, [a-z-]+ */
	const char *object;   /* what is changed: "bridge hyfw0", "interface eth0 of web" */
	const char *summary;  /* one line in the imperative: "create bridge hyfw0 with 10.89.0.1/24" */
	const char *commands; /* what an administrator would type for it, a line each; NULL for none */
	enum hyfw_lifetime lifetime;
	uint32_t flags;       /* enum hyfw_step_flags */
	struct hyfw_map args; /* all that apply() and undo() need from the plan */
};

/* What a plan is wanted for. */
enum hyfw_subject_kind {
	HYFW_SUBJECT_NETWORK = 1,  /* network drivers: the network itself */
	HYFW_SUBJECT_ENDPOINT = 2, /* network drivers: a workload's attachment to a network */
	HYFW_SUBJECT_VOLUME = 3,   /* storage drivers: a named volume */
	HYFW_SUBJECT_ROOT = 4,     /* storage drivers: a workload's root file system */
	HYFW_SUBJECT_WORKLOAD = 5, /* isolation drivers and security modules */
	HYFW_SUBJECT_DISK = 6,     /* storage drivers: a disk that a workload is given: a named
				    * volume or a file of the host.  Of a workload whose isolation
				    * driver takes disks, security modules with HYFW_CONFINES_LABELS
				    * are asked about ROOT and DISK after the storage driver; what
				    * follows is as for WORKLOAD then, and 'disk' and 'index' are the
				    * disk's */
};

/* Which ids of the host a workload's ids 0..count-1 are. 'count' 0 means that
 * the workload has no user namespace. */
struct hyfw_idmap {
	uint32_t host_uid;
	uint32_t host_gid;
	uint32_t count;
};

/* Normal forms of the core's own keys, beyond those of the types (plugin.h):
 *     env, label   "KEY=VALUE"
 *     volume       "SOURCE|TARGET|ro" or "|rw", with "|z" or "|Z" behind where that was asked
 *                  for; SOURCE is a volume's name or an absolute path
 *     tmpfs        "PATH|BYTES|MODE", MODE octal; 0 where it was not given
 *     publish      see network.h
 *     cap_add, cap_drop   "CAP_NET_ADMIN", or "ALL"
 *     seccomp      "default", "unconfined" or an absolute path
 *     systemd      "always"; "detected" where it was to be found out and is so; else "off"
 *     memory_swap  bytes of memory and swap together, "-1" for no limit
 *     io_max       "DEVICE|rbps=N|wbps=N|riops=N|wiops=N", those that were given; DEVICE an absolute
 *                  path, bytes or operations in a second
 *     stop_signal  its number
 *     restart      "no", "on-failure", "on-failure:N", "always", "unless-stopped"
 *     disk         "SOURCE|OPTION=VALUE|...", SOURCE as for volume; see hyfw_subject.disk */
struct hyfw_subject {
	size_t size;
	enum hyfw_subject_kind kind;
	const char *name;            /* of the network, volume or workload */
	const char *workload;        /* ENDPOINT, ROOT and WORKLOAD: the workload; else NULL */
	uint32_t index;              /* ENDPOINT: 0 for the first network of the workload (eth0), ... */
	struct hyfw_map settings;    /* keys of the section [network], [volume] or [workload];
				      * ENDPOINT: of the workload.  Normalised, see types.h */
	struct hyfw_map network;     /* ENDPOINT: keys of the network's section, else empty */
	struct hyfw_idmap idmap;     /* all of a workload, and VOLUME; its first uid is the user that a
				      * hypervisor runs as */
	bool transient;              /* the workload is removed when it ends (--rm) */
	const char *isolation;       /* ENDPOINT, ROOT, DISK, WORKLOAD: name of its isolation driver */

	/* DISK, else empty: "source" (the volume's name or an absolute path) and those of
	 * "device" (disk, cdrom, floppy), "bus", "format", "read_only" (true, false),
	 * "cache", "serial", "boot" that were given.  'settings' are the volume's keys,
	 * empty for a path; 'index' is its place among the workload's disks. */
	struct hyfw_map disk;

	/* WORKLOAD, security modules: bytes that the isolation driver needs beside the
	 * workload's own memory (a hypervisor's); limits of memory are that much higher.
	 * Without the setting memory it is the limit itself, unless it is 0. */
	uint64_t memory_overhead;

	bool takes_tap;              /* ENDPOINT: the isolation driver wants a tap, else an interface
				      * in a network namespace */

	/* WORKLOAD of an OCI bundle, else NULL: what it says of resources, seccomp and the
	 * like counts instead of 'settings', which are empty then. */
	const struct hyfw_oci_config *oci;

	bool emulated;               /* WORKLOAD, security modules: a hypervisor makes the guest's code
				      * into its own as it runs; policies know that as another kind of
				      * process */
};

struct hyfw_attachment;

/* One call of apply() or undo(). */
struct hyfw_call {
	size_t size;
	const struct hyfw_step *step;
	struct hyfw_map record;   /* notes made for this step so far, including those of a
				   * process that died */
	struct hyfw_arena *arena; /* for whatever the call returns */
	const char *workload;     /* NULL for steps of lifetime SHARED */
	int netns_fd;             /* ENDPOINT steps, apply() only: the workload's network
				   * namespace; -1 otherwise.  Owned by the core */
	struct hyfw_map peers;    /* ENDPOINT steps, apply() only: running workload name ->
				   * address, for each workload on the same network */
	void *core;               /* the core's; off limits */
	struct hyfw_map volumes;  /* RUN steps of security modules with HYFW_CONFINES_LABELS, apply()
				   * only: volume -> absolute path of its directory */
	struct hyfw_map layers;   /* and "layer" -> absolute path of each read-only directory that its
				   * root file system consists of, uppermost first */
	const struct hyfw_attachment *disk; /* ROOT and DISK steps of security modules, apply() only: what
				   * the storage driver gave for it; else NULL */
};

/* ---- operations ------------------------------------------------------------ */

/* Something that a driver can do beyond the operations with a function of their
 * own: "snapshot-create", "convert".  The words, their arguments and results stand
 * in isolation.h and storage.h; a driver may have more.  The result is a map; one
 * that lists things repeats its keys, and the key "row" begins each thing. */
struct hyfw_workload;

struct hyfw_operation {
	size_t size;
	const char *verb;         /* [a-z-]+ */
	const char *object;       /* what it is done to: a workload, image, volume or absolute path */
	struct hyfw_map args;
	int input_fd, output_fd;  /* for operations that read or write a stream; -1 for none;
				   * owned by the core */
	struct hyfw_arena *arena; /* for the result */
	/* Tells how far it is; 'total' 0 when that is not known.  NULL: nobody looks. */
	void (*progress)(const struct hyfw_operation *operation, uint64_t done, uint64_t total);
	/* Whether it shall stop and undo itself (-ECANCELED); NULL: never.  Any thread. */
	bool (*cancelled)(const struct hyfw_operation *operation);
	void *core;               /* the core's; off limits */
	/* Isolation drivers, "migrate" of a workload that does not run: what create() would
	 * be given, but for descriptors; else NULL. */
	const struct hyfw_workload *workload;
};

/* The two, whether or not somebody has given them. */
static inline void hyfw_operation_tell(const struct hyfw_operation *operation, uint64_t done, uint64_t total)
{
	if (operation->progress)
		operation->progress(operation, done, total);
}

static inline bool hyfw_operation_is_cancelled(const struct hyfw_operation *operation)
{
	return operation->cancelled && operation->cancelled(operation);
}

#ifdef __cplusplus
}
#endif
#endif
