/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The domain XML of a machine: a pure function of the workload and of the facts
 * about this machine (formatdomain.html of libvirt 9.0).  All text goes through
 * libxml2's tree, so no name or description can add markup; control characters and
 * what is not UTF-8 are refused (-EINVAL).
 *
 * Names of devices, so that what is plugged in later can be found again:
 *
 *     device            name     alias        target
 *     root disk         root     ua-root      vda  (sda with scsi, sata and usb)
 *     first of disks    disk1    ua-disk1     vdb
 *     its Nth           diskN    ua-diskN     letter N of the bus
 *     first endpoint    eth0     ua-eth0      its tap
 *
 * A disk's letters are those of its number, whatever else there is, so a name that
 * is free stands for letters that are free.  Disks of ide and floppies have few
 * places; they count among themselves and cannot be plugged in.
 */
#ifndef KVM_DOMAIN_H
#define KVM_DOMAIN_H

#include <hyfw/host.h>
#include <hyfw/workload.h>

enum kvm_accel {
	KVM_ACCEL_TCG = 0,
	KVM_ACCEL_KVM = 1,
};

#define KVM_ALIAS "ua-" /* before the name of a device */

/* What the XML depends on beside the workload. */
struct kvm_facts {
	const char *owner;      /* hyfw_host.owner; the domain's name is OWNER-NAME with a libvirtd,
				 * NAME in an embedded root */
	enum kvm_accel accel;
	const char *emulator;   /* absolute path; NULL: what the libvirtd takes */
	const char *directory;  /* absolute; for sockets: QEMU's user may make files in it */
	bool embedded;          /* a libvirt of the machine's own, else a libvirtd */
	const char *uuid;       /* in its usual form; what kvm_uuid() says */
	const char *loader;     /* firmware = efi: its code; NULL: that of kvm_efi() */
	const char *nvram;      /* firmware = efi: file of the variables; see kvm_nvram_make() */
	const char *nested;     /* "vmx" or "svm"; NULL: what this machine's processor has */
	bool hosted;            /* a libvirtd on another host: see hosted.h */
	const char *genid;      /* number of its generation, as a uuid; NULL: it has none.  Left out
				 * where kvm_domain_takes_genid() says no */
	const char *label;      /* SELinux label of QEMU, for a libvirtd; NULL: none */
	const char *password;   /* of the display; NULL for none.  Never in a plan */
};

/* Writes the domain of 'workload', whose root, disks, endpoints and settings are
 * used, and as QEMU's user the first ids of its idmap.  What check() has passed does
 * not fail here but for text that XML cannot hold and what only attachments and
 * endpoints tell. */
int kvm_domain_xml(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_workload *workload,
		   const struct kvm_facts *facts, char **ret_xml, struct hyfw_error **err);

/* Whether a machine with these settings can have a number of its generation (vmgenid):
 * the guest finds it through tables that its firmware puts there, which qboot hangs on. */
bool kvm_domain_takes_genid(const struct hyfw_map *settings, const struct kvm_facts *facts);

/* One device, as virDomainAttachDeviceFlags() and ...Detach... take it: 'name' as in
 * the table.  -ENOTSUP when it cannot be plugged in while the machine runs. */
int kvm_disk_xml(const struct hyfw_host *host, struct hyfw_arena *arena, const char *name,
		 const struct hyfw_attachment *disk, const struct hyfw_map *settings,
		 const struct kvm_facts *facts, char **ret_xml, struct hyfw_error **err);
int kvm_interface_xml(const struct hyfw_host *host, struct hyfw_arena *arena, const char *name,
		      const struct hyfw_endpoint *endpoint, const struct hyfw_map *settings,
		      const struct kvm_facts *facts, char **ret_xml, struct hyfw_error **err);

/* ---- names -------------------------------------------------------------------- */

/* "web" in an embedded root, "hyfw-web" with a libvirtd. */
const char *kvm_domain_name(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
			    const struct kvm_facts *facts);

/* The unix socket of the serial console, which libvirt makes and QEMU listens on:
 * connect before the guest's CPUs run, or its first lines are lost. */
const char *kvm_console_socket(const struct hyfw_host *host, struct hyfw_arena *arena,
			       const struct kvm_facts *facts);

/* The unix socket where QEMU meets the machine's TPM. */
const char *kvm_tpm_socket(const struct hyfw_host *host, struct hyfw_arena *arena, const struct kvm_facts *facts);

/* The unix socket of the display, where it listens on one. */
const char *kvm_display_socket(const struct hyfw_host *host, struct hyfw_arena *arena,
			       const struct kvm_facts *facts);

/* The uuid of a workload: its key, or one made of this machine's id, the owner, the
 * data directory and the name, so that it stays the same. */
const char *kvm_uuid(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
		     const struct hyfw_map *settings);

/* machine-id(5); false when there is none. */
#define KVM_MACHINE_ID_SIZE 33
bool kvm_machine_id(char ret_id[static KVM_MACHINE_ID_SIZE]);

/* ---- firmware ------------------------------------------------------------------- */

#define KVM_QBOOT "/usr/share/qemu/qboot.rom" /* starts a kernel in a third of SeaBIOS's time */

struct kvm_efi {
	const char *code, *variables; /* absolute paths; NULL: this machine has no OVMF */
};

const struct kvm_efi *kvm_efi(void);

/* The machine's own variables: made of OVMF's unless they are there, and handed to
 * QEMU's user.  They keep boot entries, so they belong where a workload's data is. */
int kvm_nvram_make(const struct hyfw_host *host, struct hyfw_arena *arena, const char *path,
		   const struct hyfw_idmap *idmap, struct hyfw_error **err);

/* ---- TPM ------------------------------------------------------------------------ */

#define KVM_SWTPM "/usr/bin/swtpm"

/* ---- settings with their defaults ------------------------------------------------ */

#define KVM_DEFAULT_MEMORY (UINT64_C(512) << 20)
#define KVM_DEFAULT_TB_CACHE (UINT64_C(128) << 20)

uint64_t kvm_memory(const struct hyfw_map *settings);     /* at boot, in bytes */
uint64_t kvm_memory_max(const struct hyfw_map *settings); /* same as at boot unless told */
uint32_t kvm_vcpus(const struct hyfw_map *settings);      /* vcpus, or cpus rounded up, or 1 */
uint32_t kvm_vcpus_max(const struct hyfw_map *settings);

/* 'word' (sockets, dies, cores, threads) of a cpu_topology; 1 when it is not there. */
uint32_t kvm_topology(const char *topology, const char *word);

/* The address that the display listens on, NULL for a unix socket. */
const char *kvm_display_listen(const struct hyfw_map *settings);

/* The password of the display, from its key or from the first line of its file; in
 * 'arena', NULL when none is set. */
int kvm_password(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_map *settings,
		 const char **ret_password, struct hyfw_error **err);

#endif
