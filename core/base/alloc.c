/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/alloc.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 4000

static void *checked(void *pointer)
{
	if (!pointer) {
		fputs("hyfw: out of memory\n", stderr);
		abort();
	}
	return pointer;
}

void *hyfw_new(size_t bytes)
{
	return checked(calloc(1, bytes ? bytes : 1));
}

void *hyfw_grow(void *pointer, size_t count, size_t each)
{
	return checked(reallocarray(pointer, count ? count : 1, each));
}

char *hyfw_dup(const char *text)
{
	return text ? checked(strdup(text)) : NULL;
}

char *hyfw_dup_n(const char *text, size_t length)
{
	return checked(strndup(text, length));
}

char *hyfw_vformat(const char *format, va_list args)
{
	char *text = NULL;

	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	return checked(text);
}

char *hyfw_format(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = hyfw_vformat(format, args);
	va_end(args);
	return text;
}

/* ---- arena ---- */

struct chunk {
	struct chunk *next;
	size_t used, size;
	alignas(max_align_t) char data[];
};

struct hyfw_arena {
	struct chunk *chunks;
};

struct hyfw_arena *hyfw_arena_new(void)
{
	return hyfw_new(sizeof(struct hyfw_arena));
}

void hyfw_arena_free(struct hyfw_arena *arena)
{
	struct chunk *chunk, *next;

	if (!arena)
		return;
	for (chunk = arena->chunks; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	free(arena);
}

void *hyfw_arena_alloc(struct hyfw_arena *arena, size_t bytes)
{
	const size_t alignment = alignof(max_align_t);
	struct chunk *chunk = arena->chunks;
	size_t wanted;
	void *memory;

	if (bytes > SIZE_MAX / 2)
		checked(NULL);
	wanted = ((bytes ? bytes : 1) + alignment - 1) / alignment * alignment;
	if (!chunk || chunk->size - chunk->used < wanted) {
		size_t size = wanted > CHUNK_BYTES ? wanted : CHUNK_BYTES;

		chunk = hyfw_new(sizeof(*chunk) + size);
		chunk->size = size;
		chunk->next = arena->chunks;
		arena->chunks = chunk;
	}
	memory = chunk->data + chunk->used;
	chunk->used += wanted;
	return memory;
}

char *hyfw_arena_dup(struct hyfw_arena *arena, const char *text)
{
	size_t bytes;

	if (!text)
		return NULL;
	bytes = strlen(text) + 1;
	return memcpy(hyfw_arena_alloc(arena, bytes), text, bytes);
}

char *hyfw_arena_vformat(struct hyfw_arena *arena, const char *format, va_list args)
{
	char *text = hyfw_vformat(format, args);
	char *copy = hyfw_arena_dup(arena, text);

	free(text);
	return copy;
}

char *hyfw_arena_format(struct hyfw_arena *arena, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = hyfw_arena_vformat(arena, format, args);
	va_end(args);
	return text;
}

struct hyfw_map hyfw_arena_map(struct hyfw_arena *arena, const struct hyfw_map *from)
{
	struct hyfw_pair *items = hyfw_arena_alloc(arena, from->count * sizeof(*items));
	const struct hyfw_map copy = { from->count, items };
	size_t i;

	for (i = 0; i < from->count; i++) {
		items[i].key = hyfw_arena_dup(arena, from->items[i].key);
		items[i].value = hyfw_arena_dup(arena, from->items[i].value);
	}
	return copy;
}

/* ---- pairs ---- */

void hyfw_pairs_add(struct hyfw_pairs *pairs, const char *key, const char *value)
{
	if (pairs->count == pairs->room) {
		pairs->room = pairs->room ? pairs->room * 2 : 8;
		pairs->items = hyfw_grow(pairs->items, pairs->room, sizeof(*pairs->items));
	}
	pairs->items[pairs->count].key = hyfw_dup(key);
	pairs->items[pairs->count].value = hyfw_dup(value);
	pairs->count++;
}

static void pair_free(struct hyfw_pair *pair)
{
	free((char *)pair->key);
	free((char *)pair->value);
}

void hyfw_pairs_remove(struct hyfw_pairs *pairs, const char *key)
{
	size_t from, to = 0;

	for (from = 0; from < pairs->count; from++) {
		if (strcmp(pairs->items[from].key, key) == 0)
			pair_free(&pairs->items[from]);
		else
			pairs->items[to++] = pairs->items[from];
	}
	pairs->count = to;
}

void hyfw_pairs_remove_at(struct hyfw_pairs *pairs, size_t index)
{
	pair_free(&pairs->items[index]);
	pairs->count--;
	memmove(&pairs->items[index], &pairs->items[index + 1], (pairs->count - index) * sizeof(*pairs->items));
}

void hyfw_pairs_set(struct hyfw_pairs *pairs, const char *key, const char *value)
{
	char *kept = hyfw_dup(value);

	hyfw_pairs_remove(pairs, key);
	hyfw_pairs_add(pairs, key, kept);
	free(kept);
}

void hyfw_pairs_add_map(struct hyfw_pairs *pairs, const struct hyfw_map *map)
{
	size_t i;

	for (i = 0; map && i < map->count; i++)
		hyfw_pairs_add(pairs, map->items[i].key, map->items[i].value);
}

bool hyfw_pairs_same(const struct hyfw_pairs *a, const struct hyfw_pairs *b)
{
	size_t i;

	if (a->count != b->count)
		return false;
	for (i = 0; i < a->count; i++)
		if (strcmp(a->items[i].key, b->items[i].key) != 0 ||
		    strcmp(a->items[i].value, b->items[i].value) != 0)
			return false;
	return true;
}

void hyfw_pairs_finish(struct hyfw_pairs *pairs)
{
	size_t i;

	for (i = 0; i < pairs->count; i++)
		pair_free(&pairs->items[i]);
	free(pairs->items);
	memset(pairs, 0, sizeof(*pairs));
}

struct hyfw_map hyfw_pairs_map(const struct hyfw_pairs *pairs)
{
	struct hyfw_map map = { pairs->count, pairs->items };

	return map;
}

/* ---- strings ---- */

void hyfw_strings_add(struct hyfw_strings *strings, const char *text)
{
	if (strings->count + 1 >= strings->room) {
		strings->room = strings->room ? strings->room * 2 : 8;
		strings->items = hyfw_grow(strings->items, strings->room, sizeof(*strings->items));
	}
	strings->items[strings->count++] = hyfw_dup(text);
	strings->items[strings->count] = NULL;
}

bool hyfw_strings_has(const struct hyfw_strings *strings, const char *text)
{
	size_t i;

	for (i = 0; i < strings->count; i++)
		if (strcmp(strings->items[i], text) == 0)
			return true;
	return false;
}

void hyfw_strings_finish(struct hyfw_strings *strings)
{
	size_t i;

	for (i = 0; i < strings->count; i++)
		free(strings->items[i]);
	free(strings->items);
	memset(strings, 0, sizeof(*strings));
}
