/* SPDX-License-Identifier: BSD-3-Clause
 * Connections to libvirt.
 *
 * Embedded: Debian's libvirt insists that the user it was built to run QEMU as
 * exists, though each machine here is told another.  Where the package that makes
 * that user is not installed, the thread that opens the connection sees copies of the
 * account files with such a user, in a mount namespace that ends with the thread. */
#include "../run.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUILT_IN_USER "libvirt-qemu"

int kvm_fail_libvirt(const struct hyfw_host *host, struct hyfw_error **err, const char *what)
{
	virErrorPtr error = virGetLastError();
	int errnum = EIO;

	if (error && error->code == VIR_ERR_NO_DOMAIN)
		errnum = ESRCH;
	else if (error && (error->code == VIR_ERR_NO_SUPPORT || error->code == VIR_ERR_OPERATION_UNSUPPORTED ||
			   error->code == VIR_ERR_CONFIG_UNSUPPORTED))
		errnum = ENOTSUP;
	else if (error && error->code == VIR_ERR_OPERATION_TIMEOUT)
		errnum = ETIMEDOUT;
	else if (error && (error->code == VIR_ERR_INVALID_ARG || error->code == VIR_ERR_XML_ERROR))
		errnum = EINVAL;
	return host->fail(err, errnum, "%s: %s", what,
			  error && error->message ? error->message : "libvirt does not say why");
}

/* ---- the thread that opens ----------------------------------------------------------- */

struct opening {
	const char *uri, *root;
	bool borrow_user;
	virConnectPtr connection;
	char *message; /* libvirt keeps errors by thread */
	int errnum;
};

static int copy_with_line(const char *from, const char *to, const char *line)
{
	KVM_AUTO_CLOSE int in = open(from, O_RDONLY | O_CLOEXEC);
	KVM_AUTO_CLOSE int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ssize_t moved;

	if (in < 0 || out < 0)
		return -errno;
	if (write(out, line, strlen(line)) != (ssize_t)strlen(line))
		return -EIO;
	do
		moved = sendfile(out, in, NULL, 1 << 20);
	while (moved > 0);
	return moved < 0 ? -errno : 0;
}

static int cover(const char *file, const char *copy, const char *line)
{
	int r = copy_with_line(file, copy, line);

	if (r == 0 && mount(copy, file, NULL, MS_BIND, NULL) < 0)
		r = -errno;
	return r;
}

/* Of this thread alone: unshare(2), CLONE_NEWNS. */
static int borrow_user(const char *root)
{
	KVM_AUTO_FREE char *passwd = NULL;
	KVM_AUTO_FREE char *group = NULL;
	int r;

	if (asprintf(&passwd, "%s/etc/passwd", root) < 0 || asprintf(&group, "%s/etc/group", root) < 0)
		return -ENOMEM;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return -errno;
	r = cover("/etc/passwd", passwd, BUILT_IN_USER ":x:65534:65534::/nonexistent:/bin/false\n");
	return r < 0 ? r : cover("/etc/group", group, BUILT_IN_USER ":x:65534:\n");
}

/* libvirt forgets what it knows about QEMU, and takes half a second to ask again, when
 * the processor is another one; among its marks is the number of the CPU that it is
 * asked on (leaf 1fH, EDX).  So this thread, which asks, always runs on the same: the
 * first that our control group lets it have. */
static void stay_on_first_cpu(void)
{
	cpu_set_t set;
	int i, r = -1;

	for (i = 0; i < CPU_SETSIZE && r < 0; i++) {
		CPU_ZERO(&set);
		CPU_SET(i, &set);
		r = sched_setaffinity(0, sizeof(set), &set);
	}
}

static void *open_connection(void *data)
{
	struct opening *opening = data;
	virErrorPtr error;

	stay_on_first_cpu();
	if (opening->borrow_user) {
		opening->errnum = -borrow_user(opening->root);
		if (opening->errnum)
			return NULL;
	}
	opening->connection = virConnectOpen(opening->uri);
	if (!opening->connection) {
		error = virGetLastError();
		opening->errnum = EIO;
		opening->message = error && error->message ? strdup(error->message) : NULL;
	}
	return NULL;
}

static bool built_in_user_exists(void)
{
	return getpwnam(BUILT_IN_USER) && getgrnam(BUILT_IN_USER);
}

static int open_embedded(struct kvm_run *run, struct hyfw_error **err)
{
	const struct hyfw_host *host = run->kvm->host;
	struct opening opening = { .root = run->root, .borrow_user = geteuid() == 0 && !built_in_user_exists() };
	KVM_AUTO_FREE char *uri = NULL;
	pthread_t thread;
	int r;

	if (asprintf(&uri, "qemu:///embed?root=%s", run->root) < 0)
		return host->fail(err, ENOMEM, "out of memory");
	opening.uri = uri;
	r = pthread_create(&thread, NULL, open_connection, &opening);
	if (r != 0)
		return host->fail(err, r, "a thread for libvirt: %s", strerror(r));
	pthread_join(thread, NULL);
	run->connection = opening.connection;
	if (run->connection)
		return 0;
	r = host->fail(err, opening.errnum, "embedded libvirt: %s",
		       opening.message ? opening.message : strerror(opening.errnum));
	free(opening.message);
	return r;
}

static int open_daemon(struct kvm_run *run, struct hyfw_error **err)
{
	const struct hyfw_host *host = run->kvm->host;
	struct hyfw_arena *arena;

	run->connection = virConnectOpen(run->kvm->uri);
	if (run->connection) {
		virConnectSetKeepAlive(run->connection, KVM_KEEPALIVE_S, KVM_KEEPALIVES);
		return 0;
	}
	arena = host->arena_new();
	kvm_fail_libvirt(host, err, host->format(arena, "libvirtd at %s", run->kvm->uri));
	host->arena_free(arena);
	return -EIO;
}

int kvm_connect(struct kvm_run *run, struct hyfw_error **err)
{
	int r = kvm_loop_start(run->kvm->host, err);

	if (r < 0 || run->connection)
		return r;
	return run->kvm->uri ? open_daemon(run, err) : open_embedded(run, err);
}
