/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The host table: every service that hyfw offers to a driver.  A driver imports
 * no symbol from hyfw; it gets this table in open() and probe() and may keep the
 * pointer until close() returns.
 *
 * Threads: a table may be used from the thread that the driver was called in.
 */
#ifndef HYFW_HOST_H
#define HYFW_HOST_H

#include <hyfw/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hyfw_step;
struct hyfw_call;

enum hyfw_log_level {
	HYFW_LOG_ERROR = 0,
	HYFW_LOG_WARNING = 1,
	HYFW_LOG_INFO = 2,
	HYFW_LOG_DEBUG = 3,
};

/* Where a driver may keep files of its own; the directory exists, is private
 * (0700, or 0755 below the data directory where a workload must be able to walk
 * through) and named after the driver. */
enum hyfw_directory {
	HYFW_DIRECTORY_RUNTIME = 0, /* on tmpfs, gone with the kernel */
	HYFW_DIRECTORY_DATA = 1,    /* outlives a reboot */
};

/* A program to run to its end.  No shell is involved, the environment is
 * "PATH=/usr/sbin:/usr/bin:/sbin:/bin" and "LC_ALL=C". */
struct hyfw_program {
	size_t size;
	const char *const *argv;  /* NULL-terminated; argv[0] is looked up in PATH */
	const char *input;        /* given on standard input; NULL for none */
	uint32_t timeout_ms;      /* 0 means 30,000; the program is killed after it */
	uint32_t output_limit;    /* bytes of standard output kept; 0 means 1 MiB; more is an error */
	uint64_t memory_limit;    /* bytes of address space that it may have; 0: no limit of its own */
	/* Is given each line of standard output as it comes, without its end, which may be a
	 * carriage return; nothing is kept then.  Lines over 4 KiB come in pieces.  NULL: none. */
	void (*line)(void *context, const char *line);
	/* Asked several times a second; the program is killed when it says true.  NULL: never. */
	bool (*cancelled)(void *context);
	void *context;            /* given to both */
	int32_t *ret_status;      /* not NULL: gets the exit status, and none of 0..255 is a failure */
};

struct hyfw_host {
	size_t size;
	uint32_t api_major;
	uint32_t api_minor;

	/* The mark of ownership of this hyfw instance: "hyfw", or "hyfw-XXXXXXXX"
	 * when --root or --state moved the directories.  At most 13 characters of
	 * [a-z0-9-].  Every kernel object a driver makes carries it (interface
	 * alias, cgroup prefix, nftables comment, external_ids, ...), and gc()
	 * touches only objects that do. */
	const char *owner;

	/* Sets '*err' to a sentence made as by printf and returns -'errnum'.
	 * 'errnum' is a positive errno.  The sentence says what failed, on which
	 * object and why; no full stop, no newline.  strerror(errnum) is not
	 * appended by the host. */
	int (*fail)(struct hyfw_error **err, int errnum, const char *format, ...)
		__attribute__((format(printf, 3, 4)));

	/* Puts "CONTEXT: " before the message of '*err' and returns its negative
	 * errno, for use in "return host->wrap(err, ...)" above a failed call. */
	int (*wrap)(struct hyfw_error **err, const char *format, ...)
		__attribute__((format(printf, 2, 3)));

	/* Forgets an error that is dealt with; '*err' is NULL afterwards. */
	void (*forget)(struct hyfw_error **err);

	/* A line for the administrator.  Never secrets. */
	void (*log)(enum hyfw_log_level level, const char *format, ...)
		__attribute__((format(printf, 2, 3)));

	/* 'bytes' of zeroed memory in 'arena'; never NULL (the host ends the
	 * process when memory is exhausted). */
	void *(*alloc)(struct hyfw_arena *arena, size_t bytes);

	/* printf into 'arena'; never NULL. */
	char *(*format)(struct hyfw_arena *arena, const char *format, ...)
		__attribute__((format(printf, 2, 3)));

	/* Adds a copy of 'step' to 'plan'.  Only valid inside plan(). */
	int (*plan_step)(struct hyfw_plan *plan, const struct hyfw_step *step, struct hyfw_error **err);

	/* Records KEY=VALUE for the step in 'call', in the journal, before it
	 * returns.  Note whatever undo() will need BEFORE making the change.
	 * A later note of the same key wins. */
	int (*note)(struct hyfw_call *call, const char *key, const char *value, struct hyfw_error **err);

	/* Runs 'program' to its end.  Fails when it cannot be started (-ENOENT,
	 * -EACCES), times out (-ETIMEDOUT), prints too much (-EFBIG), is cancelled
	 * (-ECANCELED) or exits non-zero (-EIO; the message carries the end of its
	 * standard error).
	 * '*ret_output', when not NULL, is standard output, in 'arena'. */
	int (*run)(struct hyfw_arena *arena, const struct hyfw_program *program, char **ret_output,
		   struct hyfw_error **err);

	/* A cache that outlives the process, for results that are dear to compute.
	 * 'key' is the full text of everything the result depends on and is
	 * compared byte by byte, never only its digest.  cache_get returns 1 and
	 * the blob in 'arena' on a hit, 0 on a miss; a damaged entry is a miss.
	 * cache_put is best effort and reports nothing. */
	int (*cache_get)(struct hyfw_arena *arena, const char *bucket, const char *key,
			 const void **ret_data, size_t *ret_size);
	void (*cache_put)(const char *bucket, const char *key, const void *data, size_t size);

	/* Takes the name of one thing of which only one workload may have it (an
	 * address, a port).  'pool' and 'item' are file names of [A-Za-z0-9._:-],
	 * 'owner' is a workload or network name.  0 when taken now or already
	 * held by 'owner', -EADDRINUSE with the holder named in '*err'.
	 * Safe against any number of concurrent callers. */
	int (*lease_take)(const char *pool, const char *item, const char *owner, struct hyfw_error **err);

	/* Gives a lease back; nothing happens when 'owner' does not hold it. */
	void (*lease_drop)(const char *pool, const char *item, const char *owner);

	/* CLOCK_MONOTONIC in nanoseconds. */
	uint64_t (*clock)(void);

	/* An absolute path, the host's, valid until close().  Never NULL: what cannot
	 * be made is logged, and using the path fails. */
	const char *(*directory)(const char *driver, enum hyfw_directory which);

	/* An exclusive lock over 'name' ([A-Za-z0-9._:-]+, the first no dot) among all
	 * processes that use the same directories.  Returns a descriptor; close() it
	 * to unlock, and the end of the process does.  Blocks until it is free. */
	int (*lock)(const char *name, struct hyfw_error **err);

	/* An arena of the driver's own, for operations that are given none (gc(),
	 * link()), and its end; arena_free() accepts NULL. */
	struct hyfw_arena *(*arena_new)(void);
	void (*arena_free)(struct hyfw_arena *arena);

	/* For the ledger of a start (`hyfw inspect --timing`): what was done since the
	 * phase before, or since the step began, is called 'name' and was over at 'until'
	 * (clock(); 0: now).  For parts of a step that last tens of microseconds and
	 * more, in the words of an administrator: "mounts".  Outside of a start it does
	 * nothing.  Copied.  Call it by hyfw_phase_tell(). */
	void (*phase)(const char *name, uint64_t until);
};

/* True when the running host is new enough to have 'member'. */
#define HYFW_HOST_HAS(host, member) \
	((host)->size >= offsetof(struct hyfw_host, member) + sizeof((host)->member))

static inline void hyfw_phase_tell(const struct hyfw_host *host, const char *name, uint64_t until)
{
	if (HYFW_HOST_HAS(host, phase) && host->phase)
		host->phase(name, until);
}

#ifdef __cplusplus
}
#endif
#endif
