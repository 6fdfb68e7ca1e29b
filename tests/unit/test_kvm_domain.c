/* SPDX-License-Identifier: BSD-3-Clause
 * The domain XML of machines against tests/golden/kvm; HYFW_UPDATE=1 writes them anew.
 * tests/cli/machine-xml.bats has libvirt's schema judge the same files. */
#include "kvm_fixture.h"

#define DISKS 6
#define NETWORKS 3
#define TAP "tap=hyt0\nmac=52:54:00:12:34:56\n"

static const struct machine {
	const char *name, *settings;
	struct kvm_test_disk root, disks[DISKS];
	const char *endpoints[NETWORKS];
	bool libvirtd, kvm, hosted;
	const char *password, *label;
} machines[] = {
	{ "minimal", NULL, .root = { "/d/root.qcow2", "qcow2" } },
	{ "minimal-kvm", NULL, .root = { "/d/root.qcow2", "qcow2" }, .endpoints = { TAP }, .kvm = true },
	{ "kernel", "kernel=/boot/vmlinux\ninitrd=/boot/initrd.img\ncmdline=console=ttyS0 quiet\nhotplug_slots=0" },
	{ "kernel-bios", "kernel=/boot/vmlinuz\nfirmware=bios" },
	{ "efi", "firmware=efi\nboot_menu=true\nboot_menu_timeout=5000", .root = { "/d/root.qcow2", "qcow2" } },
	{ "boot-menu", "boot=cdrom\nboot=hd\nboot=network\nboot=fd\nboot_menu=true\nboot_menu_timeout=10000",
	  .root = { "/d/root.qcow2", "qcow2" },
	  .disks = { { "/iso/debian.iso", "raw", "device=cdrom", HYFW_ATTACH_READ_ONLY } } },
	{ "boot-order", "boot_menu=false", .root = { "/d/root.qcow2", "qcow2", "boot=2" },
	  .disks = { { "/iso/debian.iso", "raw", "device=cdrom\nboot=1", HYFW_ATTACH_READ_ONLY } } },
	{ "pc", "machine=pc\nacpi=true\napic=false\ninput=tablet\nhotplug_slots=2",
	  .root = { "/d/root.qcow2", "qcow2" }, .endpoints = { TAP },
	  .disks = { { "/iso/a.iso", "raw", "device=cdrom" }, { "/d/i.img", "raw", "bus=ide" },
		     { "/d/f.img", "raw", "device=floppy" }, { "", "raw", "device=floppy" } } },
	{ "disks", "disk_bus=scsi", .root = { "/d/root.qcow2", "qcow2" },
	  .disks = { { "/d/data.raw", "raw", "serial=DATA1\ncache=none\nbus=virtio" },
		     { "/d/shared.qcow2", "qcow2", NULL, HYFW_ATTACH_READ_ONLY },
		     { "/d/sata.vmdk", "vmdk", "bus=sata" }, { "/d/stick.img", "raw", "bus=usb" },
		     { "", "raw", "device=cdrom" } } },
	{ "cpu-named", "cpu_model=Skylake-Server\ncpu_feature=+pdpe1gb\ncpu_feature=-hle\nvcpus=2\nvcpus_max=8\n"
	  "cpu_topology=sockets=2,dies=1,cores=2,threads=2\nvcpu_pin=0=2-3\nvcpu_pin=1=0,4", .kvm = true },
	{ "cpu-passthrough", "cpu_model=host-passthrough\nnested=on\nhide_kvm=true\ncpus=2500", .kvm = true },
	{ "cpu-not-nested", "nested=off" },
	{ "memory", "memory=1073741824\nmemory_max=4294967296\nmemory_slots=8\nmemory_current=805306368\nvcpus=2" },
	{ "network", "nic_model=virtio", .endpoints = { TAP "offload=off\nmtu=1400", "address=10.0.0.1/24",
							"tap=hyt2\nmac=52:54:00:00:00:02" } },
	{ "network-e1000", "nic_model=e1000\nmachine=pc", .endpoints = { TAP "offload=off" } },
	{ "network-user", NULL, .endpoints = { "user_network=passt /run/hyfw/a,b/passt.sock\nmac=52:54:00:12:34:57",
					       TAP } },
	{ "network-libvirt", "libvirt_network=default", .libvirtd = true },
	{ "label-libvirtd", NULL, .libvirtd = true, .label = "system_u:system_r:svirt_t:s0:c1,c2" },
	{ "label-embedded", NULL, .label = "system_u:system_r:svirt_t:s0:c1,c2" }, /* which is not told */
	{ "vnc", "display=vnc" },
	{ "vnc-address", "display=vnc\nvnc_listen=0.0.0.0\nvnc_port=5905\nvnc_websocket=auto\nvideo=std\n"
	  "input=tablet\ninput=usb-keyboard", .password = "hush<&\"'" },
	{ "vnc-websocket", "display=vnc\nvnc_websocket=5800\nvideo=cirrus\nsound=ich9" },
	{ "spice", "display=spice\nvideo=qxl\nsound=ich6" },
	{ "spice-address", "display=spice\nspice_port=5930\nspice_listen=127.0.0.1", .password = "hush" },
	{ "extras", "rng=false\nballoon=false\nclock=localtime\ntimer=rtc=catchup\ntimer=hpet=on\n"
	  "on_poweroff=destroy\non_reboot=destroy\non_crash=coredump-destroy\nsuspend_to_mem=true\n"
	  "suspend_to_disk=true\nacpi=false\nwatchdog=i6300esb\nwatchdog_action=poweroff\ntpm=true\n"
	  "tb_cache=268435456\nvideo=virtio", .kvm = false },
	{ "timers-kvm", "timer=hpet=on\ntimer=kvmclock=off", .kvm = true },
	{ "hostile", "description=</description><devices><disk/></devices> ]]> <!-- &lt; &#60; \xc3\xa4 ' \"\n"
	  "metadata=role'\"><x/>=a&b<c>\nmetadata=lonely\ncmdline=x</cmdline>&#10;&amp;\nkernel=/k'\"<&>\nuuid="
	  KVM_TEST_UUID,
	  .root = { "/d/<root>&'\".qcow2", "qcow2" } },
	{ "hosted", "kernel=/boot/vmlinuz\ncpus=1500\ncpu_shares=512\ncpuset=0-1\nlibvirt_network=default",
	  .disks = { { "pool/a b.qcow2", "qcow2" }, { "/dev/vg/b", "raw" } }, .libvirtd = true, .hosted = true, .kvm = true },
	{ "libvirtd", "uuid=" KVM_TEST_UUID, .root = { "/d/root.qcow2", "qcow2" }, .libvirtd = true, .kvm = true },
};

static char *domain_of(const struct machine *machine, struct hyfw_error **err)
{
	struct hyfw_attachment disks[DISKS];
	struct hyfw_endpoint endpoints[NETWORKS];
	const struct kvm_facts facts = {
		.owner = "hyfw", .accel = machine->kvm ? KVM_ACCEL_KVM : KVM_ACCEL_TCG,
		.emulator = machine->hosted ? NULL : KVM_EMULATOR, .hosted = machine->hosted,
		.directory = "/run/hyfw/workloads/m/qemu", .embedded = !machine->libvirtd, .uuid = KVM_TEST_UUID,
		.label = machine->label,
		.genid = "21111111-2222-4333-8444-555555555555", .loader = "/usr/share/OVMF/OVMF_CODE_4M.fd", .nvram = "/var/lib/hyfw/kvm/m/nvram", .nested = machine->kvm ? "vmx" : "svm",
		.password = machine->password,
	};
	struct hyfw_workload workload = {
		.size = sizeof(workload), .name = "m", .settings = kvm_test_map(machine->settings),
		.idmap = { 200000, 300000, 65536 }, .disks = disks, .endpoints = endpoints,
	};
	char *text = NULL;

	if (machine->root.source)
		workload.root = kvm_test_attachment(&machine->root);
	for (; workload.disk_count < DISKS && machine->disks[workload.disk_count].source; workload.disk_count++)
		disks[workload.disk_count] = kvm_test_attachment(&machine->disks[workload.disk_count]);
	for (; workload.endpoint_count < NETWORKS && machine->endpoints[workload.endpoint_count];
	     workload.endpoint_count++)
		endpoints[workload.endpoint_count] = (struct hyfw_endpoint){
			.size = sizeof(endpoints[0]), .network = "lan", .driver = "bridge",
			.notes = kvm_test_map(machine->endpoints[workload.endpoint_count]),
		};
	if (kvm_domain_xml(kvm_test_host(), fake.arena, &workload, &facts, &text, err) < 0)
		return NULL;
	return text;
}

static void compare(const char *name, const char *text)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/tests/golden/kvm/%s.xml", HYFW_SOURCE, name);
	HYFW_AUTO_FREE char *golden = NULL;
	FILE *file;

	if (getenv("HYFW_UPDATE")) {
		file = fopen(path, "w");
		assert_non_null(file);
		fputs(text, file);
		fclose(file);
		return;
	}
	assert_int_equal(hyfw_file_read(AT_FDCWD, path, 1 << 20, &golden, NULL, NULL), 0);
	assert_string_equal(text, golden);
}

static void domains_are_as_they_were(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < KVM_COUNT(machines); i++) {
		struct hyfw_error *err = NULL;
		char *text = domain_of(&machines[i], &err);

		if (!text)
			fail_msg("%s: %s", machines[i].name, err->message);
		compare(machines[i].name, text);
	}
}

/* What a user wrote is text in the domain, whatever it looks like. */
static void hostile_text_adds_no_markup(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; strcmp(machines[i].name, "hostile") != 0;)
		i++;
	char *text = domain_of(&machines[i], NULL);

	assert_non_null(text);
	assert_null(strstr(text, "<x/>"));
	assert_null(strstr(text, "<!--"));
	assert_null(strstr(text, "<disk/>"));
	assert_non_null(strstr(text, "&lt;disk/&gt;"));
	assert_non_null(strstr(text, "&amp;#60;"));
}

static void what_xml_cannot_hold_is_refused(void **state)
{
	static const char *const texts[] = { "a\001b", "a\tb", "\x7f", "\xc3(", "\xff", "\xed\xa0\x80", "\xef\xbf\xbf" };
	size_t i;

	(void)state;
	for (i = 0; i < KVM_COUNT(texts); i++) {
		HYFW_AUTO_FREE char *settings = hyfw_format("description=%s", texts[i]);
		HYFW_AUTO_FREE char *metadata = hyfw_format("metadata=k=%s", texts[i]);
		const struct machine in_text = { "bad", settings }, in_attribute = { "bad", metadata };
		struct hyfw_error *err = NULL;

		assert_null(domain_of(&in_text, &err));
		assert_int_equal(err->errnum, EINVAL);
		hyfw_error_free(err);
		err = NULL;
		assert_null(domain_of(&in_attribute, &err));
		assert_non_null(err);
		hyfw_error_free(err);
	}
}

/* ---- devices ---- */

static const struct kvm_facts device_facts = { .owner = "hyfw", .directory = "/run/d", .embedded = true };

static int plug_disk(const char *name, const struct kvm_test_disk *disk, const char *settings, char **ret_text)
{
	const struct hyfw_attachment attachment = kvm_test_attachment(disk);
	const struct hyfw_map map = kvm_test_map(settings);
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;

	return kvm_disk_xml(kvm_test_host(), fake.arena, name, &attachment, &map, &device_facts, ret_text, &err);
}

static void devices_to_plug(void **state)
{
	const struct kvm_test_disk disk = { "/d/more.qcow2", "qcow2", "serial=MORE" };
	const struct hyfw_endpoint endpoint = { .size = sizeof(endpoint), .notes = kvm_test_map(TAP) };
	const struct hyfw_map none = { 0 };
	char *text;

	(void)state;
	assert_int_equal(plug_disk("disk27", &disk, NULL, &text), 0);
	compare("plug-disk", text);
	assert_int_equal(kvm_interface_xml(kvm_test_host(), fake.arena, "eth1", &endpoint, &none, &device_facts,
					   &text, NULL), 0);
	compare("plug-interface", text);
}

static void devices_that_cannot_be_plugged(void **state)
{
	const struct kvm_test_disk virtio = { "/d/a", "raw" }, ide = { "/d/a", "raw", "bus=ide" },
				   sata = { "/d/a", "raw", "bus=sata" }, odd = { "/d/a", "raw", "bus=quick" };
	static const char *const names[] = { "disk0", "disk", "disk1x", "disk-1", "disk12345", "vda", "disk1\"" };
	const struct hyfw_endpoint user = { .size = sizeof(user), .notes = kvm_test_map("user_network=passt /s") };
	const struct hyfw_map none = { 0 };
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < KVM_COUNT(names); i++)
		assert_int_equal(plug_disk(names[i], &virtio, NULL, &text), -EINVAL);
	assert_int_equal(plug_disk("disk1", &ide, NULL, &text), -ENOTSUP);
	assert_int_equal(plug_disk("disk1", &sata, NULL, &text), -ENOTSUP);
	assert_int_equal(plug_disk("disk1", &odd, NULL, &text), -EINVAL);
	assert_int_equal(kvm_interface_xml(kvm_test_host(), fake.arena, "eth0", &user, &none, &device_facts, &text,
					   &err), -ENOTSUP);
}

static void disks_that_cannot_be(void **state)
{
	const struct machine read_only = { "m", NULL, .root = { "/d/a", "raw", "bus=sata", HYFW_ATTACH_READ_ONLY } };
	const struct machine five = { "m", "machine=pc", .disks = {
		{ "/d/a", "raw", "bus=ide" }, { "/d/b", "raw", "bus=ide" }, { "/d/c", "raw", "bus=ide" },
		{ "/d/d", "raw", "bus=ide" }, { "/d/e", "raw", "device=cdrom" } } };
	const struct machine *const bad[] = { &read_only, &five };
	size_t i;

	(void)state;
	for (i = 0; i < KVM_COUNT(bad); i++) {
		HYFW_AUTO_ERROR struct hyfw_error *err = NULL;

		assert_null(domain_of(bad[i], &err));
		assert_non_null(err);
	}
}

int kvm_domain_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(domains_are_as_they_were, fake_host_begin, fake_host_end),
		cmocka_unit_test_setup_teardown(hostile_text_adds_no_markup, fake_host_begin, fake_host_end),
		cmocka_unit_test_setup_teardown(what_xml_cannot_hold_is_refused, fake_host_begin, fake_host_end),
		cmocka_unit_test_setup_teardown(devices_to_plug, fake_host_begin, fake_host_end),
		cmocka_unit_test_setup_teardown(devices_that_cannot_be_plugged, fake_host_begin, fake_host_end),
		cmocka_unit_test_setup_teardown(disks_that_cannot_be, fake_host_begin, fake_host_end),
	};

	return cmocka_run_group_tests_name("kvm-domain", tests, NULL, NULL);
}
