/* SPDX-License-Identifier: BSD-3-Clause
 * `hyfw oci spec`: a config.json to begin with. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "base/json.h"
#include "cli/oci.h"

static struct json_object *child(struct json_object *parent, const char *name)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(parent, name, object);
	return object;
}

/* NULL-terminated. */
static struct json_object *list_of(const char *const *texts)
{
	struct json_object *list = json_object_new_array();

	for (; *texts; texts++)
		json_object_array_add(list, json_object_new_string(*texts));
	return list;
}

static void add_process(struct json_object *spec)
{
	static const char *const args[] = { "sh", NULL };
	static const char *const env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm",
					   NULL };
	static const char *const capabilities[] = { "CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE", NULL };
	static const char *const sets[] = { "bounding", "effective", "permitted" };
	struct json_object *process = child(spec, "process"), *user, *part, *limits;
	size_t i;

	hyfw_json_add_bool(process, "terminal", true);
	user = child(process, "user");
	hyfw_json_add_number(user, "uid", 0);
	hyfw_json_add_number(user, "gid", 0);
	json_object_object_add(process, "args", list_of(args));
	json_object_object_add(process, "env", list_of(env));
	hyfw_json_add_text(process, "cwd", "/");
	part = child(process, "capabilities");
	for (i = 0; i < HYFW_COUNT(sets); i++)
		json_object_object_add(part, sets[i], list_of(capabilities));
	limits = json_object_new_array();
	part = json_object_new_object();
	hyfw_json_add_text(part, "type", "RLIMIT_NOFILE");
	hyfw_json_add_number(part, "hard", 1024);
	hyfw_json_add_number(part, "soft", 1024);
	json_object_array_add(limits, part);
	json_object_object_add(process, "rlimits", limits);
	hyfw_json_add_bool(process, "noNewPrivileges", true);
}

struct mount_line {
	const char *destination, *type, *source;
	const char *options[9];
};

static void add_mounts(struct json_object *spec, bool rootless)
{
	static const struct mount_line lines[] = {
		{ "/proc", "proc", "proc", { NULL } },
		{ "/dev", "tmpfs", "tmpfs", { "nosuid", "strictatime", "mode=755", "size=65536k", NULL } },
		{ "/dev/pts", "devpts", "devpts", { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5",
						    NULL } },
		{ "/dev/shm", "tmpfs", "shm", { "nosuid", "noexec", "nodev", "mode=1777", "size=65536k", NULL } },
		{ "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev", NULL } },
		{ "/sys", "sysfs", "sysfs", { "nosuid", "noexec", "nodev", "ro", NULL } },
		{ "/sys/fs/cgroup", "cgroup", "cgroup", { "nosuid", "noexec", "nodev", "relatime", "ro", NULL } },
	};
	static const struct mount_line pts = { "/dev/pts", "devpts", "devpts",
					       { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", NULL } };
	static const struct mount_line sys = { "/sys", "none", "/sys", { "rbind", "nosuid", "noexec", "nodev", "ro", NULL } };
	struct json_object *mounts = json_object_new_array();
	size_t i;

	for (i = 0; i < HYFW_COUNT(lines); i++) {
		const struct mount_line *line = &lines[i];
		struct json_object *mount = json_object_new_object();

		if (rootless && line == &lines[2]) /* group 5 is not mapped */
			line = &pts;
		if (rootless && line == &lines[5])
			line = &sys;
		hyfw_json_add_text(mount, "destination", line->destination);
		hyfw_json_add_text(mount, "type", line->type);
		hyfw_json_add_text(mount, "source", line->source);
		if (line->options[0])
			json_object_object_add(mount, "options", list_of(line->options));
		json_object_array_add(mounts, mount);
	}
	json_object_object_add(spec, "mounts", mounts);
}

static void add_mapping(struct json_object *linux_object, const char *name, int64_t outside)
{
	struct json_object *list = json_object_new_array(), *range = json_object_new_object();

	hyfw_json_add_number(range, "containerID", 0);
	hyfw_json_add_number(range, "hostID", outside);
	hyfw_json_add_number(range, "size", 1);
	json_object_array_add(list, range);
	json_object_object_add(linux_object, name, list);
}

/* Where there are groups of version 1 runc leaves their namespace to who wants it. */
static bool only_cgroup_v2(void)
{
	struct statfs at = { 0 };

	return statfs("/sys/fs/cgroup", &at) == 0 && at.f_type == CGROUP2_SUPER_MAGIC;
}

static void add_namespaces(struct json_object *linux_object, bool rootless)
{
	static const char *const names[] = { "pid", "ipc", "uts", "mount", "network", "cgroup", "user" };
	struct json_object *list = json_object_new_array();
	const bool unified = only_cgroup_v2();
	size_t i;

	for (i = 0; i < HYFW_COUNT(names); i++) {
		struct json_object *namespace = json_object_new_object();

		hyfw_json_add_text(namespace, "type", names[i]);
		if ((!rootless && strcmp(names[i], "user") == 0) || (!unified && strcmp(names[i], "cgroup") == 0))
			json_object_put(namespace);
		else
			json_object_array_add(list, namespace);
	}
	json_object_object_add(linux_object, "namespaces", list);
}

static void add_linux(struct json_object *spec, bool rootless)
{
	static const char *const masked[] = { "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
					      "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
					      "/sys/firmware", "/proc/scsi", NULL };
	static const char *const read_only[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
						 NULL };
	struct json_object *linux_object = child(spec, "linux"), *rules, *rule;

	if (rootless) {
		add_mapping(linux_object, "uidMappings", geteuid());
		add_mapping(linux_object, "gidMappings", getegid());
	} else {
		rules = json_object_new_array();
		rule = json_object_new_object();
		hyfw_json_add_bool(rule, "allow", false);
		hyfw_json_add_text(rule, "access", "rwm");
		json_object_array_add(rules, rule);
		json_object_object_add(child(linux_object, "resources"), "devices", rules);
	}
	add_namespaces(linux_object, rootless);
	json_object_object_add(linux_object, "maskedPaths", list_of(masked));
	json_object_object_add(linux_object, "readonlyPaths", list_of(read_only));
}

static struct json_object *make_spec(bool rootless)
{
	struct json_object *spec = json_object_new_object(), *root;

	hyfw_json_add_text(spec, "ociVersion", "1.2.0");
	add_process(spec);
	root = child(spec, "root");
	hyfw_json_add_text(root, "path", "rootfs");
	hyfw_json_add_bool(root, "readonly", true);
	hyfw_json_add_text(spec, "hostname", "hyfw");
	add_mounts(spec, rootless);
	add_linux(spec, rootless);
	return spec;
}

/* Nothing is overwritten. */
static int write_spec(const char *path, struct json_object *spec, struct hyfw_error **err)
{
	const char *text = json_object_to_json_string_ext(spec, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
								JSON_C_TO_STRING_NOSLASHESCAPE);
	HYFW_AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int result = fd < 0 ? -errno : hyfw_write_all(fd, text, strlen(text));

	if (result == 0)
		result = hyfw_write_all(fd, "\n", 1);
	if (result == -EEXIST)
		return hyfw_fail(err, EEXIST, "File %s exists. Remove it first", path);
	return result < 0 ? hyfw_fail_errno(err, -result, "%s", path) : 0;
}

static int spec_main(struct oci_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "bundle", required_argument, NULL, 'b' },
					       { "config", required_argument, NULL, 'f' },
					       { "rootless", no_argument, NULL, 'r' }, OCI_FLAG_HELP, { 0 } };
	HYFW_AUTO_FREE char *path = hyfw_dup("config.json");
	struct hyfw_error *err = NULL;
	struct json_object *spec;
	bool rootless = false;
	int flag, status;

	while ((flag = oci_flag(cli, &oci_verb_spec, argc, argv, "b:f:h", flags, 0, 0, &status)) >= 0) {
		rootless = rootless || flag == 'r';
		if (flag == 'r')
			continue;
		free(path);
		path = flag == 'b' ? hyfw_format("%s/config.json", optarg) : hyfw_dup(optarg);
	}
	if (flag == -2)
		return status;
	spec = make_spec(rootless);
	status = write_spec(path, spec, &err) < 0 ? oci_log_error(cli, err) : 0;
	json_object_put(spec);
	return status;
}

const struct oci_verb oci_verb_spec = { "spec", "spec [OPTION]...", "Write a config.json to begin with",
					spec_main };
