/* SPDX-License-Identifier: BSD-3-Clause
 * Names that are computed from others, so that they are the same each time. */
#ifndef HYFW_NETWORK_NAMES_H
#define HYFW_NETWORK_NAMES_H

#include <hyfw/host.h>

/* FNV-1a over several strings (NULL-terminated list), each with its NUL so that
 * borders count. */
uint64_t net_digest(const char *const *texts);
/* An interface's name: three characters and a digest; 14 characters. */
const char *net_digest_name(const struct hyfw_host *host, struct hyfw_arena *arena, const char *prefix,
			    const char *const *texts);
/* 52:54:00 and three bytes of a digest. */
const char *net_digest_mac(const struct hyfw_host *host, struct hyfw_arena *arena, const char *const *texts);

#endif
