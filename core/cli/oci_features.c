/* SPDX-License-Identifier: BSD-3-Clause
 * `hyfw oci features` (features.md): what of the specification this runtime has. */
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "build_config.h"
#include "cli/cli.h"
#include "cli/oci.h"

static const char *const hooks[] = { "prestart",       "createRuntime", "createContainer",
				     "startContainer", "poststart",     "poststop", NULL };
static const char *const namespaces[] = { "cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts", NULL };
static const char *const actions[] = { "SCMP_ACT_ALLOW",	"SCMP_ACT_ERRNO", "SCMP_ACT_KILL",
				       "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG",
				       "SCMP_ACT_NOTIFY",	"SCMP_ACT_TRACE", "SCMP_ACT_TRAP", NULL };
static const char *const operators[] = { "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT",	     "SCMP_CMP_LE",
					 "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE", NULL };
static const char *const architectures[] = {
	"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM",	   "SCMP_ARCH_MIPS",	  "SCMP_ARCH_MIPS64",  "SCMP_ARCH_MIPS64N32",
	"SCMP_ARCH_MIPSEL",  "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC",   "SCMP_ARCH_PPC64",
	"SCMP_ARCH_PPC64LE", "SCMP_ARCH_RISCV64",  "SCMP_ARCH_S390",	  "SCMP_ARCH_S390X",   "SCMP_ARCH_X32",
	"SCMP_ARCH_X86",     "SCMP_ARCH_X86_64",   NULL
};
static const char *const filter_flags[] = { "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
					    "SECCOMP_FILTER_FLAG_TSYNC",
					    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", NULL };

/* Those that change what the runtime does. */
static const char *const unsafe_annotations[] = { "run.oci.hooks.stderr", "run.oci.hooks.stdout",
						  "run.oci.pidfd_receiver", NULL };

static struct json_object *child(struct json_object *parent, const char *name)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(parent, name, object);
	return object;
}

static void add_list(struct json_object *object, const char *name, const char *const *texts)
{
	struct json_object *list = json_object_new_array();

	for (; *texts; texts++)
		json_object_array_add(list, json_object_new_string(*texts));
	json_object_object_add(object, name, list);
}

static void add_mount_options(struct json_object *features)
{
	static const char *const propagations[] = { "private", "rprivate", "rshared", "rslave", "runbindable",
						    "shared", "slave", "unbindable" };
	struct json_object *list = json_object_new_array();
	const char *option;
	size_t i;

	for (i = 0; (option = hyfw_oci_mount_option(i)); i++)
		json_object_array_add(list, json_object_new_string(option));
	for (i = 0; i < HYFW_COUNT(propagations); i++)
		json_object_array_add(list, json_object_new_string(propagations[i]));
	json_object_object_add(features, "mountOptions", list);
}

static void add_capabilities(struct json_object *linux_object)
{
	struct json_object *list = json_object_new_array();
	const char *name;
	uint64_t bit;
	unsigned i;

	for (i = 0; (name = hyfw_oci_capability_name(i)); i++) {
		HYFW_AUTO_FREE char *whole = hyfw_format("CAP_%s", name);

		if (hyfw_oci_capability(name, &bit))
			json_object_array_add(list, json_object_new_string(whole));
	}
	json_object_object_add(linux_object, "capabilities", list);
}

static void add_words(struct json_object *object, const char *name, const char *(*word)(size_t number))
{
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; word(i); i++)
		json_object_array_add(list, json_object_new_string(word(i)));
	json_object_object_add(object, name, list);
}

static void add_linux(struct json_object *features)
{
	struct json_object *linux_object = child(features, "linux"), *part;

	add_list(linux_object, "namespaces", namespaces);
	add_capabilities(linux_object);
	part = child(linux_object, "cgroup");
	hyfw_json_add_bool(part, "v1", true);
	hyfw_json_add_bool(part, "v2", true);
	hyfw_json_add_bool(part, "systemd", HYFW_HAVE_SYSTEMD);
	hyfw_json_add_bool(part, "systemdUser", false);
	hyfw_json_add_bool(part, "rdma", true);
	part = child(linux_object, "seccomp");
	hyfw_json_add_bool(part, "enabled", true);
	add_list(part, "actions", actions);
	add_list(part, "operators", operators);
	add_list(part, "archs", architectures);
	add_list(part, "knownFlags", filter_flags);
	add_list(part, "supportedFlags", filter_flags);
	hyfw_json_add_bool(child(linux_object, "apparmor"), "enabled", true);
	hyfw_json_add_bool(child(linux_object, "selinux"), "enabled", true);
	hyfw_json_add_bool(child(linux_object, "intelRdt"), "enabled", false);
	hyfw_json_add_bool(child(child(linux_object, "mountExtensions"), "idmap"), "enabled", true);
	hyfw_json_add_bool(child(linux_object, "netDevices"), "enabled", true);
	part = child(linux_object, "memoryPolicy");
	add_words(part, "modes", hyfw_oci_memory_mode);
	add_words(part, "flags", hyfw_oci_memory_flag);
}

static int features(struct oci_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { OCI_FLAG_HELP, { 0 } };
	struct json_object *object, *notes;
	int status;

	if (oci_flag(cli, &oci_verb_features, argc, argv, "h", flags, 0, 0, &status) == -2)
		return status;
	object = json_object_new_object();
	hyfw_json_add_text(object, "ociVersionMin", "1.0.0");
	hyfw_json_add_text(object, "ociVersionMax", "1.3.0");
	add_list(object, "hooks", hooks);
	add_mount_options(object);
	add_linux(object);
	notes = child(object, "annotations");
	hyfw_json_add_text(notes, "org.hyfw.version", HYFW_VERSION);
	hyfw_json_add_text(notes, "org.opencontainers.runc.checkpoint.enabled", "false");
	add_list(object, "potentiallyUnsafeConfigAnnotations", unsafe_annotations);
	hyfw_cli_print_json(object);
	json_object_put(object);
	return 0;
}

const struct oci_verb oci_verb_features = { "features", "features", "Print what this runtime can do as JSON", features };
