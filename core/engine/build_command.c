/* SPDX-License-Identifier: BSD-3-Clause
 * The arguments and the environment of the command. */
#include "engine/build_parts.h"

#include <string.h>

const char *const *hyfw_build_argv(const struct hyfw_map *settings, struct hyfw_arena *arena)
{
	const char **argv = hyfw_arena_alloc(arena, (settings->count + 1) * sizeof(*argv));
	const char *word;
	size_t count = 0, cursor = 0;

	while ((word = hyfw_map_next(settings, "entrypoint", &cursor)))
		argv[count++] = word;
	cursor = 0;
	while ((word = hyfw_map_next(settings, "command", &cursor)))
		argv[count++] = word;
	return argv;
}

/* Adds KEY=VALUE, replacing an earlier KEY. */
static void put_variable(const char **variables, size_t *count, const char *variable)
{
	const size_t key = strcspn(variable, "=") + 1;
	size_t i;

	for (i = 0; i < *count; i++) {
		if (strncmp(variables[i], variable, key) == 0) {
			variables[i] = variable;
			return;
		}
	}
	variables[(*count)++] = variable;
}

const char *const *hyfw_build_environment(const struct hyfw_definition *definition, bool terminal,
					  const char *const *extra, struct hyfw_arena *arena)
{
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);
	const char **variables, *value;
	size_t count = 0, cursor = 0, extras = 0;

	while (extra && extra[extras])
		extras++;
	variables = hyfw_arena_alloc(arena, (settings.count + extras + 8) * sizeof(*variables));
	put_variable(variables, &count, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	put_variable(variables, &count, "container=hyfw");
	if (terminal)
		put_variable(variables, &count, "TERM=xterm");
	while ((value = hyfw_map_next(&settings, "image_env", &cursor)))
		put_variable(variables, &count, value);
	cursor = 0;
	while ((value = hyfw_map_next(&settings, "env", &cursor)))
		put_variable(variables, &count, value);
	for (extras = 0; extra && extra[extras]; extras++)
		put_variable(variables, &count, extra[extras]);
	return variables;
}
