/* SPDX-License-Identifier: BSD-3-Clause
 * All that the kernel counts for a container, as JSON in the form of the "data" of
 * runc's `events --stats`.  On a machine with both versions each figure comes from where
 * its controller is.  memory.c and the like of runc say how cgroup v2 is told in the words
 * of cgroup v1: swap is counted together with memory. */
#include "oci.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json.h>
#include <stdio.h>
#include <unistd.h>

/* One controller's group. */
struct source {
	int fd; /* -1: there is none */
	bool unified;
};

static struct source open_source(const struct group *groups, size_t count, enum controller controller)
{
	struct source source = { -1, false };
	size_t i;

	for (i = 0; i < count; i++) {
		const bool v1 = (groups[i].mask & CONTROLLER_BIT(controller)) != 0;

		if (!v1 && (!groups[i].unified || source.fd >= 0))
			continue;
		auto_close(&source.fd);
		source = (struct source){ group_open(groups[i].path), groups[i].unified };
	}
	return source;
}

static struct json_object *child(struct json_object *parent, const char *name)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(parent, name, object);
	return object;
}

/* What is not known is left out. */
static void add(struct json_object *object, const char *name, uint64_t value)
{
	if (value != HYFW_STAT_NONE)
		json_object_object_add(object, name, json_object_new_uint64(value));
}

static uint64_t times(uint64_t value, uint64_t factor)
{
	return value == HYFW_STAT_NONE ? value : value * factor;
}

/* "max" is the largest number there. */
static void add_limit(struct json_object *object, int fd, const char *file)
{
	char text[64];

	if (file_read(fd, file, text, sizeof(text)) <= 0)
		return;
	json_object_object_add(object, "limit",
			       json_object_new_uint64(strncmp(text, "max", 3) == 0 ? UINT64_MAX : file_number(fd, file)));
}

/* ---- cpu ---- */

static void add_numbers(struct json_object *object, const char *name, int fd, const char *file)
{
	struct json_object *list;
	char text[65536], *save = NULL, *word;

	if (file_read(fd, file, text, sizeof(text)) <= 0)
		return;
	list = json_object_new_array();
	for (word = strtok_r(text, " \n", &save); word; word = strtok_r(NULL, " \n", &save))
		json_object_array_add(list, json_object_new_uint64(strtoull(word, NULL, 10)));
	json_object_object_add(object, name, list);
}

static void add_cpu(struct json_object *data, const struct source *cpu, const struct source *account)
{
	struct json_object *object = child(data, "cpu"), *usage = child(object, "usage"),
			   *throttling = child(object, "throttling");

	if (account->fd >= 0 && !account->unified) {
		add(usage, "total", file_number(account->fd, "cpuacct.usage"));
		add_numbers(usage, "percpu", account->fd, "cpuacct.usage_percpu");
		add_numbers(usage, "percpu_kernel", account->fd, "cpuacct.usage_percpu_sys");
		add_numbers(usage, "percpu_user", account->fd, "cpuacct.usage_percpu_user");
		add(usage, "kernel", file_number(account->fd, "cpuacct.usage_sys"));
		add(usage, "user", file_number(account->fd, "cpuacct.usage_user"));
	} else if (account->fd >= 0) {
		add(usage, "total", times(file_field(account->fd, "cpu.stat", "usage_usec"), 1000));
		add(usage, "kernel", times(file_field(account->fd, "cpu.stat", "system_usec"), 1000));
		add(usage, "user", times(file_field(account->fd, "cpu.stat", "user_usec"), 1000));
	}
	oci_pressure(object, cpu->unified ? cpu->fd : -1, "cpu.pressure");
	if (cpu->fd < 0)
		return;
	add(throttling, "periods", file_field(cpu->fd, "cpu.stat", "nr_periods"));
	add(throttling, "throttledPeriods", file_field(cpu->fd, "cpu.stat", "nr_throttled"));
	add(throttling, "throttledTime",
	    cpu->unified ? times(file_field(cpu->fd, "cpu.stat", "throttled_usec"), 1000) :
			   file_field(cpu->fd, "cpu.stat", "throttled_time"));
}

/* ---- memory ---- */

static void add_raw(struct json_object *memory, int fd)
{
	struct json_object *raw = child(memory, "raw");
	char text[16384], *save = NULL, *line;

	if (file_read(fd, "memory.stat", text, sizeof(text)) <= 0)
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *space = strchr(line, ' ');

		if (!space)
			continue;
		*space = '\0';
		json_object_object_add(raw, line, json_object_new_uint64(strtoull(space + 1, NULL, 10)));
	}
}

/* "memory.kmem" and its four files of cgroup v1. */
static void add_v1_counter(struct json_object *memory, const char *name, int fd, const char *prefix)
{
	struct json_object *counter;
	char file[64];

	snprintf(file, sizeof(file), "%s.usage_in_bytes", prefix);
	if (faccessat(fd, file, F_OK, 0) < 0)
		return;
	counter = child(memory, name);
	add(counter, "usage", file_number(fd, file));
	snprintf(file, sizeof(file), "%s.limit_in_bytes", prefix);
	add_limit(counter, fd, file);
	snprintf(file, sizeof(file), "%s.max_usage_in_bytes", prefix);
	add(counter, "max", file_number(fd, file));
	snprintf(file, sizeof(file), "%s.failcnt", prefix);
	add(counter, "failcnt", file_number(fd, file));
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a == HYFW_STAT_NONE || b == HYFW_STAT_NONE ? HYFW_STAT_NONE : a + b;
}

static void add_v2_memory(struct json_object *memory, int fd)
{
	struct json_object *usage, *swap;
	const uint64_t used = file_number(fd, "memory.current"), limit = file_number(fd, "memory.max");
	const uint64_t both = sum(limit, file_number(fd, "memory.swap.max"));

	add(memory, "cache", file_field(fd, "memory.stat", "file"));
	usage = child(memory, "usage");
	swap = child(memory, "swap");
	add(usage, "usage", used);
	add_limit(usage, fd, "memory.max");
	add(usage, "max", file_number(fd, "memory.peak"));
	add(usage, "failcnt", file_field(fd, "memory.events", "max"));
	add(swap, "usage", sum(used, file_number(fd, "memory.swap.current")));
	if (faccessat(fd, "memory.swap.max", F_OK, 0) == 0)
		json_object_object_add(swap, "limit", json_object_new_uint64(both));
	add(swap, "failcnt", file_field(fd, "memory.swap.events", "fail"));
}

static void add_memory(struct json_object *data, const struct source *source)
{
	struct json_object *memory = child(data, "memory");

	if (source->fd < 0)
		return;
	if (source->unified) {
		add_v2_memory(memory, source->fd);
	} else {
		add(memory, "cache", file_field(source->fd, "memory.stat", "cache"));
		add_v1_counter(memory, "usage", source->fd, "memory");
		add_v1_counter(memory, "swap", source->fd, "memory.memsw");
		add_v1_counter(memory, "kernel", source->fd, "memory.kmem");
		add_v1_counter(memory, "kernelTCP", source->fd, "memory.kmem.tcp");
	}
	add_raw(memory, source->fd);
	oci_pressure(memory, source->unified ? source->fd : -1, "memory.pressure");
}

/* ---- block devices ---- */

static void add_entry(struct json_object *list, unsigned major, unsigned minor, const char *op, uint64_t value)
{
	struct json_object *entry = json_object_new_object();

	json_object_object_add(entry, "major", json_object_new_int64(major));
	json_object_object_add(entry, "minor", json_object_new_int64(minor));
	json_object_object_add(entry, "op", json_object_new_string(op));
	json_object_object_add(entry, "value", json_object_new_uint64(value));
	json_object_array_add(list, entry);
}

/* Lines "8:0 Read 4096". */
static void add_v1_io(struct json_object *block, const char *name, int fd, const char *file)
{
	struct json_object *list;
	unsigned major, minor;
	unsigned long long value;
	char text[65536], op[16], *save = NULL, *line;

	if (file_read(fd, file, text, sizeof(text)) < 0)
		return;
	list = json_object_new_array();
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, "%u:%u %15s %llu", &major, &minor, op, &value) == 4)
			add_entry(list, major, minor, op, value);
	json_object_object_add(block, name, list);
}

/* Lines "8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0". */
static void add_v2_io(struct json_object *block, int fd)
{
	struct json_object *bytes = json_object_new_array(), *operations = json_object_new_array();
	char text[65536], *lines = NULL, *line;
	unsigned major, minor;

	json_object_object_add(block, "ioServiceBytesRecursive", bytes);
	json_object_object_add(block, "ioServicedRecursive", operations);
	if (file_read(fd, "io.stat", text, sizeof(text)) <= 0)
		return;
	for (line = strtok_r(text, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
		char *words = NULL, *word = strtok_r(line, " ", &words);

		if (!word || sscanf(word, "%u:%u", &major, &minor) != 2)
			continue;
		while ((word = strtok_r(NULL, " ", &words))) {
			const char *value = strchr(word, '=');
			const char *op = *word == 'r' ? "Read" : *word == 'w' ? "Write" : *word == 'd' ? "Discard" : NULL;

			if (value && op && strncmp(word + 1, "bytes=", 6) == 0)
				add_entry(bytes, major, minor, op, strtoull(value + 1, NULL, 10));
			else if (value && op && strncmp(word + 1, "ios=", 4) == 0)
				add_entry(operations, major, minor, op, strtoull(value + 1, NULL, 10));
		}
	}
}

static void add_block(struct json_object *data, const struct source *source)
{
	struct json_object *block = child(data, "blkio");

	if (source->fd < 0)
		return;
	if (source->unified) {
		add_v2_io(block, source->fd);
		oci_pressure(block, source->fd, "io.pressure");
		return;
	}
	add_v1_io(block, "ioServiceBytesRecursive", source->fd, "blkio.throttle.io_service_bytes_recursive");
	add_v1_io(block, "ioServicedRecursive", source->fd, "blkio.throttle.io_serviced_recursive");
	add_v1_io(block, "ioQueueRecursive", source->fd, "blkio.bfq.io_queued_recursive");
	add_v1_io(block, "ioServiceTimeRecursive", source->fd, "blkio.bfq.io_service_time_recursive");
	add_v1_io(block, "ioWaitTimeRecursive", source->fd, "blkio.bfq.io_wait_time_recursive");
	add_v1_io(block, "ioMergedRecursive", source->fd, "blkio.bfq.io_merged_recursive");
}

/* ---- the rest ---- */

static void add_page_size(struct json_object *pages, const struct source *source, const char *size)
{
	struct json_object *object = child(pages, size);
	char file[128];

	snprintf(file, sizeof(file), "hugetlb.%s.%s", size, source->unified ? "current" : "usage_in_bytes");
	add(object, "usage", file_number(source->fd, file));
	if (!source->unified) {
		snprintf(file, sizeof(file), "hugetlb.%s.max_usage_in_bytes", size);
		add(object, "max", file_number(source->fd, file));
		snprintf(file, sizeof(file), "hugetlb.%s.failcnt", size);
		add(object, "failcnt", file_number(source->fd, file));
		return;
	}
	snprintf(file, sizeof(file), "hugetlb.%s.events", size);
	add(object, "failcnt", file_field(source->fd, file, "max"));
}

/* The page sizes are known by the files' names. */
static void add_hugepages(struct json_object *data, const struct source *source)
{
	const char *tail = source->unified ? ".current" : ".usage_in_bytes";
	struct json_object *pages = child(data, "hugetlb");
	int fd = source->fd < 0 ? -1 : openat(source->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		char *size = entry->d_name + strlen("hugetlb."), *end;

		if (strncmp(entry->d_name, "hugetlb.", strlen("hugetlb.")) != 0)
			continue;
		end = strchr(size, '.');
		if (!end || strcmp(end, tail) != 0)
			continue;
		*end = '\0';
		add_page_size(pages, source, size);
	}
	closedir(dir);
}

static void add_pids(struct json_object *data, const struct source *source)
{
	struct json_object *pids = child(data, "pids");

	if (source->fd < 0)
		return;
	add(pids, "current", file_number(source->fd, "pids.current"));
	add(pids, "limit", file_number(source->fd, "pids.max"));
}

/* Lines "mlx4_0 hca_handle=2 hca_object=2000". */
static void add_rdma_file(struct json_object *rdma, const char *name, int fd, const char *file)
{
	char text[8192], *lines = NULL, *line;
	struct json_object *list;

	if (file_read(fd, file, text, sizeof(text)) <= 0)
		return;
	list = child(rdma, name);
	for (line = strtok_r(text, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
		char *words = NULL, *word = strtok_r(line, " ", &words);
		struct json_object *device = child(list, word ? word : "");

		while ((word = strtok_r(NULL, " ", &words))) {
			char *value = strchr(word, '=');

			if (!value)
				continue;
			*value++ = '\0';
			if (*value >= '0' && *value <= '9')
				json_object_object_add(device, word, json_object_new_uint64(strtoull(value, NULL, 10)));
		}
	}
}

int oci_report(const struct hyfw_host *host, const struct hyfw_map *record, struct hyfw_arena *arena,
	       const char **ret_json, struct hyfw_error **err)
{
	enum { CPU, ACCOUNT, MEMORY, PIDS, BLOCK, PAGES, RDMA, SOURCES };
	static const enum controller controllers[SOURCES] = { CONTROLLER_CPU, CONTROLLER_CPUACCT, CONTROLLER_MEMORY,
							      CONTROLLER_PIDS, CONTROLLER_BLKIO, CONTROLLER_HUGETLB,
							      CONTROLLER_RDMA };
	struct json_object *data = json_object_new_object();
	struct source sources[SOURCES];
	struct group groups[GROUPS_MAX];
	size_t count = groups_recorded(record, groups);
	const char *text;
	int i;

	for (i = 0; i < SOURCES; i++)
		sources[i] = open_source(groups, count, controllers[i]);
	add_cpu(data, &sources[CPU], &sources[ACCOUNT]);
	add_memory(data, &sources[MEMORY]);
	add_pids(data, &sources[PIDS]);
	add_block(data, &sources[BLOCK]);
	add_hugepages(data, &sources[PAGES]);
	if (sources[RDMA].fd >= 0 && faccessat(sources[RDMA].fd, "rdma.current", F_OK, 0) == 0) {
		struct json_object *rdma = child(data, "rdma");

		add_rdma_file(rdma, "current", sources[RDMA].fd, "rdma.current");
		add_rdma_file(rdma, "limit", sources[RDMA].fd, "rdma.max");
	}
	for (i = 0; i < SOURCES; i++)
		auto_close(&sources[i].fd);
	text = json_object_to_json_string_ext(data, JSON_C_TO_STRING_PLAIN);
	if (text)
		*ret_json = host->format(arena, "%s", text);
	json_object_put(data);
	return text ? 0 : host->fail(err, ENOMEM, "out of memory");
}
