/* SPDX-License-Identifier: BSD-3-Clause
 * Copying the content of a file in the cheapest way that both file systems have:
 * a clone, a copy in the kernel, or through a buffer.  Holes stay holes. */
#ifndef HYFW_STORAGE_DATA_H
#define HYFW_STORAGE_DATA_H

#include <stdbool.h>
#include <sys/stat.h>

/* Kept from one file to the next; starts zeroed. */
struct data_copy {
	bool no_clone; /* tried, and it does not work between these two */
	char *buffer;
};

/* All of 'from', whose status is 'st', to the empty file 'to'; negative errno. */
int data_copy(struct data_copy *copy, int from, int to, const struct stat *st);

void data_copy_finish(struct data_copy *copy);

#endif
