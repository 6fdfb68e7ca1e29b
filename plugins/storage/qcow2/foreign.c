/* SPDX-License-Identifier: BSD-3-Clause */
#include "foreign.h"

#include <errno.h>
#include <unistd.h>

#include "bytes.h"

#define SECTOR 512u
#define SECTORS_MOST (UINT64_C(1) << 41) /* a PiB */
#define BYTES_MOST (SECTORS_MOST * SECTOR)

static int bad(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EBADMSG;
}

static int set_size(struct qcow2_header *header, uint64_t bytes, const char **ret_why)
{
	if (bytes > BYTES_MOST)
		return bad(ret_why, "its size is impossible");
	header->virtual_size = bytes;
	return 0;
}

/* ---- VMDK: block/vmdk.c ---- */

#define VMDK_DESCRIPTOR 0x200u /* where QEMU looks for the name of a parent, whatever the header says */
#define VMDK_DESCRIPTOR_SIZE (20u * SECTOR)

/* Only images that are one file.  A capacity of 0 makes QEMU open the files that the
 * descriptor names. */
int foreign_read_vmdk(int fd, struct qcow2_header *header, const char **ret_why)
{
	unsigned char at[64], descriptor[VMDK_DESCRIPTOR_SIZE];
	static const char parent[] = "parentFileNameHint";
	ssize_t size;

	if (header_bytes(fd, at, sizeof(at), 0) != (ssize_t)sizeof(at) || memcmp(at, "KDMV", 4) != 0)
		return bad(ret_why, "it is not in format vmdk");
	if (bytes_le64(at + 12) == 0)
		return bad(ret_why, "it is a VMDK of several files");
	if (bytes_le64(at + 12) > SECTORS_MOST)
		return bad(ret_why, "its size is impossible");
	size = header_bytes(fd, descriptor, sizeof(descriptor), VMDK_DESCRIPTOR);
	if (size > 0 && memmem(descriptor, (size_t)size, parent, sizeof(parent) - 1))
		return bad(ret_why, "it is a VMDK that names a parent, another file");
	return set_size(header, bytes_le64(at + 12) * SECTOR, ret_why);
}

/* ---- VDI: block/vdi.c ---- */

int foreign_read_vdi(int fd, struct qcow2_header *header, const char **ret_why)
{
	static const unsigned char none[16];
	unsigned char at[SECTOR];

	if (header_bytes(fd, at, sizeof(at), 0) != (ssize_t)sizeof(at) || memcmp(at + 64, "\x7f\x10\xda\xbe", 4) != 0)
		return bad(ret_why, "it is not in format vdi");
	if (bytes_le32(at + 76) != 1 && bytes_le32(at + 76) != 2) /* dynamic, static */
		return bad(ret_why, "it is a VDI that is based on another file");
	if (memcmp(at + 424, none, sizeof(none)) != 0) /* the UUID of its parent */
		return bad(ret_why, "it is a VDI that is based on another file");
	return set_size(header, bytes_le64(at + 368), ret_why);
}

/* ---- VPC (VHD): block/vpc.c ---- */

/* A dynamic image begins with a copy of the footer that a fixed one ends with. */
int foreign_read_vpc(int fd, struct qcow2_header *header, const char **ret_why)
{
	unsigned char at[SECTOR];
	off_t end = lseek(fd, 0, SEEK_END);
	uint32_t type;

	if (end < (off_t)SECTOR || header_bytes(fd, at, sizeof(at), 0) != (ssize_t)sizeof(at))
		return bad(ret_why, "it is not in format vpc");
	if (memcmp(at, "conectix", 8) != 0 &&
	    (header_bytes(fd, at, sizeof(at), (uint64_t)end - SECTOR) != (ssize_t)sizeof(at) ||
	     memcmp(at, "conectix", 8) != 0))
		return bad(ret_why, "it is not in format vpc");
	type = bytes_be32(at + 60);
	if (type != 2 && type != 3) /* fixed, dynamic */
		return bad(ret_why, "it is a VHD that is based on another file");
	return set_size(header, bytes_be64(at + 48), ret_why);
}

/* ---- VHDX: [MS-VHDX] 2.2.3 and 2.6 ---- */

#define VHDX_REGIONS (192u << 10)
#define VHDX_TABLE_SIZE (64u << 10)
#define VHDX_REGIONS_MOST 2047u
#define VHDX_ITEMS_MOST 1023u
#define VHDX_HAS_PARENT 2u

static const unsigned char vhdx_metadata[16] = { 0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b,
						 0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e };
static const unsigned char vhdx_size[16] = { 0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48,
					     0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8 };
static const unsigned char vhdx_parameters[16] = { 0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d,
						   0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b };

/* Calls the entries of a table: 'count' of 32 bytes from 'offset', each beginning with a
 * GUID; the one that is 'wanted' into 'ret_entry'. */
static bool find_entry(int fd, uint64_t offset, uint32_t count, const unsigned char wanted[16],
		       unsigned char ret_entry[static 32])
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		if (header_bytes(fd, ret_entry, 32, offset + 32u * i) != 32)
			return false;
		if (memcmp(ret_entry, wanted, 16) == 0)
			return true;
	}
	return false;
}

int foreign_read_vhdx(int fd, struct qcow2_header *header, const char **ret_why)
{
	unsigned char head[16], entry[32], value[8];
	uint64_t table;
	uint32_t count;

	if (header_bytes(fd, head, 8, 0) != 8 || memcmp(head, "vhdxfile", 8) != 0)
		return bad(ret_why, "it is not in format vhdx");
	if (header_bytes(fd, head, 16, VHDX_REGIONS) != 16 || memcmp(head, "regi", 4) != 0)
		return bad(ret_why, "its table of regions is damaged");
	count = bytes_le32(head + 8);
	if (count > VHDX_REGIONS_MOST || !find_entry(fd, VHDX_REGIONS + 16, count, vhdx_metadata, entry))
		return bad(ret_why, "its table of regions is damaged");
	table = bytes_le64(entry + 16);
	if (table > BYTES_MOST || header_bytes(fd, head, 16, table) != 16 || memcmp(head, "metadata", 8) != 0)
		return bad(ret_why, "its metadata is damaged");
	count = bytes_le16(head + 10);
	if (count > VHDX_ITEMS_MOST || !find_entry(fd, table + 32, count, vhdx_parameters, entry) ||
	    header_bytes(fd, value, 8, table + bytes_le32(entry + 16)) != 8)
		return bad(ret_why, "its metadata is damaged");
	if (bytes_le32(value + 4) & VHDX_HAS_PARENT)
		return bad(ret_why, "it is a VHDX that is based on another file");
	if (!find_entry(fd, table + 32, count, vhdx_size, entry) ||
	    header_bytes(fd, value, 8, table + bytes_le32(entry + 16)) != 8)
		return bad(ret_why, "its metadata is damaged");
	return set_size(header, bytes_le64(value), ret_why);
}
