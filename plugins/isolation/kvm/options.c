/* SPDX-License-Identifier: BSD-3-Clause
 * The keys of [plugin kvm] and those that it adds to [workload].  Ranges are
 * libvirt's; what depends on other keys is checked in check/check.c. */
#include "kvm.h"

#define WORKLOAD(name, type, flags, fallback, min, max, choices, help) \
	{ name, HYFW_SCOPE_WORKLOAD, HYFW_OPTION_##type, flags, fallback, min, max, choices, help }
#define TEXT(name, help) WORKLOAD(name, STRING, 0, NULL, 0, 0, NULL, help)
#define TEXTS(name, help) WORKLOAD(name, STRING, HYFW_OPTION_LIST, NULL, 0, 0, NULL, help)
#define SECRET(name, help) WORKLOAD(name, STRING, HYFW_OPTION_SECRET, NULL, 0, 0, NULL, help)
#define FLAG(name, fallback, help) WORKLOAD(name, BOOL, 0, fallback, 0, 0, NULL, help)
#define NUMBER(name, fallback, min, max, help) WORKLOAD(name, INT, 0, fallback, min, max, NULL, help)
#define SIZE(name, fallback, min, help) WORKLOAD(name, SIZE, 0, fallback, min, INT64_MAX, NULL, help)
#define FILE_OF(name, help) WORKLOAD(name, PATH, 0, NULL, 0, 0, NULL, help)
#define CHOICE(name, fallback, choices, help) WORKLOAD(name, CHOICE, 0, fallback, 0, 0, choices, help)
#define CHOICES(name, choices, help) WORKLOAD(name, CHOICE, HYFW_OPTION_LIST, NULL, 0, 0, choices, help)

#define WORDS(name, ...) static const char *const name[] = { __VA_ARGS__, NULL }

WORDS(accelerators, "auto", "kvm", "tcg");
WORDS(three_ways, "auto", "on", "off");
WORDS(machines, "q35", "pc", "microvm");
WORDS(firmwares, "auto", "bios", "qboot", "efi");
WORDS(boot_devices, "hd", "cdrom", "network", "fd");
WORDS(buses, "virtio", "scsi", "sata", "ide", "usb");
WORDS(nics, "virtio", "e1000", "e1000e", "rtl8139");
WORDS(displays, "none", "vnc", "spice");
WORDS(videos, "auto", "virtio", "qxl", "std", "cirrus", "none");
WORDS(sounds, "none", "ich6", "ich9", "ac97", "es1370", "sb16");
WORDS(inputs, "tablet", "keyboard", "mouse", "usb-tablet", "usb-keyboard", "usb-mouse");
WORDS(clocks, "utc", "localtime");
WORDS(ends, "destroy", "restart");
WORDS(crashes, "destroy", "restart", "preserve", "coredump-destroy", "coredump-restart");
WORDS(watchdogs, "none", "i6300esb", "ib700");
WORDS(watchdog_actions, "reset", "shutdown", "poweroff", "pause", "none", "inject-nmi");

const struct hyfw_option kvm_options[] = {
	{ "uri", HYFW_SCOPE_PLUGIN, HYFW_OPTION_STRING, 0, NULL, 0, 0, NULL,
	  "The libvirtd that runs machines, such as qemu:///system; without it none is needed." },
	{ "emulator", HYFW_SCOPE_PLUGIN, HYFW_OPTION_PATH, 0, KVM_EMULATOR, 0, 0, NULL, "The QEMU to run." },
	{ "template_space", HYFW_SCOPE_PLUGIN, HYFW_OPTION_SIZE, 0, "0", 0, INT64_MAX, NULL,
	  "Most bytes of disks, as guests see them, of templates and of machines that start from them; 0: no limit." },

	/* identity */
	TEXT("uuid", "UUID of the machine; without it one that stays the same for its name."),
	TEXT("description", "What the machine is for."),
	TEXTS("metadata", "KEY=VALUE kept in the domain for other programs to read."),
	FLAG("persistent", "no", "Keep it defined at the libvirtd, from its first start until the workload is removed."),

	/* where it starts from */
	{ "template", HYFW_SCOPE_WORKLOAD, HYFW_OPTION_STRING, HYFW_OPTION_INHERITS, NULL, 0, 0, NULL,
	  "Template that it starts from, running, instead of booting; its hardware and disks are the template's." },

	/* the machine */
	CHOICE("machine", "q35", machines, "Chip set."),
	CHOICE("accel", "auto", accelerators,
	       "What runs the guest: KVM, QEMU itself (tcg), or KVM where it works (auto)."),
	SIZE("tb_cache", "128M", 1 << 20, "With accel = tcg, the most memory for translated code."),
	CHOICE("firmware", "auto", firmwares,
	       "First program of the machine; auto: qboot for a kernel of its own, else bios."),
	CHOICES("boot", boot_devices, "What it boots from, the first first; disks with boot=N say it themselves."),
	FLAG("boot_menu", "no", "Let the user choose what it boots from."),
	WORKLOAD("boot_menu_timeout", DURATION, 0, "3s", 0, 65535, NULL, "How long the boot menu waits."),
	FILE_OF("kernel", "Linux kernel to boot without a boot loader; a bzImage or a PVH vmlinux."),
	FILE_OF("initrd", "Its initial RAM disk."),
	TEXT("cmdline", "Its command line."),

	/* CPU */
	TEXT("cpu_model",
	     "Model the guest sees: host-model, host-passthrough, maximum or a name such as Skylake-Server; "
	     "without it host-model, with accel = tcg maximum."),
	TEXTS("cpu_feature", "+NAME or -NAME: a feature that the model gets or loses."),
	NUMBER("vcpus", NULL, 1, 255, "Virtual CPUs; without it cpus rounded up, else 1."),
	NUMBER("vcpus_max", NULL, 1, 255, "How many it may be given while it runs."),
	TEXT("cpu_topology", "sockets=N,dies=N,cores=N,threads=N; what is missing is 1."),
	TEXTS("vcpu_pin", "VCPU=CPUS: run a virtual CPU only on these, such as 0=2-3."),
	CHOICE("nested", "auto", three_ways, "Whether the guest may run machines itself; auto: as the model has it."),
	FLAG("hide_kvm", "no", "Do not tell the guest that it runs on KVM."),

	/* memory; the boot size is the core's key memory */
	SIZE("memory_max", NULL, 1 << 20, "Memory it may have after DIMMs were plugged in."),
	NUMBER("memory_slots", NULL, 1, 255, "How many DIMMs may be plugged in."),
	SIZE("memory_current", NULL, 1 << 20, "Memory that the balloon leaves it."),

	/* devices */
	CHOICE("disk_bus", "virtio", buses, "Bus of disks that name none."),
	CHOICE("nic_model", "virtio", nics, "Model of its network interfaces."),
	TEXTS("libvirt_network", "A network of the libvirtd that it joins too."),
	TEXTS("libvirt_disk",
	      "With a libvirtd on another host, a disk there: PATH or POOL/VOLUME, then :OPTION=VALUE,... "
	      "as of disk."),
	NUMBER("hotplug_slots", "2", 0, 28, "Free slots for devices that are plugged in while it runs."),
	CHOICE("display", "none", displays, "Its screen."),
	NUMBER("vnc_port", NULL, 5900, 65535, "TCP port of VNC; without it the first free one from 5900."),
	TEXT("vnc_listen", "Where VNC listens: an address; without it a unix socket."),
	SECRET("vnc_password", "Password of VNC, at most 8 characters; vnc_password_file is better."),
	FILE_OF("vnc_password_file", "File whose first line is the password of VNC."),
	TEXT("vnc_websocket", "TCP port of VNC over WebSocket, or auto."),
	FLAG("vnc_insecure", "no", "Let VNC listen beyond this host without a password."),
	NUMBER("spice_port", NULL, 5900, 65535, "TCP port of SPICE; without it the first free one from 5900."),
	TEXT("spice_listen", "Where SPICE listens: an address; without it a unix socket."),
	SECRET("spice_password", "Password of SPICE; spice_password_file is better."),
	FILE_OF("spice_password_file", "File whose first line is the password of SPICE."),
	FLAG("spice_insecure", "no", "Let SPICE listen beyond this host without a password."),
	CHOICE("video", "auto", videos, "Graphics card; auto: virtio, without a display none."),
	CHOICE("sound", "none", sounds, "Sound card."),
	CHOICES("input", inputs, "Input devices beside PS/2."),
	FLAG("rng", "yes", "A source of random numbers."),
	FLAG("balloon", "yes", "The memory balloon, which also tells what the guest uses."),
	FLAG("tpm", "no", "A TPM 2.0, emulated by swtpm; what it keeps stays as long as the workload."),
	CHOICE("watchdog", "none", watchdogs, "Watchdog."),
	CHOICE("watchdog_action", "reset", watchdog_actions, "What it does when the guest hangs."),

	/* clock, power */
	CHOICE("clock", "utc", clocks, "What its hardware clock shows."),
	TEXTS("timer", "rtc=catchup|delay, pit=delay|discard, or hpet, tsc, kvmclock, hypervclock=on|off."),
	CHOICE("on_poweroff", "destroy", ends, "What happens when the guest powers off."),
	CHOICE("on_reboot", "restart", ends, "What happens when the guest reboots."),
	CHOICE("on_crash", "destroy", crashes, "What happens when the guest's kernel crashes."),
	FLAG("suspend_to_mem", "no", "The guest may suspend to memory (S3)."),
	FLAG("suspend_to_disk", "no", "The guest may suspend to disk (S4)."),
	FLAG("acpi", "yes", "ACPI; without it the guest cannot be asked to shut down."),
	FLAG("apic", "yes", "APIC."),
	{ 0 },
};
