/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/disk.h"
#include "config/normalize.h"

#define FLAG_BASE 256
#define FLAGS_MOST 12

int disk_path(const char *word, char **ret_path, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *here = NULL;

	if (word[0] == '/') {
		*ret_path = hyfw_dup(word);
		return 0;
	}
	here = getcwd(NULL, 0);
	if (!here)
		return hyfw_fail_errno(err, errno, "the current directory");
	if (strncmp(word, "./", 2) == 0)
		word += 2;
	*ret_path = hyfw_format("%s/%s", here, word);
	return 0;
}

int disk_object(const char *word, char **ret_object, struct hyfw_error **err)
{
	if (!*word)
		return hyfw_fail(err, EINVAL, "a disk must be a path or a name");
	if (strchr(word, '/') && strncmp(word, "image/", 6) != 0)
		return disk_path(word, ret_object, err);
	*ret_object = hyfw_dup(word);
	return 0;
}

void disk_request_finish(struct disk_request *request)
{
	free(request->object);
	hyfw_pairs_finish(&request->args);
}

static int add(struct hyfw_pairs *args, const char *key, enum disk_flag_form form, const char *text,
	       struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *value = NULL;
	int64_t bytes;
	int result = 0;

	switch (form) {
	case DISK_TRUE: value = hyfw_dup("true"); break;
	case DISK_SIZE:
		result = hyfw_parse_size(text, &bytes, err);
		if (result == 0 && bytes <= 0)
			result = hyfw_fail(err, EINVAL, "'%s' is no size", text);
		if (result == 0)
			value = hyfw_format("%lld", (long long)bytes);
		break;
	case DISK_PATH:
	case DISK_LIST_PATH: /* disks may be names, files are paths: both as disk_object() has it */
		result = strcmp(key, "to") == 0 || strcmp(key, "with") == 0 || strcmp(key, "backing") == 0
				 ? disk_object(text, &value, err)
				 : disk_path(text, &value, err);
		break;
	default: value = hyfw_dup(text); break;
	}
	if (result < 0)
		return hyfw_wrap(err, "%s", key);
	if (form == DISK_LIST || form == DISK_LIST_PATH)
		hyfw_pairs_add(args, key, value);
	else
		hyfw_pairs_set(args, key, value);
	return 0;
}

/* "root-password-file" is the key root_password_file. */
static char *key_of(const char *flag)
{
	char *key = hyfw_dup(flag), *at;

	for (at = key; *at; at++)
		if (*at == '-')
			*at = '_';
	return key;
}

static int parse_flags(const struct disk_verb *verb, int argc, char **argv, struct disk_request *request,
		       struct hyfw_error **err)
{
	struct option options[FLAGS_MOST + 2] = { { "help", no_argument, NULL, 'h' } };
	int flag, result = 0;
	size_t i;

	for (i = 0; verb->flags && verb->flags[i].name && i < FLAGS_MOST; i++)
		options[i + 1] = (struct option){ verb->flags[i].name,
						  verb->flags[i].form == DISK_TRUE ? no_argument : required_argument,
						  NULL, FLAG_BASE + (int)i };
	optind = 0;
	while (result == 0 && (flag = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		const struct disk_flag *found;
		HYFW_AUTO_FREE char *key = NULL;

		if (flag == 'h')
			return 0;
		if (flag < FLAG_BASE)
			return -EINVAL;
		found = &verb->flags[flag - FLAG_BASE];
		key = key_of(found->name);
		result = add(&request->args, key, found->form, optarg, err);
	}
	return result < 0 ? result : 1;
}

int disk_parse(const struct disk_verb *verb, int argc, char **argv, struct disk_request *ret_request,
	       struct hyfw_error **err)
{
	int result = parse_flags(verb, argc, argv, ret_request, err);
	unsigned i, count;

	if (result <= 0)
		return result;
	count = (unsigned)(argc - optind);
	if (count < verb->least || count > verb->most)
		return hyfw_fail(err, EINVAL, "usage: hyfw disk %s %s", verb->name, verb->usage);
	if (verb->run == disk_run_copy)
		ret_request->object = hyfw_dup(argv[optind]); /* DISK:PATH or a file */
	else if (count && verb->at_path)
		result = disk_path(argv[optind], &ret_request->object, err);
	else if (count)
		result = disk_object(argv[optind], &ret_request->object, err);
	for (i = 1; result >= 0 && i < verb->most; i++) {
		const struct disk_word *word = &verb->words[i - 1];

		if (i < count)
			result = add(&ret_request->args, word->key, word->form, argv[optind + (int)i], err);
		else if (word->otherwise)
			hyfw_pairs_set(&ret_request->args, word->key, word->otherwise);
	}
	return result < 0 ? result : 1;
}
