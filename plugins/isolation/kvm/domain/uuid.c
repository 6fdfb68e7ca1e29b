/* SPDX-License-Identifier: BSD-3-Clause
 * The UUID of a machine.  Guests keep licences, leases and disk keys by it, so it
 * stays the same for the same name as long as machine and directories do. */
#include <fcntl.h>
#include <unistd.h>

#include "../kvm.h"

#define MACHINE_ID "/etc/machine-id"
#define MACHINE_ID_LENGTH 32

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

/* machine-id(5); a machine without one has that of the directories alone. */
static void sum_add_machine(struct sum *sum)
{
	char id[MACHINE_ID_LENGTH + 1] = { 0 };
	const int fd = open(MACHINE_ID, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (read(fd, id, MACHINE_ID_LENGTH) == MACHINE_ID_LENGTH)
		sum_add(sum, id);
	close(fd);
}

const char *kvm_uuid(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
		     const struct hyfw_map *settings)
{
	const char *uuid = hyfw_map_get(settings, "uuid");
	struct sum sum = { { UINT64_C(0xcbf29ce484222325), UINT64_C(0x84222325cbf29ce4) } };

	if (uuid && *uuid)
		return uuid;
	sum_add_machine(&sum);
	sum_add(&sum, host->owner);
	sum_add(&sum, host->directory("kvm", HYFW_DIRECTORY_DATA));
	sum_add(&sum, workload);
	/* Version 8, made in one's own way (RFC 9562, 5.8), variant 10. */
	return host->format(arena, "%08x-%04x-8%03x-%04x-%012llx", (unsigned)(sum.half[0] >> 32),
			    (unsigned)(sum.half[0] >> 16) & 0xffff, (unsigned)sum.half[0] & 0xfff,
			    (unsigned)(0x8000 | ((sum.half[1] >> 48) & 0x3fff)),
			    (unsigned long long)(sum.half[1] & UINT64_C(0xffffffffffff)));
}
