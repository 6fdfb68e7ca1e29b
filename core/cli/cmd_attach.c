/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw attach, hyfw console: the output and input of a running workload. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "base/json.h"
#include "cli/attach.h"
#include "cli/cli.h"
#include "cli/detach_keys.h"
#include "cli/session.h"
#include "engine/ask.h"
#include "engine/store.h"

#define OUTPUT_ROOM (1 << 20) /* what it may write before we have printed it */

struct attachment {
	const char *name;
	bool console;     /* a terminal is wanted */
	bool input;       /* pass standard input on */
	bool signals;     /* pass signals on */
	struct hyfw_detach_keys keys;

	bool terminal;    /* it has one */
	int socket, signal_fd;
	int output[2];    /* our ends */
	int typed;
	unsigned char pending[4096 + HYFW_DETACH_KEYS];
	size_t pending_at, pending_size;
	bool detached, ended;
	int status;
};

/* ---- beginning ---- */

static bool flag_of(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) && json_object_get_boolean(value);
}

static int make_pipes(struct attachment *attachment, int theirs[3])
{
	int i, ends[2];

	for (i = 0; i < 2; i++) {
		if (pipe2(ends, O_CLOEXEC) < 0)
			return -errno;
		attachment->output[i] = ends[0];
		theirs[i] = ends[1];
		fcntl(ends[1], F_SETPIPE_SZ, OUTPUT_ROOM); /* as much as there is */
	}
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	theirs[2] = ends[0];
	attachment->typed = ends[1];
	return fcntl(ends[1], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int ask_to_attach(struct attachment *attachment, const int theirs[3], struct hyfw_error **err)
{
	struct json_object *args = json_object_new_object();
	struct hyfw_heard heard;
	int result;

	hyfw_json_add_bool(args, "input", attachment->input);
	result = hyfw_ask_send(attachment->socket, "attach", args, theirs, 3, err);
	if (result == 0)
		result = hyfw_ask_hear(attachment->socket, -1, &heard, err);
	if (result < 0)
		return result;
	attachment->terminal = flag_of(heard.result, "terminal");
	attachment->input = attachment->input && flag_of(heard.result, "input");
	json_object_put(heard.result);
	if (attachment->console && !attachment->terminal)
		return hyfw_fail(err, ENOTTY, "it has no terminal; `hyfw attach %s` shows what it writes, "
				 "`hyfw exec -it %s sh` opens a shell in it", attachment->name, attachment->name);
	return 0;
}

static int connect_to(struct attachment *attachment, struct hyfw_error **err)
{
	int theirs[3] = { -1, -1, -1 }, i;
	int result = make_pipes(attachment, theirs);

	if (result < 0)
		hyfw_fail_errno(err, -result, "pipe");
	if (result == 0)
		result = attachment->socket = hyfw_wire_connect(attachment->name, err);
	if (result >= 0) {
		result = ask_to_attach(attachment, theirs, err);
		if (result < 0)
			hyfw_wrap(err, "workload %s", attachment->name);
	}
	for (i = 0; i < 3; i++)
		hyfw_cleanup_close(&theirs[i]);
	return result;
}

/* ---- while it runs ---- */

static void send_size(const struct attachment *attachment)
{
	const int size = hyfw_terminal_size();
	struct json_object *args;

	if (!size || !attachment->terminal)
		return;
	args = json_object_new_object();
	hyfw_json_add_number(args, "size", size);
	hyfw_ask_send(attachment->socket, "resize", args, NULL, 0, NULL);
}

static void on_signal(struct attachment *attachment)
{
	struct signalfd_siginfo info;
	struct json_object *args;

	if (read(attachment->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH) {
		send_size(attachment);
	} else if (!attachment->signals) {
		attachment->detached = true;
	} else {
		args = json_object_new_object();
		hyfw_json_add_number(args, "signal", info.ssi_signo);
		hyfw_ask_send(attachment->socket, "signal", args, NULL, 0, NULL);
	}
}

static bool copy(int from, int to)
{
	char buffer[16384];
	const ssize_t got = read(from, buffer, sizeof(buffer));

	return (got > 0 && hyfw_write_all(to, buffer, (size_t)got) == 0) || (got < 0 && errno == EINTR);
}

static void on_output(struct attachment *attachment, int which)
{
	int *const fd = &attachment->output[which];

	if (copy(*fd, which == 0 ? STDOUT_FILENO : STDERR_FILENO))
		return;
	close(*fd);
	*fd = -1;
}

static void end_input(struct attachment *attachment)
{
	attachment->input = false;
	hyfw_cleanup_close(&attachment->typed);
	attachment->typed = -1;
}

static void on_input(struct attachment *attachment)
{
	unsigned char typed[4096];
	const ssize_t got = read(STDIN_FILENO, typed, sizeof(typed));

	if (got < 0 && errno == EINTR)
		return;
	attachment->pending_at = 0;
	if (got <= 0)
		end_input(attachment);
	else if (hyfw_detach_keys_take(&attachment->keys, typed, (size_t)got, attachment->pending,
				       &attachment->pending_size))
		attachment->detached = true;
}

static void pass_input(struct attachment *attachment)
{
	const ssize_t put = write(attachment->typed, attachment->pending + attachment->pending_at,
				  attachment->pending_size);

	if (put < 0 && errno != EAGAIN && errno != EINTR) {
		attachment->pending_size = 0;
		end_input(attachment);
	} else if (put > 0) {
		attachment->pending_at += (size_t)put;
		attachment->pending_size -= (size_t)put;
	}
}

static int on_answer(struct attachment *attachment, struct hyfw_error **err)
{
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	struct hyfw_heard heard;
	const int result = hyfw_ask_hear(attachment->socket, 0, &heard, &failure);

	if (result == -ECHILD)
		return hyfw_fail(err, ECHILD, "workload %s: %s", attachment->name, failure->message);
	if (result < 0) /* a signal or a size that did not arrive */
		return 0;
	json_object_put(heard.result);
	if (heard.kind == HYFW_ANSWER_EXIT) {
		attachment->status = heard.status;
		attachment->ended = true;
	}
	return 0;
}

static int relay(struct attachment *attachment, struct hyfw_error **err)
{
	int result = 0;

	while (result == 0 && !attachment->detached && !attachment->ended) {
		const bool pending = attachment->pending_size > 0;
		struct pollfd fds[] = {
			{ .fd = attachment->output[0], .events = POLLIN },
			{ .fd = attachment->output[1], .events = POLLIN },
			{ .fd = attachment->signal_fd, .events = POLLIN },
			{ .fd = attachment->input && !pending ? STDIN_FILENO : -1, .events = POLLIN },
			{ .fd = pending ? attachment->typed : -1, .events = POLLOUT },
			{ .fd = attachment->socket, .events = POLLIN },
		};

		if (poll(fds, HYFW_COUNT(fds), -1) < 0)
			continue;
		if (fds[0].revents)
			on_output(attachment, 0);
		if (fds[1].revents)
			on_output(attachment, 1);
		if (fds[2].revents)
			on_signal(attachment);
		if (fds[3].revents)
			on_input(attachment);
		if (fds[4].revents)
			pass_input(attachment);
		if (fds[5].revents)
			result = on_answer(attachment, err);
	}
	return result;
}

/* Its ends are closed by then. */
static void print_rest(struct attachment *attachment)
{
	int i;

	for (i = 0; i < 2; i++)
		while (attachment->ended && attachment->output[i] >= 0)
			on_output(attachment, i);
}

static int attend(struct attachment *attachment, struct hyfw_error **err)
{
	const bool raw = attachment->terminal && attachment->input && isatty(STDIN_FILENO);
	int result;

	attachment->signal_fd = hyfw_terminal_signals();
	send_size(attachment);
	if (raw)
		hyfw_terminal_raw();
	result = relay(attachment, err);
	if (result == 0)
		print_rest(attachment);
	hyfw_terminal_restore();
	if (raw && attachment->detached)
		fprintf(stderr, "\n");
	return result;
}

static int attach(struct attachment *attachment)
{
	struct hyfw_error *err = NULL;
	struct hyfw_state state;
	int result = hyfw_state_load(attachment->name, &state, &err);

	if (result == 0 && !hyfw_status_is_up(state.status))
		result = hyfw_fail(&err, ESRCH, "workload %s is not running (%s)", attachment->name,
				   hyfw_status_name(state.status));
	hyfw_state_finish(&state);
	if (result == 0) {
		signal(SIGPIPE, SIG_IGN);
		hyfw_attach_prepare();
		result = connect_to(attachment, &err);
	}
	if (result == 0)
		result = attend(attachment, &err);
	return result < 0 ? hyfw_cli_error(err) : attachment->status;
}

/* ---- commands ---- */

static const char help[] =
	"  --no-stdin         only look\n"
	"  --sig-proxy=false  signals end this command alone; else they go to the workload\n"
	"  --detach-keys K    keys that let go of it, instead of ctrl-p,ctrl-q; \"\" for none\n";

static int parse(const struct hyfw_command *command, struct attachment *attachment, int argc, char **argv)
{
	enum { NO_STDIN = 256, SIG_PROXY, DETACH_KEYS };
	static const struct option flags[] = { { "no-stdin", no_argument, NULL, NO_STDIN },
					       { "sig-proxy", optional_argument, NULL, SIG_PROXY },
					       { "detach-keys", required_argument, NULL, DETACH_KEYS },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	int flag;

	while ((flag = getopt_long(argc, argv, "h", flags, NULL)) != -1) {
		switch (flag) {
		case NO_STDIN: attachment->input = false; break;
		case SIG_PROXY:
			if (optarg && strcmp(optarg, "true") != 0 && strcmp(optarg, "false") != 0)
				return hyfw_cli_usage(command, "--sig-proxy=%s: must be true or false", optarg);
			attachment->signals = !optarg || strcmp(optarg, "true") == 0;
			break;
		case DETACH_KEYS:
			if (!hyfw_detach_keys_parse(&attachment->keys, optarg))
				return hyfw_cli_usage(command, "--detach-keys %s: not keys such as ctrl-p,ctrl-q or "
						      "ctrl-a,d", optarg);
			break;
		case 'h': hyfw_session_help(command, help); return 0;
		default: return HYFW_EXIT_FAILED;
		}
	}
	if (argc - optind != 1)
		return hyfw_cli_usage(command, "the name of one workload is needed");
	attachment->name = argv[optind];
	return 0;
}

static int run(const struct hyfw_command *command, struct hyfw_cli *cli, bool console, int argc, char **argv)
{
	struct attachment attachment = { .console = console, .input = true, .signals = true, .socket = -1,
					 .output = { -1, -1 }, .typed = -1, .signal_fd = -1 };
	int status;

	hyfw_detach_keys_parse(&attachment.keys, "ctrl-p,ctrl-q");
	status = parse(command, &attachment, argc, argv);
	if (!attachment.name)
		return status;
	hyfw_session_begin(cli);
	status = attach(&attachment);
	hyfw_cleanup_close(&attachment.socket);
	hyfw_cleanup_close(&attachment.signal_fd);
	hyfw_cleanup_close(&attachment.output[0]);
	hyfw_cleanup_close(&attachment.output[1]);
	hyfw_cleanup_close(&attachment.typed);
	return status;
}

static int attach_main(struct hyfw_cli *cli, int argc, char **argv)
{
	return run(&hyfw_command_attach, cli, false, argc, argv);
}

const struct hyfw_command hyfw_command_attach = {
	.name = "attach",
	.usage = "attach [--no-stdin] [--sig-proxy=false] [--detach-keys KEYS] WORKLOAD",
	.summary = "Show what a running workload writes and type into it",
	.main = attach_main,
};

static int console_main(struct hyfw_cli *cli, int argc, char **argv)
{
	return run(&hyfw_command_console, cli, true, argc, argv);
}

const struct hyfw_command hyfw_command_console = {
	.name = "console",
	.usage = "console [--no-stdin] [--sig-proxy=false] [--detach-keys KEYS] WORKLOAD",
	.summary = "Sit at the terminal of a running workload: a machine's serial console",
	.main = console_main,
};
