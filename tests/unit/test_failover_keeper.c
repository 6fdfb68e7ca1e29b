/* SPDX-License-Identifier: BSD-3-Clause
 * Keeping a lease: who may take it, and that the machine ends when it is lost.  A child
 * that sleeps stands for the hypervisor. */
#include "engine_fixture.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

#include "engine/failover_keeper.h"
#include "engine/failover_place.h"

#define PERIOD_MS 2000

static struct hyfw_definition definition;
static struct hyfw_use disk;
static struct hyfw_pairs qcow2;
static struct hyfw_failover_keeper keeper;
static char *pool, *lease_path;

static int set_up(void **state)
{
	HYFW_AUTO_FREE char *text = NULL;
	const int result = engine_set_up(state);

	pool = engine_path("pool");
	lease_path = engine_path("pool/.failover/vm/lease");
	text = hyfw_format("san|%s|0|shared", pool);
	memset(&definition, 0, sizeof(definition));
	memset(&disk, 0, sizeof(disk));
	memset(&qcow2, 0, sizeof(qcow2));
	disk.name = hyfw_dup("data");
	disk.driver = hyfw_dup("qcow2");
	hyfw_pairs_add(&disk.settings, "pool", "san");
	definition.name = hyfw_dup("vm");
	definition.disks = &disk;
	definition.disk_count = 1;
	hyfw_pairs_add(&definition.settings, "failover", "b");
	hyfw_pairs_add(&definition.settings, "failover_lease", "2000");
	hyfw_strings_add(&definition.plugins, "qcow2");
	hyfw_pairs_add(&qcow2, HYFW_OPTION_POOL, text);
	definition.plugin_settings = &qcow2;
	return result < 0 ? result : mkdir(pool, 0711);
}

static int tear_down(void **state)
{
	hyfw_use_finish(&disk);
	hyfw_pairs_finish(&qcow2);
	hyfw_pairs_finish(&definition.settings);
	hyfw_strings_finish(&definition.plugins);
	free(definition.name);
	free(pool);
	free(lease_path);
	return engine_tear_down(state);
}

static pid_t sleeper(void)
{
	const pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

static bool ended(pid_t pid, int timeout_ms)
{
	int status;

	for (; timeout_ms > 0; timeout_ms -= 10) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return true;
		poll(NULL, 0, 10);
	}
	return false;
}

static struct hyfw_failover_lease current(void)
{
	struct hyfw_failover_lease lease = { 0 };
	HYFW_AUTO_CLOSE int fd = hyfw_failover_lease_open(lease_path, false, NULL);

	assert_true(fd >= 0);
	must(hyfw_failover_lease_read(fd, &lease, err));
	return lease;
}

/* As another host writes it, whose locks this storage does not show to us. */
static struct hyfw_failover_lease write_foreign(void)
{
	struct hyfw_failover_lease before = current(), lease;
	HYFW_AUTO_CLOSE int fd = hyfw_failover_lease_open(lease_path, false, NULL);

	must(hyfw_failover_lease_next(&before, PERIOD_MS, &lease, err));
	snprintf(lease.host, sizeof(lease.host), "elsewhere");
	must(hyfw_failover_lease_write(fd, &lease, err));
	return lease;
}

static char *hear_end(int timeout_ms)
{
	struct pollfd wait = { .fd = keeper.socket, .events = POLLIN };

	assert_int_equal(poll(&wait, 1, timeout_ms), 1);
	return hyfw_failover_keeper_hear(&keeper);
}

static void who_has_no_hosts_has_no_lease(void **state)
{
	(void)state;
	hyfw_pairs_remove(&definition.settings, "failover");
	must(hyfw_failover_keeper_start(&keeper, &definition, NULL, err));
	assert_int_equal(keeper.socket, -1);
	assert_null(hyfw_failover_keeper_hear(&keeper));
	hyfw_failover_keeper_stop(&keeper, true);
	assert_int_equal(access(lease_path, F_OK), -1);
}

static void it_is_taken_once_renewed_and_given_back(void **state)
{
	struct hyfw_failover_keeper other;
	struct hyfw_failover_lease lease;
	uint64_t counter;
	int tries;

	(void)state;
	must(hyfw_failover_keeper_start(&keeper, &definition, NULL, err));
	must_fail(hyfw_failover_keeper_start(&other, &definition, NULL, err), EBUSY, "workload vm: it runs on this host");
	counter = current().counter;
	for (tries = 0; tries < 200 && current().counter == counter; tries++)
		poll(NULL, 0, 10);
	lease = current();
	assert_true(lease.counter > counter);
	assert_true(lease.held);
	assert_int_equal(lease.generation, 1);
	assert_null(hyfw_failover_keeper_hear(&keeper));
	hyfw_failover_keeper_stop(&keeper, true);
	lease = current();
	assert_false(lease.held);
	must(hyfw_failover_keeper_start(&keeper, &definition, NULL, err));
	assert_int_equal(current().generation, 2);
	hyfw_failover_keeper_stop(&keeper, false);
	assert_true(current().held);
}

static void another_hosts_lease_is_taken_only_as_it_was_seen(void **state)
{
	struct hyfw_failover_lease seen, newer;

	(void)state;
	must(hyfw_failover_keeper_start(&keeper, &definition, NULL, err));
	hyfw_failover_keeper_stop(&keeper, true);
	seen = write_foreign();
	must_fail(hyfw_failover_keeper_start(&keeper, &definition, NULL, err), EBUSY, "host elsewhere has it now (generation 2)");
	newer = write_foreign();
	must_fail(hyfw_failover_keeper_start(&keeper, &definition, &seen, err), EBUSY, "was quicker");
	newer.counter++;
	must_fail(hyfw_failover_keeper_start(&keeper, &definition, &newer, err), EBUSY, "was quicker");
	newer.counter--;
	must(hyfw_failover_keeper_start(&keeper, &definition, &newer, err));
	assert_int_equal(current().generation, 4);
	hyfw_failover_keeper_stop(&keeper, true);
}

static void the_machine_ends_when_another_host_has_the_lease(void **state)
{
	HYFW_AUTO_FREE char *reason = NULL;
	struct hyfw_failover_lease foreign;
	const pid_t machine = sleeper();

	(void)state;
	must(hyfw_failover_keeper_start(&keeper, &definition, NULL, err));
	must(hyfw_failover_keeper_watch(&keeper, machine, err));
	foreign = write_foreign();
	assert_true(ended(machine, PERIOD_MS));
	reason = hear_end(1000);
	assert_string_equal(reason, "host elsewhere has its lease now (generation 2)");
	hyfw_failover_keeper_stop(&keeper, true);
	assert_true(hyfw_failover_lease_unchanged(&foreign, &(struct hyfw_failover_lease){ 0 }) == false);
	assert_string_equal(current().host, "elsewhere");
	assert_true(current().held); /* nothing of it was written over */
}

static void the_machine_ends_when_the_lease_cannot_be_read(void **state)
{
	HYFW_AUTO_FREE char *reason = NULL, *away = engine_path("away");
	const pid_t machine = sleeper();

	(void)state;
	must(hyfw_failover_keeper_start(&keeper, &definition, NULL, err));
	must(hyfw_failover_keeper_watch(&keeper, machine, err));
	assert_int_equal(rename(lease_path, away), 0);
	assert_true(ended(machine, PERIOD_MS));
	reason = hear_end(1000);
	assert_non_null(strstr(reason, "removed or replaced"));
	hyfw_failover_keeper_stop(&keeper, true);
}

/* A process that hangs in the kernel is not to be had here: the whole keeper stands still,
 * as its host may, and finds the time gone. */
static void the_machine_ends_when_the_time_is_over(void **state)
{
	HYFW_AUTO_FREE char *reason = NULL;
	const pid_t machine = sleeper();

	(void)state;
	must(hyfw_failover_keeper_start(&keeper, &definition, NULL, err));
	must(hyfw_failover_keeper_watch(&keeper, machine, err));
	kill(keeper.pid, SIGSTOP);
	poll(NULL, 0, PERIOD_MS);
	kill(keeper.pid, SIGCONT);
	assert_true(ended(machine, 1000));
	reason = hear_end(1000);
	assert_non_null(strstr(reason, "could not be renewed for 1.5 s"));
	hyfw_failover_keeper_stop(&keeper, false);
}

static void the_machine_ends_with_its_monitor_and_then_its_lock(void **state)
{
	const pid_t machine = sleeper();
	HYFW_AUTO_CLOSE int fd = -1;
	const pid_t monitor = fork();

	(void)state;
	if (monitor == 0) {
		if (hyfw_failover_keeper_start(&keeper, &definition, NULL, NULL) < 0 ||
		    hyfw_failover_keeper_watch(&keeper, machine, NULL) < 0)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(monitor, NULL, 0), monitor);
	assert_true(ended(machine, 2000));
	must((fd = hyfw_failover_lease_open(lease_path, false, err)));
	for (int tries = 0; tries < 200 && hyfw_failover_lease_locked(fd); tries++)
		poll(NULL, 0, 10);
	assert_false(hyfw_failover_lease_locked(fd));
	assert_true(current().held); /* lost, not stopped */
}

static void the_machine_ends_with_its_keeper(void **state)
{
	HYFW_AUTO_FREE char *reason = NULL;
	const pid_t machine = sleeper();

	(void)state;
	must(hyfw_failover_keeper_start(&keeper, &definition, NULL, err));
	must(hyfw_failover_keeper_watch(&keeper, machine, err));
	kill(keeper.pid, SIGKILL);
	reason = hear_end(1000);
	assert_non_null(strstr(reason, "ended"));
	assert_true(ended(machine, 1000));
	hyfw_failover_keeper_stop(&keeper, true);
}

static void only_its_last_host_forgets_it(void **state)
{
	HYFW_AUTO_FREE char *directory = NULL;

	(void)state;
	must(hyfw_failover_directory(&definition, &directory, err));
	must(hyfw_failover_keeper_start(&keeper, &definition, NULL, err));
	hyfw_failover_forget(&definition); /* it runs */
	assert_int_equal(access(lease_path, F_OK), 0);
	hyfw_failover_keeper_stop(&keeper, true);
	write_foreign();
	hyfw_failover_forget(&definition);
	assert_int_equal(access(lease_path, F_OK), 0);
	assert_int_equal(unlink(lease_path), 0);
	must(hyfw_failover_keeper_start(&keeper, &definition, NULL, err));
	hyfw_failover_keeper_stop(&keeper, true);
	hyfw_failover_forget(&definition);
	assert_int_equal(access(directory, F_OK), -1);
}

static void what_others_could_have_written_is_not_trusted(void **state)
{
	HYFW_AUTO_FREE char *directory = engine_path("pool/.failover");

	(void)state;
	assert_int_equal(mkdir(directory, 0777), 0);
	assert_int_equal(chmod(directory, 0777), 0);
	must_fail(hyfw_failover_keeper_start(&keeper, &definition, NULL, err), EPERM, "somebody else may write there");
	disk.read_only = true;
	must_fail(hyfw_failover_keeper_start(&keeper, &definition, NULL, err), EINVAL, "no disk in a pool with shared = yes");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(who_has_no_hosts_has_no_lease),
		CASE(it_is_taken_once_renewed_and_given_back),
		CASE(another_hosts_lease_is_taken_only_as_it_was_seen),
		CASE(the_machine_ends_when_another_host_has_the_lease),
		CASE(the_machine_ends_when_the_lease_cannot_be_read),
		CASE(the_machine_ends_when_the_time_is_over),
		CASE(the_machine_ends_with_its_monitor_and_then_its_lock),
		CASE(the_machine_ends_with_its_keeper),
		CASE(only_its_last_host_forgets_it),
		CASE(what_others_could_have_written_is_not_trusted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
