/* SPDX-License-Identifier: BSD-3-Clause
 * Operations of storage drivers. */
#include "plugin/driver_call.h"

int hyfw_storage_attachment(struct hyfw_driver *driver, const struct hyfw_subject *subject,
			    const struct hyfw_map *record, struct hyfw_arena *arena,
			    struct hyfw_attachment *ret_attachment, struct hyfw_error **err)
{
	struct hyfw_attachment attachment = { .size = sizeof(attachment), .source_fd = -1 };
	int result = CALL(driver, "attachment", err,
			  driver->ops.storage.attachment(driver->instance, subject, record, arena, &attachment, &why));

	if (result < 0)
		return result;
	if (!attachment.kind)
		return hyfw_driver_incomplete(driver, "attachment", "an attachment", err);
	*ret_attachment = attachment;
	return 0;
}

int hyfw_storage_image_import(struct hyfw_driver *driver, const char *name, const char *source,
			      const struct hyfw_map *config, bool replace,
			      void (*progress)(uint64_t done, uint64_t total), struct hyfw_error **err)
{
	if (!driver->ops.storage.image_import)
		return hyfw_driver_lacks(driver, "keep images", err);
	return CALL(driver, "image_import", err,
		    driver->ops.storage.image_import(driver->instance, name, source, config, replace, progress, &why));
}

int hyfw_storage_image_list(struct hyfw_driver *driver, struct hyfw_arena *arena,
			    struct hyfw_image **ret_images, size_t *ret_count, struct hyfw_error **err)
{
	struct hyfw_image *images = NULL;
	size_t count = 0;
	int result;

	if (!driver->ops.storage.image_list)
		return hyfw_driver_lacks(driver, "list images", err);
	result = CALL(driver, "image_list", err,
		      driver->ops.storage.image_list(driver->instance, arena, &images, &count, &why));
	if (result < 0)
		return result;
	if (count && !images)
		return hyfw_driver_incomplete(driver, "image_list", "its images", err);
	*ret_images = images;
	*ret_count = count;
	return 0;
}

int hyfw_storage_image_get(struct hyfw_driver *driver, const char *name, struct hyfw_arena *arena,
			   struct hyfw_image *ret_image, struct hyfw_error **err)
{
	struct hyfw_image image = { .size = sizeof(image) };
	int result;

	if (!driver->ops.storage.image_get)
		return hyfw_driver_lacks(driver, "keep images", err);
	result = CALL(driver, "image_get", err,
		      driver->ops.storage.image_get(driver->instance, name, arena, &image, &why));
	if (result == 0)
		*ret_image = image;
	return result;
}

int hyfw_storage_image_remove(struct hyfw_driver *driver, const char *name, struct hyfw_error **err)
{
	if (!driver->ops.storage.image_remove)
		return hyfw_driver_lacks(driver, "remove images", err);
	return CALL(driver, "image_remove", err, driver->ops.storage.image_remove(driver->instance, name, &why));
}

int hyfw_storage_image_accepts(struct hyfw_driver *driver, const char *source, bool *ret_accepts,
			       struct hyfw_error **err)
{
	bool accepts = false;
	int result = 0;

	if (driver->ops.storage.image_accepts)
		result = CALL(driver, "image_accepts", err,
			      driver->ops.storage.image_accepts(driver->instance, source, &accepts, &why));
	if (result == 0)
		*ret_accepts = accepts;
	return result;
}

int hyfw_storage_volume_remove(struct hyfw_driver *driver, const char *name, struct hyfw_error **err)
{
	if (!driver->ops.storage.volume_remove)
		return hyfw_driver_lacks(driver, "remove volumes", err);
	return CALL(driver, "volume_remove", err, driver->ops.storage.volume_remove(driver->instance, name, &why));
}

int hyfw_storage_rename(struct hyfw_driver *driver, const struct hyfw_subject *subject, const char *to,
			struct hyfw_arena *arena, struct hyfw_map *ret_notes, struct hyfw_error **err)
{
	struct hyfw_map map = { 0 };
	int result;

	if (!driver->ops.storage.rename)
		return 0;
	result = CALL(driver, "rename", err,
		      driver->ops.storage.rename(driver->instance, subject, to, arena, &map, &why));
	return hyfw_driver_operated(driver, result, &map, ret_notes, err);
}

int hyfw_storage_operate(struct hyfw_driver *driver, const struct hyfw_operation *operation,
			 struct hyfw_map *ret_result, struct hyfw_error **err)
{
	struct hyfw_map map = { 0 };
	int result;

	if (!driver->ops.storage.operate)
		return hyfw_driver_lacks(driver, operation->verb, err);
	result = CALL(driver, "operate", err,
		      driver->ops.storage.operate(driver->instance, operation, &map, &why));
	return hyfw_driver_operated(driver, result, &map, ret_result, err);
}
