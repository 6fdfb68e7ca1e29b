/* SPDX-License-Identifier: BSD-3-Clause
 * How long processes had to wait for a resource (psi.rst), as the "psi" of runc's figures. */
#include "oci.h"

#include <json.h>

/* "avg10=0.29", with the digits that the kernel has. */
static void add_figure(struct json_object *part, char *word)
{
	char *value = strchr(word, '=');
	bool total;

	if (!value || value[1] < '0' || value[1] > '9')
		return;
	*value++ = '\0';
	total = strcmp(word, "total") == 0;
	json_object_object_add(part, word, total ? json_object_new_uint64(strtoull(value, NULL, 10)) :
						   json_object_new_double_s(strtod(value, NULL), value));
}

void oci_pressure(struct json_object *object, int group, const char *file)
{
	char text[512], *lines = NULL, *line;
	struct json_object *pressure;

	if (group < 0 || file_read(group, file, text, sizeof(text)) <= 0)
		return;
	pressure = json_object_new_object();
	json_object_object_add(object, "psi", pressure);
	for (line = strtok_r(text, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
		char *words = NULL, *word = strtok_r(line, " ", &words);
		struct json_object *part = json_object_new_object();

		json_object_object_add(pressure, word ? word : "", part);
		while ((word = strtok_r(NULL, " ", &words)))
			add_figure(part, word);
	}
}
