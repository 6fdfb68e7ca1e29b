/* SPDX-License-Identifier: BSD-3-Clause
 * A bounded look into an ELF shared object through its descriptor, before any of
 * it is mapped.  The file is untrusted: every size and offset is checked against
 * the file and against a limit. */
#ifndef HYFW_PLUGIN_ELF_H
#define HYFW_PLUGIN_ELF_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct hyfw_elf {
	int fd;            /* borrowed */
	uint64_t size;     /* of the file */
	Elf64_Ehdr header;
	Elf64_Phdr *segments;
};

/* Refuses what is not a shared object for this machine. */
int hyfw_elf_open(struct hyfw_elf *elf, int fd, struct hyfw_error **err);
void hyfw_elf_finish(struct hyfw_elf *elf);


/* Copies exactly 'size' bytes of the description of the note OWNER/TYPE.
 * -ENOENT when there is none, -EBADMSG when it is smaller. */
int hyfw_elf_note(const struct hyfw_elf *elf, const char *owner, uint32_t type, void *ret_desc, size_t size,
		  struct hyfw_error **err);

/* Calls 'visit' with tag and text of each dynamic entry that names a file or a
 * search path (DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_AUXILIARY, DT_FILTER). */
typedef int (*hyfw_elf_visit)(int64_t tag, const char *text, struct hyfw_error **err);
int hyfw_elf_dynamic(const struct hyfw_elf *elf, hyfw_elf_visit visit, struct hyfw_error **err);

/* The names of the symbols that it exports: how many, and the first one that is
 * not 'expected' in '*ret_other' (free(); NULL for none). */
int hyfw_elf_exports(const struct hyfw_elf *elf, const char *expected, size_t *ret_count, char **ret_other,
		     struct hyfw_error **err);

#endif
