/* SPDX-License-Identifier: BSD-3-Clause
 * A plugin directory that is trusted, filled with plugins of tests/drivers; for the
 * tests of core/plugin. */
#ifndef HYFW_TESTS_LOADER_FIXTURE_H
#define HYFW_TESTS_LOADER_FIXTURE_H

#include "base/context.h"
#include "plugin/driver.h"
#include "plugin/registry.h"

extern char fixture_top[];
extern char *fixture_plugins; /* the plugin path, below fixture_top */
extern struct hyfw_context fixture_context;

int fixture_set_up(void **state);
int fixture_tear_down(void **state);
int fixture_clear(void **state); /* before each test: the plugin path is empty */
void fixture_need_root(void);    /* skips the test without it */

void fixture_put(const char *name, const char *data, size_t size);
void fixture_read_built(const char *built, char **ret_data, size_t *ret_size);
void fixture_copy_as(const char *built, const char *name);
void fixture_copy(const char *built);

/* Whether a constructor of tests/drivers/bad.c has run since fixture_clear(). */
bool fixture_ran(void);

/* Loads NAME as a network driver and expects 'text' in the refusal. */
void fixture_refused(const char *name, const char *text);

struct hyfw_driver *fixture_get(enum hyfw_kind kind, const char *name);

#endif
