/* SPDX-License-Identifier: BSD-3-Clause
 * config.json of an image: { "format": 1, "created": SECONDS, "source_format": "raw" }.
 * The sizes are those of the disk beside it. */
#include "qcow2.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <unistd.h>

#define CONFIG "config.json"
#define CONFIG_DEPTH 4

int qcow2_config_write(struct qcow2 *qcow2, int dirfd, const struct hyfw_image *image, struct hyfw_error **err)
{
	struct json_object *object = json_object_new_object();
	int fd = openat(dirfd, CONFIG, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644), result = 0;
	const char *text;
	size_t length;

	json_object_object_add(object, "format", json_object_new_int(1));
	json_object_object_add(object, "created", json_object_new_int64(image->created));
	json_object_object_add(object, "source_format", json_object_new_string(image->format));
	text = json_object_to_json_string_length(object, JSON_C_TO_STRING_PLAIN, &length);
	/* A few bytes to a file that was just made: a short write is a full disk. */
	if (fd < 0 || write(fd, text, length) != (ssize_t)length || fsync(fd) < 0)
		result = qcow2->host->fail(err, errno ? errno : ENOSPC, "write " CONFIG ": %s",
					   strerror(errno ? errno : ENOSPC));
	if (fd >= 0)
		close(fd);
	json_object_put(object);
	return result;
}

static struct json_object *parse(int dirfd)
{
	int fd = openat(dirfd, CONFIG, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct json_tokener *tokener = json_tokener_new_ex(CONFIG_DEPTH);
	struct json_object *object = NULL;
	char text[4096];
	struct stat st;
	ssize_t size;

	if (fd >= 0 && tokener && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		size = read(fd, text, sizeof(text));
		if (size > 0 && size < (ssize_t)sizeof(text))
			object = json_tokener_parse_ex(tokener, text, (int)size);
	}
	if (fd >= 0)
		close(fd);
	json_tokener_free(tokener);
	return object;
}

int qcow2_config_read(struct qcow2 *qcow2, int dirfd, struct hyfw_image *ret_image, struct hyfw_error **err)
{
	struct json_object *object = parse(dirfd), *format, *created;
	bool good = object && json_object_is_type(object, json_type_object) &&
		    json_object_object_get_ex(object, "format", &format) && json_object_get_int(format) == 1 &&
		    json_object_object_get_ex(object, "created", &created) &&
		    json_object_is_type(created, json_type_int);

	if (good)
		ret_image->created = json_object_get_int64(created);
	json_object_put(object);
	return good ? 0 : qcow2->host->fail(err, EBADMSG, CONFIG " is damaged; import the image again");
}
