/* SPDX-License-Identifier: BSD-3-Clause
 * Puts the confinement into effect, in the child.  Raw system calls throughout:
 * the C library's wrappers of the id calls signal other threads.
 *
 * Order: what a filter could forbid comes before it; without no_new_privileges
 * the filter (and Landlock) needs CAP_SYS_ADMIN, which is then given up last. */
#include "ns.h"
#include "oci/oci.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

static bool keeps_admin(const struct hyfw_confinement *confinement)
{
	return confinement->have_capabilities && !confinement->no_new_privileges &&
	       (confinement->seccomp_program || confinement->landlock_fd >= 0);
}

/* OCI runtimes leave out what they do not have themselves. */
static uint64_t available(const struct ns_job *job)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	if (!job->process || syscall(SYS_capget, &head, data) < 0)
		return UINT64_MAX;
	return (uint64_t)data[1].permitted << 32 | data[0].permitted;
}

static int set_capabilities(const struct ns_job *job, uint64_t extra)
{
	const struct hyfw_confinement *confinement = job->confinement;
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	uint64_t mask = available(job), inheritable = confinement->inheritable & mask;
	uint64_t permitted = (confinement->permitted | extra) & mask;
	/* What is not permitted cannot be effective; the runtimes' own tests list such sets. */
	uint64_t effective = (confinement->effective | extra) & (job->process ? permitted : mask);
	struct __user_cap_data_struct data[2] = {
		{ (uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable },
		{ (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32) },
	};

	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

static void drop_bounding(const struct ns_job *job, uint64_t bounding)
{
	unsigned long capability;

	for (capability = 0; capability < 64; capability++) {
		if (bounding >> capability & 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) {
			if (errno == EINVAL) /* this kernel does not know it, nor higher ones */
				return;
			ns_die(job, NS_STEP_CAPABILITIES, "bounding set", errno);
		}
	}
}

/* What an OCI bundle lists without its being in the other sets is left out, as the
 * runtimes do. */
static bool may_be_absent(const struct ns_job *job)
{
	return job->process && errno == EPERM;
}

static void raise_ambient(const struct ns_job *job, uint64_t ambient)
{
	unsigned long capability;

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		ns_die(job, NS_STEP_CAPABILITIES, "ambient set", errno);
	for (capability = 0; capability < 64; capability++)
		if (ambient >> capability & 1 &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0 && !may_be_absent(job))
			ns_die(job, NS_STEP_CAPABILITIES, "ambient set", errno);
}

static void set_ids(const struct ns_job *job)
{
	const struct ns_board *board = job->board;

	if (syscall(SYS_setresgid, board->gid, board->gid, board->gid) < 0)
		ns_die(job, NS_STEP_USER, "group id (is it inside the id range of the workload?)", errno);
	if (syscall(SYS_setresuid, board->uid, board->uid, board->uid) < 0)
		ns_die(job, NS_STEP_USER, "user id (is it inside the id range of the workload?)", errno);
}

static void set_user(const struct ns_job *job)
{
	const struct ns_board *board = job->board;

	if (job->keep_groups && board->group_count == 0) {
		set_ids(job);
		return;
	}
	/* A user namespace may forbid it; then an OCI bundle without groups keeps what it has. */
	if (syscall(SYS_setgroups, (size_t)board->group_count, board->groups) < 0 &&
	    !(board->group_count == 0 && may_be_absent(job)))
		ns_die(job, NS_STEP_USER, "supplementary groups", errno);
	set_ids(job);
}

void ns_confine_before(const struct ns_job *job)
{
	const struct hyfw_confinement *confinement = job->confinement;
	uint64_t extra = keeps_admin(confinement) ? UINT64_C(1) << CAP_SYS_ADMIN : 0;
	int r;

	if (confinement->have_capabilities) {
		drop_bounding(job, confinement->bounding);
		if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
			ns_die(job, NS_STEP_CAPABILITIES, "keep", errno);
	}
	set_user(job);
	if (confinement->have_capabilities) {
		r = set_capabilities(job, extra);
		if (r < 0)
			ns_die(job, NS_STEP_CAPABILITIES, "permitted set", -r);
		raise_ambient(job, confinement->ambient);
	}
	/* The change of ids may have undone it (fs.suid_dumpable, proc(5)). */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		ns_die(job, NS_STEP_USER, "not dumpable", errno);
	if (confinement->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		ns_die(job, NS_STEP_CAPABILITIES, "no_new_privileges", errno);
}

/* On the board: whoever starts it may not have the label any more. */
static void refuse_label(const struct ns_job *job, const char *label, int errnum)
{
	size_t length = strlen(label);

	if (length >= sizeof(job->board->text))
		length = sizeof(job->board->text) - 1;
	memcpy(job->board->text, label, length);
	job->board->text[length] = '\0';
	ns_die(job, NS_STEP_LABEL, job->board->text, errnum);
}

static void set_label(const struct ns_job *job, const char *label)
{
	NS_AUTO_CLOSE int fd = openat(job->proc_fd, "thread-self/attr/exec", O_WRONLY | O_CLOEXEC);
	size_t length = strlen(label);

	if (fd < 0 || write(fd, label, length) != (ssize_t)length)
		refuse_label(job, label, errno);
}

static void load_filter(const struct ns_job *job, const struct hyfw_confinement *confinement)
{
	struct sock_fprog program = {
		.len = (unsigned short)confinement->seccomp_instructions,
		.filter = (struct sock_filter *)(uintptr_t)confinement->seccomp_program,
	};
	long listener;

	if (confinement->seccomp_instructions > BPF_MAXINSNS)
		ns_die(job, NS_STEP_SECCOMP, "too long", E2BIG);
	listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, confinement->seccomp_flags, &program);
	if (listener < 0)
		ns_die(job, NS_STEP_SECCOMP, "seccomp", errno);
	if (confinement->seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)
		__atomic_store_n(&job->board->listener, (int32_t)listener, __ATOMIC_RELEASE);
}

/* A hook of a bundle has no more than the command, whose filter comes after it. */
void ns_confine_hook(const struct ns_job *job)
{
	const struct hyfw_confinement *confinement = job->confinement;
	int r;

	if (confinement->seccomp_program && !(confinement->seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER))
		load_filter(job, confinement);
	r = keeps_admin(confinement) ? set_capabilities(job, 0) : 0;
	if (r < 0)
		ns_die(job, NS_STEP_CAPABILITIES, "permitted set", -r);
}

void ns_confine_last(const struct ns_job *job)
{
	const struct hyfw_confinement *confinement = job->confinement;
	int r;

	if (confinement->process_label)
		set_label(job, confinement->process_label);
	if (job->process)
		oci_profile_set(job);
	if (confinement->landlock_fd >= 0 &&
	    syscall(SYS_landlock_restrict_self, confinement->landlock_fd, 0) < 0)
		ns_die(job, NS_STEP_LANDLOCK, "landlock", errno);
	/* Not left to exec: see close_others() in child.c. */
	if (job->proc_fd >= 0)
		close(job->proc_fd);
	if (confinement->landlock_fd >= 0)
		close(confinement->landlock_fd);
	if (confinement->seccomp_program)
		load_filter(job, confinement);
	if (keeps_admin(confinement)) {
		r = set_capabilities(job, 0);
		if (r < 0)
			ns_die(job, NS_STEP_CAPABILITIES, "permitted set", -r);
	}
}
