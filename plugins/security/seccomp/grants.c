/* SPDX-License-Identifier: BSD-3-Clause
 * What cap_add and cap_drop say about the capabilities that calls need.  A call
 * is permitted when its capability is, so that one key grants one privilege. */
#include "filter.h"

#include <linux/capability.h>
#include <strings.h>

static const struct {
	const char *name;
	unsigned value;
} known[] = {
	{ "CAP_DAC_READ_SEARCH", CAP_DAC_READ_SEARCH }, { "CAP_NET_ADMIN", CAP_NET_ADMIN },
	{ "CAP_NET_RAW", CAP_NET_RAW },	  { "CAP_SYS_MODULE", CAP_SYS_MODULE },
	{ "CAP_SYS_RAWIO", CAP_SYS_RAWIO },	  { "CAP_SYS_CHROOT", CAP_SYS_CHROOT },
	{ "CAP_SYS_PTRACE", CAP_SYS_PTRACE },  { "CAP_SYS_PACCT", CAP_SYS_PACCT },
	{ "CAP_SYS_ADMIN", CAP_SYS_ADMIN },	  { "CAP_SYS_BOOT", CAP_SYS_BOOT },
	{ "CAP_SYS_NICE", CAP_SYS_NICE },	  { "CAP_SYS_RESOURCE", CAP_SYS_RESOURCE },
	{ "CAP_SYS_TIME", CAP_SYS_TIME },	  { "CAP_SYS_TTY_CONFIG", CAP_SYS_TTY_CONFIG },
	{ "CAP_AUDIT_CONTROL", CAP_AUDIT_CONTROL }, { "CAP_AUDIT_READ", CAP_AUDIT_READ },
	{ "CAP_AUDIT_WRITE", CAP_AUDIT_WRITE }, { "CAP_SYSLOG", CAP_SYSLOG },
	{ "CAP_PERFMON", CAP_PERFMON },	  { "CAP_BPF", CAP_BPF },
	{ "CAP_CHECKPOINT_RESTORE", CAP_CHECKPOINT_RESTORE }, { "CAP_MKNOD", CAP_MKNOD },
};

uint64_t grants_bit(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcasecmp(known[i].name, name) == 0)
			return UINT64_C(1) << known[i].value;
	return 0;
}

const char *grants_name(uint64_t mask)
{
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (mask >> known[i].value & 1)
			return known[i].name + strlen("CAP_");
	return NULL;
}

static uint64_t list(const struct hyfw_map *settings, const char *key, bool *ret_all)
{
	const char *name;
	uint64_t sum = 0;
	size_t cursor = 0;

	*ret_all = false;
	while ((name = hyfw_map_next(settings, key, &cursor))) {
		if (strcasecmp(name, "ALL") == 0)
			*ret_all = true;
		else
			sum |= grants_bit(name);
	}
	return sum;
}

uint64_t grants_read(const struct hyfw_map *settings)
{
	bool all_added, all_dropped;
	uint64_t added = list(settings, "cap_add", &all_added);
	uint64_t dropped = list(settings, "cap_drop", &all_dropped);
	uint64_t all = 0;
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		all |= UINT64_C(1) << known[i].value;
	if (all_dropped)
		return all_added ? 0 : added;
	/* Of the default set only this one has a call of its own. */
	return ((all_added ? all : added) | UINT64_C(1) << CAP_SYS_CHROOT) & ~dropped;
}
