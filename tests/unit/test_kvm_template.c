/* SPDX-License-Identifier: BSD-3-Clause
 * Templates of driver kvm, without machines: what those that start from one may say,
 * the store, and the saved machine under another name. */
#include "kvm_template_fixture.h"

#define FIXED "accel=tcg\nmemory=268435456\nvcpus=2\nmachine=q35\ncpu_feature=+a\ncpu_feature=-b\nkernel=/k"

/* ---- settings ---- */

static const char *merge(const char *text, struct hyfw_map *ret_settings)
{
	const struct hyfw_map fixed = kvm_test_map(FIXED), own = kvm_test_map(text);
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;

	if (kvm_template_merge(host, fake.arena, "t", &fixed, &own, ret_settings, &err) == 0)
		return NULL;
	return hyfw_arena_dup(fake.arena, err->message);
}

static void its_own_keys_are_kept_and_the_template_gives_the_rest(void **state)
{
	struct hyfw_map settings;
	size_t cursor = 0;

	(void)state;
	assert_null(merge("template=t\ncpus=500\nnetwork=lan\non_reboot=destroy\nuuid=" KVM_TEST_UUID, &settings));
	assert_string_equal(hyfw_map_get(&settings, "cpus"), "500");
	assert_string_equal(hyfw_map_get(&settings, "uuid"), KVM_TEST_UUID);
	assert_string_equal(hyfw_map_get(&settings, "network"), "lan");
	assert_int_equal(kvm_memory(&settings), 268435456);
	assert_int_equal(kvm_vcpus(&settings), 2);
	assert_string_equal(hyfw_map_next(&settings, "cpu_feature", &cursor), "+a");
	assert_string_equal(hyfw_map_next(&settings, "cpu_feature", &cursor), "-b");
	assert_null(hyfw_map_next(&settings, "cpu_feature", &cursor));
}

static void saying_the_same_is_no_contradiction(void **state)
{
	struct hyfw_map settings;
	size_t cursor = 0;

	(void)state;
	assert_null(merge("memory=268435456\nvcpus=2\naccel=auto\ncpu_feature=+a\ncpu_feature=-b", &settings));
	assert_non_null(hyfw_map_next(&settings, "memory", &cursor));
	assert_null(hyfw_map_next(&settings, "memory", &cursor)); /* once */
	assert_string_equal(hyfw_map_get(&settings, "accel"), "tcg");
}

static void a_contradiction_is_refused_by_name_and_value(void **state)
{
	static const struct {
		const char *own, *words;
	} bad[] = {
		{ "memory=536870912", "memory = 512M: template t has memory = 256M" },
		{ "vcpus=1", "vcpus = 1: template t has vcpus = 2" },
		{ "machine=pc", "machine = pc: template t has machine = q35" },
		{ "accel=kvm", "accel = kvm: template t has accel = tcg" },
		{ "cpu_feature=+a", "cpu_feature = +a" },
		{ "initrd=/i", "initrd = /i: template t has no initrd" },
		{ "image=debian", "image = debian: the disks" },
		{ "disk=/a.img", "disk = /a.img: the disks" },
		{ "read_only=true", "read_only = yes" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < KVM_COUNT(bad); i++) {
		struct hyfw_map settings;
		const char *message = merge(bad[i].own, &settings);

		if (!message || !strstr(message, bad[i].words))
			fail_msg("%s: %s", bad[i].own, message ? message : "passes");
	}
}

static void a_template_fixes_what_the_machine_really_had(void **state)
{
	const struct hyfw_map settings = kvm_test_map("accel=auto\ncpus=1500\nuuid=" KVM_TEST_UUID
						      "\nvnc_password=hush\nnetwork=none\nvideo=std");
	const struct hyfw_map fixed = kvm_template_take(host, fake.arena, &settings, KVM_ACCEL_TCG);

	(void)state;
	assert_string_equal(hyfw_map_get(&fixed, "accel"), "tcg");
	assert_string_equal(hyfw_map_get(&fixed, "memory"), "536870912");
	assert_string_equal(hyfw_map_get(&fixed, "vcpus"), "2");
	assert_string_equal(hyfw_map_get(&fixed, "video"), "std");
	assert_int_equal(fixed.count, 4); /* no name, no secret, no network */
}

/* ---- the store ---- */

static void write_memory(const char *name, const void *memory, size_t size)
{
	HYFW_AUTO_FREE char *below = hyfw_format("templates/%s", name);
	HYFW_AUTO_FREE char *header = hyfw_format("{\"version\":1,\"bytes\":%zu,\"settings\":["
						  "{\"key\":\"memory\",\"value\":\"268435456\"}]}", size);
	HYFW_AUTO_FREE char *json = hyfw_format("%s/template.json", below), *data = hyfw_format("%s/memory", below);

	make_directory("templates");
	make_directory(below);
	write_file(json, header, strlen(header));
	write_file(data, memory, size);
}

static const char *open_error(const char *name)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct kvm_template template;
	int result = kvm_template_open(host, fake.arena, name, &template, &err);

	kvm_template_close(&template);
	return result < 0 ? hyfw_arena_dup(fake.arena, err->message) : "";
}

static void what_is_not_whole_is_no_template(void **state)
{
	(void)state;
	write_memory("t", "0123456789", 10);
	assert_string_equal(open_error("t"), "");
	assert_non_null(strstr(open_error("s"), "there is no template s"));
	assert_non_null(strstr(open_error("../t"), "template = ../t: a name is"));
	assert_non_null(strstr(open_error(".t"), "a name is"));
	write_file("templates/t/memory", "012345", 6);
	assert_non_null(strstr(open_error("t"), "template t is damaged: its memory has 6 bytes of 10"));
	write_file("templates/t/template.json", "{\"version\":3}", 13);
	assert_non_null(strstr(open_error("t"), "another version"));
	write_file("templates/t/template.json", "{\"ver", 5);
	assert_non_null(strstr(open_error("t"), "is damaged"));
}

static int operate(int (*verb)(struct kvm_operation *, struct hyfw_error **), const char *name, struct hyfw_map *rows,
		   struct hyfw_error **err)
{
	struct kvm_instance kvm = { .host = host };
	struct hyfw_operation asked = { .object = name, .arena = fake.arena };
	struct kvm_operation operation = { .kvm = &kvm, .asked = &asked, .ret_result = rows };

	return verb(&operation, err);
}

static void one_in_use_is_not_removed(void **state)
{
	struct kvm_template template;
	struct hyfw_map rows = { 0 };
	struct hyfw_error *err = NULL;
	HYFW_AUTO_FREE char *use = hyfw_format("%s/machines/web.one.template.json", directory);

	(void)state;
	write_memory("t", "0123456789", 10);
	assert_int_equal(kvm_template_open(host, fake.arena, "t", &template, NULL), 0);
	assert_int_equal(kvm_template_use(host, fake.arena, "web.one", &template, NULL), 0);
	kvm_template_close(&template);
	assert_int_equal(operate(kvm_template_list, "", &rows, NULL), 0);
	assert_string_equal(hyfw_map_get(&rows, "row"), "t");
	assert_string_equal(hyfw_map_get(&rows, "users"), "web.one");
	assert_int_equal(operate(kvm_template_remove, "t", &rows, &err), -EBUSY);
	assert_non_null(strstr(err->message, "used by web.one"));
	hyfw_error_free(err);
	assert_int_equal(unlink(use), 0);
	assert_int_equal(operate(kvm_template_remove, "t", &rows, NULL), 0);
	assert_non_null(strstr(open_error("t"), "there is no template t"));
	rows = (struct hyfw_map){ 0 };
	assert_int_equal(operate(kvm_template_list, "", &rows, NULL), 0);
	assert_int_equal(rows.count, 0);
}

static void what_a_dead_process_was_making_goes(void **state)
{
	HYFW_AUTO_FREE char *mine = hyfw_format("templates/.mine.%d", (int)getpid());
	HYFW_AUTO_FREE char *mine_path = hyfw_format("%s/%s", directory, mine);
	HYFW_AUTO_FREE char *dead_path = hyfw_format("%s/templates/.dead.2147483646", directory);

	(void)state;
	write_memory("t", "0123456789", 10);
	make_directory(mine);
	make_directory("templates/.dead.2147483646");
	write_file("templates/.dead.2147483646/memory", "x", 1);
	kvm_template_gc(host, fake.arena);
	assert_int_equal(access(mine_path, F_OK), 0);
	assert_int_equal(access(dead_path, F_OK), -1);
	assert_string_equal(open_error("t"), "");
}

/* ---- the saved machine ---- */

struct saved { /* as libvirt writes it */
	char magic[16];
	uint32_t version, data_len, was_running, compressed, cookie, unused[14];
	char data[200];
};

static size_t make_saved(struct saved *saved, const char *xml, const char *notes, const char *stream)
{
	const size_t length = strlen(xml) + 1, more = notes ? strlen(notes) + 1 : 0;

	*saved = (struct saved){ .version = 2, .data_len = (uint32_t)(length + more), .was_running = 1,
				 .cookie = notes ? (uint32_t)length : 0 };
	memcpy(saved->magic, "LibvirtQemudSave", 16);
	strcpy(saved->data, xml);
	if (notes)
		strcpy(saved->data + length, notes);
	strcpy(saved->data + length + more, stream);
	return offsetof(struct saved, data) + length + more + strlen(stream);
}

/* What the file holds then; "" with the error when it cannot be made. */
static const char *renamed_as(const void *memory, size_t size, const char *genid, struct saved *ret_saved)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	KVM_AUTO_TEMPLATE struct kvm_template template = { 0 };
	HYFW_AUTO_CLOSE int fd = -1;

	write_file("templates/t/memory", memory, size);
	template.name = "t";
	template.directory = hyfw_arena_format(fake.arena, "%s/templates/t", directory);
	template.memory = hyfw_arena_format(fake.arena, "%s/memory", template.directory);
	memset(ret_saved, 0, sizeof(*ret_saved));
	if (kvm_template_image(host, fake.arena, &template, "a&b", KVM_TEST_UUID, genid, &fd, &err) < 0)
		return hyfw_arena_dup(fake.arena, err->message);
	assert_true(pread(fd, ret_saved, sizeof(*ret_saved) - 1, 0) > 0);
	return NULL;
}

static const char *renamed(const void *memory, size_t size, struct saved *ret_saved)
{
	return renamed_as(memory, size, NULL, ret_saved);
}

static void a_saved_machine_gets_another_name(void **state)
{
	struct saved before, after;
	size_t size;

	(void)state;
	write_memory("t", "", 0);
	size = make_saved(&before, "<domain><name>old</name><uuid>0</uuid></domain>", "<cookie/>", "STREAM");
	assert_null(renamed(&before, size, &after));
	assert_memory_equal(after.magic, "LibvirtQemudSave", 16);
	assert_int_equal(after.was_running, 1);
	assert_non_null(strstr(after.data, "<name>a&amp;b</name><uuid>" KVM_TEST_UUID "</uuid>"));
	assert_int_equal(after.cookie, strlen(after.data) + 1);
	assert_string_equal(after.data + after.cookie, "<cookie/>");
	assert_string_equal(after.data + after.data_len, "STREAM");
	size = make_saved(&before, "<domain><name>old</name><uuid>0</uuid></domain>", NULL, "S");
	assert_null(renamed(&before, size, &after));
	assert_int_equal(after.cookie, 0);
	assert_string_equal(after.data + after.data_len, "S");
}

static void a_saved_machine_gets_another_generation(void **state)
{
	struct saved before, after;
	size_t size;

	(void)state;
	write_memory("t", "", 0);
	size = make_saved(&before, "<domain><name>old</name><uuid>0</uuid><genid>1</genid></domain>", NULL, "S");
	assert_null(renamed_as(&before, size, "2-3", &after));
	assert_non_null(strstr(after.data, "<genid>2-3</genid>"));
	size = make_saved(&before, "<domain><name>old</name><uuid>0</uuid></domain>", NULL, "S");
	assert_non_null(strstr(renamed_as(&before, size, "2-3", &after), "template t is damaged"));
}

static void a_damaged_head_is_told(void **state)
{
	struct saved good, bad, after;
	size_t size;

	(void)state;
	write_memory("t", "", 0);
	size = make_saved(&good, "<domain><name>old</name><uuid>0</uuid></domain>", "<cookie/>", "STREAM");
	assert_non_null(strstr(renamed(&good, 20, &after), "template t is damaged"));
	bad = good;
	bad.magic[10] = 'X';
	assert_non_null(strstr(renamed(&bad, size, &after), "template t is damaged"));
	bad = good;
	bad.version = 3;
	assert_non_null(strstr(renamed(&bad, size, &after), "version 3"));
	bad = good;
	bad.data_len = UINT32_MAX;
	assert_non_null(strstr(renamed(&bad, size, &after), "template t is damaged"));
	bad = good;
	bad.cookie = bad.data_len + 1;
	assert_non_null(strstr(renamed(&bad, size, &after), "template t is damaged"));
	bad = good;
	bad.data[1] = '<';
	assert_non_null(strstr(renamed(&bad, size, &after), "template t is damaged"));
}

int kvm_template_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(its_own_keys_are_kept_and_the_template_gives_the_rest, begin, end),
		cmocka_unit_test_setup_teardown(saying_the_same_is_no_contradiction, begin, end),
		cmocka_unit_test_setup_teardown(a_contradiction_is_refused_by_name_and_value, begin, end),
		cmocka_unit_test_setup_teardown(a_template_fixes_what_the_machine_really_had, begin, end),
		cmocka_unit_test_setup_teardown(what_is_not_whole_is_no_template, begin, end),
		cmocka_unit_test_setup_teardown(one_in_use_is_not_removed, begin, end),
		cmocka_unit_test_setup_teardown(what_a_dead_process_was_making_goes, begin, end),
		cmocka_unit_test_setup_teardown(a_saved_machine_gets_another_name, begin, end),
		cmocka_unit_test_setup_teardown(a_saved_machine_gets_another_generation, begin, end),
		cmocka_unit_test_setup_teardown(a_damaged_head_is_told, begin, end),
	};

	return cmocka_run_group_tests_name("kvm-template", tests, NULL, NULL);
}
