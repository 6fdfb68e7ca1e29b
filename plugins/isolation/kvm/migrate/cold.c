/* SPDX-License-Identifier: BSD-3-Clause
 * A machine that does not run: its domain is defined at the other libvirtd, its disks
 * are sent through libvirt (virStorageVolUpload) where they are to be copied.  libvirt's
 * own offline migration copies no disks, and needs a libvirt here that knows it. */
#include "../snapshot/layer.h"
#include "migrate.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define QCOW2_MAGIC 0x514649fbu
#define NOWHERE "/run/hyfw" /* for sockets, which the libvirtd there makes elsewhere */

/* ---- the domain ------------------------------------------------------------------- */

/* Memory that is kept aside would not go along. */
static int check_saved(struct kvm_move *move, struct hyfw_error **err)
{
	const struct hyfw_host *host = move->run->kvm->host;
	const char *name = move->operation->workload->name;
	KVM_AUTO_PUT struct json_object *kept = NULL;
	int result = kvm_keep_load(host, move->operation->arena, name, &kept, err);

	if (result == 0 && *kvm_keep_text(kept, "restore"))
		result = host->fail(err, EBUSY, "its next start goes on with %s, which would stay here; start it and "
				    "migrate it running, or stop it again", kvm_keep_text(kept, "restore"));
	return result;
}

int kvm_move_describe(struct kvm_move *move, const char **ret_xml, struct hyfw_error **err)
{
	struct kvm_instance *kvm = move->run->kvm;
	const struct hyfw_host *host = kvm->host;
	struct hyfw_arena *arena = move->operation->arena;
	const struct hyfw_workload *workload = move->operation->workload;
	struct kvm_facts facts = { .owner = host->owner, .emulator = kvm->emulator, .embedded = !kvm->uri,
				   .directory = NOWHERE };
	char *xml = NULL;
	int result = check_saved(move, err);

	if (result == 0)
		result = kvm_accel(kvm, &workload->settings, &facts.accel, err);
	if (result == 0)
		result = kvm_password(host, arena, &workload->settings, &facts.password, err);
	facts.uuid = kvm_uuid(host, arena, workload->name, &workload->settings);
	facts.nvram = host->format(arena, "%s/" KVM_NVRAM "/%s.fd", host->directory("kvm", HYFW_DIRECTORY_DATA),
				   workload->name);
	if (result == 0)
		result = kvm_domain_xml(host, arena, workload, &facts, &xml, err);
	if (result == 0)
		*ret_xml = xml;
	return result;
}

/* ---- what is sent ------------------------------------------------------------------ */

struct sending {
	struct kvm_move *move;
	int fd;
	unsigned long long done, total;
};

static int tell(struct sending *sending, unsigned long long more)
{
	const struct hyfw_operation *operation = sending->move->operation;

	sending->done += more;
	hyfw_operation_tell(operation, sending->done, sending->total);
	return hyfw_operation_is_cancelled(operation) ? -1 : 0;
}

/* virStreamSourceFunc */
static int on_data(virStreamPtr stream, char *data, size_t size, void *opaque)
{
	struct sending *sending = opaque;
	const ssize_t got = read(sending->fd, data, size);

	(void)stream;
	return got < 0 || tell(sending, (unsigned long long)got) < 0 ? -1 : (int)got;
}

/* virStreamSourceHoleFunc: whether the file goes on with data, and for how long. */
static int on_section(virStreamPtr stream, int *ret_data, long long *ret_length, void *opaque)
{
	const struct sending *sending = opaque;
	const off_t at = lseek(sending->fd, 0, SEEK_CUR), size = (off_t)sending->total;
	off_t data = lseek(sending->fd, at, SEEK_DATA), end = size;

	(void)stream;
	if (at < 0 || (data < 0 && errno != ENXIO))
		return -1;
	if (data < 0)
		data = size;
	if (data == at)
		end = lseek(sending->fd, at, SEEK_HOLE);
	*ret_data = data == at && at < size;
	*ret_length = (data == at ? (end < 0 ? size : end) : data) - at;
	return lseek(sending->fd, at, SEEK_SET) == at ? 0 : -1;
}

/* virStreamSourceSkipFunc */
static int on_skip(virStreamPtr stream, long long length, void *opaque)
{
	struct sending *sending = opaque;

	(void)stream;
	return lseek(sending->fd, length, SEEK_CUR) < 0 ? -1 : tell(sending, (unsigned long long)length);
}

static int upload(struct sending *sending, const char *path, struct hyfw_error **err)
{
	const struct hyfw_host *host = sending->move->run->kvm->host;
	virStreamPtr stream = virStreamNew(sending->move->there, 0);
	bool sent = stream && virStorageVolUpload(kvm_move_last_file(sending->move), stream, 0, 0,
						  VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM) == 0;

	sent = sent && virStreamSparseSendAll(stream, on_data, on_section, on_skip, sending) == 0;
	sent = sent && virStreamFinish(stream) == 0;
	if (stream)
		virStreamFree(stream);
	if (sent)
		return 0;
	if (hyfw_operation_is_cancelled(sending->move->operation))
		return host->fail(err, ECANCELED, "the migration was cancelled; the machine stays here");
	return kvm_fail_libvirt(host, err, host->format(sending->move->operation->arena, "storage: send %s", path));
}

static int send_file(struct kvm_move *move, const char *path, int fd, struct hyfw_error **err)
{
	struct sending sending = { .move = move, .fd = fd };
	struct stat st;
	int result;

	if (fstat(fd, &st) < 0)
		return move->run->kvm->host->fail(err, errno, "storage: %s: %s", path, strerror(errno));
	sending.total = (unsigned long long)st.st_size;
	/* "raw": a file of this size and nothing in it, whatever we send. */
	result = kvm_move_make_file(move, path, "raw", sending.total, err);
	return result < 0 ? result : upload(&sending, path, err);
}

/* ---- disks ------------------------------------------------------------------------- */

/* The header of a qcow2 file (docs/interop/qcow2.txt of QEMU) has the offset of the name
 * of the file that it is based on at byte 8. */
static bool has_backing(int fd)
{
	unsigned char header[16] = { 0 };
	static const unsigned char none[8] = { 0 };

	if (pread(fd, header, sizeof(header), 0) != (ssize_t)sizeof(header))
		return false;
	return ((uint32_t)header[0] << 24 | (uint32_t)header[1] << 16 | (uint32_t)header[2] << 8 | header[3]) ==
		       QCOW2_MAGIC && memcmp(header + 8, none, sizeof(none)) != 0;
}

/* What a disk is based on stays here: a copy that stands alone, open and already
 * without a name. */
static int flatten(struct kvm_move *move, const char *path, const char *format, struct hyfw_error **err)
{
	const struct hyfw_host *host = move->run->kvm->host;
	struct hyfw_arena *arena = move->operation->arena;
	const char *copy = kvm_keep_path(host, arena, move->operation->object, "saved.part");
	const char *const argv[] = { "convert", "-f", format, "-O", format, "--", path, copy, NULL };
	int result, fd;

	mkdir(host->format(arena, "%s/" KVM_KEPT, host->directory("kvm", HYFW_DIRECTORY_DATA)), 0700);
	result = kvm_qemu_img(host, arena, geteuid(), getegid(), argv, move->operation, err);
	fd = result < 0 ? result : open(copy, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (result == 0 && fd < 0)
		fd = host->fail(err, errno, "%s: %s", copy, strerror(errno));
	unlink(copy);
	return fd;
}

static int send_disk(struct kvm_move *move, xmlNode *disk, void *data, struct hyfw_error **err)
{
	const struct hyfw_host *host = move->run->kvm->host;
	const char *path = kvm_move_text(move, disk, "string(source/@file)");
	const char *format = kvm_move_text(move, disk, "string(driver/@type)");
	KVM_AUTO_CLOSE int fd = -1;

	(void)data;
	if (!*path) {
		if (*kvm_move_text(move, disk, "string(source/@dev)"))
			return host->fail(err, ENOTSUP, "storage: %s is a device of this host and cannot be copied",
					  kvm_move_text(move, disk, "string(source/@dev)"));
		return 0; /* no medium */
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return host->fail(err, errno, "storage: %s: %s", path, strerror(errno));
	if (strcmp(format, "qcow2") == 0 && has_backing(fd)) {
		close(fd);
		fd = flatten(move, path, format, err);
	}
	return fd < 0 ? fd : send_file(move, path, fd, err);
}

static int send_variables(struct kvm_move *move, struct hyfw_error **err)
{
	const char *path = kvm_move_text(move, NULL, "string(/domain/os/nvram)");
	KVM_AUTO_CLOSE int fd = *path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;

	return fd < 0 ? 0 : send_file(move, path, fd, err); /* it has none before its first start */
}

/* ---- all of it ----------------------------------------------------------------------- */

int kvm_move_cold(struct kvm_move *move, struct hyfw_error **err)
{
	virDomainPtr there;
	int result = 0;

	if (move->copy_storage)
		result = kvm_move_each(move, "/domain/devices/disk[not(readonly)]", send_disk, NULL, err);
	if (result == 0 && move->copy_storage)
		result = send_variables(move, err);
	if (result < 0)
		return result;
	there = virDomainDefineXML(move->there, kvm_move_target(move));
	if (!there)
		return kvm_fail_libvirt(move->run->kvm->host, err, "define it there");
	virDomainFree(there);
	return 0;
}
