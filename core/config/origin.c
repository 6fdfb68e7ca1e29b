/* SPDX-License-Identifier: BSD-3-Clause
 * Errors that say where in the configuration they come from. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/private.h"

#define SHOWN_BYTES 80 /* of a value; the file has the rest */

/* "[workload web]", "[hyfw]" */
static char *section_title(const struct hyfw_config_section *section)
{
	return *section->name ? hyfw_format("[%s %s]", section->type, section->name) :
				hyfw_format("[%s]", section->type);
}

static char *shown(const struct hyfw_config_value *value)
{
	size_t length = strlen(value->text);

	if (value->secret)
		return hyfw_dup("***");
	if (length <= SHOWN_BYTES)
		return hyfw_dup(value->text);
	for (length = SHOWN_BYTES; (value->text[length] & 0xc0) == 0x80; length--)
		; /* not within a character */
	return hyfw_format("%.*s...", (int)length, value->text);
}

__attribute__((format(printf, 5, 0)))
static int vfail_value(struct hyfw_error **err, int errnum, const struct hyfw_config_section *section,
		       const struct hyfw_config_value *value, const char *format, va_list args)
{
	HYFW_AUTO_FREE char *title = section_title(section), *text = shown(value);
	const struct hyfw_origin *origin = &value->origin;

	hyfw_vfail(err, errnum, format, args);
	if (origin->kind == HYFW_ORIGIN_FLAG)
		hyfw_wrap(err, "%s%s%s", origin->file, *text ? " " : "", text);
	else if (origin->kind == HYFW_ORIGIN_FILE)
		hyfw_wrap(err, "%s:%u: %s %s =%s%s", origin->file, origin->line, title, value->key,
			  *text ? " " : "", text);
	else
		hyfw_wrap(err, "%s %s = %s (the default)", title, value->key, text);
	return -errnum;
}

int hyfw_config_fail_value(struct hyfw_error **err, int errnum, const struct hyfw_config_section *section,
			   const struct hyfw_config_value *value, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfail_value(err, errnum, section, value, format, args);
	va_end(args);
	return -errnum;
}

__attribute__((format(printf, 4, 0)))
static int vfail_section(struct hyfw_error **err, int errnum, const struct hyfw_config_section *section,
			 const char *format, va_list args)
{
	HYFW_AUTO_FREE char *title = section_title(section);

	hyfw_vfail(err, errnum, format, args);
	if (section->origin.kind == HYFW_ORIGIN_FILE)
		hyfw_wrap(err, "%s:%u: %s", section->origin.file, section->origin.line, title);
	else if (*section->name)
		hyfw_wrap(err, "%s %s", section->type, section->name);
	else
		hyfw_wrap(err, "%s", title);
	return -errnum;
}

int hyfw_config_fail_section(struct hyfw_error **err, int errnum, const struct hyfw_config_section *section,
			     const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfail_section(err, errnum, section, format, args);
	va_end(args);
	return -errnum;
}

int hyfw_config_fail(struct hyfw_error **err, int errnum, const struct hyfw_config_section *section,
		     const char *key, const char *format, ...)
{
	const struct hyfw_config_value *value = NULL;
	va_list args;
	size_t i;

	for (i = 0; key && i < section->count; i++)
		if (strcmp(section->values[i].key, key) == 0)
			value = &section->values[i];
	va_start(args, format);
	if (value)
		vfail_value(err, errnum, section, value, format, args);
	else
		vfail_section(err, errnum, section, format, args);
	va_end(args);
	if (key && !value)
		hyfw_wrap(err, "%s", key);
	return -errnum;
}
