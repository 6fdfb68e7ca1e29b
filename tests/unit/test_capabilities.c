/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/capability.h>

#include "fake_host.h"
#include "security/capabilities/capabilities.h"

#define BIT(name) (UINT64_C(1) << (name))
#define SETTINGS(...)                                                              \
	{                                                                          \
		sizeof((struct hyfw_pair[]){ __VA_ARGS__ }) / sizeof(struct hyfw_pair), \
			(struct hyfw_pair[]){ __VA_ARGS__ }                         \
	}
#define SUBJECT(mapped, ...)                                                                \
	{                                                                                   \
		.size = sizeof(struct hyfw_subject), .kind = HYFW_SUBJECT_WORKLOAD, .name = "web", \
		.idmap = { 100000, 100000, mapped }, .settings = SETTINGS(__VA_ARGS__)        \
	}

static struct capability_sets decide(const struct hyfw_subject *subject)
{
	struct capability_sets sets = { 0 };
	struct hyfw_error *err = NULL;

	assert_int_equal(capability_decide(&fake_host, subject, &sets, &err), 0);
	assert_null(err);
	return sets;
}

static void refused(const struct hyfw_subject *subject, const char *message)
{
	struct capability_sets sets;
	struct hyfw_error *err = NULL;

	assert_true(capability_decide(&fake_host, subject, &sets, &err) < 0);
	assert_non_null(strstr(err->message, message));
	hyfw_forget(&err);
}

static void root_gets_the_small_default(void **state)
{
	struct hyfw_subject subject = SUBJECT(65536, { "user", "" });
	struct capability_sets sets = decide(&subject);

	(void)state;
	assert_int_equal(sets.bounding, capability_defaults());
	assert_int_equal(sets.permitted, sets.bounding);
	assert_int_equal(sets.effective, sets.bounding);
	assert_int_equal(sets.ambient | sets.inheritable, 0);
	assert_false(sets.bounding & (capability_dangers() | BIT(CAP_NET_RAW) | BIT(CAP_AUDIT_WRITE)));
}

static void add_and_drop_follow_the_order_of_the_peers(void **state)
{
	struct hyfw_subject only = SUBJECT(65536, { "cap_add", "CAP_NET_RAW" }, { "cap_drop", "ALL" });
	struct hyfw_subject less = SUBJECT(65536, { "cap_add", "ALL" }, { "cap_drop", "CAP_SYS_ADMIN" });
	struct hyfw_subject both = SUBJECT(65536, { "cap_add", "CAP_SYS_TIME" }, { "cap_drop", "CAP_SYS_TIME" });
	struct hyfw_subject none = SUBJECT(65536, { "cap_drop", "ALL" });

	(void)state;
	assert_int_equal(decide(&only).bounding, BIT(CAP_NET_RAW));
	assert_int_equal(decide(&less).bounding, capability_all() & ~BIT(CAP_SYS_ADMIN));
	assert_int_equal(decide(&both).bounding, capability_defaults());
	assert_int_equal(decide(&none).bounding, 0);
}

static void another_user_gets_only_what_was_added(void **state)
{
	struct hyfw_subject plain = SUBJECT(65536, { "user", "www-data" });
	struct hyfw_subject added = SUBJECT(65536, { "user", "33:33" }, { "cap_add", "CAP_NET_RAW" });
	struct hyfw_subject root = SUBJECT(65536, { "user", "0:33" });
	struct capability_sets sets = decide(&plain);

	(void)state;
	assert_int_equal(sets.permitted | sets.effective | sets.inheritable | sets.ambient, 0);
	assert_int_equal(sets.bounding, capability_defaults());
	sets = decide(&added);
	assert_int_equal(sets.ambient, BIT(CAP_NET_RAW));
	assert_int_equal(sets.inheritable, BIT(CAP_NET_RAW));
	assert_int_equal(sets.permitted, BIT(CAP_NET_RAW));
	assert_int_equal(decide(&root).permitted, capability_defaults());
}

static void wrong_names_are_refused_with_the_nearest(void **state)
{
	struct hyfw_subject typo = SUBJECT(65536, { "cap_add", "CAP_NET_ADMN" });
	struct hyfw_subject number = SUBJECT(65536, { "cap_drop", "12" });
	struct hyfw_subject longer = SUBJECT(65536, { "cap_drop",
		"CAP_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" });

	(void)state;
	refused(&typo, "cap_add: unknown capability CAP_NET_ADMN; the nearest is CAP_NET_ADMIN");
	refused(&number, "cap_drop: unknown capability 12");
	refused(&longer, "is not a capability");
}

static void dangers_without_a_user_namespace_are_said(void **state)
{
	struct hyfw_subject mapped = SUBJECT(65536, { "cap_add", "CAP_SYS_MODULE" });
	struct hyfw_subject bare = SUBJECT(0, { "cap_add", "CAP_SYS_ADMIN" });
	const struct hyfw_plugin *plugin = hyfw_plugin_entry_v1();
	void *instance = NULL;

	(void)state;
	assert_int_equal(decide(&mapped).dangerous, 0);
	assert_int_equal(plugin->common->open(&fake_host, NULL, &instance, NULL), 0);
	assert_int_equal(plugin->common->plan(instance, &mapped, NULL, fake.arena, NULL), 0);
	assert_int_equal(fake.warnings, 0);
	if (decide(&bare).bounding & BIT(CAP_SYS_ADMIN)) {
		assert_int_equal(plugin->common->plan(instance, &bare, NULL, fake.arena, NULL), 0);
		assert_int_equal(fake.warnings, 1);
		assert_non_null(strstr(fake.steps[1].summary, "sys_admin reach the host"));
	}
	assert_true(fake.steps[0].flags & HYFW_STEP_NOTE);
	assert_non_null(strstr(fake.steps[0].commands, "+sys_module"));
	plugin->common->close(instance);
}

static void confinement_carries_the_sets(void **state)
{
	struct hyfw_subject subject = SUBJECT(65536, { "no_new_privileges", "false" });
	const struct hyfw_plugin *plugin = hyfw_plugin_entry_v1();
	const struct hyfw_security_ops *ops = plugin->ops;
	struct hyfw_confinement confinement = { sizeof(confinement), .landlock_fd = -1 };
	void *instance = NULL;

	(void)state;
	assert_int_equal(plugin->common->open(&fake_host, NULL, &instance, NULL), 0);
	assert_int_equal(ops->confine(instance, &subject, NULL, fake.arena, &confinement, NULL), 0);
	assert_true(confinement.have_capabilities);
	assert_int_equal(confinement.bounding, capability_defaults());
	assert_false(confinement.no_new_privileges);
	subject.settings.count = 0;
	assert_int_equal(ops->confine(instance, &subject, NULL, fake.arena, &confinement, NULL), 0);
	assert_true(confinement.no_new_privileges);
	plugin->common->close(instance);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fake_host_begin, fake_host_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(root_gets_the_small_default),
		TEST(add_and_drop_follow_the_order_of_the_peers),
		TEST(another_user_gets_only_what_was_added),
		TEST(wrong_names_are_refused_with_the_nearest),
		TEST(dangers_without_a_user_namespace_are_said),
		TEST(confinement_carries_the_sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
