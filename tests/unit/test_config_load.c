/* SPDX-License-Identifier: BSD-3-Clause
 * Drivers that a configuration names: which are loaded, their options, keys that
 * nobody honours.  With the fake drivers, in a directory that only root can write. */
#include "config_helper.h"

#include <unistd.h>

#include "config/load.h"
#include "plugin/registry.h"

#define FAKES "isolation = fake-isolation\nstorage = fake-storage\nsecurity = fake-security\n"
#define WEB "[workload web]\nrootfs = /srv\n" FAKES "network = front\n"
#define FRONT "[network front]\ndriver = fake-network\n"

/* Not below /tmp: what others can write to is not trusted. */
static char plugins[] = "/var/lib/hyfw-config-XXXXXX";
static struct hyfw_context context;

/* The built 'where'/NAME.so into the plugin directory. */
static void install(const char *where, const char *name)
{
	HYFW_AUTO_FREE char *from = hyfw_format("%s/%s.so", where, name);
	HYFW_AUTO_FREE char *to = hyfw_format("%s/%s.so", plugins, name);
	HYFW_AUTO_FREE char *data = NULL;
	size_t size;

	assert_int_equal(hyfw_file_read(AT_FDCWD, from, 16u << 20, &data, &size, NULL), 0);
	put_bytes(to, data, size);
}

static int setup(void **state)
{
	const struct hyfw_context_options options = { .plugin_path = plugins, .config_file = "main.ini" };

	if (geteuid() != 0)
		return 0; /* each test is skipped */
	if (helper_setup(state) < 0 || !mkdtemp(plugins) || hyfw_context_init(&context, &options, NULL) < 0)
		return -1;
	install(FAKE_DRIVERS, "fake-isolation");
	install(FAKE_DRIVERS, "fake-network");
	install(FAKE_DRIVERS, "fake-storage");
	install(FAKE_DRIVERS, "odd-newer");
	install(FAKE_DRIVERS, "fake-security");
	return 0;
}

static int teardown(void **state)
{
	if (geteuid() != 0)
		return 0;
	hyfw_registry_close();
	hyfw_context_finish(&context);
	hyfw_remove_tree(AT_FDCWD, plugins, NULL);
	return helper_teardown(state);
}

static struct hyfw_config *load(const char *main_text, const char *stack_text, bool unused,
				struct hyfw_error **err)
{
	const char *const files[] = { "web.ini", NULL };
	struct hyfw_config *config = NULL;
	int result;

	put_file("main.ini", main_text);
	put_file("web.ini", stack_text);
	result = hyfw_config_load(&context, false, files, &config, err);
	if (result == 0 && unused)
		hyfw_config_keep_unused(config);
	if (result == 0)
		result = hyfw_config_load_drivers_and_validate(config, err);
	if (result == 0)
		return config;
	assert_int_equal(-result, (*err)->errnum);
	hyfw_config_free(config);
	return NULL;
}

#define NEED_ROOT                                                     \
	do {                                                          \
		if (geteuid() != 0)                                   \
			skip(); /* plugins are trusted by their owner */ \
	} while (0)

static void the_drivers_named_are_loaded(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct hyfw_config *config;

	(void)state;
	NEED_ROOT;
	config = load("[network unused]\ndriver = missing\nwhat = ever\n"
		      "[volume unused]\ndriver = missing\n"
		      "[plugin missing]\nwhat = ever\n"
		      "[plugin fake-network]\nfail_at = 3\n",
		      WEB FRONT, false, &err);
	if (!config)
		print_error("%s\n", err->message);
	assert_non_null(config);
	assert_null(hyfw_config_find(config, "network", "unused"));
	assert_null(hyfw_config_find(config, "volume", "unused"));
	assert_null(hyfw_config_find(config, "plugin", "missing"));
	assert_string_equal(hyfw_map_get(&hyfw_config_find(config, "plugin", "fake-network")->map, "fail_at"), "3");
	assert_int_equal(hyfw_config_find(config, "plugin", "fake-storage")->origin.kind, HYFW_ORIGIN_DEFAULT);
	hyfw_config_free(config);
}

static void what_is_unused_is_kept_and_checked_on_request(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct hyfw_config *config;

	(void)state;
	NEED_ROOT;
	config = load("[network unused]\ndriver = fake-network\n[plugin fake-storage]\n", "", true, &err);
	assert_non_null(config);
	assert_non_null(hyfw_config_find(config, "network", "unused"));
	hyfw_config_free(config);
	assert_null(load("[plugin fake-storag]\n", "", true, &err));
	assert_non_null(strstr(err->message, "main.ini:1: [plugin fake-storag]: there is no"));
}

static void bad_use_of_drivers_is_refused(void **state)
{
	static const struct {
		const char *main, *stack, *message;
	} cases[] = {
		{ "", "[workload web]\nrootfs = /srv\nisolation = fake-isolatoin\n",
		  "web.ini:3: [workload web] isolation = fake-isolatoin: there is no isolation driver 'fake-isolatoin'; did you mean 'fake-isolation'?" },
		{ "", WEB "[network front]\ndriver = fake-netwrok\n",
		  "web.ini:8: [network front] driver = fake-netwrok: there is no network driver 'fake-netwrok'; did you mean 'fake-network'?" },
		{ "[defaults]\nsecurity = fake-securiti\n", "[workload web]\nrootfs = /srv\nisolation = fake-isolation\nstorage = fake-storage\n",
		  "main.ini:2: [defaults] security = fake-securiti: there is no security driver 'fake-securiti'; did you mean 'fake-security'?" },
		{ "", WEB "memory = 10M\n" FRONT,
		  "web.ini:7: [workload web] memory = 10M: none of its drivers (fake-isolation, fake-storage, fake-security, fake-network) honours this key" },
		{ "[defaults]\nmemory = 10M\n", WEB FRONT,
		  "main.ini:2: [workload web] memory = 10M: none of its drivers (fake-isolation, fake-storage, fake-security, fake-network) honours this key" },
		{ "", "[volume x]\ndriver = fake-storage\n[network n]\ndriver = fake-network\nsubnet = 10.0.0.0/24\n[workload web]\nrootfs = /srv\n" FAKES "network = o\npublish = 80\n[network o]\ndriver = odd-newer\nfirst = 9\n",
		  "web.ini:12: [workload web] publish = 80: none of its drivers (fake-isolation, fake-storage, fake-security, odd-newer) honours this key; network driver fake-network does" },
		{ "", WEB FRONT "[network o]\ndriver = odd-newer\nfirst = x\n",
		  "web.ini:11: [network o] first = x: not a whole number" },
		{ "", WEB "[network front]\ndriver = odd-newer\nsubnet = 10.0.0.0/24\n",
		  "web.ini:9: [network front] subnet = 10.0.0.0/24: none of its drivers (odd-newer) honours this key; network driver fake-network does" },
		{ "", WEB "[network other]\ndriver = odd-newer\n[network front]\ndriver = fake-network\nfirst = 1\n",
		  "web.ini:11: [network front] first = 1: none of its drivers (fake-network) honours this key" },
		{ "", WEB FRONT "[plugin other]\n",
		  "web.ini:9: [plugin other]: nothing in this stack uses a driver of that name; remove the section" },
		{ "", WEB FRONT "[plugin fake-network]\nfail_att = 1\n",
		  "web.ini:10: [plugin fake-network] fail_att: unknown key; did you mean 'fail_at'?" },
		{ "", WEB FRONT "[plugin fake-network]\nfail_at = x\n",
		  "web.ini:10: [plugin fake-network] fail_at = x: not a whole number" },
		{ "", WEB FRONT "[plugin fake-network]\nfail_at = 1\nfail_at = 2\n",
		  "web.ini:11: [plugin fake-network] fail_at = 2: given at line 10 already; remove one of them" },
		{ "", WEB FRONT "[plugin fake-network]\nfail_in = ${HOME}\n",
		  "web.ini:10: [plugin fake-network] fail_in = ${HOME}: variables are not replaced here; of [plugin], no key can hold them" },
	};
	size_t i;

	(void)state;
	NEED_ROOT;
	for (i = 0; i < HYFW_COUNT(cases); i++) {
		HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
		struct hyfw_config *config = load(cases[i].main, cases[i].stack, false, &err);
		const char *found;

		if (config)
			print_error("taken: %s\n", cases[i].stack);
		assert_null(config);
		found = strstr(err->message, cases[i].message); /* main.ini is absolute */
		assert_string_equal(found ? found : err->message, cases[i].message);
	}
}

/* Options as a driver would declare them, without one. */
static void defaults_may_be_of_other_drivers(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct hyfw_config *config;

	(void)state;
	NEED_ROOT;
	if (access(FAKE_DRIVERS "/../../plugins/cgroups.so", R_OK) < 0)
		skip(); /* the cgroups driver is not built */
	install(FAKE_DRIVERS "/../../plugins", "cgroups");
	config = load("[defaults]\npids = 7\nstatistics = auto\n", "[workload web]\nrootfs = /srv\n" FAKES
		      "network = front\n" FRONT, false, &err);
	assert_null(config); /* pids is the core's and nobody here honours it */
	assert_non_null(strstr(err->message, "honours this key; security driver cgroups does"));
	hyfw_forget(&err);
	config = load("[defaults]\nstatistics = auto\nenv = A=1\n", WEB FRONT, false, &err);
	assert_non_null(config);
	assert_null(hyfw_map_get(&hyfw_config_find(config, "workload", "web")->map, "statistics"));
	assert_string_equal(hyfw_map_get(&hyfw_config_find(config, "workload", "web")->map, "env"), "A=1");
	hyfw_config_free(config);
	assert_null(load("[defaults]\nstatistcs = auto\n", WEB FRONT, false, &err));
	assert_non_null(strstr(err->message, "main.ini:2: [defaults] statistcs: unknown key"));
	hyfw_forget(&err);
	assert_null(load("", "", false, &err));
	assert_string_equal(err->message, "web.ini: there is no [workload NAME] in it");
}

static void options_of_drivers_are_keys(void **state)
{
	static const char *const modes[] = { "slow", "fast", NULL };
	static const struct hyfw_option options[] = {
		{ "token", HYFW_SCOPE_NETWORK, HYFW_OPTION_STRING, HYFW_OPTION_SECRET },
		{ "modes", HYFW_SCOPE_WORKLOAD, HYFW_OPTION_CHOICE, HYFW_OPTION_LIST, "slow fast", .choices = modes },
		{ "home", HYFW_SCOPE_VOLUME, HYFW_OPTION_PATH, HYFW_OPTION_ENV },
		{ "size", HYFW_SCOPE_WORKLOAD, HYFW_OPTION_SIZE, 0, "4K", 1024, 8192 },
		{ NULL },
	};
	static const char text[] = "[network n]\ntoken = s3cret\n[volume v]\nhome = ${HYFW_TEST}/x\n"
				   "[workload web]\nrootfs = /srv\nmodes = fast\n  slow fast\n";
	static const char *const leaks[] = {
		"[network n]\ntoken = a\ntoken = s3cret\n", "[network n]\ntoken = a\n  s3cret\n",
		"[network n]\ntoken = ${s3cret}\n", "[network n]\ntokne = s3cret\n",
	};
	struct hyfw_config *config = hyfw_config_new();
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	const struct hyfw_config_section *web, *network;
	size_t cursor = 0, i;

	(void)state;
	NEED_ROOT;
	setenv("HYFW_TEST", "/home", 1);
	put_file("web.ini", text);
	assert_int_equal(hyfw_config_read_stack(config, "web.ini", &err), 0);
	assert_int_equal(hyfw_config_set(config, "workload", "web", "size", "5K", "--size", &err), 0);
	assert_int_equal(hyfw_config_set(config, "workload", "web", "size", "6K", "--size", &err), 0);
	hyfw_config_add_options(config, "driver", HYFW_KIND_NETWORK, options, sizeof(options[0]));
	assert_int_equal(hyfw_config_validate(config, &err), 0);
	web = hyfw_config_find(config, "workload", "web");
	assert_string_equal(hyfw_map_next(&web->map, "modes", &cursor), "fast");
	assert_string_equal(hyfw_map_next(&web->map, "modes", &cursor), "slow");
	assert_string_equal(hyfw_map_next(&web->map, "modes", &cursor), "fast");
	assert_null(hyfw_map_next(&web->map, "modes", &cursor));
	assert_string_equal(hyfw_map_get(&web->map, "size"), "6144");
	assert_string_equal(hyfw_map_get(&hyfw_config_find(config, "volume", "v")->map, "home"), "/home/x");
	network = hyfw_config_find(config, "network", "n");
	assert_string_equal(hyfw_map_get(&network->map, "token"), "s3cret");
	assert_int_equal(hyfw_config_fail(&err, 5, network, "token", "is wrong"), -5);
	assert_string_equal(err->message, "web.ini:2: [network n] token = ***: is wrong");
	hyfw_forget(&err);
	hyfw_config_free(config);
	for (i = 0; i < HYFW_COUNT(leaks); i++) {
		put_file("web.ini", leaks[i]);
		config = hyfw_config_new();
		assert_int_equal(hyfw_config_read_stack(config, "web.ini", &err), 0);
		hyfw_config_add_options(config, "driver", HYFW_KIND_NETWORK, options, sizeof(options[0]));
		assert_true(hyfw_config_validate(config, &err) < 0);
		assert_null(strstr(err->message, "s3cret"));
		hyfw_forget(&err);
		hyfw_config_free(config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_drivers_named_are_loaded),
		cmocka_unit_test(what_is_unused_is_kept_and_checked_on_request),
		cmocka_unit_test(bad_use_of_drivers_is_refused),
		cmocka_unit_test(defaults_may_be_of_other_drivers),
		cmocka_unit_test(options_of_drivers_are_keys),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
