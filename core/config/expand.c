/* SPDX-License-Identifier: BSD-3-Clause
 * ${VAR} in the keys that allow it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/normalize.h"
#include "config/text.h"

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
#define EXPANDED_BYTES 65536

static void append(char **text, const char *more, size_t length)
{
	HYFW_AUTO_FREE char *before = *text;

	*text = hyfw_format("%s%.*s", before, (int)length, more);
}

/* The variable at 'at', which stands behind "${"; its end goes to '*ret_end'. */
static int look_up(const char *at, const char **ret_value, const char **ret_end, struct hyfw_error **err)
{
	size_t length = strspn(at, NAME_CHARACTERS);
	HYFW_AUTO_FREE char *name = hyfw_dup_n(at, length);
	const char *value, *fault;

	if (length == 0 || at[length] != '}')
		return hyfw_fail(err, EINVAL, "after '${' comes the name of a variable and '}'");
	value = getenv(name);
	if (!value)
		return hyfw_fail(err, EINVAL, "the environment has no variable %s; set it, or write $${ for a plain ${",
				 name);
	fault = hyfw_text_fault(value, strlen(value));
	if (fault)
		return hyfw_fail(err, EINVAL, "the variable %s holds %s", name, fault);
	*ret_value = value;
	*ret_end = at + length + 1;
	return 0;
}

int hyfw_expand(const char *text, char **ret_text, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *whole = hyfw_dup("");

	while (*text) {
		const char *dollar = strstr(text, "${"), *value = "";
		int result;

		if (!dollar) {
			append(&whole, text, strlen(text));
			break;
		}
		if (dollar > text && dollar[-1] == '$') { /* "$${" */
			append(&whole, text, (size_t)(dollar - text) - 1);
			append(&whole, "${", 2);
			text = dollar + 2;
			continue;
		}
		append(&whole, text, (size_t)(dollar - text));
		result = look_up(dollar + 2, &value, &text, err);
		if (result < 0)
			return result;
		append(&whole, value, strlen(value));
		if (strlen(whole) > EXPANDED_BYTES)
			return hyfw_fail(err, EFBIG, "longer than %d bytes with its variables", EXPANDED_BYTES);
	}
	*ret_text = HYFW_STEAL(whole);
	return 0;
}
