/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin/note.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "plugin/elf.h"
#include "plugin/trust.h"

int hyfw_note_check_api(unsigned major, unsigned minor, unsigned min_host_minor, unsigned kind,
			struct hyfw_error **err)
{
	if (major != HYFW_API_MAJOR)
		return hyfw_fail(err, EPROTONOSUPPORT, "built for driver API %u.%u, this hyfw has %u.%u", major,
				 minor, HYFW_API_MAJOR, HYFW_API_MINOR);
	if (min_host_minor > HYFW_API_MINOR)
		return hyfw_fail(err, EPROTONOSUPPORT,
				 "too new: needs driver API %u.%u or later, this hyfw has %u.%u", major,
				 min_host_minor, HYFW_API_MAJOR, HYFW_API_MINOR);
	if (kind < HYFW_KIND_ISOLATION || kind > HYFW_KIND_SECURITY)
		return hyfw_fail(err, EPROTONOSUPPORT, "a driver of kind %u, which this hyfw does not know", kind);
	return 0;
}

/* Directories that only the system's packages write.  Elsewhere each component
 * is looked at. */
static int check_directory(const char *directory, struct hyfw_error **err)
{
	static const char *const system_directories[] = { "/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/" };
	HYFW_AUTO_ERROR struct hyfw_error *why = NULL;
	HYFW_AUTO_FREE char *closed = hyfw_format("%s/", directory);
	HYFW_AUTO_CLOSE int fd = -1;
	size_t i;

	if (strchr(directory, '$'))
		return hyfw_fail(err, EPERM, "its RUNPATH has '%s'; $ORIGIN and the like are refused", directory);
	if (strstr(closed, "/../"))
		return hyfw_fail(err, EPERM, "its RUNPATH has '%s'; '..' is refused", directory);
	for (i = 0; i < HYFW_COUNT(system_directories); i++)
		if (strncmp(closed, system_directories[i], strlen(system_directories[i])) == 0)
			return 0;
	if (hyfw_trust_directory(directory, NULL, &fd, &why) < 0)
		return hyfw_fail(err, EPERM, "its RUNPATH has '%s': %s", directory, why->message);
	return 0;
}

static int check_path(const char *path, struct hyfw_error **err)
{
	int result = 0;

	for (;;) {
		size_t length = strcspn(path, ":");
		HYFW_AUTO_FREE char *directory = hyfw_dup_n(path, length);

		result = check_directory(directory, err);
		if (result < 0 || !path[length])
			return result;
		path += length + 1;
	}
}

/* A library named by a path would be looked for there and nowhere else, from the
 * working directory if it is relative. */
static int check_dynamic(int64_t tag, const char *text, struct hyfw_error **err)
{
	const char *slash = strrchr(text, '/');

	if (tag == DT_RPATH || tag == DT_RUNPATH)
		return check_path(text, err);
	if (strchr(text, '$'))
		return hyfw_fail(err, EPERM, "it needs '%s'; $ORIGIN and the like are refused", text);
	if (slash) {
		HYFW_AUTO_FREE char *directory = hyfw_dup_n(text, (size_t)(slash - text));

		return check_directory(directory, err);
	}
	return 0;
}

static int check_exports(const struct hyfw_elf *elf, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *other = NULL;
	size_t count = 0;
	int result = hyfw_elf_exports(elf, HYFW_PLUGIN_ENTRY, &count, &other, err);

	if (result < 0)
		return result;
	if (other && count == 1)
		return hyfw_fail(err, EPROTO, "exports %s instead of " HYFW_PLUGIN_ENTRY, other);
	if (other)
		return hyfw_fail(err, EPROTO,
				 "exports %zu symbols, among them %s; only " HYFW_PLUGIN_ENTRY
				 " may be visible (link it with the SDK's version script)",
				 count, other);
	if (count == 0)
		return hyfw_fail(err, EPROTO, "does not export " HYFW_PLUGIN_ENTRY);
	return 0;
}

static int check_note(const struct hyfw_elf *elf, struct hyfw_plugin_note *ret_note, struct hyfw_error **err)
{
	struct hyfw_plugin_note note;
	int result = hyfw_elf_note(elf, HYFW_NOTE_NAME, HYFW_NOTE_TYPE, &note, sizeof(note), err);

	if (result == -ENOENT) {
		hyfw_forget(err);
		return hyfw_fail(err, ENOEXEC, "not a hyfw plugin: it has no hyfw note");
	}
	if (result < 0)
		return result;
	if (note.magic != HYFW_PLUGIN_MAGIC)
		return hyfw_fail(err, ENOEXEC, "wrong magic %08x in its note, must be %08x", note.magic,
				 HYFW_PLUGIN_MAGIC);
	result = hyfw_note_check_api(note.api_major, note.api_minor, note.min_host_minor, note.kind, err);
	if (result == 0)
		*ret_note = note;
	return result;
}

int hyfw_note_check(int fd, struct hyfw_plugin_note *ret_note, struct hyfw_error **err)
{
	struct hyfw_elf elf;
	int result = hyfw_elf_open(&elf, fd, err);

	if (result < 0)
		return result;
	result = check_note(&elf, ret_note, err);
	if (result == 0)
		result = hyfw_elf_dynamic(&elf, check_dynamic, err);
	if (result == 0)
		result = check_exports(&elf, err);
	hyfw_elf_finish(&elf);
	return result;
}
