/* SPDX-License-Identifier: BSD-3-Clause
 * A network driver that only pretends; see fake.h.  Built again with FAKE_VETH as
 * fake-veth, which has nothing for machines. */
#include <hyfw/network.h>
#include <stdio.h>

#include "fake.h"

#ifndef NAME
#define NAME "fake-network"
#endif

static int open_network(const struct hyfw_host *host, const struct hyfw_map *settings, void **ret_instance,
			struct hyfw_error **err)
{
	return fake_open(host, NAME, settings, ret_instance, err);
}

static int plan(void *instance, const struct hyfw_subject *subject, struct hyfw_plan *the_plan,
		struct hyfw_arena *arena, struct hyfw_error **err)
{
	struct fake *fake = instance;
	int result;

	if (subject->kind == HYFW_SUBJECT_NETWORK)
		return fake_step(fake, the_plan, "make-network", subject->name, HYFW_LIFETIME_SHARED, err);
	result = fake_step(fake, the_plan, "reserve", fake->host->format(arena, "%s.%s", subject->workload, subject->name),
			   HYFW_LIFETIME_RUN, err);
	if (result < 0)
		return result;
	return fake_step(fake, the_plan, "attach", fake->host->format(arena, "%s.%s", subject->workload, subject->name),
			 HYFW_LIFETIME_RUN, err);
}

static int apply(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	struct fake *fake = instance;

	if (strcmp(call->step->verb, "attach") == 0) {
		int result = fake->host->note(call, HYFW_NOTE_ADDRESS, "192.0.2.7/24", err);

		if (result == 0 && call->netns_fd < 0)
			result = fake->host->note(call, HYFW_NOTE_TAP, "hyt-fake", err);
		if (result < 0)
			return result;
	}
	return fake_apply(instance, call, err);
}

static int link_peer(void *instance, const char *network, const struct hyfw_map *endpoint,
		     const struct hyfw_map *peer, bool permit, struct hyfw_error **err)
{
	(void)network;
	(void)endpoint;
	(void)peer;
	(void)permit;
	return fake_fails(instance, "link", err);
}

static int stats(void *instance, const struct hyfw_map *endpoint, struct hyfw_stats *stats_, struct hyfw_error **err)
{
	(void)endpoint;
	stats_->net_rx_bytes = 1000;
	stats_->net_tx_bytes = 2000;
	return fake_fails(instance, "stats", err);
}

static const struct hyfw_common_ops common = {
	.size = sizeof(common),
	.probe = fake_probe,
	.open = open_network,
	.check = fake_check,
	.plan = plan,
	.apply = apply,
	.undo = fake_undo,
	.gc = fake_gc,
	.close = fake_close,
};
static const struct hyfw_network_ops ops = { .size = sizeof(ops), .link = link_peer, .stats = stats };
static const struct hyfw_option options[] = { FAKE_OPTIONS };
#ifdef FAKE_VETH
static const char *const capabilities[] = { HYFW_GIVES_INTERFACE, NULL };
#else
static const char *const capabilities[] = { HYFW_GIVES_NOTHING, HYFW_GIVES_INTERFACE, HYFW_GIVES_TAP, NULL };
#endif
static const char *const honours[] = { "network.subnet", "network.gateway", "network.internal",
				       "workload.publish", "workload.links", NULL };
static const struct hyfw_need needs[] = { { "kernel", "pretending", true }, { "device", "/dev/null", false }, { 0 } };

static const struct hyfw_plugin plugin = {
	.magic = HYFW_PLUGIN_MAGIC,
	.size = sizeof(plugin),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.kind = HYFW_KIND_NETWORK,
	.name = NAME,
	.version = "1",
	.vendor = "hyfw tests",
	.summary = "a network that is not there",
	.capabilities = capabilities,
	.needs = needs,
	.options = options,
	.option_stride = sizeof(options[0]),
	.honours = honours,
	.state_version_min = 1,
	.state_version = 1,
	.common = &common,
	.ops = &ops,
};
HYFW_PLUGIN_EXPORT(HYFW_KIND_NETWORK, 0, plugin)
