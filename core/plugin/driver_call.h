/* SPDX-License-Identifier: BSD-3-Clause
 * How driver_isolation.c, driver_network.c, driver_storage.c and driver_security.c
 * call an operation and hold its outputs to the contract. */
#ifndef HYFW_PLUGIN_DRIVER_CALL_H
#define HYFW_PLUGIN_DRIVER_CALL_H

#include "plugin/driver.h"
#include "plugin/module.h"

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

/* -EPROTO "KIND NAME: OP() did not give WHAT". */
int hyfw_driver_incomplete(const struct hyfw_driver *driver, const char *op, const char *what,
			   struct hyfw_error **err);

/* The common end of every kind's operate(): 'map', which it filled, when 'result' is 0. */
int hyfw_driver_operated(const struct hyfw_driver *driver, int result, const struct hyfw_map *map,
			 struct hyfw_map *ret_result, struct hyfw_error **err);

#endif
