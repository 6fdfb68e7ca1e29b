/* SPDX-License-Identifier: BSD-3-Clause
 * What a workload's isolation driver takes, and what follows for its other keys:
 * the defaults that fit, and the combinations that do not. */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "config/choice.h"
#include "config/disks.h"
#include "config/private.h"
#include "plugin/driver.h"

#define LABEL_MODULE "selinux"

static const struct hyfw_origin built_in = { .kind = HYFW_ORIGIN_DEFAULT };

/* Which of a security module's words answers which of the isolation driver's. */
static const struct {
	const char *confines, *takes;
} confinements[] = {
	{ HYFW_CONFINES_RESOURCES, HYFW_TAKES_RESOURCES },   { HYFW_CONFINES_PRIVILEGES, HYFW_TAKES_PRIVILEGES },
	{ HYFW_CONFINES_SYSCALLS, HYFW_TAKES_SYSCALLS },     { HYFW_CONFINES_LABELS, HYFW_TAKES_LABELS },
	{ HYFW_CONFINES_PATHS, HYFW_TAKES_PATHS },
};

/* False when all that the module confines is nothing to the isolation driver. */
static bool module_fits(const struct hyfw_plugin *isolation, const struct hyfw_plugin *module)
{
	bool confines = false, taken = false;
	size_t i;

	for (i = 0; i < HYFW_COUNT(confinements); i++) {
		if (!hyfw_plugin_lists(module->capabilities, confinements[i].confines))
			continue;
		confines = true;
		taken = taken || hyfw_plugin_lists(isolation->capabilities, confinements[i].takes);
	}
	return taken || !confines;
}

static bool both(const struct hyfw_plugin *gives, const char *what, const struct hyfw_plugin *takes,
		 const char *counterpart)
{
	return hyfw_plugin_lists(gives->capabilities, what) && hyfw_plugin_lists(takes->capabilities, counterpart);
}

bool hyfw_config_fits(const struct hyfw_plugin *isolation, const struct hyfw_plugin *other)
{
	switch (other->kind) {
	case HYFW_KIND_STORAGE:
		return both(other, HYFW_GIVES_MOUNT, isolation, HYFW_TAKES_MOUNTS) ||
		       both(other, HYFW_GIVES_BLOCK, isolation, HYFW_TAKES_BLOCK);
	case HYFW_KIND_NETWORK:
		return hyfw_plugin_lists(other->capabilities, HYFW_GIVES_NOTHING) ||
		       both(other, HYFW_GIVES_INTERFACE, isolation, HYFW_TAKES_INTERFACE) ||
		       both(other, HYFW_GIVES_TAP, isolation, HYFW_TAKES_TAP) ||
		       both(other, HYFW_GIVES_USER_NETWORK, isolation, HYFW_TAKES_USER_NETWORK);
	case HYFW_KIND_SECURITY: return module_fits(isolation, other);
	default: return false;
	}
}

/* ---- defaults ---- */

static bool takes_every_confinement(const struct hyfw_driver *isolation)
{
	return hyfw_driver_can(isolation, HYFW_TAKES_RESOURCES) && hyfw_driver_can(isolation, HYFW_TAKES_PRIVILEGES) &&
	       hyfw_driver_can(isolation, HYFW_TAKES_SYSCALLS);
}

static void imply(struct hyfw_config_section *section, const char *key, const char *text)
{
	if (!section->implied)
		section->implied = hyfw_config_section_new(section->type, section->name, &built_in);
	hyfw_config_value_add(section->implied, key, text, &built_in);
}

/* Where labels are in force.  Without it the module is not even looked for. */
static bool host_has_labels(void)
{
	return access("/sys/fs/selinux/enforce", F_OK) == 0;
}

static bool wants_labels(const struct hyfw_driver *isolation)
{
	struct hyfw_driver *module;

	return host_has_labels() && hyfw_driver_can(isolation, HYFW_TAKES_LABELS) &&
	       hyfw_registry_get(HYFW_KIND_SECURITY, LABEL_MODULE, &module, NULL) == 0;
}

/* The modules of the built-in list that the isolation driver can use, and labels where the
 * host has them. */
static void imply_security(struct hyfw_config *config, struct hyfw_config_section *workload,
			   const struct hyfw_driver *isolation)
{
	const struct hyfw_config_value *value;
	struct hyfw_strings fitting = { 0 };
	size_t cursor = 0, i, count = 0;

	while ((value = hyfw_config_raw_value(config, workload, "security", &cursor))) {
		struct hyfw_driver *module;

		if (value->origin.kind != HYFW_ORIGIN_DEFAULT) {
			hyfw_strings_finish(&fitting);
			return;
		}
		count++;
		if (hyfw_registry_get(HYFW_KIND_SECURITY, value->text, &module, NULL) < 0 || hyfw_config_fits(hyfw_driver_plugin(isolation), hyfw_driver_plugin(module)))
			hyfw_strings_add(&fitting, value->text);
	}
	if (count > 0 && !hyfw_strings_has(&fitting, LABEL_MODULE) && wants_labels(isolation)) {
		hyfw_strings_add(&fitting, LABEL_MODULE);
		count = 0;
	}
	for (i = 0; fitting.count != count && i < fitting.count; i++)
		imply(workload, "security", fitting.items[i]);
	if (count > 0 && fitting.count == 0)
		imply(workload, "security", "");
	hyfw_strings_finish(&fitting);
}

static bool takes_only_disks(const struct hyfw_driver *isolation)
{
	return hyfw_driver_can(isolation, HYFW_TAKES_BLOCK) && !hyfw_driver_can(isolation, HYFW_TAKES_MOUNTS);
}

void hyfw_config_fit_workload(struct hyfw_config *config, struct hyfw_config_section *workload,
			      const struct hyfw_driver *isolation)
{
	workload->no_command = hyfw_driver_can(isolation, HYFW_TAKES_NO_COMMAND);
	if (takes_only_disks(isolation))
		imply(workload, "storage", HYFW_DISK_DRIVER);
	if (!takes_every_confinement(isolation) || host_has_labels())
		imply_security(config, workload, isolation);
}

void hyfw_config_fit_volumes(struct hyfw_config *config)
{
	struct hyfw_config_section *workload, *volume;
	const struct hyfw_config_value *value;
	size_t cursor = 0, at;

	while ((workload = hyfw_config_next(config, "workload", &cursor))) {
		for (at = 0; (value = hyfw_config_raw_value(config, workload, "disk", &at));) {
			HYFW_AUTO_FREE char *name = hyfw_disk_volume(value->text);

			volume = name ? hyfw_config_find(config, "volume", name) : NULL;
			if (volume && !volume->implied)
				imply(volume, "driver", HYFW_DISK_DRIVER);
		}
	}
}

/* ---- combinations ---- */

static struct hyfw_driver *driver_of(enum hyfw_kind kind, const char *name)
{
	struct hyfw_driver *driver = NULL;

	return name && hyfw_registry_get(kind, name, &driver, NULL) == 0 ? driver : NULL;
}

static int check_storage(const struct hyfw_config_section *workload, const struct hyfw_driver *isolation,
			 struct hyfw_error **err)
{
	const char *name = hyfw_map_get(&workload->map, "storage");
	const struct hyfw_driver *storage = driver_of(HYFW_KIND_STORAGE, name);

	if (!hyfw_config_has_root(workload) || !storage ||
	    hyfw_config_fits(hyfw_driver_plugin(isolation), hyfw_driver_plugin(storage)))
		return 0;
	return hyfw_config_fail(err, ENOTSUP, workload, "storage",
				"storage driver %s gives %s, and isolation driver %s takes %s; leave `storage` out, or "
				"choose another", name,
				hyfw_driver_can(storage, HYFW_GIVES_BLOCK) ? "disks" : "directories",
				hyfw_driver_name(isolation),
				hyfw_driver_can(isolation, HYFW_TAKES_BLOCK) ? "disks" : "directories");
}

static int check_security(const struct hyfw_config_section *workload, const struct hyfw_driver *isolation,
			  struct hyfw_error **err)
{
	const struct hyfw_config_value *value;
	size_t cursor = 0;

	while ((value = hyfw_config_next_value(workload, "security", &cursor))) {
		const struct hyfw_driver *module = driver_of(HYFW_KIND_SECURITY, value->normal);

		if (module && !hyfw_config_fits(hyfw_driver_plugin(isolation), hyfw_driver_plugin(module)))
			return hyfw_config_fail_value(err, ENOTSUP, workload, value,
						      "isolation driver %s does not put into effect what the security module %s "
						      "decides; leave it out of the list", hyfw_driver_name(isolation),
						      value->normal);
	}
	return 0;
}

static int check_networks(const struct hyfw_config *config, const struct hyfw_config_section *workload,
			  const struct hyfw_driver *isolation, struct hyfw_error **err)
{
	const struct hyfw_config_value *value;
	size_t cursor = 0;

	while ((value = hyfw_config_next_value(workload, "network", &cursor))) {
		const struct hyfw_config_section *network = hyfw_config_find(config, "network", value->normal);
		const char *name = network ? hyfw_map_get(&network->map, "driver") : NULL;
		const struct hyfw_driver *driver = driver_of(HYFW_KIND_NETWORK, name);

		if (driver && !hyfw_config_fits(hyfw_driver_plugin(isolation), hyfw_driver_plugin(driver)))
			return hyfw_config_fail_value(err, ENOTSUP, workload, value,
						      "network driver %s of [network %s] makes nothing that isolation driver %s "
						      "takes (%s); choose a network of another driver, or none", name,
						      value->normal, hyfw_driver_name(isolation),
						      hyfw_driver_can(isolation, HYFW_TAKES_INTERFACE) ?
							      "an interface in a network namespace" :
							      "a tap or a user-mode network");
	}
	return 0;
}

/* A volume is a directory to one key and a disk to the other. */
static int check_volume(const struct hyfw_config *config, const struct hyfw_config_section *workload,
			const struct hyfw_config_value *value, struct hyfw_error **err)
{
	const bool disk = strcmp(value->key, "disk") == 0;
	HYFW_AUTO_FREE char *name = hyfw_disk_volume(value->normal);
	const struct hyfw_config_section *volume = name ? hyfw_config_find(config, "volume", name) : NULL;
	const char *driver_name = volume ? hyfw_map_get(&volume->map, "driver") : NULL;
	const struct hyfw_driver *driver = driver_of(HYFW_KIND_STORAGE, driver_name);

	if (!driver || hyfw_driver_can(driver, disk ? HYFW_GIVES_BLOCK : HYFW_GIVES_MOUNT))
		return 0;
	if (disk)
		return hyfw_config_fail_value(err, EINVAL, workload, value,
					      "[volume %s] is a directory, kept by driver %s; a disk needs a volume of its own "
					      "with driver = " HYFW_DISK_DRIVER, name, driver_name);
	return hyfw_config_fail_value(err, EINVAL, workload, value,
				      "[volume %s] is a disk, kept by driver %s, and cannot be mounted as a directory; choose "
				      "another name, or disk = for a machine", name, driver_name);
}

static bool lists_labels(const struct hyfw_config_section *workload)
{
	const char *module;
	size_t cursor = 0;

	while ((module = hyfw_map_next(&workload->map, "security", &cursor)))
		if (strcmp(module, LABEL_MODULE) == 0)
			return true;
	return false;
}

/* Where the host has no labels, :z and :Z are for those that have. */
static int check_label(const struct hyfw_config_section *workload, const struct hyfw_config_value *value,
		       struct hyfw_error **err)
{
	const char *last = strrchr(value->normal, '|');

	if (strcmp(value->key, "volume") != 0 || !last || strcasecmp(last, "|z") != 0 || !host_has_labels() ||
	    lists_labels(workload))
		return 0;
	return hyfw_config_fail_value(err, ENOTSUP, workload, value,
				      ":%s asks for an SELinux label, and `security` leaves the module " LABEL_MODULE " out",
				      last + 1);
}

static int check_volumes(const struct hyfw_config *config, const struct hyfw_config_section *workload,
			 struct hyfw_error **err)
{
	int result = 0;
	size_t i;

	for (i = 0; result == 0 && i < workload->count; i++)
		if (workload->values[i].normal && (strcmp(workload->values[i].key, "disk") == 0 ||
						   strcmp(workload->values[i].key, "volume") == 0)) {
			result = check_volume(config, workload, &workload->values[i], err);
			if (result == 0)
				result = check_label(workload, &workload->values[i], err);
		}
	return result;
}

static int check_root(const struct hyfw_config_section *workload, struct hyfw_error **err)
{
	if (!hyfw_config_has_root(workload) && hyfw_map_get(&workload->map, "disk_size"))
		return hyfw_config_fail(err, EINVAL, workload, "disk_size",
					"is the size of a copy of the image, and none is given; add image");
	return 0;
}

int hyfw_config_check_fit(const struct hyfw_config *config, struct hyfw_error **err)
{
	const struct hyfw_config_section *workload;
	size_t cursor = 0;
	int result = 0;

	while (result == 0 && (workload = hyfw_config_next(config, "workload", &cursor))) {
		const struct hyfw_driver *isolation =
			driver_of(HYFW_KIND_ISOLATION, hyfw_map_get(&workload->map, "isolation"));

		if (!isolation)
			continue;
		if ((result = check_root(workload, err)) < 0 || (result = check_storage(workload, isolation, err)) < 0 ||
		    (result = check_security(workload, isolation, err)) < 0 ||
		    (result = check_networks(config, workload, isolation, err)) < 0)
			return result;
		result = check_volumes(config, workload, err);
	}
	return result;
}

/* ---- single keys ---- */

/* Keys that the core passes on as data: whether the isolation driver takes them is
 * among its words. */
static const struct {
	const char *key, *takes, *refusal;
} passed_on[] = {
	{ "rootfs", HYFW_TAKES_MOUNTS, "takes no directory as root file system; give an image, a disk, or what it boots" },
	{ "volume", HYFW_TAKES_MOUNTS, "mounts no directories; give it a disk = of its own" },
	{ "disk", HYFW_TAKES_BLOCK, "takes no disks; a directory is given with volume =" },
	{ "cdrom", HYFW_TAKES_BLOCK, "takes no disks; a directory is given with volume =" },
	{ "disk_size", HYFW_TAKES_BLOCK, "takes no disks" },
	{ "failover", HYFW_TAKES_BLOCK, "takes no disks, which is what another host would start it from" },
	{ "failover_lease", HYFW_TAKES_BLOCK, "takes no disks, which is what another host would start it from" },
};
static const char *const command_keys[] = { "command", "entrypoint", "env" };

const char *hyfw_config_key_refusal(const struct hyfw_plugin *isolation, const char *key)
{
	HYFW_AUTO_FREE char *word = hyfw_format("workload.%s", key);
	size_t i;

	for (i = 0; i < HYFW_COUNT(passed_on); i++)
		if (strcmp(key, passed_on[i].key) == 0)
			return hyfw_plugin_lists(isolation->capabilities, passed_on[i].takes) ? NULL : passed_on[i].refusal;
	if (!hyfw_plugin_lists(isolation->capabilities, HYFW_TAKES_NO_COMMAND) ||
	    hyfw_plugin_lists(isolation->honours, word))
		return NULL;
	for (i = 0; i < HYFW_COUNT(command_keys); i++)
		if (strcmp(key, command_keys[i]) == 0)
			return "runs what its disk holds, and no command of yours";
	return NULL;
}
