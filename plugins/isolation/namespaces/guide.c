/* SPDX-License-Identifier: BSD-3-Clause
 * A process that is born into namespaces which exist already:
 *
 *     caller --ns_clone--> guide: joins the namespaces, then
 *                          --ns_clone(CLONE_PARENT)--> the child, in the pid
 *                          namespace and a child of the caller
 *
 * The guide shares the caller's descriptor table, so the child's pidfd appears
 * there.  Neither can be looked into from inside: they are not dumpable before
 * they join, and the guide never is in the pid namespace. */
#include "ns.h"

#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>

struct guided {
	int32_t pid, pidfd;
};

static void be_guide(struct ns_job *job, const struct ns_guide *guide, int result)
{
	struct guided guided = { 0, -1 };
	int pidfd = -1;

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		ns_die(job, NS_STEP_NONE, "", errno);
	ns_reset_signals();
	guide->join(job, guide->context);
	guided.pid = ns_clone(CLONE_PARENT | guide->flags, &pidfd);
	if (guided.pid == 0) {
		guide->child(job, guide->context);
		_exit(127);
	}
	if (guided.pid < 0)
		ns_die(job, NS_STEP_NAMESPACE, "process", errno);
	guided.pidfd = pidfd;
	_exit(write(result, &guided, sizeof(guided)) == sizeof(guided) ? 0 : 1);
}

int ns_guide_run(struct ns_job *job, const struct ns_guide *guide, pid_t *ret_pid, int *ret_pidfd)
{
	NS_AUTO_CLOSE int guide_fd = -1;
	NS_AUTO_CLOSE int from = -1;
	NS_AUTO_CLOSE int to = -1;
	struct guided guided;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	from = ends[0];
	to = ends[1];
	/* In the v2 group from here on: the child's own ids could not enter it. */
	pid = ns_clone_job(job, CLONE_FILES, guide->cgroup_fd, &guide_fd);
	if (pid == 0)
		be_guide(job, guide, to);
	if (pid < 0)
		return -errno;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	/* What stays open here would keep the channel alive after the child's exec. */
	close(job->channel);
	job->channel = -1;
	if (read(from, &guided, sizeof(guided)) != sizeof(guided))
		return -ECHILD;
	*ret_pid = guided.pid;
	*ret_pidfd = guided.pidfd;
	return 0;
}
