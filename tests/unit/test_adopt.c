/* SPDX-License-Identifier: BSD-3-Clause
 * A machine that came from another host, and what this one has, made one workload. */
#include "engine_fixture.h"

#include "engine/adopt_parts.h"
#include "engine/store.h"

static struct hyfw_pairs facts, set;
static struct hyfw_definition *came, *made;

static struct hyfw_use *add_use(struct hyfw_use **uses, size_t *count, const char *name, const char *driver)
{
	struct hyfw_use *use;

	*uses = hyfw_grow(*uses, *count + 1, sizeof(**uses));
	use = &(*uses)[(*count)++];
	memset(use, 0, sizeof(*use));
	use->name = hyfw_dup(name);
	use->driver = hyfw_dup(driver);
	use->anonymous = *name == '/';
	return use;
}

static void add_plugin(struct hyfw_definition *definition, const char *name, const char *key, const char *value)
{
	hyfw_strings_add(&definition->plugins, name);
	definition->plugin_settings = hyfw_new(sizeof(*definition->plugin_settings));
	hyfw_pairs_add(&definition->plugin_settings[0], key, value);
}

static int set_up(void **state)
{
	struct hyfw_use *use;

	if (engine_set_up(state) < 0)
		return -1;
	came = hyfw_new(sizeof(*came));
	came->name = hyfw_dup("web");
	came->stack = hyfw_dup("shop");
	came->created = 42;
	came->idmap = (struct hyfw_idmap){ 1879048192u, 1879048192u, 65536 };
	hyfw_pairs_add(&came->settings, "isolation", "kvm");
	hyfw_pairs_add(&came->settings, "image", "debian");
	hyfw_pairs_add(&came->settings, "storage", "qcow2");
	hyfw_pairs_add(&came->settings, "disk_size", "1073741824");
	hyfw_pairs_add(&came->settings, "disk", "data|device=disk");
	hyfw_pairs_add(&came->settings, "memory", "268435456");
	use = add_use(&came->disks, &came->disk_count, "data", "elsewhere");
	hyfw_pairs_add(&use->settings, "pool", "theirs");
	hyfw_pairs_add(&use->options, "device", "disk");
	add_use(&came->networks, &came->network_count, "front", "ovs");

	made = hyfw_new(sizeof(*made));
	made->name = hyfw_dup("vm");
	hyfw_pairs_add(&made->settings, "memory", "134217728");
	hyfw_pairs_add(&made->settings, "vcpus", "2");
	use = add_use(&made->disks, &made->disk_count, "data", "qcow2");
	hyfw_pairs_add(&use->settings, "pool", "ours");
	add_use(&made->networks, &made->network_count, "front", "bridge");
	add_plugin(made, "kvm", "uri", "qemu:///system");

	hyfw_pairs_add(&facts, "uuid", "11111111-2222-8333-8444-555555555555");
	hyfw_pairs_add(&facts, "root", "/srv/root.qcow2");
	hyfw_pairs_add(&facts, "root_format", "qcow2");
	return 0;
}

static int tear_down(void **state)
{
	hyfw_definition_free(HYFW_STEAL(came));
	hyfw_definition_free(HYFW_STEAL(made));
	hyfw_pairs_finish(&facts);
	hyfw_pairs_finish(&set);
	return engine_tear_down(state);
}

static void merge(void)
{
	const struct hyfw_adoption adoption = { .set = &set, .facts = hyfw_pairs_map(&facts) };

	hyfw_adopt_volumes(came, made);
	must(hyfw_adopt_merge(&adoption, came, made, err));
}

static const char *option(size_t disk, const char *key)
{
	const struct hyfw_map options = hyfw_pairs_map(&came->disks[disk].options);

	return hyfw_map_get(&options, key);
}

static void the_machine_is_its_own_and_the_rest_this_host_s(void **state)
{
	struct hyfw_map settings;

	(void)state;
	merge();
	assert_string_equal(came->name, "vm");
	assert_null(came->stack);
	assert_int_equal(came->created, 42);
	assert_int_equal(came->idmap.count, 0);
	assert_string_equal(came->networks[0].driver, "bridge");
	assert_string_equal(came->disks[0].driver, "qcow2");
	settings = hyfw_pairs_map(&came->disks[0].settings);
	assert_string_equal(hyfw_map_get(&settings, "pool"), "ours");
	assert_string_equal(option(0, "device"), "disk");
	assert_string_equal(came->plugins.items[0], "kvm");
	assert_string_equal(hyfw_definition_get(came, "memory"), "268435456");
	assert_null(hyfw_definition_get(came, "vcpus"));
	assert_string_equal(hyfw_definition_get(came, "uuid"), "11111111-2222-8333-8444-555555555555");
}

static void the_root_becomes_the_last_disk_and_is_booted_from(void **state)
{
	(void)state;
	merge();
	assert_null(hyfw_definition_get(came, "image"));
	assert_null(hyfw_definition_get(came, "disk_size"));
	assert_int_equal(came->disk_count, 2);
	assert_string_equal(came->disks[1].name, "/srv/root.qcow2");
	assert_true(came->disks[1].anonymous);
	assert_string_equal(option(1, "format"), "qcow2");
	assert_string_equal(option(1, "boot"), "1");
	assert_string_equal(came->settings.items[came->settings.count - 1].key, "disk");
}

static void with_an_order_of_kinds_the_root_is_the_first_disk(void **state)
{
	(void)state;
	hyfw_pairs_add(&came->settings, "boot", "hd");
	merge();
	assert_string_equal(came->disks[0].name, "/srv/root.qcow2");
	assert_null(option(0, "boot"));
	assert_string_equal(came->disks[1].name, "data");
	assert_true(strncmp(hyfw_definition_get(came, "disk"), "/srv/root.qcow2|", 16) == 0);
}

static void without_an_image_there_is_no_further_disk(void **state)
{
	(void)state;
	hyfw_pairs_remove(&came->settings, "image");
	merge();
	assert_int_equal(came->disk_count, 1);
}

static void keys_that_were_set_are_as_this_host_reads_them(void **state)
{
	(void)state;
	hyfw_pairs_add(&set, "memory", "128M");
	hyfw_pairs_add(&set, "vcpus", "2");
	merge();
	assert_string_equal(hyfw_definition_get(came, "memory"), "134217728");
	assert_string_equal(hyfw_definition_get(came, "vcpus"), "2");
}

/* Adopted twice at once it would have two monitors. */
static void a_machine_is_one_workload(void **state)
{
	static const char uuid[] = "11111111-2222-8333-8444-555555555555";
	HYFW_AUTO_FREE char *directory = hyfw_path_workload(false, "web", NULL);

	(void)state;
	must(hyfw_adopt_check_other(uuid, err));
	must(hyfw_make_directories(directory, 0700, err));
	must(hyfw_store_save(came, err));
	must(hyfw_adopt_check_other(uuid, err));
	hyfw_pairs_set(&came->settings, "uuid", uuid);
	must(hyfw_store_save(came, err));
	must_fail(hyfw_adopt_check_other(uuid, err), EEXIST, "it is workload web already");
	must(hyfw_adopt_check_other("21111111-2222-8333-8444-555555555555", err));
}

/* It is data of another host, and may say what no hyfw would. */
static void what_no_machine_has_is_found(void **state)
{
	(void)state;
	assert_null(hyfw_adopt_foreign(came));
	hyfw_pairs_add(&came->settings, "volume", "/srv/x|/x|rw|Z");
	assert_string_equal(hyfw_adopt_foreign(came), "volume");
	hyfw_pairs_add(&came->settings, "rootfs", "/srv/root");
	assert_string_equal(hyfw_adopt_foreign(came), "rootfs");
	hyfw_pairs_remove(&came->settings, "rootfs");
	hyfw_pairs_remove(&came->settings, "volume");
	add_use(&came->volumes, &came->volume_count, "/srv/x", "dir");
	assert_string_equal(hyfw_adopt_foreign(came), "volume");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_machine_is_its_own_and_the_rest_this_host_s, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_root_becomes_the_last_disk_and_is_booted_from, set_up, tear_down),
		cmocka_unit_test_setup_teardown(with_an_order_of_kinds_the_root_is_the_first_disk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_an_image_there_is_no_further_disk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_machine_is_one_workload, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_no_machine_has_is_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keys_that_were_set_are_as_this_host_reads_them, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
