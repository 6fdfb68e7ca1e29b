/* SPDX-License-Identifier: BSD-3-Clause
 * The life of a machine between create() and undo(). */
#include "libvirt/ask.h"
#include "migrate/adopt.h"
#include "template/template.h"

#include <signal.h>

#define ANSWER_S 5 /* for a libvirtd, whatever it is to do */

int kvm_domain_get(struct kvm_instance *kvm, struct kvm_run **ret_run, virDomainPtr *ret_domain,
		   struct hyfw_error **err)
{
	struct kvm_run *run = kvm->run;
	virDomainPtr domain = NULL;

	if (run) {
		pthread_mutex_lock(&run->lock);
		if (run->domain && !run->ended && virDomainRef(run->domain) == 0)
			domain = run->domain;
		pthread_mutex_unlock(&run->lock);
	}
	if (!domain)
		return kvm->host->fail(err, ESRCH, "the machine does not run");
	if (ret_run)
		*ret_run = run;
	*ret_domain = domain;
	kvm_reap_begin();
	return 0;
}

void kvm_domain_put(virDomainPtr domain)
{
	kvm_reap_end();
	virDomainFree(domain);
}

int kvm_start(void *instance, struct hyfw_call *call, struct hyfw_running *running, struct hyfw_error **err)
{
	struct kvm_instance *kvm = instance;
	struct kvm_run *run = NULL;
	virDomainPtr domain = NULL;
	int r = kvm_domain_get(kvm, &run, &domain, err), state = 0;

	(void)running;
	if (r < 0)
		return r;
	if (run->adopting) {
		r = kvm_adopted_start(run, call, domain, err);
		kvm_domain_put(domain);
		kvm_slim();
		return r;
	}
	r = kvm_template_begin(run, call->arena, err);
	/* One of another host may run already. */
	if (r == 0 && (virDomainGetState(domain, &state, NULL, 0) < 0 ||
	    (state != VIR_DOMAIN_RUNNING && virDomainResume(domain) < 0)))
		r = kvm_fail_libvirt(kvm->host, err, "start the machine's CPUs");
	kvm_domain_put(domain);
	kvm_slim();
	return r;
}

int kvm_wait(void *instance, struct hyfw_running *running, struct hyfw_exit *ret_exit, struct hyfw_error **err)
{
	struct kvm_instance *kvm = instance;
	struct hyfw_exit result = { .size = sizeof(result) };
	struct kvm_run *run = running->handle;
	bool ended;

	if (!run)
		return kvm->host->fail(err, ESRCH, "the machine does not run");
	pthread_mutex_lock(&run->lock);
	ended = run->ended;
	result.status = run->exit_status;
	result.signal = run->exit_signal;
	pthread_mutex_unlock(&run->lock);
	if (!ended)
		return kvm->host->fail(err, EAGAIN, "take the exit status: it still runs");
	running->handle = NULL;
	*ret_exit = result;
	return 0;
}

static int send_signal(const struct hyfw_host *host, virDomainPtr domain, void *data, struct hyfw_error **err)
{
	const int signal = *(const int *)data;
	int done = 0;

	if (signal == SIGKILL)
		done = virDomainDestroy(domain);
	else if (signal == SIGTERM || signal == SIGPWR)
		done = virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN);
	else if (signal == SIGINT || signal == SIGHUP)
		done = virDomainReset(domain, 0);
	else if (signal != 0)
		return host->fail(err, ENOTSUP, "a machine takes TERM and PWR (power button), INT and HUP "
				  "(reset) and KILL (power off), not signal %d", signal);
	return done < 0 ? kvm_fail_libvirt(host, err, signal == SIGKILL ? "power off" : "the power button") : 0;
}

int kvm_signal(void *instance, const struct hyfw_map *record, int signal, bool all, struct hyfw_error **err)
{
	static const struct kvm_question button = { "the power button", send_signal, ANSWER_S, true };
	static const struct kvm_question off = { "power off", send_signal, ANSWER_S, true };

	(void)record;
	(void)all;
	return kvm_ask(instance, signal == SIGKILL ? &off : &button, &signal, sizeof(signal), err);
}

static bool is_held(struct kvm_run *run)
{
	bool held;

	pthread_mutex_lock(&run->lock);
	held = run->held;
	pthread_mutex_unlock(&run->lock);
	return held;
}

/* libvirt refuses what is done already. */
static int pause_or_go_on(const struct hyfw_host *host, virDomainPtr domain, void *data, struct hyfw_error **err)
{
	const bool paused = *(const bool *)data;
	int state = 0;

	if (virDomainGetState(domain, &state, NULL, 0) < 0)
		return kvm_fail_libvirt(host, err, "the machine's state");
	if ((state == VIR_DOMAIN_PAUSED) != paused && (paused ? virDomainSuspend(domain) : virDomainResume(domain)) < 0)
		return kvm_fail_libvirt(host, err, paused ? "pause" : "continue");
	return 0;
}

static int set_paused(struct kvm_instance *kvm, bool paused, struct hyfw_error **err)
{
	static const struct kvm_question to_pause = { "pause", pause_or_go_on, ANSWER_S, true };
	static const struct kvm_question to_go_on = { "continue", pause_or_go_on, ANSWER_S, true };

	if (kvm->run && is_held(kvm->run))
		return kvm->host->fail(err, EBUSY, "it stands still while a template is made of it; try again");
	return kvm_ask(kvm, paused ? &to_pause : &to_go_on, &paused, sizeof(paused), err);
}

int kvm_pause(void *instance, const struct hyfw_map *record, struct hyfw_error **err)
{
	(void)record;
	return set_paused(instance, true, err);
}

int kvm_resume(void *instance, const struct hyfw_map *record, struct hyfw_error **err)
{
	(void)record;
	return set_paused(instance, false, err);
}
