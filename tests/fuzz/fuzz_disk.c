/* SPDX-License-Identifier: BSD-3-Clause
 * Throws disks at the readers of their headers: whatever they hold, a reader must end
 * without a fault, and a name that it gives must end where its room does.
 *
 *     CC=clang meson setup build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false
 *     ninja -C build-fuzz && build-fuzz/tests/fuzz/fuzz_disk -max_total_time=60 CORPUS
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "storage/qcow2/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const formats[] = { "raw", "qcow2", "vmdk", "vdi", "vhdx", "vpc" };
	int fd = memfd_create("disk", MFD_CLOEXEC);
	const char *format = NULL;
	size_t i;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (qcow2_header_probe(fd, &format) < 0 || !format)
		abort();
	qcow2_header_looks_like_disk(fd);
	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct qcow2_header header;
		const char *why = NULL;
		int result = qcow2_header_read(fd, formats[i], &header, &why);

		if ((result < 0) != (why != NULL))
			abort();
		if (result == 0 && (strnlen(header.backing, sizeof(header.backing)) == sizeof(header.backing) ||
				    strnlen(header.backing_format, sizeof(header.backing_format)) ==
					    sizeof(header.backing_format)))
			abort();
	}
	close(fd);
	return 0;
}
