/* SPDX-License-Identifier: BSD-3-Clause
 * Names that are computed from others. */
#include "names.h"

uint64_t net_digest(const char *const *texts)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *texts; texts++) {
		const char *c = *texts;

		do {
			hash = (hash ^ (uint8_t)*c) * 0x100000001b3u;
		} while (*c++);
	}
	return hash;
}

const char *net_digest_name(const struct hyfw_host *host, struct hyfw_arena *arena, const char *prefix,
			    const char *const *texts)
{
	return host->format(arena, "%.3s%011llx", prefix, (unsigned long long)(net_digest(texts) >> 20));
}

const char *net_digest_mac(const struct hyfw_host *host, struct hyfw_arena *arena, const char *const *texts)
{
	uint64_t digest = net_digest(texts);

	digest ^= digest >> 32;
	return host->format(arena, "52:54:00:%02x:%02x:%02x", (unsigned)(digest >> 16 & 255),
			    (unsigned)(digest >> 8 & 255), (unsigned)(digest & 255));
}
