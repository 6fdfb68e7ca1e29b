/* SPDX-License-Identifier: BSD-3-Clause
 * Which keys of [workload] come to something with which drivers, from what those
 * declare alone: the same data by which a key is refused. */
#ifndef HYFW_CONFIG_PARITY_H
#define HYFW_CONFIG_PARITY_H

#include <hyfw/plugin.h>

enum hyfw_parity {
	HYFW_PARITY_REFUSED = 0,  /* setting it is an error */
	HYFW_PARITY_HONOURED = 1, /* it has an effect */
	HYFW_PARITY_OWN = 2,      /* and it is the driver that adds the key */
};

struct hyfw_parity_key {
	const char *name;
	const char *from; /* the driver that adds it; NULL: the core */
	const char *help;
};

/* The keys of [workload], the core's in their order, then those of 'plugins'. */
void hyfw_parity_keys(const struct hyfw_plugin *const *plugins, size_t count, struct hyfw_parity_key **ret_keys,
		      size_t *ret_count); /* free() */

/* With 'driver': of an isolation driver, together with those of 'plugins' that fit
 * it; of others, what it does with the key itself. */
enum hyfw_parity hyfw_parity_of(const struct hyfw_parity_key *key, const struct hyfw_plugin *driver,
				const struct hyfw_plugin *const *plugins, size_t count);

/* Whether the core itself puts the key into effect. */
bool hyfw_parity_by_core(const struct hyfw_parity_key *key);

#endif
