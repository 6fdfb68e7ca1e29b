/* SPDX-License-Identifier: BSD-3-Clause
 * create: the bundle is read, the ID claimed, the drivers' steps done. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "base/ledger.h"
#include "engine/apply.h"
#include "oci/node.h"
#include "oci/private.h"
#include "plugin/host.h"

struct creating {
	const struct hyfw_oci_request *request;
	struct hyfw_oci_container *container;
	struct hyfw_running *running;
	struct hyfw_arena *arena;
	struct oci_hooks_run hooks;
};

/* ---- what is to be created ---- */

static const char *now_text(struct hyfw_arena *arena)
{
	struct timespec now;
	struct tm parts;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
	return hyfw_arena_format(arena, "%s.%09ldZ", text, now.tv_nsec);
}

static int read_bundle(const struct hyfw_oci_request *request, char **ret_text, size_t *ret_size,
		       struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = request->config_file ? hyfw_dup(request->config_file)
							 : hyfw_format("%s/config.json", request->bundle);
	int result = hyfw_file_read(AT_FDCWD, path, OCI_DOCUMENT_LIMIT, ret_text, ret_size, err);

	hyfw_ledger_phase("read config.json", 0);
	return result < 0 ? hyfw_wrap(err, "open `%s`", path) : 0;
}

/* sd_listen_fds(3): the command is process 1 inside. */
static void add_listen_fds(struct hyfw_oci_container *container, uint32_t count)
{
	const char *const added[] = { hyfw_arena_format(container->arena, "LISTEN_FDS=%u", count), "LISTEN_PID=1",
				      NULL };

	container->spec.command.envp = hyfw_oci_environment(container->arena, container->spec.command.envp, added);
}

static void warn_of_capabilities(const struct hyfw_oci_command *command)
{
	if (command->unknown_capabilities)
		hyfw_host_table()->log(HYFW_LOG_WARNING, "left out capabilities that there are not here:%s",
				       command->unknown_capabilities);
}

/* Into 'container' what the bundle says, and beside it what the command line says. */
static int take_bundle(struct hyfw_oci_container *container, const struct hyfw_oci_request *request, char *text,
		       size_t size, struct hyfw_error **err)
{
	struct hyfw_oci_config *config = &container->spec.config;
	const char *owner = getuid() == 0 ? "root" : hyfw_arena_format(container->arena, "%u", (unsigned)getuid());
	int result = hyfw_oci_spec_read(text, size, container->id, request->bundle, container->arena,
					&container->spec, err);

	if (result < 0)
		return hyfw_wrap(err, "config.json");
	container->config_text = text;
	container->config_size = size;
	container->bundle = config->bundle;
	container->created = now_text(container->arena);
	container->owner = owner;
	container->version = container->spec.version;
	container->systemd_cgroup = request->systemd_cgroup;
	container->no_cgroups = request->no_cgroups;
	config->detached = request->detached;
	config->no_pivot = request->no_pivot;
	config->no_new_keyring = request->no_new_keyring;
	config->preserve_fds = request->preserve_fds;
	config->plain_lines = request->plain_lines;
	config->systemd_cgroup = request->systemd_cgroup;
	config->state = oci_config_state;
	if (request->listen_fds > 0)
		add_listen_fds(container, request->listen_fds);
	warn_of_capabilities(&container->spec.command);
	hyfw_ledger_phase("parse config.json", 0);
	return 0;
}

static int check_request(const struct hyfw_oci_request *request, const struct hyfw_oci_spec *spec,
			 struct hyfw_error **err)
{
	if (request->console_socket && !spec->command.terminal)
		return hyfw_fail(err, EINVAL, "cannot use console socket if runc will not detach or allocate tty: "
				 "process.terminal is false");
	if (request->detached && spec->command.terminal && !request->console_socket)
		return hyfw_fail(err, EINVAL, "cannot allocate tty if runc will detach without setting console socket: "
				 "--console-socket is missing");
	return 0;
}

/* ---- steps ---- */

static struct hyfw_workload workload_of(struct creating *creating)
{
	const struct hyfw_oci_container *container = creating->container;
	const struct hyfw_oci_command *command = &container->spec.command;
	return (struct hyfw_workload){
		.size = sizeof(struct hyfw_workload),
		.name = container->id,
		.hostname = container->spec.config.hostname,
		.argv = command->argv,
		.envp = command->envp,
		.workdir = command->cwd,
		.user = "",
		.terminal = command->terminal,
		.stdio = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO },
		.read_only = container->spec.config.root_read_only,
		.confinement = command->confinement,
		.runtime_directory = container->directory,
		.oci = &container->spec.config,
	};
}

static int do_create(struct hyfw_call *call, struct creating *creating, struct hyfw_error **err)
{
	struct hyfw_oci_container *container = creating->container;
	struct hyfw_workload workload = workload_of(creating);
	struct hyfw_oci_config *config = &container->spec.config;
	struct hyfw_driver *driver = NULL;
	int result = hyfw_registry_get(HYFW_KIND_ISOLATION, OCI_ISOLATION, &driver, err);

	if (result == 0)
		result = oci_confine(container, creating->arena, &workload.confinement, err);
	container->freezers = oci_freezers_of(&workload.confinement, container->arena);
	if (result == 0 && *container->freezers)
		result = oci_store_save(container, err);
	if (result < 0)
		return result;
	hyfw_ledger_phase("save", 0);
	creating->hooks.begun = true;
	creating->hooks.net_devices = &container->spec.net_devices;
	config->core = &creating->hooks;
	if (config->hooks[HYFW_OCI_PRESTART].count || config->hooks[HYFW_OCI_CREATE_RUNTIME].count ||
	    container->spec.net_devices.count)
		config->run_hooks = oci_run_early_hooks;
	result = oci_memory_policy_take(&container->spec.memory_policy, err);
	if (result < 0)
		return result;
	result = hyfw_isolation_create(driver, call, &workload, creating->running, err);
	oci_memory_policy_drop(&container->spec.memory_policy);
	oci_command_failed(result, container->spec.command.argv[0], err);
	if (result == 0 && config->run_hooks)
		result = config->run_hooks(config, creating->running->pid, err);
	config->core = NULL;
	return result;
}

static int do_step(struct hyfw_call *call, void *data, struct hyfw_error **err)
{
	struct creating *creating = data;
	struct hyfw_driver *driver = NULL;
	int result;

	if (strcmp(call->step->verb, HYFW_VERB_CREATE) == 0)
		return do_create(call, creating, err);
	/* Only the control groups have steps beside it. */
	result = hyfw_registry_get(HYFW_KIND_SECURITY, OCI_CGROUPS, &driver, err);
	return result < 0 ? result : hyfw_driver_apply(driver, call, err);
}

static int plan_by(struct hyfw_plan *plan, const struct hyfw_oci_container *container, enum hyfw_kind kind,
		   const char *name, struct hyfw_error **err)
{
	const struct hyfw_subject subject = oci_subject(container);
	struct hyfw_driver *driver = NULL;
	int result = hyfw_registry_get(kind, name, &driver, err);

	if (result < 0)
		return result;
	plan->current = (struct hyfw_planned){ .kind = kind, .driver = name, .subject = container->id,
					       .workload = container->id, .about = HYFW_SUBJECT_WORKLOAD };
	result = hyfw_driver_check(driver, &subject, err);
	return result < 0 ? result : hyfw_driver_plan(driver, &subject, plan, plan->arena, err);
}

static int make_plan(struct hyfw_plan *plan, const struct hyfw_oci_container *container, struct hyfw_error **err)
{
	int result = 0;

	if (!container->no_cgroups)
		result = plan_by(plan, container, HYFW_KIND_SECURITY, OCI_CGROUPS, err);
	if (result == 0)
		result = plan_by(plan, container, HYFW_KIND_ISOLATION, OCI_ISOLATION, err);
	return result;
}

static int apply_plan(struct creating *creating, const struct hyfw_plan *plan, struct hyfw_error **err)
{
	struct hyfw_journal *journal = creating->container->journal;
	int result = 0;
	size_t i;

	for (i = 0; result == 0 && i < plan->count; i++)
		if (strcmp(plan->steps[i].step.verb, HYFW_VERB_START) != 0)
			result = hyfw_apply(journal, NULL, &plan->steps[i], do_step, creating, err);
	return result;
}

/* ---- after them ---- */

/* crun's way to ask for what --pidfd-socket is. */
static const char *pidfd_receiver(const struct hyfw_oci_container *container)
{
	const char *path = hyfw_map_get(&container->spec.config.annotations, "run.oci.pidfd_receiver");

	return path && *path ? path : NULL;
}

static int hand_over(struct creating *creating, struct hyfw_error **err)
{
	const struct hyfw_oci_request *request = creating->request;
	struct hyfw_running *running = creating->running;
	int result = 0;

	if (request->console_socket) {
		if (running->console_fd < 0)
			return hyfw_fail(err, EPROTO, "the container has no terminal to hand over");
		result = hyfw_oci_send_fd(request->console_socket, running->console_fd, "/dev/ptmx", err);
	}
	if (result == 0 && running->seccomp_listener_fd >= 0) {
		result = oci_send_listener(creating->container, running->seccomp_listener_fd, running->pid, "creating",
					   err);
		/* Calls wait for as long as anybody has it, also when the agent is gone. */
		hyfw_cleanup_close(&running->seccomp_listener_fd);
		running->seccomp_listener_fd = -1;
	}
	if (result == 0 && request->pidfd_socket)
		result = hyfw_oci_send_pidfd(request->pidfd_socket, running->pid, err);
	if (result == 0 && pidfd_receiver(creating->container))
		result = hyfw_oci_send_pidfd(pidfd_receiver(creating->container), running->pid, err);
	if (result == 0 && request->pid_file) {
		HYFW_AUTO_FREE char *text = hyfw_format("%d", (int)running->pid);

		result = hyfw_file_write(request->pid_file, text, strlen(text), 0644, false, err);
	}
	return result;
}

static int save(const struct hyfw_oci_container *container, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = oci_store_path(container, "config.json");
	int result = hyfw_file_write(path, container->config_text, container->config_size, 0600, false, err);

	return result < 0 ? result : oci_store_save(container, err);
}

static int bring_up(struct creating *creating, struct hyfw_error **err)
{
	struct hyfw_oci_container *container = creating->container;
	struct hyfw_plan plan;
	int result;

	hyfw_plan_init(&plan);
	result = hyfw_journal_begin(container->journal, "create", err);
	if (result == 0)
		result = save(container, err);
	hyfw_ledger_phase("save", 0);
	if (result == 0)
		result = make_plan(&plan, container, err);
	hyfw_ledger_phase("plan", 0);
	if (result == 0)
		result = apply_plan(creating, &plan, err);
	if (result == 0)
		result = hand_over(creating, err);
	hyfw_ledger_phase("hand over", 0);
	if (result == 0)
		result = hyfw_journal_commit(container->journal, err);
	hyfw_plan_finish(&plan);
	return result;
}

/* What cannot be undone now stays in the journal for the next command. */
static void take_down(struct hyfw_oci_container *container, const struct creating *creating)
{
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;

	if (hyfw_undo(container->journal, NULL, HYFW_ALL_LIFETIMES, 0, &failure) < 0)
		return;
	/* As after any other end, runtime.md, "Lifecycle". */
	if (creating->hooks.begun)
		oci_run_last_hooks(&container->spec.config);
	oci_store_forget(container, &failure);
}

int hyfw_oci_create(const struct hyfw_oci_request *request, struct hyfw_oci_container **ret_container,
		    struct hyfw_running *ret_running, struct hyfw_error **err)
{
	HYFW_AUTO_OCI struct hyfw_oci_container *container = NULL;
	HYFW_AUTO_FREE char *text = NULL;
	struct creating creating = { .request = request, .running = ret_running };
	size_t size = 0;
	int result = hyfw_oci_id_check(request->id, err);

	if (result == 0)
		result = read_bundle(request, &text, &size, err);
	if (result == 0)
		result = oci_store_claim(request->root, request->id, &container, err);
	if (result < 0)
		return result;
	result = take_bundle(container, request, text, size, err);
	if (result == 0) {
		text = NULL; /* the container's */
		result = check_request(request, &container->spec, err);
	}
	if (result == 0 && request->notify_socket)
		result = oci_notify_prepare(container, request->notify_socket, err);
	creating.container = container;
	creating.arena = container->arena;
	if (result == 0)
		result = bring_up(&creating, err);
	if (result < 0)
		take_down(container, &creating);
	else
		*ret_container = HYFW_STEAL(container);
	return result;
}
