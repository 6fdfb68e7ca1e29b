/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/text.h"

#include <stdbool.h>

/* Length of the UTF-8 sequence at 'at' (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF), 0 when it is not one. */
static size_t sequence(const unsigned char *at, size_t left)
{
	size_t length, i;

	if (at[0] < 0x80)
		return 1;
	if (at[0] >= 0xc2 && at[0] <= 0xdf)
		length = 2;
	else if (at[0] >= 0xe0 && at[0] <= 0xef)
		length = 3;
	else if (at[0] >= 0xf0 && at[0] <= 0xf4)
		length = 4;
	else
		return 0;
	if (length > left)
		return 0;
	for (i = 1; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
	    (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return length;
}

const char *hyfw_text_fault(const char *text, size_t length)
{
	const unsigned char *at = (const unsigned char *)text, *end = at + length;

	while (at < end) {
		size_t step = sequence(at, (size_t)(end - at));

		if (*at == 0)
			return "a NUL byte";
		if ((*at < 0x20 && *at != '\t') || *at == 0x7f)
			return "a control character";
		if (step == 0)
			return "text that is not UTF-8";
		if (step == 2 && at[0] == 0xc2 && at[1] < 0xa0)
			return "a control character"; /* U+0080 to U+009F */
		at += step;
	}
	return NULL;
}
