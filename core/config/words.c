/* SPDX-License-Identifier: BSD-3-Clause
 * Lines into words. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/normalize.h"

#define BLANKS " \t"
#define SEPARATORS " \t,"

void hyfw_split_list(const char *text, struct hyfw_strings *ret_words)
{
	while (*(text += strspn(text, SEPARATORS))) {
		size_t length = strcspn(text, SEPARATORS);
		HYFW_AUTO_FREE char *word = hyfw_dup_n(text, length);

		hyfw_strings_add(ret_words, word);
		text += length;
	}
}

/* One word at '*at' into 'word' (room for all of the text), quotes removed as
 * in sh(1): nothing is special in '...', only \" and \\ are in "...". */
static int take_word(const char **at, char *word, struct hyfw_error **err)
{
	char quote = '\0';

	for (; **at && (quote || !strchr(BLANKS, **at)); (*at)++) {
		char c = **at;

		if (quote && c == quote) {
			quote = '\0';
		} else if (!quote && (c == '\'' || c == '"')) {
			quote = c;
		} else if (c == '\\' && quote != '\'' &&
			   (!quote || (*at)[1] == '"' || (*at)[1] == '\\')) {
			if (!(*at)[1])
				return hyfw_fail(err, EINVAL, "a backslash at the end quotes nothing");
			*word++ = *++(*at);
		} else {
			*word++ = c;
		}
	}
	*word = '\0';
	return quote ? hyfw_fail(err, EINVAL, "a quote (%c) is not closed", quote) : 0;
}

int hyfw_split_arguments(const char *text, struct hyfw_strings *ret_words, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *word = hyfw_new(strlen(text) + 1);

	while (*(text += strspn(text, BLANKS))) {
		int result = take_word(&text, word, err);

		if (result < 0)
			return result;
		hyfw_strings_add(ret_words, word);
	}
	return 0;
}
