/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/limited.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"

struct hyfw_limited {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	void (*work)(void *data);
	void (*finish)(void *data);
	void *data;
	bool done, left;
};

static void destroy(struct hyfw_limited *limited)
{
	pthread_cond_destroy(&limited->changed);
	pthread_mutex_destroy(&limited->lock);
	free(limited);
}

/* Whoever is second has it. */
static void *run(void *argument)
{
	struct hyfw_limited *limited = argument;
	bool left;

	limited->work(limited->data);
	pthread_mutex_lock(&limited->lock);
	limited->done = true;
	left = limited->left;
	pthread_cond_signal(&limited->changed);
	pthread_mutex_unlock(&limited->lock);
	if (left) {
		limited->finish(limited->data);
		destroy(limited);
	}
	return NULL;
}

static bool start_thread(struct hyfw_limited *limited)
{
	pthread_attr_t attributes;
	pthread_t thread;
	bool started;

	if (pthread_attr_init(&attributes) != 0)
		return false;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	started = pthread_create(&thread, &attributes, run, limited) == 0;
	pthread_attr_destroy(&attributes);
	return started;
}

struct hyfw_limited *hyfw_limited_start(void (*work)(void *data), void (*finish)(void *data), void *data)
{
	struct hyfw_limited *limited = hyfw_new(sizeof(*limited));
	pthread_condattr_t attributes;

	limited->work = work;
	limited->finish = finish;
	limited->data = data;
	pthread_mutex_init(&limited->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&limited->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	if (!start_thread(limited))
		run(limited);
	return limited;
}

bool hyfw_limited_wait(struct hyfw_limited *limited, uint64_t deadline)
{
	const struct timespec until = { .tv_sec = (time_t)(deadline / 1000000), .tv_nsec = (long)(deadline % 1000000) * 1000 };
	int result = 0;
	bool done;

	pthread_mutex_lock(&limited->lock);
	while (!limited->done && result == 0)
		result = pthread_cond_timedwait(&limited->changed, &limited->lock, &until);
	done = limited->done;
	limited->left = !done;
	pthread_mutex_unlock(&limited->lock);
	if (done)
		destroy(limited);
	return done;
}

uint64_t hyfw_limited_deadline(void)
{
	return hyfw_now_us() + HYFW_LIMITED_MS * 1000u;
}
