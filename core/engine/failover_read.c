/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/failover_read.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "engine/failover_place.h"
#include "engine/limited.h"

#define AGAIN_MS 1000 /* for storage to answer when some has just not */

struct hyfw_failover_reading {
	char *directory;
	struct hyfw_limited *limited;
	uint64_t deadline;
	struct hyfw_failover_lease lease;
	struct hyfw_definition *definition;
	struct hyfw_error *failure;
	int result;
};

static void finish(void *data)
{
	struct hyfw_failover_reading *reading = data;

	hyfw_definition_free(reading->definition);
	hyfw_error_free(reading->failure);
	free(reading->directory);
	free(reading);
}

/* Opened anew each time: that is when a file system of the network asks for what is new. */
static void read_lease(void *data)
{
	struct hyfw_failover_reading *reading = data;
	HYFW_AUTO_FREE char *path = hyfw_format("%s/lease", reading->directory);
	HYFW_AUTO_CLOSE int fd = hyfw_failover_lease_open(path, false, &reading->failure);

	reading->result = fd < 0 ? fd : hyfw_failover_lease_read(fd, &reading->lease, &reading->failure);
	if (reading->result == 0 && hyfw_failover_lease_locked(fd))
		reading->result = hyfw_fail(&reading->failure, EBUSY, "it runs on host %s, which holds its lease",
					    reading->lease.host);
}

static void read_kept(void *data)
{
	struct hyfw_failover_reading *reading = data;

	reading->result = hyfw_failover_kept(reading->directory, &reading->definition, &reading->failure);
}

/* Even where its directory is may take a look at the storage. */
static void look_elsewhere(void *data)
{
	struct hyfw_failover_reading *reading = data;

	reading->result = hyfw_failover_held_elsewhere(reading->definition);
}

static struct hyfw_failover_reading *begin(const char *directory, void (*work)(void *data))
{
	struct hyfw_failover_reading *reading = hyfw_new(sizeof(*reading));

	reading->directory = hyfw_dup(directory);
	reading->deadline = hyfw_limited_deadline();
	reading->limited = hyfw_limited_start(work, finish, reading);
	return reading;
}

/* What was read is still to be taken from 'reading', which is gone when it hangs. */
static int wait_for(struct hyfw_failover_reading *reading, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = hyfw_dup(reading->directory);

	if (!hyfw_limited_wait(reading->limited, reading->deadline))
		return hyfw_fail(err, ETIMEDOUT, "its storage hangs: %s does not answer", directory);
	return 0;
}

/* 'failure' may be NULL only when 'result' is 0. */
static int give_result(struct hyfw_failover_reading *reading, struct hyfw_error **err)
{
	const int result = reading->result;

	if (result < 0 && err)
		*err = HYFW_STEAL(reading->failure);
	finish(reading);
	return result;
}

struct hyfw_failover_reading *hyfw_failover_read_begin(const char *directory)
{
	return begin(directory, read_lease);
}

int hyfw_failover_read_end(struct hyfw_failover_reading *reading, struct hyfw_failover_lease *ret_lease,
			   struct hyfw_error **err)
{
	int result = wait_for(reading, err);

	if (result < 0)
		return result;
	*ret_lease = reading->lease;
	return give_result(reading, err);
}

int hyfw_failover_read_kept(const char *directory, struct hyfw_definition **ret_definition, struct hyfw_error **err)
{
	struct hyfw_failover_reading *reading = begin(directory, read_kept);
	int result = wait_for(reading, err);

	if (result < 0)
		return result;
	if (reading->result == 0)
		*ret_definition = HYFW_STEAL(reading->definition);
	return give_result(reading, err);
}

/* One of the reader's own: it may outlive the caller's. */
static int copy_definition(const struct hyfw_definition *definition, struct hyfw_definition **ret_copy,
			   struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *json = hyfw_definition_to_json(definition);

	return hyfw_definition_from_json(json, ret_copy, err);
}

int hyfw_failover_elsewhere(const struct hyfw_definition *definition, struct hyfw_error **err)
{
	static bool in_vain;
	struct hyfw_definition *copy = NULL;
	struct hyfw_failover_reading *reading;
	int result;

	if (!hyfw_failover_wanted(definition))
		return 0;
	result = copy_definition(definition, &copy, err);
	if (result < 0)
		return result;
	reading = hyfw_new(sizeof(*reading));
	reading->definition = copy;
	reading->deadline = in_vain ? hyfw_now_us() + AGAIN_MS * 1000u : hyfw_limited_deadline();
	reading->limited = hyfw_limited_start(look_elsewhere, finish, reading);
	if (!hyfw_limited_wait(reading->limited, reading->deadline)) {
		in_vain = true;
		return hyfw_fail(err, ETIMEDOUT, "its storage hangs: whether another host has it cannot be told");
	}
	return give_result(reading, err);
}
