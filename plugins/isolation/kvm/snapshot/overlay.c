/* SPDX-License-Identifier: BSD-3-Clause
 * The header of qcow2 files: docs/interop/qcow2.txt of QEMU.  Numbers are big-endian. */
#include "overlay.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MAGIC 0x514649fbu
#define BACKING_OFFSET 8
#define BACKING_SIZE 16
#define DISK_SIZE 24
#define SNAPSHOTS 60
#define LENGTH_2 72
#define FEATURES 72 /* from version 3 on, incompatible ones */
#define HEADER_LENGTH 100
#define EXTERNAL_DATA (UINT64_C(1) << 2)
#define EXTENSION_END 0u
#define EXTENSION_FORMAT 0xe2792acau
#define LOOK 65536

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint64_t get64(const uint8_t *at)
{
	return (uint64_t)get32(at) << 32 | get32(at + 4);
}

static int take_text(const uint8_t *bytes, size_t size, uint64_t at, uint32_t length, char *to, size_t room)
{
	if (length >= room || at > size || length > size - at || memchr(bytes + at, '\0', length))
		return -EBADMSG;
	memcpy(to, bytes + at, length);
	to[length] = '\0';
	return 0;
}

static int take_extensions(const uint8_t *bytes, size_t size, size_t at, struct kvm_overlay *overlay)
{
	while (at + 8 <= size) {
		const uint32_t type = get32(bytes + at), length = get32(bytes + at + 4);

		at += 8;
		if (type == EXTENSION_END)
			return 0;
		if (length > size - at)
			return -EBADMSG;
		if (type == EXTENSION_FORMAT &&
		    take_text(bytes, size, at, length, overlay->format, sizeof(overlay->format)) < 0)
			return -EBADMSG;
		at += ((size_t)length + 7) & ~(size_t)7;
	}
	return -EBADMSG;
}

int kvm_overlay_parse(const uint8_t *bytes, size_t size, struct kvm_overlay *ret_overlay)
{
	struct kvm_overlay overlay = { 0 };
	uint32_t version, length = LENGTH_2;
	int r;

	if (size < HEADER_LENGTH + 4 || get32(bytes) != MAGIC)
		return -EBADMSG;
	version = get32(bytes + 4);
	if (version != 2 && version != 3)
		return -EBADMSG;
	if (version == 3) {
		overlay.external_data = get64(bytes + FEATURES) & EXTERNAL_DATA;
		length = get32(bytes + HEADER_LENGTH);
	}
	overlay.size = get64(bytes + DISK_SIZE);
	overlay.snapshots = get32(bytes + SNAPSHOTS);
	r = length > size ? -EBADMSG : take_extensions(bytes, size, length, &overlay);
	if (r == 0 && get64(bytes + BACKING_OFFSET))
		r = take_text(bytes, size, get64(bytes + BACKING_OFFSET), get32(bytes + BACKING_SIZE), overlay.backing,
			      sizeof(overlay.backing));
	if (r == 0)
		*ret_overlay = overlay;
	return r;
}

int kvm_overlay_read(int fd, struct kvm_overlay *ret_overlay)
{
	uint8_t bytes[LOOK];
	const ssize_t size = pread(fd, bytes, sizeof(bytes), 0);

	return size < 0 ? -errno : kvm_overlay_parse(bytes, (size_t)size, ret_overlay);
}
