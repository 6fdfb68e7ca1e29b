/* SPDX-License-Identifier: BSD-3-Clause
 * Values of workload keys that have a form of their own and need no more than
 * a few lines; mounts.c and net.c have the longer ones. */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/nearest.h"
#include "config/normalize.h"
#include "config/text.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool only(const char *text, const char *characters)
{
	return *text && text[strspn(text, characters)] == '\0';
}

int hyfw_normalize_image(const char *text, char **ret_normal, struct hyfw_error **err)
{
	if (!only(text, LOWER UPPER DIGITS "._/:@+-") || !isalnum((unsigned char)*text) || strlen(text) > 255 ||
	    strstr(text, ".."))
		return hyfw_fail(err, EINVAL, "not the name of an image: letters, digits and . _ / : @ + -");
	*ret_normal = hyfw_dup(text);
	return 0;
}

/* KEY of "KEY=VALUE"; at least one character, no blanks. */
static int check_pair_key(const char *text, struct hyfw_error **err)
{
	size_t length = strcspn(text, "=");

	if (length == 0 || strcspn(text, " \t") < length)
		return hyfw_fail(err, EINVAL, "the name before the '=' is empty or holds a blank");
	return 0;
}

int hyfw_normalize_env(const char *text, char **ret_normal, struct hyfw_error **err)
{
	int result = check_pair_key(text, err);
	const char *value, *fault;

	if (result < 0)
		return result;
	if (strchr(text, '=')) {
		*ret_normal = hyfw_dup(text);
		return 0;
	}
	value = getenv(text);
	if (!value)
		return hyfw_fail(err, EINVAL, "the environment has no variable %s; write %s=VALUE", text, text);
	fault = hyfw_text_fault(value, strlen(value));
	if (fault)
		return hyfw_fail(err, EINVAL, "the variable %s holds %s", text, fault);
	*ret_normal = hyfw_format("%s=%s", text, value);
	return 0;
}

int hyfw_normalize_label(const char *text, char **ret_normal, struct hyfw_error **err)
{
	int result = check_pair_key(text, err);

	if (result < 0)
		return result;
	if (!strchr(text, '='))
		return hyfw_fail(err, EINVAL, "must be KEY=VALUE");
	*ret_normal = hyfw_dup(text);
	return 0;
}

static bool user_or_group(const char *text, size_t length)
{
	HYFW_AUTO_FREE char *name = hyfw_dup_n(text, length);

	if (only(name, DIGITS)) /* (uid_t)-1 means "none" to the kernel */
		return length <= 10 && strtoull(name, NULL, 10) < 4294967295u;
	return length <= 32 && only(name, LOWER UPPER DIGITS "_.-") && !strchr(DIGITS "-.", *name);
}

int hyfw_normalize_user(const char *text, char **ret_normal, struct hyfw_error **err)
{
	size_t length = strcspn(text, ":");

	if (*text && (!user_or_group(text, length) ||
		      (text[length] && !user_or_group(text + length + 1, strlen(text + length + 1)))))
		return hyfw_fail(err, EINVAL, "must be USER, USER:GROUP, UID or UID:GID");
	*ret_normal = hyfw_dup(text);
	return 0;
}

/* RFC 1123 labels between dots; the kernel keeps 64 bytes (sethostname(2)). */
int hyfw_normalize_hostname(const char *text, char **ret_normal, struct hyfw_error **err)
{
	const char *at = text;
	bool good = strlen(text) <= 64;

	while (good) {
		size_t length = strcspn(at, ".");

		good = length > 0 && length <= 63 && at[0] != '-' && at[length - 1] != '-' &&
		       strspn(at, LOWER UPPER DIGITS "-") >= length;
		if (!at[length])
			break;
		at += length + 1;
	}
	if (!good)
		return hyfw_fail(err, EINVAL, "not a host name: letters, digits and '-' between dots, at most 64 bytes");
	*ret_normal = hyfw_dup(text);
	return 0;
}

/* cpuset(7) "List format", without strides. */
int hyfw_normalize_cpuset(const char *text, char **ret_normal, struct hyfw_error **err)
{
	const char *at = text;

	for (;;) {
		unsigned long first, last;
		char *end;

		if (!isdigit((unsigned char)*at))
			break;
		first = last = strtoul(at, &end, 10);
		if (*end == '-') {
			if (!isdigit((unsigned char)end[1]))
				break;
			last = strtoul(end + 1, &end, 10);
		}
		if (last < first || last >= 8192)
			return hyfw_fail(err, EINVAL, "CPUs are numbers below 8192, ranges go upwards");
		if (!*end) {
			*ret_normal = hyfw_dup(text);
			return 0;
		}
		if (*end != ',')
			break;
		at = end + 1;
	}
	return hyfw_fail(err, EINVAL, "not a list of CPUs; write it like 0-3,5");
}

int hyfw_normalize_capability(const char *text, char **ret_normal, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *upper = hyfw_dup(text);
	const char *name = upper;
	char *at;

	for (at = upper; *at; at++)
		*at = (char)toupper((unsigned char)*at);
	if (strncmp(name, "CAP_", 4) == 0)
		name += 4;
	if (!only(name, UPPER "_") || strlen(name) > 40)
		return hyfw_fail(err, EINVAL, "not the name of a capability; write it like NET_ADMIN, or ALL");
	*ret_normal = strcmp(name, "ALL") == 0 ? hyfw_dup(name) : hyfw_format("CAP_%s", name);
	return 0;
}

int hyfw_normalize_seccomp(const char *text, char **ret_normal, struct hyfw_error **err)
{
	static const struct hyfw_option path = { .name = "seccomp", .type = HYFW_OPTION_PATH };
	static const char *const words[] = { "default", "unconfined", NULL };
	const char *nearest;

	if (*text == '/')
		return hyfw_normalize_option(&path, text, ret_normal, err);
	if (strcmp(text, words[0]) != 0 && strcmp(text, words[1]) != 0) {
		nearest = hyfw_nearest(text, words);
		return hyfw_fail(err, EINVAL, "must be default, unconfined or the absolute path of a profile%s%s%s",
				 nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
	}
	*ret_normal = hyfw_dup(text);
	return 0;
}

int hyfw_normalize_restart(const char *text, char **ret_normal, struct hyfw_error **err)
{
	static const char *const words[] = { "no", "always", "unless-stopped", "on-failure", NULL };
	static const char prefix[] = "on-failure:";
	const char *nearest;
	size_t i;

	for (i = 0; words[i] && strcmp(text, words[i]) != 0; i++)
		;
	if (!words[i] && strncmp(text, prefix, sizeof(prefix) - 1) == 0) {
		const char *count = text + sizeof(prefix) - 1;

		if (!only(count, DIGITS) || strlen(count) > 6 || atoi(count) == 0)
			return hyfw_fail(err, EINVAL, "on-failure takes a number of attempts from 1 to 999999");
	} else if (!words[i]) {
		nearest = hyfw_nearest(text, words);
		return hyfw_fail(err, EINVAL, "must be no, on-failure, on-failure:N, always or unless-stopped%s%s%s",
				 nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
	}
	*ret_normal = hyfw_dup(text);
	return 0;
}

/* "SIGRTMIN+3", behind "SIG"; 0 when it is not one. */
static int realtime_signal(const char *name)
{
	static const char prefix[] = "RTMIN+";
	int number;

	if (strcmp(name, "RTMIN") == 0)
		return SIGRTMIN;
	if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
		return 0;
	name += sizeof(prefix) - 1;
	number = only(name, DIGITS) && strlen(name) <= 2 ? SIGRTMIN + atoi(name) : 0;
	return number <= SIGRTMAX ? number : 0;
}

/* As Podman's --systemd has it, too. */
int hyfw_normalize_systemd(const char *text, char **ret_normal, struct hyfw_error **err)
{
	static const struct {
		const char *word, *normal;
	} words[] = {
		{ "auto", "auto" }, { "yes", "auto" }, { "true", "auto" }, { "always", "always" },
		{ "off", "off" }, { "no", "off" }, { "false", "off" },
	};
	size_t i;

	for (i = 0; i < HYFW_COUNT(words); i++) {
		if (strcmp(text, words[i].word) == 0) {
			*ret_normal = hyfw_dup(words[i].normal);
			return 0;
		}
	}
	return hyfw_fail(err, EINVAL, "must be auto, always or off");
}

int hyfw_normalize_signal(const char *text, char **ret_normal, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *upper = hyfw_dup(text);
	int number = 0, i;
	char *at;

	for (at = upper; *at; at++)
		*at = (char)toupper((unsigned char)*at);
	at = strncmp(upper, "SIG", 3) == 0 ? upper + 3 : upper;
	if (only(at, DIGITS) && strlen(at) <= 2)
		number = atoi(at);
	for (i = 1; i < NSIG && number == 0; i++)
		if (sigabbrev_np(i) && strcmp(sigabbrev_np(i), at) == 0)
			number = i;
	if (number == 0)
		number = realtime_signal(at);
	if (number < 1 || number > SIGRTMAX)
		return hyfw_fail(err, EINVAL, "not a signal; write it like SIGTERM, SIGRTMIN+3 or 15");
	*ret_normal = hyfw_format("%d", number);
	return 0;
}
