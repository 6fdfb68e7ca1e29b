/* SPDX-License-Identifier: BSD-3-Clause
 * Workloads for tests of driver kvm, written as lists of "KEY=VALUE". */
#ifndef HYFW_TEST_KVM_FIXTURE_H
#define HYFW_TEST_KVM_FIXTURE_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "fake_host.h"
#include "isolation/kvm/kvm.h"

#define KVM_TEST_UUID "11111111-2222-8333-8444-555555555555"

static inline const char *kvm_test_directory(const char *driver, enum hyfw_directory which)
{
	(void)driver;
	return which == HYFW_DIRECTORY_DATA ? "/var/lib/hyfw/kvm" : "/run/hyfw/kvm";
}

/* The fake host with directories. */
static inline const struct hyfw_host *kvm_test_host(void)
{
	static struct hyfw_host host;

	host = fake_host;
	host.owner = "hyfw";
	host.directory = kvm_test_directory;
	host.arena_new = hyfw_arena_new;
	host.arena_free = hyfw_arena_free;
	return &host;
}

/* "a=1\nb=2" as a map in the arena; a value may hold what it likes but line breaks. */
static inline struct hyfw_map kvm_test_map(const char *text)
{
	struct hyfw_map map = { 0 };
	struct hyfw_pair *pairs = hyfw_arena_alloc(fake.arena, 64 * sizeof(*pairs));
	char *rest = hyfw_arena_dup(fake.arena, text ? text : ""), *line;

	map.items = pairs;
	while ((line = strsep(&rest, "\n"))) {
		char *equals = strchr(line, '=');

		if (!equals)
			continue;
		assert_true(map.count < 64);
		*equals = '\0';
		pairs[map.count].key = line;
		pairs[map.count++].value = equals + 1;
	}
	return map;
}

/* Groups of tests; how many failed. */
int kvm_check_tests(void);
int kvm_domain_tests(void);
int kvm_template_tests(void);
int kvm_template_disks_tests(void);
int kvm_clone_tests(void);
int kvm_layers_tests(void);

struct kvm_test_disk {
	const char *source, *format, *options;
	uint32_t flags;
};

static inline struct hyfw_attachment kvm_test_attachment(const struct kvm_test_disk *disk)
{
	return (struct hyfw_attachment){
		.size = sizeof(struct hyfw_attachment), .kind = HYFW_ATTACHMENT_BLOCK, .flags = disk->flags,
		.source = disk->source, .source_fd = -1, .format = disk->format,
		.options = kvm_test_map(disk->options),
	};
}

#endif
