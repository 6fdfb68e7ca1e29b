/* SPDX-License-Identifier: BSD-3-Clause
 * INI text to events.  inih tokenises; around it stands a line reader of ours
 * that counts lines and refuses what inih would cut or skip silently. */
#ifndef HYFW_CONFIG_READER_H
#define HYFW_CONFIG_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define HYFW_INI_FILE_BYTES (1024u * 1024u)
#define HYFW_INI_LINE_BYTES 8000 /* where inih's line buffer can be set; else what it was built with */
#define HYFW_INI_WORD_BYTES 49   /* section names and keys: inih keeps that many */

struct hyfw_ini_handler {
	/* The text between the brackets, without blanks around it. */
	int (*section)(void *user, const char *name, unsigned line, struct hyfw_error **err);
	/* 'continued': an indented line, a further value of the key before it. */
	int (*value)(void *user, const char *key, const char *text, unsigned line, bool continued,
		     struct hyfw_error **err);
};

/* Reads 'size' bytes of 'data'; 'path' is for messages, which are
 * "PATH:LINE: ...".  Stops at the first error. */
int hyfw_ini_read(const char *path, const char *data, size_t size, const struct hyfw_ini_handler *handler,
		  void *user, struct hyfw_error **err);

#endif
