/* SPDX-License-Identifier: BSD-3-Clause
 * Operations of security modules. */
#include "plugin/driver_call.h"

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
	return hyfw_driver_operated(driver, result, &map, ret_result, err);
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
	return hyfw_driver_operated(driver, result, &map, ret_result, err);
}
