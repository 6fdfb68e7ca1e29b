/* SPDX-License-Identifier: BSD-3-Clause */
#include "oci/node.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"

#define DEPTH_LIMIT 32
#define LIST_LIMIT 65536

int oci_json_parse(const char *text, size_t size, struct json_object **ret_json, struct hyfw_error **err)
{
	struct json_tokener *tokener;
	struct json_object *json;
	enum json_tokener_error why;
	size_t used;

	if (size > OCI_DOCUMENT_LIMIT)
		return hyfw_fail(err, EFBIG, "larger than %u bytes", OCI_DOCUMENT_LIMIT);
	tokener = json_tokener_new_ex(DEPTH_LIMIT);
	if (!tokener)
		return hyfw_fail(err, ENOMEM, "out of memory");
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
	json = json_tokener_parse_ex(tokener, text, (int)size);
	why = json_tokener_get_error(tokener);
	used = json_tokener_get_parse_end(tokener);
	json_tokener_free(tokener);
	if (why == json_tokener_continue)
		return hyfw_fail(err, EINVAL, "not JSON: it ends too early");
	if (why != json_tokener_success)
		return hyfw_fail(err, EINVAL, "not JSON: %s at byte %zu", json_tokener_error_desc(why), used);
	used += strspn(text + used, " \t\r\n");
	if (used < size || !json_object_is_type(json, json_type_object)) {
		json_object_put(json);
		return used < size ? hyfw_fail(err, EINVAL, "not JSON: something stands behind its end")
				   : hyfw_fail(err, EINVAL, "not a JSON object");
	}
	*ret_json = json;
	return 0;
}

struct oci_node oci_top(struct oci_reader *reader, struct json_object *json)
{
	return (struct oci_node){ .reader = reader, .json = json };
}

/* ---- failures ---- */

static char *way_to(const struct oci_node *node)
{
	HYFW_AUTO_FREE char *before = NULL;

	if (!node->up)
		return hyfw_dup("");
	before = way_to(node->up);
	if (!node->name)
		return hyfw_format("%s[%zu]", before, node->index);
	return hyfw_format("%s%s%s", before, *before ? "." : "", node->name);
}

__attribute__((format(printf, 2, 0)))
static void fail(const struct oci_node *node, const char *format, va_list args)
{
	HYFW_AUTO_FREE char *where = NULL;

	if (node->reader->failure)
		return;
	hyfw_vfail(&node->reader->failure, EINVAL, format, args);
	where = way_to(node);
	if (*where)
		hyfw_wrap(&node->reader->failure, "%s", where);
}

void oci_fail(const struct oci_node *node, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fail(node, format, args);
	va_end(args);
}

void oci_fail_member(const struct oci_node *node, const char *name, const char *format, ...)
{
	const struct oci_node member = { node->reader, node, name, 0, NULL };
	va_list args;

	va_start(args, format);
	fail(&member, format, args);
	va_end(args);
}

static const char *type_name(enum json_type type)
{
	switch (type) {
	case json_type_boolean: return "true or false";
	case json_type_int: return "a whole number";
	case json_type_string: return "text";
	case json_type_array: return "a list";
	default: return "an object";
	}
}

/* ---- members ---- */

static bool check_type(const struct oci_node *node, enum json_type type)
{
	if (!json_object_is_type(node->json, type)) {
		oci_fail(node, "not %s", type_name(type));
		return false;
	}
	if (type == json_type_string &&
	    strlen(json_object_get_string(node->json)) != (size_t)json_object_get_string_len(node->json)) {
		oci_fail(node, "has a NUL in it");
		return false;
	}
	return true;
}

static struct json_object *find(const struct oci_node *node, const char *name)
{
	struct json_object *found = NULL;

	if (!node->reader->failure && node->json)
		json_object_object_get_ex(node->json, name, &found);
	return found;
}

bool oci_has(const struct oci_node *node, const char *name)
{
	return find(node, name) != NULL;
}

bool oci_member(const struct oci_node *node, const char *name, enum json_type type, struct oci_node *ret_member)
{
	*ret_member = (struct oci_node){ node->reader, node, name, 0, find(node, name) };
	return ret_member->json && check_type(ret_member, type);
}

size_t oci_list(const struct oci_node *node, const char *name, struct oci_node *ret_list)
{
	size_t count;

	if (!oci_member(node, name, json_type_array, ret_list))
		return 0;
	count = json_object_array_length(ret_list->json);
	if (count <= LIST_LIMIT)
		return count;
	oci_fail(ret_list, "more than %d elements", LIST_LIMIT);
	return 0;
}

bool oci_element(const struct oci_node *list, size_t index, enum json_type type, struct oci_node *ret_element)
{
	*ret_element = (struct oci_node){ list->reader, list, NULL, index, NULL };
	if (list->reader->failure)
		return false;
	ret_element->json = json_object_array_get_idx(list->json, index);
	return check_type(ret_element, type);
}

void *oci_array(const struct oci_node *node, size_t count, size_t each)
{
	return hyfw_arena_alloc(node->reader->arena, (count + 1) * each);
}

/* ---- values ---- */

const char *oci_text(const struct oci_node *node, const char *name)
{
	struct oci_node member;

	if (!oci_member(node, name, json_type_string, &member))
		return NULL;
	return hyfw_arena_dup(node->reader->arena, json_object_get_string(member.json));
}

const char *oci_text_needed(const struct oci_node *node, const char *name)
{
	const char *text = oci_text(node, name);

	if (text && *text)
		return text;
	oci_fail_member(node, name, text ? "empty" : "missing");
	return "";
}

bool oci_bool(const struct oci_node *node, const char *name)
{
	struct oci_node member;

	return oci_member(node, name, json_type_boolean, &member) && json_object_get_boolean(member.json);
}

struct hyfw_oci_number oci_number(const struct oci_node *node, const char *name, int64_t least, int64_t most)
{
	struct hyfw_oci_number number = { 0 };
	struct oci_node member;

	if (!oci_member(node, name, json_type_int, &member))
		return number;
	number.value = json_object_get_int64(member.json);
	/* json-c makes the nearest of what it cannot hold. */
	if (number.value < least || number.value > most ||
	    (number.value == INT64_MAX && json_object_get_uint64(member.json) > (uint64_t)INT64_MAX)) {
		oci_fail(&member, "not between %" PRId64 " and %" PRId64, least, most);
		return (struct hyfw_oci_number){ 0 };
	}
	number.set = true;
	return number;
}

uint32_t oci_u32(const struct oci_node *node, const char *name, uint32_t otherwise)
{
	const struct hyfw_oci_number number = oci_number(node, name, 0, UINT32_MAX);

	return number.set ? (uint32_t)number.value : otherwise;
}

uint64_t oci_u64(const struct oci_node *node, const char *name)
{
	struct oci_node member;

	if (!oci_member(node, name, json_type_int, &member))
		return 0;
	if (json_object_get_int64(member.json) < 0) {
		oci_fail(&member, "less than 0");
		return 0;
	}
	return json_object_get_uint64(member.json);
}

const char *const *oci_texts(const struct oci_node *node, const char *name)
{
	struct oci_node list, element;
	const char **texts;
	size_t count, i;

	count = oci_list(node, name, &list);
	texts = oci_array(node, count, sizeof(*texts));
	for (i = 0; i < count; i++) {
		if (!oci_element(&list, i, json_type_string, &element))
			break;
		texts[i] = hyfw_arena_dup(node->reader->arena, json_object_get_string(element.json));
	}
	return count ? texts : NULL;
}


struct hyfw_map oci_map(const struct oci_node *node, const char *name)
{
	struct hyfw_map map = { 0 };
	struct hyfw_pair *pairs;
	struct oci_node member;
	struct json_object_iter at;

	if (!oci_member(node, name, json_type_object, &member))
		return map;
	pairs = oci_array(node, (size_t)json_object_object_length(member.json), sizeof(*pairs));
	json_object_object_foreachC(member.json, at) {
		const struct oci_node value = { node->reader, &member, at.key, 0, at.val };

		if (!check_type(&value, json_type_string))
			return map;
		pairs[map.count].key = hyfw_arena_dup(node->reader->arena, at.key);
		pairs[map.count++].value = hyfw_arena_dup(node->reader->arena, json_object_get_string(at.val));
	}
	map.items = pairs;
	return map;
}
