/* SPDX-License-Identifier: BSD-3-Clause
 * Plugins that must be refused, and some odd ones that must not: one file, one
 * BAD_... macro each (meson.build).  Every one has a constructor that leaves the
 * file $HYFW_PROOF, to show whether any code of it ran. */
#include <fcntl.h>
#include <hyfw/network.h>
#include <hyfw/storage.h>
#include <signal.h>
#include <unistd.h>

__attribute__((constructor)) static void prove(void)
{
	const char *path = getenv("HYFW_PROOF");
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;

	if (fd >= 0)
		close(fd);
#ifdef BAD_CRASH
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
#endif
#ifdef BAD_EXIT
	_exit(0);
#endif
#ifdef BAD_HANG
	for (;;)
		pause();
#endif
}

#ifndef NAME
#define NAME "bad"
#endif
#ifndef NOTE_MAGIC
#define NOTE_MAGIC HYFW_PLUGIN_MAGIC
#endif
#ifndef NOTE_MAJOR
#define NOTE_MAJOR HYFW_API_MAJOR
#endif
#ifndef NOTE_MIN_HOST
#define NOTE_MIN_HOST 0
#endif
#ifndef NOTE_KIND
#define NOTE_KIND HYFW_KIND_NETWORK
#endif
#ifndef MAGIC
#define MAGIC HYFW_PLUGIN_MAGIC
#endif

#ifdef BAD_UNDEFINED
void hyfw_tests_nobody_has_this(void);
#endif

static int probe(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
		 struct hyfw_error **err)
{
	(void)host;
	(void)arena;
	(void)ret_probe;
	(void)err;
#ifdef BAD_UNDEFINED
	hyfw_tests_nobody_has_this();
#endif
#ifdef BAD_PROBE
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
#endif
#ifdef BAD_SILENT
	return -5;
#endif
	return 0;
}

#ifdef BAD_APPLY
static int apply(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	(void)instance;
	(void)call;
	(void)err;
	return 0;
}
#endif

static const struct hyfw_common_ops common = {
	.size = sizeof(common),
	.probe = probe,
#ifdef BAD_APPLY
	.apply = apply,
#endif
};

#ifdef BAD_STORAGE
static const struct hyfw_storage_ops ops = { .size = sizeof(ops) };
#elif defined(OLD)
/* As if link() and stats() had not been there yet: what lies behind is not ours. */
static const struct {
	size_t size;
	uintptr_t stranger[8];
} ops = { sizeof(size_t), { 1, 2, 3, 4, 5, 6, 7, 8 } };
#elif defined(NEWER)
/* As if later releases had added members. */
static const struct {
	struct hyfw_network_ops known;
	uintptr_t stranger[8];
} ops = { { .size = sizeof(ops) }, { 1, 2, 3, 4, 5, 6, 7, 8 } };
struct newer_option {
	struct hyfw_option known;
	uintptr_t stranger[3];
};
static const struct newer_option options[] = {
	{ { "first", HYFW_SCOPE_NETWORK, HYFW_OPTION_INT, 0, "7", 0, 0, NULL, "the first" }, { 1, 2, 3 } },
	{ { "second", HYFW_SCOPE_PLUGIN, HYFW_OPTION_BOOL, 0, NULL, 0, 0, NULL, "the second" }, { 4, 5, 6 } },
	{ { 0 }, { 0 } },
};
#else
static const struct hyfw_network_ops ops = { .size = sizeof(ops) };
#endif

static const struct hyfw_plugin plugin = {
	.magic = MAGIC,
	.size = sizeof(plugin),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.kind = NOTE_KIND,
	.name = NAME,
	.version = "1",
	.vendor = "hyfw tests",
	.summary = "not to be trusted",
#ifdef NEWER
	.options = &options[0].known,
	.option_stride = sizeof(options[0]),
#endif
	.common = &common,
	.ops = &ops,
};

#ifndef BAD_NO_NOTE
__attribute__((used, section(".note.hyfw"), aligned(4))) static const struct hyfw_plugin_note_section note = {
	sizeof(HYFW_NOTE_NAME), sizeof(struct hyfw_plugin_note), HYFW_NOTE_TYPE, HYFW_NOTE_NAME,
	{ NOTE_MAGIC, NOTE_MAJOR, HYFW_API_MINOR, NOTE_MIN_HOST,
#ifdef BAD_KIND
	  HYFW_KIND_STORAGE
#else
	  NOTE_KIND
#endif
	},
};
#endif

__attribute__((visibility("default"))) const struct hyfw_plugin *hyfw_plugin_entry_v1(void);
const struct hyfw_plugin *hyfw_plugin_entry_v1(void)
{
	return &plugin;
}

#ifdef BAD_TWO
__attribute__((visibility("default"))) int hyfw_tests_second_symbol(void);
int hyfw_tests_second_symbol(void)
{
	return 0;
}
#endif
