/* SPDX-License-Identifier: BSD-3-Clause
 * The directory of an embedded libvirt: a root of its own for each machine, below
 * the driver's runtime directory on tmpfs.  Its configuration makes QEMU a user of
 * the machine's own and leaves files and control groups to us.
 *
 *     ROOT/etc/qemu.conf
 *     ROOT/cache/qemu/capabilities   what libvirt knows about this QEMU; asking QEMU
 *                                    takes seconds, so the first machine's answer is
 *                                    kept in the data directory and copied from there
 *     ROOT/io                        sockets of QEMU's making
 *     ROOT/log, ROOT/run, ROOT/lib   libvirt's */
#include "../run.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CAPABILITIES "cache/qemu/capabilities"
#define LONGEST "/lib/qemu/domain-1-12345678901234567890/monitor.sock"

static int fail_path(const struct hyfw_host *host, struct hyfw_error **err, int errnum, const char *path)
{
	return host->fail(err, errnum, "%s: %s", path, strerror(errnum));
}

/* ---- where ---------------------------------------------------------------------- */

/* Beside the runtime directory, where that lies too deep for a socket's path. */
static const char *short_parent(const struct hyfw_host *host, struct hyfw_arena *arena)
{
	return host->format(arena, "/run/%s-kvm", host->owner);
}

const char *const *kvm_root_parents(const struct hyfw_host *host, struct hyfw_arena *arena)
{
	const char **parents = host->alloc(arena, 3 * sizeof(*parents));

	parents[0] = host->directory("kvm", HYFW_DIRECTORY_RUNTIME);
	parents[1] = short_parent(host, arena);
	return parents;
}

int kvm_root_choose(const struct hyfw_host *host, char **ret_path, struct hyfw_error **err)
{
	struct hyfw_arena *arena = host->arena_new();
	const char *const *parents = kvm_root_parents(host, arena);
	const char *parent = parents[0];
	const size_t room = sizeof(((struct sockaddr_un *)0)->sun_path);
	uint32_t id = 0;
	int r = 0;

	if (strlen(parent) + sizeof("/12345678" LONGEST) > room)
		parent = parents[1];
	if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id) ||
	    asprintf(ret_path, "%s/%08x", parent, id) < 0)
		r = host->fail(err, ENOMEM, "out of memory");
	host->arena_free(arena);
	return r;
}

/* The short one goes with the last machine in it, also between the two starts of a
 * machine that is started again.  QEMU's user walks through to what is its own. */
static int make_parent(const struct hyfw_host *host, const char *path, struct hyfw_error **err)
{
	struct hyfw_arena *arena = host->arena_new();
	const char *parent = host->format(arena, "%.*s", (int)(strrchr(path, '/') - path), path);
	int r = 0;

	if ((mkdir(parent, 0711) < 0 && errno != EEXIST) || chmod(parent, 0711) < 0)
		r = fail_path(host, err, errno, parent);
	host->arena_free(arena);
	return r;
}

/* ---- what is in it ----------------------------------------------------------------- */

/* The group that may open /dev/kvm, where that takes one.  libvirt asks QEMU anew what
 * it can do when KVM worked then (it asks with CAP_DAC_OVERRIDE) and this group may
 * not open it now.  What QEMU really runs as is in the domain. */
static uint32_t kvm_group(uint32_t otherwise)
{
	struct stat device;

	if (stat("/dev/kvm", &device) == 0 && (device.st_mode & 06) != 06 && (device.st_mode & 060) == 060)
		return device.st_gid;
	return otherwise;
}

static int write_configuration(int root, const struct hyfw_idmap *ids)
{
	int fd = openat(root, "etc/qemu.conf", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), r;
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (!file)
		return -errno;
	fprintf(file,
		"stdio_handler = \"file\"\n"
		"user = \"+%u\"\n"
		"group = \"+%u\"\n"
		"dynamic_ownership = 0\n"
		"remember_owner = 0\n"
		"security_driver = \"none\"\n"
		"seccomp_sandbox = 1\n"
		"namespaces = [ ]\n"
		"cgroup_controllers = [ ]\n"
		"auto_dump_bypass_cache = 0\n",
		ids->count ? ids->host_uid : 0, kvm_group(ids->count ? ids->host_gid : 0));
	r = ferror(file) ? -EIO : 0;
	return fclose(file) == EOF && r == 0 ? -errno : r;
}

static int copy_file(int from_dir, int to_dir, const char *name)
{
	KVM_AUTO_CLOSE int from = openat(from_dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	KVM_AUTO_CLOSE int to = -1;
	char temporary[64];
	struct stat status;
	off_t at = 0;

	if (from < 0 || fstat(from, &status) < 0)
		return -errno;
	snprintf(temporary, sizeof(temporary), ".%d", (int)getpid());
	unlinkat(to_dir, temporary, 0);
	to = openat(to_dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0)
		return -errno;
	while (at < status.st_size)
		if (sendfile(to, from, &at, (size_t)(status.st_size - at)) <= 0)
			break;
	if (at == status.st_size && futimens(to, (struct timespec[2]){ status.st_atim, status.st_mtim }) == 0 &&
	    renameat(to_dir, temporary, to_dir, name) == 0)
		return 0;
	unlinkat(to_dir, temporary, 0);
	return -EIO;
}

static bool is_same(int a, int b, const char *name)
{
	struct stat of_a, of_b;

	return fstatat(a, name, &of_a, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(b, name, &of_b, AT_SYMLINK_NOFOLLOW) == 0 && of_a.st_size == of_b.st_size &&
	       of_a.st_mtim.tv_sec == of_b.st_mtim.tv_sec && of_a.st_mtim.tv_nsec == of_b.st_mtim.tv_nsec;
}

/* Best effort: libvirt asks QEMU again for what is missing or stale. */
static void copy_capabilities(int from, int to)
{
	struct dirent *entry;
	DIR *dir = from < 0 || to < 0 ? NULL : fdopendir(dup(from));

	while (dir && (entry = readdir(dir))) {
		const char *suffix = strrchr(entry->d_name, '.');

		if (suffix && strcmp(suffix, ".xml") == 0 && !is_same(from, to, entry->d_name))
			copy_file(from, to, entry->d_name);
	}
	if (dir)
		closedir(dir);
}

static int open_store(const struct hyfw_host *host, bool make)
{
	KVM_AUTO_FREE char *path = NULL;

	if (asprintf(&path, "%s/capabilities", host->directory("kvm", HYFW_DIRECTORY_DATA)) < 0)
		return -ENOMEM;
	if (make && mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

bool kvm_root_has_capabilities(struct kvm_instance *kvm)
{
	int store = open_store(kvm->host, false);
	struct dirent *entry;
	bool found = false;
	DIR *dir = store < 0 ? NULL : fdopendir(store);

	while (dir && (entry = readdir(dir)))
		found = found || entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return found;
}

void kvm_root_keep_capabilities(struct kvm_instance *kvm, const char *root)
{
	KVM_AUTO_CLOSE int top = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	KVM_AUTO_CLOSE int from = openat(top, CAPABILITIES, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	KVM_AUTO_CLOSE int to = open_store(kvm->host, true);

	copy_capabilities(from, to);
}

static const struct {
	const char *path;
	mode_t mode;
	bool of_qemu;
} directories[] = {
	{ "etc", 0755, false },        { "cache", 0755, false },
	{ "cache/qemu", 0755, false }, { CAPABILITIES, 0755, false },
	{ "lib", 0755, false },        { "lib/qemu", 0751, true },
	{ "lib/qemu/channel", 0755, true }, { "lib/qemu/channel/target", 0755, true },
	{ "lib/qemu/checkpoint", 0755, true }, { "lib/qemu/dump", 0755, true },
	{ "lib/qemu/nvram", 0755, true }, { "lib/qemu/ram", 0755, true },
	{ "lib/qemu/save", 0755, true }, { "lib/qemu/snapshot", 0755, true },
	{ "log", 0755, false },        { "log/qemu", 0755, false },
	{ "run", 0755, false },        { "run/qemu", 0755, false },
	{ "run/qemu/dbus", 0770, true }, { "run/qemu/passt", 0755, true },
	{ "run/qemu/slirp", 0755, true }, { KVM_ROOT_SOCKETS, 0700, true },
};

/* Those of QEMU's own, in which it makes sockets and files. */
static int label_directories(const struct hyfw_host *host, const char *root, const char *label, struct hyfw_error **err)
{
	struct hyfw_arena *arena = host->arena_new();
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < KVM_COUNT(directories); i++)
		if (directories[i].of_qemu)
			r = kvm_label_file(host, host->format(arena, "%s/%s", root, directories[i].path), label, err);
	host->arena_free(arena);
	return r;
}

static int make_directories(const struct hyfw_host *host, int root, const char *path,
			    const struct hyfw_idmap *ids, const char *label, struct hyfw_error **err)
{
	size_t i;

	/* libvirt makes most of these only when it is initialised, which is once for a
	 * process; a machine that starts again in the same monitor finds them here. */
	for (i = 0; i < KVM_COUNT(directories); i++)
		if (mkdirat(root, directories[i].path, directories[i].mode) < 0 ||
		    (directories[i].of_qemu && ids->count &&
		     fchownat(root, directories[i].path, ids->host_uid, ids->host_gid, AT_SYMLINK_NOFOLLOW) < 0))
			return host->fail(err, errno, "%s/%s: %s", path, directories[i].path, strerror(errno));
	return label ? label_directories(host, path, label, err) : 0;
}

static int write_workload(int root, const char *name)
{
	KVM_AUTO_CLOSE int fd = openat(root, "workload", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd < 0 || write(fd, name, strlen(name)) < 0 ? -errno : 0;
}

const char *kvm_root_workload(const struct hyfw_host *host, struct hyfw_arena *arena, const char *root)
{
	KVM_AUTO_CLOSE int fd = open(host->format(arena, "%s/workload", root), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char name[256];
	ssize_t got = fd < 0 ? 0 : read(fd, name, sizeof(name));

	return got > 0 && got < (ssize_t)sizeof(name) ? host->format(arena, "%.*s", (int)got, name) : NULL;
}

int kvm_root_make(struct kvm_instance *kvm, const char *path, const char *workload, const struct hyfw_idmap *ids,
		  const char *label, struct hyfw_error **err)
{
	const struct hyfw_host *host = kvm->host;
	KVM_AUTO_CLOSE int store = open_store(host, false);
	KVM_AUTO_CLOSE int root = -1;
	KVM_AUTO_CLOSE int capabilities = -1;
	int r = make_parent(host, path, err);

	if (r < 0)
		return r;
	if (mkdir(path, 0711) < 0)
		return fail_path(host, err, errno, path);
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (root < 0)
		return fail_path(host, err, errno, path);
	r = write_workload(root, workload);
	if (r < 0)
		return host->fail(err, -r, "%s/workload: %s", path, strerror(-r));
	r = make_directories(host, root, path, ids, label, err);
	if (r < 0)
		return r;
	r = write_configuration(root, ids);
	if (r < 0)
		return host->fail(err, -r, "%s/etc/qemu.conf: %s", path, strerror(-r));
	capabilities = openat(root, CAPABILITIES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	copy_capabilities(store, capabilities);
	return 0;
}

/* ---- and its end ---------------------------------------------------------------------- */

static bool is_parent(const struct hyfw_host *host, const char *root)
{
	struct hyfw_arena *arena = host->arena_new();
	const char *const *parents = kvm_root_parents(host, arena);
	const char *slash = strrchr(root, '/');
	bool found = false;

	for (; *parents && !found; parents++)
		found = slash && strlen(*parents) == (size_t)(slash - root) &&
			strncmp(*parents, root, (size_t)(slash - root)) == 0 && strlen(slash + 1) == 8 &&
			strspn(slash + 1, "0123456789abcdef") == 8;
	host->arena_free(arena);
	return found;
}

int kvm_root_remove(const struct hyfw_host *host, const char *root, struct hyfw_error **err)
{
	struct hyfw_arena *arena;
	int r;

	if (!is_parent(host, root)) /* a journal is data from a file */
		return host->fail(err, EINVAL, "%s is no directory of a machine", root);
	r = kvm_remove_tree(root);
	if (r < 0)
		return host->fail(err, -r, "remove %s: %s", root, strerror(-r));
	arena = host->arena_new();
	rmdir(short_parent(host, arena)); /* stays while another machine has its root there */
	host->arena_free(arena);
	return 0;
}

const char *kvm_root_last_words(const struct hyfw_host *host, struct hyfw_arena *arena, const char *root)
{
	const char *path = host->format(arena, "%s/log/qemu", root), *line, *words = NULL;
	char text[4096 + 1];
	struct dirent *entry;
	DIR *dir = opendir(path);

	while (dir && (entry = readdir(dir))) {
		KVM_AUTO_CLOSE int fd = -1;
		char *next;
		off_t size;
		ssize_t got;

		if (entry->d_name[0] == '.')
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
		got = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, size > 4096 ? size - 4096 : 0);
		text[got > 0 ? got : 0] = '\0';
		for (line = strtok_r(text, "\n", &next); line; line = strtok_r(NULL, "\n", &next))
			/* QEMU's own begin with its name, or with what libvirt writes; the
			 * lines of its command line end with a backslash */
			if (strncmp(line, "20", 2) != 0 && line[0] != '-' && line[strlen(line) - 1] != '\\' &&
			    strstr(line, "qemu"))
				words = host->format(arena, "%s", line);
	}
	if (dir)
		closedir(dir);
	return words;
}
