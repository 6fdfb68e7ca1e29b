/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw vnc, hyfw port: where a workload is to be reached. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/operate.h"
#include "cli/session.h"
#include "engine/describe.h"
#include "engine/store.h"

/* ---- vnc ---- */

/* The command that shows it. */
static void print_viewer(const char *type, const char *socket, const char *address, const char *port)
{
	const bool spice = strcmp(type, "spice") == 0;
	const bool six = address && strchr(address, ':');

	if (socket)
		printf(spice ? "connect: remote-viewer spice+unix://%s\n" : "connect: vncviewer %s\n", socket);
	else if (address && port && spice)
		printf(six ? "connect: remote-viewer spice://[%s]:%s\n" : "connect: remote-viewer spice://%s:%s\n", address,
		       port);
	else if (address && port)
		printf("connect: vncviewer %s::%s\n", address, port);
}

static int print_display(const char *workload, const struct hyfw_map *display)
{
	const char *type = hyfw_map_get(display, "type"), *socket = hyfw_map_get(display, "socket");
	const char *address = hyfw_map_get(display, "address"), *port = hyfw_map_get(display, "port");

	if (!type || strcmp(type, "none") == 0) {
		fprintf(stderr, "hyfw: workload %s has no display\n", workload);
		return HYFW_EXIT_FAILED;
	}
	if (socket)
		printf("%s on socket %s\n", type, socket);
	else
		printf("%s on %s port %s\n", type, address ? address : "?", port ? port : "?");
	printf("password: %s\n", hyfw_map_bool(display, "password_set", false) ? "set" : "none");
	print_viewer(type, socket, address, port);
	return 0;
}

static int vnc_main(struct hyfw_cli *cli, int argc, char **argv)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_pairs none = { 0 };
	struct hyfw_map display = { 0 };
	int status;

	if (!hyfw_session_arguments(&hyfw_command_vnc, argc, argv, 1, &status))
		return status;
	if (argc - optind != 1)
		return hyfw_cli_usage(&hyfw_command_vnc, "only one workload at a time");
	hyfw_session_begin(cli);
	status = hyfw_cli_operate(cli, argv[optind], "display", &none, arena, &display);
	if (status)
		return status;
	if (!cli->json)
		return print_display(argv[optind], &display);
	hyfw_cli_print_rows(&display);
	return 0;
}

const struct hyfw_command hyfw_command_vnc = {
	.name = "vnc",
	.usage = "vnc WORKLOAD",
	.summary = "Tell where the display of a machine is",
	.main = vnc_main,
};

/* ---- port ---- */

static int port_of(const char *name, void *data)
{
	HYFW_AUTO_FREE char *ports = NULL;
	struct hyfw_error *err = NULL;
	struct hyfw_state state;
	char *rest, *port;

	(void)data;
	if (hyfw_state_load(name, &state, &err) < 0) {
		hyfw_state_finish(&state);
		return hyfw_cli_error(err);
	}
	rest = ports = hyfw_describe_ports(&state);
	while ((port = strsep(&rest, ",")))
		if (*port)
			puts(port + strspn(port, " "));
	hyfw_state_finish(&state);
	return 0;
}

static int port_main(struct hyfw_cli *cli, int argc, char **argv)
{
	int status;

	if (!hyfw_session_arguments(&hyfw_command_port, argc, argv, 1, &status))
		return status;
	hyfw_session_begin(cli);
	return hyfw_session_each(false, argc, argv, port_of, NULL);
}

const struct hyfw_command hyfw_command_port = {
	.name = "port",
	.usage = "port WORKLOAD...",
	.summary = "List the ports that running workloads publish",
	.main = port_main,
};
