/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Members of JSON objects that others made: what is absent, or of another type, is zero, empty or "?".
 */
#ifndef HVCMA_CLI_JSON_GET_H
#define HVCMA_CLI_JSON_GET_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

static inline struct json_object *json_member(struct json_object *obj, const char *key)
{
	struct json_object *value = NULL;

	if (obj && json_object_is_type(obj, json_type_object))
		json_object_object_get_ex(obj, key, &value);
	return value;
}

static inline uint64_t json_number(struct json_object *obj, const char *key)
{
	return json_object_get_uint64(json_member(obj, key));
}

static inline bool json_truth(struct json_object *obj, const char *key)
{
	return json_object_get_boolean(json_member(obj, key));
}

static inline const char *json_text_of(struct json_object *value)
{
	return value ? json_object_get_string(value) : "?";
}

static inline const char *json_string(struct json_object *obj, const char *key)
{
	return json_text_of(json_member(obj, key));
}

/* Of a list; 0: it is none. */
static inline size_t json_length(struct json_object *list)
{
	return list && json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

#endif /* HVCMA_CLI_JSON_GET_H */
