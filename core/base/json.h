/* SPDX-License-Identifier: BSD-3-Clause
 * Members of JSON objects, one line each; all else is json-c's own interface. */
#ifndef HYFW_BASE_JSON_H
#define HYFW_BASE_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

/* Copies 'text'; NULL becomes null. */
void hyfw_json_add_text(struct json_object *object, const char *key, const char *text);
void hyfw_json_add_number(struct json_object *object, const char *key, int64_t number);
void hyfw_json_add_bool(struct json_object *object, const char *key, bool value);

/* The text of a member, which belongs to 'object'; NULL for what is no string or
 * not there. */
const char *hyfw_json_text(struct json_object *object, const char *key);

#endif
