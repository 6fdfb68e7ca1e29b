/* SPDX-License-Identifier: BSD-3-Clause
 * A denial as a sentence, for somebody who has never read one. */
#include "why.h"

#define SENTENCE_PERMISSIONS 4

static const struct phrase {
	const char *word, *phrase;
} verbs[] = {
	{ "read", "read" }, { "write", "write" }, { "open", "open" }, { "append", "append to" },
	{ "getattr", "look at" }, { "setattr", "change mode, owner or times of" }, { "execute", "run" },
	{ "execute_no_trans", "run" }, { "map", "map" }, { "ioctl", "control" }, { "lock", "lock" },
	{ "create", "create" }, { "unlink", "remove" }, { "rmdir", "remove" }, { "rename", "rename" },
	{ "link", "make another name of" }, { "search", "look for names in" }, { "add_name", "add a name to" },
	{ "remove_name", "remove a name from" }, { "mounton", "mount on" }, { "mount", "mount" },
	{ "unmount", "unmount" }, { "remount", "change the mount of" }, { "connectto", "connect to" },
	{ "connect", "connect" }, { "name_connect", "connect to" }, { "name_bind", "listen on" },
	{ "sendto", "send to" }, { "relabelfrom", "take the label from" }, { "relabelto", "give its label to" },
	{ "ptrace", "trace" }, { "signal", "signal" }, { "sigkill", "kill" }, { "transition", "become" },
	{ "entrypoint", "start as" },
}, nouns[] = {
	{ "file", "the file" }, { "dir", "the directory" }, { "lnk_file", "the link" },
	{ "sock_file", "the socket file" }, { "fifo_file", "the pipe" }, { "chr_file", "the character device" },
	{ "blk_file", "the block device" }, { "unix_stream_socket", "the listening socket" },
	{ "unix_dgram_socket", "the socket" }, { "tcp_socket", "the TCP port" }, { "udp_socket", "the UDP port" },
	{ "process", "the process" }, { "filesystem", "the file system" },
};

static const char *phrase_of(const struct phrase *phrases, size_t count, const char *word)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(phrases[i].word, word) == 0)
			return phrases[i].phrase;
	return NULL;
}

const char *type_in(const struct hyfw_host *host, struct hyfw_arena *arena, const char *label)
{
	struct label parts;

	return label_parse(host, arena, label, &parts) ? parts.type : label;
}

static const char *verb_of(const struct hyfw_host *host, struct hyfw_arena *arena, const char *permission)
{
	const char *verb = phrase_of(verbs, sizeof(verbs) / sizeof(verbs[0]), permission);

	return verb ? verb : host->format(arena, "do \"%s\" to", permission);
}

/* "read, open and look at" */
static const char *verbs_of(const struct hyfw_host *host, struct hyfw_arena *arena, const struct denial *denial)
{
	const size_t most = denial->permission_count > SENTENCE_PERMISSIONS ? SENTENCE_PERMISSIONS : denial->permission_count;
	const char *text = verb_of(host, arena, denial->permissions[0]);
	size_t i;

	for (i = 1; i < most; i++)
		text = host->format(arena, "%s%s%s", text, i + 1 == most ? " and " : ", ",
				    verb_of(host, arena, denial->permissions[i]));
	return text;
}

static const char *object_of(const struct hyfw_host *host, struct hyfw_arena *arena, const struct denial *denial)
{
	const char *noun = phrase_of(nouns, sizeof(nouns) / sizeof(nouns[0]), denial->class);
	const char *name = *denial->path ? denial->path : denial->name;

	if (!noun)
		noun = host->format(arena, "the object of class %s", denial->class);
	return host->format(arena, "%s%s%s of type %s", noun, *name ? " " : "", name, type_in(host, arena, denial->target));
}

static bool is_capability(const struct denial *denial)
{
	return strncmp(denial->class, "cap", 3) == 0 && (strncmp(denial->class, "capability", 10) == 0 ||
							 strncmp(denial->class, "cap_userns", 10) == 0 ||
							 strncmp(denial->class, "cap2_userns", 11) == 0);
}

const char *denial_sentence(const struct hyfw_host *host, struct hyfw_arena *arena, const struct denial *denial)
{
	const char *program = *denial->program ? denial->program : "a process";
	const char *what = is_capability(denial) ? host->format(arena, "use the capability %s", denial->permissions[0])
						 : host->format(arena, "%s %s", verbs_of(host, arena, denial),
								object_of(host, arena, denial));

	if (denial->enforced)
		return host->format(arena, "%s (%s) may not %s", program, type_in(host, arena, denial->source), what);
	return host->format(arena, "%s (%s) may not %s; it could, as SELinux was permissive", program,
			    type_in(host, arena, denial->source), what);
}
