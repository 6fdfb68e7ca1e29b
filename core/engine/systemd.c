/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/systemd.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/signals.h"

#define STOP_SIGNAL "SIGRTMIN+3" /* systemd(1): starts halt.target */

/* The first word of what will run. */
static const char *first_word(const struct hyfw_definition *definition)
{
	const char *entrypoint = hyfw_definition_get(definition, "entrypoint");

	return entrypoint ? entrypoint : hyfw_definition_get(definition, "command");
}

/* Those that Podman takes for systemd. */
static bool is_systemd(const char *path)
{
	static const char *const inits[] = { "/sbin/init", "/usr/sbin/init", "/usr/local/sbin/init" };
	const char *name = path ? strrchr(path, '/') : NULL;
	size_t i;

	for (i = 0; path && i < HYFW_COUNT(inits); i++)
		if (strcmp(path, inits[i]) == 0)
			return true;
	return path && strcmp(name ? name + 1 : path, "systemd") == 0;
}

void hyfw_systemd_settle(struct hyfw_definition *definition)
{
	const char *setting = hyfw_definition_get(definition, "systemd");
	HYFW_AUTO_FREE char *number = NULL;

	if (!hyfw_definition_takes(definition, HYFW_TAKES_MOUNTS))
		return;
	if (!setting || strcmp(setting, "auto") == 0)
		hyfw_pairs_set(&definition->settings, "systemd", is_systemd(first_word(definition)) ? "detected" : "off");
	if (!hyfw_systemd_wanted(definition) || hyfw_definition_get(definition, "stop_signal"))
		return;
	number = hyfw_format("%d", hyfw_signal_number(STOP_SIGNAL));
	hyfw_pairs_set(&definition->settings, "stop_signal", number);
}

bool hyfw_systemd_wanted(const struct hyfw_definition *definition)
{
	const char *setting = hyfw_definition_get(definition, "systemd");

	return setting && (strcmp(setting, "always") == 0 || strcmp(setting, "detected") == 0);
}

static bool mounts_itself(const struct hyfw_definition *definition, const char *path, size_t length)
{
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);
	const char *text;
	size_t cursor = 0, i;

	while ((text = hyfw_map_next(&settings, "tmpfs", &cursor)))
		if (strcspn(text, "|") == length && strncmp(text, path, length) == 0)
			return true;
	for (i = 0; i < definition->volume_count; i++)
		if (strlen(definition->volumes[i].target) == length &&
		    strncmp(definition->volumes[i].target, path, length) == 0)
			return true;
	return false;
}

size_t hyfw_systemd_mounts(const struct hyfw_definition *definition, const char *ret_settings[HYFW_SYSTEMD_MOUNTS])
{
	static const char *const all[HYFW_SYSTEMD_MOUNTS] = { "/run|0|755", "/run/lock|0|1777", "/tmp|0|1777" };
	size_t i, count = 0;

	for (i = 0; i < HYFW_SYSTEMD_MOUNTS && hyfw_systemd_wanted(definition); i++)
		if (!mounts_itself(definition, all[i], strcspn(all[i], "|")))
			ret_settings[count++] = all[i];
	return count;
}
