/* SPDX-License-Identifier: BSD-3-Clause
 * Which drivers a section chooses. */
#ifndef HYFW_CONFIG_CHOICE_H
#define HYFW_CONFIG_CHOICE_H

#include "config/config.h"

struct hyfw_choice {
	enum hyfw_kind kind;
	const char *name;                      /* the configuration's */
	const struct hyfw_config_section *section; /* that names it: itself, [defaults], the network's, ... */
	const struct hyfw_config_value *value;     /* with this value */
};

struct hyfw_choices {
	size_t count;
	struct hyfw_choice *items;
};

/* The drivers of a workload (isolation, storage, security modules, those of its
 * networks and volumes), or the one of a network or volume; each once.  Works
 * before and after validation. */
void hyfw_config_choose(const struct hyfw_config *config, const struct hyfw_config_section *section,
			struct hyfw_choices *choices);
void hyfw_choices_finish(struct hyfw_choices *choices);

/* Whether 'workload' joins the network, or mounts the volume, 'name'. */
bool hyfw_config_uses(const struct hyfw_config *config, const struct hyfw_config_section *workload,
		      const char *type, const char *name);

#endif
