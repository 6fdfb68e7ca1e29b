/* SPDX-License-Identifier: BSD-3-Clause
 * What passes between guestfs_worker.c, the child, and guestfs_watch.c, its parent:
 * records of a type, two lengths and two texts, over a pipe. */
#ifndef HYFW_STORAGE_GUESTFS_REPORT_H
#define HYFW_STORAGE_GUESTFS_REPORT_H

#include <stdint.h>
#include <sys/types.h>

#define GF_TEXT_MOST (1u << 20) /* bytes of one text */

struct gf_record {
	char type; /* 'P'air, 'E'rror (errno, message), 'G': progress (done, total) */
	uint32_t first, second;
};

struct gf_worker;

/* The child's main(): does the job and exits.  'parent' is who has forked it. */
_Noreturn void gf_child_main(struct gf_worker *worker, pid_t parent);

#endif
