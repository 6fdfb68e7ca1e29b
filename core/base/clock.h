/* SPDX-License-Identifier: BSD-3-Clause
 * The time.  Any thread. */
#ifndef HYFW_BASE_CLOCK_H
#define HYFW_BASE_CLOCK_H

#include <stdint.h>

uint64_t hyfw_now_us(void); /* CLOCK_MONOTONIC */
int64_t hyfw_now_ms(void);  /* CLOCK_REALTIME */

#endif
