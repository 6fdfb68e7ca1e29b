/* SPDX-License-Identifier: BSD-3-Clause
 * Whether the kernel has what we need, found out by trying it in a network
 * namespace that a short thread makes for itself and that goes with it. */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <nftables/libnftables.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "bridge.h"

struct trial {
	const char *missing;
	int error;
};

static int trial_link(struct nl_sock *socket, const char *kind)
{
	struct nl_msg *message = net_message_link(NLM_F_CREATE | NLM_F_EXCL, 0, false);
	struct nlattr *info;

	if (!message)
		return -ENOMEM;
	info = nla_nest_start(message, IFLA_LINKINFO);
	nla_put_string(message, IFLA_INFO_KIND, kind);
	nla_nest_end(message, info);
	return net_message_send(socket, message);
}

static int trial_nftables(void)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	int r;

	if (!nft)
		return -ENOMEM;
	nft_ctx_buffer_output(nft);
	nft_ctx_buffer_error(nft);
	nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_JSON);
	r = nft_run_cmd_from_buffer(nft, "{\"nftables\": [{\"list\": {\"tables\": null}}]}");
	nft_ctx_free(nft);
	return r ? -EOPNOTSUPP : 0;
}

static void trial_note(struct trial *trial, int r, const char *missing)
{
	if (r < 0 && !trial->missing) {
		trial->missing = missing;
		trial->error = -r;
	}
}

static void *trial_run(void *argument)
{
	struct trial *trial = argument;
	struct nl_sock *socket = nl_socket_alloc();

	if (unshare(CLONE_NEWNET) < 0)
		trial_note(trial, -errno, "the right to make a network namespace (CAP_SYS_ADMIN)");
	else if (!socket || nl_connect(socket, NETLINK_ROUTE) < 0)
		trial_note(trial, -EIO, "rtnetlink");
	if (!trial->missing) {
		trial_note(trial, trial_link(socket, "bridge"), "bridges in the kernel (CONFIG_BRIDGE)");
		trial_note(trial, trial_link(socket, "veth"), "veth pairs in the kernel (CONFIG_VETH)");
		trial_note(trial, trial_nftables(), "nf_tables in the kernel (CONFIG_NF_TABLES)");
	}
	if (socket)
		nl_socket_free(socket);
	return NULL;
}

int bridge_probe(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
		 struct hyfw_error **err)
{
	struct trial trial = { 0 };
	sigset_t all, before;
	pthread_t thread;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, NULL, trial_run, &trial);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error)
		return host->fail(err, error, "cannot start a thread: %s", strerror(error));
	pthread_join(thread, NULL);
	ret_probe->result = trial.missing ? HYFW_PROBE_NO : HYFW_PROBE_OK;
	ret_probe->reason = NULL;
	if (trial.missing)
		ret_probe->reason = host->format(arena, "needs %s: %s", trial.missing, strerror(trial.error));
	else if (access("/proc/sys/net/ipv4/ip_forward", W_OK) < 0) {
		ret_probe->result = HYFW_PROBE_NO;
		ret_probe->reason = "needs to write /proc/sys/net, which is read-only here";
	}
	return 0;
}
