/* SPDX-License-Identifier: BSD-3-Clause
 * Running qemu-img.  Images are not to be trusted: it gets no more memory than a real one
 * takes (the caches of its tables grow with what a header says), a time limit, and only
 * files that chain.c has looked at. */
#include "qcow2.h"

#include <errno.h>
#include <stdio.h>

/* Address space, of which most is never touched: libraries, tables, and 8 MiB of stack
 * and up to 64 MiB of malloc(3) arena for each of up to 64 worker threads. */
#define MEMORY_MOST (UINT64_C(6) << 30)
#define SHORT_MS 60000u                    /* what reads and writes headers and tables */
#define OUTPUT_MOST (16u << 20)
#define LONG_MS (24u * 3600 * 1000)        /* what copies; it shows progress and can be cancelled */

/* "    (12.34/100%)" */
static void take_line(void *context, const char *line)
{
	unsigned whole, part;

	if (sscanf(line, " (%3u.%2u/100%%)", &whole, &part) == 2 && whole <= 100)
		hyfw_operation_tell(context, whole * 100ull + part, 10000);
}

static bool ask_cancelled(void *context)
{
	return hyfw_operation_is_cancelled(context);
}

static bool has(const char *const *argv, const char *word)
{
	while (*argv)
		if (strcmp(*argv++, word) == 0)
			return true;
	return false;
}

static int run(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct hyfw_operation *operation,
	       const char *const *argv, int32_t *ret_status, char **ret_output, struct hyfw_error **err)
{
	const char *whole[QCOW2_ARGUMENTS + 2] = { "qemu-img" };
	struct hyfw_program program = { .size = sizeof(program), .argv = whole, .memory_limit = MEMORY_MOST,
					.timeout_ms = SHORT_MS, .output_limit = OUTPUT_MOST, .ret_status = ret_status };
	size_t count = 0;

	while (count < QCOW2_ARGUMENTS && argv[count]) {
		whole[count + 1] = argv[count];
		count++;
	}
	if (argv[count])
		return qcow2->host->fail(err, E2BIG, "qemu-img: too many arguments");
	if (operation) {
		program.timeout_ms = LONG_MS;
		program.context = (void *)(uintptr_t)operation;
		program.cancelled = ask_cancelled;
		program.line = has(argv, "-p") ? take_line : NULL;
	}
	return qcow2->host->run(arena, &program, ret_output, err);
}

int qcow2_run(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct hyfw_operation *operation,
	      const char *const *argv, char **ret_output, struct hyfw_error **err)
{
	return run(qcow2, arena, operation, argv, NULL, ret_output, err);
}

int qcow2_run_status(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct hyfw_operation *operation,
		     const char *const *argv, int32_t *ret_status, char **ret_output, struct hyfw_error **err)
{
	return run(qcow2, arena, operation, argv, ret_status, ret_output, err);
}
