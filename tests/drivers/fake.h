/* SPDX-License-Identifier: BSD-3-Clause
 * What the fake drivers share.  They do nothing to the machine but leave a trace,
 * an empty file VERB.NAME in their runtime directory, for each step that was begun
 * and not undone; and they fail, hang or die where [plugin fake-KIND] says.
 *
 *     fail_at = N   hang_at = N   die_at = N   the N-th step done by this process, after it
 *                                              left its trace
 *     undo_fail_at, undo_hang_at, undo_die_at  the same for undo(), before the trace goes,
 *                                              once: the file undo-misbehaved in the data
 *                                              directory remembers it; `fail_in = undo` is
 *                                              for ever
 *     fail_in = OP                             that operation ("plan", "open", ...); of gc
 *                                              also "gc and more words", which it tells
 */
#ifndef HYFW_TESTS_FAKE_H
#define HYFW_TESTS_FAKE_H

#include <hyfw/plugin.h>

#define FAKE_OPTION(option, kind, text) \
	{ option, HYFW_SCOPE_PLUGIN, kind, 0, NULL, 0, 0, NULL, text }
#define FAKE_OPTIONS                                                                       \
	FAKE_OPTION("fail_at", HYFW_OPTION_INT, "the step that fails"),                    \
		FAKE_OPTION("hang_at", HYFW_OPTION_INT, "the step that does not return"),  \
		FAKE_OPTION("die_at", HYFW_OPTION_INT, "the step that kills the process"), \
		FAKE_OPTION("undo_fail_at", HYFW_OPTION_INT, "the undo that fails"),       \
		FAKE_OPTION("undo_hang_at", HYFW_OPTION_INT, "the undo that does not return"), \
		FAKE_OPTION("undo_die_at", HYFW_OPTION_INT, "the undo that kills the process"), \
		FAKE_OPTION("fail_in", HYFW_OPTION_STRING, "the operation that fails"), { 0 }

struct fake_limits {
	int64_t fail_at, hang_at, die_at;
};

struct fake {
	const struct hyfw_host *host;
	const char *driver; /* "fake-network" */
	struct fake_limits apply, undo;
	int64_t applied, undone;
	char *fail_in; /* NULL for none */
};

/* The common operations; a driver's own open() names it. */
int fake_open(const struct hyfw_host *host, const char *driver, const struct hyfw_map *settings,
	      void **ret_instance, struct hyfw_error **err);
void fake_close(void *instance);
int fake_probe(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
	       struct hyfw_error **err);
int fake_check(void *instance, const struct hyfw_subject *subject, struct hyfw_error **err);
int fake_apply(void *instance, struct hyfw_call *call, struct hyfw_error **err);
int fake_undo(void *instance, struct hyfw_call *call, struct hyfw_error **err);
int fake_gc(void *instance, const struct hyfw_alive *alive, struct hyfw_error **err);

/* -EIO when 'op' is what fail_in names. */
int fake_fails(const struct fake *fake, const char *op, struct hyfw_error **err);

/* Adds a step VERB whose trace is VERB.NAME. */
int fake_step(struct fake *fake, struct hyfw_plan *plan, const char *verb, const char *name,
	      enum hyfw_lifetime lifetime, struct hyfw_error **err);

#endif
