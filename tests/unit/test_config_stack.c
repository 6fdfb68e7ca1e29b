/* SPDX-License-Identifier: BSD-3-Clause
 * What the sections of a stack say about each other. */
#include "config_helper.h"

#define R "rootfs = /srv\n"

static const struct {
	const char *text, *message;
} bad_stacks[] = {
	{ "[workload web]\n", "web.ini:1: [workload web]: neither image nor rootfs is given; one of them says what it starts from" },
	{ "[workload web]\nimage = x\n" R, "web.ini:3: [workload web] rootfs = /srv: image is given too; remove one of them" },
	{ "[workload a]\n" R "depends_on = b\n[workload b]\n" R "depends_on = c\n[workload c]\n" R "depends_on = a\n",
	  "web.ini:9: [workload c] depends_on = a: 'a' depends on this workload in turn; remove one of them" },
	{ "[workload a]\n" R "network = none\nlinks = b\n[workload b]\n" R "network = none\n",
	  "web.ini:4: [workload a] links = b: 'b' and this workload have no network in common; add one to both" },
	{ "[network x]\n[network y]\n[workload a]\n" R "network = x\nlinks = b\n[workload b]\n" R "network = y\n",
	  "web.ini:6: [workload a] links = b: 'b' and this workload have no network in common; add one to both" },
	{ "[workload a]\n" R "publish = 80:80\n[workload b]\n" R "publish = 127.0.0.1:80:81\n",
	  "web.ini:6: [workload b] publish = 127.0.0.1:80:81: workload a publishes on that port of the host too (80:80); choose another" },
	{ "[workload a]\n" R "publish = 8000-8010:80-90\n[workload b]\n" R "publish = 8010:80\n",
	  "web.ini:6: [workload b] publish = 8010:80: workload a publishes on that port of the host too (8000-8010:80-90); choose another" },
	{ "[workload a]\n" R "publish = 80:80, 80:81\n",
	  "web.ini:3: [workload a] publish = 80:81: workload a publishes on that port of the host too (80:80); choose another" },
	{ "[workload a]\n" R "volume = x:/data\n  /srv:/data:ro\n",
	  "web.ini:4: [workload a] volume = /srv:/data:ro: something else is mounted at /data already" },
	{ "[workload a]\n" R "volume = x:/data\ntmpfs = /data:size=1M\n",
	  "web.ini:4: [workload a] tmpfs = /data:size=1M: something else is mounted at /data already" },
	{ "[workload a]\n" R "memory = 4M\nmemory_swap = 2M\n",
	  "web.ini:4: [workload a] memory_swap = 2M: is memory and swap together and cannot be less than memory" },
	{ "[workload a]\n" R "env = A=1\n  AB=1\n  A=2\n", "web.ini:5: [workload a] env = A=2: A is given at line 3 already; remove one of them" },
	{ "[network none]\n", "web.ini:1: [network none]: 'none' stands for no network and cannot be the name of one" },
	{ "[network x]\nsubnet = 10.0.0.1/24\n", "web.ini:2: [network x] subnet = 10.0.0.1/24: has bits behind its length; the subnet is 10.0.0.0/24" },
	{ "[network x]\nsubnet = 10.0.0.0/31\n", "web.ini:2: [network x] subnet = 10.0.0.0/31: the subnet's length must be from /8 to /30" },
	{ "[network x]\nsubnet = fd00::/64\n", "web.ini:2: [network x] subnet = fd00::/64: not an IPv4 subnet; write it like 10.89.1.0/24" },
	{ "[network x]\ngateway = 10.0.0.1\n", "web.ini:2: [network x] gateway = 10.0.0.1: needs subnet; add that key" },
	{ "[network x]\nsubnet = 10.0.0.0/24\ngateway = 10.0.1.1\n", "web.ini:3: [network x] gateway = 10.0.1.1: is not in the subnet 10.0.0.0/24" },
	{ "[network x]\nsubnet = 10.0.0.0/24\ngateway = 10.0.0.255\n", "web.ini:3: [network x] gateway = 10.0.0.255: is the network or broadcast address of 10.0.0.0/24" },
	{ "[network x]\nsubnet = 10.0.0.0/16\n[network y]\nsubnet = 10.0.7.0/24\n", "web.ini:4: [network y] subnet = 10.0.7.0/24: overlaps 10.0.0.0/16 of [network x]; choose another" },
	{ "[plugin x]\na = 1\n", "web.ini:2: [plugin x] a: unknown key; `hyfw plugin inspect x` lists those of this driver" },
	{ "[hyfw]\nname = A\n", "web.ini:2: [hyfw] name = A: not a name: at most 63 of a-z 0-9 _ . -, the first a letter or a digit" },
};

static void bad_stacks_are_refused(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < HYFW_COUNT(bad_stacks); i++) {
		HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
		struct hyfw_config *config = read_text(bad_stacks[i].text, &err);

		if (config)
			print_error("taken: %s\n", bad_stacks[i].text);
		assert_null(config);
		assert_string_equal(err->message, bad_stacks[i].message);
	}
}

static void what_is_used_exists(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct hyfw_config *config = read_text("[workload a]\n" R "volume = data:/d /x:/y\n"
					       "[workload b]\n" R "network = none\ndepends_on = a\n"
					       "[workload c]\n" R "links = a\npublish = 1:1/udp 1:1 2 2\n", &err);
	const struct hyfw_config_section *section;
	size_t cursor = 0;

	(void)state;
	assert_null(config); /* volumes are not words: one a line */
	assert_non_null(strstr(err->message, "after the path inside comes ro or rw, z or Z, not"));
	hyfw_forget(&err);
	config = read_text("[workload a]\n" R "volume = data:/d\n  /x:/y\n"
			   "[workload b]\n" R "network = none\ndepends_on = a\n"
			   "[workload c]\n" R "links = a\npublish = 1:1/udp 1:1 2 2\n", &err);
	assert_non_null(config);
	section = hyfw_config_find(config, "network", "default");
	assert_string_equal(hyfw_map_get(&section->map, "driver"), "bridge");
	section = hyfw_config_find(config, "network", "none");
	assert_string_equal(hyfw_map_get(&section->map, "driver"), "none");
	section = hyfw_config_find(config, "volume", "data");
	assert_string_equal(hyfw_map_get(&section->map, "driver"), "dir");
	assert_int_equal(section->origin.kind, HYFW_ORIGIN_DEFAULT);
	section = hyfw_config_find(config, "hyfw", "");
	assert_string_equal(hyfw_map_get(&section->map, "step_timeout"), "60000");
	assert_string_equal(hyfw_config_next(config, "workload", &cursor)->name, "a");
	assert_string_equal(hyfw_config_next(config, "workload", &cursor)->name, "b");
	section = hyfw_config_next(config, "workload", &cursor);
	assert_null(hyfw_config_next(config, "workload", &cursor));
	assert_string_equal(hyfw_map_get(&section->map, "storage"), "dir");
	cursor = 0;
	assert_string_equal(hyfw_map_next(&section->map, "security", &cursor), "cgroups");
	assert_string_equal(hyfw_map_next(&section->map, "security", &cursor), "capabilities");
	assert_string_equal(hyfw_map_next(&section->map, "security", &cursor), "seccomp");
	assert_int_equal(hyfw_config_fail(&err, 22, section, "links", "x"), -22);
	assert_string_equal(err->message, "web.ini:11: [workload c] links = a: x");
	hyfw_config_free(config);
}

static void a_file_must_give_a_name_to_the_stack(void **state)
{
	const char *const paths[] = { "My Stack.ini", NULL };
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct hyfw_config *config;

	(void)state;
	put_file(paths[0], "");
	assert_null(read_stack(paths, &err));
	assert_string_equal(err->message, "My Stack.ini: 'My Stack' cannot be the name of the stack, give one with "
			    "`name =` in [hyfw]: not a name: at most 63 of a-z 0-9 _ . -, the first a letter or a digit");
	hyfw_forget(&err);
	put_file(paths[0], "[hyfw]\nname = mine\n");
	config = read_stack(paths, &err);
	assert_non_null(config);
	hyfw_config_free(config);
}

/* A thousand workloads in a chain, each linked to the one before. */
static void large_stacks_are_quick(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct hyfw_config *config;
	char *text = NULL;
	size_t size, i;
	FILE *to = open_memstream(&text, &size);

	(void)state;
	fputs("[workload w0]\n" R, to);
	for (i = 1; i < 1000; i++)
		fprintf(to, "[workload w%zu]\n" R "depends_on = w%zu\nlinks = w%zu\npublish = %zu:80\n", i, i - 1, i - 1,
			i + 1000);
	fclose(to);
	config = read_text(text, &err);
	if (!config)
		print_error("%s\n", err->message);
	assert_non_null(config);
	hyfw_config_free(config);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_stacks_are_refused),
		cmocka_unit_test(what_is_used_exists),
		cmocka_unit_test(a_file_must_give_a_name_to_the_stack),
		cmocka_unit_test(large_stacks_are_quick),
	};

	return cmocka_run_group_tests(tests, helper_setup, helper_teardown);
}
