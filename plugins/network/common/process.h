/* SPDX-License-Identifier: BSD-3-Clause
 * Programs that drivers leave running.  They are found again by a word of their
 * command line that nobody else's has, such as the path of their process id file:
 * neither an id that was given again nor a stale file can mislead. */
#ifndef HYFW_NETWORK_PROCESS_H
#define HYFW_NETWORK_PROCESS_H

#include <hyfw/host.h>

/* The word of process 'pid' that begins with 'prefix'; NULL when there is none, the
 * program is another, or the process is a zombie. */
const char *net_process_word(const struct hyfw_host *host, struct hyfw_arena *arena, const char *pid,
			     const char *program, const char *prefix);
/* A pidfd of process 'pid' (decimal, anything behind it is ignored) when it is
 * 'program' with exactly the word 'word'; else -1. */
int net_process_open(const struct hyfw_host *host, struct hyfw_arena *arena, const char *pid, const char *program,
		     const char *word);
/* Ends it, by force after three seconds, and waits for that; negative errno. */
int net_process_end(int pidfd);

#endif
