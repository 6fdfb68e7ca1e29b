/* SPDX-License-Identifier: BSD-3-Clause
 * The listener of a system call filter, seccomp_unotify(2): the parent fetches it from
 * the child, because the filter may stop every call that would send it. */
#include "oci.h"

#include <linux/seccomp.h>
#include <sys/pidfd.h>
#include <time.h>

/* The child says its number on the board; nothing else may be let through by then. */
int oci_listener_take(const struct hyfw_host *host, const struct ns_job *job, int pidfd, int *ret_fd,
		      struct hyfw_error **err)
{
	const struct timespec moment = { 0, 50000 };
	int32_t number;

	if (!(job->confinement->seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER))
		return 0;
	while ((number = __atomic_load_n(&job->board->listener, __ATOMIC_ACQUIRE)) <= 0) {
		if (job->board->failed || pidfd_send_signal(pidfd, 0, NULL, 0) < 0)
			return ns_board_error(host, job->board, err);
		nanosleep(&moment, NULL);
	}
	*ret_fd = pidfd_getfd(pidfd, number, 0);
	return *ret_fd < 0 ? ns_fail(host, err, errno, "take the listener of", "the system call filter") : 0;
}
