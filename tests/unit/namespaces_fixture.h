/* SPDX-License-Identifier: BSD-3-Clause
 * What the tests of the namespaces driver share: a busybox root file system and
 * containers that are run in it, with the driver called as the core would. */
#ifndef HYFW_TESTS_NAMESPACES_FIXTURE_H
#define HYFW_TESTS_NAMESPACES_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hyfw/isolation.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/error.h"

#define HOST_ID 300000u
#define OUTPUT_LIMIT 65536

/* Set up once for each program. */
extern char *fixture_base; /* a directory of our own */
extern char *fixture_root; /* the root file system in it, owned by root */
extern const struct hyfw_isolation_ops *fixture_ops;
extern const struct hyfw_common_ops *fixture_common;
extern void *fixture_instance;

int fixture_group_setup(void **state);
int fixture_group_teardown(void **state);
char *fixture_path(const char *below);  /* of fixture_base; free() */
void fixture_write(const char *path, const char *text, mode_t mode);

/* What plan() has emitted. */
struct planned {
	size_t count;
	char verbs[4][32], summaries[4][512], commands[4][512];
};
extern struct planned fixture_planned;

struct container {
	struct hyfw_workload workload;
	struct hyfw_attachment mounts[8];
	struct hyfw_running running;
	struct hyfw_exit exit;
	struct hyfw_arena *arena;
	struct hyfw_pairs notes;
	struct hyfw_map record;
	struct hyfw_error *err;
	int output_fd;
	char *output; /* what it has written to both outputs */
};

/* sh -c SCRIPT in the busybox root with mapped ids and nothing granted. */
void container_init(struct container *container, const char *script);
void container_finish(struct container *container); /* ends it when it still runs */
/* 0, or what failed; 'err' is set then. */
int container_create(struct container *container);
int container_start(struct container *container);
void container_wait(struct container *container); /* reads the output to its end, takes the status */
/* All three; the exit status. */
int container_run(struct container *container);
/* init, run and finish of SCRIPT; its output, free(). */
char *container_say(const char *script);
struct hyfw_attachment *container_mount(struct container *container, enum hyfw_attachment_kind kind,
					const char *source, const char *target, uint32_t flags);
/* sh -c SCRIPT through exec(); its exit status, its output in '*ret_output'. */
int container_exec(struct container *container, const char *script, char **ret_output);

/* Groups of tests in the other files. */
int namespaces_exec_tests(void);
int namespaces_groups_tests(void);
int namespaces_view_tests(void);
int namespaces_overlay_tests(void);

static inline void container_cleanup(struct container *container)
{
	container_finish(container);
}
#define AUTO_CONTAINER __attribute__((cleanup(container_cleanup))) struct container

#endif
