/* SPDX-License-Identifier: BSD-3-Clause
 * The thread that runs libvirt's events.  libvirt has one event loop for a process,
 * which must be there before its first connection; so it stays to the end. */
#include "../run.h"

#include <signal.h>
#include <unistd.h>

#define STACK (256u << 10)

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int failure;

static void *loop(void *unused)
{
	(void)unused;
	for (;;)
		if (virEventRunDefaultImpl() < 0)
			usleep(10000);
	return NULL;
}

static void no_print(void *data, virErrorPtr error)
{
	(void)data;
	(void)error;
}

/* What the environment may tell libvirt is not for the caller of hyfw to say.  An
 * embedded libvirt has no business with the system bus: it would register machines
 * with systemd, which moves them out of our control groups. */
static void clean_environment(void)
{
	static const char *const unwanted[] = { "LIBVIRT_DRIVER_DIR", "LIBVIRT_DEBUG", "LIBVIRT_LOG_FILTERS" };
	size_t i;

	for (i = 0; i < KVM_COUNT(unwanted); i++)
		unsetenv(unwanted[i]);
	setenv("LIBVIRT_LOG_OUTPUTS", "3:file:/dev/null", 1);
	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent", 1);
}

static void start(void)
{
	sigset_t all, before;
	pthread_attr_t attributes;
	pthread_t thread;

	clean_environment();
	virSetErrorFunc(NULL, no_print);
	if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0) {
		failure = EIO;
		return;
	}
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	sigfillset(&all); /* signals are for the main thread */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failure = pthread_create(&thread, &attributes, loop, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
}

int kvm_loop_start(const struct hyfw_host *host, struct hyfw_error **err)
{
	pthread_once(&once, start);
	if (failure)
		return host->fail(err, failure, "libvirt's event loop: %s", strerror(failure));
	return 0;
}
