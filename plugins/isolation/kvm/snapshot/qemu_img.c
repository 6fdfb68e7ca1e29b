/* SPDX-License-Identifier: BSD-3-Clause
 * Running qemu-img on the disks of a machine. */
#include "layer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ARGUMENTS 24
#define SHORT_MS 60000u
#define LONG_MS (24u * 3600 * 1000) /* what copies; it shows progress and can be cancelled */

/* Address space, of which most is never touched: stacks and arenas of its threads. */
#define MEMORY_MOST (UINT64_C(6) << 30)

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

int kvm_qemu_img(const struct hyfw_host *host, struct hyfw_arena *arena, uid_t uid, gid_t gid,
		 const char *const *argv, const struct hyfw_operation *operation, struct hyfw_error **err)
{
	const bool other = uid != geteuid();
	const char *whole[ARGUMENTS + 9];
	struct hyfw_program program = { .size = sizeof(program), .argv = whole, .timeout_ms = SHORT_MS,
					.memory_limit = other ? 0 : MEMORY_MOST };
	size_t count = 0, i;

	if (other) {
		/* The limit first: it cannot be set from outside on what has become another
		 * user without CAP_SYS_RESOURCE, which root need not have in a container. */
		whole[count++] = "prlimit";
		whole[count++] = host->format(arena, "--as=%" PRIu64, MEMORY_MOST);
		whole[count++] = "setpriv";
		whole[count++] = host->format(arena, "--reuid=%u", (unsigned)uid);
		whole[count++] = host->format(arena, "--regid=%u", (unsigned)gid);
		whole[count++] = "--clear-groups";
		whole[count++] = "--no-new-privs";
	}
	whole[count++] = "qemu-img";
	for (i = 0; i < ARGUMENTS && argv[i]; i++)
		whole[count++] = argv[i];
	whole[count] = NULL;
	if (argv[i])
		return host->fail(err, E2BIG, "qemu-img: too many arguments");
	if (operation) {
		program.timeout_ms = LONG_MS;
		program.context = (void *)(uintptr_t)operation;
		program.cancelled = ask_cancelled;
		program.line = has(argv, "-p") ? take_line : NULL;
	}
	return host->run(arena, &program, NULL, err);
}
