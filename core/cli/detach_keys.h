/* SPDX-License-Identifier: BSD-3-Clause
 * The keys that let go of a workload without ending it: "ctrl-p,ctrl-q". */
#ifndef HYFW_CLI_DETACH_KEYS_H
#define HYFW_CLI_DETACH_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#define HYFW_DETACH_KEYS 8u

struct hyfw_detach_keys {
	unsigned char keys[HYFW_DETACH_KEYS];
	size_t count, matched; /* how many of them were typed just now */
};

/* "" for none; false for what is no list of keys. */
bool hyfw_detach_keys_parse(struct hyfw_detach_keys *keys, const char *text);

/* Takes 'size' typed bytes and gives those that go on in 'ret_rest', which has room for
 * HYFW_DETACH_KEYS more.  True when the sequence is complete. */
bool hyfw_detach_keys_take(struct hyfw_detach_keys *keys, const unsigned char *typed, size_t size,
			   unsigned char *ret_rest, size_t *ret_size);

#endif
