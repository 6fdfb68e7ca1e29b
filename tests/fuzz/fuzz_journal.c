/* SPDX-License-Identifier: BSD-3-Clause
 * Throws bytes at the reader of journals.  In one of two forms: the file itself, or,
 * when the first byte is odd, one JSON record per line, to which the sums are added,
 * so that what stands behind them is reached.  Whatever was read can be worked on,
 * and what is written then is read again.
 *
 *     CC=clang CFLAGS=-fsanitize=fuzzer-no-link meson setup build-fuzz -Dfuzz=true \
 *         -Db_sanitize=address,undefined -Db_lundef=false
 *     ninja -C build-fuzz
 *     build-fuzz/tests/fuzz/fuzz_journal -max_total_time=60 -close_fd_mask=2
 *
 * (the mask hides what is told of damaged journals).
 */
#include <fcntl.h>
#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/context.h"
#include "base/files.h"
#include "engine/journal_format.h"

#define NUMBERS_END 999999999 /* no journal has as many operations or steps */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[] = "/tmp/hyfw-fuzz-XXXXXX";
static struct hyfw_context context;
static char *path, *quarantine;

static void finish(void)
{
	hyfw_remove_tree(AT_FDCWD, directory, NULL);
}

static void start(void)
{
	struct hyfw_context_options options = { .runtime = directory, .data = directory };

	if (!mkdtemp(directory) || hyfw_context_init(&context, &options, NULL) < 0)
		abort();
	atexit(finish);
	path = hyfw_format("%s/journal", directory);
	quarantine = hyfw_format("%s/quarantine", directory);
}

/* Each line that is JSON, with its sum. */
static void put_records(int fd, const uint8_t *data, size_t size)
{
	HYFW_AUTO_FREE char *text = hyfw_new(size + 1);
	char *rest = text, *line;

	memcpy(text, data, size);
	while ((line = strsep(&rest, "\n"))) {
		struct json_object *record = json_tokener_parse(line);
		HYFW_AUTO_FREE char *whole = record ? hyfw_journal_line(record) : NULL;

		json_object_put(record);
		if (whole && hyfw_write_all(fd, whole, strlen(whole)) < 0)
			abort();
	}
}

/* Promises of journal.h about what was read. */
static void check(const struct hyfw_journal *journal)
{
	size_t i;

	for (i = 0; i < journal->count; i++) {
		const struct hyfw_entry *entry = &journal->entries[i];

		if (!entry->driver || !entry->subject || !entry->verb || !entry->object ||
		    entry->lifetime > HYFW_LIFETIME_SHARED || entry->kind > HYFW_KIND_SECURITY ||
		    (i > 0 && entry->id <= journal->entries[i - 1].id))
			abort();
	}
}

static bool is_full(const struct hyfw_journal *journal)
{
	return journal->operations >= NUMBERS_END ||
	       (journal->count > 0 && journal->entries[journal->count - 1].id >= NUMBERS_END);
}

static void work_on(struct hyfw_journal *journal)
{
	const struct hyfw_entry entry = { .driver = (char *)"core", .subject = (char *)"s", .verb = (char *)"v",
					  .object = (char *)"o" };
	size_t i, index, live;

	check(journal);
	for (i = 0; i < journal->count; i++)
		if (journal->entries[i].state != HYFW_ENTRY_UNDONE && hyfw_journal_undone(journal, i, NULL) < 0)
			abort();
	live = hyfw_journal_live(journal);
	if (live != 0 || hyfw_journal_begin(journal, "fuzz", NULL) < 0 ||
	    hyfw_journal_intent(journal, &entry, &index, NULL) < 0 ||
	    hyfw_journal_note(journal, index, "k", "v", NULL) < 0)
		abort();
}

static void check_again(void)
{
	struct hyfw_journal *journal = NULL;

	if (hyfw_journal_read(path, &journal, NULL) < 0 || journal->damaged ||
	    hyfw_journal_live(journal) != 1 || strcmp(journal->operation, "fuzz") != 0)
		abort();
	check(journal);
	hyfw_journal_close(journal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hyfw_journal *journal = NULL;
	int fd;

	if (!path)
		start();
	if (size == 0)
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		abort();
	if (data[0] & 1)
		put_records(fd, data + 1, size - 1);
	else if (hyfw_write_all(fd, data + 1, size - 1) < 0)
		abort();
	close(fd);
	if (hyfw_journal_open(path, false, &journal, NULL) == 0 && !is_full(journal)) {
		work_on(journal);
		hyfw_journal_close(HYFW_STEAL(journal));
		check_again();
	}
	hyfw_journal_close(journal);
	hyfw_remove_tree(AT_FDCWD, quarantine, NULL);
	return 0;
}
