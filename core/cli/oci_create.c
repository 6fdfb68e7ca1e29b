/* SPDX-License-Identifier: BSD-3-Clause
 * `hyfw oci create`, `start` and `run`. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/ledger.h"
#include "cli/oci.h"

struct making {
	struct hyfw_oci_request request;
	char *bundle, *config_file;
	const char *preserve;          /* --preserve-fds, as it stands */
	bool keep; /* --keep: not deleted at its end */
};

enum { PID_FILE = 256, CONSOLE_SOCKET, PIDFD_SOCKET, PRESERVE_FDS, NO_PIVOT, NO_NEW_KEYRING, NO_SUBREAPER, KEEP };

static const struct option create_flags[] = {
	{ "bundle", required_argument, NULL, 'b' },
	{ "config", required_argument, NULL, 'f' },
	{ "pid-file", required_argument, NULL, PID_FILE },
	{ "console-socket", required_argument, NULL, CONSOLE_SOCKET },
	{ "pidfd-socket", required_argument, NULL, PIDFD_SOCKET },
	{ "preserve-fds", required_argument, NULL, PRESERVE_FDS },
	{ "no-pivot", no_argument, NULL, NO_PIVOT },
	{ "no-new-keyring", no_argument, NULL, NO_NEW_KEYRING },
	{ "no-subreaper", no_argument, NULL, NO_SUBREAPER },
	{ "detach", no_argument, NULL, 'd' },
	{ "keep", no_argument, NULL, KEEP },
	OCI_FLAG_HELP,
	{ 0 },
};

static void take_flag(int flag, struct making *making)
{
	struct hyfw_oci_request *request = &making->request;

	switch (flag) {
	case 'b': free(making->bundle); making->bundle = oci_absolute(optarg); break;
	case 'f': free(making->config_file); making->config_file = oci_absolute(optarg); break;
	case 'd': request->detached = true; break;
	case PID_FILE: request->pid_file = optarg; break;
	case CONSOLE_SOCKET: request->console_socket = optarg; break;
	case PIDFD_SOCKET: request->pidfd_socket = optarg; break;
	case PRESERVE_FDS: making->preserve = optarg; break;
	case NO_PIVOT: request->no_pivot = true; break;
	case NO_NEW_KEYRING: request->no_new_keyring = true; break;
	case KEEP: making->keep = true; break;
	default: break; /* no-subreaper: none is used */
	}
}

/* Descriptors that are the command's, and the socket of a service manager. */
static int take_environment(struct making *making, struct hyfw_error **err)
{
	struct hyfw_oci_request *request = &making->request;
	const char *notify = getenv("NOTIFY_SOCKET");
	int result = making->preserve ? oci_preserve_asked(making->preserve, &request->preserve_fds, err) : 0;

	if (result < 0)
		return result;
	request->listen_fds = oci_listen_fds();
	request->preserve_fds = oci_preserve(request->preserve_fds + request->listen_fds);
	request->notify_socket = notify && *notify ? notify : NULL;
	return 0;
}

static int parse(struct oci_cli *cli, const struct oci_verb *verb, int argc, char **argv, struct making *making,
		 int *ret_status)
{
	struct hyfw_oci_request *request = &making->request;
	struct hyfw_error *err = NULL;
	int flag;

	while ((flag = oci_flag(cli, verb, argc, argv, "+b:f:dh", create_flags, 1, 1, ret_status)) >= 0)
		take_flag(flag, making);
	if (flag == -2)
		return -1;
	if (!making->bundle)
		making->bundle = oci_absolute(".");
	/* "/here/." is the same place, and is told to hooks. */
	if (strlen(making->bundle) > 2 && strcmp(making->bundle + strlen(making->bundle) - 2, "/.") == 0)
		making->bundle[strlen(making->bundle) - 2] = '\0';
	request->root = cli->root;
	request->id = argv[optind];
	request->bundle = making->bundle;
	request->config_file = making->config_file;
	request->systemd_cgroup = cli->systemd_cgroup;
	request->no_cgroups = cli->no_cgroups;
	request->plain_lines = oci_copies_to_file(request->detached, request->console_socket);
	if (take_environment(making, &err) < 0) {
		*ret_status = oci_log_error(cli, err);
		return -1;
	}
	return 0;
}

static void finish(struct making *making)
{
	free(making->bundle);
	free(making->config_file);
}

static int create(struct oci_cli *cli, int argc, char **argv)
{
	HYFW_AUTO_OCI struct hyfw_oci_container *container = NULL;
	struct hyfw_running running = OCI_NOTHING_RUNS;
	struct making making = { .request = { .detached = true } };
	struct hyfw_error *err = NULL;
	int status = 0;

	hyfw_ledger_open();
	if (parse(cli, &oci_verb_create, argc, argv, &making, &status) == 0 &&
	    hyfw_oci_create(&making.request, &container, &running, &err) < 0)
		status = oci_log_error(cli, err);
	else if (container)
		status = 0;
	oci_running_close(&running);
	finish(&making);
	return status;
}

/* The container's end, before its command can look for it. */
static int listen_for_notices(const struct hyfw_oci_container *container, struct oci_notify *notify,
			      struct hyfw_error **err)
{
	int result;

	notify->listener = -1;
	notify->host = getenv("NOTIFY_SOCKET");
	if (!notify->host || !*notify->host) {
		notify->host = NULL;
		return 0;
	}
	result = hyfw_oci_notify_listen(container, err);
	if (result == -ENOENT && !*err) { /* it was created without */
		notify->host = NULL;
		return 0;
	}
	notify->listener = result < 0 ? -1 : result;
	return result < 0 ? result : 0;
}

static int start(struct oci_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { OCI_FLAG_HELP, { 0 } };
	HYFW_AUTO_OCI struct hyfw_oci_container *container = NULL;
	struct oci_notify notify = { .listener = -1 };
	struct hyfw_error *err = NULL;
	int status = 0;
	pid_t pid;

	hyfw_ledger_open();
	if (oci_flag(cli, &oci_verb_start, argc, argv, "+h", flags, 1, 1, &status) == -2)
		return status;
	if (hyfw_oci_open(cli->root, argv[optind], true, &container, &err) < 0 ||
	    listen_for_notices(container, &notify, &err) < 0 || hyfw_oci_start(container, NULL, &err) < 0) {
		hyfw_cleanup_close(&notify.listener);
		return oci_log_error(cli, err);
	}
	pid = hyfw_oci_pid(container);
	hyfw_oci_close(HYFW_STEAL(container)); /* others may lock it while this waits */
	if (notify.host)
		hyfw_oci_notify_wait(notify.listener, notify.host, pid);
	hyfw_cleanup_close(&notify.listener);
	return 0;
}

/* ---- run ---- */

static int delete_container(const struct hyfw_oci_request *request, struct hyfw_error **err)
{
	HYFW_AUTO_OCI struct hyfw_oci_container *container = NULL;
	int result = hyfw_oci_open(request->root, request->id, true, &container, err);

	if (result == -ENOENT) { /* somebody else did it */
		hyfw_forget(err);
		return 0;
	}
	return result < 0 ? result : hyfw_oci_delete(container, true, err);
}

/* Until its end, or with --detach until its start.  While it runs others may lock it. */
static int run_created(struct making *making, struct hyfw_oci_container **container, struct hyfw_running *running,
		       int *ret_status, struct hyfw_error **err)
{
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	struct oci_notify notify;
	int result = listen_for_notices(*container, &notify, err);

	if (result == 0)
		result = hyfw_oci_start(*container, running, err);
	hyfw_oci_close(HYFW_STEAL(*container));
	*ret_status = 0;
	if (result == 0 && making->request.detached) {
		if (notify.host)
			hyfw_oci_notify_wait(notify.listener, notify.host, running->pid);
		hyfw_cleanup_close(&notify.listener);
		return 0;
	}
	if (result == 0)
		result = oci_serve(running, &notify, ret_status, err);
	hyfw_cleanup_close(&notify.listener);
	if (result == 0 && making->keep)
		return 0;
	if (delete_container(&making->request, &failure) < 0 && result == 0) {
		*err = HYFW_STEAL(failure);
		return -(*err)->errnum;
	}
	return result;
}

static int run(struct oci_cli *cli, int argc, char **argv)
{
	HYFW_AUTO_OCI struct hyfw_oci_container *container = NULL;
	struct hyfw_running running = OCI_NOTHING_RUNS;
	struct making making = { 0 };
	struct hyfw_error *err = NULL;
	int status = 0;

	hyfw_ledger_open();
	if (parse(cli, &oci_verb_run, argc, argv, &making, &status) == 0) {
		if (hyfw_oci_create(&making.request, &container, &running, &err) < 0 ||
		    run_created(&making, &container, &running, &status, &err) < 0)
			status = oci_log_error(cli, err);
	}
	oci_running_close(&running);
	finish(&making);
	return status;
}

const struct oci_verb oci_verb_create = {
	"create", "create [OPTION]... CONTAINER", "Create a container from a bundle", create
};
const struct oci_verb oci_verb_start = { "start", "start CONTAINER", "Start the command of a created container", start };
const struct oci_verb oci_verb_run = {
	"run", "run [OPTION]... CONTAINER", "Create a container, start it and wait for its end", run
};
