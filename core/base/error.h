/* SPDX-License-Identifier: BSD-3-Clause
 * The one error object.  The callee makes it, '*err' is set if and only if the
 * call fails, each layer adds its context in front:
 *     network front: bridge hyfw-front: set address: Device or resource busy */
#ifndef HYFW_BASE_ERROR_H
#define HYFW_BASE_ERROR_H

#include <stdarg.h>

struct hyfw_error {
	int errnum;    /* positive errno */
	int status;    /* exit status it asks for: 125, 126 or 127 */
	char *message; /* without newline */
};

/* Sets '*err' (which may be NULL for callers that do not care, and must
 * otherwise point to NULL) and returns -errnum. */
int hyfw_fail(struct hyfw_error **err, int errnum, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int hyfw_vfail(struct hyfw_error **err, int errnum, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

/* As hyfw_fail, with ": strerror(errnum)" appended. */
int hyfw_fail_errno(struct hyfw_error **err, int errnum, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "CONTEXT: " in front; returns the error's negative errno. */
int hyfw_wrap(struct hyfw_error **err, const char *format, ...) __attribute__((format(printf, 2, 3)));
int hyfw_vwrap(struct hyfw_error **err, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

/* Sets the exit status '*err' asks for; returns its negative errno. */
int hyfw_error_set_status(struct hyfw_error **err, int status);

void hyfw_error_free(struct hyfw_error *err);

/* Frees '*err' and makes it NULL: the failure is dealt with. */
void hyfw_forget(struct hyfw_error **err);

static inline void hyfw_cleanup_error(struct hyfw_error **err)
{
	hyfw_error_free(*err);
}
#define HYFW_AUTO_ERROR __attribute__((cleanup(hyfw_cleanup_error)))

#endif
