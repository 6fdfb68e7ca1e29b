/* SPDX-License-Identifier: BSD-3-Clause
 * What a tree lacks to be the root file system of a machine.  The tree is a
 * stranger's: nothing of it is run, and no path leaves it (openat2, RESOLVE_IN_ROOT). */
#include "fast_disk.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILE_MOST (1u << 20)
#define KERNEL_PREFIX "vmlinuz-"
#define COMMAND_LINE "ro console=tty0 console=ttyS0"

/* ---- files below a root ---- */

static int open_below(int root, const char *path, int flags)
{
	const struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC), .resolve = RESOLVE_IN_ROOT };

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

/* The directory of 'path', made when it is missing; '*ret_name' is its last component. */
static int open_parent(int root, const char *path, unsigned mode, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX];
	int fd, above;

	snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - path) : 0, path);
	*ret_name = slash ? slash + 1 : path;
	fd = open_below(root, *parent ? parent : ".", O_PATH | O_DIRECTORY);
	if (fd < 0 && errno == ENOENT && slash) {
		const char *name;

		above = open_parent(root, parent, 0755, &name);
		if (above < 0)
			return -1;
		mkdirat(above, name, mode);
		close(above);
		fd = open_below(root, parent, O_PATH | O_DIRECTORY);
	}
	return fd;
}

/* The whole file with a NUL behind it; "" when there is none. */
static char *read_below(int root, const char *path)
{
	char *text = calloc(1, FILE_MOST + 1);
	int fd = open_below(root, path, O_RDONLY | O_NONBLOCK);
	size_t size = 0;
	struct stat st;
	ssize_t got;

	if (fd >= 0 && text && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		while (size < FILE_MOST && (got = read(fd, text + size, FILE_MOST - size)) > 0)
			size += (size_t)got;
	if (fd >= 0)
		close(fd);
	return text;
}

/* A new file in place of the old; owner root as of everything that is written here. */
static int write_below(struct gf_worker *worker, int root, const char *path, const char *text, unsigned mode,
		       unsigned parent_mode)
{
	static const char temporary[] = ".hyfw-new";
	const size_t size = strlen(text);
	const char *name;
	int parent = open_parent(root, path, parent_mode, &name), fd;
	bool good;

	if (parent < 0)
		return gf_fail(worker, errno, "/%s: %s", path, strerror(errno));
	unlinkat(parent, temporary, 0);
	fd = openat(parent, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	good = fd >= 0 && write(fd, text, size) == (ssize_t)size && fchmod(fd, mode) == 0 &&
	       renameat(parent, temporary, parent, name) == 0;
	if (!good)
		gf_fail(worker, errno, "/%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	close(parent);
	return good ? 0 : -1;
}

static const char *argument(const struct gf_worker *worker, const char *key)
{
	return hyfw_map_get(&worker->operation->args, key);
}

__attribute__((format(printf, 2, 3)))
static char *text_of(struct gf_worker *worker, const char *format, ...)
{
	char *text = NULL, *kept;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	kept = worker->qcow2->host->format(worker->operation->arena, "%s", text ? text : "");
	free(text);
	return kept;
}

/* ---- kernel and boot menu ---- */

/* The newest kernel of /boot that is a regular file. */
static int find_kernel(struct gf_worker *worker, int root, char ret_version[static NAME_MAX + 1])
{
	int fd = open_below(root, "boot", O_RDONLY | O_DIRECTORY);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	struct stat st;

	*ret_version = '\0';
	while (list && (entry = readdir(list))) {
		const char *version = entry->d_name + strlen(KERNEL_PREFIX);

		if (strncmp(entry->d_name, KERNEL_PREFIX, strlen(KERNEL_PREFIX)) != 0 ||
		    version[strspn(version, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+~_-")] ||
		    fstatat(dirfd(list), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (!*ret_version || strverscmp(version, ret_version) > 0)
			snprintf(ret_version, NAME_MAX + 1, "%s", version);
	}
	if (list)
		closedir(list);
	if (*ret_version)
		return 0;
	return gf_fail(worker, ENOENT, "there is no /boot/" KERNEL_PREFIX "* in it: install a kernel in the tree "
				       "(Debian: linux-image-cloud-amd64)");
}

/* Words of a kernel's command line go into a file that GRUB reads as commands. */
static bool good_words(const char *words)
{
	return !words[strspn(words, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:=/_+@%-")];
}

/* The links that Debian keeps to its newest kernel are used where they are, so that an
 * update of the kernel inside needs none of the menu. */
static int write_menu(struct gf_worker *worker, int root, const char *version, const char *uuid)
{
	const char *cmdline = argument(worker, "cmdline"), *kernel, *initrd = "";
	const bool linked = faccessat(root, "vmlinuz", F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
			    faccessat(root, "initrd.img", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	char *path = text_of(worker, "boot/initrd.img-%s", version);
	int fd;

	if (cmdline && !good_words(cmdline))
		return gf_fail(worker, EINVAL, "cmdline '%s': has characters that cannot be given", cmdline);
	fd = open_below(root, path, O_PATH);
	if (fd >= 0)
		initrd = linked ? "initrd /initrd.img\n" : text_of(worker, "initrd /%s\n", path);
	else
		worker->qcow2->host->log(HYFW_LOG_WARNING, "no /%s: the kernel must find its root by itself", path);
	if (fd >= 0)
		close(fd);
	kernel = linked ? "/vmlinuz" : text_of(worker, "/boot/" KERNEL_PREFIX "%s", version);
	gf_report(worker, "kernel", version);
	return write_below(worker, root, "boot/grub/grub.cfg",
			   text_of(worker, "# Made by hyfw image build-disk.\nset timeout=0\nlinux %s root=%s%s " COMMAND_LINE
					   "%s%s\n%sboot\n",
				   kernel, *initrd ? "UUID=" : "", *initrd ? uuid : "/dev/vda1", cmdline ? " " : "",
				   cmdline ? cmdline : "", initrd),
			   0644, 0755);
}

/* ---- who it is, and who may come in ---- */

static int write_hostname(struct gf_worker *worker, int root)
{
	const char *name = argument(worker, "hostname");
	char *hosts;
	int result;

	if (!name)
		return 0;
	result = write_below(worker, root, "etc/hostname", text_of(worker, "%s\n", name), 0644, 0755);
	hosts = read_below(root, "etc/hosts");
	if (result == 0 && hosts && !strstr(hosts, name))
		result = write_below(worker, root, "etc/hosts",
				     text_of(worker, "%s%s127.0.1.1\t%s\n", *hosts ? hosts : "127.0.0.1\tlocalhost",
					     *hosts && hosts[strlen(hosts) - 1] == '\n' ? "" : "\n", name),
				     0644, 0755);
	free(hosts);
	return result;
}

/* The caller's file, which is the administrator's. */
static char *read_here(struct gf_worker *worker, const char *path)
{
	int here = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *text = read_below(here, path);

	close(here);
	if (text && *text)
		return text;
	free(text);
	gf_fail(worker, ENOENT, "%s: not to be read, or empty", path);
	return NULL;
}

static int write_keys(struct gf_worker *worker, int root)
{
	char *keys = NULL;
	const char *path;
	size_t cursor = 0;

	while ((path = hyfw_map_next(&worker->operation->args, "ssh_key_file", &cursor))) {
		char *more = read_here(worker, path);

		if (!more)
			return -1;
		keys = text_of(worker, "%s%s%s", keys ? keys : "", more, more[strlen(more) - 1] == '\n' ? "" : "\n");
		free(more);
	}
	return keys ? write_below(worker, root, "root/.ssh/authorized_keys", keys, 0600, 0700) : 0;
}

/* yescrypt by libcrypt, which every Debian has; opened here so that the driver is not
 * linked with it.  NULL when it cannot. */
static const char *hash(const char *password)
{
	void *library = dlopen("libcrypt.so.1", RTLD_NOW | RTLD_LOCAL);
	char *(*gensalt)(const char *, unsigned long, const char *, int) = NULL;
	char *(*encrypt_)(const char *, const char *) = NULL;
	const char *salt;

	if (!library)
		return NULL;
	*(void **)&gensalt = dlsym(library, "crypt_gensalt");
	*(void **)&encrypt_ = dlsym(library, "crypt");
	salt = gensalt && encrypt_ ? gensalt("$y$", 0, NULL, 0) : NULL;
	salt = salt ? encrypt_(password, salt) : NULL;
	return salt && salt[0] == '$' ? salt : NULL;
}

static int write_password(struct gf_worker *worker, int root)
{
	const char *path = argument(worker, "root_password_file"), *hashed;
	char *password = path ? read_here(worker, path) : NULL, *shadow, *line, *end;
	int result = -1;

	if (!path)
		return 0;
	if (!password)
		return -1;
	password[strcspn(password, "\r\n")] = '\0';
	hashed = hash(password);
	explicit_bzero(password, strlen(password));
	free(password);
	shadow = read_below(root, "etc/shadow");
	line = !shadow ? NULL : strncmp(shadow, "root:", 5) == 0 ? shadow : strstr(shadow, "\nroot:");
	end = line ? strchr(line + 6, ':') : NULL;
	if (!hashed)
		gf_fail(worker, ENOTSUP, "the password cannot be hashed: libcrypt is missing");
	else if (!end)
		gf_fail(worker, ENOENT, "/etc/shadow has no line for root");
	else
		result = write_below(worker, root, "etc/shadow",
				     text_of(worker, "%.*sroot:%s%s", (int)(line - shadow) + (*line == '\n'), shadow, hashed, end),
				     0640, 0755);
	free(shadow);
	return result;
}

/* Unless somebody wrote one that says what "/" is. */
static int write_fstab(struct gf_worker *worker, int root, const char *uuid)
{
	char *text = read_below(root, "etc/fstab"), *copy, *line, *rest = NULL;
	bool told = false;

	if (!text)
		return gf_fail(worker, ENOMEM, "out of memory");
	copy = text_of(worker, "%s", text);
	free(text);
	for (line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char what[256], where[256];

		if (line[0] != '#' && sscanf(line, "%255s %255s", what, where) == 2 && strcmp(where, "/") == 0)
			told = true;
	}
	if (told)
		return 0;
	return write_below(worker, root, "etc/fstab", text_of(worker, "UUID=%s / ext4 errors=remount-ro 0 1\n", uuid), 0644,
			   0755);
}

int fast_prepare(struct gf_worker *worker, const char *root, const char *uuid)
{
	int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC), result;
	char version[NAME_MAX + 1];

	if (fd < 0)
		return gf_fail(worker, errno, "%s: %s", root, strerror(errno));
	result = find_kernel(worker, fd, version);
	if (result == 0)
		result = write_menu(worker, fd, version, uuid);
	if (result == 0)
		result = write_hostname(worker, fd);
	if (result == 0)
		result = write_keys(worker, fd);
	if (result == 0)
		result = write_password(worker, fd);
	if (result == 0)
		result = write_fstab(worker, fd, uuid);
	close(fd);
	return result;
}
