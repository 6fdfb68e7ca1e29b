/* SPDX-License-Identifier: BSD-3-Clause
 * manifest.json: { "format": 1, "created": SECONDS, "bytes": N, "layers": N,
 * "config": { "command": [ ... ], "env": [ ... ], "workdir": "...", ... } } */
#include "overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANIFEST "manifest.json"
#define MANIFEST_MAX (1u << 20)
#define MANIFEST_DEPTH 8
#define LAYERS_MAX 500 /* more than the kernel mounts over each other */

static const struct {
	const char *key;
	bool list;
} words[] = {
	{ "command", true }, { "entrypoint", true }, { "env", true }, { "workdir", false }, { "user", false },
};
#define WORD_COUNT (sizeof(words) / sizeof(words[0]))

int overlay_config_check(struct overlay *overlay, const struct hyfw_map *config, struct hyfw_error **err)
{
	size_t i, word, bytes = 0;

	for (i = 0; config && i < config->count; i++) {
		for (word = 0; word < WORD_COUNT; word++)
			if (strcmp(words[word].key, config->items[i].key) == 0)
				break;
		if (word == WORD_COUNT)
			return overlay->host->fail(err, EINVAL, "an image has no default for '%s'",
						   config->items[i].key);
		bytes += strlen(config->items[i].value) + 16;
	}
	if (bytes > MANIFEST_MAX / 8) /* each byte may be written as \u00XX */
		return overlay->host->fail(err, EFBIG, "the defaults of the image are too long");
	return 0;
}

static struct json_object *config_to_json(const struct hyfw_map *config)
{
	struct json_object *object = json_object_new_object();
	size_t word;

	for (word = 0; word < WORD_COUNT; word++) {
		struct json_object *list;
		const char *value;
		size_t cursor = 0;

		value = hyfw_map_get(config, words[word].key);
		if (!value)
			continue;
		if (!words[word].list) {
			json_object_object_add(object, words[word].key, json_object_new_string(value));
			continue;
		}
		list = json_object_new_array();
		while ((value = hyfw_map_next(config, words[word].key, &cursor)))
			json_object_array_add(list, json_object_new_string(value));
		json_object_object_add(object, words[word].key, list);
	}
	return object;
}

static int write_text(int dirfd, const char *text)
{
	int fd = openat(dirfd, MANIFEST, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	size_t left = strlen(text);

	if (fd < 0)
		return -errno;
	while (left > 0) {
		ssize_t put = write(fd, text, left);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0) {
			int errnum = errno;

			close(fd);
			return -errnum;
		}
		text += put;
		left -= (size_t)put;
	}
	return close(fd) < 0 ? -errno : 0;
}

int overlay_manifest_write(struct overlay *overlay, int dirfd, const struct hyfw_image *image,
			   struct hyfw_error **err)
{
	struct json_object *object = json_object_new_object();
	int result;

	json_object_object_add(object, "format", json_object_new_int(1));
	json_object_object_add(object, "created", json_object_new_int64(image->created));
	json_object_object_add(object, "bytes", json_object_new_int64((int64_t)image->bytes));
	json_object_object_add(object, "layers", json_object_new_int64(image->layers));
	json_object_object_add(object, "config", config_to_json(&image->config));
	result = write_text(dirfd, json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
	json_object_put(object);
	if (result < 0)
		return overlay->host->fail(err, -result, "write " MANIFEST ": %s", strerror(-result));
	return 0;
}

/* The file as an object, NULL when it is not one that we could have written. */
static struct json_object *parse(int dirfd)
{
	int fd = openat(dirfd, MANIFEST, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct json_object *object = NULL;
	struct json_tokener *tokener = NULL;
	char *text = NULL;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > (off_t)MANIFEST_MAX)
		goto out;
	text = malloc((size_t)st.st_size);
	tokener = json_tokener_new_ex(MANIFEST_DEPTH);
	if (text && tokener && read(fd, text, (size_t)st.st_size) == st.st_size) {
		object = json_tokener_parse_ex(tokener, text, (int)st.st_size);
		if (object && !json_object_is_type(object, json_type_object)) {
			json_object_put(object);
			object = NULL;
		}
	}
out:
	json_tokener_free(tokener);
	free(text);
	close(fd);
	return object;
}

static int64_t number(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, json_type_int))
		return -1;
	return json_object_get_int64(value);
}

/* Text with a NUL inside would mean something else than it shows. */
static const char *text_of(struct json_object *value)
{
	const char *text;

	if (!json_object_is_type(value, json_type_string))
		return NULL;
	text = json_object_get_string(value);
	return strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

static size_t count_pairs(struct json_object *config)
{
	struct json_object *value;
	size_t word, count = 0;

	for (word = 0; word < WORD_COUNT; word++)
		if (json_object_object_get_ex(config, words[word].key, &value))
			count += json_object_is_type(value, json_type_array) ? json_object_array_length(value) : 1;
	return count;
}

static bool config_from_json(struct overlay *overlay, struct json_object *config, struct hyfw_arena *arena,
			     struct hyfw_map *ret_map)
{
	struct hyfw_pair *pairs = overlay->host->alloc(arena, (count_pairs(config) + 1) * sizeof(*pairs));
	size_t word, count = 0, i;

	for (word = 0; word < WORD_COUNT; word++) {
		struct json_object *value, *item;
		const char *text;

		if (!json_object_object_get_ex(config, words[word].key, &value))
			continue;
		if (json_object_is_type(value, json_type_array) != words[word].list)
			return false;
		for (i = 0; i < (words[word].list ? json_object_array_length(value) : 1); i++) {
			item = words[word].list ? json_object_array_get_idx(value, i) : value;
			text = text_of(item);
			if (!text)
				return false;
			pairs[count].key = words[word].key;
			pairs[count++].value = overlay->host->format(arena, "%s", text);
		}
	}
	ret_map->count = count;
	ret_map->items = pairs;
	return true;
}

int overlay_manifest_read(struct overlay *overlay, int dirfd, struct hyfw_arena *arena,
			  struct hyfw_image *ret_image, struct hyfw_error **err)
{
	struct hyfw_image image = { .size = sizeof(image) };
	struct json_object *object = parse(dirfd), *config;
	bool good = object && number(object, "format") == 1 && number(object, "bytes") >= 0 &&
		    number(object, "layers") >= 1 && number(object, "layers") <= LAYERS_MAX &&
		    json_object_object_get_ex(object, "config", &config) &&
		    json_object_is_type(config, json_type_object) &&
		    config_from_json(overlay, config, arena, &image.config);

	if (good) {
		image.created = number(object, "created");
		image.bytes = (uint64_t)number(object, "bytes");
		image.layers = (uint32_t)number(object, "layers");
		*ret_image = image;
	}
	json_object_put(object);
	return good ? 0 : overlay->host->fail(err, EBADMSG, MANIFEST " is damaged; import the image again");
}
