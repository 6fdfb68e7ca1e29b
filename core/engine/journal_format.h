/* SPDX-License-Identifier: BSD-3-Clause
 * The journal's encoding, shared by journal.c (writes), journal_line.c and
 * journal_read.c. */
#ifndef HYFW_ENGINE_JOURNAL_FORMAT_H
#define HYFW_ENGINE_JOURNAL_FORMAT_H

#include "engine/journal.h"

#define HYFW_JOURNAL_VERSION 1
#define HYFW_JOURNAL_LIMIT (16u << 20) /* bytes; a larger file is not one of ours */

struct json_object;

/* "CRC JSON\n"; free(). */
char *hyfw_journal_line(struct json_object *record);
/* The way back, of a NUL-terminated line without its newline; NULL when it is damaged. */
struct json_object *hyfw_journal_unline(const char *line, size_t length);

/* Reads the open file into the journal. */
int hyfw_journal_load(struct hyfw_journal *journal, struct hyfw_error **err);

/* The journal at 'path' that this very process owns; NULL. */
const struct hyfw_journal *hyfw_journal_owned(const char *path);

struct hyfw_entry *hyfw_journal_add_entry(struct hyfw_journal *journal);

/* Takes the entry that was added last back. */
void hyfw_journal_drop_entry(struct hyfw_journal *journal);

/* A map as [["key","value"],...], which keeps order and repeated keys. */
struct json_object *hyfw_map_to_json(const struct hyfw_map *map);
/* -EINVAL for anything else; 'pairs' is appended to. */
int hyfw_map_from_json(struct json_object *array, struct hyfw_pairs *pairs);

#endif
