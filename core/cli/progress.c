/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

#define WIDTH 30u
#define CLEAR_LINE "\r\033[K"

static struct {
	const char *label; /* NULL: none is shown */
	uint64_t shown;    /* milliseconds */
} bar;

static uint64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool hyfw_progress_begin(const char *label, bool quiet)
{
	bar.shown = 0;
	bar.label = !quiet && isatty(STDERR_FILENO) ? label : NULL;
	return bar.label != NULL;
}

void hyfw_progress_show(uint64_t done, uint64_t total)
{
	uint64_t now = milliseconds();
	unsigned filled = total ? (unsigned)((done < total ? done : total) * WIDTH / total) : 0, i;

	if (!bar.label || now - bar.shown < 100)
		return;
	bar.shown = now;
	fprintf(stderr, CLEAR_LINE "%s ", bar.label);
	if (total) {
		fputc('[', stderr);
		for (i = 0; i < WIDTH; i++)
			fputc(i < filled ? '#' : ' ', stderr);
		fprintf(stderr, "] %3u%% of %s", (unsigned)((done < total ? done : total) * 100 / total),
			hyfw_cli_bytes(total));
	} else {
		fprintf(stderr, "%s", hyfw_cli_bytes(done));
	}
	fflush(stderr);
}

void hyfw_progress_end(void)
{
	if (bar.label)
		fputs(CLEAR_LINE, stderr);
	bar.label = NULL;
}
