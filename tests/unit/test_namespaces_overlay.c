/* SPDX-License-Identifier: BSD-3-Clause
 * Root file systems of several layers, in both ways of mounting them. */
#include "namespaces_fixture.h"

#include <sys/mount.h>

#include "base/files.h"
#include "isolation/namespaces/ns.h"

struct layers {
	char *paths[101];
	char *upper, *work, *base;
	size_t count;
};

/* 'count' layers above the busybox root, layer i with the file /layer-i and the
 * file /top that tells the uppermost. */
static void make_layers(struct layers *layers, const char *name, size_t count)
{
	size_t i;

	memset(layers, 0, sizeof(*layers));
	layers->base = hyfw_format("%s/%s", fixture_base, name);
	assert_int_equal(mkdir(layers->base, 0755), 0);
	for (i = 0; i < count; i++) {
		char *file, *top, *text = hyfw_format("%zu\n", i);

		layers->paths[i] = hyfw_format("%s/%zu", layers->base, i);
		assert_int_equal(mkdir(layers->paths[i], 0755), 0);
		file = hyfw_format("%s/layer-%zu", layers->paths[i], i);
		top = hyfw_format("%s/top", layers->paths[i]);
		fixture_write(file, text, 0644);
		fixture_write(top, text, 0644);
		free(file);
		free(top);
		free(text);
	}
	layers->paths[count] = hyfw_dup(fixture_root);
	layers->count = count + 1;
	layers->upper = hyfw_format("%s/upper", layers->base);
	layers->work = hyfw_format("%s/work", layers->base);
	assert_int_equal(mkdir(layers->upper, 0755), 0);
	assert_int_equal(mkdir(layers->work, 0755), 0);
	assert_int_equal(chown(layers->upper, HOST_ID, HOST_ID), 0);
	assert_int_equal(chown(layers->work, HOST_ID, HOST_ID), 0);
}

static void free_layers(struct layers *layers)
{
	size_t i;

	for (i = 0; i < layers->count; i++)
		free(layers->paths[i]);
	free(layers->upper);
	free(layers->work);
	free(layers->base);
}

static void set_root(struct container *container, const struct layers *layers, bool writable)
{
	const char **lower = hyfw_arena_alloc(container->arena, (layers->count + 1) * sizeof(*lower));
	size_t i;

	for (i = 0; i < layers->count; i++)
		lower[i] = layers->paths[i];
	container->workload.root = (struct hyfw_attachment){
		.size = sizeof(struct hyfw_attachment), .kind = HYFW_ATTACHMENT_OVERLAY, .target = "/",
		.source_fd = -1, .flags = HYFW_ATTACH_IDMAP, .lower = lower,
		.upper = writable ? layers->upper : NULL, .work = writable ? layers->work : NULL,
	};
}

static void two_layers_make_a_root(void **state)
{
	AUTO_CONTAINER container = { 0 };
	struct layers layers;
	struct stat status;
	char *made, *changed;

	(void)state;
	container_init(&container, "cat /top /layer-0; stat -c %u:%g / /top /bin/busybox; touch /made; echo new >>/etc/group; "
		       "rm /layer-0; ls /layer-0 2>/dev/null | wc -l; stat -c %u:%g /made /etc/group; id -u");
	make_layers(&layers, "two", 1);
	set_root(&container, &layers, true);
	assert_int_equal(container_run(&container), 0);
	assert_string_equal(container.output, "0\n0\n0:0\n0:0\n0:0\n0\n0:0\n0:0\n0\n");
	made = hyfw_format("%s/made", layers.upper);
	changed = hyfw_format("%s/etc/group", layers.upper);
	assert_int_equal(stat(made, &status), 0);
	assert_int_equal(status.st_uid, HOST_ID);
	assert_int_equal(stat(changed, &status), 0);
	assert_int_equal(status.st_uid, HOST_ID);
	free(made);
	free(changed);
	free_layers(&layers);
}

static void mount_points_are_made_in_a_read_only_root(void **state)
{
	AUTO_CONTAINER container = { 0 };
	struct layers layers;

	(void)state;
	container_init(&container, "touch /new/deep/x && echo fine; touch /x; touch /new/x");
	make_layers(&layers, "guarded", 1);
	set_root(&container, &layers, true);
	container.workload.read_only = true;
	container.workload.root.flags |= HYFW_ATTACH_READ_ONLY; /* as the core says it */
	container_mount(&container, HYFW_ATTACHMENT_TMPFS, NULL, "/new/deep", 0);
	container_run(&container);
	assert_string_equal(container.output, "fine\ntouch: /x: Read-only file system\n"
			    "touch: /new/x: Read-only file system\n");
	free_layers(&layers);
}

static void a_hundred_layers_make_a_root(void **state)
{
	AUTO_CONTAINER container = { 0 };
	struct layers layers;

	(void)state;
	container_init(&container, "cat /top /layer-99; ls / | grep -c layer-");
	make_layers(&layers, "hundred", 100);
	set_root(&container, &layers, true);
	assert_int_equal(container_run(&container), 0);
	assert_string_equal(container.output, "0\n99\n100\n");
	free_layers(&layers);
}

static void without_a_writable_layer_it_is_read_only(void **state)
{
	AUTO_CONTAINER container = { 0 }, single = { 0 };
	struct layers layers, one;

	(void)state;
	container_init(&container, "cat /top; touch /made");
	make_layers(&layers, "fixed", 1);
	set_root(&container, &layers, false);
	container_run(&container);
	assert_string_equal(container.output, "0\ntouch: /made: Read-only file system\n");
	container_init(&single, "touch /made");
	make_layers(&one, "single", 0);
	set_root(&single, &one, false);
	container_run(&single);
	assert_string_equal(single.output, "touch: /made: Read-only file system\n");
	free_layers(&layers);
	free_layers(&one);
}

static void check_way(const char *name, int (*way)(const struct ns_overlay *))
{
	struct ns_overlay overlay = { 0 };
	struct layers layers;
	int fds[101], fd, file;
	size_t i;

	if (geteuid() != 0)
		skip();
	make_layers(&layers, name, 60);
	for (i = 0; i < layers.count; i++) {
		fds[i] = open_tree(AT_FDCWD, layers.paths[i], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		assert_true(fds[i] >= 0);
	}
	overlay.layers = fds;
	overlay.count = layers.count;
	overlay.upper_path = layers.upper;
	overlay.work_path = layers.work;
	overlay.upper = open(layers.upper, O_PATH | O_CLOEXEC);
	overlay.work = open(layers.work, O_PATH | O_CLOEXEC);
	fd = way(&overlay);
	if (fd == -EINVAL && way == ns_overlay_detached)
		skip(); /* this kernel is older than 6.15 */
	assert_true(fd >= 0);
	file = openat(fd, "layer-59", O_RDONLY | O_CLOEXEC);
	assert_true(file >= 0);
	close(file);
	file = openat(fd, "made", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	close(file);
	close(fd);
	for (i = 0; i < layers.count; i++)
		close(fds[i]);
	close(overlay.upper);
	close(overlay.work);
	free_layers(&layers);
}

static void layers_can_be_given_detached(void **state)
{
	(void)state;
	check_way("detached", ns_overlay_detached);
}

static void layers_can_be_attached_by_a_helper(void **state)
{
	struct hyfw_error *err = NULL;
	char *before, *after;
	size_t size;

	(void)state;
	if (geteuid() != 0)
		skip();
	before = hyfw_new(1 << 20);
	after = hyfw_new(1 << 20);
	for (int i = 0; i < 2; i++) {
		int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);

		for (size = 0; size < (1 << 20) - 4096;) {
			ssize_t got = read(fd, (i ? after : before) + size, 4096);

			if (got <= 0)
				break;
			size += (size_t)got;
		}
		close(fd);
		if (i == 0)
			check_way("attached", ns_overlay_attached);
	}
	assert_string_equal(before, after);
	hyfw_forget(&err);
	free(before);
	free(after);
}

int namespaces_overlay_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_layers_make_a_root),
		cmocka_unit_test(mount_points_are_made_in_a_read_only_root),
		cmocka_unit_test(a_hundred_layers_make_a_root),
		cmocka_unit_test(without_a_writable_layer_it_is_read_only),
		cmocka_unit_test(layers_can_be_given_detached),
		cmocka_unit_test(layers_can_be_attached_by_a_helper),
	};

	return cmocka_run_group_tests(tests, fixture_group_setup, fixture_group_teardown);
}
