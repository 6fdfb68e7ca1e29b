/* SPDX-License-Identifier: BSD-3-Clause
 * The files of a policy that say which labels containers and machines have. */
#include "selinux.h"

#include <errno.h>
#include <selinux/selinux.h>

#define LINE_MAX_BYTES 1024
#define LINES_MOST 256

static const struct contexts usual = {
	.process = "system_u:system_r:container_t:s0",
	.file = "system_u:object_r:container_file_t:s0",
	.layer = "system_u:object_r:container_ro_file_t:s0",
	.machine = "system_u:system_r:svirt_t:s0",
	.emulator = "system_u:system_r:svirt_tcg_t:s0",
	.image = "system_u:object_r:svirt_image_t:s0",
	.content = "system_u:object_r:virt_content_t:s0",
};

static char *trimmed(char *text)
{
	char *end;

	text += strspn(text, " \t");
	end = text + strlen(text);
	while (end > text && strchr(" \t\r\n", end[-1]))
		*--end = '\0';
	return text;
}

/* The value of  KEY = "VALUE"  when the line is about 'key'; NULL otherwise. */
static char *value_of(char *line, const char *key)
{
	const size_t length = strlen(key);
	char *at = trimmed(line), *end;

	if (strncmp(at, key, length) != 0)
		return NULL;
	at = trimmed(at + length);
	if (*at != '=')
		return NULL;
	at = trimmed(at + 1);
	end = at + strlen(at);
	if (*at == '"' && end - at >= 2 && end[-1] == '"') {
		end[-1] = '\0';
		at++;
	}
	return *at ? at : NULL;
}

static int open_file(const struct hyfw_host *host, const char *path, FILE **ret_file, struct hyfw_error **err)
{
	*ret_file = path ? fopen(path, "re") : NULL;
	if (*ret_file || !path || errno == ENOENT)
		return 0;
	return host->fail(err, errno, "%s: %s", path, strerror(errno));
}

static int read_lxc(const struct hyfw_host *host, struct hyfw_arena *arena, const char *path,
		    struct contexts *contexts, struct hyfw_error **err)
{
	const struct {
		const char *key;
		const char **to;
	} wanted[] = { { "process", &contexts->process }, { "file", &contexts->file }, { "ro_file", &contexts->layer } };
	char line[LINE_MAX_BYTES], copy[LINE_MAX_BYTES], *value;
	unsigned lines = 0;
	size_t i;
	FILE *file;
	int result = open_file(host, path, &file, err);

	while (file && lines++ < LINES_MOST && fgets(line, sizeof(line), file)) {
		for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
			memcpy(copy, line, sizeof(copy)); /* value_of() changes it */
			if ((value = value_of(copy, wanted[i].key)))
				*wanted[i].to = host->format(arena, "%s", value);
		}
	}
	if (file)
		fclose(file);
	return result;
}

/* The first lines of a file that has one label on each. */
static int read_lines(const struct hyfw_host *host, struct hyfw_arena *arena, const char *path, const char **first,
		      const char **second, struct hyfw_error **err)
{
	const char **const wanted[] = { first, second };
	char line[LINE_MAX_BYTES], *text;
	size_t count = 0;
	FILE *file;
	int result = open_file(host, path, &file, err);

	while (file && count < 2 && wanted[count] && fgets(line, sizeof(line), file)) {
		text = trimmed(line);
		if (*text && *text != '#')
			*wanted[count++] = host->format(arena, "%s", text);
	}
	if (file)
		fclose(file);
	return result;
}

int contexts_read(const struct hyfw_host *host, struct hyfw_arena *arena, const char *lxc, const char *domain,
		  const char *image, struct contexts *ret_contexts, struct hyfw_error **err)
{
	struct contexts contexts = usual;
	int result = read_lxc(host, arena, lxc, &contexts, err);

	if (result == 0 && domain && access(domain, F_OK) == 0)
		contexts.emulator = NULL; /* one line is for all machines */
	if (result == 0)
		result = read_lines(host, arena, domain, &contexts.machine, &contexts.emulator, err);
	if (!contexts.emulator)
		contexts.emulator = contexts.machine;
	if (result == 0)
		result = read_lines(host, arena, image, &contexts.image, &contexts.content, err);
	if (result == 0)
		*ret_contexts = contexts;
	return result;
}

int contexts_of_policy(const struct hyfw_host *host, struct hyfw_arena *arena, struct contexts *ret_contexts,
		       struct hyfw_error **err)
{
	return contexts_read(host, arena, selinux_lxc_contexts_path(), selinux_virtual_domain_context_path(),
			     selinux_virtual_image_context_path(), ret_contexts, err);
}
