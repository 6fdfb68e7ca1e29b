/* SPDX-License-Identifier: BSD-3-Clause
 * Which of the drivers that keep images is meant. */
#include <errno.h>

#include "base/cleanup.h"
#include "cli/image.h"
#include "cli/storages.h"
#include "plugin/driver.h"

int hyfw_image_stores_with(const char *name, const char *storage, struct hyfw_driver ***ret_stores,
			   size_t *ret_count, struct hyfw_error **err)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	HYFW_AUTO_ERROR struct hyfw_error *first = NULL;
	HYFW_AUTO_FREE struct hyfw_driver **stores = NULL;
	size_t count = 0, found = 0, i;
	int result = hyfw_storages(HYFW_KEEPS_IMAGES, storage, &stores, &count, err);

	for (i = 0; result == 0 && i < count; i++) {
		HYFW_AUTO_ERROR struct hyfw_error *missing = NULL;
		struct hyfw_image image = { .size = sizeof(image) };

		/* One that is damaged is there as well: rm shall find it. */
		if (hyfw_storage_image_get(stores[i], name, arena, &image, &missing) == 0 ||
		    missing->errnum == EBADMSG) {
			stores[found++] = stores[i];
		} else if (!first || (first->errnum == ENOENT && missing->errnum != ENOENT)) {
			hyfw_forget(&first);
			first = HYFW_STEAL(missing);
		}
	}
	if (result == 0 && found == 0) {
		*err = HYFW_STEAL(first);
		return *err ? -(*err)->errnum : hyfw_fail(err, ENOENT, "image %s: no driver keeps images", name);
	}
	if (result == 0) {
		*ret_stores = HYFW_STEAL(stores);
		*ret_count = found;
	}
	return result;
}

int hyfw_image_store_for(const char *storage, const char *source, struct hyfw_driver **ret_store,
			 struct hyfw_error **err)
{
	HYFW_AUTO_FREE struct hyfw_driver **stores = NULL;
	struct hyfw_driver *found = NULL;
	size_t count = 0, i;
	int result = hyfw_storages(HYFW_KEEPS_IMAGES, storage, &stores, &count, err);

	if (result == 0 && storage)
		found = stores[0];
	for (i = 0; result == 0 && !storage && i < count; i++) {
		bool accepts = false;

		result = hyfw_storage_image_accepts(stores[i], source, &accepts, err);
		if (result == 0 && accepts && found)
			return hyfw_fail(err, EINVAL, "%s: storage drivers %s and %s both take it; say which with --storage",
					 source, hyfw_driver_name(found), hyfw_driver_name(stores[i]));
		if (accepts)
			found = stores[i];
	}
	if (result == 0 && !found)
		return hyfw_fail(err, EINVAL, "%s: neither a directory nor an archive nor a disk that is known; "
				 "--storage says what it is to be taken for", source);
	if (result == 0)
		*ret_store = found;
	return result;
}
