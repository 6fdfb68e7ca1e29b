/* SPDX-License-Identifier: BSD-3-Clause
 * Annotations "org.systemd.property.NAME" as properties of the scope.  Their values are text
 * of GVariant, as runc and crun have it; of its types those that properties of a scope have:
 * text, true and false, numbers, lists of text. */
#include "systemd.h"

#include <errno.h>
#include <inttypes.h>

#define PREFIX "org.systemd.property."
#define NAME_MOST 63

static const struct {
	const char *word;
	char type;
} types[] = {
	{ "string", 's' }, { "boolean", 'b' }, { "byte", 'y' },	 { "int16", 'n' },  { "uint16", 'q' },
	{ "int32", 'i' },  { "uint32", 'u' },  { "int64", 'x' }, { "uint64", 't' }, { "double", 'd' },
};

struct reading {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	const char *at;   /* what is still to be read */
	const char *name; /* of the property */
	struct scope_properties *properties;
};

static void skip_space(struct reading *reading)
{
	reading->at += strspn(reading->at, " \t");
}

static void put(struct reading *reading, const char *type, const char *value)
{
	scope_put(reading->host, reading->arena, reading->properties,
		  reading->host->format(reading->arena, "%s %s %s", type, reading->name, value));
}

/* "uint64 ", "@t ": the type that is said, or 0. */
static char take_type(struct reading *reading)
{
	const size_t length = strcspn(reading->at, " \t");
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const bool by_word = strlen(types[i].word) == length && strncmp(types[i].word, reading->at, length) == 0;

		if (!by_word && !(length == 2 && reading->at[0] == '@' && reading->at[1] == types[i].type))
			continue;
		reading->at += length;
		skip_space(reading);
		return types[i].type;
	}
	return 0;
}

/* 'text' or "text"; NULL for anything else. */
static char *take_text(struct reading *reading)
{
	const char quote = *reading->at;
	char *text = reading->host->alloc(reading->arena, strlen(reading->at) + 1), *end = text;
	const char *at = reading->at + 1;

	if (quote != '\'' && quote != '"')
		return NULL;
	for (; *at && *at != quote; at++) {
		if (*at == '\\' && at[1])
			at++;
		if ((unsigned char)*at < ' ')
			return NULL;
		*end++ = *at;
	}
	if (!*at)
		return NULL;
	reading->at = at + 1;
	skip_space(reading);
	return text;
}

static bool take_list(struct reading *reading)
{
	char *text;

	for (reading->at++; skip_space(reading), *reading->at != ']'; reading->at += *reading->at == ',') {
		text = take_text(reading);
		if (!text || (*reading->at != ',' && *reading->at != ']'))
			return false;
		put(reading, "as", text);
	}
	reading->at++;
	skip_space(reading);
	return true;
}

static bool take_boolean(struct reading *reading)
{
	const bool yes = strncmp(reading->at, "true", 4) == 0;

	if (!yes && strncmp(reading->at, "false", 5) != 0)
		return false;
	reading->at += yes ? 4 : 5;
	put(reading, "b", yes ? "true" : "false");
	return true;
}

static bool in_range(char type, long double value)
{
	switch (type) {
	case 'y': return value >= 0 && value <= UINT8_MAX;
	case 'n': return value >= INT16_MIN && value <= INT16_MAX;
	case 'q': return value >= 0 && value <= UINT16_MAX;
	case 'i': return value >= INT32_MIN && value <= INT32_MAX;
	case 'u': return value >= 0 && value <= UINT32_MAX;
	case 'x': return value >= (long double)INT64_MIN && value <= (long double)INT64_MAX;
	default: return value >= 0 && value <= (long double)UINT64_MAX;
	}
}

/* A number without a type is an int32, with a point in it a double.  'seconds' become the
 * microseconds that systemd wants. */
static bool take_number(struct reading *reading, char type, bool seconds)
{
	const size_t length = strspn(reading->at, "+-0123456789.eE");
	char *text = reading->host->format(reading->arena, "%.*s", (int)length, reading->at), *end;
	long double value;

	if (type == 0)
		type = strpbrk(text, ".eE") ? 'd' : 'i';
	errno = 0;
	value = strtold(text, &end);
	if (length == 0 || *end || errno || (type != 'd' && strpbrk(text, ".eE")))
		return false;
	reading->at += length;
	if (seconds) {
		value *= 1000000;
		if (!in_range('t', value))
			return false;
		put(reading, "t", reading->host->format(reading->arena, "%" PRIu64, (uint64_t)value));
		return true;
	}
	if (type != 'd' && !in_range(type, value))
		return false;
	put(reading, (char[]){ type, '\0' }, text);
	return true;
}

static bool take_value(struct reading *reading, bool seconds)
{
	char type, *text;

	skip_space(reading);
	type = take_type(reading);
	if (seconds || (type && strchr("ynqiuxtd", type)))
		return take_number(reading, type, seconds);
	if (!type && *reading->at == '[')
		return take_list(reading);
	if (type != 's' && take_boolean(reading))
		return true;
	if (type == 'b')
		return false;
	text = take_text(reading);
	if (text)
		put(reading, "s", text);
	return text || (!type && take_number(reading, 0, false));
}

static bool name_ok(const char *name)
{
	return strlen(name) >= 3 && strlen(name) <= NAME_MOST &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(name);
}

/* "TimeoutStopSec" is documented, "TimeoutStopUSec" is what it is called on the bus. */
static bool is_in_seconds(const char *name)
{
	const size_t length = strlen(name);

	return length > 4 && strcmp(name + length - 3, "Sec") == 0 && name[length - 4] >= 'a' && name[length - 4] <= 'z';
}

int scope_annotations(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_map *annotations,
		      struct scope_properties *properties, struct hyfw_error **err)
{
	size_t i;

	for (i = 0; i < annotations->count; i++) {
		const char *key = annotations->items[i].key, *name = key + strlen(PREFIX);
		struct reading reading = { host, arena, annotations->items[i].value, NULL, properties };
		bool seconds;

		if (strncmp(key, PREFIX, strlen(PREFIX)) != 0)
			continue;
		if (!name_ok(name))
			return host->fail(err, EINVAL, "annotations: %s: \"%s\" is not the name of a property", key, name);
		seconds = is_in_seconds(name);
		reading.name = seconds ? host->format(arena, "%.*sUSec", (int)strlen(name) - 3, name) : name;
		if (!take_value(&reading, seconds) || *reading.at)
			return host->fail(err, EINVAL, "annotations: %s: %s is not a value such as 'text', true, uint64 5 or "
					  "['a', 'b']", key, annotations->items[i].value);
	}
	return 0;
}
