/* SPDX-License-Identifier: BSD-3-Clause
 * Whether root is root of the machine, and whose files are of nobody that a user namespace
 * knows (user_namespaces(7)). */
#ifndef HYFW_BASE_USERNS_H
#define HYFW_BASE_USERNS_H

#include <stdbool.h>
#include <sys/stat.h>

/* In another user namespace than the machine's first one.  False where that cannot be told. */
bool hyfw_in_user_namespace(void);

/* True when 'fd' (O_PATH does), whose status is 'st', belongs to an id that our user namespace
 * has no number for: root of the machine, or a user outside.  Nobody inside can have made it,
 * or change it beyond what its mode lets everybody do.  Files of the id that stands for all of
 * them, where it is mapped as well, are told apart by what only their owner may do; false
 * without the privileges to find out. */
bool hyfw_owner_is_outside(int fd, const struct stat *st);

#endif
