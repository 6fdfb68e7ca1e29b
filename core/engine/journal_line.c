/* SPDX-License-Identifier: BSD-3-Clause
 * A line of the journal: its checksum and its record. */
#include <string.h>

#include "base/json.h"
#include "engine/journal_format.h"

/* CRC-32 as in IEEE 802.3 (reflected, polynomial 0xedb88320), four bits at a time. */
static uint32_t crc32(const char *data, size_t size)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	uint32_t crc = ~0u;
	size_t i;

	for (i = 0; i < size; i++) {
		crc ^= (unsigned char)data[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

char *hyfw_journal_line(struct json_object *record)
{
	size_t size;
	const char *json = json_object_to_json_string_length(
		record, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);

	return hyfw_format("%08x %s\n", crc32(json, size), json);
}

/* Exactly what hyfw_journal_line() writes: eight lower-case hex digits. */
static bool read_crc(const char *line, uint32_t *ret_crc)
{
	static const char digits[] = "0123456789abcdef";
	int i;

	*ret_crc = 0;
	for (i = 0; i < 8; i++) {
		const char *digit = line[i] ? strchr(digits, line[i]) : NULL;

		if (!digit)
			return false;
		*ret_crc = *ret_crc << 4 | (uint32_t)(digit - digits);
	}
	return line[8] == ' ';
}

struct json_object *hyfw_journal_unline(const char *line, size_t length)
{
	uint32_t crc;

	if (length < 10 || !read_crc(line, &crc) || crc != crc32(line + 9, length - 9))
		return NULL;
	return json_tokener_parse(line + 9);
}
