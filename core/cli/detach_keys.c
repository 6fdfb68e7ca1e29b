/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/detach_keys.h"

#include <ctype.h>
#include <string.h>

/* "a", or "ctrl-" and one of a-z @ [ \ ] ^ _ */
static bool parse_key(const char *word, size_t length, unsigned char *ret_key)
{
	unsigned char letter;

	if (length == 1) {
		*ret_key = (unsigned char)word[0];
		return true;
	}
	if (length != 6 || strncmp(word, "ctrl-", 5) != 0)
		return false;
	letter = (unsigned char)toupper((unsigned char)word[5]);
	*ret_key = letter & 0x1f;
	return letter >= '@' && letter <= '_';
}

bool hyfw_detach_keys_parse(struct hyfw_detach_keys *keys, const char *text)
{
	memset(keys, 0, sizeof(*keys));
	while (*text) {
		const size_t length = strcspn(text, ",");

		if (keys->count == HYFW_DETACH_KEYS || !parse_key(text, length, &keys->keys[keys->count++]))
			return false;
		text += length;
		if (*text == ',' && *++text == '\0')
			return false;
	}
	return true;
}

bool hyfw_detach_keys_take(struct hyfw_detach_keys *keys, const unsigned char *typed, size_t size,
			   unsigned char *ret_rest, size_t *ret_size)
{
	size_t i;

	*ret_size = 0;
	for (i = 0; i < size; i++) {
		if (keys->count > 0 && typed[i] == keys->keys[keys->matched]) {
			if (++keys->matched == keys->count)
				return true;
			continue;
		}
		/* They were meant for the workload after all. */
		memcpy(ret_rest + *ret_size, keys->keys, keys->matched);
		*ret_size += keys->matched;
		keys->matched = keys->count > 0 && typed[i] == keys->keys[0];
		if (keys->matched == 0)
			ret_rest[(*ret_size)++] = typed[i];
		else if (keys->count == 1)
			return true;
	}
	return false;
}
