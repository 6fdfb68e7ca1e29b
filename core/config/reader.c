/* SPDX-License-Identifier: BSD-3-Clause
 * What inih (55) does silently and this reader refuses: lines longer than its
 * buffer are split in two, section names and keys are cut at 49 bytes, text
 * behind "[section]" is dropped, an indented line continues whatever key came
 * before, NUL ends a line early, an empty section is never reported, and " ;"
 * begins a comment even inside quotes. */
#include "config/reader.h"

#include <errno.h>
#include <ini.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "build_config.h"
#include "config/text.h"

#define BLANKS " \t"

struct reader {
	const char *path;
	const char *at, *end;
	unsigned line;
	bool in_section, have_key;
	bool continued; /* the line that inih has in hand is indented */
	const struct hyfw_ini_handler *handler;
	void *user;
	int result;
	struct hyfw_error **err;
};

static int refuse(struct reader *reader, const char *message)
{
	return hyfw_fail(reader->err, EINVAL, "%s:%u: %s", reader->path, reader->line, message);
}

/* ---- one line ---- */

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Cuts blanks at the end. */
static void trim(char *text)
{
	size_t length = strlen(text);

	while (length > 0 && blank(text[length - 1]))
		text[--length] = '\0';
}

/* Cuts a comment, a ';' behind a blank, at or after 'from'. */
static int cut_comment(struct reader *reader, char *text, char *from)
{
	char quote = '\0', *at;

	for (at = from; *at; at++) {
		if (*at == ';' && at > text && blank(at[-1])) {
			if (quote)
				return refuse(reader, "a ';' behind a blank begins a comment, here inside quotes; "
						      "remove the blank before it, or close the quotes first");
			*at = '\0';
			break;
		}
		if (!quote && (*at == '"' || *at == '\''))
			quote = *at;
		else if (quote == *at)
			quote = '\0';
	}
	trim(text);
	return 0;
}

static int read_section(struct reader *reader, char *text)
{
	char *close = strchr(text, ']'), *name = text + 1, *behind;
	size_t length;

	if (!close)
		return refuse(reader, "the section has no closing ']'");
	behind = close + 1 + strspn(close + 1, BLANKS);
	if (*behind && (*behind != ';' || behind == close + 1))
		return refuse(reader, "text behind the section's ']'; put it on a line of its own");
	*close = '\0';
	name += strspn(name, BLANKS);
	trim(name);
	length = strlen(name);
	if (length > HYFW_INI_WORD_BYTES)
		return refuse(reader, "the section's name is longer than 49 bytes");
	reader->in_section = true;
	reader->have_key = false;
	reader->result = reader->handler->section(reader->user, name, reader->line, reader->err);
	memmove(text + 1, name, length);
	memcpy(text + 1 + length, "]", 2); /* the bracket was there: it fits */
	return reader->result;
}

static int check_key(struct reader *reader, char *text)
{
	char *separator = strpbrk(text, "=:");
	size_t length;

	if (!reader->in_section)
		return refuse(reader, "text before the first [section]");
	if (!separator)
		return refuse(reader, "neither a [section] nor KEY = VALUE");
	if (separator == text)
		return refuse(reader, "no key before the '='");
	length = (size_t)(separator - text);
	if (memchr(text, ';', length))
		return refuse(reader, "a ';' before the '='; a comment behind a value needs a value");
	while (length > 0 && blank(text[length - 1]))
		length--;
	if (length > HYFW_INI_WORD_BYTES)
		return refuse(reader, "the key is longer than 49 bytes");
	reader->have_key = true;
	return cut_comment(reader, text, separator + 1);
}

/* Checks the line in 'text' and leaves there what inih is to see of it. */
static int prepare(struct reader *reader, char *text)
{
	char *start = text + strspn(text, BLANKS);

	reader->continued = false;
	if (*start == '\0' || *start == ';' || *start == '#') {
		*text = '\0';
		return 0;
	}
	if (start > text) {
		if (!reader->have_key)
			return refuse(reader, "an indented line continues a list, and there is no key before it; "
					      "remove the indentation");
		reader->continued = true;
		return cut_comment(reader, text, start);
	}
	trim(text);
	if (*text == '[')
		return read_section(reader, text);
	return check_key(reader, text);
}

/* ---- inih's side ---- */

/* inih asks for the next line, as fgets() would give it into 'buffer'. */
static char *next_line(char *buffer, int room, void *stream)
{
	struct reader *reader = stream;
	const char *fault, *newline;
	size_t length;

	if (reader->result < 0 || reader->at == reader->end)
		return NULL;
	reader->line++;
	newline = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
	length = (size_t)((newline ? newline : reader->end) - reader->at);
	fault = hyfw_text_fault(reader->at, length && reader->at[length - 1] == '\r' ? length - 1 : length);
	if (fault) {
		reader->result = hyfw_fail(reader->err, EINVAL, "%s:%u: the line holds %s", reader->path,
					   reader->line, fault);
		return NULL;
	}
	if (length + 3 > (size_t)room) {
		reader->result = hyfw_fail(reader->err, EINVAL,
					   "%s:%u: the line has %zu bytes, more than the %d that are allowed",
					   reader->path, reader->line, length, room - 3);
		return NULL;
	}
	memcpy(buffer, reader->at, length);
	if (length && buffer[length - 1] == '\r')
		length--;
	buffer[length] = '\0';
	reader->at = newline ? newline + 1 : reader->end;
	reader->result = prepare(reader, buffer);
	return reader->result < 0 ? NULL : buffer;
}

static int on_value(void *user, const char *section, const char *key, const char *text)
{
	struct reader *reader = user;

	(void)section;
	if (reader->result == 0)
		reader->result = reader->handler->value(reader->user, key, text, reader->line,
							reader->continued, reader->err);
	return reader->result == 0;
}

/* inih as Debian builds it takes these from variables; elsewhere they were
 * fixed when it was built, and next_line() is told the size of the buffer. */
static int parse(struct reader *reader)
{
#ifdef HYFW_INIH_VARIABLES
	const int max_line = ini_max_line, initial = ini_initial_alloc;
	const bool use_stack = ini_use_stack;
	int result;

	ini_max_line = ini_initial_alloc = HYFW_INI_LINE_BYTES + 3;
	ini_use_stack = false;
	result = ini_parse_stream(next_line, reader, on_value, reader);
	ini_max_line = max_line;
	ini_initial_alloc = initial;
	ini_use_stack = use_stack;
	return result;
#else
	return ini_parse_stream(next_line, reader, on_value, reader);
#endif
}

int hyfw_ini_read(const char *path, const char *data, size_t size, const struct hyfw_ini_handler *handler,
		  void *user, struct hyfw_error **err)
{
	struct reader reader = { .path = path, .at = data, .end = data + size, .handler = handler,
				 .user = user, .err = err };
	int result;

	if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
		reader.at += 3; /* byte order mark */
	result = parse(&reader);
	if (reader.result < 0)
		return reader.result;
	if (result != 0) /* nothing that prepare() lets pass; a guard against another inih */
		return hyfw_fail(err, EINVAL, "%s:%u: cannot be read as KEY = VALUE", path,
				 result > 0 ? (unsigned)result : reader.line);
	return 0;
}
