/* SPDX-License-Identifier: BSD-3-Clause
 * What a container sees: root file system, mounts, devices, kernel file systems,
 * and what it must not reach. */
#include "namespaces_fixture.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

static void says(const char *script, const char *expected)
{
	char *output = container_say(script);

	if (strcmp(output, expected) != 0)
		fail_msg("%s: %s", script, output);
	free(output);
}

static char *host_mounts(void)
{
	struct hyfw_error *err = NULL;
	char *text = hyfw_new(1 << 20);
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	ssize_t got;

	hyfw_forget(&err);
	while ((got = read(fd, text + size, (1 << 20) - 1 - size)) > 0)
		size += (size_t)got;
	close(fd);
	return text;
}

static void kernel_file_systems_are_fresh_and_guarded(void **state)
{
	(void)state;
	says("grep -c . /proc/1/comm; ls /proc | grep -c '^[0-9]*$'", "1\n3\n");
	says("cat /proc/keys /proc/timer_list /proc/interrupts | wc -c", "0\n");
	says("ls /sys/firmware /proc/scsi /proc/acpi 2>/dev/null | grep -v : | grep -c .", "0\n");
	says("echo 1 >/proc/sys/kernel/domainname", "sh: can't create /proc/sys/kernel/domainname: Read-only file system\n");
	says("mkdir /sys/x", "mkdir: can't create directory '/sys/x': Read-only file system\n");
	says("grep ' /sys ' /proc/mounts | grep -c 'ro,nosuid,nodev,noexec'", "1\n");
	says("grep ' /proc ' /proc/mounts | grep -c 'rw,nosuid,nodev,noexec'", "1\n");
	says("ls /sys/class/net; cat /sys/class/net/lo/flags", "lo\n0x9\n");
}

static void devices_are_private(void **state)
{
	(void)state;
	says("ls /dev", "core\nfd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\n"
	     "urandom\nzero\n");
	says("echo x >/dev/null; head -c4 /dev/zero | wc -c; head -c4 /dev/urandom | wc -c", "4\n4\n");
	says("echo x >/dev/full", "sh: write error: No space left on device\n");
	says("mknod /dev/sda b 8 0", "mknod: /dev/sda: Operation not permitted\n");
	says("mknod /tmp/sda b 8 0", "mknod: /tmp/sda: Operation not permitted\n");
	says("df -k /dev/shm | grep -c 65536; stat -c %a /dev/shm; echo x >/dev/shm/x; cat /dev/shm/x", "1\n1777\nx\n");
	says("echo out >/dev/stdout; echo err >/dev/stderr", "out\nerr\n");
	says("stat -c %u /dev/mqueue /dev/pts /dev/shm", "0\n0\n0\n");
}

static void nothing_leaks_in(void **state)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY); /* on purpose not close-on-exec */

	(void)state;
	says("ls /proc/self/fd", "0\n1\n2\n3\n"); /* 3 is that of ls */
	says("readlink /proc/self/cwd; ls -d /proc/self/root/../etc/passwd; cat /proc/self/setgroups",
	     "/\n/proc/self/root/../etc/passwd\nallow\n");
	AUTO_CONTAINER container = { 0 };

	container_init(&container, "pwd");
	container.workload.workdir = hyfw_arena_format(container.arena, "/proc/self/fd/%d", fd);
	assert_true(container_create(&container) < 0);
	assert_non_null(strstr(container.err->message, "working directory"));
	close(fd);
}

static void the_working_directory_is_made(void **state)
{
	AUTO_CONTAINER container = { 0 };
	char *path = fixture_path("root/home/new");

	(void)state;
	container_init(&container, "pwd; cd ..; ls");
	container.workload.workdir = "/home/new";
	assert_int_equal(container_run(&container), 0);
	assert_string_equal(container.output, "/home/new\nnew\n");
	assert_int_equal(rmdir(path), 0);
	free(path);
}

static void a_read_only_root_stays_so(void **state)
{
	AUTO_CONTAINER container = { 0 };

	(void)state;
	container_init(&container, "touch /x; touch /tmp/x && echo fine; touch /dev/shm/y && echo fine");
	container.workload.read_only = true;
	container.workload.root.flags |= HYFW_ATTACH_READ_ONLY; /* as the core says it */
	container_mount(&container, HYFW_ATTACHMENT_TMPFS, NULL, "/tmp", 0);
	container_mount(&container, HYFW_ATTACHMENT_BIND, "/etc/hosts", "/etc/hosts", HYFW_ATTACH_READ_ONLY);
	container_run(&container);
	assert_string_equal(container.output, "touch: /x: Read-only file system\nfine\nfine\n");
	char *made = fixture_path("root/etc/hosts");

	assert_int_equal(unlink(made), 0);
	free(made);
}

static void tmpfs_has_size_and_mode(void **state)
{
	AUTO_CONTAINER container = { 0 };
	struct hyfw_attachment *mount;

	(void)state;
	container_init(&container, "stat -c %a:%u /cache/deep; df -k /cache/deep | grep -c ' 1024 '; "
		       "head -c 2000000 /dev/zero >/cache/deep/x 2>/dev/null || echo full; "
		       "grep /cache/deep /proc/mounts | grep -c noexec");
	mount = container_mount(&container, HYFW_ATTACHMENT_TMPFS, NULL, "/cache/deep", HYFW_ATTACH_NOEXEC);
	mount->bytes = 1 << 20;
	mount->mode = 0700;
	container_run(&container);
	assert_string_equal(container.output, "700:0\n1\nfull\n1\n");
	char *path = fixture_path("root/cache/deep"), *parent = fixture_path("root/cache");

	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(parent), 0);
	free(path);
	free(parent);
}

static void directories_and_files_are_bound(void **state)
{
	AUTO_CONTAINER container = { 0 };
	char *volume = fixture_path("volume"), *file = fixture_path("volume/file"), *made = fixture_path("volume/made");
	struct stat status;

	(void)state;
	assert_int_equal(mkdir(volume, 0755), 0);
	fixture_write(file, "content\n", 0644);
	container_init(&container, "cat /data/file /etc/one; echo x >/etc/one; stat -c %u /data/file /ro/file; "
		       "touch /data/made; touch /ro/made2");
	container_mount(&container, HYFW_ATTACHMENT_BIND, volume, "/data", HYFW_ATTACH_IDMAP | HYFW_ATTACH_RECURSIVE);
	container_mount(&container, HYFW_ATTACHMENT_BIND, file, "/etc/one", HYFW_ATTACH_READ_ONLY | HYFW_ATTACH_IDMAP);
	container_mount(&container, HYFW_ATTACHMENT_BIND, volume, "/ro", HYFW_ATTACH_READ_ONLY);
	container_run(&container);
	assert_string_equal(container.output, "content\ncontent\nsh: can't create /etc/one: Read-only file system\n"
			    "0\n65534\ntouch: /ro/made2: Read-only file system\n");
	assert_int_equal(stat(made, &status), 0);
	assert_int_equal(status.st_uid, 0);
	free(volume);
	free(file);
	free(made);
}

static void refuses_mount(const char *source, const char *target, const char *part)
{
	AUTO_CONTAINER container = { 0 };

	container_init(&container, "true");
	container_mount(&container, HYFW_ATTACHMENT_BIND, source, target, 0);
	assert_true(container_create(&container) < 0);
	if (!strstr(container.err->message, part))
		fail_msg("%s on %s: %s", source, target, container.err->message);
}

static void what_cannot_be_mounted_is_told(void **state)
{
	(void)state;
	refuses_mount("/etc/passwd", "/tmp", "mount /tmp: Is a directory");
	refuses_mount("/etc", "/etc/passwd", "mount /etc/passwd: Not a directory");
	refuses_mount("/etc", "/etc/passwd/x", "mount point /etc/passwd/x: Not a directory");
	refuses_mount("/etc", "/", "mount /: Device or resource busy");
	refuses_mount("/no/such", "/data", "volume at /data: open /no/such: No such file or directory");
	refuses_mount("/proc/self/root", "/data", "volume at /data: open /proc/self/root: Too many levels");
}

/* A target that is, or goes through, a link out of the root must end up inside. */
static void links_in_targets_stay_inside(void **state)
{
	static const char *const links[][2] = {
		{ "/escape", "../../../../../../../../tmp/hyfw-ns-escape" },
		{ "/absolute", "/tmp/hyfw-ns-escape" },
		{ "/through", "/proc/1/root/tmp" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < HYFW_COUNT(links); i++) {
		AUTO_CONTAINER container = { 0 };
		char *link = hyfw_format("%s%s", fixture_root, links[i][0]);
		const char *below = hyfw_format("%s/sub", links[i][0]);

		container_init(&container, "touch /seen; grep -c tmpfs.*sub /proc/mounts");
		assert_int_equal(symlink(links[i][1], link), 0);
		container_mount(&container, HYFW_ATTACHMENT_TMPFS, NULL, below, 0);
		if (container_create(&container) == 0) {
			assert_int_equal(container_start(&container), 0);
			container_wait(&container);
			assert_string_equal(container.output, "1\n");
		}
		assert_int_equal(access("/tmp/hyfw-ns-escape", F_OK), -1);
		unlink(link);
		free(link);
		free((void *)(uintptr_t)below);
	}
	char *made = fixture_path("root/tmp/hyfw-ns-escape/sub");

	rmdir(made);
	*strrchr(made, '/') = '\0';
	rmdir(made);
	free(made);
}

static void proc_as_a_link_is_refused_or_stays_inside(void **state)
{
	AUTO_CONTAINER container = { 0 };
	char *proc = fixture_path("root/proc"), *before = host_mounts(), *after;

	(void)state;
	container_init(&container, "true");
	assert_int_equal(rmdir(proc), 0);
	assert_int_equal(symlink("/tmp", proc), 0);
	container_create(&container);
	after = host_mounts();
	assert_string_equal(before, after);
	assert_int_equal(unlink(proc), 0);
	assert_int_equal(mkdir(proc, 0755), 0);
	free(before);
	free(after);
	free(proc);
}

static void no_mount_is_seen_on_the_host(void **state)
{
	AUTO_CONTAINER container = { 0 };
	char *before = host_mounts(), *after;

	(void)state;
	container_init(&container, "sleep 100");
	container_mount(&container, HYFW_ATTACHMENT_TMPFS, NULL, "/tmp", 0);
	assert_int_equal(container_create(&container), 0);
	assert_int_equal(container_start(&container), 0);
	after = host_mounts();
	assert_string_equal(before, after);
	container_finish(&container);
	free(after);
	after = host_mounts();
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void the_host_cannot_be_reached(void **state)
{
	(void)state;
	AUTO_CONTAINER container = { 0 };

	container_init(&container, "umount /proc/timer_list; mount -t tmpfs none /tmp; mount -o remount,rw /sys");
	container.workload.confinement.have_capabilities = true;
	container_run(&container);
	assert_string_equal(container.output, "umount: can't unmount /proc/timer_list: Operation not permitted\n"
			    "mount: permission denied (are you root?)\nmount: permission denied (are you root?)\n");
	says("kill -9 1; echo $?", "0\n"); /* its own first process, which ignores it */
	says("test $(stat -c %i /) = $(stat -c %i /..) && echo same", "same\n");
}

/* A filter that refuses mkdir with EPERM, loaded with and without
 * no_new_privileges. */
static void the_system_call_filter_is_loaded(void **state)
{
	static const struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdir, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EUCLEAN),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		AUTO_CONTAINER container = { 0 };
		struct hyfw_confinement *confinement = &container.workload.confinement;

		container_init(&container, "mkdir /tmp/x; grep -E 'NoNewPrivs|Seccomp:|CapEff|CapBnd' /proc/self/status");
		confinement->seccomp_program = program;
		confinement->seccomp_instructions = HYFW_COUNT(program);
		confinement->no_new_privileges = i == 0;
		confinement->have_capabilities = true;
		confinement->bounding = confinement->permitted = confinement->effective = 0x3;
		container.workload.user = i == 1 ? "" : "ann";
		container_run(&container);
		assert_string_equal(container.output, hyfw_arena_format(container.arena,
			"mkdir: can't create directory '/tmp/x': Structure needs cleaning\n"
			"CapEff:\t000000000000000%d\nCapBnd:\t0000000000000003\nNoNewPrivs:\t%d\nSeccomp:\t2\n",
			i == 1 ? 3 : 0, i == 0));
	}
}

/* Neither a device file of the image nor one that it makes itself can be opened. */
static void raw_devices_are_refused(void **state)
{
	AUTO_CONTAINER image = { 0 }, maker = { 0 };
	char *node = fixture_path("root/zero");

	(void)state;
	container_init(&image, "head -c1 /zero");
	assert_int_equal(mknod(node, S_IFCHR | 0666, makedev(1, 5)), 0);
	container_run(&image);
	unlink(node);
	assert_string_equal(image.output, "head: /zero: Permission denied\n");
	container_init(&maker, "for d in /dev /dev/shm /tmp; do mknod $d/made c 1 5 && cat $d/made; done; rm /tmp/made");
	maker.workload.idmap = (struct hyfw_idmap){ 0 };
	container_run(&maker);
	assert_string_equal(maker.output, "cat: can't open '/dev/made': Permission denied\n"
			    "cat: can't open '/dev/shm/made': Permission denied\n"
			    "cat: can't open '/tmp/made': Permission denied\n");
	free(node);
}

static void it_works_without_a_user_namespace(void **state)
{
	AUTO_CONTAINER container = { 0 };
	char *before = host_mounts(), *after;

	(void)state;
	container_init(&container, "id -u; cat /proc/self/uid_map | wc -l; stat -c %u /bin/busybox; touch /tmp/mine && rm /tmp/mine");
	container.workload.idmap = (struct hyfw_idmap){ 0 };
	assert_int_equal(container_run(&container), 0);
	assert_string_equal(container.output, "0\n1\n0\n");
	after = host_mounts();
	assert_string_equal(before, after);
	free(before);
	free(after);
}

int namespaces_view_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_file_systems_are_fresh_and_guarded),
		cmocka_unit_test(devices_are_private),
		cmocka_unit_test(nothing_leaks_in),
		cmocka_unit_test(the_working_directory_is_made),
		cmocka_unit_test(a_read_only_root_stays_so),
		cmocka_unit_test(tmpfs_has_size_and_mode),
		cmocka_unit_test(directories_and_files_are_bound),
		cmocka_unit_test(what_cannot_be_mounted_is_told),
		cmocka_unit_test(links_in_targets_stay_inside),
		cmocka_unit_test(proc_as_a_link_is_refused_or_stays_inside),
		cmocka_unit_test(no_mount_is_seen_on_the_host),
		cmocka_unit_test(the_host_cannot_be_reached),
		cmocka_unit_test(the_system_call_filter_is_loaded),
		cmocka_unit_test(raw_devices_are_refused),
		cmocka_unit_test(it_works_without_a_user_namespace),
	};

	return cmocka_run_group_tests(tests, fixture_group_setup, fixture_group_teardown);
}
