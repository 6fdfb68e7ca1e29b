/* SPDX-License-Identifier: BSD-3-Clause
 * conf/hyfw.ini and hyfw.ini(5) against the schema.  HYFW_UPDATE=1 writes
 * conf/hyfw.ini anew. */
#include "config_helper.h"

#include <stdio.h>

#include "config/schema.h"

/* What stands behind it in hyfw.ini is not the schema's. */
#define DRIVERS_MARK "# ---- keys of the drivers"

static char *template_text(void)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	hyfw_schema_print_template(to);
	fclose(to);
	return text;
}

static void hyfw_ini_is_what_the_schema_prints(void **state)
{
	HYFW_AUTO_FREE char *expected = template_text(), *found = NULL;
	char *tail;

	(void)state;
	assert_int_equal(hyfw_file_read(AT_FDCWD, HYFW_SOURCE "/conf/hyfw.ini", 1 << 20, &found, NULL, NULL), 0);
	tail = strstr(found, DRIVERS_MARK);
	assert_non_null(tail); /* the keys of drivers: tests/cli/config.bats asks them */
	if (getenv("HYFW_UPDATE")) {
		HYFW_AUTO_FREE char *whole = hyfw_format("%s\n%s", expected, tail);

		put_file(HYFW_SOURCE "/conf/hyfw.ini", whole);
		return;
	}
	tail[-1] = '\0';
	assert_string_equal(found, expected);
}

/* With every "#key" uncommented that has a default, the values are the defaults. */
static void hyfw_ini_can_be_read_commented_and_not(void **state)
{
	HYFW_AUTO_FREE char *text = template_text(), *bare = hyfw_new(strlen(text) + 1);
	struct hyfw_config *config;
	struct hyfw_error *err = NULL;
	char *line, *save = NULL, *copy = text;
	bool workload = false;

	(void)state;
	put_file("hyfw.ini", text);
	config = hyfw_config_new();
	assert_int_equal(hyfw_config_read_main(config, "hyfw.ini", true, &err), 0);
	assert_int_equal(hyfw_config_validate(config, &err), 0);
	hyfw_config_free(config);
	for (; (line = strtok_r(copy, "\n", &save)); copy = NULL) {
		size_t length = strlen(line);
		bool key = line[0] == '#' && line[1] != ' ' && line[1] != '\0' && line[length - 1] != '=';

		if (key || line[0] == '[')
			workload = strncmp(line, "#[workload", 10) == 0 || (workload && line[1] != '[');
		if ((key || line[0] == '[') && !workload && strncmp(line, "#[plugin", 8) != 0) {
			strcat(bare, line + (key && line[0] == '#'));
			strcat(bare, "\n");
		}
	}
	while ((line = strstr(bare, "NAME]")))
		memcpy(line, "name", 4);
	put_file("hyfw.ini", bare);
	config = hyfw_config_new();
	if (hyfw_config_read_main(config, "hyfw.ini", true, &err) < 0 || hyfw_config_validate(config, &err) < 0)
		print_error("%s\n", err->message);
	assert_null(err);
	assert_string_equal(hyfw_map_get(&hyfw_config_find(config, "defaults", "")->map, "pids"), "1024");
	hyfw_config_free(config);
}

/* Entries .BI KEY " = FORM" in the part of the page that begins at 'part'; 'key'
 * "" counts all. */
static size_t count_items(const char *part, const char *key)
{
	const char *end = strstr(part, "\n.S"), *at = part;
	HYFW_AUTO_FREE char *item = hyfw_format("\n.BI %s%s", key, *key ? " \" = " : "");
	size_t count = 0;

	for (; (at = strstr(at, item)) && (!end || at < end); at++)
		count++;
	return count;
}

/* The default of 'key', as it stands behind its entry. */
static void expect_default(const char *part, const struct hyfw_key *key)
{
	HYFW_AUTO_FREE char *item = hyfw_format("\n.BI %s \" = ", key->option.name), *entry = NULL;
	HYFW_AUTO_FREE char *expected = hyfw_format("\nDefault:\n.BR \"%s\" .", key->option.fallback ?
							key->option.fallback : "");
	const char *at = strstr(part, item) + 1, *end = strstr(at, "\n.TP"), *section = strstr(at, "\n.S");

	if (!end || (section && section < end))
		end = section;
	entry = hyfw_dup_n(at, (size_t)(end - at));
	if (!key->option.fallback)
		expected[strlen("\nDefault:")] = '\0';
	if ((strstr(entry, expected) != NULL) != (key->option.fallback != NULL))
		fail_msg("%s: its default is not that of the schema", key->option.name);
}

static void the_man_page_has_each_key_once(void **state)
{
	const struct hyfw_section_schema *section;
	HYFW_AUTO_FREE char *page = NULL;

	(void)state;
	assert_int_equal(hyfw_file_read(AT_FDCWD, HYFW_SOURCE "/docs/hyfw.ini.5", 1 << 20, &page, NULL, NULL), 0);
	for (section = hyfw_config_schema; section->type; section++) {
		HYFW_AUTO_FREE char *head = hyfw_format("\n.SS [%s%s]\n", section->type,
							section->named ? " NAME" : "");
		const struct hyfw_key *key;
		size_t keys = 0;
		char *part = strstr(page, head);

		if (!part)
			print_error("no part %s", head);
		assert_non_null(part);
		part += strlen(head) - 1;
		for (key = section->keys; key->option.name && strcmp(section->type, "defaults") != 0; key++, keys++) {
			if (count_items(part, key->option.name) != 1)
				print_error("%s: %s\n", section->type, key->option.name);
			assert_int_equal(count_items(part, key->option.name), 1);
			expect_default(part, key);
		}
		assert_int_equal(count_items(part, ""), keys); /* and none that is not a key */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hyfw_ini_is_what_the_schema_prints),
		cmocka_unit_test(hyfw_ini_can_be_read_commented_and_not),
		cmocka_unit_test(the_man_page_has_each_key_once),
	};

	return cmocka_run_group_tests(tests, helper_setup, helper_teardown);
}
