/* SPDX-License-Identifier: BSD-3-Clause
 * Operations that only one kind of driver has. */
#include <errno.h>
#include <string.h>

#include "plugin/driver.h"
#include "plugin/module.h"

#define STATUS_NOT_EXECUTABLE 126
#define STATUS_NOT_FOUND 127

/* Opens the instance, calls, judges; 'expression' uses 'why' for its error.  The
 * value is the result and '*err' is set. */
#define CALL(driver, op, err, expression)                                          \
	({                                                                         \
		struct hyfw_error *why = NULL;                                     \
		int result_ = hyfw_driver_open(driver, err);                       \
                                                                                   \
		if (result_ == 0) {                                                \
			result_ = hyfw_driver_verdict(driver, op, (expression), &why); \
			if (result_ < 0)                                           \
				hyfw_driver_hand_on(why, result_, err);            \
		}                                                                  \
		result_;                                                           \
	})

/* ---- isolation ---- */

/* Of these three operations, -ENOENT and -EACCES speak of the command. */
static int command_status(int result, struct hyfw_error **err)
{
	if (result == -ENOENT)
		hyfw_error_set_status(err, STATUS_NOT_FOUND);
	else if (result == -EACCES)
		hyfw_error_set_status(err, STATUS_NOT_EXECUTABLE);
	return result;
}

static const struct hyfw_running nothing_runs = {
	.size = sizeof(struct hyfw_running), .wait_fd = -1, .netns_fd = -1, .console_fd = -1, .changed_fd = -1,
	.seccomp_listener_fd = -1
};

static int incomplete(const struct hyfw_driver *driver, const char *op, const char *what, struct hyfw_error **err)
{
	return hyfw_fail(err, EPROTO, "%s %s: %s() did not give %s", hyfw_kind_name(driver->plugin.kind),
			 driver->plugin.name, op, what);
}

int hyfw_isolation_create(struct hyfw_driver *driver, struct hyfw_call *call,
			  const struct hyfw_workload *workload, struct hyfw_running *ret_running,
			  struct hyfw_error **err)
{
	struct hyfw_running running = nothing_runs;
	int result = CALL(driver, "create", err,
			  driver->ops.isolation.create(driver->instance, call, workload, &running, &why));

	if (result < 0)
		return command_status(result, err);
	*ret_running = running;
	return 0;
}

int hyfw_isolation_start(struct hyfw_driver *driver, struct hyfw_call *call, struct hyfw_running *running,
			 struct hyfw_error **err)
{
	int result = CALL(driver, "start", err,
			  driver->ops.isolation.start(driver->instance, call, running, &why));

	if (result < 0)
		return command_status(result, err);
	/* Without a handle another process made it, and waits for it. */
	return running->handle && running->wait_fd < 0 ? incomplete(driver, "start", "a descriptor to wait for", err) : 0;
}

int hyfw_isolation_wait(struct hyfw_driver *driver, struct hyfw_running *running,
			struct hyfw_exit *ret_exit, struct hyfw_error **err)
{
	struct hyfw_exit exit_status = { .size = sizeof(exit_status) };
	int result = CALL(driver, "wait", err,
			  driver->ops.isolation.wait(driver->instance, running, &exit_status, &why));

	if (result == 0)
		*ret_exit = exit_status;
	return result;
}

int hyfw_isolation_signal(struct hyfw_driver *driver, const struct hyfw_map *record, int signal, bool all,
			  struct hyfw_error **err)
{
	return CALL(driver, "signal", err,
		    driver->ops.isolation.signal(driver->instance, record, signal, all, &why));
}

int hyfw_isolation_exec(struct hyfw_driver *driver, const struct hyfw_map *record,
			const struct hyfw_exec *exec, struct hyfw_arena *arena,
			struct hyfw_running *ret_running, struct hyfw_error **err)
{
	struct hyfw_running running = nothing_runs;
	int result;

	if (!driver->ops.isolation.exec)
		return hyfw_driver_lacks(driver, "run a further command in a workload", err);
	result = CALL(driver, "exec", err,
		      driver->ops.isolation.exec(driver->instance, record, exec, arena, &running, &why));
	if (result < 0)
		return command_status(result, err);
	if (running.wait_fd < 0)
		return incomplete(driver, "exec", "a descriptor to wait for", err);
	*ret_running = running;
	return 0;
}

int hyfw_isolation_stats(struct hyfw_driver *driver, const struct hyfw_map *record,
			 struct hyfw_stats *stats, struct hyfw_error **err)
{
	if (!driver->ops.isolation.stats)
		return 0;
	return CALL(driver, "stats", err, driver->ops.isolation.stats(driver->instance, record, stats, &why));
}

int hyfw_isolation_describe(struct hyfw_driver *driver, const struct hyfw_map *record,
			    struct hyfw_arena *arena, struct hyfw_map *ret_facts, struct hyfw_error **err)
{
	struct hyfw_map facts = { 0 };
	int result = 0;

	if (driver->ops.isolation.describe)
		result = CALL(driver, "describe", err,
			      driver->ops.isolation.describe(driver->instance, record, arena, &facts, &why));
	if (result == 0)
		*ret_facts = facts;
	return result;
}

int hyfw_isolation_pause(struct hyfw_driver *driver, const struct hyfw_map *record, struct hyfw_error **err)
{
	if (!driver->ops.isolation.pause)
		return hyfw_driver_lacks(driver, "pause a workload", err);
	return CALL(driver, "pause", err, driver->ops.isolation.pause(driver->instance, record, &why));
}

int hyfw_isolation_resume(struct hyfw_driver *driver, const struct hyfw_map *record, struct hyfw_error **err)
{
	if (!driver->ops.isolation.resume)
		return hyfw_driver_lacks(driver, "let a paused workload continue", err);
	return CALL(driver, "resume", err, driver->ops.isolation.resume(driver->instance, record, &why));
}

const char *hyfw_isolation_halted(struct hyfw_driver *driver, const struct hyfw_map *record)
{
	return driver->ops.isolation.halted ? driver->ops.isolation.halted(driver->instance, record) : NULL;
}

const char *hyfw_isolation_lacks(struct hyfw_driver *driver, const struct hyfw_map *record)
{
	return driver->ops.isolation.lacks ? driver->ops.isolation.lacks(driver->instance, record) : NULL;
}

int hyfw_isolation_overhead(struct hyfw_driver *driver, const struct hyfw_map *settings, uint64_t *ret_bytes,
			    struct hyfw_error **err)
{
	int result = 0;

	*ret_bytes = 0;
	if (!driver->ops.isolation.overhead)
		return 0;
	result = hyfw_driver_open(driver, err);
	if (result == 0)
		*ret_bytes = driver->ops.isolation.overhead(driver->instance, settings);
	return result;
}

bool hyfw_isolation_emulates(struct hyfw_driver *driver, const struct hyfw_map *settings)
{
	return driver->ops.isolation.emulates && hyfw_driver_open(driver, NULL) == 0 &&
	       driver->ops.isolation.emulates(driver->instance, settings);
}

int hyfw_isolation_plug(struct hyfw_driver *driver, const struct hyfw_map *record,
			const struct hyfw_device *device, bool attach, struct hyfw_error **err)
{
	if (!driver->ops.isolation.plug)
		return hyfw_driver_lacks(driver, "change the devices of a running workload", err);
	return CALL(driver, "plug", err,
		    driver->ops.isolation.plug(driver->instance, record, device, attach, &why));
}

/* The common end of both kinds' operate(). */
static int operated(const struct hyfw_driver *driver, int result, const struct hyfw_map *map,
		    struct hyfw_map *ret_result, struct hyfw_error **err)
{
	if (result < 0)
		return result;
	if (map->count && !map->items)
		return incomplete(driver, "operate", "its result", err);
	*ret_result = *map;
	return 0;
}

int hyfw_isolation_operate(struct hyfw_driver *driver, const struct hyfw_map *record,
			   const struct hyfw_operation *operation, struct hyfw_map *ret_result,
			   struct hyfw_error **err)
{
	struct hyfw_map map = { 0 };
	int result;

	if (!driver->ops.isolation.operate)
		return hyfw_driver_lacks(driver, operation->verb, err);
	result = CALL(driver, "operate", err,
		      driver->ops.isolation.operate(driver->instance, record, operation, &map, &why));
	return operated(driver, result, &map, ret_result, err);
}

/* ---- network ---- */

int hyfw_network_link(struct hyfw_driver *driver, const char *network, const struct hyfw_map *endpoint,
		      const struct hyfw_map *peer, bool permit, struct hyfw_error **err)
{
	if (!driver->ops.network.link)
		return hyfw_driver_lacks(driver, "link workloads", err);
	return CALL(driver, "link", err,
		    driver->ops.network.link(driver->instance, network, endpoint, peer, permit, &why));
}

int hyfw_network_stats(struct hyfw_driver *driver, const struct hyfw_map *endpoint,
		       struct hyfw_stats *stats, struct hyfw_error **err)
{
	if (!driver->ops.network.stats)
		return 0;
	return CALL(driver, "stats", err, driver->ops.network.stats(driver->instance, endpoint, stats, &why));
}

/* ---- storage ---- */

int hyfw_storage_attachment(struct hyfw_driver *driver, const struct hyfw_subject *subject,
			    const struct hyfw_map *record, struct hyfw_arena *arena,
			    struct hyfw_attachment *ret_attachment, struct hyfw_error **err)
{
	struct hyfw_attachment attachment = { .size = sizeof(attachment), .source_fd = -1 };
	int result = CALL(driver, "attachment", err,
			  driver->ops.storage.attachment(driver->instance, subject, record, arena, &attachment, &why));

	if (result < 0)
		return result;
	if (!attachment.kind)
		return incomplete(driver, "attachment", "an attachment", err);
	*ret_attachment = attachment;
	return 0;
}

int hyfw_storage_image_import(struct hyfw_driver *driver, const char *name, const char *source,
			      const struct hyfw_map *config, bool replace,
			      void (*progress)(uint64_t done, uint64_t total), struct hyfw_error **err)
{
	if (!driver->ops.storage.image_import)
		return hyfw_driver_lacks(driver, "keep images", err);
	return CALL(driver, "image_import", err,
		    driver->ops.storage.image_import(driver->instance, name, source, config, replace, progress, &why));
}

int hyfw_storage_image_list(struct hyfw_driver *driver, struct hyfw_arena *arena,
			    struct hyfw_image **ret_images, size_t *ret_count, struct hyfw_error **err)
{
	struct hyfw_image *images = NULL;
	size_t count = 0;
	int result;

	if (!driver->ops.storage.image_list)
		return hyfw_driver_lacks(driver, "list images", err);
	result = CALL(driver, "image_list", err,
		      driver->ops.storage.image_list(driver->instance, arena, &images, &count, &why));
	if (result < 0)
		return result;
	if (count && !images)
		return incomplete(driver, "image_list", "its images", err);
	*ret_images = images;
	*ret_count = count;
	return 0;
}

int hyfw_storage_image_get(struct hyfw_driver *driver, const char *name, struct hyfw_arena *arena,
			   struct hyfw_image *ret_image, struct hyfw_error **err)
{
	struct hyfw_image image = { .size = sizeof(image) };
	int result;

	if (!driver->ops.storage.image_get)
		return hyfw_driver_lacks(driver, "keep images", err);
	result = CALL(driver, "image_get", err,
		      driver->ops.storage.image_get(driver->instance, name, arena, &image, &why));
	if (result == 0)
		*ret_image = image;
	return result;
}

int hyfw_storage_image_remove(struct hyfw_driver *driver, const char *name, struct hyfw_error **err)
{
	if (!driver->ops.storage.image_remove)
		return hyfw_driver_lacks(driver, "remove images", err);
	return CALL(driver, "image_remove", err, driver->ops.storage.image_remove(driver->instance, name, &why));
}

int hyfw_storage_image_accepts(struct hyfw_driver *driver, const char *source, bool *ret_accepts,
			       struct hyfw_error **err)
{
	bool accepts = false;
	int result = 0;

	if (driver->ops.storage.image_accepts)
		result = CALL(driver, "image_accepts", err,
			      driver->ops.storage.image_accepts(driver->instance, source, &accepts, &why));
	if (result == 0)
		*ret_accepts = accepts;
	return result;
}

int hyfw_storage_volume_remove(struct hyfw_driver *driver, const char *name, struct hyfw_error **err)
{
	if (!driver->ops.storage.volume_remove)
		return hyfw_driver_lacks(driver, "remove volumes", err);
	return CALL(driver, "volume_remove", err, driver->ops.storage.volume_remove(driver->instance, name, &why));
}

int hyfw_storage_rename(struct hyfw_driver *driver, const struct hyfw_subject *subject, const char *to,
			struct hyfw_arena *arena, struct hyfw_map *ret_notes, struct hyfw_error **err)
{
	struct hyfw_map map = { 0 };
	int result;

	if (!driver->ops.storage.rename)
		return 0;
	result = CALL(driver, "rename", err,
		      driver->ops.storage.rename(driver->instance, subject, to, arena, &map, &why));
	return operated(driver, result, &map, ret_notes, err);
}

int hyfw_storage_operate(struct hyfw_driver *driver, const struct hyfw_operation *operation,
			 struct hyfw_map *ret_result, struct hyfw_error **err)
{
	struct hyfw_map map = { 0 };
	int result;

	if (!driver->ops.storage.operate)
		return hyfw_driver_lacks(driver, operation->verb, err);
	result = CALL(driver, "operate", err,
		      driver->ops.storage.operate(driver->instance, operation, &map, &why));
	return operated(driver, result, &map, ret_result, err);
}

/* ---- security ---- */

int hyfw_security_confine(struct hyfw_driver *driver, const struct hyfw_subject *subject,
			  const struct hyfw_map *record, struct hyfw_arena *arena,
			  struct hyfw_confinement *confinement, struct hyfw_error **err)
{
	return CALL(driver, "confine", err,
		    driver->ops.security.confine(driver->instance, subject, record, arena, confinement, &why));
}

int hyfw_security_stats(struct hyfw_driver *driver, const struct hyfw_map *record,
			struct hyfw_stats *stats, struct hyfw_error **err)
{
	if (!driver->ops.security.stats)
		return 0;
	return CALL(driver, "stats", err, driver->ops.security.stats(driver->instance, record, stats, &why));
}

int hyfw_security_freeze(struct hyfw_driver *driver, const struct hyfw_map *record, bool frozen,
			 struct hyfw_error **err)
{
	if (!driver->ops.security.freeze)
		return hyfw_driver_lacks(driver, "pause a workload", err);
	return CALL(driver, "freeze", err, driver->ops.security.freeze(driver->instance, record, frozen, &why));
}

int hyfw_security_kill(struct hyfw_driver *driver, const struct hyfw_map *record, struct hyfw_error **err)
{
	if (!driver->ops.security.kill)
		return hyfw_driver_lacks(driver, "kill a workload's processes", err);
	return CALL(driver, "kill", err, driver->ops.security.kill(driver->instance, record, &why));
}

int hyfw_security_update(struct hyfw_driver *driver, const struct hyfw_subject *subject,
			 const struct hyfw_map *record, struct hyfw_error **err)
{
	if (!driver->ops.security.update)
		return hyfw_driver_lacks(driver, "change a running workload", err);
	return CALL(driver, "update", err,
		    driver->ops.security.update(driver->instance, subject, record, &why));
}

int hyfw_security_report(struct hyfw_driver *driver, const struct hyfw_map *record, struct hyfw_arena *arena,
			 const char **ret_json, struct hyfw_error **err)
{
	if (!driver->ops.security.report)
		return hyfw_driver_lacks(driver, "tell all figures of a workload", err);
	return CALL(driver, "report", err,
		    driver->ops.security.report(driver->instance, record, arena, ret_json, &why));
}

int hyfw_security_operate(struct hyfw_driver *driver, const struct hyfw_operation *operation,
			  struct hyfw_map *ret_result, struct hyfw_error **err)
{
	struct hyfw_map map = { 0 };
	int result;

	if (!driver->ops.security.operate)
		return hyfw_driver_lacks(driver, operation->verb, err);
	result = CALL(driver, "operate", err,
		      driver->ops.security.operate(driver->instance, operation, &map, &why));
	return operated(driver, result, &map, ret_result, err);
}

int hyfw_security_explain(struct hyfw_driver *driver, const struct hyfw_subject *subject,
			  const struct hyfw_map *record, const struct hyfw_operation *operation,
			  struct hyfw_map *ret_result, struct hyfw_error **err)
{
	struct hyfw_map map = { 0 };
	int result;

	*ret_result = map;
	if (!driver->ops.security.explain)
		return 0;
	result = CALL(driver, "explain", err,
		      driver->ops.security.explain(driver->instance, subject, record, operation, &map, &why));
	return operated(driver, result, &map, ret_result, err);
}
