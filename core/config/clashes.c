/* SPDX-License-Identifier: BSD-3-Clause
 * What cannot be had twice: a variable, a path inside, a port of the host. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/private.h"

static bool same_part(const char *one, const char *other, unsigned part)
{
	for (; part > 0; part--) {
		one = strchr(one, '|') + 1;
		other = strchr(other, '|') + 1;
	}
	return strcspn(one, "|") == strcspn(other, "|") && strncmp(one, other, strcspn(one, "|")) == 0;
}

/* The same KEY of KEY=VALUE twice in files; of flags the later one wins. */
static int check_pairs(const struct hyfw_config_section *workload, const char *key, struct hyfw_error **err)
{
	const struct hyfw_config_value *value, *other;
	size_t cursor = 0;

	while ((value = hyfw_config_next_value(workload, key, &cursor))) {
		size_t at = 0, length = strcspn(value->normal, "=") + 1;

		if (value->origin.kind == HYFW_ORIGIN_FLAG)
			continue;
		while ((other = hyfw_config_next_value(workload, key, &at)) && other != value)
			if (strncmp(other->normal, value->normal, length) == 0)
				return hyfw_config_fail_value(err, EINVAL, workload, value,
							      "%.*s is given at line %u already; remove one of them",
							      (int)length - 1, value->normal, other->origin.line);
	}
	return 0;
}

/* Mounts of one workload at the same path. */
static int check_targets(const struct hyfw_config_section *workload, struct hyfw_error **err)
{
	size_t i, j;

	for (i = 0; i < workload->count; i++) {
		const struct hyfw_config_value *one = &workload->values[i];
		unsigned one_part = strcmp(one->key, "volume") == 0;

		if (!one->normal || (!one_part && strcmp(one->key, "tmpfs") != 0))
			continue;
		for (j = 0; j < i; j++) {
			const struct hyfw_config_value *other = &workload->values[j];
			const char *path = one_part ? strchr(one->normal, '|') + 1 : one->normal, *other_path;

			if (!other->normal || (strcmp(other->key, "volume") != 0 && strcmp(other->key, "tmpfs") != 0))
				continue;
			other_path = strcmp(other->key, "volume") == 0 ? strchr(other->normal, '|') + 1 : other->normal;
			if (same_part(path, other_path, 0))
				return hyfw_config_fail_value(err, EINVAL, workload, one,
							      "something else is mounted at %.*s already",
							      (int)strcspn(path, "|"), path);
		}
	}
	return 0;
}

/* The first and last port of the host in "ADDRESS|8000-8010|80-90|tcp"; 0: the driver chooses. */
static void host_ports(const char *normal, unsigned long *ret_first, unsigned long *ret_last)
{
	char *end;

	*ret_first = *ret_last = strtoul(strchr(normal, '|') + 1, &end, 10);
	if (*end == '-')
		*ret_last = strtoul(end + 1, NULL, 10);
}

/* Two published ports, or ranges, that would take the same address and port of the host. */
static bool same_host_port(const char *one, const char *other)
{
	const bool any = *one == '|' || *other == '|';
	unsigned long first, last, other_first, other_last;

	host_ports(one, &first, &last);
	host_ports(other, &other_first, &other_last);
	return (any || same_part(one, other, 0)) && same_part(one, other, 3) && first != 0 && other_first != 0 &&
	       first <= other_last && other_first <= last;
}

struct published {
	const struct hyfw_config_section *workload;
	const struct hyfw_config_value *value;
};

static int check_port(const struct published *taken, size_t count, const struct published *port,
		      struct hyfw_error **err)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (same_host_port(taken[i].value->normal, port->value->normal))
			return hyfw_config_fail_value(err, EADDRINUSE, port->workload, port->value,
						      "workload %s publishes on that port of the host too (%s); "
						      "choose another", taken[i].workload->name, taken[i].value->text);
	return 0;
}

int hyfw_config_check_ports(const struct hyfw_config *config, struct hyfw_error **err)
{
	HYFW_AUTO_FREE struct published *taken = NULL;
	const struct hyfw_config_section *workload;
	size_t cursor = 0, count = 0;
	int result = 0;

	while (result == 0 && (workload = hyfw_config_next(config, "workload", &cursor))) {
		struct published port = { .workload = workload };
		size_t at = 0;

		while (result == 0 && (port.value = hyfw_config_next_value(workload, "publish", &at))) {
			result = check_port(taken, count, &port, err);
			taken = hyfw_grow(taken, count + 1, sizeof(*taken));
			taken[count++] = port;
		}
	}
	return result;
}

int hyfw_config_check_twice(const struct hyfw_config_section *workload, struct hyfw_error **err)
{
	int result = check_pairs(workload, "env", err);

	if (result == 0)
		result = check_pairs(workload, "label", err);
	return result < 0 ? result : check_targets(workload, err);
}
