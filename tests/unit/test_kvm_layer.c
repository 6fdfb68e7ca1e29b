/* SPDX-License-Identifier: BSD-3-Clause
 * Files of external snapshots: which lies on which, what can go, and what a qcow2 file
 * may say of itself. */
#include "kvm_fixture.h"

#include "../../plugins/isolation/kvm/snapshot/layer.h"
#include "../../plugins/isolation/kvm/snapshot/overlay.h"

/* Two snapshots one after the other, and a branch from the first:
 * base <- 1 <- 2 (left), base <- 3 (active). */
static struct json_object *make(void)
{
	struct json_object *kept = json_tokener_parse(
		"{\"disks\":[{\"name\":\"disk1\",\"path\":\"/base\",\"format\":\"raw\"}],\"snapshots\":["
		"{\"name\":\"a\",\"type\":\"external\",\"disks\":[{\"base\":\"/base\",\"path\":\"/base\",\"format\":\"raw\"}]},"
		"{\"name\":\"b\",\"type\":\"external\",\"disks\":[{\"base\":\"/base\",\"path\":\"/1\",\"format\":\"qcow2\"}]}]}");

	kvm_layer_add(kept, "/1", "/base", "/base");
	kvm_layer_add(kept, "/2", "/1", "/base");
	kvm_layer_add(kept, "/3", "/base", "/base");
	return kept;
}

static void forget_snapshot(struct json_object *kept, size_t at)
{
	json_object_array_del_idx(kvm_keep_array(kept, "snapshots"), at, 1);
}

static void assert_unneeded(struct json_object *kept, const char *path, const char *dependent)
{
	struct json_object *found = NULL;
	const char *unneeded = kvm_layer_unneeded(kept, &found);

	if (!path) {
		assert_null(unneeded);
		return;
	}
	assert_non_null(unneeded);
	assert_string_equal(unneeded, path);
	if (dependent)
		assert_string_equal(kvm_keep_text(found, "path"), dependent);
	else
		assert_null(found);
}

static void layers_know_their_place(void **state)
{
	struct json_object *kept = make();

	(void)state;
	assert_string_equal(kvm_layer_top(kept, "/base"), "/3");
	assert_string_equal(kvm_layer_top(kept, "/other"), "/other");
	assert_string_equal(kvm_layer_base(kept, "/2"), "/base");
	assert_string_equal(kvm_layer_format(kept, "/base"), "raw");
	assert_string_equal(kvm_keep_text(kvm_layer_find(kept, "/1"), "format"), "raw");
	assert_string_equal(kvm_keep_text(kvm_layer_find(kept, "/2"), "format"), "qcow2");
	assert_int_equal(kvm_layer_depth(kept, "/2"), 2);
	assert_int_equal(kvm_layer_depth(kept, "/base"), 0);
	assert_true(kvm_layer_in_use(kept, "/3"));
	assert_true(kvm_layer_in_use(kept, "/base"));
	assert_false(kvm_layer_in_use(kept, "/1"));
	assert_true(kvm_layer_is_named(kept, "/1"));
	assert_false(kvm_layer_is_named(kept, "/2"));
	json_object_put(kept);
}

static void a_damaged_record_is_no_endless_loop(void **state)
{
	struct json_object *kept = json_object_new_object();

	(void)state;
	kvm_layer_add(kept, "/1", "/2", "/base");
	kvm_layer_add(kept, "/2", "/1", "/base");
	assert_true(kvm_layer_depth(kept, "/1") <= 3);
	assert_false(kvm_layer_in_use(kept, "/base"));
	json_object_put(kept);
}

static void what_nothing_needs_goes(void **state)
{
	struct json_object *kept = make();

	(void)state;
	assert_unneeded(kept, "/2", NULL); /* the top that was left */
	kvm_layer_remove(kept, "/2");
	assert_unneeded(kept, NULL, NULL);
	forget_snapshot(kept, 0); /* two lie on the base: it stays */
	assert_unneeded(kept, NULL, NULL);
	forget_snapshot(kept, 0);
	assert_unneeded(kept, "/1", NULL);
	kvm_layer_remove(kept, "/1");
	assert_unneeded(kept, "/base", "/3");
	kvm_layer_fold(kept, "/3", "/base");
	assert_false(kvm_layer_any(kept));
	assert_string_equal(kvm_layer_top(kept, "/base"), "/base");
	json_object_put(kept);
}

static void a_middle_one_is_merged_into_what_it_lies_on(void **state)
{
	struct json_object *kept = make(), *disk;

	(void)state;
	kvm_layer_remove(kept, "/3");
	json_object_object_add(kvm_layer_find(kept, "/2"), "active", json_object_new_boolean(true));
	forget_snapshot(kept, 0);
	assert_unneeded(kept, "/base", "/1");
	kvm_layer_fold(kept, "/1", "/base");
	disk = json_object_array_get_idx(kvm_keep_array(json_object_array_get_idx(kvm_keep_array(kept, "snapshots"), 0),
							"disks"), 0);
	assert_string_equal(kvm_keep_text(disk, "path"), "/base");
	assert_string_equal(kvm_keep_text(disk, "format"), "raw");
	assert_string_equal(kvm_keep_text(kvm_layer_find(kept, "/2"), "on"), "/base");
	assert_string_equal(kvm_keep_text(kvm_layer_find(kept, "/2"), "format"), "raw");
	assert_string_equal(kvm_layer_top(kept, "/base"), "/2");
	json_object_put(kept);
}

static void an_active_one_merged_into_a_layer_leaves_that_active(void **state)
{
	struct json_object *kept = make();

	(void)state;
	kvm_layer_remove(kept, "/3");
	json_object_object_add(kvm_layer_find(kept, "/2"), "active", json_object_new_boolean(true));
	forget_snapshot(kept, 1);
	assert_unneeded(kept, "/1", "/2");
	kvm_layer_fold(kept, "/2", "/1");
	assert_string_equal(kvm_layer_top(kept, "/base"), "/1");
	assert_unneeded(kept, NULL, NULL);
	json_object_put(kept);
}

/* ---- headers ---- */

#define SIZE 512

static void put32(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 24);
	at[1] = (uint8_t)(value >> 16);
	at[2] = (uint8_t)(value >> 8);
	at[3] = (uint8_t)value;
}

/* Version 3, on /base of format raw. */
static void make_header(uint8_t bytes[SIZE])
{
	memset(bytes, 0, SIZE);
	put32(bytes, 0x514649fb);
	put32(bytes + 4, 3);
	put32(bytes + 12, 200); /* offset and length of the name */
	put32(bytes + 16, 5);
	put32(bytes + 28, 1u << 20);
	put32(bytes + 100, 104);
	put32(bytes + 104, 0xe2792aca);
	put32(bytes + 108, 3);
	memcpy(bytes + 112, "raw", 3);
	memcpy(bytes + 200, "/base", 5);
}

static void a_header_is_read(void **state)
{
	struct kvm_overlay overlay;
	uint8_t bytes[SIZE];

	(void)state;
	make_header(bytes);
	assert_int_equal(kvm_overlay_parse(bytes, SIZE, &overlay), 0);
	assert_string_equal(overlay.backing, "/base");
	assert_string_equal(overlay.format, "raw");
	assert_int_equal(overlay.size, 1u << 20);
	assert_false(overlay.external_data);
	assert_int_equal(overlay.snapshots, 0);
	put32(bytes + 60, 2);
	assert_int_equal(kvm_overlay_parse(bytes, SIZE, &overlay), 0);
	assert_int_equal(overlay.snapshots, 2);
	bytes[79] = 4; /* incompatible feature: an external data file */
	assert_int_equal(kvm_overlay_parse(bytes, SIZE, &overlay), 0);
	assert_true(overlay.external_data);
}

static void a_hostile_header_is_refused(void **state)
{
	static const struct { size_t at; uint32_t value; } lies[] = {
		{ 0, 0 }, { 4, 4 }, { 12, SIZE }, { 12, 0xffffffff }, { 8, 1 }, { 16, 4096 }, { 16, 0x7fffffff },
		{ 100, SIZE + 1 }, { 108, SIZE }, { 108, 0xffffffff }, { 108, 32 },
	};
	struct kvm_overlay overlay;
	uint8_t bytes[SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < KVM_COUNT(lies); i++) {
		make_header(bytes);
		put32(bytes + lies[i].at, lies[i].value);
		if (kvm_overlay_parse(bytes, SIZE, &overlay) == 0)
			fail_msg("%u at %zu is taken", lies[i].value, lies[i].at);
	}
	make_header(bytes);
	bytes[202] = '\0'; /* a name that ends early */
	assert_int_equal(kvm_overlay_parse(bytes, SIZE, &overlay), -EBADMSG);
	for (i = 0; i < 120; i++) { /* cut short */
		make_header(bytes);
		assert_int_equal(kvm_overlay_parse(bytes, i, &overlay), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layers_know_their_place),
		cmocka_unit_test(a_damaged_record_is_no_endless_loop),
		cmocka_unit_test(what_nothing_needs_goes),
		cmocka_unit_test(a_middle_one_is_merged_into_what_it_lies_on),
		cmocka_unit_test(an_active_one_merged_into_a_layer_leaves_that_active),
		cmocka_unit_test(a_header_is_read),
		cmocka_unit_test(a_hostile_header_is_refused),
	};

	return cmocka_run_group_tests_name("kvm layers", tests, NULL, NULL) + kvm_layers_tests();
}
