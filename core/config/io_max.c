/* SPDX-License-Identifier: BSD-3-Clause
 * io_max = DEVICE:rbps=SIZE,wbps=SIZE,riops=NUMBER,wiops=NUMBER, in the words of cgroup v2. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/normalize.h"

/* In the order of the normal form.  The kernel has 32 bits for the last two. */
static const struct hyfw_option options[] = {
	{ .name = "rbps", .type = HYFW_OPTION_SIZE, .min = 1, .max = INT64_MAX },
	{ .name = "wbps", .type = HYFW_OPTION_SIZE, .min = 1, .max = INT64_MAX },
	{ .name = "riops", .type = HYFW_OPTION_INT, .min = 1, .max = UINT32_MAX - 1 },
	{ .name = "wiops", .type = HYFW_OPTION_INT, .min = 1, .max = UINT32_MAX - 1 },
};
#define COUNT HYFW_COUNT(options)

static int take_word(char *values[COUNT], const char *word, struct hyfw_error **err)
{
	const char *equals = strchr(word, '=');
	size_t i;

	for (i = 0; equals && i < COUNT; i++) {
		if (strlen(options[i].name) != (size_t)(equals - word) || strncmp(word, options[i].name, equals - word) != 0)
			continue;
		if (values[i])
			return hyfw_fail(err, EINVAL, "%s is given twice", options[i].name);
		return hyfw_normalize_option(&options[i], equals + 1, &values[i], err) < 0 ?
			       hyfw_wrap(err, "%s=", options[i].name) : 0;
	}
	return hyfw_fail(err, EINVAL, "'%s' is none of rbps=SIZE, wbps=SIZE, riops=NUMBER, wiops=NUMBER", word);
}

static int take_words(char *values[COUNT], const char *text, struct hyfw_error **err)
{
	struct hyfw_strings words = { 0 };
	int result = 0;
	size_t i;

	hyfw_split_list(text, &words);
	if (words.count == 0)
		result = hyfw_fail(err, EINVAL, "after the ':' comes at least one limit, such as rbps=10M");
	for (i = 0; result == 0 && i < words.count; i++)
		result = take_word(values, words.items[i], err);
	hyfw_strings_finish(&words);
	return result;
}

static char *join(const char *device, char *const values[COUNT])
{
	char *text = hyfw_dup(device);
	size_t i;

	for (i = 0; i < COUNT; i++) {
		char *longer;

		if (!values[i])
			continue;
		longer = hyfw_format("%s|%s=%s", text, options[i].name, values[i]);
		free(text);
		text = longer;
	}
	return text;
}

int hyfw_normalize_io_max(const char *text, char **ret_normal, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *device = hyfw_dup(text);
	char *colon = strrchr(device, ':'), *values[COUNT] = { NULL }; /* /dev/disk/by-path has a ':' itself */
	int result;
	size_t i;

	if (!colon || strchr(colon, '/'))
		return hyfw_fail(err, EINVAL, "must be DEVICE:LIMIT[,LIMIT...], such as /dev/sda:rbps=10M,wiops=200");
	*colon = '\0';
	result = hyfw_check_part("device", HYFW_OPTION_PATH, device, err);
	if (result == 0)
		result = take_words(values, colon + 1, err);
	if (result == 0)
		*ret_normal = join(device, values);
	for (i = 0; i < COUNT; i++)
		free(values[i]);
	return result;
}
