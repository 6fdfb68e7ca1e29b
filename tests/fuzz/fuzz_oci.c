/* SPDX-License-Identifier: BSD-3-Clause
 * config.json of OCI bundles, and the parts of it that clients hand over alone.
 * Built and run as fuzz_definition.c; -max_len=8192 */
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "oci/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	HYFW_AUTO_ERROR struct hyfw_error *spec_error = NULL, *command_error = NULL, *resources_error = NULL;
	HYFW_AUTO_FREE char *text = hyfw_dup_n((const char *)data, size);
	struct hyfw_oci_resources resources;
	struct hyfw_oci_command command;
	struct hyfw_oci_spec spec;

	hyfw_oci_spec_read(text, strlen(text), "fuzz", "/bundle", arena, &spec, &spec_error);
	hyfw_oci_command_read(text, strlen(text), arena, &command, &command_error);
	hyfw_oci_resources_read(text, strlen(text), arena, &resources, &resources_error);
	return 0;
}
