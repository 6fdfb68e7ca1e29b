/* SPDX-License-Identifier: BSD-3-Clause
 * Any bytes as a stored definition: refused, or whole; then what is written of it
 * is read as the same.
 *
 *     CC=clang CFLAGS=-fsanitize=fuzzer-no-link meson setup build-fuzz -Dfuzz=true \
 *         -Db_sanitize=address,undefined -Db_lundef=false
 *     ninja -C build-fuzz && build-fuzz/tests/fuzz/fuzz_definition -max_total_time=60
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/definition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_uses(const struct hyfw_use *uses, size_t count, bool volumes)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!uses[i].name || !uses[i].driver || (volumes && !uses[i].target))
			abort();
}

/* What the rest of the engine takes for granted. */
static void check(const struct hyfw_definition *definition)
{
	const struct hyfw_idmap *ids = &definition->idmap;
	struct hyfw_subject subject = hyfw_subject_root(definition);
	size_t i;

	if (!definition->name || !subject.isolation ||
	    (ids->count > 0 && (ids->host_uid == 0 || ids->host_uid + ids->count < ids->host_uid ||
				ids->host_gid == 0 || ids->host_gid + ids->count < ids->host_gid)))
		abort();
	check_uses(definition->networks, definition->network_count, false);
	check_uses(definition->volumes, definition->volume_count, true);
	for (i = 0; i < definition->network_count; i++)
		subject = hyfw_subject_endpoint(definition, i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL, *again = NULL;
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	HYFW_AUTO_FREE char *text = hyfw_new(size + 1), *json = NULL;

	memcpy(text, data, size);
	if (hyfw_definition_from_json(text, &definition, &err) < 0) {
		if (!err || definition)
			abort();
		return 0;
	}
	check(definition);
	json = hyfw_definition_to_json(definition);
	if (hyfw_definition_from_json(json, &again, NULL) < 0 || !hyfw_definition_equal(definition, again))
		abort();
	return 0;
}
