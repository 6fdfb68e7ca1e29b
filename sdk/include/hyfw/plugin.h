/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a plugin file is: one shared object with exactly one exported symbol,
 * hyfw_plugin_entry_v1, which returns a constant descriptor, and one ELF note
 * that repeats the essentials so that the host can refuse the file before any
 * code in it (constructors included) has run.  HYFW_PLUGIN_EXPORT() makes both.
 *
 * Life of a driver
 *
 *     entry() -> descriptor        once; no side effects, nothing allocated
 *        probe()                   any number of times, before or after open()
 *        open() -> instance        once for each process that uses the driver
 *           check() plan()         pure: they change nothing on the machine
 *           apply() undo()         the changes, one step at a time
 *           operations of the kind (isolation.h, network.h, storage.h, security.h)
 *           gc()                   once after a crash
 *        close()
 *
 * Threads: one call at a time for each instance.  Several instances (in several
 * processes) work at the same time on the same machine, so what they share is
 * guarded with hyfw_host.lock() or hyfw_host.lease_take().
 * No driver code runs between fork and exec of a workload.
 *
 * What holds for every operation, unless its own comment says otherwise: 0 or a
 * negative errno comes back, and '*err' is set (with hyfw_host.fail()) if and only
 * if it is negative; 'ret_' arguments are touched only on success.  Arguments
 * belong to the caller and are valid until the call returns.  What is returned
 * lives in the arena that was handed in.  An operation may block for as long as
 * its work takes.
 */
#ifndef HYFW_PLUGIN_H
#define HYFW_PLUGIN_H

#include <hyfw/host.h>
#include <hyfw/step.h>
#include <hyfw/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HYFW_PLUGIN_MAGIC 0x48594657u /* "HYFW" */

/* ---- options ------------------------------------------------------------ */

enum hyfw_option_type {
	HYFW_OPTION_STRING = 1,
	HYFW_OPTION_BOOL,     /* yes/no, true/false, on/off, 1/0 -> "true"/"false" */
	HYFW_OPTION_INT,      /* decimal, within min..max */
	HYFW_OPTION_SIZE,     /* 512K, 50M, 1G (powers of 1024) -> bytes */
	HYFW_OPTION_DURATION, /* 500ms, 10s, 5m, 1h -> milliseconds */
	HYFW_OPTION_CPUS,     /* 0.25 -> thousandths of a CPU: 250 */
	HYFW_OPTION_CHOICE,   /* one of 'choices' */
	HYFW_OPTION_PATH,     /* absolute, without ".." */
	HYFW_OPTION_NAME,     /* [a-z0-9][a-z0-9_.-]{0,62} */
};

enum hyfw_option_scope {
	HYFW_SCOPE_PLUGIN = 1,   /* [plugin NAME] */
	HYFW_SCOPE_WORKLOAD = 2, /* [workload NAME] */
	HYFW_SCOPE_NETWORK = 3,  /* [network NAME] */
	HYFW_SCOPE_VOLUME = 4,   /* [volume NAME] */
};

enum hyfw_option_flags {
	HYFW_OPTION_LIST = 1u << 0,   /* may be given several times or on indented lines */
	HYFW_OPTION_SECRET = 1u << 1, /* never shown, logged or journaled */
	HYFW_OPTION_ENV = 1u << 2,    /* ${VAR} is replaced from the environment */
	/* Where this key is set, what its driver's other keys do not say comes from what it
	 * names: their defaults are not filled in, so that the driver can tell what was said. */
	HYFW_OPTION_INHERITS = 1u << 3,
};

/* A key that this driver adds to a section. */
struct hyfw_option {
	const char *name;
	enum hyfw_option_scope scope;
	enum hyfw_option_type type;
	uint32_t flags;              /* enum hyfw_option_flags */
	const char *fallback;        /* the default, as a user would write it; NULL for none */
	int64_t min, max;            /* after normalisation; both 0 means any */
	const char *const *choices;  /* NULL-terminated, for CHOICE; else NULL */
	const char *help;            /* one sentence */
};

/* A storage driver that declares a list of this name in HYFW_SCOPE_PLUGIN is given in it
 * "NAME|PATH|BYTES" for each section [pool NAME]: its directory ("" for the driver's own,
 * only for "default") and how much may be in it (0: no limit); with "|shared" behind it
 * other hosts use the same directory. */
#define HYFW_OPTION_POOL "pool"

/* ---- probe -------------------------------------------------------------- */

enum hyfw_probe_result {
	HYFW_PROBE_OK = 0,
	HYFW_PROBE_DEGRADED = 1, /* works, but not all of it; 'reason' says what does not */
	HYFW_PROBE_NO = 2,       /* cannot work here; 'reason' says why and what would help */
};

struct hyfw_probe {
	size_t size;
	enum hyfw_probe_result result;
	const char *reason; /* in the arena given to probe(); NULL with OK */
};

/* What a driver needs of the machine, as data; shown by `hyfw plugin inspect`. */
struct hyfw_need {
	const char *kind;   /* "device", "program", "kernel", "capability"; "package": the
			     * Debian package that has the program or device before it */
	const char *name;   /* "/dev/net/tun", "ovs-vsctl", "overlay", "CAP_NET_ADMIN" */
	bool optional;
};

/* ---- operations common to all kinds ------------------------------------- */

/* What exists, for gc(). */
struct hyfw_alive {
	size_t size;
	const char *const *workloads; /* NULL-terminated names of all there are ... */
	const char *const *networks;  /* in use */
	const char *const *volumes;   /* in use */
	const char *const *running;   /* ... and of those workloads that run: only these
				       * have objects of lifetime RUN */
};

/* Whether one of 'names' (which may be NULL) is the first 'length' bytes of 'name'. */
static inline bool hyfw_names_have(const char *const *names, const char *name, size_t length)
{
	for (; names && *names; names++)
		if (strncmp(*names, name, length) == 0 && (*names)[length] == '\0')
			return true;
	return false;
}

struct hyfw_common_ops {
	size_t size;

	/* Finds out whether the driver works on this machine and why not.  No side
	 * effects, at most 100 ms.  'host' may be used, an instance need not exist.
	 * 'ret_probe' is filled by the callee, text in 'arena'.  NULL: always OK. */
	int (*probe)(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
		     struct hyfw_error **err);

	/* Makes an instance.  'settings' are the keys of [plugin NAME], defaults
	 * filled in; copy what is kept.  Must be cheap: no forks, no probing.
	 * NULL: the instance is NULL. */
	int (*open)(const struct hyfw_host *host, const struct hyfw_map *settings, void **ret_instance,
		    struct hyfw_error **err);

	/* Refuses settings of 'subject' that cannot work, beyond what types and
	 * ranges already tell.  Changes nothing; may look at the machine.  NULL:
	 * nothing to check. */
	int (*check)(void *instance, const struct hyfw_subject *subject, struct hyfw_error **err);

	/* Adds to 'plan', in order, the steps that 'subject' takes.  Changes
	 * nothing.  Text in steps is copied.  'arena' is for composing them.
	 * NULL: this driver makes no steps. */
	int (*plan)(void *instance, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		    struct hyfw_arena *arena, struct hyfw_error **err);

	/* Does one step.  May block, within the step time limit ([hyfw]
	 * step_timeout), after which the process is killed.  When it fails, the
	 * core calls undo() for the same step.  NULL only where plan() is. */
	int (*apply)(void *instance, struct hyfw_call *call, struct hyfw_error **err);

	/* Takes one step back, done or half done, perhaps by a process that died.
	 * Must be idempotent; "already gone" is success.  Verifies that the object
	 * is ours before it removes it.  Same time limit as apply().  NULL only where
	 * plan() is. */
	int (*undo)(void *instance, struct hyfw_call *call, struct hyfw_error **err);

	/* Removes objects that carry the mark of hyfw_host.owner and belong to
	 * nothing in 'alive'.  NULL: the driver leaves no objects. */
	int (*gc)(void *instance, const struct hyfw_alive *alive, struct hyfw_error **err);

	/* Frees the instance; NULL and half-built ones are accepted.  Cannot fail,
	 * does not block, and leaves the machine as it is.  NULL: nothing to free. */
	void (*close)(void *instance);
};

/* ---- the descriptor ------------------------------------------------------ */

struct hyfw_plugin {
	uint32_t magic;          /* HYFW_PLUGIN_MAGIC */
	uint32_t size;           /* sizeof(struct hyfw_plugin) */
	uint16_t api_major;      /* HYFW_API_MAJOR */
	uint16_t api_minor;      /* HYFW_API_MINOR it was built with */
	uint16_t min_host_minor; /* the oldest host minor that it works with */
	uint16_t kind;           /* enum hyfw_kind */
	const char *name;        /* [a-z0-9_-]+, the file name without ".so" */
	const char *version;
	const char *vendor;
	const char *summary;     /* one line */

	const char *const *capabilities; /* words of the kind's header; NULL-terminated; may be NULL */
	const struct hyfw_need *needs;   /* ends with name NULL; may be NULL */
	const struct hyfw_option *options; /* ends with name NULL; may be NULL */
	size_t option_stride;            /* sizeof(struct hyfw_option) as the plugin knew it */

	/* Keys of the core's own [workload], [network] and [volume] schema that
	 * this driver puts into effect: "workload.memory", "network.subnet".  A
	 * key that somebody set and no chosen driver honours is refused. */
	const char *const *honours;      /* NULL-terminated; may be NULL */

	uint16_t state_version_min;      /* journal records it can still undo ... */
	uint16_t state_version;          /* ... and those that it writes */

	const struct hyfw_common_ops *common;
	const void *ops;                 /* struct hyfw_{isolation,network,storage,security}_ops */
};

/* The one exported symbol. */
typedef const struct hyfw_plugin *(*hyfw_plugin_entry_fn)(void);
#define HYFW_PLUGIN_ENTRY "hyfw_plugin_entry_v1"
__attribute__((visibility("default"))) const struct hyfw_plugin *hyfw_plugin_entry_v1(void);

/* The ELF note (section .note.hyfw, owner "hyfw", type 1), read from the file
 * before it is loaded.  Format of notes: elf(5), Elf64_Nhdr. */
#define HYFW_NOTE_NAME "hyfw"
#define HYFW_NOTE_TYPE 1u
struct hyfw_plugin_note {
	uint32_t magic;
	uint16_t api_major;
	uint16_t api_minor;
	uint16_t min_host_minor;
	uint16_t kind;
};
struct hyfw_plugin_note_section {
	uint32_t name_size, desc_size, type;
	char name[8]; /* "hyfw", padded to a multiple of four */
	struct hyfw_plugin_note desc;
};

/* HYFW_PLUGIN_EXPORT(KIND, MIN_HOST_MINOR, DESCRIPTOR): note and entry point. */
#define HYFW_PLUGIN_EXPORT(kind_, min_minor_, descriptor_)                                             \
	__attribute__((used, section(".note.hyfw"), aligned(4))) static const struct                    \
		hyfw_plugin_note_section hyfw_plugin_note_ = {                                           \
			sizeof(HYFW_NOTE_NAME), sizeof(struct hyfw_plugin_note), HYFW_NOTE_TYPE,        \
			HYFW_NOTE_NAME,                                                                  \
			{ HYFW_PLUGIN_MAGIC, HYFW_API_MAJOR, HYFW_API_MINOR, (min_minor_), (kind_) }    \
		};                                                                                       \
	const struct hyfw_plugin *hyfw_plugin_entry_v1(void)                                             \
	{                                                                                                \
		return &(descriptor_);                                                                   \
	}

#ifdef __cplusplus
}
#endif
#endif
