/* SPDX-License-Identifier: BSD-3-Clause
 * Boot sector and boot loader for a PC with a BIOS: GRUB of this machine
 * (grub-pc-bin), put together by grub-mkimage and written in front of the partition.
 * Nothing is mounted and nothing of the disk's content is run.
 *
 * boot.img loads the sector after it, diskboot.img at the start of core.img, whose list
 * of blocks says by itself that the rest follows; see grub-core/boot/i386/pc/boot.S
 * (kernel_sector) and diskboot.S (blocklist_default_start). */
#include "fast_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define GRUB "/usr/lib/grub/i386-pc"
#define SECTOR 512
#define CODE 440          /* of the boot sector, before the disk's number and its table */
#define TABLE 446
#define LINUX_PARTITION 0x83
#define CORE_MOST (1u << 20)

static void put_32(unsigned char *at, uint32_t number)
{
	at[0] = (unsigned char)number;
	at[1] = (unsigned char)(number >> 8);
	at[2] = (unsigned char)(number >> 16);
	at[3] = (unsigned char)(number >> 24);
}

/* One partition that can be booted; its cylinders are "see the sectors" (0xfeffff). */
static void put_table(unsigned char sector[static SECTOR], int64_t start, int64_t end, const char *uuid)
{
	unsigned char *entry = sector + TABLE;

	memset(sector + CODE, 0, SECTOR - CODE);
	put_32(sector + CODE, (uint32_t)strtoul(uuid, NULL, 16)); /* the disk's number: any */
	entry[0] = 0x80;
	memcpy(entry + 1, "\xfe\xff\xff", 3);
	entry[4] = LINUX_PARTITION;
	memcpy(entry + 5, "\xfe\xff\xff", 3);
	put_32(entry + 8, (uint32_t)(start / SECTOR));
	put_32(entry + 12, (uint32_t)((end - start) / SECTOR));
	sector[SECTOR - 2] = 0x55;
	sector[SECTOR - 1] = 0xaa;
}

static ssize_t read_whole(const char *path, unsigned char *ret_data, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	ssize_t got = 1;

	while (fd >= 0 && size < room && (got = read(fd, ret_data + size, room - size)) > 0)
		size += (size_t)got;
	if (fd >= 0)
		close(fd);
	return fd < 0 || got < 0 ? -1 : (ssize_t)size;
}

/* What GRUB does first: find the file system, and there its menu. */
static int write_early(struct qcow2 *qcow2, const char *path, const char *uuid, struct hyfw_error **err)
{
	FILE *file = fopen(path, "wxe");

	if (!file)
		return qcow2->host->fail(err, errno, "%s: %s", path, strerror(errno));
	fprintf(file, "serial --unit=0 --speed=115200\nsearch.fs_uuid %s root\nset prefix=($root)/boot/grub\n"
		      "configfile ($root)/boot/grub/grub.cfg\n", uuid);
	if (fclose(file) != 0)
		return qcow2->host->fail(err, EIO, "%s: cannot be written", path);
	return 0;
}

static int make_core(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *early, const char *core,
		     struct hyfw_error **err)
{
	const char *const argv[] = { "grub-mkimage", "--format=i386-pc", "--directory=" GRUB, "--prefix=/boot/grub",
				     "--config", early, "--output", core, "biosdisk", "part_msdos", "ext2",
				     "search_fs_uuid", "configfile", "normal", "linux", "serial", "terminal", "echo", "test",
				     "reboot", "halt", NULL };
	const struct hyfw_program program = { .size = sizeof(program), .argv = argv };
	int result = qcow2->host->run(operation->arena, &program, NULL, err);

	return result < 0 ? qcow2->host->wrap(err, "the boot loader (packages grub-common and grub-pc-bin)") : 0;
}

int fast_boot_write(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *work,
		    const char *image, const char *uuid, int64_t room, int64_t bytes, struct hyfw_error **err)
{
	const struct hyfw_host *host = qcow2->host;
	char *early = host->format(operation->arena, "%s/early.cfg", work);
	char *core = host->format(operation->arena, "%s/core.img", work);
	unsigned char *data = host->alloc(operation->arena, SECTOR + CORE_MOST);
	ssize_t size = 0, boot = 0;
	int fd, result = write_early(qcow2, early, uuid, err);

	if (result == 0)
		result = make_core(qcow2, operation, early, core, err);
	if (result < 0)
		return result;
	boot = read_whole(GRUB "/boot.img", data, SECTOR);
	size = read_whole(core, data + SECTOR, CORE_MOST);
	if (boot != SECTOR || size <= 0 || size > room - SECTOR)
		return host->fail(err, EIO, "the boot loader of " GRUB " cannot be used");
	put_table(data, room, bytes, uuid);
	fd = open(image, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || pwrite(fd, data, (size_t)size + SECTOR, 0) != size + SECTOR)
		result = host->fail(err, errno, "%s: %s", image, strerror(errno));
	if (fd >= 0)
		close(fd);
	return result;
}
