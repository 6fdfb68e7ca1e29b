/* SPDX-License-Identifier: BSD-3-Clause
 * Definitions: to JSON and back, damaged JSON, and when two are the same. */
#include "engine_fixture.h"

#include <errno.h>

#include "engine/store.h"
#include "engine/systemd.h"

static struct hyfw_use *add_use(struct hyfw_use **uses, size_t *count, const char *name, const char *driver)
{
	*uses = hyfw_grow(*uses, *count + 1, sizeof(**uses));
	memset(&(*uses)[*count], 0, sizeof(**uses));
	(*uses)[*count].name = hyfw_dup(name);
	(*uses)[*count].driver = hyfw_dup(driver);
	return &(*uses)[(*count)++];
}

/* One with everything in it. */
static struct hyfw_definition *full(void)
{
	struct hyfw_definition *definition = hyfw_new(sizeof(*definition));
	struct hyfw_use *use;

	definition->name = hyfw_dup("web");
	definition->stack = hyfw_dup("shop");
	definition->transient = true;
	definition->created = 1795388629893;
	definition->idmap = (struct hyfw_idmap){ 1879048192u, 1879113728u, 65536 };
	hyfw_pairs_add(&definition->settings, "command", "sh");
	hyfw_pairs_add(&definition->settings, "command", "-c");
	hyfw_pairs_add(&definition->settings, "command", "echo \"\\\n\t\x7f\xc3\xa4/\"");
	hyfw_pairs_add(&definition->settings, "env", "A=");
	use = add_use(&definition->networks, &definition->network_count, "front", "bridge");
	hyfw_pairs_add(&use->settings, "subnet", "10.0.0.0/24");
	add_use(&definition->networks, &definition->network_count, "none", "none");
	use = add_use(&definition->volumes, &definition->volume_count, "/srv", "dir");
	use->target = hyfw_dup("/mnt");
	use->read_only = use->anonymous = true;
	hyfw_pairs_add(&use->settings, "path", "/srv");
	hyfw_strings_add(&definition->plugins, "bridge");
	definition->plugin_settings = hyfw_new(sizeof(*definition->plugin_settings));
	hyfw_pairs_add(&definition->plugin_settings[0], "mtu", "1400");
	return definition;
}

static void all_of_it_comes_back(void **state)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = full(), *back = NULL;
	HYFW_AUTO_FREE char *json = hyfw_definition_to_json(definition), *again = NULL;

	(void)state;
	must(hyfw_definition_from_json(json, &back, err));
	again = hyfw_definition_to_json(back);
	assert_string_equal(json, again);
	assert_true(hyfw_definition_equal(definition, back));
	assert_string_equal(back->name, "web");
	assert_string_equal(back->stack, "shop");
	assert_true(back->transient);
	assert_int_equal(back->created, 1795388629893);
	assert_int_equal(back->idmap.host_uid, 1879048192u);
	assert_int_equal(back->idmap.host_gid, 1879113728u);
	assert_int_equal(back->idmap.count, 65536);
	assert_int_equal(back->settings.count, 4);
	assert_string_equal(back->settings.items[2].value, "echo \"\\\n\t\x7f\xc3\xa4/\"");
	assert_int_equal(back->network_count, 2);
	assert_string_equal(back->networks[1].driver, "none");
	assert_false(back->networks[0].anonymous);
	assert_string_equal(back->volumes[0].target, "/mnt");
	assert_true(back->volumes[0].read_only);
	assert_true(back->volumes[0].anonymous);
	assert_string_equal(back->plugins.items[0], "bridge");
	assert_string_equal(back->plugin_settings[0].items[0].value, "1400");
}

static void little_is_enough(void **state)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = hyfw_new(sizeof(*definition)), *back = NULL;
	HYFW_AUTO_FREE char *json = NULL;

	(void)state;
	definition->name = hyfw_dup("web");
	json = hyfw_definition_to_json(definition);
	must(hyfw_definition_from_json(json, &back, err));
	assert_null(back->stack);
	assert_int_equal(back->idmap.count, 0);
	assert_string_equal(hyfw_definition_isolation(back), "namespaces");
	assert_null(hyfw_definition_get(back, "command"));
}

static void what_systemd_gets_mounted(void **state)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = full();
	const char *mounts[HYFW_SYSTEMD_MOUNTS];

	(void)state;
	assert_int_equal(hyfw_systemd_mounts(definition, mounts), 0);
	hyfw_pairs_set(&definition->settings, "systemd", "off");
	assert_int_equal(hyfw_systemd_mounts(definition, mounts), 0);
	hyfw_pairs_set(&definition->settings, "systemd", "detected");
	assert_int_equal(hyfw_systemd_mounts(definition, mounts), 3);
	assert_string_equal(mounts[0], "/run|0|755");
	assert_string_equal(mounts[2], "/tmp|0|1777");
	/* The workload's own take precedence, but not those below them. */
	hyfw_pairs_add(&definition->settings, "tmpfs", "/tmp|1048576|0");
	hyfw_pairs_add(&definition->settings, "tmpfs", "/run/user|0|0");
	free(definition->volumes[0].target);
	definition->volumes[0].target = hyfw_dup("/run");
	hyfw_pairs_set(&definition->settings, "systemd", "always");
	assert_int_equal(hyfw_systemd_mounts(definition, mounts), 1);
	assert_string_equal(mounts[0], "/run/lock|0|1777");
}

/* ---- damage ---- */

/* 'json' with the first 'from' replaced. */
static char *with(const char *json, const char *from, const char *to)
{
	const char *at = strstr(json, from);

	if (!at)
		fail_msg("no %s in %s", from, json);
	return hyfw_format("%.*s%s%s", (int)(at - json), json, to, at + strlen(from));
}

static void refuse(const char *json)
{
	struct hyfw_definition *back = NULL;

	must_fail(hyfw_definition_from_json(json, &back, err), EINVAL, "not a workload definition");
	assert_null(back);
}

static void cut_anywhere_it_is_refused(void **state)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = full();
	HYFW_AUTO_FREE char *json = hyfw_definition_to_json(definition);
	size_t length;

	(void)state;
	for (length = strlen(json); length > 0; length--) {
		json[length - 1] = '\0';
		refuse(json);
	}
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const struct {
		const char *from, *to;
	} bad[] = {
		{ "\"version\":1", "\"version\":2" },
		{ "\"version\":1", "\"version\":\"1\"" },
		{ "\"version\":1,", "" },
		{ "\"name\":\"web\"", "\"name\":5" },
		{ "\"name\":\"web\",", "" },
		{ "\"stack\":\"shop\"", "\"stack\":[]" },
		{ "\"transient\":true", "\"transient\":\"yes\"" },
		{ "\"created\":1795388629893", "\"created\":\"now\"" },
		{ "\"host_uid\":1879048192", "\"host_uid\":\"x\"" }, /* would be 0: root */
		{ "\"host_uid\":1879048192", "\"host_uid\":-1" },
		{ "\"host_uid\":1879048192", "\"host_uid\":4294967295" },
		{ "\"host_uid\":1879048192", "\"host_uid\":0" },
		{ "\"host_uid\":1879048192,", "" },
		{ "\"host_gid\":1879113728", "\"host_gid\":4294967296" },
		{ "\"id_count\":65536", "\"id_count\":4294967295" },
		{ "\"settings\":[", "\"settings\":[5," },
		{ "\"settings\":[", "\"settings\":[[\"a\"]," },
		{ "\"settings\":[", "\"settings\":[[\"a\",5]," },
		{ "\"settings\":[", "\"settings\":[[\"a\",\"b\",\"c\"]," },
		{ "\"settings\":[", "\"was\":[" },
		{ "\"networks\":[", "\"networks\":[5," },
		{ "\"networks\":[", "\"networks\":[{\"name\":\"a\",\"settings\":[]}," },
		{ "\"networks\":[", "\"networks\":[{\"driver\":\"a\",\"settings\":[]}," },
		{ "\"networks\":[", "\"networks\":[{\"name\":\"a\",\"driver\":\"a\"}," },
		{ "\"networks\":[", "\"was\":[" },
		{ "\"target\":\"/mnt\",", "" },
		{ "\"volumes\":[", "\"was\":[" },
		{ "\"plugins\":{", "\"plugins\":{\"x\":5," },
		{ "\"plugins\":{", "\"was\":{" },
	};
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = full();
	HYFW_AUTO_FREE char *json = hyfw_definition_to_json(definition);
	size_t i;

	(void)state;
	refuse("");
	refuse("[]");
	refuse("null");
	refuse("5");
	for (i = 0; i < HYFW_COUNT(bad); i++) {
		HYFW_AUTO_FREE char *damaged = with(json, bad[i].from, bad[i].to);
		HYFW_AUTO_DEFINITION struct hyfw_definition *back = NULL;

		if (hyfw_definition_from_json(damaged, &back, NULL) == 0)
			fail_msg("taken: %s for %s", bad[i].to, bad[i].from);
		refuse(damaged);
	}
}

static void deep_nesting_is_refused(void **state)
{
	HYFW_AUTO_FREE char *json = hyfw_new(200001);

	(void)state;
	memset(json, '[', 200000);
	refuse(json);
}

/* ---- equality ---- */

static void a_difference_is_found(void **state)
{
	static const struct {
		const char *from, *to;
	} other[] = {
		{ "\"sh\"", "\"bash\"" },
		{ "[\"env\",\"A=\"]", "[\"env\",\"A=1\"]" },
		{ "[\"env\",\"A=\"]", "[\"label\",\"A=\"]" },
		{ "[\"command\",\"sh\"],[\"command\",\"-c\"]", "[\"command\",\"-c\"],[\"command\",\"sh\"]" },
		{ ",[\"env\",\"A=\"]", "" },
		{ "\"front\"", "\"back\"" },
		{ "\"driver\":\"bridge\"", "\"driver\":\"ovs\"" },
		{ "10.0.0.0/24", "10.0.1.0/24" },
		{ "[\"path\",\"/srv\"]", "[\"path\",\"/home\"]" },
		{ "\"1400\"", "\"1500\"" },
		{ "\"bridge\":[", "\"ovs\":[" },
	};
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = full();
	HYFW_AUTO_FREE char *json = hyfw_definition_to_json(definition);
	size_t i;

	(void)state;
	for (i = 0; i < HYFW_COUNT(other); i++) {
		HYFW_AUTO_FREE char *changed = with(json, other[i].from, other[i].to);
		HYFW_AUTO_DEFINITION struct hyfw_definition *back = NULL;

		must(hyfw_definition_from_json(changed, &back, err));
		if (hyfw_definition_equal(definition, back) || hyfw_definition_equal(back, definition))
			fail_msg("%s is the same as %s", other[i].to, other[i].from);
	}
}

/* What a run of it decides is no difference. */
static void when_and_where_it_was_made_is_no_difference(void **state)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *a = full(), *b = full();

	(void)state;
	b->created = 5;
	b->transient = false;
	b->idmap = (struct hyfw_idmap){ 1, 1, 1 };
	assert_true(hyfw_definition_equal(a, b));
}

/* ---- stored ---- */

static void stored_under_another_name_it_is_damage(void **state)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = full(), *back = NULL;
	HYFW_AUTO_FREE char *web = hyfw_path_runtime("web", NULL), *db = hyfw_path_runtime("db", NULL);

	(void)state;
	must(hyfw_make_directories(web, 0700, err));
	must(hyfw_store_save(definition, err));
	must(hyfw_store_definition("web", &back, err));
	assert_int_equal(rename(web, db), 0);
	hyfw_definition_free(HYFW_STEAL(back));
	must_fail(hyfw_store_definition("db", &back, err), EINVAL, "workload db: definition.json is damaged");
	must_fail(hyfw_store_definition("web", &back, err), ENOENT, "there is no workload web");
	must_fail(hyfw_store_definition("../x", &back, err), EINVAL, "is not a workload name");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_it_comes_back),
		cmocka_unit_test(little_is_enough),
		cmocka_unit_test(what_systemd_gets_mounted),
		cmocka_unit_test(cut_anywhere_it_is_refused),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(deep_nesting_is_refused),
		cmocka_unit_test(a_difference_is_found),
		cmocka_unit_test(when_and_where_it_was_made_is_no_difference),
		cmocka_unit_test_setup_teardown(stored_under_another_name_it_is_damage, engine_set_up,
						engine_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
