/* SPDX-License-Identifier: BSD-3-Clause
 * What the kvm driver refuses, by the key's name, and what it plans. */
#include "kvm_fixture.h"

#include <sys/stat.h>

#define BOOTS "image=debian\n"
#define SECRET "hu<s&h"

static struct kvm_instance instance;

static int begin(void **state)
{
	fake_host_begin(state);
	instance = (struct kvm_instance){ .host = kvm_test_host(), .emulator = (char *)(uintptr_t)KVM_EMULATOR };
	return 0;
}

/* Emulated, so that it is the same on every machine. */
static struct hyfw_subject subject_of(const char *settings)
{
	HYFW_AUTO_FREE char *emulated = hyfw_format("accel=tcg\n%s", settings);

	return (struct hyfw_subject){ .size = sizeof(struct hyfw_subject), .kind = HYFW_SUBJECT_WORKLOAD, .name = "m",
				      .workload = "m", .settings = kvm_test_map(emulated),
				      .idmap = { 200000, 200000, 65536 }, .isolation = "kvm" };
}

static int check(const char *settings, struct hyfw_error **err)
{
	const struct hyfw_subject subject = subject_of(settings);

	return kvm_check(&instance, &subject, err);
}

static void good_settings_pass(void **state)
{
	static const char *const good[] = {
		BOOTS, "kernel=/bin/sh\ncmdline=quiet", "cdrom=/a.iso", "disk=/a.img|bus=virtio|boot=1", "boot=network",
		BOOTS "uuid=01234567-89AB-cdef-0123-456789abcdef", BOOTS "vcpus=4\ncpu_topology=sockets=2,cores=2",
		BOOTS "cpus=1500\ncpu_topology=threads=2", BOOTS "vcpus=1\nvcpus_max=4\nvcpu_pin=3=0",
		BOOTS "cpu_model=Skylake-Server-noTSX-IBRS\ncpu_feature=+pdpe1gb\ncpu_feature=-svm\nnested=on",
		BOOTS "memory=536870912\nmemory_max=1073741824\nmemory_slots=2\nmemory_current=268435456",
		BOOTS "display=vnc", BOOTS "display=vnc\nvnc_listen=::1\nvnc_websocket=auto",
		BOOTS "display=vnc\nvnc_listen=0.0.0.0\nvnc_password=hush", BOOTS "display=spice\nspice_listen=127.9.9.9",
		BOOTS "display=vnc\nvnc_listen=0.0.0.0\nvnc_insecure=true", BOOTS "timer=rtc=catchup\ntimer=hpet=off",
		BOOTS "machine=pc\ndisk_bus=ide\ndisk=/a|device=floppy", BOOTS "metadata=a=b=c\nmetadata=d=",
		BOOTS "disk=/a|device=cdrom|bus=scsi|read_only=true\ndisk=vol|read_only=true",
	};
	size_t i;

	(void)state;
	for (i = 0; i < KVM_COUNT(good); i++) {
		struct hyfw_error *err = NULL;

		if (check(good[i], &err) < 0)
			fail_msg("%s: %s", good[i], err->message);
	}
}

static void hosts_of_uris(void **state)
{
	static const char *const here[] = { "qemu:///system", "qemu:///session", "qemu+unix:///system?socket=/run/s+t",
					    "qemu:///embed?root=/a://b", "qemu" };
	static const char *const away[] = { "qemu+ssh://root@host/system", "qemu+tcp://127.0.0.1:1/system",
					    "qemu+tls://host/system", "qemu://host/system", "qemu+tcp:///system",
					    "qemu+ext:///system?command=x", "qemu+libssh2://h/system" };
	size_t i;

	(void)state;
	for (i = 0; i < KVM_COUNT(here); i++)
		assert_false(kvm_uri_is_remote(here[i]));
	for (i = 0; i < KVM_COUNT(away); i++)
		assert_true(kvm_uri_is_remote(away[i]));
}

/* What is this host's is refused for a machine on another. */
static void keys_that_do_not_reach_another_host(void **state)
{
	static const struct {
		const char *settings, *begins, *tells;
	} bad[] = {
		{ "network=none\nimage=debian", "image:", "libvirt_disk" },
		{ "network=none\ndisk=/a.img", "disk:", "libvirt_disk" },
		{ "network=lan\nlibvirt_disk=/a", "network:", "libvirt_network" },
		{ "libvirt_disk=/a\npids=5", "pids:", "leave it out" },
		{ "libvirt_disk=/a\ndisplay=vnc", "display on a unix socket:", "vnc_listen" },
		{ "libvirt_disk=/a\nfirmware=efi", "firmware = efi:", "bios" },
		{ "libvirt_disk=/a\ntpm=true", "tpm = yes:", "leave it out" },
		{ "libvirt_disk=a", "libvirt_disk = a:", "POOL/VOLUME" },
		{ "libvirt_disk=pool/", "libvirt_disk = pool/:", "POOL/VOLUME" },
		{ "libvirt_disk=pool/a/b", "libvirt_disk = pool/a/b:", "POOL/VOLUME" },
		{ "libvirt_disk=/a:boot=0", "libvirt_disk = /a:boot=0:", "from 1" },
		{ "libvirt_disk=/a:fast", "libvirt_disk = /a:fast:", "options" },
		{ "libvirt_disk=/a:bus=usb,bus=sata", "libvirt_disk = /a:bus=usb,bus=sata:", "twice" },
		{ "libvirt_disk=/a:speed=1", "libvirt_disk = /a:speed=1:", "no such option" },
		{ "libvirt_disk=/a:device=tape", "libvirt_disk = /a:device=tape:", "floppy" },
	};
	static const char *const good[] = {
		"network=none\nlibvirt_disk=/a:device=cdrom,boot=1\npids=1024", "kernel=/not/here\npersistent=true",
		"libvirt_disk=pool/a:format=raw,ro,cache=none\nlibvirt_network=default",
		"libvirt_disk=/a\ndisplay=vnc\nvnc_listen=::1",
	};
	size_t i;

	(void)state;
	instance.uri = (char *)(uintptr_t)"qemu+tls://host/system";
	for (i = 0; i < KVM_COUNT(bad); i++) {
		struct hyfw_error *err = NULL;

		assert_int_not_equal(check(bad[i].settings, &err), 0);
		assert_int_equal(strncmp(err->message, bad[i].begins, strlen(bad[i].begins)), 0);
		assert_non_null(strstr(err->message, bad[i].tells));
		hyfw_error_free(err);
	}
	for (i = 0; i < KVM_COUNT(good); i++) {
		struct hyfw_error *err = NULL;

		if (check(good[i], &err) < 0)
			fail_msg("%s: %s", good[i], err->message);
	}
}

static const struct {
	const char *settings, *begins, *tells;
} contradictions[] = {
	{ "memory=536870912", "there is nothing to boot", "give image" },
	{ BOOTS "uuid=123", "uuid = 123:", "must look like" },
	{ BOOTS "uuid=01234567-89ab-cdef-0123-456789abcdefa", "uuid = ", "must" },
	{ BOOTS "metadata=nothing", "metadata = nothing:", "KEY=VALUE" },
	{ BOOTS "machine=microvm", "machine = microvm:", "q35" },
	{ BOOTS "initrd=/bin/sh", "initrd:", "give kernel" },
	{ BOOTS "cmdline=quiet", "cmdline:", "give kernel" },
	{ "kernel=/no/such/kernel", "kernel = /no/such/kernel:", "No such file" },
	{ BOOTS "firmware=qboot", "firmware = qboot:", "use bios" },
	{ "kernel=/bin/sh\nfirmware=qboot\nboot_menu=true", "boot_menu = yes:", "bios or efi" },
	{ BOOTS "boot=hd\nboot=cdrom\nboot=hd", "boot: hd", "twice" },
	{ BOOTS "boot=hd\ndisk=/a|boot=1", "disk /a:", "keep one" },
	{ BOOTS "vcpus=4\nvcpus_max=2", "vcpus_max = 2:", "fewer" },
	{ BOOTS "vcpus=4\ncpu_topology=cores=2", "cpu_topology = cores=2:", "the same" },
	{ BOOTS "cpu_topology=", "cpu_topology", NULL },
	{ BOOTS "cpu_topology=cores=1,cores=1", "cpu_topology = ", "at most once" },
	{ BOOTS "cpu_topology=cores=0", "cpu_topology = ", "must be" },
	{ BOOTS "cpu_topology=cores=1,", "cpu_topology = ", "must be" },
	{ BOOTS "cpu_topology=cores=-1", "cpu_topology = ", "must be" },
	{ BOOTS "vcpu_pin=1=0", "vcpu_pin = 1=0:", "0 to 0" },
	{ BOOTS "vcpu_pin=0=9999", "vcpu_pin = 0=9999:", "CPUs 0 to" },
	{ BOOTS "vcpu_pin=0=", "vcpu_pin = 0=:", "must be" },
	{ BOOTS "vcpu_pin=0=0,", "vcpu_pin = 0=0,:", "must be" },
	{ BOOTS "vcpu_pin=0=1-0", "vcpu_pin = 0=1-0:", "must be" },
	{ BOOTS "vcpu_pin=0=0\nvcpu_pin=0=0", "vcpu_pin: 0=0", "join" },
	{ BOOTS "cpu_feature=svm", "cpu_feature = svm:", "+NAME" },
	{ BOOTS "cpu_feature=+a'b", "cpu_feature = ", "+NAME" },
	{ BOOTS "cpu_model=a,b", "cpu_model = a,b:", "cpu-models" },
	{ BOOTS "cpu_model=host-passthrough", "cpu_model = host-passthrough:", "maximum" },
	{ BOOTS "hide_kvm=true", "hide_kvm = yes:", "leave it out" },
	{ BOOTS "memory=16777216", "memory = 16M:", "32M" },
	{ BOOTS "memory_max=33554432", "memory_max = 32M:", "512M" },
	{ BOOTS "memory_slots=2", "memory_slots:", "memory_max" },
	{ BOOTS "memory_current=1073741824", "memory_current = 1024M:", "512M" },
	{ BOOTS "memory_current=268435456\nballoon=false", "memory_current:", "balloon" },
	{ BOOTS "disk_bus=ide", "disk_bus = ide:", "machine = pc" },
	{ BOOTS "disk=/a|bus=ide", "disk /a:", "machine = pc" },
	{ BOOTS "disk=/a|device=cdrom|bus=virtio", "disk /a:", "sata" },
	{ BOOTS "disk=/a|device=floppy|bus=sata", "disk /a:", "leave out bus" },
	{ BOOTS "disk=/a|bus=sata|read_only=true", "disk /a:", "virtio or scsi" },
	{ BOOTS "disk_bus=sata\ndisk=v|read_only=true", "disk v:", "virtio or scsi" },
	{ BOOTS "disk_bus=sata\nread_only=true", "read_only = yes:", "virtio or scsi" },
	{ BOOTS "vnc_port=5901", "vnc_port:", "display = vnc" },
	{ BOOTS "display=vnc\nspice_listen=::1", "spice_listen:", "display = spice" },
	{ BOOTS "display=vnc\nvnc_listen=0.0.0.0", "vnc_listen = 0.0.0.0:", "vnc_password_file" },
	{ BOOTS "display=vnc\nvnc_listen=::", "vnc_listen = :::", "vnc_insecure" },
	{ BOOTS "display=vnc\nvnc_listen=::ffff:127.0.0.1", "vnc_listen = ", "vnc_insecure" },
	{ BOOTS "display=spice\nspice_listen=10.1.1.1", "spice_listen = 10.1.1.1:", "spice_password_file" },
	{ BOOTS "display=vnc\nvnc_listen=example.org", "vnc_listen = example.org:", "address" },
	{ BOOTS "display=vnc\nvnc_listen=socket\nvnc_port=5901", "vnc_port:", "vnc_listen" },
	{ BOOTS "display=vnc\nvnc_websocket=0", "vnc_websocket = 0:", "auto" },
	{ BOOTS "display=vnc\nvnc_websocket=65536", "vnc_websocket = ", "auto" },
	{ BOOTS "display=vnc\nvnc_password=123456789", "vnc_password:", "8 characters" },
	{ BOOTS "display=vnc\nvnc_password=a\nvnc_password_file=/b", "vnc_password and", "keep the file" },
	{ BOOTS "display=vnc\nvnc_password_file=/no/such", "vnc_password_file: /no/such:", "No such" },
	{ BOOTS "timer=hpet=catchup", "timer = hpet=catchup:", "must be" },
	{ BOOTS "timer=sun=on", "timer = sun=on:", "must be" },
	{ BOOTS "on_poweroff=restart\non_reboot=destroy", "on_poweroff = restart:", "change one" },
	{ BOOTS "watchdog=none\nwatchdog_action=pause", "watchdog_action:", "i6300esb" },
	{ "kernel=/dev/null\ntpm=true\ndisplay=vnc", "tpm = yes:", "firmware = efi" },
	{ "kernel=/dev/null\ntpm=true\nfirmware=bios", "tpm = yes:", "firmware = efi" },
	{ BOOTS "tpm=true\nacpi=false", "tpm = yes:", "ACPI" },
	{ BOOTS "tpm=true\nfailover=beta", "tpm = yes:", "has failover" },
	{ BOOTS "libvirt_network=default", "libvirt_network:", "uri" },
	{ BOOTS "libvirt_disk=/a", "libvirt_disk:", "disk" },
	{ BOOTS "persistent=true", "persistent = yes:", "uri" },
	{ BOOTS "description=a\001b", "m:", "control characters" },
	{ BOOTS "metadata=a=\xff", "m:", "UTF-8" },
};

static void contradictions_are_refused_by_name(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < KVM_COUNT(contradictions); i++) {
		HYFW_AUTO_ERROR struct hyfw_error *err = NULL;

		if (!contradictions[i].tells) { /* an empty value is none */
			assert_int_equal(check(contradictions[i].settings, &err), 0);
			continue;
		}
		if (check(contradictions[i].settings, &err) == 0)
			fail_msg("passed: %s", contradictions[i].settings);
		if (strncmp(err->message, contradictions[i].begins, strlen(contradictions[i].begins)) != 0 ||
		    !strstr(err->message, contradictions[i].tells))
			fail_msg("%s: %s", contradictions[i].settings, err->message);
	}
}

/* ---- secrets ---- */

static char *secret_file(mode_t mode, const char *text)
{
	char *path = hyfw_format("/tmp/hyfw-secret-%d", (int)getpid());
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

static void a_password_comes_from_the_first_line_of_its_file(void **state)
{
	HYFW_AUTO_FREE char *path = secret_file(0600, SECRET "\r\nnot this\n");
	HYFW_AUTO_FREE char *text = hyfw_format(BOOTS "display=vnc\nvnc_listen=0.0.0.0\nvnc_password_file=%s", path);
	const struct hyfw_map settings = kvm_test_map(text);
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	const char *password = NULL;

	(void)state;
	assert_int_equal(check(text, &err), 0);
	assert_int_equal(kvm_password(instance.host, fake.arena, &settings, &password, &err), 0);
	assert_string_equal(password, SECRET);
	unlink(path);
}

static void a_password_that_others_can_read_is_refused(void **state)
{
	static const struct {
		mode_t mode;
		const char *text, *tells;
	} bad[] = { { 0640, SECRET "\n", "0600" }, { 0604, SECRET "\n", "0600" }, { 0600, "\n" SECRET, "empty" },
		    { 0600, "123456789\n", "8 characters" } };
	size_t i;

	(void)state;
	for (i = 0; i < KVM_COUNT(bad); i++) {
		HYFW_AUTO_FREE char *path = secret_file(bad[i].mode, bad[i].text);
		HYFW_AUTO_FREE char *text = hyfw_format(BOOTS "display=vnc\nvnc_password_file=%s", path);
		HYFW_AUTO_ERROR struct hyfw_error *err = NULL;

		assert_true(check(text, &err) < 0);
		assert_non_null(strstr(err->message, bad[i].tells));
		unlink(path);
	}
}

/* ---- plan, uuid, overhead ---- */

static void the_plan_shows_the_domain_without_secrets(void **state)
{
	const struct hyfw_subject subject = subject_of(BOOTS "disk=data|serial=D1\ndisk=/srv/a.raw|format=raw|read_only=true\n"
		"cdrom=/srv/a.iso\nnetwork=lan\nnetwork=none\ndisplay=vnc\nvnc_password=" SECRET
		"\nvnc_listen=0.0.0.0\nvcpus=2\nuuid=" KVM_TEST_UUID);
	const char *text;
	size_t i;

	(void)state;
	assert_int_equal(kvm_plan(&instance, &subject, NULL, fake.arena, NULL), 0);
	assert_int_equal(fake.step_count, 2);
	assert_string_equal(fake.steps[0].verb, HYFW_VERB_CREATE);
	assert_string_equal(fake.steps[1].verb, HYFW_VERB_START);
	assert_non_null(strstr(fake.steps[0].summary, "2 CPUs, 512 MiB"));
	text = fake.steps[0].commands;
	assert_non_null(strstr(text, "virsh"));
	assert_non_null(strstr(text, "{root disk of m}"));
	assert_non_null(strstr(text, "{volume data}"));
	assert_non_null(strstr(text, "/srv/a.raw"));
	assert_non_null(strstr(text, "{tap of network lan}"));
	assert_non_null(strstr(text, "<graphics"));
	for (i = 0; i < fake.step_count; i++) {
		assert_null(strstr(fake.steps[i].commands, "passwd"));
		assert_null(strstr(fake.steps[i].commands, "hu&lt;s&amp;h"));
	}
}

static void a_uuid_is_of_its_name_and_stays(void **state)
{
	const struct hyfw_map none = { 0 }, own = kvm_test_map("uuid=" KVM_TEST_UUID);
	const char *web = kvm_uuid(instance.host, fake.arena, "web", &none);

	(void)state;
	assert_int_equal(strlen(web), 36);
	assert_int_equal(web[14], '8');
	assert_non_null(strchr("89ab", web[19]));
	assert_string_equal(kvm_uuid(instance.host, fake.arena, "web", &none), web);
	assert_string_not_equal(kvm_uuid(instance.host, fake.arena, "wec", &none), web);
	assert_string_equal(kvm_uuid(instance.host, fake.arena, "web", &own), KVM_TEST_UUID);
}

static void what_qemu_needs_grows_with_the_machine(void **state)
{
	const struct hyfw_map none = kvm_test_map("accel=tcg"), more = kvm_test_map("accel=tcg\nvcpus=4\nmemory=8589934592\ndisplay=vnc\ntpm=true");
	const uint64_t mib = UINT64_C(1) << 20, small = kvm_overhead(&instance, &none);

	(void)state;
	assert_int_equal(small / mib, 96 + 8 + 8 + 160 + 512);
	assert_int_equal(kvm_overhead(&instance, &more) / mib, 96 + 4 * 8 + 128 + 160 + 64 + 32);
}

int kvm_check_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(good_settings_pass, begin, fake_host_end),
		cmocka_unit_test_setup_teardown(hosts_of_uris, begin, fake_host_end),
		cmocka_unit_test_setup_teardown(keys_that_do_not_reach_another_host, begin, fake_host_end),
		cmocka_unit_test_setup_teardown(contradictions_are_refused_by_name, begin, fake_host_end),
		cmocka_unit_test_setup_teardown(a_password_comes_from_the_first_line_of_its_file, begin, fake_host_end),
		cmocka_unit_test_setup_teardown(a_password_that_others_can_read_is_refused, begin, fake_host_end),
		cmocka_unit_test_setup_teardown(the_plan_shows_the_domain_without_secrets, begin, fake_host_end),
		cmocka_unit_test_setup_teardown(a_uuid_is_of_its_name_and_stays, begin, fake_host_end),
		cmocka_unit_test_setup_teardown(what_qemu_needs_grows_with_the_machine, begin, fake_host_end),
	};

	return cmocka_run_group_tests_name("kvm-check", tests, NULL, NULL);
}
