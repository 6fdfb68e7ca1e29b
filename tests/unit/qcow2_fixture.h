/* SPDX-License-Identifier: BSD-3-Clause
 * What tests of driver qcow2 share: operations, disks to do them to, steps. */
#ifndef HYFW_TESTS_QCOW2_FIXTURE_H
#define HYFW_TESTS_QCOW2_FIXTURE_H

#include "base/cleanup.h"
#include "storage_fixture.h"

#define MIB (UINT64_C(1) << 20)

static inline void qemu_img(const struct fixture *fixture, const char *const *argv)
{
	const struct hyfw_program program = { .size = sizeof(program), .argv = argv };
	struct hyfw_error *err = NULL;

	if (hyfw_host_table()->run(fixture->arena, &program, NULL, &err) < 0)
		fail_msg("%s", err->message);
}

#define QEMU_IMG(fixture, ...) qemu_img(fixture, (const char *const[]){ "qemu-img", __VA_ARGS__, NULL })

/* Does 'verb' to 'object' with the arguments KEY, VALUE, ..., NULL. */
static inline int operate(struct fixture *fixture, struct hyfw_map *ret_result, struct hyfw_error **err,
			  const char *verb, const char *object, ...)
{
	struct hyfw_pair pairs[8];
	struct hyfw_operation operation = { .size = sizeof(operation), .verb = verb, .object = object,
					    .input_fd = -1, .output_fd = -1, .arena = fixture->arena };
	struct hyfw_map none = { 0 };
	va_list arguments;
	size_t count = 0;

	va_start(arguments, object);
	while ((pairs[count].key = va_arg(arguments, const char *))) {
		pairs[count].value = va_arg(arguments, const char *);
		assert_true(++count < 8);
	}
	va_end(arguments);
	operation.args.items = pairs;
	operation.args.count = count;
	return fixture->ops->operate(fixture->instance, &operation, ret_result ? ret_result : &none, err);
}

/* The same, which must succeed. */
#define DO(fixture, result, ...)                                             \
	do {                                                                 \
		struct hyfw_error *why_ = NULL;                              \
		if (operate(fixture, result, &why_, __VA_ARGS__, NULL) < 0)  \
			fail_msg("%s", why_->message);                       \
	} while (0)

/* And with the error that it must have. */
#define REFUSED(fixture, errnum, part, ...)                                                                  \
	do {                                                                                                 \
		struct hyfw_error *why_ = NULL;                                                              \
		fixture_failed(operate(fixture, NULL, &why_, __VA_ARGS__, NULL), errnum, &why_, part);       \
	} while (0)

/* One step in the shape that the engine gives it. */
static inline int do_step(struct fixture *fixture, bool undo, const char *verb, const struct hyfw_pair *args,
			  size_t count, struct hyfw_error **err)
{
	const struct hyfw_step step = { .size = sizeof(step), .verb = verb, .object = "", .args = { count, args } };
	struct hyfw_pairs before = { 0 };
	struct hyfw_map notes = hyfw_pairs_map(&told.notes);
	struct hyfw_call call = { .size = sizeof(call), .step = &step, .arena = fixture->arena, .workload = "web",
				  .netns_fd = -1 };
	int result;

	hyfw_pairs_add_map(&before, &notes);
	call.record = hyfw_pairs_map(&before);
	result = undo ? fixture->common->undo(fixture->instance, &call, err) :
			fixture->common->apply(fixture->instance, &call, err);
	hyfw_pairs_finish(&before);
	return result;
}

/* Opens the driver anew with the settings KEY, VALUE. */
static inline void reopen(struct fixture *fixture, const char *key, const char *value)
{
	const struct hyfw_pair pair = { key, value };
	const struct hyfw_map settings = { 1, &pair };
	struct hyfw_error *err = NULL;

	fixture->common->close(fixture->instance);
	assert_int_equal(fixture->common->open(hyfw_host_table(), &settings, &fixture->instance, &err), 0);
}

static inline void import_image(struct fixture *fixture, const char *name, const char *source)
{
	struct hyfw_error *err = NULL;

	if (fixture->ops->image_import(fixture->instance, name, source, NULL, false, NULL, &err) < 0)
		fail_msg("%s", err->message);
}

/* Eight bytes that are no offset, at 'offset'. */
static inline void fixture_damage(const char *path, off_t offset)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "\x7f\xff\xff\xff\xff\xff\xff\xff", 8, offset), 8);
	close(fd);
}

/* An image "debian" of 8 MiB that begins with "hello". */
static inline void make_image(struct fixture *fixture)
{
	const char *source = fixture_path(fixture, "source.raw");

	fixture_write(source, "hello");
	assert_int_equal(truncate(source, 8 * MIB), 0);
	import_image(fixture, "debian", source);
}

static inline uint64_t number(const struct hyfw_map *map, const char *key)
{
	const char *text = hyfw_map_get(map, key);

	if (!text)
		fail_msg("there is no %s", key);
	return strtoull(text, NULL, 10);
}

#endif
