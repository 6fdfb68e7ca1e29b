/* SPDX-License-Identifier: BSD-3-Clause */
#include <stddef.h>

#include "guestfs_api.h"

#include <dlfcn.h>

#define LIBRARY "libguestfs.so.0"

static struct guestfs_api functions;

/* A function pointer out of dlsym()'s object pointer, as POSIX has it. */
static void *find(void *library, const char *name)
{
	return dlsym(library, name);
}

const struct guestfs_api *guestfs_api_load(const char **ret_why)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (!library) {
		*ret_why = "libguestfs cannot be loaded; is the package libguestfs0 installed?";
		return NULL;
	}
#define GF_FIND(name_)                                                           \
	*(void **)&functions.name_ = find(library, "guestfs_" #name_);            \
	if (!functions.name_) {                                                   \
		*ret_why = "this libguestfs is too old: it has no guestfs_" #name_; \
		return NULL;                                                      \
	}
	GF_FUNCTIONS(GF_FIND)
#undef GF_FIND
	return &functions;
}
