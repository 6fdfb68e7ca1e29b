/* SPDX-License-Identifier: BSD-3-Clause
 * What this machine offers to hyfw and what it lacks, as a list of findings.
 * What drivers need is asked of them: nothing here knows any one of them. */
#ifndef HYFW_ENGINE_DOCTOR_H
#define HYFW_ENGINE_DOCTOR_H

#include <hyfw/plugin.h>

#include "base/alloc.h"

enum hyfw_health {
	HYFW_HEALTH_OK = 0,
	HYFW_HEALTH_NOTE = 1, /* something does not work, or less well, and may not be wanted */
	HYFW_HEALTH_BAD = 2,  /* what a plain workload needs is missing */
};

struct hyfw_finding {
	const char *area; /* "kernel", "directories", "isolation", ... */
	char *what;       /* "cgroups", "driver kvm" */
	enum hyfw_health health;
	char *text;       /* what was found */
	char *remedy;     /* what to do; NULL for nothing */
};

struct hyfw_doctor {
	struct hyfw_finding *findings;
	size_t count;
};

/* Changes nothing. */
void hyfw_doctor_examine(struct hyfw_doctor *doctor);
void hyfw_doctor_finish(struct hyfw_doctor *doctor);

/* The worst of all findings. */
enum hyfw_health hyfw_doctor_verdict(const struct hyfw_doctor *doctor);

/* For the files doctor*.c: 'text' and 'remedy' (may be NULL) are taken over. */
void hyfw_doctor_add(struct hyfw_doctor *doctor, const char *area, const char *what, enum hyfw_health health,
		     char *text, char *remedy);
void hyfw_doctor_drivers(struct hyfw_doctor *doctor);

#endif
