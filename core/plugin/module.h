/* SPDX-License-Identifier: BSD-3-Clause
 * A loaded plugin as this process sees it.  Nothing here points into structs
 * whose size the plugin chose: descriptor, option list and ops tables are copies
 * in this host's own size, zero where the plugin knows less. */
#ifndef HYFW_PLUGIN_MODULE_H
#define HYFW_PLUGIN_MODULE_H

#include <hyfw/isolation.h>
#include <hyfw/network.h>
#include <hyfw/plugin.h>
#include <hyfw/security.h>
#include <hyfw/storage.h>

#include "base/alloc.h"
#include "base/error.h"

struct hyfw_driver {
	struct hyfw_driver *next; /* registry.c */
	char *path;
	struct hyfw_plugin plugin;
	struct hyfw_common_ops common;
	union {
		struct hyfw_isolation_ops isolation;
		struct hyfw_network_ops network;
		struct hyfw_storage_ops storage;
		struct hyfw_security_ops security;
	} ops;
	struct hyfw_option *options; /* the copy that plugin.options points to */

	/* driver.c */
	struct hyfw_pairs settings;
	void *instance;
	bool open;
};

/* contract.c: copies what 'entry' returned and holds it to the contract: magic,
 * sizes, versions, the kind of the note, the name of the file, text where there
 * must be text, mandatory ops. */
int hyfw_contract_check(const struct hyfw_plugin *theirs, const struct hyfw_plugin_note *note,
			const char *name, struct hyfw_driver *driver, struct hyfw_error **err);

/* loader.c: judges and loads DIRECTORY/NAME.so; 'directory_fd' was walked by
 * hyfw_trust_directory().  'kind' 0 takes any.  -ENOENT when there is no file. */
int hyfw_loader_load(int directory_fd, const char *directory, const char *name, unsigned kind,
		     struct hyfw_driver **ret_driver, struct hyfw_error **err);
void hyfw_driver_free(struct hyfw_driver *driver); /* accepts NULL; the code stays mapped */

/* loader.c: what the file says of itself before it is loaded. */
int hyfw_loader_peek(int directory_fd, const char *directory, const char *name,
		     struct hyfw_plugin_note *ret_note, struct hyfw_error **err);

/* trial.c: loads it in a child process, so that a constructor that crashes or
 * hangs harms nobody. */
int hyfw_trial_load(int directory_fd, const char *directory, const char *name, struct hyfw_error **err);

/* driver.c: opens the instance on first use, closes it if it is open. */
int hyfw_driver_open(struct hyfw_driver *driver, struct hyfw_error **err);
void hyfw_driver_close(struct hyfw_driver *driver);

/* driver.c: what came back from operation 'op', held against the contract; the
 * error gets "KIND NAME: " in front.  'err' is never NULL here. */
int hyfw_driver_verdict(const struct hyfw_driver *driver, const char *op, int result, struct hyfw_error **err);

/* driver.c: gives 'why' to a caller whose 'err' may be NULL; returns 'result'. */
int hyfw_driver_hand_on(struct hyfw_error *why, int result, struct hyfw_error **err);

/* driver.c: -EOPNOTSUPP "KIND NAME: cannot WHAT". */
int hyfw_driver_lacks(const struct hyfw_driver *driver, const char *what, struct hyfw_error **err);

#endif
