/* SPDX-License-Identifier: BSD-3-Clause
 * From the value of a flag to that of a key, where the two differ. */
#include "cli/run_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"

int hyfw_run_set(struct hyfw_run_parsing *parse, const char *key, const char *text, const char *flag,
		 struct hyfw_error **err)
{
	return hyfw_config_set(parse->config, "workload", parse->name, key, text, flag, err);
}

/* "disable", or "type:container_t" as Podman and Docker write it. */
static int label_opt(struct hyfw_run_parsing *parse, const char *text, struct hyfw_error **err)
{
	static const struct {
		const char *word, *key;
	} parts[] = {
		{ "user:", "selinux_user" }, { "role:", "selinux_role" }, { "type:", "selinux_type" },
		{ "level:", "selinux_level" }, { "filetype:", "selinux_filetype" },
	};
	size_t i;

	if (strcmp(text, "disable") == 0 && access("/sys/fs/selinux/enforce", F_OK) < 0)
		return 0; /* there is none to leave out, and nobody who knows the key */
	if (strcmp(text, "disable") == 0)
		return hyfw_run_set(parse, "selinux", "no", "--security-opt", err);
	for (i = 0; i < HYFW_COUNT(parts); i++) {
		const size_t length = strlen(parts[i].word);

		if (strncmp(text, parts[i].word, length) == 0)
			return hyfw_run_set(parse, parts[i].key, text + length, "--security-opt", err);
	}
	return hyfw_fail(err, EINVAL, "--security-opt label=%s: is neither disable nor user:, role:, type:, level: or "
			 "filetype: with a word behind", text);
}

int hyfw_run_security_opt(struct hyfw_run_parsing *parse, const char *text, struct hyfw_error **err)
{
	if (strncmp(text, "seccomp=", 8) == 0)
		return hyfw_run_set(parse, "seccomp", text + 8, "--security-opt", err);
	if (strncmp(text, "label=", 6) == 0)
		return label_opt(parse, text + 6, err);
	return hyfw_fail(err, EINVAL, "--security-opt %s: only seccomp=FILE and label=WORD are known", text);
}

/* --set KEY=VALUE */
int hyfw_run_set_any(struct hyfw_run_parsing *parse, const char *text, struct hyfw_error **err)
{
	const size_t length = strcspn(text, "=");
	HYFW_AUTO_FREE char *key = hyfw_dup_n(text, length);

	if (length == 0 || !text[length])
		return hyfw_fail(err, EINVAL, "--set %s: must be KEY=VALUE", text);
	parse->machine = true;
	return hyfw_run_set(parse, key, text + length + 1, "--set", err);
}

/* "./DIRECTORY:PATH" and "../DIRECTORY:PATH": seen from here. */
static int set_path(struct hyfw_run_parsing *parse, const char *key, const char *text, const char *flag,
		    struct hyfw_error **err)
{
	const size_t length = strcspn(text, ":");
	HYFW_AUTO_FREE char *source = hyfw_dup_n(text, length);
	HYFW_AUTO_FREE char *path = realpath(source, NULL);
	HYFW_AUTO_FREE char *absolute = NULL;

	if (!path)
		return hyfw_fail_errno(err, errno, "%s %s", flag, text);
	absolute = hyfw_format("%s%s", path, text + length);
	return hyfw_run_set(parse, key, absolute, flag, err);
}

/* --device-read-bps DEVICE:RATE and the like, as Podman and Docker have them. */
static int set_rate(struct hyfw_run_parsing *parse, const struct hyfw_run_keyed *keyed, const char *text, const char *flag,
		    struct hyfw_error **err)
{
	const char *colon = strrchr(text, ':');
	HYFW_AUTO_FREE char *limits = NULL;

	if (!colon)
		return hyfw_fail(err, EINVAL, "%s %s: must be %s", flag, text, keyed->value);
	limits = hyfw_format("%.*s:%c%s=%s", (int)(colon - text), text, keyed->flag[strlen("device-")],
			     strstr(keyed->flag, "iops") ? "iops" : "bps", colon + 1);
	return hyfw_run_set(parse, keyed->key, limits, flag, err);
}

int hyfw_run_take_keyed(struct hyfw_run_parsing *parse, const struct hyfw_run_keyed *keyed, const char *text, struct hyfw_error **err)
{
	static const char *const paths[] = { "volume", "disk", "cdrom", "kernel", "initrd" };
	static const char *const machines[] = { "isolation", "disk", "cdrom", "kernel", "boot", "template" };
	HYFW_AUTO_FREE char *name = hyfw_format("--%s", keyed->flag);
	size_t i;

	for (i = 0; i < HYFW_COUNT(machines); i++)
		parse->machine = parse->machine || strcmp(keyed->key, machines[i]) == 0;
	for (i = 0; i < HYFW_COUNT(paths); i++)
		if (*text == '.' && strcmp(keyed->key, paths[i]) == 0)
			return set_path(parse, keyed->key, text, name, err);
	if (strncmp(keyed->flag, "device-", strlen("device-")) == 0)
		return set_rate(parse, keyed, text, name, err);
	return hyfw_run_set(parse, keyed->key, text, name, err);
}
