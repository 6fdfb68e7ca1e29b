/* SPDX-License-Identifier: BSD-3-Clause
 * One operation of the storage driver that keeps disks.  ^C and SIGTERM ask it to
 * stop and undo itself; a second one ends hyfw as it always does. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/disk.h"
#include "cli/progress.h"
#include "config/load.h"
#include "plugin/driver.h"

#define KEEPER "qcow2" /* the driver that keeps disks */
#define STATUS_CANCELED 130

static volatile sig_atomic_t asked_to_stop;

static void on_signal(int signal_number)
{
	(void)signal_number;
	asked_to_stop = 1;
}

static void catch_signals(bool catch, struct sigaction before[2])
{
	const struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
	static const int signals[] = { SIGINT, SIGTERM };
	size_t i;

	for (i = 0; i < HYFW_COUNT(signals); i++)
		sigaction(signals[i], catch ? &action : &before[i], catch ? &before[i] : NULL);
}

static bool cancelled(const struct hyfw_operation *operation)
{
	(void)operation;
	return asked_to_stop != 0;
}

static void progress(const struct hyfw_operation *operation, uint64_t done, uint64_t total)
{
	(void)operation;
	hyfw_progress_show(done, total);
}

/* [plugin qcow2], pools and volumes come from the configuration. */
static int configure(struct hyfw_cli *cli, struct hyfw_error **err)
{
	static bool done;
	struct hyfw_config *config = NULL;
	int result;

	if (done)
		return 0;
	result = hyfw_config_load_to_show(&cli->context, cli->config_given, NULL, &config, err);
	hyfw_config_free(config);
	done = result == 0;
	return result;
}

int disk_operate(struct hyfw_cli *cli, const char *operation, const char *label, const struct disk_request *request,
		 struct hyfw_arena *arena, struct hyfw_map *ret_result, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *title =
		label && request->object ? hyfw_format("%s %s", label, request->object) : NULL;
	struct hyfw_operation what = {
		.size = sizeof(what),
		.verb = operation,
		.object = request->object ? request->object : "",
		.args = hyfw_pairs_map(&request->args),
		.input_fd = request->input_fd,
		.output_fd = request->output_fd,
		.arena = arena,
		.cancelled = cancelled,
	};
	struct sigaction before[2];
	struct hyfw_driver *keeper;
	int result = configure(cli, err);

	if (result == 0)
		result = hyfw_registry_get(HYFW_KIND_STORAGE, KEEPER, &keeper, err);
	if (result < 0)
		return result;
	if (title && hyfw_progress_begin(title, cli->quiet))
		what.progress = progress;
	asked_to_stop = 0;
	catch_signals(true, before);
	result = hyfw_storage_operate(keeper, &what, ret_result, err);
	catch_signals(false, before);
	hyfw_progress_end();
	if (result == -ECANCELED && err && *err)
		(*err)->status = STATUS_CANCELED;
	return result;
}
