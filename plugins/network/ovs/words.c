/* SPDX-License-Identifier: BSD-3-Clause
 * Lists of words: transactions of ovs-vsctl and lines for ovs-ofctl. */
#include <stdarg.h>
#include <stdio.h>

#include "ovs.h"

void ovs_words_add(struct ovs_words *words, const char *format, ...)
{
	char *text = NULL, *kept;
	va_list list;
	int length;

	if (words->count + 2 > words->room) {
		size_t room = words->room ? 2 * words->room : 32;
		const char **longer = words->host->alloc(words->arena, room * sizeof(*longer));

		if (words->count)
			memcpy(longer, words->list, words->count * sizeof(*longer));
		words->list = longer;
		words->room = room;
	}
	va_start(list, format);
	length = vasprintf(&text, format, list);
	va_end(list);
	kept = words->host->alloc(words->arena, length < 0 ? 1 : (size_t)length + 1);
	if (length >= 0)
		memcpy(kept, text, (size_t)length);
	free(text);
	words->list[words->count++] = kept;
	words->list[words->count] = NULL;
}

void ovs_words_split(struct ovs_words *words, const char *text)
{
	size_t length;

	for (; *text; text += length) {
		text += strspn(text, " ");
		length = strcspn(text, " ");
		if (length)
			ovs_words_add(words, "%.*s", (int)length, text);
	}
}

/* A word that a shell would change stands between quotes; none has one in it. */
const char *ovs_words_command(const struct ovs_words *words)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.,:=@/+-";
	const char *text = "ovs-vsctl";
	size_t i;

	for (i = 0; i < words->count; i++) {
		const char *word = words->list[i], *quote = word[strspn(word, plain)] ? "'" : "";

		text = words->host->format(words->arena, "%s %s%s%s", text, quote, word, quote);
	}
	return text;
}

const char *ovs_words_lines(const struct ovs_words *words)
{
	size_t i, length = 1;
	char *text, *end;

	for (i = 0; i < words->count; i++)
		length += strlen(words->list[i]) + 1;
	text = end = words->host->alloc(words->arena, length);
	for (i = 0; i < words->count; i++) {
		end = stpcpy(end, words->list[i]);
		*end++ = '\n';
	}
	*end = '\0';
	return text;
}
