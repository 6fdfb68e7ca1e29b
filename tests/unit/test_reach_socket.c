/* SPDX-License-Identifier: BSD-3-Clause
 * The control socket of a monitor: who attaches, what is refused, whose it is. */
#include "reach_fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>

#include "engine/ask.h"

static void attached_clients_see_and_type(void **unused)
{
	struct hyfw_definition *definition = drivers_definition("web", NULL);
	struct hyfw_launched launched = { .socket = -1 };
	const struct hyfw_launch launch = { 0 };
	struct json_object *args = json_object_new_object();
	struct hyfw_heard heard;
	int out[2], in[2], fds[3], socket;
	char text[64] = "";
	ssize_t got;

	(void)unused;
	drivers_need_root();
	definition->transient = true;
	hyfw_pairs_set(&definition->settings, "command", "/bin/cat");
	hyfw_pairs_add(&definition->settings, "interactive", "true");
	must(hyfw_launch(definition, &launch, &launched, err));
	hyfw_launched_close(&launched);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	fds[0] = fds[1] = out[1];
	fds[2] = in[0];
	json_object_object_add(args, "input", json_object_new_boolean(true));
	must(socket = hyfw_wire_connect("web", err));
	must(hyfw_ask_send(socket, "attach", args, fds, 3, err));
	must(hyfw_ask_hear(socket, 5000, &heard, err));
	assert_int_equal(heard.kind, HYFW_ANSWER_RESULT);
	assert_string_equal(json_object_to_json_string_ext(heard.result, JSON_C_TO_STRING_PLAIN),
			    "{\"terminal\":false,\"input\":true}");
	json_object_put(heard.result);
	assert_int_equal(write(in[1], "hello\n", 6), 6);
	got = read(out[0], text, sizeof(text));
	assert_int_equal(got, 6);
	assert_string_equal(text, "hello\n");
	must(hyfw_workload_signal("web", SIGUSR2, err));
	must(hyfw_ask_hear(socket, 5000, &heard, err));
	assert_int_equal(heard.kind, HYFW_ANSWER_EXIT);
	assert_int_equal(heard.status, 128 + SIGUSR2);
	close(socket);
	close(in[0]);
	close(in[1]);
	close(out[0]);
	close(out[1]);
	stop(definition);
}

static void nonsense_is_refused(void **unused)
{
	static const char *const packets[] = { "", "nonsense", "[]", "{}", "{\"request\":7}",
					       "{\"request\":\"stats\"", "[[[[[[[[[[[[1]]]]]]]]]]]]" };
	struct hyfw_definition *definition;
	HYFW_AUTO_FREE char *long_one = hyfw_new(HYFW_WIRE_LIMIT + 10);
	struct hyfw_error *why = NULL;
	size_t i;

	(void)unused;
	drivers_need_root();
	definition = start("web", "fake-held", "exec sleep 60");
	for (i = 0; i <= HYFW_COUNT(packets); i++) {
		const bool is_long = i == HYFW_COUNT(packets);
		const char *packet = is_long ? memset(long_one, ' ', HYFW_WIRE_LIMIT + 8) : packets[i];
		HYFW_AUTO_CLOSE int socket = -1;
		char byte;

		must(socket = hyfw_wire_connect("web", err));
		assert_true(send(socket, packet, strlen(packet), 0) >= 0);
		if (*packet) /* an empty packet looks like the end, which it is then */
			assert_true(recv(socket, &byte, 1, 0) <= 0);
	}
	assert_int_equal(hyfw_ask("web", "fly", NULL, NULL, &why), -ENOTSUP);
	hyfw_forget(&why);
	assert_int_equal(hyfw_ask("web", "operate", NULL, NULL, &why), -EINVAL);
	hyfw_forget(&why);
	assert_int_equal(hyfw_ask("web", "attach", NULL, NULL, &why), -EINVAL);
	hyfw_forget(&why);
	must(hyfw_ask("web", "stats", NULL, NULL, err));
	stop(definition);
	must_fail(hyfw_wire_connect("web", err), ESRCH, "web is not running");
}

static void the_socket_is_for_its_owner_alone(void **unused)
{
	struct hyfw_definition *definition;
	struct stat status;

	(void)unused;
	drivers_need_root();
	definition = start("a-name-that-makes-the-path-longer-than-an-address", "fake-held", "exec sleep 60");
	assert_int_equal(stat(drivers_file("workloads/a-name-that-makes-the-path-longer-than-an-address/control"),
			      &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_true(S_ISSOCK(status.st_mode));
	stop(definition);
}

static void many_clients_take_turns(void **unused)
{
	struct hyfw_definition *definition;
	int sockets[12];
	size_t i;

	(void)unused;
	drivers_need_root();
	definition = start("web", "fake-held", "exec sleep 60");
	for (i = 0; i < HYFW_COUNT(sockets); i++)
		must(sockets[i] = hyfw_wire_connect("web", err));
	for (i = 0; i < HYFW_COUNT(sockets); i++) {
		struct hyfw_heard heard;

		must(hyfw_ask_send(sockets[i], "describe", NULL, NULL, 0, err));
		must(hyfw_ask_hear(sockets[i], 5000, &heard, err));
		json_object_put(heard.result);
		close(sockets[i]);
	}
	stop(definition);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REACH_TEST(attached_clients_see_and_type),
		REACH_TEST(nonsense_is_refused),
		REACH_TEST(the_socket_is_for_its_owner_alone),
		REACH_TEST(many_clients_take_turns),
	};

	return cmocka_run_group_tests(tests, drivers_set_up, fixture_tear_down);
}
