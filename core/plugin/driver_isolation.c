/* SPDX-License-Identifier: BSD-3-Clause
 * Operations of isolation drivers. */
#include <errno.h>

#include "plugin/driver_call.h"

#define STATUS_NOT_EXECUTABLE 126
#define STATUS_NOT_FOUND 127

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
	return running->handle && running->wait_fd < 0
		       ? hyfw_driver_incomplete(driver, "start", "a descriptor to wait for", err)
		       : 0;
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
		return hyfw_driver_incomplete(driver, "exec", "a descriptor to wait for", err);
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
	return hyfw_driver_operated(driver, result, &map, ret_result, err);
}
