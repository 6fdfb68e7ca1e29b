/* SPDX-License-Identifier: BSD-3-Clause
 * What the drivers are told of a container, and what they have noted. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "oci/private.h"

struct hyfw_subject oci_subject(const struct hyfw_oci_container *container)
{
	return (struct hyfw_subject){
		.size = sizeof(struct hyfw_subject),
		.kind = HYFW_SUBJECT_WORKLOAD,
		.name = container->id,
		.workload = container->id,
		.isolation = OCI_ISOLATION,
		.oci = &container->spec.config,
	};
}

int oci_security_record(const struct hyfw_oci_container *container, const char *driver,
			struct hyfw_driver **ret_driver, struct hyfw_pairs *ret_record, struct hyfw_error **err)
{
	int result = hyfw_registry_get(HYFW_KIND_SECURITY, driver, ret_driver, err);

	if (result == 0)
		hyfw_journal_record(container->journal, HYFW_KIND_SECURITY, driver, NULL, ret_record);
	return result;
}

static int confine_by(const struct hyfw_oci_container *container, const char *name, struct hyfw_arena *arena,
		      struct hyfw_confinement *confinement, struct hyfw_error **err)
{
	const struct hyfw_subject subject = oci_subject(container);
	struct hyfw_pairs record = { 0 };
	struct hyfw_driver *driver = NULL;
	struct hyfw_map map;
	int result = oci_security_record(container, name, &driver, &record, err);

	map = hyfw_pairs_map(&record);
	if (result == 0)
		result = hyfw_security_confine(driver, &subject, &map, arena, confinement, err);
	hyfw_pairs_finish(&record);
	return result;
}

int oci_confine(const struct hyfw_oci_container *container, struct hyfw_arena *arena,
		struct hyfw_confinement *confinement, struct hyfw_error **err)
{
	int result = container->no_cgroups ? 0 : confine_by(container, OCI_CGROUPS, arena, confinement, err);

	if (result == 0 && container->spec.config.seccomp)
		result = confine_by(container, OCI_SECCOMP, arena, confinement, err);
	return result;
}

/* Podman, containerd and test suites look for these words, whatever the language and the
 * letters of the rest: "exec COMMAND: no such file or directory". */
bool oci_command_failed(int result, const char *command, struct hyfw_error **err)
{
	const char *words = result == -ENOENT && !strchr(command, '/') ?
				    "executable file not found in $PATH: no such file or directory" :
			    result == -ENOENT ? "no such file or directory" :
			    result == -EACCES ? "permission denied" : NULL;
	char *text;

	if (!words || !*err)
		return false;
	text = hyfw_format("exec %s: %s (%s)", command, words, (*err)->message);
	free((*err)->message);
	(*err)->message = text;
	return true;
}
