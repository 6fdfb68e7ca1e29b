/* SPDX-License-Identifier: BSD-3-Clause
 * UEFI firmware: where distributions keep OVMF without secure boot, and a machine's
 * own copy of the variables. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kvm.h"

static const struct kvm_efi places[] = {
	{ "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd" },             /* Debian */
	{ "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd" },                   /* older */
	{ "/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd" },         /* Fedora */
	{ "/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd" },     /* Arch */
	{ "/usr/share/edk2-ovmf/x64/OVMF_CODE.fd", "/usr/share/edk2-ovmf/x64/OVMF_VARS.fd" }, /* older */
};

const struct kvm_efi *kvm_efi(void)
{
	static const struct kvm_efi none;
	size_t i;

	for (i = 0; i < KVM_COUNT(places); i++)
		if (access(places[i].code, R_OK) == 0 && access(places[i].variables, R_OK) == 0)
			return &places[i];
	return &none;
}

static int copy(int from, int to)
{
	ssize_t n;

	do
		n = sendfile(to, from, NULL, 1 << 20);
	while (n > 0);
	return n < 0 ? -errno : 0;
}

/* Under another name first: a copy that was cut short would not boot. */
static int make(const char *path, const char *partial, uint32_t uid, uint32_t gid)
{
	const int from = open(kvm_efi()->variables, O_RDONLY | O_CLOEXEC);
	int to, result;

	if (from < 0)
		return -errno;
	unlink(partial);
	to = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	result = to < 0 ? -errno : copy(from, to);
	if (result == 0 && (fchown(to, uid, gid) < 0 || rename(partial, path) < 0))
		result = -errno;
	if (to >= 0)
		close(to);
	close(from);
	return result;
}

int kvm_nvram_make(const struct hyfw_host *host, struct hyfw_arena *arena, const char *path,
		   const struct hyfw_idmap *idmap, struct hyfw_error **err)
{
	const uint32_t uid = idmap->count ? idmap->host_uid : 0, gid = idmap->count ? idmap->host_gid : 0;
	int result;

	if (!kvm_efi()->code)
		return host->fail(err, ENOENT, "firmware = efi: no OVMF found in /usr/share; install the package ovmf");
	if (access(path, F_OK) == 0)
		result = lchown(path, uid, gid) < 0 ? -errno : 0;
	else
		result = make(path, host->format(arena, "%s.new", path), uid, gid);
	return result < 0 ? host->fail(err, -result, "%s: %s", path, strerror(-result)) : 0;
}
