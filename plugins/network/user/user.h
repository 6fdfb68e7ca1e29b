/* SPDX-License-Identifier: BSD-3-Clause
 * What the files of the user driver share: networks without privileges.  A process
 * of passt(1) carries a workload's connections over sockets of its own: for machines
 * "passt", which the hypervisor connects to, for containers "pasta", which makes an
 * interface in their network namespace.
 *
 * The process runs as the first user of the workload's id range and goes with the
 * workload.  Its files are in RUNTIME/drivers/user/NETWORK+WORKLOAD: socket and pid.
 * The workload reaches what the host reaches, but not the host's own 127.0.0.1. */
#ifndef HYFW_USER_H
#define HYFW_USER_H

#include <hyfw/network.h>

#include "../common/ports.h"

struct user {
	const struct hyfw_host *host;
};

/* ---- server.c: the process ------------------------------------------------ */

/* "RUNTIME/drivers/user/NETWORK+WORKLOAD". */
const char *user_directory(const struct user *user, struct hyfw_arena *arena, const char *network,
			   const char *workload);
const char *user_socket(const struct user *user, struct hyfw_arena *arena, const char *directory);
/* Makes the directory, for 'uid' alone. */
int user_directory_make(const struct user *user, const char *directory, uint32_t uid, struct hyfw_error **err);

/* Starts passt, or pasta for 'netns_fd'; ready when it returns. */
struct user_server {
	const char *directory;
	uint32_t uid;           /* of the host, that it runs as */
	int netns_fd;           /* -1: passt */
	const char *interface;  /* in the namespace */
	const struct net_publication *ports;
	size_t port_count;
};
int user_server_start(const struct user *user, struct hyfw_arena *arena, const struct user_server *server,
		      struct hyfw_error **err);
/* Ends it and removes 'directory'. */
int user_server_end(const struct user *user, struct hyfw_arena *arena, const char *directory,
		    struct hyfw_error **err);

/* pasta.c: runs 'argv' as root of the user namespace that 'netns_fd' belongs to,
 * with 'netns_fd' as standard input, until it has left for the background. */
int user_pasta_run(const struct user *user, int netns_fd, const char *const *argv, struct hyfw_error **err);

/* ---- endpoint.c, gc.c ----------------------------------------------------- */

int user_endpoint_check(struct user *user, const struct hyfw_subject *subject, struct hyfw_error **err);
int user_endpoint_plan(struct user *user, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		       struct hyfw_arena *arena, struct hyfw_error **err);
int user_endpoint_apply(struct user *user, struct hyfw_call *call, struct hyfw_error **err);
int user_endpoint_undo(struct user *user, struct hyfw_call *call, struct hyfw_error **err);
int user_gc(void *instance, const struct hyfw_alive *alive, struct hyfw_error **err);

#endif
