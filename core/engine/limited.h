/* SPDX-License-Identifier: BSD-3-Clause
 * Work that may hang in the kernel, as on storage whose server is gone, with a limit to
 * how long it is waited for.  It is done in a thread; one that hangs is left behind, and
 * nothing that it works on may be anybody else's. */
#ifndef HYFW_ENGINE_LIMITED_H
#define HYFW_ENGINE_LIMITED_H

#include <stdbool.h>
#include <stdint.h>

#define HYFW_LIMITED_MS 5000 /* what storage gets to answer */

struct hyfw_limited;

/* Begins 'work'.  Without threads it is done at once, and may hang. */
struct hyfw_limited *hyfw_limited_start(void (*work)(void *data), void (*finish)(void *data), void *data);

/* True when it is done by 'deadline' (hyfw_now_us()): 'data' is the caller's again.
 * False: 'finish' is given the data whenever the work comes back.  Call it once. */
bool hyfw_limited_wait(struct hyfw_limited *limited, uint64_t deadline);

/* When what is begun now is to be done. */
uint64_t hyfw_limited_deadline(void);

#endif
