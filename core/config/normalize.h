/* SPDX-License-Identifier: BSD-3-Clause
 * One value into its normal form (types.h of the SDK).  All have the type
 * hyfw_normalize_fn of schema.h: errors say only what is wrong with 'text'. */
#ifndef HYFW_CONFIG_NORMALIZE_H
#define HYFW_CONFIG_NORMALIZE_H

#include <hyfw/plugin.h>

#include "base/alloc.h"
#include "base/error.h"

/* By the type, range and choices of 'option' (types.c). */
int hyfw_normalize_option(const struct hyfw_option *option, const char *text, char **ret_normal,
			  struct hyfw_error **err);
int hyfw_parse_size(const char *text, int64_t *ret_bytes, struct hyfw_error **err);
/* The rule of HYFW_OPTION_NAME, which names of sections, stacks and workloads keep to as well. */
int hyfw_check_name(const char *text, struct hyfw_error **err);

/* forms.c */
int hyfw_normalize_image(const char *text, char **ret_normal, struct hyfw_error **err);
int hyfw_normalize_env(const char *text, char **ret_normal, struct hyfw_error **err);  /* "KEY=VALUE" */
int hyfw_normalize_label(const char *text, char **ret_normal, struct hyfw_error **err);
int hyfw_normalize_user(const char *text, char **ret_normal, struct hyfw_error **err);
int hyfw_normalize_hostname(const char *text, char **ret_normal, struct hyfw_error **err);
int hyfw_normalize_memory_swap(const char *text, char **ret_normal, struct hyfw_error **err); /* -1: unlimited */
int hyfw_normalize_cpuset(const char *text, char **ret_normal, struct hyfw_error **err);
int hyfw_normalize_capability(const char *text, char **ret_normal, struct hyfw_error **err); /* "CAP_X", "ALL" */
int hyfw_normalize_seccomp(const char *text, char **ret_normal, struct hyfw_error **err);
int hyfw_normalize_systemd(const char *text, char **ret_normal, struct hyfw_error **err);
int hyfw_normalize_restart(const char *text, char **ret_normal, struct hyfw_error **err);
int hyfw_normalize_signal(const char *text, char **ret_normal, struct hyfw_error **err); /* its number */

/* mounts.c: "SOURCE|TARGET|ro" or "|rw", and "PATH|BYTES|MODE" (octal; 0: not given) */
int hyfw_normalize_volume(const char *text, char **ret_normal, struct hyfw_error **err);
int hyfw_normalize_tmpfs(const char *text, char **ret_normal, struct hyfw_error **err);

/* One part of such a form, WHAT for people: of 'type', and without a '|'. */
int hyfw_check_part(const char *what, enum hyfw_option_type type, const char *text, struct hyfw_error **err);

/* disks.c: "SOURCE|OPTION=VALUE|...", and a path */
int hyfw_normalize_disk(const char *text, char **ret_normal, struct hyfw_error **err);
int hyfw_normalize_cdrom(const char *text, char **ret_normal, struct hyfw_error **err);

/* io_max.c: "DEVICE|rbps=N|wbps=N|riops=N|wiops=N", those that are given */
int hyfw_normalize_io_max(const char *text, char **ret_normal, struct hyfw_error **err);

/* net.c: "ADDRESS|HOSTPORT|PORT|PROTO" as in network.h of the SDK */
int hyfw_normalize_publish(const char *text, char **ret_normal, struct hyfw_error **err);
int hyfw_normalize_subnet(const char *text, char **ret_normal, struct hyfw_error **err);
int hyfw_normalize_ipv4(const char *text, char **ret_normal, struct hyfw_error **err);
/* Whether 'gateway' is an address of 'subnet' that a host can have; both normal. */
int hyfw_check_gateway(const char *subnet, const char *gateway, struct hyfw_error **err);
bool hyfw_subnets_overlap(const char *one, const char *other);

/* words.c: between blanks and commas; and as a shell splits, with '...', "..."
 * and backslash, nothing expanded. */
void hyfw_split_list(const char *text, struct hyfw_strings *ret_words);
int hyfw_split_arguments(const char *text, struct hyfw_strings *ret_words, struct hyfw_error **err);

/* expand.c: ${VAR} from the environment, "$${" is "${"; an unknown variable is
 * an error. */
int hyfw_expand(const char *text, char **ret_text, struct hyfw_error **err);

#endif
