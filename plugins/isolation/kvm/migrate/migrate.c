/* SPDX-License-Identifier: BSD-3-Clause
 * The operation "migrate".  Of a machine that runs: libvirt's call runs in a thread of its
 * own while this one tells how far it is, and ends it when the administrator wants that.
 * Whatever fails, the machine goes on here. */
#include "../snapshot/layer.h"
#include "migrate.h"

#include <stdio.h>

#define LOOK_MS 200
#define MIB (1u << 20)

/* ---- arguments -------------------------------------------------------------------------- */

static bool is_set(const struct kvm_move *move, const char *key)
{
	return hyfw_map_bool(&move->operation->args, key, false);
}

static int check_running(struct kvm_move *move, struct hyfw_error **err)
{
	if (is_set(move, "offline"))
		return move->run->kvm->host->fail(err, EBUSY, "it runs; stop it for a cold migration (`hyfw stop`), or "
						  "leave --offline out");
	return 0;
}

static int check_stopped(struct kvm_move *move, struct hyfw_error **err)
{
	static const char *const words[] = { "live", "peer_to_peer", "tunnelled", "post_copy", "auto_converge",
					     "max_downtime", "bandwidth", "migrate_uri" };
	const struct hyfw_host *host = move->run->kvm->host;
	size_t i;

	if (!is_set(move, "offline") || !move->operation->workload)
		return host->fail(err, ESRCH, "it does not run; --offline moves a machine that is stopped");
	for (i = 0; i < KVM_COUNT(words); i++)
		if (hyfw_map_get(&move->operation->args, words[i]))
			return host->fail(err, EINVAL, "%s is about a machine that runs: leave it out, or --offline",
					  words[i]);
	return 0;
}

static int read_arguments(struct kvm_move *move, struct hyfw_error **err)
{
	const struct hyfw_host *host = move->run->kvm->host;
	const struct hyfw_map *args = &move->operation->args;

	move->uri = hyfw_map_get(args, "to");
	move->name = hyfw_map_get(args, "name");
	move->live = is_set(move, "live");
	move->peer_to_peer = is_set(move, "peer_to_peer");
	move->tunnelled = is_set(move, "tunnelled");
	move->copy_storage = is_set(move, "copy_storage");
	move->unsafe = is_set(move, "unsafe");
	if (!move->uri || !*move->uri)
		return host->fail(err, EINVAL, "migrate needs the URI of the libvirtd that takes the machine");
	if (strncmp(move->uri, "qemu:///embed", 13) == 0)
		return host->fail(err, ENOTSUP, "an embedded libvirt cannot take a machine in; the other host needs "
				  "a libvirtd");
	if (move->tunnelled && move->copy_storage)
		return host->fail(err, EINVAL, "a tunnel carries no disks: --tunnelled or --copy-storage, not both");
	move->check = is_set(move, "check");
	move->peer_to_peer = move->peer_to_peer || move->tunnelled;
	return move->domain ? check_running(move, err) : check_stopped(move, err);
}

static unsigned flags_of(const struct kvm_move *move)
{
	unsigned flags = VIR_MIGRATE_ABORT_ON_ERROR;

	/* The checks have looked at the storage more closely than libvirt does. */
	flags |= VIR_MIGRATE_UNSAFE;
	flags |= move->live ? VIR_MIGRATE_LIVE : 0;
	flags |= move->peer_to_peer ? VIR_MIGRATE_PEER2PEER : 0;
	flags |= move->tunnelled ? VIR_MIGRATE_TUNNELLED : 0;
	flags |= move->copy_storage ? VIR_MIGRATE_NON_SHARED_DISK : 0;
	flags |= is_set(move, "auto_converge") ? VIR_MIGRATE_AUTO_CONVERGE : 0;
	flags |= is_set(move, "post_copy") ? VIR_MIGRATE_POSTCOPY : 0;
	return flags;
}

/* ---- the thread that calls --------------------------------------------------------------- */

struct call {
	struct kvm_move *move;
	pthread_mutex_t lock;
	pthread_cond_t done_cond;
	bool done;
	virDomainPtr there; /* direct migration: what came out of it */
	int result;
	char *message;
	int code;
};

static int add_parameters(const struct kvm_move *move, virTypedParameterPtr *params, int *count)
{
	const struct hyfw_map *args = &move->operation->args;
	const char *address = hyfw_map_get(args, "migrate_uri");
	const int64_t bandwidth = hyfw_map_int(args, "bandwidth", 0);
	int room = 0, r;

	r = virTypedParamsAddString(params, count, &room, VIR_MIGRATE_PARAM_DEST_XML, kvm_move_target(move));
	if (r == 0 && strcmp(move->name, virDomainGetName(move->domain)) != 0)
		r = virTypedParamsAddString(params, count, &room, VIR_MIGRATE_PARAM_DEST_NAME, move->name);
	if (r == 0 && address)
		r = virTypedParamsAddString(params, count, &room, VIR_MIGRATE_PARAM_URI, address);
	if (r == 0 && bandwidth > 0)
		r = virTypedParamsAddULLong(params, count, &room, VIR_MIGRATE_PARAM_BANDWIDTH,
					    (unsigned long long)((bandwidth + MIB - 1) / MIB));
	return r;
}

static void *run_call(void *data)
{
	struct call *call = data;
	struct kvm_move *move = call->move;
	virTypedParameterPtr params = NULL;
	int count = 0, result = add_parameters(move, &params, &count);
	virErrorPtr error;

	if (result == 0 && move->peer_to_peer) {
		result = virDomainMigrateToURI3(move->domain, move->uri, params, (unsigned)count, flags_of(move));
	} else if (result == 0) {
		call->there = virDomainMigrate3(move->domain, move->there, params, (unsigned)count, flags_of(move));
		result = call->there ? 0 : -1;
	}
	error = result < 0 ? virGetLastError() : NULL;
	virTypedParamsFree(params, count);
	pthread_mutex_lock(&call->lock);
	call->message = error && error->message ? strdup(error->message) : NULL; /* libvirt's is the thread's */
	call->code = error ? error->code : 0;
	call->result = result;
	call->done = true;
	pthread_cond_signal(&call->done_cond);
	pthread_mutex_unlock(&call->lock);
	return NULL;
}

/* ---- looking after it ---------------------------------------------------------------------- */

/* False when it is still under way after LOOK_MS. */
static bool wait_for(struct call *call)
{
	struct timespec until;
	bool done;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += LOOK_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&call->lock);
	if (!call->done)
		pthread_cond_timedwait(&call->done_cond, &call->lock, &until);
	done = call->done;
	pthread_mutex_unlock(&call->lock);
	return done;
}

static unsigned long long figure(virTypedParameterPtr params, int count, const char *name)
{
	unsigned long long value = 0;

	virTypedParamsGetULLong(params, count, name, &value);
	return value;
}

static void tell(const struct kvm_move *move)
{
	const struct hyfw_operation *operation = move->operation;
	virTypedParameterPtr params = NULL;
	int type = 0, count = 0;

	if (!operation->progress || virDomainGetJobStats(move->domain, &type, &params, &count, 0) < 0)
		return;
	if (type == VIR_DOMAIN_JOB_BOUNDED || type == VIR_DOMAIN_JOB_UNBOUNDED)
		operation->progress(operation, figure(params, count, VIR_DOMAIN_JOB_DATA_PROCESSED),
				    figure(params, count, VIR_DOMAIN_JOB_DATA_PROCESSED) +
					    figure(params, count, VIR_DOMAIN_JOB_DATA_REMAINING));
	virTypedParamsFree(params, count);
}

/* Only a migration that has begun has a downtime to set, so it is tried until it
 * is taken. */
static void look_after(struct call *call)
{
	const struct kvm_move *move = call->move;
	const int64_t downtime = hyfw_map_int(&move->operation->args, "max_downtime", 0);
	bool limited = downtime <= 0;

	do {
		if (hyfw_operation_is_cancelled(move->operation))
			virDomainAbortJob(move->domain);
		if (!limited)
			limited = virDomainMigrateSetMaxDowntime(move->domain, (unsigned long long)downtime, 0) == 0;
		tell(move);
	} while (!wait_for(call));
}

/* A machine that ran goes on, whatever state libvirt left it in. */
static void go_on(const struct kvm_move *move, bool ran)
{
	int state = 0, reason = 0;

	if (ran && virDomainGetState(move->domain, &state, &reason, 0) == 0 && state == VIR_DOMAIN_PAUSED)
		virDomainResume(move->domain);
}

static int migrate(struct kvm_move *move, virDomainPtr *ret_there, struct hyfw_error **err)
{
	const struct hyfw_host *host = move->run->kvm->host;
	struct call call = { .move = move, .lock = PTHREAD_MUTEX_INITIALIZER, .done_cond = PTHREAD_COND_INITIALIZER };
	const bool ran = virDomainIsActive(move->domain) == 1;
	int state = 0, result;
	pthread_t thread;

	virDomainGetState(move->domain, &state, NULL, 0);
	result = pthread_create(&thread, NULL, run_call, &call);
	if (result != 0)
		return host->fail(err, result, "a thread for the migration: %s", strerror(result));
	look_after(&call);
	pthread_join(thread, NULL);
	*ret_there = call.there ? call.there : virDomainLookupByName(move->there, move->name);
	if (call.result == 0)
		return 0;
	go_on(move, ran && state == VIR_DOMAIN_RUNNING);
	if (hyfw_operation_is_cancelled(move->operation) || call.code == VIR_ERR_OPERATION_ABORTED)
		result = host->fail(err, ECANCELED, "the migration was cancelled; the machine goes on here");
	else
		result = host->fail(err, EIO, "the migration to %s failed: %s; the machine goes on here", move->uri,
				    call.message ? call.message : "libvirt does not say why");
	free(call.message);
	return result;
}

/* ---- figures ---------------------------------------------------------------------------------- */

static void fill_result(const struct kvm_move *move, virDomainPtr there, struct hyfw_map *ret_result)
{
	static const char *const names[][2] = { { "downtime", VIR_DOMAIN_JOB_DOWNTIME },
						{ "total", VIR_DOMAIN_JOB_TIME_ELAPSED },
						{ "bytes", VIR_DOMAIN_JOB_DATA_PROCESSED } };
	const struct hyfw_host *host = move->run->kvm->host;
	struct hyfw_arena *arena = move->operation->arena;
	struct hyfw_pair *items = host->alloc(arena, (KVM_COUNT(names) + 1) * sizeof(*items));
	virTypedParameterPtr params = NULL;
	int type = 0, count = 0;
	size_t i;

	*ret_result = (struct hyfw_map){ 0, items };
	items[ret_result->count++] = (struct hyfw_pair){ "name", host->format(arena, "%s", move->name) };
	if (!there || virDomainGetJobStats(there, &type, &params, &count, VIR_DOMAIN_JOB_STATS_COMPLETED) < 0)
		return;
	for (i = 0; i < KVM_COUNT(names); i++)
		items[ret_result->count++] = (struct hyfw_pair){
			names[i][0], host->format(arena, "%llu", figure(params, count, names[i][1])) };
	virTypedParamsFree(params, count);
}

/* ---- the operation ------------------------------------------------------------------------------ */

static void finish(struct kvm_move *move, virDomainPtr there, bool moved)
{
	if (there)
		virDomainFree(there);
	kvm_move_drop_places(move, moved);
	if (move->there)
		virConnectClose(move->there);
	xmlXPathFreeContext(move->xpath);
	xmlFreeDoc(move->doc);
}

static int prepare(struct kvm_move *move, struct hyfw_error **err)
{
	const struct hyfw_host *host = move->run->kvm->host;
	struct hyfw_arena *arena = move->operation->arena;
	KVM_AUTO_FREE char *live = NULL;
	const char *xml = NULL;
	int result = read_arguments(move, err);

	if (result == 0)
		result = kvm_loop_start(host, err);
	if (result == 0 && !move->domain)
		result = kvm_move_describe(move, &xml, err);
	if (result < 0)
		return result;
	move->there = virConnectOpenAuth(move->uri, virConnectAuthPtrDefault, 0);
	if (!move->there)
		return kvm_fail_libvirt(host, err, host->format(arena, "libvirtd at %s", move->uri));
	virConnectSetKeepAlive(move->there, 5, 3);
	if (move->domain)
		xml = live = virDomainGetXMLDesc(move->domain, VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_MIGRATABLE);
	if (!xml)
		return kvm_fail_libvirt(host, err, "the machine's description");
	result = kvm_move_read(move, xml, err);
	if (result == 0 && !move->name)
		move->name = kvm_move_text(move, NULL, "string(/domain/name)");
	if (result == 0)
		result = kvm_move_write(move, err);
	if (result == 0 && !move->check)
		result = kvm_sent_clean(move, err);
	return result < 0 ? result : kvm_move_check(move, err);
}

int kvm_migrate(struct kvm_operation *operation, struct hyfw_error **err)
{
	struct kvm_move move = { .operation = operation->asked,
				 .domain = operation->domain };
	virDomainPtr there = NULL;
	int result = kvm_run_get(operation->kvm, &move.run, err);

	if (result == 0)
		result = kvm_layers_refuse(operation, err);
	if (result == 0)
		result = prepare(&move, err);
	if (result == 0 && !move.check && !move.domain)
		result = kvm_move_cold(&move, err);
	if (result == 0 && !move.check && move.domain && move.copy_storage)
		result = kvm_move_make_places(&move, err);
	if (result == 0 && !move.check && move.domain)
		result = migrate(&move, &there, err);
	if (result == 0)
		fill_result(&move, there, operation->ret_result);
	finish(&move, there, result == 0 && !move.check);
	return result;
}
