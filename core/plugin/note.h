/* SPDX-License-Identifier: BSD-3-Clause
 * Whether a file may be loaded at all, judged before any code of it runs
 * (constructors run inside dlopen): the ELF note, its exported symbols and where
 * it would have libraries looked for. */
#ifndef HYFW_PLUGIN_NOTE_H
#define HYFW_PLUGIN_NOTE_H

#include <hyfw/plugin.h>

#include "base/error.h"

/* 'fd' is a file that was opened for reading. */
int hyfw_note_check(int fd, struct hyfw_plugin_note *ret_note, struct hyfw_error **err);

/* The API part alone, also for descriptors: major, minimum host minor, kind. */
int hyfw_note_check_api(unsigned major, unsigned minor, unsigned min_host_minor, unsigned kind,
			struct hyfw_error **err);

#endif
