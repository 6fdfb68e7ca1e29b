/* SPDX-License-Identifier: BSD-3-Clause
 * One record.  The kernel's form is that of kernel/audit.c and lib/lsm_audit:
 *     audit(1700000000.123:45): avc:  denied  { read } for  pid=1 comm="cat" ...
 * auditd writes "type=AVC msg=" before it, the kernel's log "audit: type=1400 ". */
#include "audit.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
	const char *name;
	unsigned type;
} names[] = { { "AVC", RECORD_AVC }, { "SECCOMP", RECORD_SECCOMP } };

/* What stands behind "type=" */
static unsigned type_of(const char *text)
{
	size_t i;

	if (isdigit((unsigned char)*text))
		return (unsigned)strtoul(text, NULL, 10);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(text, names[i].name, strlen(names[i].name)) == 0 && text[strlen(names[i].name)] == ' ')
			return names[i].type;
	return 0;
}

bool audit_record_parse(char *line, unsigned type, struct audit_record *ret_record)
{
	char *at = strstr(line, "audit("), *word, *end;
	unsigned long long seconds, serial;
	unsigned milliseconds;
	int length = 0;

	if (!at)
		return false;
	if (type == 0) {
		word = strstr(line, "type=");
		if (!word || word > at)
			return false;
		type = type_of(word + strlen("type="));
	}
	if (sscanf(at, "audit(%12llu.%3u:%20llu):%n", &seconds, &milliseconds, &serial, &length) != 3 || length == 0)
		return false;
	at += length;
	at += strspn(at, " ");
	end = at + strcspn(at, "\n");
	*end = '\0';
	*ret_record = (struct audit_record){ type, (int64_t)(seconds * 1000 + milliseconds), serial, at };
	return type != 0;
}

static int hex_digit(char letter)
{
	const char *const digits = "0123456789ABCDEF";
	const char *at = letter ? strchr(digits, letter) : NULL;

	return at ? (int)(at - digits) : -1;
}

static void copy_hex(const char *from, size_t length, char *room, size_t size)
{
	size_t i, count = 0;

	for (i = 0; i + 1 < length && count + 1 < size; i += 2) {
		const int letter = hex_digit(from[i]) * 16 + hex_digit(from[i + 1]);

		room[count++] = (char)(letter >= ' ' && letter < 127 ? letter : '?');
	}
	room[count] = '\0';
}

static bool is_hex(const char *from, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (hex_digit(from[i]) < 0)
			return false;
	return length > 0 && length % 2 == 0;
}

static void copy_shown(const char *from, size_t length, char *room, size_t size)
{
	size_t i;

	for (i = 0; i < length && i + 1 < size; i++)
		room[i] = (char)(from[i] >= ' ' && from[i] < 127 ? from[i] : '?');
	room[i] = '\0';
}

/* Where the value of 'key' begins.  Only words outside quotes count: a file may be named
 * 'x scontext=...', which the kernel would write in hexadecimal, but who knows. */
static const char *find_value(const char *text, const char *key)
{
	const size_t length = strlen(key);
	const char *at = text;
	bool quoted = false, begins = true;

	for (; *at; at++) {
		if (!quoted && begins && strncmp(at, key, length) == 0 && at[length] == '=')
			return at + length + 1;
		if (*at == '"')
			quoted = !quoted;
		begins = *at == ' ';
	}
	return NULL;
}

bool audit_record_field(const char *text, const char *key, bool hex, char *room, size_t size)
{
	const char *at = find_value(text, key);
	size_t length;

	if (!at || size == 0)
		return false;
	if (*at == '"') {
		at++;
		copy_shown(at, strcspn(at, "\""), room, size);
		return true;
	}
	length = strcspn(at, " ");
	if (hex && is_hex(at, length))
		copy_hex(at, length, room, size);
	else
		copy_shown(at, length, room, size);
	return true;
}
