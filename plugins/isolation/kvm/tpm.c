/* SPDX-License-Identifier: BSD-3-Clause
 * tpm = yes: a swtpm of the machine's own, which runs as QEMU's user, in the machine's
 * control groups and with swtpm's seccomp filter, and ends when QEMU lets go of it.
 * libvirt's own way (backend 'emulator') makes its files as a user of the host that the
 * machine's is not.
 *
 *     ROOT/io/tpm.sock      where QEMU meets it
 *     DATA/tpm/WORKLOAD     what the TPM keeps, as long as the workload does; of a
 *                           workload that goes when it ends ROOT/io/tpm */
#include "tpm.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define LAST_MS 2000
#define STATES "tpm" /* below the data directory */

const char *kvm_tpm_state(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload)
{
	return host->format(arena, "%s/" STATES "/%s", host->directory("kvm", HYFW_DIRECTORY_DATA), workload);
}

/* ---- what it keeps ---- */

/* A plain file with this one name: the directory belongs to a user that a guest may have
 * in its hand, and a link in it could lead to what is somebody else's. */
static int hand_over_file(int directory, const char *name, uint32_t uid, uint32_t gid)
{
	KVM_AUTO_CLOSE int fd = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return -EMLINK;
	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/* For QEMU's user, which may be another one than last time.  Nobody else gets so far:
 * the directory is closed to all but its owner, whose processes have ended. */
static int hand_over(int directory, uint32_t uid, uint32_t gid)
{
	struct dirent *entry;
	int r = fchown(directory, uid, gid) < 0 ? -errno : 0, own = dup(directory);
	DIR *dir = own < 0 ? NULL : fdopendir(own);

	if (!dir && own >= 0)
		close(own);
	while (r == 0 && dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = hand_over_file(directory, entry->d_name, uid, gid);
	if (dir)
		closedir(dir);
	return dir ? r : -EMFILE;
}

static int make_state(const struct hyfw_host *host, const char *path, const struct hyfw_idmap *idmap,
		      struct hyfw_error **err)
{
	KVM_AUTO_CLOSE int directory = -1;
	int r;

	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = directory < 0 ? -errno
			  : hand_over(directory, idmap->count ? idmap->host_uid : 0, idmap->count ? idmap->host_gid : 0);
	return r < 0 ? host->fail(err, -r, "the TPM's state %s: %s", path, strerror(-r)) : 0;
}

static const char *place_of(const struct hyfw_host *host, struct hyfw_arena *arena,
			    const struct hyfw_workload *workload, const struct kvm_facts *facts)
{
	if (workload->transient)
		return host->format(arena, "%s/tpm", facts->directory);
	mkdir(host->format(arena, "%s/" STATES, host->directory("kvm", HYFW_DIRECTORY_DATA)), 0711);
	return kvm_tpm_state(host, arena, workload->name);
}

void kvm_tpm_forget(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload)
{
	kvm_remove_tree(kvm_tpm_state(host, arena, workload));
}

void kvm_tpm_gc(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_alive *alive)
{
	DIR *dir = opendir(host->format(arena, "%s/" STATES, host->directory("kvm", HYFW_DIRECTORY_DATA)));
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && !hyfw_names_have(alive->workloads, entry->d_name, strlen(entry->d_name)))
			kvm_remove_tree(kvm_tpm_state(host, arena, entry->d_name));
	if (dir)
		closedir(dir);
}

/* ---- the process ---- */

/* Its first process is gone when host->run() returns, and the one that stays listens. */
static int run(const struct hyfw_host *host, struct hyfw_arena *arena, const char *socket, const char *state,
	       const struct hyfw_idmap *idmap, struct hyfw_error **err)
{
	const char *control = host->format(arena, "type=unixio,path=%s,mode=0600", socket);
	const char *kept = host->format(arena, "dir=%s,mode=0600", state);
	const char *user = host->format(arena, "%u", idmap->count ? idmap->host_uid : 0);
	const char *const argv[] = { KVM_SWTPM, "socket", "--tpm2", "--ctrl", control, "--tpmstate", kept, "--seccomp",
				     "action=kill", "--terminate", "--daemon", "--runas", user, NULL };
	const struct hyfw_program program = { .size = sizeof(program), .argv = argv, .timeout_ms = 10000 };

	/* swtpm takes lists of options apart at them. */
	if (strchr(socket, ',') || strchr(state, ','))
		return host->fail(err, EINVAL, "the TPM: swtpm takes no path with a comma: %s",
				  strchr(socket, ',') ? socket : state);
	if (host->run(arena, &program, NULL, err) < 0)
		return host->wrap(err, "the TPM");
	return 0;
}

int kvm_tpm_start(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_workload *workload,
		  const struct kvm_facts *facts, int *ret_pidfd, struct hyfw_error **err)
{
	const char *socket = kvm_tpm_socket(host, arena, facts), *state = place_of(host, arena, workload, facts);
	pid_t pid;
	int r = make_state(host, state, &workload->idmap, err);

	if (r == 0)
		r = run(host, arena, socket, state, &workload->idmap, err);
	if (r < 0)
		return r;
	pid = kvm_process_naming(socket, workload->idmap.count ? workload->idmap.host_uid : 0);
	*ret_pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
	if (*ret_pidfd < 0)
		return host->fail(err, ESRCH, "the TPM: swtpm has ended already");
	return kvm_groups_join(host, pid, &workload->confinement, err);
}

void kvm_tpm_end(int *pidfd)
{
	struct pollfd end = { .fd = *pidfd, .events = POLLIN };

	if (*pidfd < 0)
		return;
	while (poll(&end, 1, LAST_MS) < 0 && errno == EINTR)
		continue;
	process_end(*pidfd);
	close(*pidfd);
	*pidfd = -1;
}
