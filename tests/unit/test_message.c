/* SPDX-License-Identifier: BSD-3-Clause
 * Messages between launcher and monitor. */
#include "engine_fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "engine/launch.h"

static int ends[2];

static int set_up(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static int tear_down(void **state)
{
	(void)state;
	close(ends[0]);
	close(ends[1]);
	return 0;
}

static void what_is_sent_arrives(void **state)
{
	struct hyfw_message message = { HYFW_MESSAGE_FAILED, 5, ENOENT, 127, "no such image" }, got;

	(void)state;
	assert_int_equal(hyfw_message_send(ends[0], &message), 0);
	memset(message.text, 'x', sizeof(message.text) - 1);
	assert_int_equal(hyfw_message_send(ends[0], &message), 0);
	assert_int_equal(hyfw_message_receive(ends[1], &got, 1000), 1);
	assert_int_equal(got.type, HYFW_MESSAGE_FAILED);
	assert_int_equal(got.value, 5);
	assert_int_equal(got.errnum, ENOENT);
	assert_int_equal(got.status, 127);
	assert_string_equal(got.text, "no such image");
	assert_int_equal(hyfw_message_receive(ends[1], &got, 1000), 1);
	assert_int_equal(strlen(got.text), sizeof(got.text) - 1);
}

/* Nothing of an earlier message, or of the stack, shows through a short one. */
static void a_short_message_has_no_text(void **state)
{
	const int type = HYFW_MESSAGE_STEP;
	struct hyfw_message got;

	(void)state;
	memset(&got, 'x', sizeof(got));
	assert_int_equal(send(ends[0], &type, sizeof(type), 0), sizeof(type));
	assert_int_equal(hyfw_message_receive(ends[1], &got, 1000), 1);
	assert_int_equal(got.type, HYFW_MESSAGE_STEP);
	assert_int_equal(got.value, 0);
	assert_string_equal(got.text, "");
	memset(&got, 'x', sizeof(got));
	got.type = HYFW_MESSAGE_FAILED;
	assert_int_equal(send(ends[0], &got, offsetof(struct hyfw_message, text) + 3, 0),
			 offsetof(struct hyfw_message, text) + 3);
	memset(&got, 'y', sizeof(got));
	assert_int_equal(hyfw_message_receive(ends[1], &got, 1000), 1);
	assert_string_equal(got.text, "xxx");
}

static void the_other_end_may_be_gone(void **state)
{
	const struct hyfw_message message = { .type = HYFW_MESSAGE_STEP };
	struct hyfw_message got;

	(void)state;
	assert_int_equal(hyfw_message_send(ends[0], &message), 0);
	assert_int_equal(hyfw_message_send(ends[1], &message), 0); /* which nobody reads */
	close(ends[0]);
	assert_int_equal(hyfw_message_receive(ends[1], &got, -1), 1); /* what it said is still there */
	assert_int_equal(hyfw_message_receive(ends[1], &got, -1), 0);
	assert_int_equal(hyfw_message_send(ends[1], &message), -EPIPE); /* and no SIGPIPE */
	assert_int_equal(hyfw_message_send(-1, &message), -EBADF);
}

static void nothing_is_said_in_time(void **state)
{
	struct hyfw_message got;

	(void)state;
	assert_int_equal(hyfw_message_receive(ends[1], &got, 0), -EAGAIN);
	assert_int_equal(hyfw_message_receive(ends[1], &got, 20), -EAGAIN);
}

static void on_alarm(int number)
{
	(void)number;
}

/* Whoever waits with a limit wants to know of signals. */
static void a_signal_ends_the_wait(void **state)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval soon = { .it_value = { 0, 20000 } };
	struct hyfw_message got;

	(void)state;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	assert_int_equal(hyfw_message_receive(ends[1], &got, 5000), -EINTR);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_sent_arrives),
		TEST(a_short_message_has_no_text),
		TEST(the_other_end_may_be_gone),
		TEST(nothing_is_said_in_time),
		TEST(a_signal_ends_the_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
