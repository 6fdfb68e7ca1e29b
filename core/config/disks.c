/* SPDX-License-Identifier: BSD-3-Clause
 * disk = and cdrom =. */
#include "config/disks.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/nearest.h"
#include "config/normalize.h"

static const char *const devices[] = { "disk", "cdrom", "floppy", NULL };
static const char *const buses[] = { "virtio", "scsi", "sata", "ide", "usb", NULL };
static const char *const caches[] = { "none", "writeback", "writethrough", "directsync", "unsafe", NULL };

/* In the order of the normal form. */
static const struct hyfw_option options[] = {
	{ .name = "device", .type = HYFW_OPTION_CHOICE, .choices = devices },
	{ .name = "bus", .type = HYFW_OPTION_CHOICE, .choices = buses },
	{ .name = "format", .type = HYFW_OPTION_NAME },
	{ .name = "read_only", .type = HYFW_OPTION_BOOL }, /* ro and rw */
	{ .name = "cache", .type = HYFW_OPTION_CHOICE, .choices = caches },
	{ .name = "serial", .type = HYFW_OPTION_STRING },
	{ .name = "boot", .type = HYFW_OPTION_INT, .min = 1, .max = 64 },
};
enum { DEVICE, BUS, FORMAT, READ_ONLY, CACHE, SERIAL, BOOT };

struct chosen {
	char *values[HYFW_COUNT(options)]; /* normal forms */
};

static void finish(struct chosen *chosen)
{
	size_t i;

	for (i = 0; i < HYFW_COUNT(options); i++)
		free(chosen->values[i]);
}

static int unknown_word(const char *word, struct hyfw_error **err)
{
	static const char *const known[] = { "ro", "rw", "device=", "bus=", "format=", "cache=", "serial=", "boot=",
					     NULL };
	HYFW_AUTO_FREE char *name = strchr(word, '=') ? hyfw_dup_n(word, strcspn(word, "=") + 1) : hyfw_dup(word);
	const char *nearest = hyfw_nearest(name, known);

	return hyfw_fail(err, EINVAL,
			 "'%s' is none of ro, rw, device=, bus=, format=, cache=, serial=, boot=%s%s%s%s", word,
			 nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "",
			 strchr(word, '=') ? "" : "; where the path itself has a ':', put :rw or :ro behind it");
}

/* What the disk says of itself to the guest; 20 bytes are what a virtio disk tells
 * (VIRTIO_BLK_ID_BYTES, linux/virtio_blk.h). */
static int check_serial(const char *text, struct hyfw_error **err)
{
	if (!*text || strlen(text) > 20 ||
	    text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+-")])
		return hyfw_fail(err, EINVAL, "takes at most 20 of A-Z a-z 0-9 _ . + -");
	return 0;
}

static int set(struct chosen *chosen, size_t option, const char *text, struct hyfw_error **err)
{
	int result = 0;

	if (chosen->values[option])
		return hyfw_fail(err, EINVAL, "%s is given twice",
				 option == READ_ONLY ? "ro or rw" : options[option].name);
	if (option == SERIAL)
		result = check_serial(text, err);
	if (result == 0)
		result = hyfw_normalize_option(&options[option], text, &chosen->values[option], err);
	return result < 0 ? hyfw_wrap(err, "%s=", options[option].name) : 0;
}

static int take_word(struct chosen *chosen, const char *word, struct hyfw_error **err)
{
	size_t i;

	if (strcmp(word, "ro") == 0 || strcmp(word, "rw") == 0)
		return set(chosen, READ_ONLY, word[1] == 'o' ? "true" : "false", err);
	for (i = 0; i < HYFW_COUNT(options); i++) {
		const size_t length = strlen(options[i].name);

		if (i != READ_ONLY && strncmp(word, options[i].name, length) == 0 && word[length] == '=')
			return set(chosen, i, word + length + 1, err);
	}
	return unknown_word(word, err);
}

static int take_words(struct chosen *chosen, const char *text, struct hyfw_error **err)
{
	struct hyfw_strings words = { 0 };
	int result = 0;
	size_t i;

	hyfw_split_list(text, &words);
	if (words.count == 0)
		result = hyfw_fail(err, EINVAL, "after the ':' comes at least one option, such as ro");
	for (i = 0; result == 0 && i < words.count; i++)
		result = take_word(chosen, words.items[i], err);
	hyfw_strings_finish(&words);
	return result;
}

/* A CD is never written to. */
static int settle_cdrom(struct chosen *chosen, struct hyfw_error **err)
{
	if (!chosen->values[DEVICE] || strcmp(chosen->values[DEVICE], "cdrom") != 0)
		return 0;
	if (!chosen->values[READ_ONLY])
		return set(chosen, READ_ONLY, "true", err);
	return strcmp(chosen->values[READ_ONLY], "true") == 0 ? 0 : hyfw_fail(err, EINVAL, "a CD cannot be rw");
}

static char *join(const char *source, const struct chosen *chosen)
{
	char *text = hyfw_dup(source);
	size_t i;

	for (i = 0; i < HYFW_COUNT(options); i++) {
		char *longer;

		if (!chosen->values[i])
			continue;
		longer = hyfw_format("%s|%s=%s", text, options[i].name, chosen->values[i]);
		free(text);
		text = longer;
	}
	return text;
}

/* Where the options begin: paths may hold a ':' (/dev/disk/by-path), names may not. */
static char *options_of(char *source)
{
	char *colon = *source == '/' ? strrchr(source, ':') : strchr(source, ':');

	return *source == '/' && colon && strchr(colon, '/') ? NULL : colon;
}

int hyfw_normalize_disk(const char *text, char **ret_normal, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *source = hyfw_dup(text);
	char *words = options_of(source);
	struct chosen chosen = { 0 };
	int result;

	if (words)
		*words++ = '\0';
	result = *source == '/' ? hyfw_check_part("path on the host", HYFW_OPTION_PATH, source, err) :
				  hyfw_check_part("volume", HYFW_OPTION_NAME, source, err);
	if (result == 0 && words)
		result = take_words(&chosen, words, err);
	if (result == 0)
		result = settle_cdrom(&chosen, err);
	if (result == 0)
		*ret_normal = join(source, &chosen);
	finish(&chosen);
	return result;
}

int hyfw_normalize_cdrom(const char *text, char **ret_normal, struct hyfw_error **err)
{
	int result = hyfw_check_part("path on the host", HYFW_OPTION_PATH, text, err);

	if (result == 0)
		*ret_normal = hyfw_dup(text);
	return result;
}

void hyfw_disk_pairs(const char *normal, struct hyfw_pairs *ret_pairs)
{
	HYFW_AUTO_FREE char *copy = hyfw_dup(normal);
	char *rest = copy, *part;

	hyfw_pairs_add(ret_pairs, "source", strsep(&rest, "|"));
	while ((part = strsep(&rest, "|"))) {
		char *value = strchr(part, '=');

		if (!value)
			continue;
		*value++ = '\0';
		hyfw_pairs_add(ret_pairs, part, value);
	}
}

char *hyfw_disk_of_cdrom(const char *path)
{
	return hyfw_format("%s|device=cdrom|read_only=true", path);
}

char *hyfw_disk_volume(const char *text)
{
	return *text == '/' ? NULL : hyfw_dup_n(text, strcspn(text, ":|"));
}
