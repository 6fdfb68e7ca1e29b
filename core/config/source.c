/* SPDX-License-Identifier: BSD-3-Clause
 * Files into the configuration: the main file with its drop-ins, stack files,
 * and what they include.  A file is read whole into a document of its own, the
 * files it includes are merged first, then the document: later files win, and a
 * list that a later file gives replaces the earlier one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/nearest.h"
#include "config/normalize.h"
#include "config/private.h"
#include "config/reader.h"

#define INCLUDE_DEPTH 8

/* The files that are being read, innermost first. */
struct nesting {
	const struct nesting *outer;
	unsigned depth;
	dev_t device;
	ino_t inode;
};

struct document {
	struct hyfw_config *config; /* where the sections go in the end */
	const char *path;
	bool main;
	struct hyfw_config_section **sections;
	size_t count;
};

static void document_finish(struct document *document)
{
	size_t i;

	for (i = 0; i < document->count; i++)
		hyfw_config_section_free(document->sections[i]);
	free(document->sections);
}

/* ---- what the reader tells ---- */

static int unknown_type(const struct document *document, unsigned line, const char *type, struct hyfw_error **err)
{
	const char *known[] = { "hyfw", "defaults", "workload", "network", "volume", "plugin", NULL };
	const char *nearest = hyfw_nearest(type, known);

	if (nearest)
		return hyfw_fail(err, EINVAL, "%s:%u: [%s]: there are no such sections; did you mean [%s]?",
				 document->path, line, type, nearest);
	return hyfw_fail(err, EINVAL, "%s:%u: [%s]: there are no such sections; there are [hyfw], [defaults], "
			 "[workload NAME], [network NAME], [volume NAME] and [plugin NAME]",
			 document->path, line, type);
}

/* Splits "TYPE NAME" and checks both. */
static int check_section(const struct document *document, char *text, unsigned line, const char **ret_name,
			 struct hyfw_error **err)
{
	const struct hyfw_section_schema *schema;
	char *name = text + strcspn(text, " \t");

	if (*name) {
		*name++ = '\0';
		name += strspn(name, " \t");
	}
	schema = hyfw_schema_section(text);
	if (!schema)
		return unknown_type(document, line, text, err);
	if (!schema->named && *name)
		return hyfw_fail(err, EINVAL, "%s:%u: [%s %s]: this section has no name; write [%s]", document->path,
				 line, text, name, text);
	if (schema->named && !*name)
		return hyfw_fail(err, EINVAL, "%s:%u: [%s]: the name is missing; write [%s NAME]", document->path,
				 line, text, text);
	if (schema->named && hyfw_check_name(name, err) < 0)
		return hyfw_wrap(err, "%s:%u: [%s %s]", document->path, line, text, name);
	if (document->main && strcmp(text, "workload") == 0)
		return hyfw_fail(err, EINVAL, "%s:%u: [workload %s]: workloads belong in a stack file, not in the "
				 "main configuration", document->path, line, name);
	*ret_name = name;
	return 0;
}

static int on_section(void *user, const char *text, unsigned line, struct hyfw_error **err)
{
	struct document *document = user;
	const struct hyfw_origin origin = { HYFW_ORIGIN_FILE, document->path, line, document->main };
	HYFW_AUTO_FREE char *type = hyfw_dup(text);
	const char *name = "";
	int result;
	size_t i;

	result = check_section(document, type, line, &name, err);
	if (result < 0)
		return result;
	for (i = 0; i < document->count; i++)
		if (strcmp(document->sections[i]->type, type) == 0 && strcmp(document->sections[i]->name, name) == 0)
			return hyfw_fail(err, EINVAL, "%s:%u: [%s]: there is this section at line %u already; "
					 "put the keys together", document->path, line, text,
					 document->sections[i]->origin.line);
	if (document->count + document->config->count >= HYFW_CONFIG_SECTIONS)
		return hyfw_fail(err, E2BIG, "%s:%u: more than %d sections", document->path, line,
				 HYFW_CONFIG_SECTIONS);
	document->sections = hyfw_grow(document->sections, document->count + 1, sizeof(*document->sections));
	document->sections[document->count++] = hyfw_config_section_new(type, name, &origin);
	return 0;
}

static int on_value(void *user, const char *name, const char *text, unsigned line, bool continued,
		    struct hyfw_error **err)
{
	struct document *document = user;
	struct hyfw_config_section *section = document->sections[document->count - 1];
	const struct hyfw_origin origin = { HYFW_ORIGIN_FILE, document->path, line, document->main };

	if (++document->config->values > HYFW_CONFIG_VALUES)
		return hyfw_fail(err, E2BIG, "%s:%u: more than %d values", document->path, line,
				 HYFW_CONFIG_VALUES);
	return hyfw_config_value_read(section, hyfw_config_key(document->config, section, name), name, text,
				      &origin, continued, err);
}

/* ---- merging ---- */

static void merge_section(struct hyfw_config *config, struct hyfw_config_section *from)
{
	struct hyfw_config_section *to = hyfw_config_find(config, from->type, from->name);
	size_t i;

	if (!to) {
		to = hyfw_config_section_add(config, hyfw_config_section_new(from->type, from->name, &from->origin));
	} else {
		for (i = 0; i < from->count; i++)
			hyfw_config_value_remove(to, from->values[i].key);
		if (to->origin.main)
			to->origin = from->origin;
	}
	for (i = 0; i < from->count; i++) {
		const struct hyfw_config_value *value = &from->values[i];

		hyfw_config_value_add(to, value->key, value->text, &value->origin)->continued = value->continued;
	}
}

/* ---- one file ---- */

static int check_trust(const char *path, const struct stat *st, struct hyfw_error **err)
{
	if (geteuid() != 0)
		return 0;
	if (st->st_uid != 0)
		return hyfw_fail(err, EPERM, "%s: belongs to user %u; the main configuration must belong to root", path,
				 (unsigned)st->st_uid);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return hyfw_fail(err, EPERM, "%s: others than root can write to it; run `chmod go-w %s`", path, path);
	return 0;
}

static int open_file(const char *path, bool main, struct stat *ret_st, int *ret_fd, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT)
		return hyfw_fail(err, ENOENT, "%s: there is no such file", path);
	if (fd < 0 || fstat(fd, ret_st) < 0)
		return hyfw_fail_errno(err, errno, "%s: cannot be read", path);
	if (S_ISDIR(ret_st->st_mode))
		return hyfw_fail(err, EISDIR, "%s: is a directory, not an INI file", path);
	if (!S_ISREG(ret_st->st_mode))
		return hyfw_fail(err, EINVAL, "%s: is not a regular file", path);
	if (ret_st->st_size > HYFW_INI_FILE_BYTES)
		return hyfw_fail(err, EFBIG, "%s: is larger than the 1 MiB that an INI file may have", path);
	if (main && check_trust(path, ret_st, err) < 0)
		return -EPERM;
	*ret_fd = hyfw_steal_fd(&fd);
	return 0;
}

static int read_data(const char *path, int fd, char *data, size_t *ret_size, struct hyfw_error **err)
{
	size_t size = 0;

	while (size < HYFW_INI_FILE_BYTES) {
		ssize_t got = read(fd, data + size, HYFW_INI_FILE_BYTES - size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return hyfw_fail_errno(err, errno, "%s: cannot be read", path);
		if (got == 0)
			break;
		size += (size_t)got;
	}
	*ret_size = size;
	return 0;
}

static int read_file(struct hyfw_config *config, const char *path, bool main, const struct nesting *outer,
		     struct hyfw_error **err);

/* The files that a document's [hyfw] section includes. */
static int read_includes(struct document *document, const struct nesting *nesting, struct hyfw_error **err)
{
	size_t i, j;

	for (i = 0; i < document->count; i++) {
		const struct hyfw_config_section *section = document->sections[i];

		for (j = 0; strcmp(section->type, "hyfw") == 0 && j < section->count; j++) {
			const struct hyfw_config_value *value = &section->values[j];
			const char *slash = strrchr(document->path, '/');
			HYFW_AUTO_FREE char *path = NULL;
			int result;

			if (strcmp(value->key, "include") != 0 || !*value->text)
				continue;
			path = *value->text == '/' || !slash ?
				       hyfw_dup(value->text) :
				       hyfw_format("%.*s/%s", (int)(slash - document->path), document->path, value->text);
			result = read_file(document->config, path, document->main, nesting, err);
			if (result < 0 && nesting->depth + 1 <= INCLUDE_DEPTH && err && *err)
				return hyfw_wrap(err, "%s:%u: include", value->origin.file, value->origin.line);
			if (result < 0)
				return result;
		}
	}
	return 0;
}

static int read_file(struct hyfw_config *config, const char *path, bool main, const struct nesting *outer,
		     struct hyfw_error **err)
{
	struct nesting nesting = { .outer = outer, .depth = outer ? outer->depth + 1 : 0 };
	static const struct hyfw_ini_handler handler = { on_section, on_value };
	struct document document = { .config = config, .main = main };
	HYFW_AUTO_CLOSE int fd = -1;
	HYFW_AUTO_FREE char *data = NULL;
	struct stat st;
	size_t size = 0, i;
	int result;

	if (nesting.depth > INCLUDE_DEPTH)
		return hyfw_fail(err, ELOOP, "%s: files include each other more than %d deep", path, INCLUDE_DEPTH);
	result = open_file(path, main, &st, &fd, err);
	if (result < 0)
		return result;
	nesting.device = st.st_dev;
	nesting.inode = st.st_ino;
	for (; outer; outer = outer->outer)
		if (outer->device == st.st_dev && outer->inode == st.st_ino)
			return hyfw_fail(err, ELOOP, "%s: includes itself", path);
	data = hyfw_new(HYFW_INI_FILE_BYTES);
	result = read_data(path, fd, data, &size, err);
	document.path = hyfw_config_path_keep(config, path);
	if (result == 0)
		result = hyfw_ini_read(path, data, size, &handler, &document, err);
	if (result == 0)
		result = read_includes(&document, &nesting, err);
	for (i = 0; result == 0 && i < document.count; i++)
		merge_section(config, document.sections[i]);
	document_finish(&document);
	return result;
}

/* ---- the main configuration ---- */

static int is_drop_in(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 4 && strcmp(entry->d_name + length - 4, ".ini") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_drop_ins(struct hyfw_config *config, const char *main_path, struct hyfw_error **err)
{
	const char *slash = strrchr(main_path, '/');
	HYFW_AUTO_FREE char *directory = slash ? hyfw_format("%.*s/conf.d", (int)(slash - main_path), main_path) :
						 hyfw_dup("conf.d");
	struct dirent **entries = NULL;
	int count, result = 0, i;
	struct stat st;

	if (stat(directory, &st) < 0 && errno == ENOENT)
		return 0;
	if (stat(directory, &st) == 0 && S_ISDIR(st.st_mode) && check_trust(directory, &st, err) < 0)
		return -EPERM;
	count = scandir(directory, &entries, is_drop_in, by_bytes);
	if (count < 0)
		return hyfw_fail_errno(err, errno, "%s: cannot be read", directory);
	for (i = 0; i < count; i++) {
		HYFW_AUTO_FREE char *path = hyfw_format("%s/%s", directory, entries[i]->d_name);

		if (result == 0)
			result = read_file(config, path, true, NULL, err);
		free(entries[i]);
	}
	free(entries);
	return result;
}

int hyfw_config_read_main(struct hyfw_config *config, const char *path, bool must_exist,
			  struct hyfw_error **err)
{
	int result = 0;

	if (must_exist || access(path, F_OK) == 0 || errno != ENOENT)
		result = read_file(config, path, true, NULL, err);
	if (result == 0)
		result = read_drop_ins(config, path, err);
	return result;
}

int hyfw_config_read_stack(struct hyfw_config *config, const char *path, struct hyfw_error **err)
{
	const char *base = strrchr(path, '/');
	size_t length;

	base = base ? base + 1 : path;
	length = strlen(base);
	if (!config->stack_name) {
		if (length > 4 && strcmp(base + length - 4, ".ini") == 0)
			length -= 4;
		config->stack_name = hyfw_dup_n(base, length);
		config->stack_path = hyfw_dup(path);
	}
	return read_file(config, path, false, NULL, err);
}
