/* SPDX-License-Identifier: BSD-3-Clause
 * Values by their type: truth, numbers, sizes, times, CPUs, choices, paths and
 * names, as plugin.h of the SDK describes them. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/nearest.h"
#include "config/normalize.h"

static int give(char **ret_normal, int64_t number)
{
	*ret_normal = hyfw_format("%" PRId64, number);
	return 0;
}

/* The decimal digits at '*at' times 'unit'; false without digits or on overflow. */
static bool digits(const char **at, int64_t *ret_number)
{
	int64_t number = 0;

	if (!isdigit((unsigned char)**at))
		return false;
	for (; isdigit((unsigned char)**at); (*at)++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, **at - '0', &number))
			return false;
	*ret_number = number;
	return true;
}

static int parse_bool(const char *text, char **ret_normal, struct hyfw_error **err)
{
	static const char *const yes[] = { "yes", "true", "on", "1" }, *const no[] = { "no", "false", "off", "0" };
	size_t i;

	for (i = 0; i < HYFW_COUNT(yes); i++) {
		if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
			*ret_normal = hyfw_dup(strcasecmp(text, yes[i]) == 0 ? "true" : "false");
			return 0;
		}
	}
	return hyfw_fail(err, EINVAL, "must be yes or no");
}

static int parse_int(const char *text, int64_t *ret_number, struct hyfw_error **err)
{
	bool negative = *text == '-';
	const char *at = text + negative;

	if (!digits(&at, ret_number) || *at)
		return hyfw_fail(err, EINVAL, "not a whole number");
	if (negative)
		*ret_number = -*ret_number;
	return 0;
}

int hyfw_parse_size(const char *text, int64_t *ret_bytes, struct hyfw_error **err)
{
	static const char units[] = "KMGT";
	const char *at = text, *unit;
	int64_t number;

	if (!digits(&at, &number))
		return hyfw_fail(err, EINVAL, "not a size; write it like 512K, 50M or 1G");
	unit = *at ? strchr(units, toupper((unsigned char)*at)) : NULL;
	if (unit) {
		if (__builtin_mul_overflow(number, (int64_t)1 << (10 * (unit - units + 1)), &number))
			return hyfw_fail(err, ERANGE, "too large");
		at++;
	}
	if (strcmp(at, "") != 0 && strcasecmp(at, "B") != 0 && strcasecmp(at, "iB") != 0)
		return hyfw_fail(err, EINVAL, "not a size; write it like 512K, 50M or 1G");
	*ret_bytes = number;
	return 0;
}

int hyfw_normalize_memory_swap(const char *text, char **ret_normal, struct hyfw_error **err)
{
	int64_t bytes;
	int result;

	if (strcmp(text, "unlimited") == 0 || strcmp(text, "-1") == 0)
		return give(ret_normal, -1);
	result = hyfw_parse_size(text, &bytes, err);
	return result < 0 ? result : give(ret_normal, bytes);
}

static int parse_duration(const char *text, int64_t *ret_ms, struct hyfw_error **err)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
	const char *at = text;
	int64_t number;
	size_t i;

	if (digits(&at, &number)) {
		for (i = 0; i < HYFW_COUNT(units); i++) {
			if (strcmp(at, units[i].unit) != 0)
				continue;
			if (__builtin_mul_overflow(number, units[i].ms, ret_ms))
				return hyfw_fail(err, ERANGE, "too large");
			return 0;
		}
	}
	return hyfw_fail(err, EINVAL, "not a time; write it with its unit, like 500ms, 10s, 5m or 1h");
}

/* Thousandths: "0.25" is 250. */
static int parse_cpus(const char *text, int64_t *ret_milli, struct hyfw_error **err)
{
	const char *at = text;
	int64_t whole, part = 0, weight = 100;

	if (!digits(&at, &whole))
		return hyfw_fail(err, EINVAL, "not a number of CPUs; write it like 2 or 0.25");
	if (*at == '.') {
		for (at++; isdigit((unsigned char)*at) && weight > 0; at++, weight /= 10)
			part += (*at - '0') * weight;
		if (weight == 100)
			at--; /* nothing behind the point */
	}
	if (*at)
		return hyfw_fail(err, EINVAL,
				 "not a number of CPUs; write it like 2 or 0.25, with at most three decimals");
	if (__builtin_mul_overflow(whole, 1000, &whole) || __builtin_add_overflow(whole, part, &whole))
		return hyfw_fail(err, ERANGE, "too large");
	*ret_milli = whole;
	return 0;
}

/* A number as people write it in this type: for the message about its range. */
static char *show_number(enum hyfw_option_type type, int64_t number)
{
	static const char units[] = "KMGT";
	int unit = -1;

	if (type == HYFW_OPTION_CPUS)
		return hyfw_format("%g", (double)number / 1000);
	if (type == HYFW_OPTION_DURATION)
		return number % 1000 ? hyfw_format("%" PRId64 "ms", number) :
				       hyfw_format("%" PRId64 "s", number / 1000);
	if (type != HYFW_OPTION_SIZE)
		return hyfw_format("%" PRId64, number);
	while (unit < 3 && number && number % 1024 == 0) {
		number /= 1024;
		unit++;
	}
	return unit < 0 ? hyfw_format("%" PRId64, number) : hyfw_format("%" PRId64 "%c", number, units[unit]);
}

static int check_range(const struct hyfw_option *option, int64_t number, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *min = NULL, *max = NULL;

	if ((option->min == 0 && option->max == 0) || (number >= option->min && number <= option->max))
		return 0;
	min = show_number(option->type, option->min);
	max = show_number(option->type, option->max);
	if (option->max == INT64_MAX)
		return hyfw_fail(err, ERANGE, "must be at least %s", min);
	return hyfw_fail(err, ERANGE, "must be from %s to %s", min, max);
}

static int parse_choice(const struct hyfw_option *option, const char *text, char **ret_normal,
			struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *list = NULL;
	const char *nearest;
	size_t i;

	for (i = 0; option->choices && option->choices[i]; i++) {
		char *longer;

		if (strcmp(text, option->choices[i]) == 0) {
			*ret_normal = hyfw_dup(text);
			return 0;
		}
		longer = list ? hyfw_format("%s, %s", list, option->choices[i]) : hyfw_dup(option->choices[i]);
		free(list);
		list = longer;
	}
	nearest = hyfw_nearest(text, option->choices);
	if (nearest)
		return hyfw_fail(err, EINVAL, "must be one of %s; did you mean '%s'?", list, nearest);
	return hyfw_fail(err, EINVAL, "must be one of %s", list ? list : "nothing");
}

static int check_path(const char *text, struct hyfw_error **err)
{
	const char *at = text;

	if (*text != '/')
		return hyfw_fail(err, EINVAL, "must be an absolute path");
	if (strlen(text) > 4000)
		return hyfw_fail(err, ENAMETOOLONG, "the path is too long");
	while ((at = strstr(at, "/.."))) {
		at += 3;
		if (*at == '/' || *at == '\0')
			return hyfw_fail(err, EINVAL, "must be a path without '..'");
	}
	return 0;
}

int hyfw_check_name(const char *text, struct hyfw_error **err)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789", all[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";

	if (!*text || !strchr(first, *text) || text[strspn(text, all)] || strlen(text) > 63)
		return hyfw_fail(err, EINVAL,
				 "not a name: at most 63 of a-z 0-9 _ . -, the first a letter or a digit");
	return 0;
}

int hyfw_normalize_option(const struct hyfw_option *option, const char *text, char **ret_normal,
			  struct hyfw_error **err)
{
	int64_t number = 0;
	int result;

	switch (option->type) {
	case HYFW_OPTION_BOOL: return parse_bool(text, ret_normal, err);
	case HYFW_OPTION_CHOICE: return parse_choice(option, text, ret_normal, err);
	case HYFW_OPTION_INT: result = parse_int(text, &number, err); break;
	case HYFW_OPTION_SIZE: result = hyfw_parse_size(text, &number, err); break;
	case HYFW_OPTION_DURATION: result = parse_duration(text, &number, err); break;
	case HYFW_OPTION_CPUS: result = parse_cpus(text, &number, err); break;
	default:
		result = option->type == HYFW_OPTION_PATH ? check_path(text, err) :
			 option->type == HYFW_OPTION_NAME ? hyfw_check_name(text, err) : 0;
		if (result == 0)
			*ret_normal = hyfw_dup(text);
		return result;
	}
	if (result == 0)
		result = check_range(option, number, err);
	return result < 0 ? result : give(ret_normal, number);
}
