/* SPDX-License-Identifier: BSD-3-Clause */
#include "archive.h"

#include <dlfcn.h>
#include <errno.h>

#define LIBRARY "libarchive.so.13"

static struct archive_library library;

/* dlsym(3) returns a pointer to an object; the cast through memory is the one
 * that POSIX sanctions. */
static bool resolve(void *handle, const char *name, void *ret_function)
{
	void *symbol = dlsym(handle, name);

	memcpy(ret_function, &symbol, sizeof(symbol));
	return symbol != NULL;
}

const struct archive_library *archive_library_open(const struct hyfw_host *host, struct hyfw_error **err)
{
	struct archive_library found;
	void *handle;

	if (library.archive_read_new)
		return &library;
	handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!handle) {
		host->fail(err, ENOENT, "archives need libarchive, which cannot be loaded: %s", dlerror());
		return NULL;
	}
#define X(name)                                                                    \
	if (!resolve(handle, #name, &found.name)) {                                \
		host->fail(err, ENOSYS, LIBRARY " has no function " #name);        \
		return NULL;                                                       \
	}
	ARCHIVE_FUNCTIONS(X)
#undef X
	library = found;
	return &library;
}
