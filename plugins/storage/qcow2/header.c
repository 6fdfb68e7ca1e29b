/* SPDX-License-Identifier: BSD-3-Clause
 * Which format it is, and the header of qcow2; those of the others are in foreign.c. */
#include "header.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "foreign.h"

#define SIZE_LONGEST (UINT64_C(1) << 50) /* a PiB; more is no disk but an attack */
#define CLUSTER_BITS_MIN 9u
#define CLUSTER_BITS_MAX 21u
#define L1_LONGEST (32u << 20) /* bytes; QCOW_MAX_L1_SIZE of block/qcow2.h */
#define SNAPSHOTS_MOST 65536u
#define EXTENSIONS_MOST 64u
#define HEADER_V2 72u
#define HEADER_V3 104u
#define HEADER_LONGEST 4096u
#define EXTENSION_END 0x00000000u
#define EXTENSION_BACKING_FORMAT 0xe2792acau
#define EXTENSION_DATA_FILE 0x44415441u
#define INCOMPATIBLE_DIRTY (UINT64_C(1) << 0)
#define INCOMPATIBLE_CORRUPT (UINT64_C(1) << 1)
#define INCOMPATIBLE_DATA_FILE (UINT64_C(1) << 2)
#define INCOMPATIBLE_KNOWN UINT64_C(0x1f)

ssize_t header_bytes(int fd, void *buffer, size_t size, uint64_t offset)
{
	size_t done = 0;

	if (offset > INT64_MAX - size)
		return 0;
	while (done < size) {
		ssize_t got = pread(fd, (char *)buffer + done, size - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

/* ---- which format ---- */

static const struct {
	const char *format;
	size_t offset;
	const char *magic;
	size_t length;
} magics[] = {
	{ "qcow", 0, "QFI\xfb\0\0\0\1", 8 },
	{ "qcow2", 0, "QFI\xfb", 4 },
	{ "vmdk", 0, "KDMV", 4 },
	{ "vmdk-descriptor", 0, "# Disk DescriptorFile", 21 },
	{ "vmdk-cowd", 0, "COWD", 4 },
	{ "vhdx", 0, "vhdxfile", 8 },
	{ "vpc", 0, "conectix", 8 },
	{ "vdi", 64, "\x7f\x10\xda\xbe", 4 },
	{ "qed", 0, "QED", 4 },
	{ "parallels", 0, "WithoutFreeSpace", 16 },
	{ "parallels", 0, "WithouFreSpacExt", 16 },
	{ "bochs", 0, "Bochs Virtual HD Image", 22 },
	{ "cloop", 0, "#!/bin/sh\n#V2.0 Format\nmodprobe cloop", 37 },
};

int qcow2_header_probe(int fd, const char **ret_format)
{
	unsigned char start[512];
	ssize_t size = header_bytes(fd, start, sizeof(start), 0);
	size_t i;

	if (size < 0)
		return (int)size;
	for (i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		if (magics[i].offset + magics[i].length > (size_t)size ||
		    memcmp(start + magics[i].offset, magics[i].magic, magics[i].length) != 0)
			continue;
		*ret_format = magics[i].format;
		return 0;
	}
	*ret_format = "raw";
	return 0;
}

bool qcow2_header_looks_like_disk(int fd)
{
	static const struct {
		uint64_t offset;
		const char *magic;
		size_t length;
	} signs[] = {
		{ 510, "\x55\xaa", 2 },      /* partitions, or a boot sector */
		{ 512, "EFI PART", 8 },      /* GPT */
		{ 4096, "EFI PART", 8 },
		{ 0x8001, "CD001", 5 },      /* ISO 9660 */
		{ 1080, "\x53\xef", 2 },     /* ext2, ext3, ext4 */
		{ 0, "XFSB", 4 },
		{ 0x10040, "_BHRfS_M", 8 },  /* btrfs */
		{ 0, "hsqs", 4 },            /* squashfs */
		{ 1024, "\xe2\xe1\xf5\xe0", 4 }, /* erofs */
		{ 0, "LUKS\xba\xbe", 6 },
	};
	size_t i;

	for (i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		char found[8];

		if (header_bytes(fd, found, signs[i].length, signs[i].offset) == (ssize_t)signs[i].length &&
		    memcmp(found, signs[i].magic, signs[i].length) == 0)
			return true;
	}
	return false;
}

/* ---- qcow2 ---- */

static int bad(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EBADMSG;
}

static int read_extension(const unsigned char *data, uint32_t type, uint32_t length, struct qcow2_header *header,
			  const char **ret_why)
{
	if (type == EXTENSION_DATA_FILE)
		header->external_data = true;
	if (type != EXTENSION_BACKING_FORMAT)
		return 0;
	if (length >= sizeof(header->backing_format) || memchr(data, '\0', length))
		return bad(ret_why, "the name of its backing format is damaged");
	memcpy(header->backing_format, data, length);
	header->backing_format[length] = '\0';
	return 0;
}

/* From 'offset' to the backing file's name, or the end of the first cluster. */
static int read_extensions(int fd, uint64_t offset, uint64_t end, struct qcow2_header *header,
			   const char **ret_why)
{
	unsigned count;

	for (count = 0; count < EXTENSIONS_MOST && offset + 8 <= end; count++) {
		unsigned char head[8], data[64] = { 0 };
		uint32_t type, length, wanted;
		int result;

		if (header_bytes(fd, head, sizeof(head), offset) != (ssize_t)sizeof(head))
			return bad(ret_why, "its header is cut off");
		type = bytes_be32(head);
		length = bytes_be32(head + 4);
		offset += sizeof(head);
		if (type == EXTENSION_END)
			return 0;
		if (length > end - offset)
			return bad(ret_why, "an extension of its header is too long");
		wanted = length < sizeof(data) ? length : (uint32_t)sizeof(data);
		if (header_bytes(fd, data, wanted, offset) != (ssize_t)wanted)
			return bad(ret_why, "its header is cut off");
		result = read_extension(data, type, length, header, ret_why);
		if (result < 0)
			return result;
		offset += ((uint64_t)length + 7) & ~UINT64_C(7);
	}
	return count < EXTENSIONS_MOST ? 0 : bad(ret_why, "its header has too many extensions");
}

static int read_backing(int fd, uint64_t offset, uint32_t length, struct qcow2_header *header,
			const char **ret_why)
{
	if (length == 0)
		return 0;
	if (length > QCOW2_BACKING_LONGEST || offset > header->cluster_size - length)
		return bad(ret_why, "the name of its backing file is damaged");
	if (header_bytes(fd, header->backing, length, offset) != (ssize_t)length ||
	    memchr(header->backing, '\0', length))
		return bad(ret_why, "the name of its backing file is damaged");
	header->backing[length] = '\0';
	return 0;
}

static int read_features(const unsigned char *at, struct qcow2_header *header, const char **ret_why)
{
	uint64_t incompatible = bytes_be64(at + 72);

	header->dirty = incompatible & INCOMPATIBLE_DIRTY;
	header->corrupt = incompatible & INCOMPATIBLE_CORRUPT;
	header->external_data = incompatible & INCOMPATIBLE_DATA_FILE;
	if (incompatible & ~INCOMPATIBLE_KNOWN)
		return bad(ret_why, "it has features that are not known here");
	return 0;
}

static int check_tables(const unsigned char *at, const struct qcow2_header *header, const char **ret_why)
{
	uint64_t l1_size = bytes_be32(at + 36);

	/* An entry of the L1 table leads to a table that fills a cluster; entries may be of
	 * 16 bytes. */
	if (l1_size > L1_LONGEST / 8 ||
	    l1_size < header->virtual_size / header->cluster_size / (header->cluster_size / 8))
		return bad(ret_why, "its L1 table does not fit its size");
	if (bytes_be64(at + 40) % header->cluster_size || bytes_be64(at + 48) % header->cluster_size)
		return bad(ret_why, "its tables do not begin at a cluster");
	if (header->snapshots > SNAPSHOTS_MOST)
		return bad(ret_why, "it has too many snapshots");
	return 0;
}

static int read_qcow2(int fd, struct qcow2_header *header, const char **ret_why)
{
	unsigned char at[HEADER_V3] = { 0 };
	ssize_t size = header_bytes(fd, at, sizeof(at), 0);
	uint32_t version = bytes_be32(at + 4), bits = bytes_be32(at + 20), length = HEADER_V2;
	uint64_t backing = bytes_be64(at + 8);
	int result = 0;

	if (size < (ssize_t)HEADER_V2 || memcmp(at, "QFI\xfb", 4) != 0)
		return bad(ret_why, "it is not in format qcow2");
	if (version != 2 && version != 3)
		return bad(ret_why, "its version is not known here");
	if (bits < CLUSTER_BITS_MIN || bits > CLUSTER_BITS_MAX)
		return bad(ret_why, "its cluster size is impossible");
	header->cluster_size = 1u << bits;
	header->virtual_size = bytes_be64(at + 24);
	header->encrypted = bytes_be32(at + 32) != 0;
	header->snapshots = bytes_be32(at + 60);
	if (header->virtual_size > SIZE_LONGEST)
		return bad(ret_why, "its size is impossible");
	if (version == 3) {
		length = bytes_be32(at + 100);
		if (size < (ssize_t)HEADER_V3 || length < HEADER_V3 || length > HEADER_LONGEST ||
		    length > header->cluster_size || length % 8)
			return bad(ret_why, "the length of its header is impossible");
		result = read_features(at, header, ret_why);
	}
	if (result == 0)
		result = check_tables(at, header, ret_why);
	if (result == 0 && backing)
		result = read_backing(fd, backing, bytes_be32(at + 16), header, ret_why);
	if (result == 0)
		result = read_extensions(fd, length, backing && backing < header->cluster_size ? backing : header->cluster_size,
					 header, ret_why);
	return result;
}

/* ---- all of them ---- */

static int read_raw(int fd, struct qcow2_header *header, const char **ret_why)
{
	off_t end = lseek(fd, 0, SEEK_END); /* of a device too */

	if (end < 0)
		return bad(ret_why, "its size cannot be found out");
	header->virtual_size = (uint64_t)end;
	return 0;
}

static const struct {
	const char *format;
	int (*read)(int fd, struct qcow2_header *header, const char **ret_why);
} readers[] = {
	{ "raw", read_raw },      { "qcow2", read_qcow2 },       { "vmdk", foreign_read_vmdk },
	{ "vdi", foreign_read_vdi }, { "vhdx", foreign_read_vhdx }, { "vpc", foreign_read_vpc },
};

bool qcow2_format_known(const char *format)
{
	size_t i;

	for (i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
		if (strcmp(readers[i].format, format) == 0)
			return true;
	return false;
}

int qcow2_header_read(int fd, const char *format, struct qcow2_header *ret_header, const char **ret_why)
{
	struct qcow2_header header = { 0 };
	size_t i;
	int result;

	for (i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		if (strcmp(readers[i].format, format) != 0)
			continue;
		header.format = readers[i].format;
		result = readers[i].read(fd, &header, ret_why);
		if (result == 0)
			*ret_header = header;
		return result;
	}
	*ret_why = "its format is not one of raw, qcow2, vmdk, vdi, vhdx and vpc; convert it with qemu-img";
	return -ENOTSUP;
}
