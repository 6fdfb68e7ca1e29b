/* SPDX-License-Identifier: BSD-3-Clause
 * The only caller of plugin operations.  Each function below is one operation:
 * it checks that the driver has it, calls it, holds the driver to its contract
 * (an error without '*err', an output not filled) and puts "KIND NAME: " before
 * the message. */
#ifndef HYFW_PLUGIN_DRIVER_H
#define HYFW_PLUGIN_DRIVER_H

#include <hyfw/isolation.h>
#include <hyfw/network.h>
#include <hyfw/plugin.h>
#include <hyfw/security.h>
#include <hyfw/storage.h>

#include "base/error.h"
#include "plugin/registry.h"

const struct hyfw_plugin *hyfw_driver_plugin(const struct hyfw_driver *driver);
const char *hyfw_driver_name(const struct hyfw_driver *driver);
bool hyfw_driver_can(const struct hyfw_driver *driver, const char *capability);
bool hyfw_driver_honours(const struct hyfw_driver *driver, const char *key); /* "workload.memory" */

/* Gives the driver its [plugin NAME] keys (normalised, defaults filled in) for
 * the open() that its first operation causes.  Copied. */
void hyfw_driver_configure(struct hyfw_driver *driver, const struct hyfw_map *settings);

int hyfw_driver_probe(struct hyfw_driver *driver, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
		      struct hyfw_error **err);
int hyfw_driver_check(struct hyfw_driver *driver, const struct hyfw_subject *subject, struct hyfw_error **err);
int hyfw_driver_plan(struct hyfw_driver *driver, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		     struct hyfw_arena *arena, struct hyfw_error **err);
int hyfw_driver_apply(struct hyfw_driver *driver, struct hyfw_call *call, struct hyfw_error **err);
int hyfw_driver_undo(struct hyfw_driver *driver, struct hyfw_call *call, struct hyfw_error **err);
int hyfw_driver_gc(struct hyfw_driver *driver, const struct hyfw_alive *alive, struct hyfw_error **err);

int hyfw_isolation_create(struct hyfw_driver *driver, struct hyfw_call *call,
			  const struct hyfw_workload *workload, struct hyfw_running *ret_running,
			  struct hyfw_error **err);
int hyfw_isolation_start(struct hyfw_driver *driver, struct hyfw_call *call, struct hyfw_running *running,
			 struct hyfw_error **err);
int hyfw_isolation_wait(struct hyfw_driver *driver, struct hyfw_running *running,
			struct hyfw_exit *ret_exit, struct hyfw_error **err);
int hyfw_isolation_signal(struct hyfw_driver *driver, const struct hyfw_map *record, int signal, bool all,
			  struct hyfw_error **err);
int hyfw_isolation_exec(struct hyfw_driver *driver, const struct hyfw_map *record,
			const struct hyfw_exec *exec, struct hyfw_arena *arena,
			struct hyfw_running *ret_running, struct hyfw_error **err);
int hyfw_isolation_stats(struct hyfw_driver *driver, const struct hyfw_map *record,
			 struct hyfw_stats *stats, struct hyfw_error **err); /* 0 when it has none */
int hyfw_isolation_describe(struct hyfw_driver *driver, const struct hyfw_map *record,
			    struct hyfw_arena *arena, struct hyfw_map *ret_facts, struct hyfw_error **err);
/* -EOPNOTSUPP when the driver cannot: the security modules' freeze may. */
int hyfw_isolation_pause(struct hyfw_driver *driver, const struct hyfw_map *record, struct hyfw_error **err);
int hyfw_isolation_resume(struct hyfw_driver *driver, const struct hyfw_map *record, struct hyfw_error **err);
const char *hyfw_isolation_halted(struct hyfw_driver *driver, const struct hyfw_map *record);
const char *hyfw_isolation_lacks(struct hyfw_driver *driver, const struct hyfw_map *record);
int hyfw_isolation_overhead(struct hyfw_driver *driver, const struct hyfw_map *settings, uint64_t *ret_bytes,
			    struct hyfw_error **err); /* 0 bytes when it tells none */
bool hyfw_isolation_emulates(struct hyfw_driver *driver, const struct hyfw_map *settings);
int hyfw_isolation_plug(struct hyfw_driver *driver, const struct hyfw_map *record,
			const struct hyfw_device *device, bool attach, struct hyfw_error **err);
int hyfw_isolation_operate(struct hyfw_driver *driver, const struct hyfw_map *record,
			   const struct hyfw_operation *operation, struct hyfw_map *ret_result,
			   struct hyfw_error **err);

int hyfw_network_link(struct hyfw_driver *driver, const char *network, const struct hyfw_map *endpoint,
		      const struct hyfw_map *peer, bool permit, struct hyfw_error **err);
int hyfw_network_stats(struct hyfw_driver *driver, const struct hyfw_map *endpoint,
		       struct hyfw_stats *stats, struct hyfw_error **err);

int hyfw_storage_attachment(struct hyfw_driver *driver, const struct hyfw_subject *subject,
			    const struct hyfw_map *record, struct hyfw_arena *arena,
			    struct hyfw_attachment *ret_attachment, struct hyfw_error **err);
int hyfw_storage_image_import(struct hyfw_driver *driver, const char *name, const char *source,
			      const struct hyfw_map *config, bool replace,
			      void (*progress)(uint64_t done, uint64_t total), struct hyfw_error **err);
int hyfw_storage_image_list(struct hyfw_driver *driver, struct hyfw_arena *arena,
			    struct hyfw_image **ret_images, size_t *ret_count, struct hyfw_error **err);
int hyfw_storage_image_get(struct hyfw_driver *driver, const char *name, struct hyfw_arena *arena,
			   struct hyfw_image *ret_image, struct hyfw_error **err);
int hyfw_storage_image_remove(struct hyfw_driver *driver, const char *name, struct hyfw_error **err);
int hyfw_storage_image_accepts(struct hyfw_driver *driver, const char *source, bool *ret_accepts,
			       struct hyfw_error **err); /* false when it cannot say */
int hyfw_storage_volume_remove(struct hyfw_driver *driver, const char *name, struct hyfw_error **err);
/* Nothing to do and no notes where the driver keeps nothing by name. */
int hyfw_storage_rename(struct hyfw_driver *driver, const struct hyfw_subject *subject, const char *to,
			struct hyfw_arena *arena, struct hyfw_map *ret_notes, struct hyfw_error **err);
int hyfw_storage_operate(struct hyfw_driver *driver, const struct hyfw_operation *operation,
			 struct hyfw_map *ret_result, struct hyfw_error **err);

int hyfw_security_confine(struct hyfw_driver *driver, const struct hyfw_subject *subject,
			  const struct hyfw_map *record, struct hyfw_arena *arena,
			  struct hyfw_confinement *confinement, struct hyfw_error **err);
int hyfw_security_stats(struct hyfw_driver *driver, const struct hyfw_map *record,
			struct hyfw_stats *stats, struct hyfw_error **err);
int hyfw_security_freeze(struct hyfw_driver *driver, const struct hyfw_map *record, bool frozen,
			 struct hyfw_error **err);
int hyfw_security_kill(struct hyfw_driver *driver, const struct hyfw_map *record, struct hyfw_error **err);
int hyfw_security_update(struct hyfw_driver *driver, const struct hyfw_subject *subject,
			 const struct hyfw_map *record, struct hyfw_error **err); /* -EOPNOTSUPP: it cannot */
int hyfw_security_report(struct hyfw_driver *driver, const struct hyfw_map *record, struct hyfw_arena *arena,
			 const char **ret_json, struct hyfw_error **err); /* -EOPNOTSUPP: it cannot */
int hyfw_security_operate(struct hyfw_driver *driver, const struct hyfw_operation *operation,
			  struct hyfw_map *ret_result, struct hyfw_error **err); /* -EOPNOTSUPP: it cannot */
/* No rows where the module cannot tell. */
int hyfw_security_explain(struct hyfw_driver *driver, const struct hyfw_subject *subject,
			  const struct hyfw_map *record, const struct hyfw_operation *operation,
			  struct hyfw_map *ret_result, struct hyfw_error **err);

#endif
