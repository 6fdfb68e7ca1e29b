/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin/elf.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define MACHINE EM_PPC64
#elif defined(__s390x__)
#define MACHINE EM_S390
#else
#error "which ELF machine is this?"
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BYTE_ORDER_HERE ELFDATA2LSB
#else
#define BYTE_ORDER_HERE ELFDATA2MSB
#endif

#define SEGMENTS_MOST 64u
#define SECTIONS_MOST 1024u
#define NOTES_LARGEST (64u << 10)
#define DYNAMIC_LARGEST (64u << 10)
#define STRINGS_LARGEST (4u << 20)
#define SYMBOLS_LARGEST (8u << 20)

static int damaged(struct hyfw_error **err, const char *what)
{
	return hyfw_fail(err, EBADMSG, "damaged ELF file: %s", what);
}

static int read_into(const struct hyfw_elf *elf, uint64_t offset, void *data, size_t size,
		     struct hyfw_error **err)
{
	size_t done = 0;

	if (offset > elf->size || size > elf->size - offset)
		return damaged(err, "it ends too early");
	while (done < size) {
		ssize_t got = pread(elf->fd, (char *)data + done, size - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return hyfw_fail_errno(err, errno, "read");
		if (got == 0)
			return damaged(err, "it ends too early");
		done += (size_t)got;
	}
	return 0;
}

/* 'size' bytes at 'offset' (free()), with a NUL behind them. */
static int read_range(const struct hyfw_elf *elf, uint64_t offset, uint64_t size, uint64_t limit, char **ret_data,
		      struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *data = NULL;
	int result;

	if (size > limit)
		return damaged(err, "a table is unreasonably large");
	if (offset > elf->size || size > elf->size - offset)
		return damaged(err, "it ends too early");
	data = hyfw_new(size + 1);
	result = read_into(elf, offset, data, size, err);
	if (result == 0)
		*ret_data = HYFW_STEAL(data);
	return result;
}

static int check_header(const Elf64_Ehdr *header, struct hyfw_error **err)
{
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return hyfw_fail(err, ENOEXEC, "not an ELF file");
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != BYTE_ORDER_HERE)
		return hyfw_fail(err, ENOEXEC, "an ELF file of another class or byte order than this machine's");
	if (header->e_machine != MACHINE)
		return hyfw_fail(err, ENOEXEC, "built for another machine (ELF machine %u, this is %u)",
				 header->e_machine, MACHINE);
	if (header->e_type != ET_DYN)
		return hyfw_fail(err, ENOEXEC, "not a shared object");
	if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum == 0 ||
	    header->e_phnum > SEGMENTS_MOST)
		return damaged(err, "its program headers make no sense");
	return 0;
}

int hyfw_elf_open(struct hyfw_elf *elf, int fd, struct hyfw_error **err)
{
	struct stat st;
	int result;

	memset(elf, 0, sizeof(*elf));
	elf->fd = fd;
	if (fstat(fd, &st) < 0)
		return hyfw_fail_errno(err, errno, "read");
	elf->size = (uint64_t)st.st_size;
	if (elf->size < sizeof(elf->header))
		return hyfw_fail(err, ENOEXEC, "not an ELF file");
	result = read_into(elf, 0, &elf->header, sizeof(elf->header), err);
	if (result == 0)
		result = check_header(&elf->header, err);
	if (result < 0)
		return result;
	elf->segments = hyfw_new(elf->header.e_phnum * sizeof(Elf64_Phdr));
	result = read_into(elf, elf->header.e_phoff, elf->segments, elf->header.e_phnum * sizeof(Elf64_Phdr), err);
	if (result < 0)
		hyfw_elf_finish(elf);
	return result;
}

void hyfw_elf_finish(struct hyfw_elf *elf)
{
	free(elf->segments);
	elf->segments = NULL;
}

/* ---- notes ---- */

static uint64_t padded(uint64_t size, uint64_t alignment)
{
	return (size + alignment - 1) / alignment * alignment;
}

/* 1 when the note is in 'data', 0 when not. */
static int find_note(const char *data, uint64_t size, uint64_t alignment, const char *owner, uint32_t type,
		     void *ret_desc, size_t desc_size, struct hyfw_error **err)
{
	size_t owner_size = strlen(owner) + 1;
	uint64_t at = 0;

	while (size - at >= sizeof(Elf64_Nhdr)) {
		uint64_t name_at = at + sizeof(Elf64_Nhdr), desc_at, next;
		Elf64_Nhdr head;

		memcpy(&head, data + at, sizeof(head));
		desc_at = name_at + padded(head.n_namesz, alignment);
		next = desc_at + padded(head.n_descsz, alignment);
		if (desc_at > size || head.n_descsz > size - desc_at)
			return damaged(err, "a note is longer than its segment");
		if (head.n_type == type && head.n_namesz == owner_size &&
		    memcmp(data + name_at, owner, owner_size) == 0) {
			if (head.n_descsz < desc_size)
				return hyfw_fail(err, EBADMSG, "its note is too short");
			memcpy(ret_desc, data + desc_at, desc_size);
			return 1;
		}
		if (next > size)
			break;
		at = next;
	}
	return 0;
}

int hyfw_elf_note(const struct hyfw_elf *elf, const char *owner, uint32_t type, void *ret_desc, size_t size,
		  struct hyfw_error **err)
{
	unsigned i;

	for (i = 0; i < elf->header.e_phnum; i++) {
		const Elf64_Phdr *segment = &elf->segments[i];
		HYFW_AUTO_FREE char *data = NULL;
		int result;

		if (segment->p_type != PT_NOTE)
			continue;
		result = read_range(elf, segment->p_offset, segment->p_filesz, NOTES_LARGEST, &data, err);
		if (result == 0)
			result = find_note(data, segment->p_filesz, segment->p_align == 8 ? 8 : 4, owner,
					   type, ret_desc, size, err);
		if (result != 0)
			return result < 0 ? result : 0;
	}
	return hyfw_fail(err, ENOENT, "no note of owner %s", owner);
}

/* ---- the dynamic section ---- */

/* Where in the file the byte is that will be at 'address'. */
static bool file_offset(const struct hyfw_elf *elf, uint64_t address, uint64_t *ret_offset)
{
	unsigned i;

	for (i = 0; i < elf->header.e_phnum; i++) {
		const Elf64_Phdr *segment = &elf->segments[i];

		if (segment->p_type == PT_LOAD && address >= segment->p_vaddr &&
		    address - segment->p_vaddr < segment->p_filesz) {
			*ret_offset = segment->p_offset + (address - segment->p_vaddr);
			return true;
		}
	}
	return false;
}

static bool names_a_file(int64_t tag)
{
	return tag == DT_NEEDED || tag == DT_RPATH || tag == DT_RUNPATH || tag == DT_AUXILIARY || tag == DT_FILTER;
}

static uint64_t value_of(const Elf64_Dyn *entries, size_t count, int64_t tag)
{
	size_t i;

	for (i = 0; i < count && entries[i].d_tag != DT_NULL; i++)
		if (entries[i].d_tag == tag)
			return entries[i].d_un.d_val;
	return 0;
}

static int visit_entries(const struct hyfw_elf *elf, const Elf64_Dyn *entries, size_t count,
			 hyfw_elf_visit visit, struct hyfw_error **err)
{
	uint64_t size = value_of(entries, count, DT_STRSZ), offset;
	HYFW_AUTO_FREE char *strings = NULL;
	int result;
	size_t i;

	if (!file_offset(elf, value_of(entries, count, DT_STRTAB), &offset))
		return damaged(err, "its string table is nowhere");
	result = read_range(elf, offset, size, STRINGS_LARGEST, &strings, err);
	for (i = 0; result == 0 && i < count && entries[i].d_tag != DT_NULL; i++) {
		if (!names_a_file(entries[i].d_tag))
			continue;
		if (entries[i].d_un.d_val >= size)
			return damaged(err, "a name is outside its string table");
		result = visit(entries[i].d_tag, strings + entries[i].d_un.d_val, err);
	}
	return result;
}

int hyfw_elf_dynamic(const struct hyfw_elf *elf, hyfw_elf_visit visit, struct hyfw_error **err)
{
	unsigned i;

	for (i = 0; i < elf->header.e_phnum; i++) {
		const Elf64_Phdr *segment = &elf->segments[i];
		HYFW_AUTO_FREE char *data = NULL;
		int result;

		if (segment->p_type != PT_DYNAMIC)
			continue;
		result = read_range(elf, segment->p_offset, segment->p_filesz, DYNAMIC_LARGEST, &data, err);
		if (result < 0)
			return result;
		return visit_entries(elf, (const Elf64_Dyn *)(const void *)data,
				     segment->p_filesz / sizeof(Elf64_Dyn), visit, err);
	}
	return damaged(err, "it has no dynamic section");
}

/* ---- exported symbols ---- */

static bool exported(const Elf64_Sym *symbol)
{
	unsigned binding = ELF64_ST_BIND(symbol->st_info), visibility = ELF64_ST_VISIBILITY(symbol->st_other);

	return symbol->st_shndx != SHN_UNDEF && binding != STB_LOCAL &&
	       (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

static int count_exports(const char *symbols, uint64_t symbols_size, const char *strings, uint64_t strings_size,
			 const char *expected, size_t *ret_count, char **ret_other, struct hyfw_error **err)
{
	size_t i, count = symbols_size / sizeof(Elf64_Sym);

	for (i = 0; i < count; i++) {
		Elf64_Sym symbol;

		memcpy(&symbol, symbols + i * sizeof(symbol), sizeof(symbol));
		if (!exported(&symbol))
			continue;
		if (symbol.st_name >= strings_size)
			return damaged(err, "a symbol's name is outside its string table");
		(*ret_count)++;
		if (!*ret_other && strcmp(strings + symbol.st_name, expected) != 0)
			*ret_other = hyfw_dup(strings + symbol.st_name);
	}
	return 0;
}

int hyfw_elf_exports(const struct hyfw_elf *elf, const char *expected, size_t *ret_count, char **ret_other,
		     struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *data = NULL, *symbols = NULL, *strings = NULL;
	unsigned count = elf->header.e_shnum, i;
	const Elf64_Shdr *sections;
	int result;

	if (count == 0 || count > SECTIONS_MOST || elf->header.e_shentsize != sizeof(Elf64_Shdr))
		return damaged(err, "it has no section headers");
	result = read_range(elf, elf->header.e_shoff, count * sizeof(Elf64_Shdr),
			       SECTIONS_MOST * sizeof(Elf64_Shdr), &data, err);
	if (result < 0)
		return result;
	sections = (const Elf64_Shdr *)(const void *)data;
	for (i = 0; i < count && sections[i].sh_type != SHT_DYNSYM; i++)
		;
	if (i == count || sections[i].sh_link >= count)
		return damaged(err, "it has no dynamic symbols");
	result = read_range(elf, sections[i].sh_offset, sections[i].sh_size, SYMBOLS_LARGEST, &symbols, err);
	if (result == 0)
		result = read_range(elf, sections[sections[i].sh_link].sh_offset,
				       sections[sections[i].sh_link].sh_size, STRINGS_LARGEST, &strings, err);
	*ret_count = 0;
	*ret_other = NULL;
	if (result == 0)
		result = count_exports(symbols, sections[i].sh_size, strings,
				       sections[sections[i].sh_link].sh_size, expected, ret_count, ret_other, err);
	return result;
}
