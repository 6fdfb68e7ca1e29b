/* SPDX-License-Identifier: BSD-3-Clause
 * Numbers in headers of images. */
#ifndef HYFW_STORAGE_QCOW2_BYTES_H
#define HYFW_STORAGE_QCOW2_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t bytes_be32(const unsigned char *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return be32toh(value);
}

static inline uint64_t bytes_be64(const unsigned char *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return be64toh(value);
}

static inline uint16_t bytes_le16(const unsigned char *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return le16toh(value);
}

static inline uint32_t bytes_le32(const unsigned char *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

static inline uint64_t bytes_le64(const unsigned char *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return le64toh(value);
}

#endif
