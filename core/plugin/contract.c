/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin/module.h"

#include <errno.h>
#include <string.h>

#include "plugin/note.h"
#include "plugin/registry.h"
#include "plugin/trust.h"

#define OPTIONS_MOST 256u
#define WORDS_MOST 256u
#define TEXT_LONGEST 512u

/* The first release of the contract had all members up to this one. */
#define FIRST_SIZE (offsetof(struct hyfw_plugin, ops) + sizeof(((struct hyfw_plugin *)0)->ops))

/* Copies the smaller of both sizes into the zeroed 'ours', whose 'size' then says
 * how much of it the plugin knew. */
static void copy_table(void *ours, size_t our_size, const void *theirs)
{
	size_t size;

	memset(ours, 0, our_size);
	memcpy(&size, theirs, sizeof(size));
	if (size > our_size)
		size = our_size;
	if (size < sizeof(size))
		return;
	memcpy(ours, theirs, size);
	memcpy(ours, &size, sizeof(size));
}

static int check_text(const char *text, const char *what, struct hyfw_error **err)
{
	if (!text || !*text || strnlen(text, TEXT_LONGEST + 1) > TEXT_LONGEST || strchr(text, '\n'))
		return hyfw_fail(err, EPROTO, "its %s is missing, too long or of several lines", what);
	return 0;
}

static int check_words(const char *const *words, const char *what, struct hyfw_error **err)
{
	size_t i;
	int result = 0;

	for (i = 0; words && words[i] && result == 0; i++)
		result = i < WORDS_MOST ? check_text(words[i], what, err)
					: hyfw_fail(err, EPROTO, "its list of %s has no end", what);
	return result;
}

static int check_needs(const struct hyfw_need *needs, struct hyfw_error **err)
{
	size_t i;
	int result = 0;

	for (i = 0; needs && needs[i].name && result == 0; i++) {
		if (i == WORDS_MOST)
			return hyfw_fail(err, EPROTO, "its list of needs has no end");
		result = check_text(needs[i].kind, "kind of a need", err);
		if (result == 0)
			result = check_text(needs[i].name, "name of a need", err);
	}
	return result;
}

static int check_option(const struct hyfw_option *option, struct hyfw_error **err)
{
	size_t length = strnlen(option->name, TEXT_LONGEST);

	if (length == 0 || length > 64 ||
	    strspn(option->name, "abcdefghijklmnopqrstuvwxyz0123456789_") != length)
		return hyfw_fail(err, EPROTO, "an option's name is not [a-z0-9_]+");
	if (option->scope < HYFW_SCOPE_PLUGIN || option->scope > HYFW_SCOPE_VOLUME)
		return hyfw_fail(err, EPROTO, "option %s: unknown scope %d", option->name, option->scope);
	if (option->type < HYFW_OPTION_STRING || option->type > HYFW_OPTION_NAME)
		return hyfw_fail(err, EPROTO, "option %s: unknown type %d", option->name, option->type);
	if (option->type == HYFW_OPTION_CHOICE && (!option->choices || !option->choices[0]))
		return hyfw_fail(err, EPROTO, "option %s: no choices", option->name);
	if (check_words(option->choices, "choices", err) < 0 || check_text(option->help, "help", err) < 0)
		return hyfw_wrap(err, "option %s", option->name);
	return 0;
}

/* Into an array of this host's element size. */
static int copy_options(struct hyfw_driver *driver, struct hyfw_error **err)
{
	const char *theirs = (const char *)driver->plugin.options;
	size_t stride = driver->plugin.option_stride, count = 0;
	size_t known = stride < sizeof(struct hyfw_option) ? stride : sizeof(struct hyfw_option);
	int result;

	driver->plugin.options = NULL;
	driver->plugin.option_stride = sizeof(struct hyfw_option);
	if (!theirs)
		return 0;
	if (stride < sizeof(const char *) || stride > 4096 || stride % sizeof(void *))
		return hyfw_fail(err, EPROTO, "its option_stride %zu makes no sense", stride);
	for (;;) {
		struct hyfw_option option = { 0 };

		memcpy(&option, theirs + count * stride, known);
		driver->options = hyfw_grow(driver->options, count + 1, sizeof(option));
		driver->options[count] = option;
		if (!option.name)
			break;
		if (++count > OPTIONS_MOST)
			return hyfw_fail(err, EPROTO, "its list of options has no end");
		result = check_option(&option, err);
		if (result < 0)
			return result;
	}
	driver->plugin.options = driver->options;
	return 0;
}

static int missing(struct hyfw_error **err, const char *op)
{
	return hyfw_fail(err, EPROTO, "has no %s(), which is mandatory", op);
}

/* The steps of isolation drivers are done by create() and start(). */
static int check_common(const struct hyfw_driver *driver, struct hyfw_error **err)
{
	const struct hyfw_common_ops *common = &driver->common;

	if (driver->plugin.kind == HYFW_KIND_ISOLATION) {
		if (!common->plan)
			return missing(err, "plan");
		return common->undo ? 0 : missing(err, "undo");
	}
	if (common->apply && !common->undo)
		return missing(err, "undo");
	if (common->apply && !common->plan)
		return missing(err, "plan");
	return 0;
}

static int check_ops(struct hyfw_driver *driver, struct hyfw_error **err)
{
	switch (driver->plugin.kind) {
	case HYFW_KIND_ISOLATION:
		copy_table(&driver->ops.isolation, sizeof(driver->ops.isolation), driver->plugin.ops);
		if (!driver->ops.isolation.create)
			return missing(err, "create");
		if (!driver->ops.isolation.start)
			return missing(err, "start");
		if (!driver->ops.isolation.wait)
			return missing(err, "wait");
		return driver->ops.isolation.signal ? 0 : missing(err, "signal");
	case HYFW_KIND_NETWORK:
		copy_table(&driver->ops.network, sizeof(driver->ops.network), driver->plugin.ops);
		return 0;
	case HYFW_KIND_STORAGE:
		copy_table(&driver->ops.storage, sizeof(driver->ops.storage), driver->plugin.ops);
		return driver->ops.storage.attachment ? 0 : missing(err, "attachment");
	default:
		copy_table(&driver->ops.security, sizeof(driver->ops.security), driver->plugin.ops);
		return driver->ops.security.confine ? 0 : missing(err, "confine");
	}
}

static int check_identity(const struct hyfw_plugin *plugin, const struct hyfw_plugin_note *note, const char *name,
			  struct hyfw_error **err)
{
	int result = hyfw_note_check_api(plugin->api_major, plugin->api_minor, plugin->min_host_minor,
					 plugin->kind, err);

	if (result < 0)
		return result;
	if (plugin->kind != note->kind)
		return hyfw_fail(err, EPROTO, "its note says it is a driver of kind %s, its descriptor %s",
				 hyfw_kind_name(note->kind), hyfw_kind_name(plugin->kind));
	result = check_text(plugin->name, "name", err);
	if (result < 0)
		return result;
	if (!hyfw_trust_name_ok(plugin->name) || strcmp(plugin->name, name) != 0)
		return hyfw_fail(err, EPROTO, "its file is called %s.so, but it calls itself '%s'", name, plugin->name);
	if (check_text(plugin->version, "version", err) < 0 || check_text(plugin->vendor, "vendor", err) < 0 ||
	    check_text(plugin->summary, "summary", err) < 0)
		return -EPROTO;
	return 0;
}

int hyfw_contract_check(const struct hyfw_plugin *theirs, const struct hyfw_plugin_note *note,
			const char *name, struct hyfw_driver *driver, struct hyfw_error **err)
{
	struct hyfw_plugin *plugin = &driver->plugin;
	int result;

	if (!theirs || theirs->magic != HYFW_PLUGIN_MAGIC)
		return hyfw_fail(err, EPROTO, "wrong magic in its descriptor");
	if (theirs->size < FIRST_SIZE)
		return hyfw_fail(err, EPROTO, "its descriptor has %u bytes, at least %zu are needed", theirs->size,
				 FIRST_SIZE);
	memcpy(plugin, theirs, theirs->size < sizeof(*plugin) ? theirs->size : sizeof(*plugin));
	plugin->size = sizeof(*plugin);
	result = check_identity(plugin, note, name, err);
	if (result < 0)
		return result;
	if (!plugin->common || !plugin->ops)
		return hyfw_fail(err, EPROTO, "its descriptor has no operations");
	copy_table(&driver->common, sizeof(driver->common), plugin->common);
	plugin->common = &driver->common;
	result = check_ops(driver, err);
	if (result == 0)
		result = check_common(driver, err);
	if (result == 0)
		result = check_words(plugin->capabilities, "capabilities", err);
	if (result == 0)
		result = check_words(plugin->honours, "honoured keys", err);
	if (result == 0)
		result = check_needs(plugin->needs, err);
	if (result == 0)
		result = copy_options(driver, err);
	plugin->ops = &driver->ops;
	return result;
}
