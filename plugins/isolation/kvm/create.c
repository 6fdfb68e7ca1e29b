/* SPDX-License-Identifier: BSD-3-Clause
 * create(): the machine stands, paused before its first instruction, as a user of its
 * own, in its control groups, its console connected.  What undo() needs is noted
 * before it exists. */
#include "console.h"
#include "libvirt/hosted.h"
#include "migrate/adopt.h"
#include "snapshot/layer.h"
#include "libvirt/persist.h"
#include "template/template.h"
#include "tpm.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int kvm_run_get(struct kvm_instance *kvm, struct kvm_run **ret_run, struct hyfw_error **err)
{
	struct kvm_run *run = kvm->run ? kvm->run : calloc(1, sizeof(*run));

	if (!run)
		return kvm->host->fail(err, ENOMEM, "out of memory");
	if (!kvm->run) {
		run->kvm = kvm;
		run->end_fd = run->changed_fd = run->pidfd = run->tpm_pidfd = -1;
		run->pid_watch = run->late = run->tpm_watch = run->tpm_late = -1;
		memset(run->callbacks, -1, sizeof(run->callbacks));
		pthread_mutex_init(&run->lock, NULL);
		pthread_cond_init(&run->removed, NULL);
		kvm->run = run;
	}
	*ret_run = run;
	return 0;
}

struct creation {
	struct kvm_run *run;
	const struct hyfw_host *host;
	struct hyfw_call *call;
	struct hyfw_workload workload;
	struct kvm_facts facts;
	const char *saved; /* the machine that it goes on with; NULL: it boots */
	bool from_template; /* it goes on from there */
	int gate; /* nobody else asks QEMU what it can do meanwhile; -1 */
};

/* ---- facts ------------------------------------------------------------------------- */

/* KVM's device belongs to a group on most hosts; QEMU's user is in no other. */
static void let_use_kvm(struct creation *creation)
{
	struct stat device;

	if (creation->facts.accel == KVM_ACCEL_KVM && stat("/dev/kvm", &device) == 0 &&
	    (device.st_mode & 06) != 06 && (device.st_mode & 060) == 060)
		creation->workload.idmap.host_gid = device.st_gid;
}

static int note_facts(struct creation *creation, struct hyfw_error **err)
{
	const struct hyfw_host *host = creation->host;
	struct hyfw_call *call = creation->call;
	const char *domain = kvm_domain_name(host, call->arena, creation->workload.name, &creation->facts);
	int r = host->note(call, KVM_NOTE_UUID, creation->facts.uuid, err);

	if (r == 0)
		r = host->note(call, KVM_NOTE_DOMAIN, domain, err);
	if (r == 0)
		r = host->note(call, KVM_NOTE_ACCEL, creation->facts.accel == KVM_ACCEL_KVM ? "kvm" : "tcg", err);
	if (r == 0 && kvm_is_persistent(&creation->workload.settings))
		r = host->note(call, KVM_NOTE_KEPT, "yes", err);
	return r;
}

/* EFI variables stay as long as the workload does; gc() removes those of workloads
 * that are gone. */
static const char *nvram_path(struct creation *creation)
{
	const struct hyfw_host *host = creation->host;
	const char *name = creation->workload.name, *directory;

	if (creation->workload.transient)
		return host->format(creation->call->arena, "%s/nvram.fd", creation->facts.directory);
	directory = host->format(creation->call->arena, "%s/" KVM_NVRAM, host->directory("kvm", HYFW_DIRECTORY_DATA));
	mkdir(directory, 0711); /* what fails is told when the file is made */
	return host->format(creation->call->arena, "%s/%s.fd", directory, name);
}

static bool wants_efi(const struct hyfw_map *settings)
{
	const char *firmware = hyfw_map_get(settings, "firmware");

	return firmware && strcmp(firmware, "efi") == 0;
}

static void keep_model(struct kvm_run *run, const struct hyfw_map *settings)
{
	const char *model = hyfw_map_get(settings, "nic_model");

	free(run->nic_model);
	run->nic_model = model ? strdup(model) : NULL;
}

static int make_facts(struct creation *creation, struct hyfw_error **err)
{
	struct kvm_run *run = creation->run;
	const struct hyfw_host *host = creation->host;
	const struct hyfw_workload *workload = &creation->workload;
	struct kvm_facts *facts = &creation->facts;
	int r = kvm_accel(run->kvm, &workload->settings, &facts->accel, err);

	if (r < 0)
		return r;
	let_use_kvm(creation);
	facts->owner = host->owner;
	facts->hosted = kvm_is_hosted(run->kvm);
	facts->emulator = facts->hosted ? NULL : run->kvm->emulator;
	facts->embedded = !run->kvm->uri;
	facts->label = run->label;
	facts->uuid = kvm_uuid(host, creation->call->arena, workload->name, &workload->settings);
	facts->genid = facts->uuid; /* it is this machine, however often it boots */
	snprintf(run->uuid, sizeof(run->uuid), "%s", facts->uuid);
	keep_model(run, &workload->settings);
	facts->directory = host->format(creation->call->arena, "%s/" KVM_ROOT_SOCKETS, run->root);
	facts->nvram = nvram_path(creation);
	r = kvm_password(host, creation->call->arena, &workload->settings, &facts->password, err);
	return r;
}

/* ---- libvirt ------------------------------------------------------------------------- */

static int start_tpm(struct creation *creation, struct hyfw_error **err)
{
	const struct hyfw_host *host = creation->host;
	struct hyfw_arena *arena = creation->call->arena;
	int r;

	if (creation->run->label) /* QEMU may talk to processes of its own label alone */
		return host->fail(err, ENOTSUP, "tpm = yes: the TPM has no SELinux label yet, and the machine has one; selinux = no "
				  "runs it without");
	r = host->note(creation->call, KVM_NOTE_TPM, kvm_tpm_socket(host, arena, &creation->facts), err);

	return r < 0 ? r : kvm_tpm_start(host, arena, &creation->workload, &creation->facts,
					 &creation->run->tpm_pidfd, err);
}

static int make_nvram(struct creation *creation, struct hyfw_error **err)
{
	const char *path = creation->facts.nvram;
	const int r = kvm_nvram_make(creation->host, creation->call->arena, path, &creation->workload.idmap, err);

	return r < 0 ? r : kvm_label_file(creation->host, path, creation->run->file_label, err);
}

static int prepare(struct creation *creation, struct hyfw_error **err)
{
	struct kvm_run *run = creation->run;
	int r = run->root ? 0 : kvm_root_choose(creation->host, &run->root, err);

	if (r == 0)
		r = creation->host->note(creation->call, KVM_NOTE_ROOT, run->root, err);
	if (r == 0)
		r = make_facts(creation, err);
	if (r == 0)
		r = kvm_root_make(run->kvm, run->root, creation->workload.name, &creation->workload.idmap,
				  run->file_label, err);
	if (r == 0)
		r = kvm_template_prepare(run, creation->call, &creation->workload, &creation->facts,
					 &creation->from_template, err);
	if (r == 0 && wants_efi(&creation->workload.settings))
		r = make_nvram(creation, err);
	if (r == 0 && hyfw_map_bool(&creation->workload.settings, "tpm", false))
		r = start_tpm(creation, err);
	if (r == 0)
		r = kvm_keep_disks(creation->host, creation->call->arena, &creation->workload, err);
	if (r == 0)
		r = kvm_layers_use(creation->host, creation->call->arena, &creation->workload, err);
	if (r == 0 && !creation->workload.transient)
		r = kvm_saved_take(creation->host, creation->call->arena, creation->workload.name, &creation->saved, err);
	if (r < 0 || run->kvm->uri || kvm_root_has_capabilities(run->kvm))
		return r;
	creation->gate = creation->host->lock("kvm-capabilities", err);
	return creation->gate < 0 ? creation->gate : 0;
}

static int fail_start(struct creation *creation, struct hyfw_error **err)
{
	const struct hyfw_host *host = creation->host;
	const char *words = kvm_root_last_words(host, creation->call->arena, creation->run->root);
	int r = kvm_fail_libvirt(host, err, "start QEMU");

	if (!words)
		return r;
	host->forget(err);
	return host->fail(err, -r, "start QEMU: %s", words);
}

/* With the sockets, taps and files of this start; what the guest sees must be as it
 * was, which libvirt looks after. */
static int restore_domain(struct creation *creation, const char *xml, struct hyfw_error **err)
{
	struct kvm_run *run = creation->run;
	int r, restored;

	r = kvm_label_file(creation->host, creation->saved, run->file_label, err);
	if (r == 0)
		r = kvm_label_begin(run, err);
	if (r < 0)
		return r;
	restored = virDomainRestoreFlags(run->connection, creation->saved, xml, VIR_DOMAIN_SAVE_PAUSED);
	kvm_label_end(run);
	if (restored < 0)
		return kvm_fail_libvirt(creation->host, err, creation->host->format(creation->call->arena,
					"go on with %s", creation->saved));
	run->domain = virDomainLookupByUUIDString(run->connection, run->uuid);
	if (!run->domain)
		return kvm_fail_libvirt(creation->host, err, "the machine that goes on");
	kvm_saved_used(creation->host, creation->call->arena, creation->workload.name, creation->saved);
	return 0;
}

/* What only the libvirtd of another host knows. */
static int settle_hosted(struct creation *creation, struct hyfw_error **err)
{
	int r = kvm_hosted_accel(creation->run, &creation->workload.settings, &creation->facts.accel, err);

	return r < 0 ? r : kvm_hosted_settle(creation->run, creation->call->arena, &creation->workload, err);
}

/* A machine of another host may run already: this host or its monitor has ended since,
 * or the libvirtd has started it by itself.  It goes on. */
static int find_running(struct creation *creation, struct hyfw_error **err)
{
	struct kvm_run *run = creation->run;
	const char *name = kvm_domain_name(creation->host, creation->call->arena, creation->workload.name,
					   &creation->facts);
	virDomainPtr domain = NULL;
	int r = creation->facts.hosted ? kvm_libvirtd_find(run, run->uuid, name, &domain, err) : 0;

	if (r <= 0)
		return r;
	if (virDomainIsActive(domain) == 1) {
		run->domain = domain;
		return 1;
	}
	virDomainFree(domain);
	return 0;
}

static int start_domain(struct creation *creation, const char *xml, struct hyfw_error **err)
{
	struct kvm_run *run = creation->run;
	virDomainPtr domain = NULL;
	int r = 0;

	if (kvm_is_persistent(&creation->workload.settings))
		r = kvm_persist_define(run, &creation->workload.settings, xml, &domain, err);
	if (r < 0)
		return r;
	if (creation->saved) {
		if (domain)
			virDomainFree(domain);
		return restore_domain(creation, xml, err);
	}
	if (creation->from_template)
		return kvm_template_start(run, creation->call, &creation->workload, &creation->facts, err);
	r = kvm_label_begin(run, err);
	if (r == 0 && !domain)
		run->domain = virDomainCreateXML(run->connection, xml, VIR_DOMAIN_START_PAUSED);
	else if (r == 0 && virDomainCreateWithFlags(domain, VIR_DOMAIN_START_PAUSED) == 0)
		run->domain = domain;
	kvm_label_end(run);
	if (run->domain)
		return 0;
	r = r < 0 ? r : fail_start(creation, err);
	if (domain)
		virDomainFree(domain);
	return r;
}

/* What QEMU can do libvirt finds out by starting it, which is not for the machine's label. */
static void ask_capabilities(const struct creation *creation)
{
	free(virConnectGetDomainCapabilities(creation->run->connection, creation->facts.emulator, NULL, NULL,
					     creation->facts.accel == KVM_ACCEL_KVM ? "kvm" : "qemu", 0));
}

/* A libvirtd without the driver has no label to give. */
static int check_libvirtd(const struct creation *creation, struct hyfw_error **err)
{
	const struct kvm_run *run = creation->run;
	KVM_AUTO_FREE char *capabilities = NULL;

	if (!run->label || creation->facts.embedded)
		return 0;
	capabilities = virConnectGetCapabilities(run->connection);
	if (!capabilities)
		return kvm_fail_libvirt(creation->host, err, "what the libvirtd can do");
	if (strstr(capabilities, "<model>selinux</model>"))
		return 0;
	return creation->host->fail(err, ENOTSUP, "the libvirtd at %s does without SELinux (security_driver in its qemu.conf), so "
				    "QEMU would not get the label %s; selinux = no runs it without", run->kvm->uri, run->label);
}

static int make_domain(struct creation *creation, struct hyfw_error **err)
{
	struct kvm_run *run = creation->run;
	char *xml = NULL;
	int r = kvm_connect(run, err);

	if (r == 0)
		r = check_libvirtd(creation, err);
	if (r == 0 && creation->facts.hosted)
		r = settle_hosted(creation, err);

	/* Not before: undo() of what was never begun shall not want the libvirtd either. */
	if (r == 0)
		r = note_facts(creation, err);
	/* One that goes on with a saved machine must have that one's. */
	if (r == 0)
		r = kvm_saved_genid(run, creation->call->arena, creation->saved, &creation->facts.genid, err);
	if (r == 0)
		r = kvm_domain_xml(creation->host, creation->call->arena, &creation->workload, &creation->facts,
				   &xml, err);
	if (r == 0)
		r = kvm_events_watch(run, err);
	if (r == 0)
		r = find_running(creation, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (run->label)
		ask_capabilities(creation);
	r = start_domain(creation, xml, err);
	if (r == 0 && creation->facts.hosted)
		r = kvm_hosted_limit(run, &creation->workload.settings, creation->facts.accel, err);
	if (r == 0)
		kvm_template_remember(run, &creation->workload, creation->facts.accel);
	if (r == 0 && creation->facts.embedded)
		kvm_root_keep_capabilities(run->kvm, run->root);
	return r;
}

/* ---- the process --------------------------------------------------------------------- */

static int hold_process(struct creation *creation, struct hyfw_error **err)
{
	const struct hyfw_host *host = creation->host;
	struct kvm_run *run = creation->run;
	const struct hyfw_idmap *ids = &creation->workload.idmap;
	uint64_t start = 0;
	pid_t pid = kvm_process_find(run->uuid, ids->count ? ids->host_uid : 0);
	int r = pid > 0 ? process_start_time(pid, &start) : -ESRCH;

	if (r == 0)
		run->pidfd = pidfd_open(pid, 0);
	if (r < 0 || run->pidfd < 0)
		return host->fail(err, r < 0 ? -r : errno, "QEMU's process: %s", strerror(r < 0 ? -r : errno));
	r = host->note(creation->call, HYFW_NOTE_PID, host->format(creation->call->arena, "%d", (int)pid), err);
	if (r == 0)
		r = host->note(creation->call, HYFW_NOTE_PID_START,
			       host->format(creation->call->arena, "%llu", (unsigned long long)start), err);
	if (r < 0)
		return r;
	kvm_events_watch_process(run);
	return kvm_groups_join(host, pid, &creation->workload.confinement, err);
}

static int connect_console(struct creation *creation, int *ret_fd, struct hyfw_error **err)
{
	const struct hyfw_host *host = creation->host;
	const char *path = kvm_console_socket(host, creation->call->arena, &creation->facts);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return host->fail(err, ENAMETOOLONG, "the serial console %s: the path is too long", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		int errnum = errno;

		if (fd >= 0)
			close(fd);
		return host->fail(err, errnum, "the serial console %s: %s", path, strerror(errnum));
	}
	*ret_fd = fd;
	return 0;
}

/* Ours are written to from another thread. */
int kvm_run_eventfds(struct kvm_run *run, struct hyfw_running *ret_running)
{
	ret_running->wait_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret_running->changed_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ret_running->wait_fd < 0 || ret_running->changed_fd < 0)
		return -errno;
	run->end_fd = fcntl(ret_running->wait_fd, F_DUPFD_CLOEXEC, 3);
	run->changed_fd = fcntl(ret_running->changed_fd, F_DUPFD_CLOEXEC, 3);
	return run->end_fd < 0 || run->changed_fd < 0 ? -errno : 0;
}

static int create(struct creation *creation, struct hyfw_running *ret_running, struct hyfw_error **err)
{
	struct kvm_run *run = creation->run;
	int r = prepare(creation, err), console = -1;

	if (r == 0)
		r = kvm_loop_start(creation->host, err);
	if (r < 0)
		return r;
	kvm_reap_begin();
	r = make_domain(creation, err);
	kvm_reap_end();
	if (r == 0 && !creation->facts.hosted)
		r = hold_process(creation, err);
	if (r == 0)
		r = creation->facts.hosted ? kvm_console_open(run, &console, err)
					   : connect_console(creation, &console, err);
	if (r < 0)
		return r;
	r = kvm_run_eventfds(run, ret_running);
	if (r < 0) {
		close(console);
		return creation->host->fail(err, -r, "eventfd: %s", strerror(-r));
	}
	ret_running->console_fd = console;
	ret_running->pid = (int32_t)hyfw_map_int(&creation->call->record, HYFW_NOTE_PID, 0);
	ret_running->handle = run;
	return 0;
}

int kvm_create(void *instance, struct hyfw_call *call, const struct hyfw_workload *workload,
	       struct hyfw_running *ret_running, struct hyfw_error **err)
{
	struct kvm_instance *kvm = instance;
	struct creation creation = { .host = kvm->host, .call = call, .gate = -1 };
	int r;

	r = kvm_run_get(kvm, &creation.run, err);
	if (r < 0)
		return r;
	memcpy(&creation.workload, workload, workload->size < sizeof(creation.workload)
							? workload->size : sizeof(creation.workload));
	r = kvm_template_apply(kvm->host, call->arena, &creation.workload.settings, err);
	if (r == 0 && !creation.workload.adopt && !kvm_is_hosted(kvm))
		r = kvm_label_take(creation.run, &creation.workload.confinement, err);
	if (r < 0)
		return r;
	creation.run->templated = hyfw_map_get(&creation.workload.settings, "template") != NULL;
	free(creation.run->begins);
	creation.run->begins = NULL;
	creation.run->ended = false;
	creation.run->qemu_signal = 0;
	creation.run->tpm_gone = false;
	creation.run->adopted = creation.run->adopting = creation.workload.adopt;
	if (creation.workload.adopt)
		return kvm_adopted_create(creation.run, call, &creation.workload, ret_running, err);
	r = create(&creation, ret_running, err);
	if (creation.gate >= 0)
		close(creation.gate);
	return r;
}
