/* SPDX-License-Identifier: BSD-3-Clause
 * What an OCI bundle says of the process: ids, the memory killer's score, umask,
 * personality, AppArmor.  Limits and scheduling are in limits.c. */
#include "oci.h"

#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/stat.h>

static bool has_apparmor(void)
{
	char answer = 'N';
	NS_AUTO_CLOSE int fd = open("/sys/module/apparmor/parameters/enabled", O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, &answer, 1) == 1 && answer == 'Y';
}

int oci_process_check(const struct hyfw_host *host, const struct hyfw_oci_process *process,
		      uint32_t preserved, struct hyfw_error **err)
{
	uint32_t i;

	if (process->apparmor_profile && *process->apparmor_profile && !has_apparmor())
		return host->fail(err, ENOTSUP, "AppArmor profile %s: this kernel has no AppArmor",
				  process->apparmor_profile);
	/* One that is not open would be taken by a descriptor of ours. */
	for (i = 0; i < preserved; i++)
		if (fcntl(3 + (int)i, F_GETFD) < 0)
			return host->fail(err, EBADF, "preserved-fd %u: descriptor %u is not open", i, 3 + i);
	return 0;
}

int oci_process_prepare(const struct hyfw_host *host, const struct hyfw_oci_process *process, int root_fd,
			struct ns_job *job, struct hyfw_error **err)
{
	struct ns_board *board = job->board;
	size_t i;

	if (process->group_count > NS_GROUPS_MAX)
		return host->fail(err, E2BIG, "more than %d additional groups", NS_GROUPS_MAX);
	board->uid = process->uid;
	board->gid = process->gid;
	board->group_count = (uint32_t)process->group_count;
	for (i = 0; i < process->group_count; i++)
		board->groups[i] = process->groups[i];
	return job->home_slot == SIZE_MAX ? 0 : ns_user_home(host, root_fd, process->uid, board, err);
}

/* Lower than ours takes CAP_SYS_RESOURCE; who lacks it keeps what it has, as the
 * runtimes do in a user namespace. */
int oci_process_score(const struct hyfw_host *host, const struct hyfw_oci_process *process, pid_t pid,
		      struct hyfw_error **err)
{
	char path[64], text[24];
	NS_AUTO_CLOSE int fd = -1;
	int length;

	if (!process->oom_score_adj.set)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	length = snprintf(text, sizeof(text), "%lld", (long long)process->oom_score_adj.value);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, text, (size_t)length) == length)
		return 0;
	if (errno == EACCES || errno == EPERM) {
		host->log(HYFW_LOG_WARNING, "oom_score_adj %s is lower than may be set here, and is left alone",
			  text);
		return 0;
	}
	return ns_fail(host, err, errno, "set oom_score_adj to", text);
}

/* ---- in the child ---------------------------------------------------------------- */

void oci_process_before(struct ns_job *job)
{
	const struct hyfw_oci_process *process = job->process;

	umask(process->umask.set ? (mode_t)process->umask.value & 0777 : 0022);
	if (job->has_personality && personality(job->personality) < 0)
		ns_die(job, NS_STEP_PERSONALITY, "", errno);
}

void oci_profile_set(const struct ns_job *job)
{
	const char *profile = job->process->apparmor_profile;
	char text[PATH_MAX] = "exec ";
	size_t length;
	NS_AUTO_CLOSE int fd = -1;

	if (!profile || !*profile)
		return;
	length = strlen(profile);
	if (length >= sizeof(text) - 5)
		ns_die(job, NS_STEP_PROFILE, profile, ENAMETOOLONG);
	memcpy(text + 5, profile, length);
	fd = openat(job->proc_fd, "thread-self/attr/apparmor/exec", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		fd = openat(job->proc_fd, "thread-self/attr/exec", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, length + 5) != (ssize_t)(length + 5))
		ns_die(job, NS_STEP_PROFILE, profile, errno);
}

void oci_window_size(const struct ns_job *job, int master)
{
	const struct hyfw_oci_process *process = job->process;
	struct winsize size = {
		.ws_row = (unsigned short)process->console_rows.value,
		.ws_col = (unsigned short)process->console_columns.value,
	};

	if (size.ws_row || size.ws_col)
		ioctl(master, TIOCSWINSZ, &size);
}
