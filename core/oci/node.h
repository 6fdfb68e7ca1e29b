/* SPDX-License-Identifier: BSD-3-Clause
 * Members of an untrusted JSON document, each knowing its way from the top, so that
 * an error says which it is: "linux.resources.pids.limit: not a number".
 *
 * The first failure is kept, what is read after it is empty: those who read need not
 * look after each member. */
#ifndef HYFW_OCI_NODE_H
#define HYFW_OCI_NODE_H

#include <json-c/json.h>

#include <hyfw/oci.h>

#include "base/alloc.h"
#include "base/error.h"

struct oci_reader {
	struct hyfw_arena *arena; /* of all that is read */
	struct hyfw_error *failure;
};

struct oci_node {
	struct oci_reader *reader;
	const struct oci_node *up; /* NULL at the top */
	const char *name;          /* NULL: element 'index' of a list */
	size_t index;
	struct json_object *json;
};

/* The document in 'text'; -EINVAL when it is none, is deeper than a configuration
 * can be, or is no object.  json_object_put(). */
int oci_json_parse(const char *text, size_t size, struct json_object **ret_json, struct hyfw_error **err);

#define OCI_DOCUMENT_LIMIT (4u << 20)

struct oci_node oci_top(struct oci_reader *reader, struct json_object *json);

/* "MEMBER: MESSAGE", with a negative errno that is -EINVAL. */
void oci_fail(const struct oci_node *node, const char *format, ...) __attribute__((format(printf, 2, 3)));
void oci_fail_member(const struct oci_node *node, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A member of 'type'; false when it is absent or null, and when it is something else,
 * which is a failure. */
bool oci_member(const struct oci_node *node, const char *name, enum json_type type, struct oci_node *ret_member);
bool oci_has(const struct oci_node *node, const char *name);

/* Elements of the list 'name', each of 'type'; 0 when it is absent.  Lists end where
 * nobody could want them longer. */
size_t oci_list(const struct oci_node *node, const char *name, struct oci_node *ret_list);
bool oci_element(const struct oci_node *list, size_t index, enum json_type type, struct oci_node *ret_element);

/* NULL, false, "not set" where the member is absent. */
const char *oci_text(const struct oci_node *node, const char *name);
const char *oci_text_needed(const struct oci_node *node, const char *name);
bool oci_bool(const struct oci_node *node, const char *name);
struct hyfw_oci_number oci_number(const struct oci_node *node, const char *name, int64_t least, int64_t most);
uint32_t oci_u32(const struct oci_node *node, const char *name, uint32_t otherwise);
uint64_t oci_u64(const struct oci_node *node, const char *name);
const char *const *oci_texts(const struct oci_node *node, const char *name);
struct hyfw_map oci_map(const struct oci_node *node, const char *name);

/* Memory of 'count' elements. */
void *oci_array(const struct oci_node *node, size_t count, size_t each);

#endif
