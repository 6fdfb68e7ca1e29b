/* SPDX-License-Identifier: BSD-3-Clause
 * A data directory with a template in it, for tests of driver kvm. */
#ifndef HYFW_TEST_KVM_TEMPLATE_FIXTURE_H
#define HYFW_TEST_KVM_TEMPLATE_FIXTURE_H

#include "kvm_fixture.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isolation/kvm/template/template.h"

static char directory[] = "/tmp/hyfw-clone.XXXXXX";
static const struct hyfw_host *host;
static struct hyfw_host own_host;

static inline const char *data_directory(const char *driver, enum hyfw_directory which)
{
	(void)driver;
	(void)which;
	return directory;
}

static inline int no_lock(const char *name, struct hyfw_error **err)
{
	(void)name;
	(void)err;
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static inline int begin(void **state)
{
	fake_host_begin(state);
	own_host = *kvm_test_host();
	own_host.directory = data_directory;
	own_host.lock = no_lock;
	host = &own_host;
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static inline int end(void **state)
{
	hyfw_remove_tree(AT_FDCWD, directory, NULL);
	return fake_host_end(state);
}

static inline const char *path_of(const char *name)
{
	return hyfw_arena_format(fake.arena, "%s/%s", directory, name);
}

static inline void make_directory(const char *name)
{
	assert_int_equal(mkdir(path_of(name), 0711), 0);
}

static inline void write_file(const char *name, const void *data, size_t size)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

/* The header of a qcow2 file of 1 MiB (docs/interop/qcow2.txt of QEMU); 'backing' may be
 * NULL. */
static inline void write_qcow2(const char *name, const char *backing)
{
	uint8_t bytes[1024] = { 'Q', 'F', 'I', 0xfb, [7] = 3, [23] = 16, [29] = 0x10, [103] = 104 };
	size_t at = 104;

	if (backing) {
		memcpy(bytes + at, "\xe2\x79\x2a\xca\0\0\0\5qcow2\0\0\0", 16);
		at += 24; /* and the end of the extensions */
		bytes[14] = (uint8_t)(at >> 8);
		bytes[15] = (uint8_t)at;
		bytes[19] = (uint8_t)strlen(backing);
		memcpy(bytes + at, backing, strlen(backing));
	}
	write_file(name, bytes, sizeof(bytes));
}

/* A template "t" with the disks root and disk1. */
static inline void write_template(void)
{
	static const char *const names[] = { "root", "disk1" };
	KVM_AUTO_PUT struct json_object *header = json_object_new_object();
	struct json_object *disks = kvm_keep_array(header, "disks");
	size_t i;

	make_directory("templates");
	make_directory("templates/t");
	write_file("templates/t/memory", "0123456789", 10);
	json_object_object_add(header, "version", json_object_new_int(KVM_TEMPLATE_VERSION));
	json_object_object_add(header, "bytes", json_object_new_int(10));
	for (i = 0; i < KVM_COUNT(names); i++) {
		const char *file = hyfw_arena_format(fake.arena, "templates/t/%s.qcow2", names[i]);
		struct json_object *disk = json_object_new_object();
		HYFW_AUTO_CLOSE int fd = -1;

		write_qcow2(file, NULL);
		fd = open(path_of(file), O_RDONLY | O_CLOEXEC);
		json_object_object_add(disk, "name", json_object_new_string(names[i]));
		assert_int_equal(kvm_template_disk_note(host, disk, path_of(file), fd, NULL), 0);
		json_object_array_add(disks, disk);
	}
	assert_int_equal(kvm_keep_write(host, fake.arena, path_of("templates/t/template.json"), header, NULL), 0);
}

#endif
