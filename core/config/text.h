/* SPDX-License-Identifier: BSD-3-Clause
 * Checks on text from configuration files. */
#ifndef HYFW_CONFIG_TEXT_H
#define HYFW_CONFIG_TEXT_H

#include <stddef.h>

/* What is wrong with 'length' bytes of a line: "a NUL byte", "a control
 * character", "not valid UTF-8"; NULL when nothing is.  Tabs are fine. */
const char *hyfw_text_fault(const char *text, size_t length);

#endif
