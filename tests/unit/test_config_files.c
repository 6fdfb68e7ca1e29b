/* SPDX-License-Identifier: BSD-3-Clause
 * Several files and flags: the main configuration with its drop-ins, includes,
 * who wins, who may own them, and where a value is said to come from. */
#include "config_helper.h"

#include <unistd.h>

#include "config/load.h"

#define WEB "[workload web]\nrootfs = /srv/web\n"

static void put_main(const char *text)
{
	mkdir("conf.d", 0755);
	put_file("hyfw.ini", text);
}

/* Main configuration and web.ini, validated. */
static struct hyfw_config *read_both(struct hyfw_error **err)
{
	struct hyfw_config *config = hyfw_config_new();
	int result = hyfw_config_read_main(config, "hyfw.ini", false, err);

	if (result == 0)
		result = hyfw_config_read_stack(config, "web.ini", err);
	if (result == 0)
		result = hyfw_config_validate(config, err);
	if (result == 0)
		return config;
	hyfw_config_free(config);
	return NULL;
}

static const struct hyfw_config_value *value_of(const struct hyfw_config *config, const char *type,
						const char *name, const char *key)
{
	const struct hyfw_config_section *section = hyfw_config_find(config, type, name);
	size_t i;

	assert_non_null(section);
	for (i = 0; i < section->count; i++)
		if (strcmp(section->values[i].key, key) == 0)
			return &section->values[i];
	return NULL;
}

static void later_files_win_and_values_know_their_origin(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	const struct hyfw_config_section *web;
	const struct hyfw_config_value *value;
	struct hyfw_config *config;
	size_t cursor = 0;

	(void)state;
	put_main("[defaults]\npids = 10\nmemory = 10M\ncap_drop = MKNOD\n");
	put_file("conf.d/20.ini", "[defaults]\npids = 30\n[hyfw]\nlog_level = debug\n");
	put_file("conf.d/10.ini", "[defaults]\npids = 20\nenv = A=1\n  B=1\nenv = C=1\n");
	put_file("conf.d/.hidden.ini", "[bad\n");
	put_file("conf.d/note.txt", "[bad\n");
	put_file("web.ini", WEB "env = X=1\nmemory = 20M\n");
	config = read_both(&err);
	assert_non_null(config);
	web = hyfw_config_find(config, "workload", "web");
	assert_string_equal(hyfw_map_get(&web->map, "pids"), "30");
	value = value_of(config, "workload", "web", "pids");
	assert_string_equal(value->origin.file, "conf.d/20.ini");
	assert_int_equal(value->origin.line, 2);
	assert_true(value->origin.main);
	assert_string_equal(hyfw_map_get(&web->map, "memory"), "20971520");
	assert_string_equal(hyfw_map_get(&web->map, "cap_drop"), "CAP_MKNOD");
	/* the workload's list replaces that of [defaults] */
	assert_string_equal(hyfw_map_next(&web->map, "env", &cursor), "X=1");
	assert_null(hyfw_map_next(&web->map, "env", &cursor));
	value = value_of(config, "workload", "web", "stop_timeout");
	assert_int_equal(value->origin.kind, HYFW_ORIGIN_DEFAULT);
	assert_string_equal(value->normal, "10000");
	assert_string_equal(hyfw_map_get(&hyfw_config_find(config, "hyfw", "")->map, "log_level"), "debug");
	assert_string_equal(hyfw_config_stack_name(config), "web");
	hyfw_config_free(config);
	unlink("conf.d/10.ini");
	unlink("conf.d/20.ini");
}

static void lists_of_a_later_file_replace(void **state)
{
	const char *const paths[] = { "web.ini", "more.ini", NULL };
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	const struct hyfw_config_section *web;
	struct hyfw_config *config;
	size_t cursor = 0;

	(void)state;
	put_file("web.ini", WEB "env = A=1\n  B=1\npids = 5\n");
	put_file("more.ini", "[workload web]\nenv = C=1\n[workload db]\nrootfs = /srv/db\n");
	config = read_stack(paths, &err);
	assert_non_null(config);
	web = hyfw_config_find(config, "workload", "web");
	assert_string_equal(hyfw_map_next(&web->map, "env", &cursor), "C=1");
	assert_null(hyfw_map_next(&web->map, "env", &cursor));
	assert_string_equal(hyfw_map_get(&web->map, "pids"), "5");
	assert_non_null(hyfw_config_find(config, "workload", "db"));
	hyfw_config_free(config);
}

static void includes_are_read_first(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct hyfw_config *config;

	(void)state;
	mkdir("sub", 0755);
	put_file("sub/base.ini", "[hyfw]\ninclude = more.ini\n[workload web]\npids = 5\ncpus = 1\n");
	put_file("sub/more.ini", "[workload web]\npids = 6\nread_only = yes\n");
	config = read_text(WEB "cpus = 2\n[hyfw]\nname = shop\ninclude = sub/base.ini\n", &err);
	assert_non_null(config);
	assert_string_equal(value_of(config, "workload", "web", "cpus")->normal, "2000");
	assert_string_equal(value_of(config, "workload", "web", "pids")->normal, "5");
	assert_string_equal(value_of(config, "workload", "web", "read_only")->normal, "true");
	assert_string_equal(value_of(config, "workload", "web", "read_only")->origin.file, "sub/more.ini");
	assert_string_equal(hyfw_config_stack_name(config), "shop");
	hyfw_config_free(config);
}

static void bad_includes_are_refused(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	unsigned i;

	(void)state;
	assert_null(read_text("[hyfw]\ninclude = web.ini\n", &err));
	assert_string_equal(err->message, "web.ini:2: include: web.ini: includes itself");
	hyfw_forget(&err);
	assert_null(read_text("\n[hyfw]\ninclude = nothing.ini\n", &err));
	assert_string_equal(err->message, "web.ini:3: include: nothing.ini: there is no such file");
	hyfw_forget(&err);
	put_file("other.ini", "[hyfw]\ninclude = web.ini\n");
	assert_null(read_text("[hyfw]\ninclude = other.ini\n", &err));
	assert_string_equal(err->message, "web.ini:2: include: other.ini:2: include: web.ini: includes itself");
	hyfw_forget(&err);
	for (i = 0; i < 12; i++) {
		HYFW_AUTO_FREE char *path = hyfw_format("deep%u.ini", i);
		HYFW_AUTO_FREE char *text = hyfw_format("[hyfw]\ninclude = deep%u.ini\n", i + 1);

		put_file(path, text);
	}
	assert_null(read_text("[hyfw]\ninclude = deep0.ini\n", &err));
	assert_non_null(strstr(err->message, "deep8.ini: files include each other more than 8 deep"));
}

static void some_keys_belong_to_one_kind_of_file(void **state)
{
	static const struct {
		const char *main, *stack, *message;
	} cases[] = {
		{ "", "[hyfw]\nlog_level = info\n", "web.ini:2: [hyfw] log_level = info: belongs in the main configuration, not in a stack file" },
		{ "[hyfw]\nname = x\n", "", "hyfw.ini:2: [hyfw] name = x: belongs in a stack file, not in the main configuration" },
		{ "[workload x]\n", "", "hyfw.ini:1: [workload x]: workloads belong in a stack file, not in the main configuration" },
		{ "[defaults]\nimage = x\n", "", "hyfw.ini:2: [defaults] image: is each workload's own and cannot be a default; move it to [workload NAME]" },
		{ "[hyfw]\nstep_timeout = 10ms\n", "", "hyfw.ini:2: [hyfw] step_timeout = 10ms: must be from 100ms to 3600s" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < HYFW_COUNT(cases); i++) {
		HYFW_AUTO_ERROR struct hyfw_error *err = NULL;

		put_main(cases[i].main);
		put_file("web.ini", cases[i].stack);
		assert_null(read_both(&err));
		assert_string_equal(err->message, cases[i].message);
	}
	put_main("");
}

static void the_main_configuration_must_be_roots(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct hyfw_config *config;

	(void)state;
	if (geteuid() != 0)
		skip(); /* needs root to give files away */
	put_main("");
	put_file("web.ini", WEB);
	assert_int_equal(chmod("hyfw.ini", 0664), 0);
	assert_null(read_both(&err));
	assert_string_equal(err->message, "hyfw.ini: others than root can write to it; run `chmod go-w hyfw.ini`");
	hyfw_forget(&err);
	assert_int_equal(chmod("hyfw.ini", 0644) | chown("hyfw.ini", 1000, 0), 0);
	assert_null(read_both(&err));
	assert_string_equal(err->message, "hyfw.ini: belongs to user 1000; the main configuration must belong to root");
	hyfw_forget(&err);
	assert_int_equal(chown("hyfw.ini", 0, 0) | chmod("conf.d", 0777), 0);
	assert_null(read_both(&err));
	assert_string_equal(err->message, "conf.d: others than root can write to it; run `chmod go-w conf.d`");
	hyfw_forget(&err);
	assert_int_equal(chmod("conf.d", 0755), 0);
	put_main("[hyfw]\ninclude = web.ini\n");
	put_file("web.ini", "");
	assert_int_equal(chmod("web.ini", 0666), 0);
	assert_null(read_both(&err));
	assert_string_equal(err->message,
			    "hyfw.ini:2: include: web.ini: others than root can write to it; run `chmod go-w web.ini`");
	hyfw_forget(&err);
	put_main("");
	put_file("web.ini", WEB);
	assert_int_equal(chmod("web.ini", 0666) | chown("web.ini", 1000, 1000), 0); /* a user's stack file */
	config = read_both(&err);
	assert_non_null(config);
	hyfw_config_free(config);
	unlink("web.ini");
}

static void a_missing_main_file_is_fine_unless_named(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct hyfw_config *config = hyfw_config_new();

	(void)state;
	assert_int_equal(hyfw_config_read_main(config, "/nonexistent/hyfw.ini", false, &err), 0);
	assert_int_equal(hyfw_config_read_main(config, "/nonexistent/hyfw.ini", true, &err), -2);
	assert_string_equal(err->message, "/nonexistent/hyfw.ini: there is no such file");
	hyfw_config_free(config);
}

static void flags_win_and_lists_grow(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct hyfw_config *config = hyfw_config_new();
	const struct hyfw_config_section *web;
	size_t cursor = 0;

	(void)state;
	assert_int_equal(hyfw_config_set(config, "workload", "web", "rootfs", "/srv", "--rootfs", &err), 0);
	assert_int_equal(hyfw_config_set(config, "workload", "web", "memory", "10M", "--memory", &err), 0);
	assert_int_equal(hyfw_config_set(config, "workload", "web", "memory", "20M", "--memory", &err), 0);
	assert_int_equal(hyfw_config_set(config, "workload", "web", "env", "A=${X}", "-e", &err), 0);
	assert_int_equal(hyfw_config_set(config, "workload", "web", "env", "B=2", "-e", &err), 0);
	assert_int_equal(hyfw_config_set(config, "workload", "web", "command", "echo 'a", "COMMAND", &err), 0);
	assert_string_equal(hyfw_config_raw(config, hyfw_config_find(config, "workload", "web"), "storage", &cursor),
			    "dir");
	assert_int_equal(hyfw_config_validate(config, &err), 0);
	web = hyfw_config_find(config, "workload", "web");
	assert_string_equal(hyfw_map_get(&web->map, "memory"), "20971520");
	assert_string_equal(hyfw_map_get(&web->map, "command"), "echo 'a");
	cursor = 0;
	assert_string_equal(hyfw_map_next(&web->map, "env", &cursor), "A=${X}"); /* the shell has been there */
	assert_string_equal(hyfw_map_next(&web->map, "env", &cursor), "B=2");
	assert_null(hyfw_config_stack_name(config));
	hyfw_config_free(config);
}

static void bad_flags_are_named(void **state)
{
	static const struct {
		const char *key, *text, *flag, *message;
	} cases[] = {
		{ "memory", "12Q", "--memory", "--memory 12Q: not a size; write it like 512K, 50M or 1G" },
		{ "publish", "80/x", "-p", "-p 80/x: the protocol must be tcp or udp, not 'x'" },
		{ "network", "front", "--network", "--network front: there is no [network front]; add that section" },
		{ "hostname", "", "--hostname", "--hostname: has no value; give one, or leave it out" },
		{ "image", "x", "IMAGE", "--rootfs /srv: image is given too; remove one of them" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < HYFW_COUNT(cases); i++) {
		HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
		struct hyfw_config *config = hyfw_config_new();

		hyfw_config_set(config, "workload", "web", "rootfs", "/srv", "--rootfs", &err);
		hyfw_config_set(config, "workload", "web", cases[i].key, cases[i].text, cases[i].flag, &err);
		assert_true(hyfw_config_validate(config, &err) < 0);
		assert_string_equal(err->message, cases[i].message);
		hyfw_config_free(config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(later_files_win_and_values_know_their_origin),
		cmocka_unit_test(lists_of_a_later_file_replace),
		cmocka_unit_test(includes_are_read_first),
		cmocka_unit_test(bad_includes_are_refused),
		cmocka_unit_test(some_keys_belong_to_one_kind_of_file),
		cmocka_unit_test(the_main_configuration_must_be_roots),
		cmocka_unit_test(a_missing_main_file_is_fine_unless_named),
		cmocka_unit_test(flags_win_and_lists_grow),
		cmocka_unit_test(bad_flags_are_named),
	};

	return cmocka_run_group_tests(tests, helper_setup, helper_teardown);
}
