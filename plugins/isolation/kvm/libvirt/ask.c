/* SPDX-License-Identifier: BSD-3-Clause
 * Calls about the machine that a libvirtd answers in time or not at all: one that hangs
 * must not hold up the monitor, which does nothing else meanwhile.  Each is made in a
 * thread of its own; one that hangs is left behind, and ends with its connection. */
#include "ask.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

/* Who comes second, the thread or who gave up waiting for it, frees it. */
struct asking {
	const struct kvm_question *question;
	const struct hyfw_host *host;
	virDomainPtr domain;
	void *data; /* the thread's own */
	struct hyfw_error *failure;
	int r;
	pthread_mutex_t lock;
	pthread_cond_t answered;
	bool done, left;
};

static atomic_bool silent; /* one is left without an answer: no more of them are asked */

static void destroy(struct asking *asking)
{
	asking->host->forget(&asking->failure);
	pthread_cond_destroy(&asking->answered);
	pthread_mutex_destroy(&asking->lock);
	free(asking->data);
	free(asking);
}

static void *ask_in_thread(void *data)
{
	struct asking *asking = data;
	bool left;

	asking->r = asking->question->ask(asking->host, asking->domain, asking->data, &asking->failure);
	kvm_domain_put(asking->domain);
	pthread_mutex_lock(&asking->lock);
	asking->done = true;
	left = asking->left;
	pthread_cond_signal(&asking->answered);
	pthread_mutex_unlock(&asking->lock);
	if (left) {
		silent = false;
		destroy(asking);
	}
	return NULL;
}

static bool wait_for_answer(struct asking *asking)
{
	struct timespec limit;
	int late = 0;
	bool done;

	clock_gettime(CLOCK_MONOTONIC, &limit);
	limit.tv_sec += asking->question->seconds;
	pthread_mutex_lock(&asking->lock);
	while (!asking->done && !late)
		late = pthread_cond_clockwait(&asking->answered, &asking->lock, CLOCK_MONOTONIC, &limit);
	done = asking->done;
	asking->left = !done;
	if (!done)
		silent = true;
	pthread_mutex_unlock(&asking->lock);
	return done;
}

static int fail_silent(const struct kvm_instance *kvm, const struct kvm_question *question, struct hyfw_error **err)
{
	return kvm->host->fail(err, ETIMEDOUT, "%s: libvirtd at %s does not answer%s", question->what, kvm->uri,
			       question->changes ? ", and may still do it when it does" : "");
}

static struct asking *begin(const struct kvm_instance *kvm, virDomainPtr domain, const struct kvm_question *question,
			    const void *data, size_t size)
{
	struct asking *asking = calloc(1, sizeof(*asking));
	pthread_t thread;

	if (!asking)
		return NULL;
	asking->question = question;
	asking->host = kvm->host;
	asking->domain = domain;
	pthread_mutex_init(&asking->lock, NULL);
	pthread_cond_init(&asking->answered, NULL);
	asking->data = malloc(size);
	if (asking->data)
		memcpy(asking->data, data, size);
	if (asking->data && pthread_create(&thread, NULL, ask_in_thread, asking) == 0) {
		pthread_detach(thread);
		return asking;
	}
	destroy(asking);
	return NULL;
}

static int ask_in_time(const struct kvm_instance *kvm, virDomainPtr domain, const struct kvm_question *question,
		       void *data, size_t size, struct hyfw_error **err)
{
	struct asking *asking = begin(kvm, domain, question, data, size);
	int r;

	if (!asking) {
		kvm_domain_put(domain);
		return kvm->host->fail(err, ENOMEM, "%s: no thread for libvirt", question->what);
	}
	if (!wait_for_answer(asking))
		return fail_silent(kvm, question, err);
	r = asking->r;
	if (r < 0) {
		kvm->host->forget(err);
		*err = asking->failure;
		asking->failure = NULL;
	} else {
		memcpy(data, asking->data, size);
	}
	destroy(asking);
	return r;
}

int kvm_ask(struct kvm_instance *kvm, const struct kvm_question *question, void *data, size_t size,
	    struct hyfw_error **err)
{
	virDomainPtr domain = NULL;
	int r;

	if (kvm->uri && silent)
		return fail_silent(kvm, question, err);
	r = kvm_domain_get(kvm, NULL, &domain, err);
	if (r < 0)
		return r;
	if (kvm->uri)
		return ask_in_time(kvm, domain, question, data, size, err);
	r = question->ask(kvm->host, domain, data, err);
	kvm_domain_put(domain);
	return r;
}
