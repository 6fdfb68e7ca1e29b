/* SPDX-License-Identifier: BSD-3-Clause
 * Removing what a workload wrote.  Its owner may be hostile: links are never
 * followed, other file systems never entered, and a tree of any depth is removed
 * with a bounded number of descriptors and without deep recursion. */
#ifndef HYFW_STORAGE_TREE_H
#define HYFW_STORAGE_TREE_H

/* Removes 'name' in 'dirfd', whatever it is, with all below it.  Already gone is
 * success; else a negative errno: -EXDEV when something is mounted below.  What
 * could be removed is gone even then. */
int storage_tree_remove(int dirfd, const char *name);

#endif
