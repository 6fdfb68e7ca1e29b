/* SPDX-License-Identifier: BSD-3-Clause
 * Memory and text.  Running out of memory ends the process: every caller would
 * do the same, and the journal makes an abrupt end harmless. */
#ifndef HYFW_BASE_ALLOC_H
#define HYFW_BASE_ALLOC_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <hyfw/types.h>

void *hyfw_new(size_t bytes);                              /* zeroed; free() */
void *hyfw_grow(void *pointer, size_t count, size_t each); /* overflow-checked realloc */
char *hyfw_dup(const char *text);                          /* NULL stays NULL */
char *hyfw_dup_n(const char *text, size_t length);
char *hyfw_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *hyfw_vformat(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/* An arena: many small pieces, freed at once. */
struct hyfw_arena *hyfw_arena_new(void);
void hyfw_arena_free(struct hyfw_arena *arena); /* accepts NULL */
void *hyfw_arena_alloc(struct hyfw_arena *arena, size_t bytes); /* zeroed, aligned for any type */
char *hyfw_arena_dup(struct hyfw_arena *arena, const char *text);
char *hyfw_arena_format(struct hyfw_arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
char *hyfw_arena_vformat(struct hyfw_arena *arena, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));
struct hyfw_map hyfw_arena_map(struct hyfw_arena *arena, const struct hyfw_map *from); /* a copy */

static inline void hyfw_cleanup_arena(struct hyfw_arena **arena)
{
	hyfw_arena_free(*arena);
}
#define HYFW_AUTO_ARENA __attribute__((cleanup(hyfw_cleanup_arena)))

/* A growing map whose keys and values are copies. */
struct hyfw_pairs {
	size_t count, room;
	struct hyfw_pair *items;
};
void hyfw_pairs_add(struct hyfw_pairs *pairs, const char *key, const char *value);
void hyfw_pairs_set(struct hyfw_pairs *pairs, const char *key, const char *value); /* replaces all of 'key' */
void hyfw_pairs_remove(struct hyfw_pairs *pairs, const char *key);
void hyfw_pairs_remove_at(struct hyfw_pairs *pairs, size_t index);
void hyfw_pairs_add_map(struct hyfw_pairs *pairs, const struct hyfw_map *map);
bool hyfw_pairs_same(const struct hyfw_pairs *a, const struct hyfw_pairs *b); /* in the same order */
void hyfw_pairs_finish(struct hyfw_pairs *pairs);
struct hyfw_map hyfw_pairs_map(const struct hyfw_pairs *pairs); /* borrows */

/* A growing NULL-terminated vector of copied strings. */
struct hyfw_strings {
	size_t count, room;
	char **items; /* NULL-terminated once something was added */
};
void hyfw_strings_add(struct hyfw_strings *strings, const char *text);
bool hyfw_strings_has(const struct hyfw_strings *strings, const char *text);
void hyfw_strings_finish(struct hyfw_strings *strings);

#endif
