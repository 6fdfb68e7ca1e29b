/* SPDX-License-Identifier: BSD-3-Clause
 * process.capabilities: five sets of names. */
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>

#include "base/cleanup.h"
#include "oci/parts.h"

/* By their number, capability.h. */
static const char *const names[] = {
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
	"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
	"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
	"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
	"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
	"CHECKPOINT_RESTORE",
};

const char *hyfw_oci_capability_name(unsigned number)
{
	return number < HYFW_COUNT(names) ? names[number] : NULL;
}

bool hyfw_oci_capability(const char *name, uint64_t *ret_bit)
{
	size_t i;

	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	for (i = 0; i < HYFW_COUNT(names); i++) {
		/* An older kernel knows fewer. */
		if (strcasecmp(names[i], name) == 0 && prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0) {
			*ret_bit = UINT64_C(1) << i;
			return true;
		}
	}
	return false;
}

static uint64_t read_set(const struct oci_node *sets, const char *name, struct hyfw_oci_command *command)
{
	const char *const *texts = oci_texts(sets, name);
	uint64_t mask = 0, bit;

	for (; texts && *texts; texts++) {
		if (hyfw_oci_capability(*texts, &bit))
			mask |= bit;
		else if (!command->unknown_capabilities || !strstr(command->unknown_capabilities, *texts))
			command->unknown_capabilities =
				hyfw_arena_format(sets->reader->arena, "%s %s",
						  command->unknown_capabilities ? command->unknown_capabilities : "",
						  *texts);
	}
	return mask;
}

/* None said is none given, as with the other runtimes. */
void oci_read_capabilities(const struct oci_node *process, struct hyfw_oci_command *command)
{
	struct hyfw_confinement *confinement = &command->confinement;
	struct oci_node sets;

	confinement->have_capabilities = true;
	if (!oci_member(process, "capabilities", json_type_object, &sets))
		return;
	command->capabilities_said = true;
	confinement->bounding = read_set(&sets, "bounding", command);
	confinement->effective = read_set(&sets, "effective", command);
	confinement->permitted = read_set(&sets, "permitted", command);
	confinement->inheritable = read_set(&sets, "inheritable", command);
	confinement->ambient = read_set(&sets, "ambient", command);
}
