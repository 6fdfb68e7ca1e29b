/* SPDX-License-Identifier: BSD-3-Clause
 * Throws archives at the import of the overlay driver.  Whatever they hold, the
 * import must end without a fault and leave the directory beside the layer as it
 * is.
 *
 *     CC=clang meson setup build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false
 *     ninja -C build-fuzz && build-fuzz/tests/fuzz/fuzz_import -max_total_time=60 CORPUS
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/host.h"
#include "storage/common/tree.h"
#include "storage/overlay/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[] = "/tmp/hyfw-fuzz-XXXXXX";
static int top = -1;

static void finish(void)
{
	storage_tree_remove(AT_FDCWD, directory);
}

static void start(void)
{
	if (!mkdtemp(directory))
		abort();
	atexit(finish);
	top = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0 || mkdirat(top, "victim", 0755) < 0)
		abort();
}

static void check_victim(void)
{
	struct stat st;

	if (fstatat(top, "victim", &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_mode != (S_IFDIR | 0755) ||
	    st.st_uid != geteuid() || unlinkat(top, "victim", AT_REMOVEDIR) < 0 ||
	    mkdirat(top, "victim", 0755) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct overlay overlay = { .host = hyfw_host_table(), .data = directory, .max_bytes = 1 << 24,
				   .max_files = 1000 };
	struct layer_writer writer = { .overlay = &overlay, .source = "archive", .chown = geteuid() == 0 };
	struct hyfw_error *err = NULL;
	int archive, result;

	if (top < 0)
		start();
	archive = memfd_create("archive", MFD_CLOEXEC);
	if (archive < 0 || write(archive, data, size) != (ssize_t)size || lseek(archive, 0, SEEK_SET) < 0 ||
	    mkdirat(top, "layer", 0755) < 0)
		abort();
	writer.root = openat(top, "layer", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	result = layer_import_tar(&writer, archive, &err);
	if ((result < 0) != (err != NULL))
		abort();
	overlay.host->forget(&err);
	close(writer.root);
	close(archive);
	if (storage_tree_remove(top, "layer") < 0)
		abort();
	check_victim();
	return 0;
}
