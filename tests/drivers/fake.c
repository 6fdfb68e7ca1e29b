/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int fake_open(const struct hyfw_host *host, const char *driver, const struct hyfw_map *settings,
	      void **ret_instance, struct hyfw_error **err)
{
	const char *fail_in = hyfw_map_get(settings, "fail_in");
	struct fake *fake;

	if (fail_in && strcmp(fail_in, "open") == 0)
		return host->fail(err, EIO, "open failed as asked");
	fake = calloc(1, sizeof(*fake));
	if (!fake)
		return host->fail(err, ENOMEM, "no memory");
	fake->host = host;
	fake->driver = driver;
	fake->apply.fail_at = hyfw_map_int(settings, "fail_at", 0);
	fake->apply.hang_at = hyfw_map_int(settings, "hang_at", 0);
	fake->apply.die_at = hyfw_map_int(settings, "die_at", 0);
	fake->undo.fail_at = hyfw_map_int(settings, "undo_fail_at", 0);
	fake->undo.hang_at = hyfw_map_int(settings, "undo_hang_at", 0);
	fake->undo.die_at = hyfw_map_int(settings, "undo_die_at", 0);
	fake->fail_in = fail_in ? strdup(fail_in) : NULL;
	*ret_instance = fake;
	return 0;
}

void fake_close(void *instance)
{
	struct fake *fake = instance;

	if (fake)
		free(fake->fail_in);
	free(fake);
}

int fake_fails(const struct fake *fake, const char *op, struct hyfw_error **err)
{
	if (fake->fail_in && strcmp(fake->fail_in, op) == 0)
		return fake->host->fail(err, EIO, "%s failed as asked", op);
	return 0;
}

int fake_probe(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
	       struct hyfw_error **err)
{
	(void)err;
	ret_probe->result = HYFW_PROBE_DEGRADED;
	ret_probe->reason = host->format(arena, "it only pretends");
	return 0;
}

int fake_check(void *instance, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	(void)subject;
	return fake_fails(instance, "check", err);
}

static bool reached(const struct fake_limits *limits, int64_t count)
{
	return count == limits->die_at || count == limits->hang_at || count == limits->fail_at;
}

static int misbehave(const struct fake *fake, const struct fake_limits *limits, int64_t count, const char *what,
		     struct hyfw_error **err)
{
	if (count == limits->die_at)
		raise(SIGKILL);
	while (count == limits->hang_at)
		pause();
	if (count == limits->fail_at)
		return fake->host->fail(err, EIO, "%s %lld failed as asked", what, (long long)count);
	return 0;
}

static void trace_path(const struct fake *fake, const struct hyfw_call *call, char *path, size_t size)
{
	const char *trace = hyfw_map_get(&call->step->args, "trace");

	snprintf(path, size, "%s/%s", fake->host->directory(fake->driver, HYFW_DIRECTORY_RUNTIME),
		 trace ? trace : "none");
}

int fake_apply(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	struct fake *fake = instance;
	int result = fake_fails(fake, "apply", err), fd;
	char path[4096];

	trace_path(fake, call, path, sizeof(path));
	if (result == 0)
		result = fake->host->note(call, "trace", path, err);
	if (result < 0)
		return result;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fake->host->fail(err, errno, "trace %s: %s", path, strerror(errno));
	close(fd);
	return misbehave(fake, &fake->apply, ++fake->applied, "step", err);
}

/* True once for all processes: the next attempt at the same undo goes well. */
static bool first_time(const struct fake *fake)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/undo-misbehaved", fake->host->directory(fake->driver, HYFW_DIRECTORY_DATA));
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int fake_undo(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	struct fake *fake = instance;
	int result = fake_fails(fake, "undo", err);
	char path[4096];

	fake->undone++;
	if (result == 0 && reached(&fake->undo, fake->undone) && first_time(fake))
		result = misbehave(fake, &fake->undo, fake->undone, "undo", err);
	if (result < 0)
		return result;
	trace_path(fake, call, path, sizeof(path));
	if (unlink(path) < 0 && errno != ENOENT)
		return fake->host->fail(err, errno, "trace %s: %s", path, strerror(errno));
	return 0;
}

int fake_gc(void *instance, const struct hyfw_alive *alive, struct hyfw_error **err)
{
	const struct fake *fake = instance;

	(void)alive;
	if (fake->fail_in && strncmp(fake->fail_in, "gc", 2) == 0)
		return fake->host->fail(err, EIO, "%s failed as asked", fake->fail_in);
	return 0;
}

int fake_step(struct fake *fake, struct hyfw_plan *plan, const char *verb, const char *name,
	      enum hyfw_lifetime lifetime, struct hyfw_error **err)
{
	char trace[300], object[300], summary[300];
	const struct hyfw_pair args[] = { { "trace", trace } };
	const struct hyfw_step step = {
		.size = sizeof(step),
		.verb = verb,
		.object = object,
		.summary = summary,
		.lifetime = lifetime,
		.args = { 1, args },
	};
	int result = fake_fails(fake, "plan", err);

	if (result < 0)
		return result;
	snprintf(trace, sizeof(trace), "%s.%s", verb, name);
	snprintf(object, sizeof(object), "pretended %s", name);
	snprintf(summary, sizeof(summary), "pretend to %s %s", verb, name);
	return fake->host->plan_step(plan, &step, err);
}
