/* SPDX-License-Identifier: BSD-3-Clause
 * volume = and tmpfs =. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/normalize.h"

int hyfw_check_part(const char *what, enum hyfw_option_type type, const char *text, struct hyfw_error **err)
{
	const struct hyfw_option option = { .name = what, .type = type };
	HYFW_AUTO_FREE char *normal = NULL;

	if (strchr(text, '|'))
		return hyfw_fail(err, EINVAL, "the %s holds a '|', which cannot be used here", what);
	if (hyfw_normalize_option(&option, text, &normal, err) < 0)
		return hyfw_wrap(err, "the %s", what);
	return 0;
}

static int check_target(const char *path, struct hyfw_error **err)
{
	int result = hyfw_check_part("path inside", HYFW_OPTION_PATH, path, err);

	if (result == 0 && path[strspn(path, "/")] == '\0')
		result = hyfw_fail(err, EINVAL, "the path inside cannot be the root");
	if (result == 0 && (strcmp(path, "/proc") == 0 || strncmp(path, "/proc/", 6) == 0))
		result = hyfw_fail(err, EINVAL, "the path inside cannot be below /proc, where the kernel's files are");
	return result;
}

/* "ro", "rw", "z", "Z", or more between commas.  '*ret_label' is 'z', 'Z' or 0. */
static int parse_volume_options(const char *text, bool *ret_read_only, char *ret_label, struct hyfw_error **err)
{
	struct hyfw_strings words = { 0 };
	int result = 0;
	size_t i;

	*ret_read_only = false;
	*ret_label = 0;
	hyfw_split_list(text, &words);
	for (i = 0; result == 0 && i < words.count; i++) {
		const char *word = words.items[i];

		if (strcmp(word, "ro") == 0)
			*ret_read_only = true;
		else if ((strcmp(word, "z") == 0 || strcmp(word, "Z") == 0) && (!*ret_label || *ret_label == *word))
			*ret_label = *word;
		else if (strcmp(word, "z") == 0 || strcmp(word, "Z") == 0)
			result = hyfw_fail(err, EINVAL, "z is for volumes that workloads share, Z for those of one alone; not both");
		else if (strcmp(word, "rw") != 0)
			result = hyfw_fail(err, EINVAL, "after the path inside comes ro or rw, z or Z, not '%s'", word);
	}
	if (words.count == 0)
		result = hyfw_fail(err, EINVAL, "after the last ':' comes ro or rw");
	hyfw_strings_finish(&words);
	return result;
}

int hyfw_normalize_volume(const char *text, char **ret_normal, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *source = hyfw_dup(text);
	char *target = strchr(source, ':'), *options;
	bool read_only = false;
	char label = 0;
	int result;

	if (!target)
		return hyfw_fail(err, EINVAL, "must be NAME:PATH or PATH:PATH, with :ro or :rw behind");
	*target++ = '\0';
	options = strchr(target, ':');
	if (options)
		*options++ = '\0';
	result = *source == '/' ? hyfw_check_part("path on the host", HYFW_OPTION_PATH, source, err) :
				  hyfw_check_part("volume", HYFW_OPTION_NAME, source, err);
	if (result == 0)
		result = check_target(target, err);
	if (result == 0 && options)
		result = parse_volume_options(options, &read_only, &label, err);
	if (result == 0)
		*ret_normal = hyfw_format("%s|%s|%s%s%.1s", source, target, read_only ? "ro" : "rw", label ? "|" : "",
					  &label);
	return result;
}

static int parse_mode(const char *text, unsigned *ret_mode, struct hyfw_error **err)
{
	if (!*text || strlen(text) > 4 || text[strspn(text, "01234567")])
		return hyfw_fail(err, EINVAL, "mode= takes up to four octal digits, like 1777");
	*ret_mode = (unsigned)strtoul(text, NULL, 8);
	return 0;
}

static int parse_tmpfs_options(const char *text, int64_t *bytes, unsigned *mode, struct hyfw_error **err)
{
	struct hyfw_strings words = { 0 };
	int result = 0;
	size_t i;

	hyfw_split_list(text, &words);
	for (i = 0; result == 0 && i < words.count; i++) {
		const char *word = words.items[i];

		if (strncmp(word, "size=", 5) == 0)
			result = hyfw_parse_size(word + 5, bytes, err);
		else if (strncmp(word, "mode=", 5) == 0)
			result = parse_mode(word + 5, mode, err);
		else
			result = hyfw_fail(err, EINVAL, "'%s' is neither size=SIZE nor mode=MODE", word);
		if (result == 0 && strncmp(word, "size=", 5) == 0 && *bytes == 0)
			result = hyfw_fail(err, ERANGE, "size= must be at least 1");
	}
	hyfw_strings_finish(&words);
	return result;
}

int hyfw_normalize_tmpfs(const char *text, char **ret_normal, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_dup(text);
	char *options = strchr(path, ':');
	int64_t bytes = 0;
	unsigned mode = 0;
	int result;

	if (options)
		*options++ = '\0';
	result = check_target(path, err);
	if (result == 0 && options)
		result = parse_tmpfs_options(options, &bytes, &mode, err);
	if (result == 0)
		*ret_normal = hyfw_format("%s|%" PRId64 "|%o", path, bytes, mode);
	return result;
}
