/* SPDX-License-Identifier: BSD-3-Clause */
#include "bridge_fixture.h"

#include <sys/stat.h>

const struct hyfw_plugin *hyfw_plugin_entry_v1(void);

#define SUBNET "10.77.3.0/24"

struct fixture fixture;

static int fixture_plan_step(struct hyfw_plan *plan, const struct hyfw_step *step, struct hyfw_error **err)
{
	struct journal *journal = (struct journal *)plan;
	struct planned *planned;

	(void)err;
	if (step->flags & HYFW_STEP_NOTE)
		return 0;
	planned = &journal->steps[journal->count++];
	assert_true(journal->count <= MAX_STEPS);
	assert_non_null(step->object);
	assert_non_null(step->summary);
	planned->step = *step;
	planned->step.verb = hyfw_dup(step->verb);
	planned->step.commands = hyfw_dup(step->commands);
	hyfw_pairs_add_map(&planned->args, &step->args);
	planned->step.args = hyfw_pairs_map(&planned->args);
	return 0;
}

static int fixture_note(struct hyfw_call *call, const char *key, const char *value, struct hyfw_error **err)
{
	struct hyfw_pairs *record = call->core;

	(void)err;
	hyfw_pairs_set(record, key, value);
	call->record = hyfw_pairs_map(record);
	return 0;
}

struct hyfw_call fixture_call(struct journal *journal, struct planned *planned)
{
	return (struct hyfw_call){
		.size = sizeof(struct hyfw_call),
		.step = &planned->step,
		.record = hyfw_pairs_map(&planned->record),
		.arena = fixture.arena,
		.workload = *journal->workload ? journal->workload : NULL,
		.netns_fd = -1,
		.core = &planned->record,
	};
}

int journal_undo(struct journal *journal)
{
	struct hyfw_error *err = NULL;
	size_t i;
	int r = 0, failed;

	for (i = journal->count; i-- > 0;) {
		struct hyfw_call call = fixture_call(journal, &journal->steps[i]);

		if (!journal->steps[i].applied)
			continue;
		failed = fixture.common->undo(fixture.instance, &call, &err);
		if (failed < 0) {
			print_message("undo %s: %s\n", journal->steps[i].step.verb, err->message);
			hyfw_forget(&err);
			r = failed;
		}
	}
	return r;
}

/* Plans 'subject' and applies it; undone again when a step fails. */
int journal_apply(struct journal *journal, const struct hyfw_subject *subject,
			 int netns_fd, const struct hyfw_map *peers, struct hyfw_error **err)
{
	size_t i;
	int r;

	memset(journal, 0, sizeof(*journal));
	if (subject->workload)
		snprintf(journal->workload, sizeof(journal->workload), "%s", subject->workload);
	r = fixture.common->check(fixture.instance, subject, err);
	if (r >= 0)
		r = fixture.common->plan(fixture.instance, subject, (struct hyfw_plan *)journal, fixture.arena, err);
	for (i = 0; i < journal->count && r >= 0; i++) {
		struct hyfw_call call = fixture_call(journal, &journal->steps[i]);

		if (journal->steps[i].step.flags & HYFW_STEP_NOTE)
			continue;
		call.netns_fd = netns_fd;
		if (peers)
			call.peers = *peers;
		journal->steps[i].applied = true;
		r = fixture.common->apply(fixture.instance, &call, err);
	}
	if (r < 0)
		assert_int_equal(journal_undo(journal), 0);
	return r;
}

const char *journal_note(const struct journal *journal, const char *key)
{
	size_t i;

	for (i = 0; i < journal->count; i++) {
		struct hyfw_map map = hyfw_pairs_map(&journal->steps[i].record);
		const char *value = hyfw_map_get(&map, key);

		if (value)
			return value;
	}
	return NULL;
}

void journal_finish(struct journal *journal)
{
	size_t i;

	for (i = 0; i < journal->count; i++) {
		free((char *)(uintptr_t)journal->steps[i].step.verb);
		free((char *)(uintptr_t)journal->steps[i].step.commands);
		hyfw_pairs_finish(&journal->steps[i].args);
		hyfw_pairs_finish(&journal->steps[i].record);
	}
	journal->count = 0;
}

/* ---- namespaces ----------------------------------------------------------- */

static void netns_loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
	close(fd);
}

int netns_new(void)
{
	HYFW_AUTO_CLOSE int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int fd;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	return fd;
}

/* The test program becomes a machine of its own; false without the rights. */
bool fixture_can_run(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNET) == 0;
}

int fixture_set_up(void)
{
	struct hyfw_context_options options = { 0 };
	HYFW_AUTO_FREE char *runtime = NULL, *data = NULL;
	struct hyfw_error *err = NULL;

	netns_loopback_up();
	snprintf(fixture.directory, sizeof(fixture.directory), "/tmp/hyfw-bridge-XXXXXX");
	assert_non_null(mkdtemp(fixture.directory));
	assert_int_equal(chmod(fixture.directory, 0711), 0); /* dnsmasq walks through it */
	options.runtime = runtime = hyfw_format("%s/run", fixture.directory);
	options.data = data = hyfw_format("%s/lib", fixture.directory);
	assert_int_equal(hyfw_context_init(&fixture.context, &options, &err), 0);
	hyfw_host_set_hooks(&(struct hyfw_host_hooks){ fixture_plan_step, fixture_note });
	fixture.common = hyfw_plugin_entry_v1()->common;
	fixture.network = hyfw_plugin_entry_v1()->ops;
	fixture.arena = hyfw_arena_new();
	return fixture.common->open(hyfw_host_table(), &(struct hyfw_map){ 0 }, &fixture.instance, &err);
}

void fixture_tear_down(void)
{
	static const char *const none[] = { NULL };
	const struct hyfw_alive nothing = { sizeof(nothing), none, none, none, none };
	struct hyfw_error *ignored = NULL;

	/* A failed test leaves programs behind. */
	fixture.common->gc(fixture.instance, &nothing, &ignored);
	hyfw_forget(&ignored);
	if (fixture.common->close)
		fixture.common->close(fixture.instance);
	hyfw_arena_free(fixture.arena);
	hyfw_context_finish(&fixture.context);
	hyfw_remove_tree(AT_FDCWD, fixture.directory, NULL);
}


static const struct hyfw_pair network_keys[] = { { "driver", "bridge" }, { "subnet", SUBNET } };
const struct hyfw_map network_map = { 2, network_keys };

int network_up(struct journal *journal, const char *name, const struct hyfw_map *settings,
		      struct hyfw_error **err)
{
	struct hyfw_subject subject = {
		.size = sizeof(subject),
		.kind = HYFW_SUBJECT_NETWORK,
		.name = name,
		.settings = *settings,
	};

	return journal_apply(journal, &subject, -1, NULL, err);
}

static int endpoint_up(struct workload *workload, struct hyfw_subject *subject, const struct hyfw_map *settings,
		       const struct hyfw_map *peers, struct hyfw_error **err)
{
	int r;

	subject->size = sizeof(*subject);
	subject->kind = HYFW_SUBJECT_ENDPOINT;
	subject->name = "front";
	subject->network = network_map;
	if (settings)
		subject->settings = *settings;
	r = journal_apply(&workload->journal, subject, workload->netns, peers, err);
	workload->address = journal_note(&workload->journal, HYFW_NOTE_ADDRESS);
	return r;
}

int workload_up(struct workload *workload, const char *name, const struct hyfw_map *settings,
		       const struct hyfw_map *peers, struct hyfw_error **err)
{
	struct hyfw_subject subject = { .workload = name, .isolation = "namespaces" };

	workload->netns = netns_new();
	return endpoint_up(workload, &subject, settings, peers, err);
}

int machine_up(struct workload *workload, const char *name, const struct hyfw_map *settings,
	       const struct hyfw_map *peers, struct hyfw_error **err)
{
	struct hyfw_subject subject = { .workload = name, .isolation = "kvm", .takes_tap = true,
					.idmap = { 654321, 654321, 65536 } };

	workload->netns = -1;
	return endpoint_up(workload, &subject, settings, peers, err);
}

void workload_down(struct workload *workload)
{
	assert_int_equal(journal_undo(&workload->journal), 0);
	journal_finish(&workload->journal);
	if (workload->netns >= 0)
		close(workload->netns);
}

void network_down(struct journal *journal)
{
	assert_int_equal(journal_undo(journal), 0);
	journal_finish(journal);
}

/* ---- what is left behind -------------------------------------------------- */

/* Interfaces, nftables and leases, as text. */
/* Names, indexes and marks, without what changes by itself (carrier, queues). */
static char *interfaces(struct hyfw_arena *arena)
{
	static const char *const argv[] = { "ip", "-o", "link", NULL };
	const struct hyfw_program program = { .size = sizeof(program), .argv = argv };
	char *output, *line, *text = hyfw_dup("");

	OK(hyfw_host_table()->run(arena, &program, &output, &err));
	while ((line = strsep(&output, "\n"))) {
		char *alias = strstr(line, "alias "), *longer;

		longer = hyfw_format("%s%.*s %s\n", text, (int)strcspn(line, "<"), line, alias ? alias : "");
		free(text);
		text = longer;
	}
	return text;
}

char *machine_state(void)
{
	static const char *const rules[] = { "nft", "list", "ruleset", NULL };
	const char *const leases[] = { "find", fixture.directory, "-type", "f", "-path", "*lease*", NULL };
	const char *const files[] = { "find", fixture.directory, "-type", "f", "-path", "*/dhcp-*/*", NULL };
	const char *const *const commands[] = { rules, leases, files };
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	char *all = interfaces(arena), *output, *longer;
	size_t i;

	for (i = 0; i < HYFW_COUNT(commands); i++) {
		const struct hyfw_program program = { .size = sizeof(program), .argv = commands[i] };

		OK(hyfw_host_table()->run(arena, &program, &output, &err));
		longer = hyfw_format("%s%s", all, output);
		free(all);
		all = longer;
	}
	return all;
}

void assert_state(const char *before)
{
	HYFW_AUTO_FREE char *now = machine_state();

	assert_string_equal(now, before);
}

bool bridge_fixture_routed(void)
{
	int fd = open("/proc/sys/net/bridge/bridge-nf-call-iptables", O_WRONLY | O_CLOEXEC);
	bool off = fd < 0 || write(fd, "0", 1) == 1;

	if (fd >= 0)
		close(fd);
	return off;
}
