/* SPDX-License-Identifier: BSD-3-Clause
 * Writable layers: made, mounted, removed, and what holds an image. */
#include "overlay_fixture.h"
#include "overlay_tests.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

static void a_layer_is_made_for_its_owner_and_goes(void **state)
{
	struct fixture *fixture = *state;
	struct hyfw_subject subject = ROOT("web", "base");
	const char *layer = fixture_path(fixture, "data/drivers/overlay/layers/web+base");
	const char *tree = make_tree(fixture, "t");
	struct hyfw_attachment attachment;
	struct hyfw_error *err = NULL;
	struct stat st;

	chmod(tree, 0751);
	import(fixture, "base", tree, NULL);
	assert_int_equal(fixture->common->check(fixture->instance, &subject, &err), 0);
	assert_int_equal(fixture_plan(fixture, &subject), 1);
	assert_string_equal(told.verb, "layer");
	assert_int_equal(told.lifetime, HYFW_LIFETIME_WORKLOAD);
	assert_false(fixture_exists(layer));
	fixture_apply(fixture, "web");
	assert_int_equal(fixture_attach(fixture, &subject, &attachment, &err), 0);
	assert_int_equal(attachment.kind, HYFW_ATTACHMENT_OVERLAY);
	assert_int_equal(attachment.flags, HYFW_ATTACH_IDMAP | HYFW_ATTACH_NODEV);
	assert_int_equal(attachment.source_fd, -1);
	assert_string_equal(attachment.lower[0], fixture_path(fixture, "data/drivers/overlay/images/base/layers/0"));
	assert_null(attachment.lower[1]);
	assert_int_equal(stat(attachment.work, &st), 0);
	assert_int_equal(stat(attachment.upper, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0751);
	if (geteuid() == 0) {
		assert_int_equal(st.st_uid, 100000);
		assert_int_equal(st.st_gid, 200000);
	}
	fixture_write(hyfw_arena_format(fixture->arena, "%s/file", attachment.upper), "x");
	/* A second one of that name is refused, and its undo leaves the first alone. */
	hyfw_pairs_finish(&told.notes);
	fixture_failed(fixture_do(fixture, false, "web", &err), EEXIST, &err, "already");
	fixture_undo(fixture, "web");
	assert_true(fixture_exists(layer));
	hyfw_pairs_set(&told.notes, "layer", "web+base");
	fixture_undo(fixture, "web");
	assert_false(fixture_exists(layer));
	fixture_undo(fixture, "web");
	subject.transient = true;
	fixture_plan(fixture, &subject);
	assert_int_equal(told.lifetime, HYFW_LIFETIME_RUN);
}

static void a_missing_image_is_told(void **state)
{
	struct fixture *fixture = *state;
	struct hyfw_subject subject = ROOT("web", "debain");
	struct hyfw_error *err = NULL;

	import(fixture, "debian", make_tree(fixture, "t"), NULL);
	fixture_failed(fixture->common->check(fixture->instance, &subject, &err), ENOENT, &err,
		       "image debain: not found, the nearest is debian; `hyfw image list`");
	fixture_plan(fixture, &subject);
	fixture_failed(fixture_do(fixture, false, "web", &err), ENOENT, &err, "not found");
	fixture_undo(fixture, "web");
	assert_false(fixture_exists(fixture_path(fixture, "data/drivers/overlay/layers/web+debain")));
}

static void an_image_in_use_stays(void **state)
{
	struct fixture *fixture = *state;
	struct hyfw_subject subject = ROOT("web", "base");
	const char *tree = make_tree(fixture, "t");
	struct hyfw_map none = { 0 };
	struct hyfw_error *err = NULL;

	import(fixture, "base", tree, NULL);
	fixture_plan(fixture, &subject);
	fixture_apply(fixture, "web");
	fixture_failed(fixture->ops->image_remove(fixture->instance, "base", &err), EBUSY, &err, "workload web");
	fixture_failed(fixture->ops->image_import(fixture->instance, "base", tree, &none, true, NULL, &err), EBUSY, &err,
		       "workload web");
	assert_true(fixture_exists(in_image(fixture, "base", "etc")));
	fixture_undo(fixture, "web");
	assert_int_equal(fixture->ops->image_remove(fixture->instance, "base", &err), 0);
}

static void gc_removes_layers_of_the_dead(void **state)
{
	struct fixture *fixture = *state;
	struct hyfw_subject web = ROOT("web", "base"), db = ROOT("db", "base");
	const char *const living[] = { "db", NULL };
	struct hyfw_alive alive = { .size = sizeof(alive), .workloads = living };
	struct hyfw_error *err = NULL;

	import(fixture, "base", make_tree(fixture, "t"), NULL);
	fixture_plan(fixture, &web);
	fixture_apply(fixture, "web");
	fixture_plan(fixture, &db);
	fixture_apply(fixture, "db");
	assert_int_equal(fixture->common->gc(fixture->instance, &alive, &err), 0);
	assert_false(fixture_exists(fixture_path(fixture, "data/drivers/overlay/layers/web+base")));
	assert_true(fixture_exists(fixture_path(fixture, "data/drivers/overlay/layers/db+base")));
	assert_true(fixture_exists(in_image(fixture, "base", "etc")));
}

/* What attachment() says can be mounted, and is written to the upper layer. */
static int mount_layer(struct fixture *fixture, const struct hyfw_attachment *attachment)
{
	const char *root = fixture_path(fixture, "root");
	char *options = hyfw_arena_format(fixture->arena, "lowerdir=%s,upperdir=%s,workdir=%s", attachment->lower[0],
					  attachment->upper, attachment->work);

	mkdir(root, 0755);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 77;
	if (mount("overlay", root, "overlay", 0, options) < 0)
		return errno == ENODEV ? 77 : 1;
	fixture_write(hyfw_arena_format(fixture->arena, "%s/etc/new", root), "x");
	unlink(hyfw_arena_format(fixture->arena, "%s/etc/passwd", root));
	return fixture_exists(hyfw_arena_format(fixture->arena, "%s/usr", root)) ? 0 : 2;
}

static void the_attachment_can_be_mounted(void **state)
{
	struct fixture *fixture = *state;
	struct hyfw_subject subject = ROOT("web", "base:1");
	struct hyfw_attachment attachment;
	struct hyfw_error *err = NULL;
	int status;
	pid_t child;

	if (geteuid() != 0)
		skip();
	import(fixture, "base:1", make_tree(fixture, "t"), NULL);
	fixture_plan(fixture, &subject);
	fixture_apply(fixture, "web");
	assert_int_equal(fixture_attach(fixture, &subject, &attachment, &err), 0);
	child = fork();
	if (child == 0)
		_exit(mount_layer(fixture, &attachment));
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
	assert_true(fixture_exists(hyfw_arena_format(fixture->arena, "%s/etc/new", attachment.upper)));
	assert_false(fixture_exists(in_image(fixture, "base@1", "etc/new")));
	assert_true(fixture_exists(in_image(fixture, "base@1", "etc/passwd")));
	fixture_undo(fixture, "web"); /* with the kernel's own files in work/ and a whiteout */
	assert_false(fixture_exists(fixture_path(fixture, "data/drivers/overlay/layers/web+base@1")));
}

int overlay_layer_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_layer_is_made_for_its_owner_and_goes),
		TEST(a_missing_image_is_told),
		TEST(an_image_in_use_stays),
		TEST(gc_removes_layers_of_the_dead),
		TEST(the_attachment_can_be_mounted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
