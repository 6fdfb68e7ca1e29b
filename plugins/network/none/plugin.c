/* SPDX-License-Identifier: BSD-3-Clause
 * Network driver "none": a workload with its own network namespace and nothing
 * in it but the loopback interface. */
#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hyfw/network.h>

struct loopback {
	int netns_fd;
	int error; /* positive errno, 0 when it is up */
};

static int loopback_set_up(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;

	if (fd < 0)
		return errno;
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		error = errno;
	request.ifr_flags |= IFF_UP;
	if (!error && ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		error = errno;
	close(fd);
	return error;
}

static void *loopback_run(void *argument)
{
	struct loopback *loopback = argument;

	if (setns(loopback->netns_fd, CLONE_NEWNET) < 0)
		loopback->error = errno;
	else
		loopback->error = loopback_set_up();
	return NULL;
}

static int none_open(const struct hyfw_host *host, const struct hyfw_map *settings, void **ret_instance,
		     struct hyfw_error **err)
{
	(void)settings;
	(void)err;
	*ret_instance = (void *)(uintptr_t)host;
	return 0;
}

static int none_plan(void *instance, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		     struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = instance;
	struct hyfw_step step = {
		.size = sizeof(step),
		.verb = "loopback",
		.lifetime = HYFW_LIFETIME_RUN,
		.summary = "bring up loopback; there is no other interface",
	};

	if (subject->kind != HYFW_SUBJECT_ENDPOINT)
		return 0;
	step.object = host->format(arena, "interface lo of %s", subject->workload);
	step.commands = host->format(arena, "ip -n %s link set lo up", subject->workload);
	return host->plan_step(plan, &step, err);
}

/* A thread of its own enters the namespace: the caller stays where it is
 * whatever goes wrong. */
static int none_apply(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct hyfw_host *host = instance;
	struct loopback loopback = { .netns_fd = call->netns_fd };
	sigset_t all, before;
	pthread_t thread;
	int error;

	if (call->netns_fd < 0)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, NULL, loopback_run, &loopback);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error)
		return host->fail(err, error, "interface lo: cannot start a thread: %s", strerror(error));
	pthread_join(thread, NULL);
	if (loopback.error)
		return host->fail(err, loopback.error, "interface lo: cannot bring it up: %s",
				  strerror(loopback.error));
	return 0;
}

/* The interface goes with its namespace. */
static int none_undo(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	(void)instance;
	(void)call;
	(void)err;
	return 0;
}

static const struct hyfw_common_ops common = {
	.size = sizeof(common),
	.open = none_open,
	.plan = none_plan,
	.apply = none_apply,
	.undo = none_undo,
};

static const struct hyfw_network_ops ops = { .size = sizeof(ops) };

static const struct hyfw_need needs[] = {
	{ "kernel", "network namespaces", false },
	{ 0 },
};

static const char *const capabilities[] = { HYFW_GIVES_NOTHING, NULL };
static const char *const honours[] = { "workload.network", NULL };

static const struct hyfw_plugin plugin = {
	.magic = HYFW_PLUGIN_MAGIC,
	.size = sizeof(plugin),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.kind = HYFW_KIND_NETWORK,
	.name = "none",
	.version = "0.1.0",
	.vendor = "hyfw",
	.summary = "No network: a namespace with loopback only",
	.capabilities = capabilities,
	.needs = needs,
	.honours = honours,
	.state_version_min = 1,
	.state_version = 1,
	.common = &common,
	.ops = &ops,
};

HYFW_PLUGIN_EXPORT(HYFW_KIND_NETWORK, 0, plugin)
