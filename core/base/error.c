/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define STATUS_FAILED 125

int hyfw_vfail(struct hyfw_error **err, int errnum, const char *format, va_list args)
{
	struct hyfw_error *error;

	if (errnum <= 0)
		errnum = EIO;
	if (!err)
		return -errnum;
	hyfw_error_free(*err);
	error = hyfw_new(sizeof(*error));
	error->errnum = errnum;
	error->status = STATUS_FAILED;
	error->message = hyfw_vformat(format, args);
	*err = error;
	return -errnum;
}

int hyfw_fail(struct hyfw_error **err, int errnum, const char *format, ...)
{
	va_list args;
	int result;

	va_start(args, format);
	result = hyfw_vfail(err, errnum, format, args);
	va_end(args);
	return result;
}

int hyfw_fail_errno(struct hyfw_error **err, int errnum, const char *format, ...)
{
	va_list args;
	char *text, *whole;
	int result;

	va_start(args, format);
	text = hyfw_vformat(format, args);
	va_end(args);
	whole = hyfw_format("%s: %s", text, strerror(errnum));
	result = hyfw_fail(err, errnum, "%s", whole);
	free(text);
	free(whole);
	return result;
}

int hyfw_vwrap(struct hyfw_error **err, const char *format, va_list args)
{
	char *context, *whole;

	if (!err || !*err)
		return -EIO;
	context = hyfw_vformat(format, args);
	whole = hyfw_format("%s: %s", context, (*err)->message);
	free(context);
	free((*err)->message);
	(*err)->message = whole;
	return -(*err)->errnum;
}

int hyfw_wrap(struct hyfw_error **err, const char *format, ...)
{
	va_list args;
	int result;

	va_start(args, format);
	result = hyfw_vwrap(err, format, args);
	va_end(args);
	return result;
}

int hyfw_error_set_status(struct hyfw_error **err, int status)
{
	if (!err || !*err)
		return -EIO;
	(*err)->status = status;
	return -(*err)->errnum;
}

__attribute__((visibility("default"))) void hyfw_error_free(struct hyfw_error *err)
{
	if (!err)
		return;
	free(err->message);
	free(err);
}

void hyfw_forget(struct hyfw_error **err)
{
	if (!err)
		return;
	hyfw_error_free(*err);
	*err = NULL;
}
