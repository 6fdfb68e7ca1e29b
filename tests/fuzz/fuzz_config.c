/* SPDX-License-Identifier: BSD-3-Clause
 * Any bytes as a stack file: read, validated, freed.  Every refusal is one clean
 * line that begins with where it is.
 *
 *     CC=clang CFLAGS=-fsanitize=fuzzer-no-link meson setup build-fuzz -Dfuzz=true \
 *         -Db_sanitize=address,undefined -Db_lundef=false
 *     ninja -C build-fuzz && build-fuzz/tests/fuzz/fuzz_config -max_total_time=60
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "config/config.h"
#include "config/reader.h"
#include "config/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct hyfw_option options[] = {
	{ "token", HYFW_SCOPE_NETWORK, HYFW_OPTION_STRING, HYFW_OPTION_SECRET | HYFW_OPTION_ENV },
	{ "sizes", HYFW_SCOPE_WORKLOAD, HYFW_OPTION_SIZE, HYFW_OPTION_LIST, "4K" },
	{ "delta", HYFW_SCOPE_PLUGIN, HYFW_OPTION_INT, .min = -5, .max = 5 },
	{ NULL },
};

/* A refusal is printable: nothing of the file reaches the terminal unchecked. */
static void expect_clean(struct hyfw_error *err)
{
	if (!err || hyfw_text_fault(err->message, strlen(err->message)))
		abort();
	hyfw_error_free(err);
}

/* What was taken keeps its promises. */
static void expect_normal(const struct hyfw_config *config)
{
	const struct hyfw_config_section *section;
	size_t cursor = 0;

	while ((section = hyfw_config_next(config, "workload", &cursor))) {
		const char *pids = hyfw_map_get(&section->map, "pids"), *volume;
		size_t at = 0;

		if (!pids || hyfw_map_int(&section->map, "pids", 0) < 1)
			abort();
		while ((volume = hyfw_map_next(&section->map, "volume", &at)))
			if (!strstr(volume, "|/"))
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[64];
	static int fd = -1;
	struct hyfw_config *config = hyfw_config_new();
	struct hyfw_error *err = NULL;
	int result;

	if (fd < 0) {
		fd = memfd_create("stack", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		clearenv();
		setenv("HOME", "/root", 1);
	}
	if (ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	hyfw_config_add_options(config, "fake", HYFW_KIND_NETWORK, options, sizeof(options[0]));
	result = hyfw_config_read_stack(config, path, &err);
	if (result == 0)
		result = hyfw_config_set(config, "hyfw", "", "name", "fuzz", "--name", &err);
	if (result == 0)
		result = hyfw_config_validate(config, &err);
	if (result < 0)
		expect_clean(err);
	else
		expect_normal(config);
	hyfw_config_free(config);
	return 0;
}
