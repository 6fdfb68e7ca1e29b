/* SPDX-License-Identifier: BSD-3-Clause
 * What an isolation driver that runs disks makes of a configuration: other
 * defaults, no root and no command, and what is refused.  With the fake drivers. */
#include "config_helper.h"

#include <unistd.h>

#include "config/load.h"
#include "plugin/registry.h"

#define FAKES "storage = fake-storage\nsecurity = fake-security\n"
#define VM "[workload vm]\nisolation = fake-machine\nnetwork = front\n"
#define FRONT "[network front]\ndriver = fake-network\n"

/* Not below /tmp: what others can write to is not trusted. */
static char plugins[] = "/var/lib/hyfw-machines-XXXXXX";
static struct hyfw_context context;

static void install(const char *name)
{
	HYFW_AUTO_FREE char *from = hyfw_format("%s/%s.so", FAKE_DRIVERS, name);
	HYFW_AUTO_FREE char *to = hyfw_format("%s/%s.so", plugins, name);
	HYFW_AUTO_FREE char *data = NULL;
	size_t size;

	assert_int_equal(hyfw_file_read(AT_FDCWD, from, 16u << 20, &data, &size, NULL), 0);
	put_bytes(to, data, size);
}

static int setup(void **state)
{
	static const char *const drivers[] = { "fake-isolation", "fake-machine", "fake-network", "fake-veth",
					       "fake-storage", "fake-block", "fake-security", "qcow2", "cgroups",
					       "capabilities", "seccomp" };
	const struct hyfw_context_options options = { .plugin_path = plugins };
	size_t i;

	if (geteuid() != 0)
		return 0; /* each test is skipped */
	if (helper_setup(state) < 0 || !mkdtemp(plugins) || hyfw_context_init(&context, &options, NULL) < 0)
		return -1;
	for (i = 0; i < HYFW_COUNT(drivers); i++)
		install(drivers[i]);
	return 0;
}

static int teardown(void **state)
{
	if (geteuid() != 0)
		return 0;
	hyfw_registry_close();
	hyfw_context_finish(&context);
	hyfw_remove_tree(AT_FDCWD, plugins, NULL);
	return helper_teardown(state);
}

#define NEED_ROOT                                                     \
	do {                                                          \
		if (geteuid() != 0)                                   \
			skip(); /* plugins are trusted by their owner */ \
	} while (0)

static struct hyfw_config *load(const char *text, struct hyfw_error **err)
{
	const char *const files[] = { "web.ini", NULL };
	struct hyfw_config *config = NULL;
	char *before = context.config_file;
	int result;

	put_file("main.ini", "");
	put_file("web.ini", text);
	context.config_file = (char *)"main.ini";
	result = hyfw_config_load(&context, false, files, &config, err);
	context.config_file = before;
	if (result == 0)
		result = hyfw_config_load_drivers_and_validate(config, err);
	if (result == 0)
		return config;
	hyfw_config_free(config);
	return NULL;
}

static struct hyfw_config *must_load(const char *text)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct hyfw_config *config = load(text, &err);

	if (!config)
		fail_msg("%s", err->message);
	return config;
}

static void expect_map(const struct hyfw_config *config, const char *type, const char *name, const char *key,
		       const char *expected)
{
	const struct hyfw_config_section *section = hyfw_config_find(config, type, name);
	HYFW_AUTO_FREE char *all = hyfw_dup("");
	const char *value;
	size_t cursor = 0;

	assert_non_null(section);
	while ((value = hyfw_map_next(&section->map, key, &cursor))) {
		char *longer = hyfw_format("%s%s%s", all, *all ? " " : "", value);

		free(all);
		all = longer;
	}
	assert_string_equal(all, expected);
}

static void the_defaults_are_what_the_isolation_takes(void **state)
{
	struct hyfw_config *config;

	(void)state;
	NEED_ROOT;
	config = must_load(VM "image = base\n" FRONT
			      "[workload box]\nisolation = fake-isolation\nrootfs = /\nstorage = fake-storage\nnetwork = front\ncommand = a\n");
	expect_map(config, "workload", "vm", "storage", "qcow2");
	expect_map(config, "workload", "vm", "security", "cgroups");
	expect_map(config, "workload", "box", "storage", "fake-storage");
	expect_map(config, "workload", "box", "security", "cgroups capabilities seccomp");
	hyfw_config_free(config);
}

static void what_was_set_is_kept(void **state)
{
	struct hyfw_config *config;

	(void)state;
	NEED_ROOT;
	config = must_load("[defaults]\nsecurity =\n" VM "image = base\nstorage = fake-block\n" FRONT);
	expect_map(config, "workload", "vm", "storage", "fake-block");
	expect_map(config, "workload", "vm", "security", "");
	hyfw_config_free(config);
}

static void a_machine_needs_no_root_and_no_driver_for_it(void **state)
{
	struct hyfw_config *config;

	(void)state;
	NEED_ROOT;
	config = must_load(VM FRONT);
	assert_null(hyfw_config_find(config, "plugin", "qcow2"));
	assert_non_null(hyfw_config_find(config, "plugin", "fake-machine"));
	hyfw_config_free(config);
}

static void a_volume_that_is_a_disk_has_another_driver(void **state)
{
	struct hyfw_config *config;

	(void)state;
	NEED_ROOT;
	config = must_load(VM "disk = data\ndisk = more:serial=more\ndisk = third\n" FRONT
			      "[volume more]\npath = /srv/more\n[volume third]\ndriver = fake-block\n");
	expect_map(config, "volume", "data", "driver", "qcow2");
	expect_map(config, "volume", "more", "driver", "qcow2");
	expect_map(config, "volume", "third", "driver", "fake-block");
	hyfw_config_free(config);
}

static void what_does_not_fit_is_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ VM "command = /bin/true\n" FRONT,
		  "web.ini:4: [workload vm] command = /bin/true: isolation driver fake-machine runs what its disk holds, and no command of yours" },
		{ VM "rootfs = /srv\n" FRONT,
		  "there is no storage driver 'dir'" },
		{ VM "volume = data:/data\n" FRONT "[volume data]\ndriver = fake-storage\n",
		  "web.ini:4: [workload vm] volume = data:/data: isolation driver fake-machine mounts no directories; give it a disk = of its own" },
		{ "[workload box]\nisolation = fake-isolation\nrootfs = /\nnetwork = front\n" FAKES "disk = data\n" FRONT
		  "[volume data]\ndriver = fake-block\n",
		  "disk = data: isolation driver fake-isolation takes no disks; a directory is given with volume =" },
		{ VM "image = base\nstorage = fake-storage\n" FRONT,
		  "web.ini:5: [workload vm] storage = fake-storage: storage driver fake-storage gives directories, and isolation driver fake-machine takes disks; leave `storage` out, or choose another" },
		{ VM "security = cgroups seccomp\n" FRONT,
		  "web.ini:4: [workload vm] security = seccomp: isolation driver fake-machine does not put into effect what the security module seccomp decides; leave it out of the list" },
		{ VM "[network front]\ndriver = fake-veth\n",
		  "web.ini:3: [workload vm] network = front: network driver fake-veth of [network front] makes nothing that isolation driver fake-machine takes (a tap or a user-mode network); choose a network of another driver, or none" },
		{ VM "disk = data\n" FRONT "[volume data]\ndriver = fake-storage\n",
		  "[volume data] is a directory, kept by driver fake-storage; a disk needs a volume of its own with driver = qcow2" },
		{ VM "disk = data\n" FRONT "[workload box]\nisolation = fake-isolation\nrootfs = /\nstorage = fake-storage\nsecurity =\nnetwork = front\n"
		  "command = a\nvolume = data:/data\n[volume data]\ndriver = fake-block\n",
		  "[volume data] is a disk, kept by driver fake-block, and cannot be mounted as a directory" },
		{ VM "disk_size = 2G\n" FRONT, "none of its drivers (fake-machine, cgroups, fake-network) honours this key" },
		{ "[workload box]\nisolation = fake-isolation\nnetwork = front\n" FAKES FRONT,
		  "neither image nor rootfs is given" },
	};
	size_t i;

	(void)state;
	NEED_ROOT;
	for (i = 0; i < HYFW_COUNT(cases); i++) {
		HYFW_AUTO_ERROR struct hyfw_error *err = NULL;

		assert_null(load(cases[i].text, &err));
		if (!strstr(err->message, cases[i].message))
			fail_msg("\"%s\", not \"%s\"", err->message, cases[i].message);
	}
}

/* ---- without drivers ---- */

#define TWO(one, other) "[workload a]\nimage = x\n" one "\n[workload b]\nimage = x\n" other "\n"

static void a_disk_that_is_written_to_has_one_user(void **state)
{
	static const struct {
		const char *text, *message; /* NULL: allowed */
	} cases[] = {
		{ TWO("disk = data", "disk = data"),
		  "web.ini:6: [workload b] disk = data: workload a has the same disk (data), and a disk that is written to cannot have two users; make both ro, or give each its own" },
		{ TWO("disk = data:ro", "disk = data"), "cannot have two users" },
		{ TWO("disk = data:ro", "disk = data:ro"), NULL },
		{ TWO("disk = data", "disk = other"), NULL },
		{ TWO("disk = data\ndisk = data", ""), "this workload has the same disk already" },
		{ TWO("cdrom = /srv/cd.iso", "cdrom = /srv/cd.iso"), NULL },
		{ TWO("disk = /no/such.img:format=raw", "disk = /no/such.img"), "cannot have two users" },
		{ TWO("cdrom = one.ino", ""), "must be an absolute path" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < HYFW_COUNT(cases); i++) {
		HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
		struct hyfw_config *config = read_text(cases[i].text, &err);

		if (!cases[i].message != !!config || (err && !strstr(err->message, cases[i].message)))
			fail_msg("%zu: %s", i, err ? err->message : "allowed");
		hyfw_config_free(config);
	}
}

static void two_names_of_one_file_are_one_disk(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	HYFW_AUTO_FREE char *text = hyfw_format(TWO("disk = %s/one.img", "disk = data") "[volume data]\npath = %s/two.img\n",
						helper_directory, helper_directory);

	(void)state;
	put_file("one.img", "x");
	assert_int_equal(link("one.img", "two.img"), 0);
	assert_null(read_text(text, &err));
	assert_non_null(strstr(err->message, "cannot have two users"));
}

static void disks_have_a_normal_form(void **state)
{
	static const struct {
		const char *text, *normal, *message;
	} cases[] = {
		{ "data", "data", NULL },
		{ "data:ro", "data|read_only=true", NULL },
		{ "/srv/a.iso:device=cdrom", "/srv/a.iso|device=cdrom|read_only=true", NULL },
		{ "/srv/a.img:boot=1,bus=scsi,rw,serial=A-1,format=raw,cache=none",
		  "/srv/a.img|bus=scsi|format=raw|read_only=false|cache=none|serial=A-1|boot=1", NULL },
		{ "/dev/disk/by-path/pci-0000:00:1f.2:rw", "/dev/disk/by-path/pci-0000:00:1f.2|read_only=false", NULL },
		{ "/dev/a:b/c", "/dev/a:b/c", NULL },
		{ "/dev/disk/by-path/pci-0000:00:1f.2", NULL, "where the path itself has a ':', put :rw or :ro behind it" },
		{ "Data", NULL, "the volume: not a name" },
		{ "/srv/../x", NULL, "the path on the host: must be a path without '..'" },
		{ "a|b", NULL, "holds a '|'" },
		{ "data:", NULL, "after the ':' comes at least one option" },
		{ "data:devcie=cdrom", NULL, "did you mean 'device='?" },
		{ "data:device=cdrmo", NULL, "device=: must be one of disk, cdrom, floppy; did you mean 'cdrom'?" },
		{ "data:device=cdrom,rw", NULL, "a CD cannot be rw" },
		{ "data:ro,rw", NULL, "ro or rw is given twice" },
		{ "data:boot=0", NULL, "boot=: must be from 1 to 64" },
		{ "data:serial=a<b", NULL, "serial=: takes at most 20 of" },
		{ "data:format=../x", NULL, "format=: not a name" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < HYFW_COUNT(cases); i++) {
		HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
		HYFW_AUTO_FREE char *text = hyfw_format("[workload vm]\nimage = x\ndisk = %s\n", cases[i].text);
		struct hyfw_config *config = read_text(text, &err);

		if (config && cases[i].normal)
			expect_map(config, "workload", "vm", "disk", cases[i].normal);
		else if (config || !cases[i].message || !strstr(err->message, cases[i].message))
			fail_msg("%s: %s", cases[i].text, config ? "allowed" : err->message);
		hyfw_config_free(config);
	}
}

/* Volumes of pools are in tests/cli/failover.bats: the fake driver has none. */
#define POOLS "[pool san]\npath = /etc\nshared = yes\n[pool own]\npath = /opt\n[volume plain]\ndriver = qcow2\n"
#define SHARED "disk = /etc/hostname:format=raw"

static void failover_wants_disks_that_its_hosts_share(void **state)
{
	static const struct {
		const char *keys, *message;
	} cases[] = {
		{ SHARED "\nfailover = b c.example\nfailover_lease = 5s\n", NULL },
		{ SHARED "\ndisk = plain:ro\nfailover = b\n", NULL },
		{ SHARED ",cache=directsync\nfailover = b\n", NULL },
		{ SHARED "\ndisk = plain\nfailover = b\n", "pool default is none that its hosts share" },
		{ SHARED "\ndisk = /proc/version\nfailover = b\n", "disk = /proc/version: the machine has failover" },
		{ SHARED ",cache=writeback\nfailover = b\n", "what cache=writeback keeps" },
		{ SHARED ",ro\nfailover = b\n", "no disk that it writes to" },
		{ SHARED "\nimage = base\nfailover = b\n", "its image lies on this host alone" },
		{ SHARED "\nfailover = a_b\n", "not a host name" },
		{ SHARED "\nfailover_lease = 5s\n", "set `failover`" },
		{ SHARED "\nfailover = b\nfailover_lease = 1s\n", "failover_lease = 1s" },
	};
	size_t i;

	(void)state;
	NEED_ROOT;
	for (i = 0; i < HYFW_COUNT(cases); i++) {
		HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
		HYFW_AUTO_FREE char *text = hyfw_format(POOLS FRONT VM "%s", cases[i].keys);
		struct hyfw_config *config = load(text, &err);

		if (!config != !!cases[i].message || (err && !strstr(err->message, cases[i].message)))
			fail_msg("%s: %s", cases[i].keys, err ? err->message : "allowed");
		hyfw_config_free(config);
	}
}

static void the_directory_of_a_host_is_not_shared(void **state)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;

	(void)state;
	NEED_ROOT;
	assert_null(load("[pool default]\nshared = yes\n" FRONT VM "disk = /etc/hostname:ro\n", &err));
	assert_non_null(strstr(err->message, "set `path`"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_defaults_are_what_the_isolation_takes),
		cmocka_unit_test(what_was_set_is_kept),
		cmocka_unit_test(a_machine_needs_no_root_and_no_driver_for_it),
		cmocka_unit_test(a_volume_that_is_a_disk_has_another_driver),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(a_disk_that_is_written_to_has_one_user),
		cmocka_unit_test(two_names_of_one_file_are_one_disk),
		cmocka_unit_test(disks_have_a_normal_form),
		cmocka_unit_test(failover_wants_disks_that_its_hosts_share),
		cmocka_unit_test(the_directory_of_a_host_is_not_shared),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
