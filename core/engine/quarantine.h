/* SPDX-License-Identifier: BSD-3-Clause
 * RUNTIME/quarantine: journals that no command works on any more, kept for people:
 * damaged ones, and those of which the undo was given up (`hyfw rm -f`). */
#ifndef HYFW_ENGINE_QUARANTINE_H
#define HYFW_ENGINE_QUARANTINE_H

#include "base/error.h"

/* Copies the journal as it is on disk to RUNTIME/quarantine/NAME-N, where NAME is
 * that of the directory it lies in ('path' is the journal's own).  The original
 * stays.  '*ret_path' is to be freed. */
int hyfw_quarantine(int fd, const char *path, char **ret_path, struct hyfw_error **err);

#endif
