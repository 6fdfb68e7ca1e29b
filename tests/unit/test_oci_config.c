/* SPDX-License-Identifier: BSD-3-Clause
 * config.json of OCI bundles: what is refused and with which sentence, and what becomes
 * of the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "oci/config.h"
#include "oci/node.h"

/* The last of two members with the same name counts, so that a case can replace any. */
#define BASE                                                                                   \
	"\"ociVersion\":\"1.0.2\",\"process\":{\"args\":[\"sh\"],\"cwd\":\"/\"},"               \
	"\"root\":{\"path\":\"rootfs\"}"
#define PROCESS(members) "\"process\":{\"args\":[\"sh\"],\"cwd\":\"/\"," members "}"
#define LINUX(members) "\"linux\":{" members "}"
#define RESOURCES(members) LINUX("\"resources\":{" members "}")
#define MOUNT(members) "\"mounts\":[{\"destination\":\"/a\"," members "}]"
#define OPTIONS(words) MOUNT("\"type\":\"tmpfs\",\"options\":[" words "]")

static int read_text(const char *text, struct hyfw_arena *arena, struct hyfw_oci_spec *spec, struct hyfw_error **err)
{
	return hyfw_oci_spec_read(text, strlen(text), "box", "/bundle", arena, spec, err);
}

static int read_case(const char *members, struct hyfw_arena *arena, struct hyfw_oci_spec *spec,
		     struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *text = hyfw_format("{%s%s%s}", BASE, *members ? "," : "", members);

	return read_text(text, arena, spec, err);
}

/* ---- refused ---- */

static const struct {
	const char *members, *message;
} bad_cases[] = {
	{ "\"ociVersion\":\"2.0.0\"", "ociVersion: 2.0.0 is not supported; 1.0.0 to 1.3.x are" },
	{ "\"ociVersion\":\"1.4.0\"", "ociVersion: 1.4.0 is not supported; 1.0.0 to 1.3.x are" },
	{ "\"ociVersion\":\"1.0\"", "ociVersion: 1.0 is not supported; 1.0.0 to 1.3.x are" },
	{ "\"ociVersion\":\"\"", "ociVersion: empty" },
	{ "\"ociVersion\":3", "ociVersion: not text" },
	{ "\"process\":null", "process: missing" },
	{ "\"root\":null", "root: missing" },
	{ "\"root\":{}", "root.path: missing" },
	{ "\"root\":{\"path\":\"a\\u0000b\"}", "root.path: has a NUL in it" },
	{ "\"vm\":{}", "vm: not supported: this is a runtime of Linux containers" },
	{ "\"windows\":{}", "windows: not supported: this is a runtime of Linux containers" },
	{ "\"hostname\":\"a\"", "hostname: unable to set hostname without a private UTS namespace" },
	{ "\"process\":{\"cwd\":\"/\"}", "process.args: missing" },
	{ "\"process\":{\"args\":[],\"cwd\":\"/\"}", "process.args: missing" },
	{ "\"process\":{\"args\":[1],\"cwd\":\"/\"}", "process.args[0]: not text" },
	{ "\"process\":{\"args\":[\"a\"],\"cwd\":\"b\"}", "process.cwd: b is not an absolute path" },
	{ PROCESS("\"terminal\":1"), "process.terminal: not true or false" },
	{ PROCESS("\"user\":{\"uid\":-1}"), "process.user.uid: not between 0 and 4294967295" },
	{ PROCESS("\"user\":{\"uid\":4294967296}"), "process.user.uid: not between 0 and 4294967295" },
	{ PROCESS("\"user\":{\"umask\":512}"), "process.user.umask: not between 0 and 511" },
	{ PROCESS("\"user\":{\"additionalGids\":[5,-1]}"), "process.user.additionalGids[1]: not a group id" },
	{ PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_X\"}]"), "process.rlimits[0].type: there is no RLIMIT_X" },
	{ PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_AS\",\"soft\":-1}]"), "process.rlimits[0].soft: less than 0" },
	{ PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_AS\"},{\"type\":\"RLIMIT_AS\"}]"),
	  "process.rlimits[1]: this limit was given before" },
	{ PROCESS("\"oomScoreAdj\":1001"), "process.oomScoreAdj: not between -1000 and 1000" },
	{ PROCESS("\"oomScoreAdj\":1.5"), "process.oomScoreAdj: not a whole number" },
	{ PROCESS("\"scheduler\":{\"policy\":\"SCHED_X\"}"), "process.scheduler.policy: there is no SCHED_X" },
	{ PROCESS("\"scheduler\":{\"policy\":\"SCHED_FIFO\",\"flags\":[\"X\"]}"),
	  "process.scheduler.flags: there is no X" },
	{ PROCESS("\"ioPriority\":{\"class\":\"X\"}"), "process.ioPriority.class: there is no X" },
	{ PROCESS("\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":8}"),
	  "process.ioPriority.priority: not between 0 and 7" },
	{ "\"mounts\":[{}]", "mounts[0].destination: missing" },
	{ "\"mounts\":{}", "mounts: not a list" },
	{ "\"mounts\":[1]", "mounts[0]: not an object" },
	{ MOUNT("\"options\":[\"bind\"]"), "mounts[0].source: missing" },
	{ OPTIONS("\"remount\""), "mounts[0].options[0]: remount is not possible: mounts are new" },
	{ MOUNT("\"uidMappings\":[{\"size\":1}]"), "mounts[0].gidMappings: missing" },
	{ "\"hooks\":{\"poststop\":[{\"path\":\"a\"}]}", "hooks.poststop[0].path: a is not an absolute path" },
	{ "\"hooks\":{\"prestart\":[{\"path\":\"/a\",\"timeout\":0}]}",
	  "hooks.prestart[0].timeout: not between 1 and 4294967" },
	{ LINUX("\"namespaces\":[{\"type\":\"x\"}]"), "linux.namespaces[0].type: there is no namespace x" },
	{ LINUX("\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"pid\"}]"),
	  "linux.namespaces[1]: the pid namespace was given before" },
	{ LINUX("\"namespaces\":[{\"type\":\"pid\",\"path\":\"x\"}]"),
	  "linux.namespaces[0].path: x is not an absolute path" },
	{ LINUX("\"namespaces\":[{\"type\":\"user\"}],\"gidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]"),
	  "linux.uidMappings: missing" },
	{ LINUX("\"uidMappings\":[{\"size\":0}]"), "linux.uidMappings[0].size: not above 0" },
	{ LINUX("\"uidMappings\":[{\"hostID\":4294967295,\"size\":2}]"), "linux.uidMappings[0]: beyond the last id" },
	{ LINUX("\"uidMappings\":[{\"size\":1}],\"gidMappings\":[{\"size\":1}]"),
	  "linux.uidMappings: there is no user namespace for it" },
	{ LINUX("\"timeOffsets\":{\"boottime\":{\"secs\":1}}"), "linux.timeOffsets: there is no time namespace for it" },
	{ LINUX("\"devices\":[{\"path\":\"/dev/a\",\"type\":\"x\"}]"), "linux.devices[0].type: 'x' is not c, b, u or p" },
	{ LINUX("\"devices\":[{\"path\":\"/dev/a\",\"type\":\"c\"}]"),
	  "linux.devices[0]: major and minor number are missing" },
	{ LINUX("\"devices\":[{\"path\":\"dev/a\",\"type\":\"p\"}]"),
	  "linux.devices[0].path: dev/a is not an absolute path" },
	{ LINUX("\"intelRdt\":{\"closID\":\"a\"}"),
	  "linux.intelRdt: not supported: hyfw does not manage cache allocation" },
	{ LINUX("\"rootfsPropagation\":\"x\""), "linux.rootfsPropagation: there is no x" },
	{ LINUX("\"personality\":{\"domain\":\"X\"}"), "linux.personality.domain: there is no X" },
	{ LINUX("\"sysctl\":{\"kernel.panic\":\"1\"}"),
	  "linux.sysctl: sysctl \"kernel.panic\" is not in a separate kernel namespace" },
	{ LINUX("\"namespaces\":[{\"type\":\"uts\"}],\"sysctl\":{\"kernel.hostname\":\"a\"}"),
	  "linux.sysctl: sysctl \"kernel.hostname\" is not allowed: there is the member hostname for it" },
	{ LINUX("\"memoryPolicy\":{\"nodes\":\"0\"}"), "linux.memoryPolicy.mode: invalid memory policy mode ''" },
	{ LINUX("\"memoryPolicy\":{\"mode\":\"INTERLEAVE\"}"),
	  "linux.memoryPolicy.mode: invalid memory policy mode 'INTERLEAVE'" },
	{ LINUX("\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"flags\":[\"bad\"]}"),
	  "linux.memoryPolicy.flags: invalid memory policy flag bad" },
	{ LINUX("\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"0-9876543210\"}"),
	  "linux.memoryPolicy.nodes: invalid memory policy node in '0-9876543210'" },
	{ LINUX("\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"3-1\"}"),
	  "linux.memoryPolicy.nodes: invalid memory policy node in '3-1'" },
	{ LINUX("\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"1,a\"}"),
	  "linux.memoryPolicy.nodes: invalid memory policy node in '1,a'" },
	{ LINUX("\"netDevices\":{\"eth1\":{}}"),
	  "linux.netDevices: unable to move network devices without a private NET namespace" },
	{ LINUX("\"namespaces\":[{\"type\":\"network\"}],\"netDevices\":{\"eth1\":{\"name\":\"a/b\"}}"),
	  "linux.netDevices.eth1: invalid network device name \"a/b\"" },
	{ LINUX("\"namespaces\":[{\"type\":\"network\"}],\"netDevices\":{\"sixteen-letters-\":{\"name\":\"a\"}}"),
	  "linux.netDevices.sixteen-letters-: invalid network device name \"sixteen-letters-\"" },
	{ LINUX("\"namespaces\":[{\"type\":\"network\"}],\"netDevices\":{\"a\":{\"name\":\"eth%d\"}}"),
	  "linux.netDevices.a: invalid network device name \"eth%d\"" },
	{ LINUX("\"namespaces\":[{\"type\":\"network\"}],\"netDevices\":{\"a\":1}"), "linux.netDevices.a: not an object" },
	{ LINUX("\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"}"),
	  "linux.sysctl: sysctl \"net.ipv4.ip_forward\" is not allowed in the hosts network namespace" },
	{ LINUX("\"namespaces\":[{\"type\":\"network\"}],\"sysctl\":{\"net/../kernel/panic\":\"1\"}"),
	  "linux.sysctl: sysctl \"net.//.kernel.panic\" is not in a separate kernel namespace" },
	{ LINUX("\"namespaces\":[{\"type\":\"network\"}],\"sysctl\":{\"net.a\":1}"), "linux.sysctl.net.a: not text" },
	{ LINUX("\"seccomp\":{\"listenerMetadata\":\"a\"}"), "linux.seccomp.listenerMetadata: needs listenerPath" },
	{ RESOURCES("\"pids\":{\"limit\":\"1\"}"), "linux.resources.pids.limit: not a whole number" },
	{ RESOURCES("\"memory\":{\"limit\":-2}"),
	  "linux.resources.memory.limit: not between -1 and 9223372036854775807" },
	{ RESOURCES("\"memory\":{\"limit\":2,\"swap\":1}"),
	  "linux.resources.memory.swap: less than limit, which it has in it" },
	{ RESOURCES("\"memory\":{\"swappiness\":101}"), "linux.resources.memory.swappiness: not between 0 and 100" },
	{ RESOURCES("\"cpu\":{\"shares\":18446744073709551615}"),
	  "linux.resources.cpu.shares: not between 0 and 9223372036854775807" },
	{ RESOURCES("\"devices\":[{}]"), "linux.resources.devices[0].allow: missing" },
	{ RESOURCES("\"devices\":[{\"allow\":true,\"type\":\"x\"}]"),
	  "linux.resources.devices[0].type: 'x' is not a, b or c" },
	{ RESOURCES("\"devices\":[{\"allow\":true,\"access\":\"rx\"}]"),
	  "linux.resources.devices[0].access: rx is not of r, w and m" },
	{ RESOURCES("\"unified\":{\"../a\":\"1\"}"), "linux.resources.unified: the specified key has not the form CONTROLLER.VALUE `../a`" },
	{ RESOURCES("\"hugepageLimits\":[{\"pagesize\":\"2.MB\"}]"),
	  "linux.resources.hugepageLimits[0].pageSize: 2.MB is not a size" },
	{ RESOURCES("\"hugepageLimits\":[{\"pageSize\":\"../2MB\"}]"),
	  "linux.resources.hugepageLimits[0].pageSize: ../2MB is not a size" },
	{ RESOURCES("\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":-1,\"rate\":1}]}"),
	  "linux.resources.blockIO.throttleReadBpsDevice[0].major: not between 0 and 4294967295" },
};

static void refuses_each_with_its_sentence(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < HYFW_COUNT(bad_cases); i++) {
		HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
		HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
		struct hyfw_oci_spec spec;

		if (read_case(bad_cases[i].members, arena, &spec, &err) == 0)
			fail_msg("accepted: %s", bad_cases[i].members);
		assert_string_equal(err->message, bad_cases[i].message);
	}
}

static void refuses_what_is_no_document(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "", "not JSON: it ends too early" },
		{ "{", "not JSON: it ends too early" },
		{ "[]", "not a JSON object" },
		{ "{} {}", "not JSON: something stands behind its end" },
		{ "{\"a\":1,}", "not JSON: " },
	};
	size_t i;

	(void)state;
	for (i = 0; i < HYFW_COUNT(cases); i++) {
		HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
		HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
		struct hyfw_oci_spec spec;

		assert_int_not_equal(read_text(cases[i].text, arena, &spec, &err), 0);
		if (strncmp(err->message, cases[i].message, strlen(cases[i].message)) != 0)
			fail_msg("%s: %s", cases[i].text, err->message);
	}
}

static void refuses_what_is_too_deep_or_too_large(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	HYFW_AUTO_FREE char *large = hyfw_new(OCI_DOCUMENT_LIMIT + 2);
	struct hyfw_oci_spec spec;
	char deep[256];

	(void)state;
	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	assert_int_not_equal(read_text(deep, arena, &spec, &err), 0);
	assert_non_null(strstr(err->message, "nesting too deep"));
	hyfw_forget(&err);
	memset(large, ' ', OCI_DOCUMENT_LIMIT + 1);
	assert_int_not_equal(read_text(large, arena, &spec, &err), 0);
	assert_string_equal(err->message, "larger than 4194304 bytes");
}

/* ---- read ---- */

static struct hyfw_oci_spec read_good(const char *members, struct hyfw_arena *arena)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct hyfw_oci_spec spec;

	memset(&spec, 0xee, sizeof(spec));
	if (read_case(members, arena, &spec, &err) < 0)
		fail_msg("%s", err->message);
	return spec;
}

static void a_user_namespace_without_mappings_has_the_caller_alone(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_oci_spec spec = read_good(LINUX("\"namespaces\":[{\"type\":\"user\"}]"), arena);
	const struct hyfw_oci_idmap *idmap = &spec.config.idmap;

	(void)state;
	assert_int_equal(idmap->uid_count, 1);
	assert_int_equal(idmap->gid_count, 1);
	assert_true(idmap->uids[0].inside == 0 && idmap->uids[0].outside == geteuid() && idmap->uids[0].count == 1);
	assert_true(idmap->gids[0].inside == 0 && idmap->gids[0].outside == getegid() && idmap->gids[0].count == 1);
	spec = read_good(LINUX("\"namespaces\":[{\"type\":\"user\",\"path\":\"/proc/1/ns/user\"}]"), arena);
	assert_int_equal(spec.config.idmap.uid_count, 0);
}

static void absent_is_not_zero(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_oci_spec spec = read_good(RESOURCES("\"memory\":{\"limit\":0,\"swap\":-1}") ",\"unknown\":{\"a\":[1]}",
					      arena);
	const struct hyfw_oci_resources *resources = &spec.config.resources;

	(void)state;
	assert_true(resources->memory_limit.set);
	assert_int_equal(resources->memory_limit.value, 0);
	assert_int_equal(resources->memory_swap.value, -1);
	assert_false(resources->memory_reservation.set);
	assert_false(resources->pids_limit.set);
	assert_false(spec.config.process.umask.set);
	assert_string_equal(spec.config.root, "/bundle/rootfs");
	assert_string_equal(spec.config.id, "box");
	assert_null(spec.config.seccomp);
	assert_null(spec.config.hostname);
}

static void no_capabilities_are_none(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_oci_spec spec = read_good("", arena);

	(void)state;
	assert_true(spec.command.confinement.have_capabilities);
	assert_int_equal(spec.command.confinement.bounding, 0);
	assert_int_equal(spec.command.confinement.landlock_fd, -1);
}

static void capabilities_become_masks(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_oci_spec spec = read_good(
		PROCESS("\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"CAP_KILL\",\"CAP_NEW\"],\"ambient\":[\"CAP_KILL\"]},"
			"\"noNewPrivileges\":true,\"selinuxLabel\":\"a:b:c\",\"apparmorProfile\":\"\""), arena);

	(void)state;
	assert_int_equal(spec.command.confinement.bounding, 1u << 0 | 1u << 5);
	assert_int_equal(spec.command.confinement.ambient, 1u << 5);
	assert_int_equal(spec.command.confinement.effective, 0);
	assert_string_equal(spec.command.unknown_capabilities, " CAP_NEW");
	assert_true(spec.command.confinement.no_new_privileges);
	assert_string_equal(spec.command.confinement.process_label, "a:b:c");
	assert_null(spec.config.process.apparmor_profile);
}

static void mount_options_are_sorted_out(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_oci_spec spec = read_good(
		"\"mounts\":[{\"destination\":\"a\",\"source\":\"src\",\"options\":[\"rbind\",\"ro\",\"rro\",\"rslave\","
		"\"idmap\"]},{\"destination\":\"/t\",\"type\":\"tmpfs\",\"options\":[\"ro\",\"rw\",\"noatime\",\"size=1k\","
		"\"tmpcopyup\",\"mode=1777\"]}]", arena);
	const struct hyfw_oci_mount *bind = &spec.config.mounts[0], *tmpfs = &spec.config.mounts[1];

	(void)state;
	assert_int_equal(spec.config.mount_count, 2);
	assert_string_equal(bind->target, "/a");
	assert_string_equal(bind->source, "/bundle/src");
	assert_true(bind->bind && bind->recursive && bind->propagation_all);
	assert_int_equal(bind->set, MOUNT_ATTR_RDONLY);
	assert_int_equal(bind->set_all, MOUNT_ATTR_RDONLY);
	assert_int_equal(bind->propagation, MS_SLAVE);
	assert_int_equal(bind->map, HYFW_OCI_MAPPED);
	assert_int_equal(tmpfs->set, MOUNT_ATTR_NOATIME);
	assert_int_equal(tmpfs->clear, MOUNT_ATTR_RDONLY | MOUNT_ATTR__ATIME);
	assert_true(tmpfs->copy_up);
	assert_string_equal(tmpfs->data[0], "size=1k");
	assert_string_equal(tmpfs->data[1], "mode=1777");
	assert_null(tmpfs->data[2]);
}

#define CRUN_IDMAP(word) "\"mounts\":[{\"destination\":\"a\",\"source\":\"src\",\"options\":[\"bind\",\"" word "\"]}]"

static void ids_among_the_options_are_read(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_oci_spec spec = read_good(
		CRUN_IDMAP("ridmap=uids=0-1-10#20-+100-3;gids=@0-3-10") "," LINUX("\"namespaces\":[{\"type\":\"user\"}],"
		"\"uidMappings\":[{\"containerID\":0,\"hostID\":9,\"size\":5}],"
		"\"gidMappings\":[{\"containerID\":2,\"hostID\":500,\"size\":5}]"), arena);
	const struct hyfw_oci_mount *mount = &spec.config.mounts[0];

	(void)state;
	assert_int_equal(mount->map, HYFW_OCI_MAPPED_RECURSIVE);
	assert_null(mount->data[0]);
	assert_int_equal(mount->ids.uid_count, 2);
	assert_int_equal(mount->ids.uids[0].outside, 1);
	assert_int_equal(mount->ids.uids[0].count, 10);
	assert_int_equal(mount->ids.uids[1].inside, 20);
	assert_int_equal(mount->ids.uids[1].outside, 100);
	assert_int_equal(mount->ids.gid_count, 1);
	assert_int_equal(mount->ids.gids[0].inside, 0);
	assert_int_equal(mount->ids.gids[0].outside, 501);
}

static void process_is_read(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_oci_spec spec = read_good(
		PROCESS("\"user\":{\"uid\":7,\"gid\":8,\"umask\":0,\"additionalGids\":[5,6]},\"rlimits\":[{\"type\":"
			"\"RLIMIT_NOFILE\",\"soft\":10,\"hard\":18446744073709551615}],\"scheduler\":{\"policy\":\"SCHED_BATCH\","
			"\"nice\":-3},\"ioPriority\":{\"class\":\"IOPRIO_CLASS_IDLE\",\"priority\":0}"), arena);
	const struct hyfw_oci_process *process = &spec.config.process;

	(void)state;
	assert_int_equal(process->uid, 7);
	assert_int_equal(process->groups[1], 6);
	assert_true(process->umask.set);
	assert_int_equal(process->rlimits[0].resource, RLIMIT_NOFILE);
	assert_true(process->rlimits[0].hard == UINT64_MAX);
	assert_int_equal(process->scheduler->policy, SCHED_BATCH);
	assert_int_equal(process->scheduler->nice, -3);
	assert_int_equal(process->io_class.value, 3);
	assert_true(process->io_level.set);
}

static void linux_is_read(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_oci_spec spec = read_good(
		"\"hostname\":\"h\"," LINUX("\"namespaces\":[{\"type\":\"uts\"},{\"type\":\"time\"},{\"type\":\"network\",\"path\":"
		"\"/n\"}],\"timeOffsets\":{\"boottime\":{\"secs\":-5,\"nanosecs\":1}},\"sysctl\":{\"net/ipv4/conf/eth0.1/x\":\"1\"},"
		"\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/l\"},\"devices\":[{\"path\":\"/dev/f\","
		"\"type\":\"u\",\"major\":1,\"minor\":2,\"fileMode\":8630}],\"resources\":{\"devices\":[{\"allow\":false},"
		"{\"allow\":true,\"type\":\"c\",\"major\":5,\"access\":\"rw\"}]}"), arena);
	const struct hyfw_oci_config *config = &spec.config;

	(void)state;
	assert_int_equal(config->namespace_count, 3);
	assert_int_equal(config->namespaces[2].type, CLONE_NEWNET);
	assert_string_equal(config->namespaces[2].path, "/n");
	assert_int_equal(config->time_offset_count, 1);
	assert_int_equal(config->time_offsets[0].clock, CLOCK_BOOTTIME);
	assert_int_equal(config->time_offsets[0].seconds, -5);
	assert_string_equal(config->sysctl.items[0].key, "net.ipv4.conf.eth0/1.x");
	assert_string_equal(config->seccomp_listener, "/l");
	assert_non_null(strstr(config->seccomp, "SCMP_ACT_ALLOW"));
	assert_int_equal(config->devices[0].type, 'c');
	assert_int_equal(config->devices[0].mode, 0666);
	assert_int_equal(config->resources.devices[0].type, 'a');
	assert_true(config->resources.devices[0].mknod && !config->resources.devices[0].allow);
	assert_int_equal(config->resources.devices[1].major, 5);
	assert_int_equal(config->resources.devices[1].minor, -1);
	assert_false(config->resources.devices[1].mknod);
}

static void hooks_have_an_argument_and_no_environment(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_oci_spec spec = read_good("\"hooks\":{\"createRuntime\":[{\"path\":\"/h\",\"timeout\":3}]}", arena);
	const struct hyfw_oci_hooks *hooks = &spec.config.hooks[HYFW_OCI_CREATE_RUNTIME];

	(void)state;
	assert_int_equal(hooks->count, 1);
	assert_string_equal(hooks->hooks[0].argv[0], "/h");
	assert_null(hooks->hooks[0].argv[1]);
	assert_null(hooks->hooks[0].envp);
	assert_int_equal(hooks->hooks[0].timeout, 3);
	assert_int_equal(spec.config.hooks[HYFW_OCI_POSTSTOP].count, 0);
}

/* None said is the caller's, an empty list is none. */
static void an_empty_environment_of_a_hook_is_not_an_absent_one(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_oci_spec spec = read_good("\"hooks\":{\"poststop\":[{\"path\":\"/h\",\"env\":[]}]}", arena);
	const struct hyfw_oci_hooks *hooks = &spec.config.hooks[HYFW_OCI_POSTSTOP];

	(void)state;
	assert_int_equal(hooks->count, 1);
	assert_non_null(hooks->hooks[0].envp);
	assert_null(hooks->hooks[0].envp[0]);
}

static void a_memory_policy_is_a_mode_and_nodes(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_oci_spec spec = read_good(LINUX("\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"0-2,70\","
						    "\"flags\":[\"MPOL_F_STATIC_NODES\"]}"), arena);

	(void)state;
	assert_true(spec.memory_policy.set && spec.memory_policy.has_nodes);
	assert_int_equal(spec.memory_policy.mode, 2 | 1 << 15);
	assert_int_equal(spec.memory_policy.nodes[0], 7);
	assert_int_equal(spec.memory_policy.nodes[1], 1 << 6);
	spec = read_good("", arena);
	assert_false(spec.memory_policy.set);
	spec = read_good(LINUX("\"memoryPolicy\":{}"), arena);
	assert_false(spec.memory_policy.set);
}

static void network_devices_keep_their_names_unless_others_are_given(void **state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_oci_spec spec = read_good(LINUX("\"namespaces\":[{\"type\":\"network\"}],"
						    "\"netDevices\":{\"eth1\":{},\"eth2\":{\"name\":\"lan\"}}"), arena);

	(void)state;
	assert_int_equal(spec.net_devices.count, 2);
	assert_string_equal(spec.net_devices.items[0].inside, "eth1");
	assert_string_equal(spec.net_devices.items[1].name, "eth2");
	assert_string_equal(spec.net_devices.items[1].inside, "lan");
	spec = read_good(LINUX("\"netDevices\":{}"), arena);
	assert_int_equal(spec.net_devices.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_each_with_its_sentence),
		cmocka_unit_test(refuses_what_is_no_document),
		cmocka_unit_test(refuses_what_is_too_deep_or_too_large),
		cmocka_unit_test(a_user_namespace_without_mappings_has_the_caller_alone),
		cmocka_unit_test(absent_is_not_zero),
		cmocka_unit_test(no_capabilities_are_none),
		cmocka_unit_test(capabilities_become_masks),
		cmocka_unit_test(mount_options_are_sorted_out),
		cmocka_unit_test(ids_among_the_options_are_read),
		cmocka_unit_test(process_is_read),
		cmocka_unit_test(linux_is_read),
		cmocka_unit_test(hooks_have_an_argument_and_no_environment),
		cmocka_unit_test(a_memory_policy_is_a_mode_and_nodes),
		cmocka_unit_test(network_devices_keep_their_names_unless_others_are_given),
		cmocka_unit_test(an_empty_environment_of_a_hook_is_not_an_absent_one),
	};

	return cmocka_run_group_tests_name("oci-config", tests, NULL, NULL);
}
