/* SPDX-License-Identifier: BSD-3-Clause
 * A machine in a network namespace of its own, for tests of network drivers: the
 * test process itself lives in it, workloads are further namespaces, and every
 * step's notes are kept as the journal would. */
#ifndef BRIDGE_FIXTURE_H
#define BRIDGE_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <hyfw/network.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/context.h"
#include "base/files.h"
#include "plugin/host.h"

/* ---- steps ---------------------------------------------------------------- */

#define MAX_STEPS 8

struct planned {
	struct hyfw_step step;
	struct hyfw_pairs args, record;
	bool applied;
};

struct journal {
	struct planned steps[MAX_STEPS];
	size_t count;
	char workload[64];
};

struct fixture {
	struct hyfw_context context;
	char directory[64];
	const struct hyfw_common_ops *common;
	const struct hyfw_network_ops *network;
	void *instance;
	struct hyfw_arena *arena;
};

extern struct fixture fixture; /* the one that all tests share */

/* Fails the test with the driver's sentence. */
#define OK(call)                                                \
	do {                                                     \
		struct hyfw_error *err = NULL;                   \
		if ((call) < 0)                                  \
			fail_msg("%s: %s", #call, err->message); \
	} while (0)

struct hyfw_call fixture_call(struct journal *journal, struct planned *planned);
int journal_undo(struct journal *journal);
int journal_apply(struct journal *journal, const struct hyfw_subject *subject,
			 int netns_fd, const struct hyfw_map *peers, struct hyfw_error **err);
const char *journal_note(const struct journal *journal, const char *key);
void journal_finish(struct journal *journal);
int netns_new(void);
bool fixture_can_run(void);
int fixture_set_up(void);
void fixture_tear_down(void);

/* ---- networks and workloads ---------------------------------------------- */

struct workload {
	struct journal journal;
	int netns;
	const char *address; /* "10.77.3.2/24" */
};

/* Keys of network "front": 10.77.3.0/24. */
extern const struct hyfw_map network_map;

int network_up(struct journal *journal, const char *name, const struct hyfw_map *settings,
		      struct hyfw_error **err);
int workload_up(struct workload *workload, const char *name, const struct hyfw_map *settings,
		       const struct hyfw_map *peers, struct hyfw_error **err);
/* The same for one whose hypervisor wants a tap, as uid 654321. */
int machine_up(struct workload *workload, const char *name, const struct hyfw_map *settings,
	       const struct hyfw_map *peers, struct hyfw_error **err);
void workload_down(struct workload *workload);
void network_down(struct journal *journal);
char *machine_state(void);
void assert_state(const char *before);

/* Where bridged frames pass the IP rules as well (br_netfilter), the kernel
 * bridges what was translated to the same bridge, and the isolation of ports
 * stops it: a published port is then not reached from its own network. 
 * Turns that off where the kernel has it; false when it cannot. */
bool bridge_fixture_routed(void);

int bridge_neighbour_tests(void);
int bridge_port_tests(void);
int bridge_lifecycle_tests(void);
int bridge_machine_tests(void);
int bridge_dhcp_tests(void);

#endif
