/* SPDX-License-Identifier: BSD-3-Clause
 * The UUID of a machine.  Guests keep licences, leases and disk keys by it, so it
 * stays the same for the same name as long as machine and directories do. */
#include <fcntl.h>
#include <unistd.h>

#include "../kvm.h"

#define MACHINE_ID "/etc/machine-id"

/* Two independent 64 bit FNV-1a sums with an end mark after each part: what must not
 * meet is a few thousand names, nobody's secret. */
struct sum {
	uint64_t half[2];
};

static void sum_add(struct sum *sum, const char *text)
{
	size_t i = 0;

	do {
		sum->half[0] = (sum->half[0] ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
		sum->half[1] = (sum->half[1] ^ (unsigned char)~(unsigned char)text[i]) * UINT64_C(0x100000001b3);
		sum->half[1] ^= sum->half[0] >> 29;
	} while (text[i++]);
}

bool kvm_machine_id(char ret_id[static KVM_MACHINE_ID_SIZE])
{
	const int fd = open(MACHINE_ID, O_RDONLY | O_CLOEXEC);
	const ssize_t length = fd < 0 ? -1 : read(fd, ret_id, KVM_MACHINE_ID_SIZE - 1);

	if (fd >= 0)
		close(fd);
	ret_id[length < 0 ? 0 : length] = '\0';
	return length == KVM_MACHINE_ID_SIZE - 1;
}

const char *kvm_uuid(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
		     const struct hyfw_map *settings)
{
	const char *uuid = hyfw_map_get(settings, "uuid");
	char id[KVM_MACHINE_ID_SIZE];
	struct sum sum = { { UINT64_C(0xcbf29ce484222325), UINT64_C(0x84222325cbf29ce4) } };

	if (uuid && *uuid)
		return uuid;
	if (kvm_machine_id(id)) /* without one it is that of the directories alone */
		sum_add(&sum, id);
	sum_add(&sum, host->owner);
	sum_add(&sum, host->directory("kvm", HYFW_DIRECTORY_DATA));
	sum_add(&sum, workload);
	/* Version 8, made in one's own way (RFC 9562, 5.8), variant 10. */
	return host->format(arena, "%08x-%04x-8%03x-%04x-%012llx", (unsigned)(sum.half[0] >> 32),
			    (unsigned)(sum.half[0] >> 16) & 0xffff, (unsigned)sum.half[0] & 0xfff,
			    (unsigned)(0x8000 | ((sum.half[1] >> 48) & 0x3fff)),
			    (unsigned long long)(sum.half[1] & UINT64_C(0xffffffffffff)));
}
