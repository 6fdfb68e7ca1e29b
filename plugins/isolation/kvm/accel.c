/* SPDX-License-Identifier: BSD-3-Clause
 * Which accelerator machines get, and probe().  The trial of KVM is made once for
 * each boot of the host; its verdict is in the cache of the host. */
#include "run.h"
#include "trial.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define BUCKET "kvm-trial"

/* The first 'size' - 1 bytes of a small file, "" when it cannot be read. */
static void read_text(const char *path, char *text, size_t size)
{
	KVM_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, text, size - 1);

	text[got > 0 ? got : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

static const char *cpu_model(const struct hyfw_host *host, struct hyfw_arena *arena)
{
	char *line = NULL;
	const char *model = "";
	size_t size = 0;
	FILE *file = fopen("/proc/cpuinfo", "re");

	while (file && getline(&line, &size, file) > 0)
		if (strncmp(line, "model name", 10) == 0) {
			line[strcspn(line, "\n")] = '\0';
			model = host->format(arena, "%s", line);
			break;
		}
	free(line);
	if (file)
		fclose(file);
	return model;
}

/* All that the verdict depends on, and the device: it comes with its module. */
static const char *cache_key(const struct hyfw_host *host, struct hyfw_arena *arena)
{
	char boot[64];
	struct utsname name = { 0 };
	struct stat device = { 0 };

	read_text("/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
	uname(&name);
	if (stat("/dev/kvm", &device) < 0)
		device.st_ino = 0;
	return host->format(arena, "1|%s|%s|%s|%s|%llu|%u", name.release, name.version,
			    cpu_model(host, arena), boot, (unsigned long long)device.st_ino, geteuid());
}

const char *kvm_trouble(const struct hyfw_host *host, struct hyfw_arena *arena)
{
	const char *key = cache_key(host, arena), *reason = NULL;
	const void *data = NULL;
	size_t size = 0;

	if (host->cache_get(arena, BUCKET, key, &data, &size) == 1)
		return size ? host->format(arena, "%.*s", (int)size, (const char *)data) : NULL;
	/* A trial that took too long may have met a busy host: not for ever. */
	if (kvm_trial(&reason))
		host->cache_put(BUCKET, key, reason ? reason : "", reason ? strlen(reason) : 0);
	return reason;
}

int kvm_accel(struct kvm_instance *kvm, const struct hyfw_map *settings, enum kvm_accel *ret_accel,
	      struct hyfw_error **err)
{
	const struct hyfw_host *host = kvm->host;
	const char *wanted = hyfw_map_get(settings, "accel"), *trouble;
	struct hyfw_arena *arena;
	int r = 0;

	if (wanted && strcmp(wanted, "tcg") == 0) {
		*ret_accel = KVM_ACCEL_TCG;
		return 0;
	}
	/* What another host can do is for its libvirtd to say. */
	if (kvm->uri && kvm_uri_is_remote(kvm->uri)) {
		*ret_accel = KVM_ACCEL_KVM;
		return 0;
	}
	arena = host->arena_new();
	trouble = kvm_trouble(host, arena);
	if (trouble && wanted && strcmp(wanted, "kvm") == 0)
		r = host->fail(err, ENOTSUP, "accel = kvm: %s; accel = auto falls back to software emulation",
			       trouble);
	else
		*ret_accel = trouble ? KVM_ACCEL_TCG : KVM_ACCEL_KVM;
	host->arena_free(arena);
	return r;
}

const char *kvm_nested(void)
{
	static const char *const files[] = { "/sys/module/kvm_intel/parameters/nested",
					     "/sys/module/kvm_amd/parameters/nested" };
	char value[8];
	size_t i;

	for (i = 0; i < KVM_COUNT(files); i++) {
		read_text(files[i], value, sizeof(value));
		if (value[0])
			return value[0] == 'Y' || value[0] == '1' ? "on" : "off";
	}
	return "not offered by this host";
}

int kvm_probe(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
	      struct hyfw_error **err)
{
	const char *trouble;

	(void)err;
	if (access(KVM_EMULATOR, X_OK) < 0) {
		ret_probe->result = HYFW_PROBE_NO;
		ret_probe->reason = "there is no " KVM_EMULATOR ": install qemu-system-x86";
		return 0;
	}
	trouble = kvm_trouble(host, arena);
	ret_probe->result = trouble ? HYFW_PROBE_DEGRADED : HYFW_PROBE_OK;
	if (trouble)
		ret_probe->reason = host->format(arena, "machines run in software emulation (tcg), several times "
						 "slower: %s (nested virtualization: %s)", trouble, kvm_nested());
	return 0;
}
