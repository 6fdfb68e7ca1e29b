/* SPDX-License-Identifier: BSD-3-Clause
 * The text of a file: what inih would cut or skip silently is refused with file
 * and line. */
#include "config_helper.h"

#define TEXT(literal) literal, sizeof(literal) - 1
#define FIFTY "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct {
	const char *text;
	size_t size;
	const char *message;
} bad_files[] = {
	{ TEXT("memory = 1\n"), "web.ini:1: text before the first [section]" },
	{ TEXT("[workload web\n"), "web.ini:1: the section has no closing ']'" },
	{ TEXT("\n[workload web] x\n"), "web.ini:2: text behind the section's ']'; put it on a line of its own" },
	{ TEXT("[workload web];x\n"), "web.ini:1: text behind the section's ']'; put it on a line of its own" },
	{ TEXT("[workload " FIFTY "]\n"), "web.ini:1: the section's name is longer than 49 bytes" },
	{ TEXT("[workload]\n"), "web.ini:1: [workload]: the name is missing; write [workload NAME]" },
	{ TEXT("[defaults x]\n"), "web.ini:1: [defaults x]: this section has no name; write [defaults]" },
	{ TEXT("[workload Web]\n"), "web.ini:1: [workload Web]: not a name: at most 63 of a-z 0-9 _ . -, the first a letter or a digit" },
	{ TEXT("[workloda web]\n"), "web.ini:1: [workloda]: there are no such sections; did you mean [workload]?" },
	{ TEXT("[]\n"), "web.ini:1: []: there are no such sections; there are [hyfw], [defaults], [workload NAME], [network NAME], [volume NAME] and [plugin NAME]" },
	{ TEXT("[workload web]\n\n[workload  web]\n"), "web.ini:3: [workload  web]: there is this section at line 1 already; put the keys together" },
	{ TEXT("[workload web]\nmemory\n"), "web.ini:2: neither a [section] nor KEY = VALUE" },
	{ TEXT("[workload web]\n= 1\n"), "web.ini:2: no key before the '='" },
	{ TEXT("[workload web]\nmemory ; = 1\n"), "web.ini:2: a ';' before the '='; a comment behind a value needs a value" },
	{ TEXT("[workload web]\n" FIFTY " = 1\n"), "web.ini:2: the key is longer than 49 bytes" },
	{ TEXT("[workload web]\n  memory = 1M\n"), "web.ini:2: an indented line continues a list, and there is no key before it; remove the indentation" },
	{ TEXT("[workload web]\nrootfs = /\nmemory = 1M\n\n  pids = 1\n"), "web.ini:5: [workload web] memory = pids = 1: an indented line continues a list, and memory is not one; remove the indentation" },
	{ TEXT("[workload web]\ncommand = sh -c 'a ; b'\n"), "web.ini:2: a ';' behind a blank begins a comment, here inside quotes; remove the blank before it, or close the quotes first" },
	{ TEXT("[workload web]\nenv =\n  A=\"a ; b\"\n"), "web.ini:3: a ';' behind a blank begins a comment, here inside quotes; remove the blank before it, or close the quotes first" },
	{ TEXT("[workload web]\nrootfs = /\nmemory = 1M\nmemory = 2M\n"), "web.ini:4: [workload web] memory = 2M: given at line 3 already; remove one of them" },
	{ TEXT("[workload web]\nuser = a\0b\n"), "web.ini:2: the line holds a NUL byte" },
	{ TEXT("# \0\n"), "web.ini:1: the line holds a NUL byte" },
	{ TEXT("[workload web]\nuser = a\x1b[0m\n"), "web.ini:2: the line holds a control character" },
	{ TEXT("[workload web]\nuser = a\rb\n"), "web.ini:2: the line holds a control character" },
	{ TEXT("[workload web]\nuser = \xc2\x9b\n"), "web.ini:2: the line holds a control character" },
	{ TEXT("[workload web]\nuser = \xff\n"), "web.ini:2: the line holds text that is not UTF-8" },
	{ TEXT("[workload web]\nuser = \xed\xa0\x80\n"), "web.ini:2: the line holds text that is not UTF-8" },
	{ TEXT("[workload web]\nuser = \xc3"), "web.ini:2: the line holds text that is not UTF-8" },
};

static void bad_text_is_refused_with_its_line(void **state)
{
	const char *const paths[] = { "web.ini", NULL };
	size_t i;

	(void)state;
	for (i = 0; i < HYFW_COUNT(bad_files); i++) {
		HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
		struct hyfw_config *config;

		put_bytes("web.ini", bad_files[i].text, bad_files[i].size);
		config = read_stack(paths, &err);
		if (config)
			print_error("taken: %s\n", bad_files[i].text);
		assert_null(config);
		assert_string_equal(err->message, bad_files[i].message);
	}
}

static void good_text_is_read_whole(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct hyfw_config *config = read_text("\xef\xbb\xbf; mark\r\n"
					       "# comment\n"
					       "\t; indented comment\n"
					       "[workload\tweb]   ; comment\r\n"
					       "rootfs : /srv/\xc3\xa4=b;c\t; comment\n"
					       "label = x=a # no comment\n"
					       "\n"
					       "  y=[b]  ; comment\n"
					       "\tz=c\r\n"
					       "[network front]\n"
					       "[network back]\n"
					       "user", &err);

	(void)state;
	assert_null(config); /* the last line has no '=' */
	assert_string_equal(err->message, "web.ini:12: neither a [section] nor KEY = VALUE");
	hyfw_forget(&err);
	config = read_text("\xef\xbb\xbf[workload\tweb]   ; comment\r\n"
			   "rootfs : /srv/\xc3\xa4=b;c\t; comment\n"
			   "label = x=a # no comment\n"
			   "\n"
			   "  # comment\n"
			   "  y=[b]  ; comment\n"
			   "\tz=c\r\n"
			   "[network front]\n"
			   "[network back]", &err);
	assert_non_null(config);
	assert_string_equal(hyfw_map_get(&hyfw_config_find(config, "workload", "web")->map, "rootfs"),
			    "/srv/\xc3\xa4=b;c");
	assert_non_null(hyfw_config_find(config, "network", "front"));
	assert_non_null(hyfw_config_find(config, "network", "back"));
	{
		const struct hyfw_config_section *web = hyfw_config_find(config, "workload", "web");
		static const char *const labels[] = { "x=a # no comment", "y=[b]", "z=c" };
		static const unsigned lines[] = { 3, 6, 7 };
		size_t i, at = 0;

		for (i = 0; i < web->count; i++) {
			if (strcmp(web->values[i].key, "label") != 0)
				continue;
			assert_string_equal(web->values[i].normal, labels[at]);
			assert_int_equal(web->values[i].origin.line, lines[at++]);
		}
		assert_int_equal(at, 3);
	}
	hyfw_config_free(config);
}

/* "[workload web]\nlabel = k=xxx...", 'bytes' in the second line */
static char *long_line(size_t bytes)
{
	static const char head[] = "[workload web]\nlabel = k=";
	char *text = hyfw_new(bytes + sizeof(head) + 32);

	strcpy(text, head);
	memset(text + strlen(text), 'x', bytes - strlen("label = k="));
	return strcat(text, "\nrootfs = /\n");
}

static void long_lines_are_whole_or_refused(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	HYFW_AUTO_FREE char *fits = long_line(8000), *above = long_line(8001), *far_above = long_line(200 * 1024);
	struct hyfw_config *config = read_text(fits, &err);

	(void)state;
	assert_non_null(config);
	assert_int_equal(strlen(hyfw_map_get(&hyfw_config_find(config, "workload", "web")->map, "label")), 7992);
	hyfw_config_free(config);
	assert_null(read_text(above, &err));
	assert_string_equal(err->message, "web.ini:2: the line has 8001 bytes, more than the 8000 that are allowed");
	hyfw_forget(&err);
	assert_null(read_text(far_above, &err));
	assert_string_equal(err->message, "web.ini:2: the line has 204800 bytes, more than the 8000 that are allowed");
}

static void what_is_no_ini_file_is_refused(void **state)
{
	static const struct {
		const char *path, *message;
	} cases[] = {
		{ "missing.ini", "missing.ini: there is no such file" },
		{ "directory", "directory: is a directory, not an INI file" },
		{ "fifo", "fifo: is not a regular file" },
		{ "/dev/null", "/dev/null: is not a regular file" },
		{ "web.ini/x", "web.ini/x: cannot be read: Not a directory" },
		{ "large", "large: is larger than the 1 MiB that an INI file may have" },
	};
	HYFW_AUTO_FREE char *large = hyfw_new((1 << 20) + 1);
	size_t i;

	(void)state;
	memset(large, '\n', (1 << 20) + 1);
	put_bytes("large", large, (1 << 20) + 1);
	put_file("web.ini", "");
	assert_int_equal(mkdir("directory", 0755), 0);
	assert_int_equal(mkfifo("fifo", 0644), 0);
	for (i = 0; i < HYFW_COUNT(cases); i++) {
		const char *const paths[] = { cases[i].path, NULL };
		HYFW_AUTO_ERROR struct hyfw_error *err = NULL;

		assert_null(read_stack(paths, &err));
		assert_string_equal(err->message, cases[i].message);
		assert_int_equal(err->status, 125);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_text_is_refused_with_its_line),
		cmocka_unit_test(good_text_is_read_whole),
		cmocka_unit_test(long_lines_are_whole_or_refused),
		cmocka_unit_test(what_is_no_ini_file_is_refused),
	};

	return cmocka_run_group_tests(tests, helper_setup, helper_teardown);
}
