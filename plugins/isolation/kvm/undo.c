/* SPDX-License-Identifier: BSD-3-Clause
 * undo() of "create", in the monitor or, when that has died, in any process; and
 * gc().  What belongs to an embedded libvirt is found by its root, which is in QEMU's
 * arguments; what belongs to a libvirtd by its uuid, and it must carry our mark. */
#include "console.h"
#include "snapshot/layer.h"
#include "libvirt/persist.h"
#include "migrate/migrate.h"
#include "template/template.h"
#include "tpm.h"
#include "domain/xml.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define YOUNG_S 60 /* a root without a name may just be made */

/* ---- in the process that made it ------------------------------------------------------ */

static void let_go(struct kvm_run *run)
{
	virDomainPtr domain;

	pthread_mutex_lock(&run->lock);
	domain = run->domain;
	run->domain = NULL;
	pthread_mutex_unlock(&run->lock);
	if (domain) {
		if (!run->ended && !run->adopting) {
			kvm_reap_begin();
			virDomainDestroy(domain);
			kvm_reap_end();
		}
		virDomainFree(domain);
	}
	kvm_events_forget(run);
	kvm_console_close(run->console);
	if (run->pidfd >= 0 && !run->adopting)
		process_end(run->pidfd);
	if (run->pidfd >= 0)
		close(run->pidfd);
	kvm_tpm_end(&run->tpm_pidfd);
	if (run->end_fd >= 0)
		close(run->end_fd);
	if (run->changed_fd >= 0)
		close(run->changed_fd);
	run->pidfd = run->end_fd = run->changed_fd = -1;
}

/* ---- in any process -------------------------------------------------------------------- */

static int end_recorded(const struct hyfw_host *host, const struct hyfw_map *record, struct hyfw_error **err)
{
	KVM_AUTO_CLOSE int pidfd = process_open(record, NULL);
	int r = pidfd >= 0 ? process_end(pidfd) : pidfd;

	if (r < 0 && r != -ESRCH)
		return host->fail(err, -r, "end QEMU, process %s: %s", hyfw_map_get(record, HYFW_NOTE_PID),
				  strerror(-r));
	return 0;
}

/* QEMU was noted and has ended: a libvirtd that is away forgets the machine when it
 * comes back and finds it so. */
static bool has_ended(const struct hyfw_map *record)
{
	KVM_AUTO_CLOSE int pidfd = process_open(record, NULL);

	return pidfd == -ESRCH && hyfw_map_get(record, HYFW_NOTE_PID);
}

static int end_at_libvirtd(struct kvm_instance *kvm, const struct hyfw_map *record, bool keep, struct hyfw_error **err)
{
	const char *uuid = hyfw_map_get(record, KVM_NOTE_UUID), *name = hyfw_map_get(record, KVM_NOTE_DOMAIN);

	return uuid && name ? kvm_libvirtd_end(kvm, uuid, name, keep, err) : 0;
}

/* A QEMU that was not noted yet, or the TPM, which ends a moment after QEMU. */
static bool may_have_more(const struct kvm_instance *kvm, const struct hyfw_map *record, bool ours)
{
	return hyfw_map_get(record, KVM_NOTE_TPM) ||
	       (!kvm->uri && !(ours && hyfw_map_get(record, HYFW_NOTE_PID)));
}

/* Of a workload that goes when it ends; nobody reads its disks any more. */
static void leave_template(const struct hyfw_host *host, struct hyfw_call *call)
{
	const char *workload = hyfw_map_get(&call->record, KVM_NOTE_CLONE);

	if (!workload || strchr(workload, '/'))
		return;
	kvm_clone_remove(host, call->arena, workload);
	kvm_template_leave(host, call->arena, workload);
}

/* What 'record' says, which is nothing before the machine was there, or ours. */
static int end_machine(struct kvm_instance *kvm, const struct hyfw_map *record, struct hyfw_error **err)
{
	int r = kvm->uri ? end_at_libvirtd(kvm, record, hyfw_map_get(record, KVM_NOTE_KEPT) != NULL, err) : 0;

	if (r < 0 && has_ended(record)) {
		kvm->host->forget(err);
		r = 0;
	}
	return r < 0 ? r : end_recorded(kvm->host, record, err);
}

static int undo_create(struct kvm_instance *kvm, struct hyfw_call *call, const char *root, struct hyfw_error **err)
{
	const bool ours = kvm->run && kvm->run->root && strcmp(kvm->run->root, root) == 0;
	int r;

	if (ours)
		let_go(kvm->run);
	r = end_machine(kvm, &call->record, err);
	if (r == 0 && access(root, F_OK) == 0 && may_have_more(kvm, &call->record, ours))
		r = kvm_process_end_all(kvm->host, root, err);
	if (r == 0)
		leave_template(kvm->host, call);
	return r < 0 ? r : kvm_root_remove(kvm->host, root, err);
}

int kvm_undo(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	struct kvm_instance *kvm = instance;
	const char *root = hyfw_map_get(&call->record, KVM_NOTE_ROOT), *domain = hyfw_map_get(&call->record, KVM_NOTE_DOMAIN);
	int r = 0;

	if (strcmp(call->step->verb, KVM_VERB_DEFINE) == 0 && kvm->uri)
		return end_at_libvirtd(kvm, &call->step->args, false, err);
	if (strcmp(call->step->verb, HYFW_VERB_START) == 0 && domain) /* one that was adopted */
		r = end_machine(kvm, &call->record, err);
	if (strcmp(call->step->verb, HYFW_VERB_CREATE) == 0 && root)
		r = undo_create(kvm, call, root, err);
	if (r == 0 && kvm->uri && domain)
		kvm_stale_groups(kvm->host, call->arena, domain);
	return r;
}

/* ---- gc --------------------------------------------------------------------------------- */

static bool is_orphan(const struct hyfw_host *host, struct hyfw_arena *arena, const char *root,
		      const struct hyfw_alive *alive)
{
	const char *name = kvm_root_workload(host, arena, root);
	struct stat status;

	if (!name)
		return stat(root, &status) == 0 && time(NULL) - status.st_mtime > YOUNG_S;
	return !hyfw_names_have(alive->running, name, strlen(name));
}

static int gc_below(const struct hyfw_host *host, struct hyfw_arena *arena, const char *parent,
		    const struct hyfw_alive *alive, struct hyfw_error **err)
{
	DIR *dir = opendir(parent);
	struct dirent *entry;
	int r = 0;

	while (dir && r == 0 && (entry = readdir(dir))) {
		const char *root = host->format(arena, "%s/%s", parent, entry->d_name);

		if (entry->d_name[0] == '.' || !is_orphan(host, arena, root, alive))
			continue;
		host->log(HYFW_LOG_INFO, "removing the orphaned machine below %s", root);
		r = kvm_process_end_all(host, root, err);
		if (r == 0)
			r = kvm_root_remove(host, root, err);
	}
	if (dir)
		closedir(dir);
	return r;
}

static void gc_nvram(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_alive *alive)
{
	DIR *dir = opendir(host->format(arena, "%s/" KVM_NVRAM, host->directory("kvm", HYFW_DIRECTORY_DATA)));
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		const char *suffix = strrchr(entry->d_name, '.');

		if (entry->d_name[0] != '.' && suffix && strcmp(suffix, ".fd") == 0 &&
		    !hyfw_names_have(alive->workloads, entry->d_name, (size_t)(suffix - entry->d_name)))
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
	if (dir)
		closedir(dir);
}

/* WORKLOAD.json, WORKLOAD.saved, ...; a name has dots itself, so the whole that comes
 * before one of the endings must be a workload. */
static const char *const endings[] = { ".json", ".json.new", ".saved", ".saved.part", ".saved.json",
				       ".saved.json.new", ".template.json", ".template.json.new", ".sent",
				       ".sent.new" };

static bool is_kept(const struct hyfw_alive *alive, const char *file)
{
	const size_t length = strlen(file);
	size_t i;

	for (i = 0; i < KVM_COUNT(endings); i++) {
		const size_t end = strlen(endings[i]);

		if (length > end && strcmp(file + length - end, endings[i]) == 0 &&
		    hyfw_names_have(alive->workloads, file, length - end))
			return true;
	}
	return false;
}

/* What a machine that is gone has written stays in its disks, or the record stays. */
static int drop_layers(const struct hyfw_host *host, struct hyfw_arena *arena, const char *file,
		       struct hyfw_error **err)
{
	const char *suffix = strrchr(file, '.');
	struct hyfw_error *failure = NULL;
	int r;

	if (!suffix || strcmp(suffix, ".json") != 0 || strstr(file, ".saved.json"))
		return 0;
	r = kvm_layers_drop(host, arena, host->format(arena, "%.*s", (int)(suffix - file), file), &failure);
	if (r < 0)
		host->wrap(&failure, "external snapshots of %.*s, which is gone", (int)(suffix - file), file);
	if (r < 0 && !*err)
		*err = failure;
	else
		host->forget(&failure);
	return r;
}

static int gc_kept(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_alive *alive,
		   struct hyfw_error **err)
{
	DIR *dir = opendir(host->format(arena, "%s/" KVM_KEPT, host->directory("kvm", HYFW_DIRECTORY_DATA)));
	struct hyfw_error *first = NULL;
	struct dirent *entry;
	int r = 0, dropped;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || is_kept(alive, entry->d_name))
			continue;
		dropped = drop_layers(host, arena, entry->d_name, &first);
		if (dropped == 0)
			unlinkat(dirfd(dir), entry->d_name, 0);
		r = r < 0 ? r : dropped;
	}
	if (dir)
		closedir(dir);
	if (r < 0)
		*err = first;
	return r;
}

int kvm_forget(struct kvm_operation *operation, struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	struct hyfw_arena *arena = operation->asked->arena;
	const char *data = host->directory("kvm", HYFW_DIRECTORY_DATA), *name = operation->asked->object;
	size_t i;
	int r;

	kvm_clone_remove(host, arena, name); /* with all that lies on its disks */
	r = kvm_layers_drop(host, arena, name, err);
	if (r < 0)
		return host->wrap(err, "external snapshots");
	kvm_sent_tell(host, arena, name);
	for (i = 0; i < KVM_COUNT(endings); i++)
		unlink(host->format(arena, "%s/" KVM_KEPT "/%s%s", data, name, endings[i]));
	unlink(host->format(arena, "%s/" KVM_NVRAM "/%s.fd", data, name));
	kvm_tpm_forget(host, arena, name);
	return 0;
}

int kvm_gc(void *instance, const struct hyfw_alive *alive, struct hyfw_error **err)
{
	const struct hyfw_host *host = ((struct kvm_instance *)instance)->host;
	struct hyfw_arena *arena = host->arena_new();
	const char *const *parents = kvm_root_parents(host, arena);
	int r = 0;

	for (; r == 0 && *parents; parents++)
		r = gc_below(host, arena, *parents, alive, err);
	if (kvm_persist_gc(instance, alive)) {
		gc_nvram(host, arena, alive);
		kvm_tpm_gc(host, arena, alive);
	}
	kvm_clone_gc(host, arena, alive);
	if (r == 0)
		r = gc_kept(host, arena, alive, err);
	kvm_template_gc(host, arena);
	host->arena_free(arena);
	return r;
}
