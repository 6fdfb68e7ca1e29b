/* SPDX-License-Identifier: BSD-3-Clause
 * What is kept of a machine goes by another name: as often as it is asked for, there and
 * back, and not while something would be lost. */
#include "kvm_fixture.h"

#include <sys/stat.h>

#include "../../plugins/isolation/kvm/keep.h"

static char top[32];
static struct hyfw_host host;
static struct kvm_instance instance;
static struct hyfw_map told;

static const char *directory(const char *driver, enum hyfw_directory which)
{
	(void)driver;
	(void)which;
	return top;
}

static const char *at(const char *name)
{
	return hyfw_arena_format(fake.arena, "%s/%s", top, name);
}

static void put(const char *name, const char *text)
{
	assert_int_equal(hyfw_file_write(at(name), text, strlen(text), 0600, false, NULL), 0);
}

static bool is_there(const char *name)
{
	return access(at(name), F_OK) == 0;
}

static int set_up(void **state)
{
	(void)state;
	fake.arena = hyfw_arena_new();
	strcpy(top, "/tmp/hyfw-test-XXXXXX");
	if (!mkdtemp(top))
		return -1;
	host = *kvm_test_host();
	host.directory = directory;
	instance = (struct kvm_instance){ .host = &host };
	if (mkdir(at("machines"), 0700) < 0 || mkdir(at("nvram"), 0700) < 0 || mkdir(at("tpm"), 0700) < 0 ||
	    mkdir(at("tpm/old"), 0700) < 0 || mkdir(at("clones"), 0700) < 0 || mkdir(at("clones/old"), 0700) < 0)
		return -1;
	put("machines/old.json", "{\"disks\":[{\"name\":\"root\",\"path\":\"/roots/old\"},{\"path\":\"/other\"}],"
				"\"snapshots\":[{\"disks\":[{\"path\":\"/roots/old\"}]}]}");
	put("nvram/old.fd", "variables");
	put("tpm/old/state", "sealed");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	hyfw_arena_free(fake.arena);
	return hyfw_remove_tree(AT_FDCWD, top, NULL);
}

static int give(const char *from, const char *to, const char *disk_from, const char *disk_to, bool check,
		struct hyfw_error **err)
{
	const struct hyfw_pair args[] = { { "to", to }, { "disk_from", disk_from }, { "disk_to", disk_to },
					  { "check", check ? "true" : "false" } };
	const struct hyfw_operation asked = { .size = sizeof(asked), .verb = "rename", .object = from, .input_fd = -1,
					      .output_fd = -1, .arena = fake.arena, .args = { 4, args } };
	struct kvm_operation operation = { .kvm = &instance, .asked = &asked, .ret_result = &told };

	told = (struct hyfw_map){ 0 };
	return kvm_rename(&operation, err);
}

static void refused(const char *why)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;

	assert_true(give("old", "new", "/roots/old", "/roots/new", true, &err) < 0);
	assert_non_null(strstr(err->message, why));
	assert_true(is_there("machines/old.json"));
}

static void all_of_it_follows_and_the_guest_stays_the_same(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	const struct hyfw_map none = { 0 };
	HYFW_AUTO_FREE char *text = NULL;
	unsigned i;

	(void)state;
	assert_int_equal(give("old", "new", "/roots/old", "/roots/new", true, &err), 0);
	assert_true(is_there("machines/old.json"));
	for (i = 0; i < 2; i++) { /* as after a crash */
		assert_int_equal(give("old", "new", "/roots/old", "/roots/new", false, &err), 0);
		assert_false(is_there("machines/old.json"));
		assert_true(is_there("nvram/new.fd"));
		assert_true(is_there("tpm/new/state"));
		assert_false(is_there("tpm/old"));
		assert_string_equal(hyfw_map_get(&told, "setting uuid"), kvm_uuid(&host, fake.arena, "old", &none));
		assert_string_equal(hyfw_map_get(&told, "domain"), "hyfw-new");
	}
	assert_int_equal(hyfw_file_read(AT_FDCWD, at("machines/new.json"), 4096, &text, NULL, NULL), 0);
	assert_non_null(strstr(text, "new\""));
	assert_non_null(strstr(text, "other\""));
	assert_null(strstr(text, "old\""));
}

static void disks_on_a_template_follow(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	HYFW_AUTO_FREE char *text = NULL;

	(void)state;
	put("machines/old.json", hyfw_arena_format(fake.arena, "{\"disks\":[{\"path\":\"%s\"},{\"path\":\"%s\"}]}",
						   at("clones/old/root"), at("clones/older/root")));
	put("clones/old/root", "disk");
	assert_int_equal(give("old", "new", NULL, NULL, true, &err), 0);
	assert_true(is_there("clones/old/root"));
	assert_int_equal(give("old", "new", NULL, NULL, false, &err), 0);
	assert_true(is_there("clones/new/root"));
	assert_false(is_there("clones/old"));
	assert_int_equal(hyfw_file_read(AT_FDCWD, at("machines/new.json"), 4096, &text, NULL, NULL), 0);
	assert_non_null(strstr(text, "new\\/root\""));
	assert_non_null(strstr(text, "older\\/root\""));
	assert_null(strstr(text, "old\\/root\""));
}

static void it_goes_back(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	HYFW_AUTO_FREE char *text = NULL;

	(void)state;
	assert_int_equal(give("old", "new", "/roots/old", "/roots/new", false, &err), 0);
	assert_int_equal(give("new", "old", "/roots/new", "/roots/old", false, &err), 0);
	assert_true(is_there("tpm/old/state"));
	assert_int_equal(hyfw_file_read(AT_FDCWD, at("machines/old.json"), 4096, &text, NULL, NULL), 0);
	assert_non_null(strstr(text, "old\""));
	assert_null(strstr(text, "new\""));
}

static void memory_and_layers_are_in_the_way(void **state)
{
	(void)state;
	put("machines/old.saved", "memory");
	refused("its memory is saved");
	unlink(at("machines/old.saved"));
	put("machines/old.json", "{\"restore\":\"/tmp/file\"}");
	refused("its memory is saved");
	put("machines/old.json", "{\"layers\":[{\"path\":\"/1\"}]}");
	refused("it has external snapshots");
}

static void what_another_has_is_left_alone(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;

	(void)state;
	put("nvram/new.fd", "another's");
	refused("nvram/new.fd is there already");
	assert_int_equal(mkdir(at("clones/new"), 0700), 0);
	unlink(at("nvram/new.fd"));
	refused("clones/new is there already");
	put("nvram/new.fd", "another's");
	assert_int_equal(give("old", "new", NULL, NULL, false, &err), -EEXIST);
	assert_true(is_there("nvram/old.fd"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_of_it_follows_and_the_guest_stays_the_same, set_up, tear_down),
		cmocka_unit_test_setup_teardown(disks_on_a_template_follow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(it_goes_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(memory_and_layers_are_in_the_way, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_another_has_is_left_alone, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
