/* SPDX-License-Identifier: BSD-3-Clause
 * What is said to systemd (org.freedesktop.systemd1(5)) through libsystemd, which is loaded
 * when a scope is asked for: no other start of a container has anything of it. */
#include "systemd.h"

#include <errno.h>

#ifdef HYFW_SYSTEMD

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define SERVICE "org.freedesktop.systemd1"
#define OBJECT "/org/freedesktop/systemd1"
#define MANAGER SERVICE ".Manager"
#define WAIT_US UINT64_C(30000000)
#define LIBRARY "libsystemd.so.0"

#define FUNCTIONS(_)                                                                                 \
	_(sd_bus_open_system) _(sd_bus_open_user) _(sd_bus_flush_close_unref) _(sd_bus_call) _(sd_bus_process) \
	_(sd_bus_wait) _(sd_bus_match_signal) _(sd_bus_slot_unref) _(sd_bus_error_free) _(sd_bus_error_has_name) \
	_(sd_bus_message_new_method_call) _(sd_bus_message_append) _(sd_bus_message_append_array)               \
	_(sd_bus_message_open_container) _(sd_bus_message_close_container) _(sd_bus_message_read)               \
	_(sd_bus_message_unref)

static struct {
#define MEMBER(name) __typeof__(name) *name;
	FUNCTIONS(MEMBER)
	bool loaded;
} sd;

static int load(const struct hyfw_host *host, struct hyfw_error **err)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

	if (!library)
		return host->fail(err, ENOTSUP, "systemd cgroup driver: %s", dlerror());
#define FIND(name)                                                                                    \
	*(void **)(void *)&sd.name = dlsym(library, #name);                                            \
	if (!sd.name)                                                                                  \
		return host->fail(err, ENOTSUP, "systemd cgroup driver: " LIBRARY " has no " #name);
	FUNCTIONS(FIND)
	sd.loaded = true;
	return 0;
}

int systemd_open(const struct hyfw_host *host, struct sd_bus **ret_bus, struct hyfw_error **err)
{
	int result = sd.loaded ? 0 : load(host, err);

	if (result < 0)
		return result;
	result = geteuid() == 0 ? sd.sd_bus_open_system(ret_bus) : sd.sd_bus_open_user(ret_bus);
	return result < 0 ? host->fail(err, ENOTSUP, "systemd cgroup driver: connect to the bus of systemd: %s; without "
				       "systemd leave --systemd-cgroup out", strerror(-result)) : 0;
}

void systemd_close(struct sd_bus *bus)
{
	if (bus)
		sd.sd_bus_flush_close_unref(bus);
}

/* ---- messages ---- */

static int append_bytes(sd_bus_message *message, const char *hexadecimal)
{
	uint8_t bytes[1024];
	size_t count = 0;
	unsigned byte;

	for (; count < sizeof(bytes) && sscanf(hexadecimal + 2 * count, "%2x", &byte) == 1; count++)
		bytes[count] = (uint8_t)byte;
	return sd.sd_bus_message_append_array(message, 'y', bytes, count);
}

static bool is_next(const struct scope_properties *properties, size_t at, const char *prefix)
{
	return at < properties->count && strncmp(properties->items[at], prefix, strlen(prefix)) == 0 &&
	       properties->items[at][strlen(prefix)];
}

/* All that follow one another with the name, as one property; '*at' is the last of them. */
static int append_list(sd_bus_message *message, const struct scope_properties *properties, size_t *at,
		       const char *prefix, const char *element)
{
	int result = sd.sd_bus_message_open_container(message, 'a', element);
	const bool empty = !properties->items[*at][strlen(prefix)];

	for (; result >= 0 && !empty && is_next(properties, *at, prefix); (*at)++) {
		const char *value = properties->items[*at] + strlen(prefix), *space = strchr(value, ' ');
		char first[256];

		if (*element == 's') {
			result = sd.sd_bus_message_append(message, "s", value);
			continue;
		}
		snprintf(first, sizeof(first), "%.*s", space ? (int)(space - value) : 0, value);
		result = sd.sd_bus_message_append(message, "(ss)", first, space ? space + 1 : "");
	}
	*at -= !empty;
	return result < 0 ? result : sd.sd_bus_message_close_container(message);
}

static int append_number(sd_bus_message *message, const char *type, const char *value)
{
	if (*type == 't')
		return sd.sd_bus_message_append(message, type, (uint64_t)strtoull(value, NULL, 10));
	if (*type == 'x')
		return sd.sd_bus_message_append(message, type, (int64_t)strtoll(value, NULL, 10));
	if (*type == 'd')
		return sd.sd_bus_message_append(message, type, strtod(value, NULL));
	if (*type == 'u')
		return sd.sd_bus_message_append(message, type, (uint32_t)strtoul(value, NULL, 10));
	return sd.sd_bus_message_append(message, type, (int)strtol(value, NULL, 10)); /* as it is promoted */
}

static int append_value(sd_bus_message *message, const struct scope_properties *properties, size_t *at,
			const char *type, const char *name, const char *value)
{
	char prefix[128];

	if (strcmp(type, "s") == 0)
		return sd.sd_bus_message_append(message, "s", value);
	if (strcmp(type, "b") == 0)
		return sd.sd_bus_message_append(message, "b", strcmp(value, "true") == 0);
	if (strcmp(type, "ay") == 0)
		return append_bytes(message, value);
	if (strlen(type) == 1)
		return strchr("ynqiuxtd", *type) ? append_number(message, type, value) : -EINVAL;
	snprintf(prefix, sizeof(prefix), "%s %s ", type, name);
	return append_list(message, properties, at, prefix, type + 1);
}

/* (sv) */
static int append_property(sd_bus_message *message, const struct scope_properties *properties, size_t *at)
{
	char type[16], name[64];
	int used = 0, result;

	if (sscanf(properties->items[*at], "%15s %63s %n", type, name, &used) != 2 || used == 0)
		return -EINVAL;
	result = sd.sd_bus_message_open_container(message, 'r', "sv");
	if (result >= 0)
		result = sd.sd_bus_message_append(message, "s", name);
	if (result >= 0)
		result = sd.sd_bus_message_open_container(message, 'v', type);
	if (result >= 0)
		result = append_value(message, properties, at, type, name, properties->items[*at] + used);
	if (result >= 0)
		result = sd.sd_bus_message_close_container(message);
	return result < 0 ? result : sd.sd_bus_message_close_container(message);
}

/* a(sv); 'pid' 0 for none. */
static int append_properties(sd_bus_message *message, const struct scope_properties *properties, int pid)
{
	int result = sd.sd_bus_message_open_container(message, 'a', "(sv)");
	size_t i;

	for (i = 0; result >= 0 && i < properties->count; i++)
		result = append_property(message, properties, &i);
	if (result >= 0 && pid > 0)
		result = sd.sd_bus_message_append(message, "(sv)", "PIDs", "au", 1, (uint32_t)pid);
	return result < 0 ? result : sd.sd_bus_message_close_container(message);
}

static int new_call(sd_bus *bus, const char *member, sd_bus_message **ret_message)
{
	return sd.sd_bus_message_new_method_call(bus, ret_message, SERVICE, OBJECT, MANAGER, member);
}

/* ---- jobs ---- */

struct job {
	char path[256];   /* "" until it is known */
	char early[256];  /* that ended before we knew which one is ours */
	char early_result[32], result[32]; /* "done"; "" while it goes on */
};

static int on_removed(sd_bus_message *message, void *data, sd_bus_error *error)
{
	const char *path, *unit, *result;
	struct job *job = data;
	uint32_t id;

	(void)error;
	if (sd.sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) < 0)
		return 0;
	if (!*job->path) {
		snprintf(job->early, sizeof(job->early), "%s", path);
		snprintf(job->early_result, sizeof(job->early_result), "%s", result);
	} else if (strcmp(path, job->path) == 0) {
		snprintf(job->result, sizeof(job->result), "%s", result);
	}
	return 0;
}

static int wait_for(const struct hyfw_host *host, sd_bus *bus, struct job *job)
{
	const uint64_t until = host->clock() + WAIT_US * 1000;
	int result = 0;

	if (strcmp(job->early, job->path) == 0)
		memcpy(job->result, job->early_result, sizeof(job->result));
	while (result >= 0 && !*job->result && host->clock() < until) {
		result = sd.sd_bus_process(bus, NULL);
		if (result == 0)
			result = sd.sd_bus_wait(bus, WAIT_US / 30);
	}
	return result < 0 ? result : *job->result ? 0 : -ETIMEDOUT;
}

/* Sends 'message', which makes a job, and waits for its end.  Takes 'message' over. */
static int run_job(const struct hyfw_host *host, sd_bus *bus, const char *what, const char *unit,
		   sd_bus_message *message, struct hyfw_error **err)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *answer = NULL;
	sd_bus_slot *slot = NULL;
	struct job job = { 0 };
	const char *path;
	int result = sd.sd_bus_match_signal(bus, &slot, SERVICE, OBJECT, MANAGER, "JobRemoved", on_removed, &job);

	if (result >= 0)
		result = sd.sd_bus_call(bus, message, WAIT_US, &error, &answer);
	if (result >= 0)
		result = sd.sd_bus_message_read(answer, "o", &path);
	if (result >= 0) {
		snprintf(job.path, sizeof(job.path), "%s", path);
		result = wait_for(host, bus, &job);
	}
	if (result < 0 && sd.sd_bus_error_has_name(&error, SERVICE ".NoSuchUnit"))
		result = host->fail(err, ENOENT, "%s %s: there is no such unit", what, unit);
	else if (result < 0)
		result = host->fail(err, sd.sd_bus_error_has_name(&error, SERVICE ".UnitExists") ? EEXIST : -result,
				    "%s %s of systemd: %s", what, unit, error.message ? error.message : strerror(-result));
	else if (strcmp(job.result, "done") != 0)
		result = host->fail(err, EIO, "%s %s of systemd: the job ended as \"%s\"", what, unit, job.result);
	else
		result = 0;
	sd.sd_bus_error_free(&error);
	sd.sd_bus_slot_unref(slot);
	sd.sd_bus_message_unref(answer);
	sd.sd_bus_message_unref(message);
	return result;
}

int systemd_start(const struct hyfw_host *host, struct sd_bus *bus, const char *unit,
		  const struct scope_properties *properties, int pid, struct hyfw_error **err)
{
	sd_bus_message *message = NULL;
	int result = new_call(bus, "StartTransientUnit", &message);

	if (result >= 0)
		result = sd.sd_bus_message_append(message, "ss", unit, "replace");
	if (result >= 0)
		result = append_properties(message, properties, pid);
	if (result >= 0)
		result = sd.sd_bus_message_append(message, "a(sa(sv))", 0);
	if (result < 0) {
		sd.sd_bus_message_unref(message);
		return host->fail(err, -result, "start %s: compose the message to systemd: %s", unit, strerror(-result));
	}
	return run_job(host, bus, "start", unit, message, err);
}

int systemd_change(const struct hyfw_host *host, struct sd_bus *bus, const char *unit,
		   const struct scope_properties *properties, struct hyfw_error **err)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *message = NULL;
	int result = new_call(bus, "SetUnitProperties", &message);

	if (result >= 0)
		result = sd.sd_bus_message_append(message, "sb", unit, 1); /* until the next boot */
	if (result >= 0)
		result = append_properties(message, properties, 0);
	if (result >= 0)
		result = sd.sd_bus_call(bus, message, WAIT_US, &error, NULL);
	if (result < 0)
		result = host->fail(err, -result, "change %s of systemd: %s", unit,
				    error.message ? error.message : strerror(-result));
	sd.sd_bus_error_free(&error);
	sd.sd_bus_message_unref(message);
	return result < 0 ? result : 0;
}

int systemd_stop(const struct hyfw_host *host, struct sd_bus *bus, const char *unit, struct hyfw_error **err)
{
	sd_bus_message *message = NULL;
	int result = new_call(bus, "StopUnit", &message);

	if (result >= 0)
		result = sd.sd_bus_message_append(message, "ss", unit, "replace");
	if (result < 0) {
		sd.sd_bus_message_unref(message);
		return host->fail(err, -result, "stop %s: compose the message to systemd: %s", unit, strerror(-result));
	}
	result = run_job(host, bus, "stop", unit, message, err);
	if (result != -ENOENT)
		return result;
	host->forget(err);
	return 0;
}

#else

static int missing(const struct hyfw_host *host, struct hyfw_error **err)
{
	return host->fail(err, ENOTSUP, "systemd cgroup driver: hyfw was built without libsystemd (meson option systemd)");
}

int systemd_open(const struct hyfw_host *host, struct sd_bus **ret_bus, struct hyfw_error **err)
{
	(void)ret_bus;
	return missing(host, err);
}

void systemd_close(struct sd_bus *bus)
{
	(void)bus;
}

int systemd_start(const struct hyfw_host *host, struct sd_bus *bus, const char *unit,
		  const struct scope_properties *properties, int pid, struct hyfw_error **err)
{
	(void)bus;
	(void)unit;
	(void)properties;
	(void)pid;
	return missing(host, err);
}

int systemd_change(const struct hyfw_host *host, struct sd_bus *bus, const char *unit,
		   const struct scope_properties *properties, struct hyfw_error **err)
{
	return systemd_start(host, bus, unit, properties, 0, err);
}

int systemd_stop(const struct hyfw_host *host, struct sd_bus *bus, const char *unit, struct hyfw_error **err)
{
	return systemd_start(host, bus, unit, NULL, 0, err);
}

#endif
