/* SPDX-License-Identifier: BSD-3-Clause
 * What the files of core/config share with each other and with nobody else. */
#ifndef HYFW_CONFIG_PRIVATE_H
#define HYFW_CONFIG_PRIVATE_H

#include "config/config.h"
#include "config/schema.h"

#define HYFW_CONFIG_SECTIONS 10000 /* in all files */
#define HYFW_CONFIG_VALUES 100000

/* A key that a loaded driver declares. */
struct hyfw_config_option {
	char *driver;
	enum hyfw_kind kind;
	struct hyfw_key key; /* text in it is the driver's: plugins stay mapped */
};

struct hyfw_config {
	struct hyfw_config_section **sections;
	size_t count, room;
	struct hyfw_config_option *options;
	size_t option_count;
	struct hyfw_config_section **fallbacks; /* the schema's defaults, one section for each type */
	struct hyfw_config_section *defaults;   /* [defaults], one of 'sections'; NULL for none */
	struct hyfw_config_section *implied;    /* what a rootfs implies: storage = dir */
	struct hyfw_strings paths; /* what origins point to */
	char *stack_name;          /* from the first stack file's name */
	char *stack_path;
	size_t values;             /* in all sections */
	bool keep_unused;
	hyfw_config_report refused; /* NULL: the first refused key is the failure */
	void *refused_user;
	bool validated;
};

/* config.c */
struct hyfw_config_section *hyfw_config_section_new(const char *type, const char *name,
						    const struct hyfw_origin *origin);
void hyfw_config_section_free(struct hyfw_config_section *section);
struct hyfw_config_value *hyfw_config_value_add(struct hyfw_config_section *section, const char *key,
						const char *text, const struct hyfw_origin *origin);
void hyfw_config_value_remove(struct hyfw_config_section *section, const char *key);
size_t hyfw_config_count(const struct hyfw_config_section *section, const char *key);
struct hyfw_config_section *hyfw_config_section_add(struct hyfw_config *config,
						    struct hyfw_config_section *section);
void hyfw_config_section_drop(struct hyfw_config *config, const struct hyfw_config_section *section);
const char *hyfw_config_path_keep(struct hyfw_config *config, const char *path);

/* The next value of 'key' in 'section' that has a normal form; '*cursor' starts at 0. */
const struct hyfw_config_value *hyfw_config_next_value(const struct hyfw_config_section *section,
						       const char *key, size_t *cursor);

/* The section that supplies 'key' to 'section': itself, [defaults], what its
 * drivers imply, or the schema's defaults; NULL when none does. */
const struct hyfw_config_section *hyfw_config_supplier(const struct hyfw_config *config,
						       const struct hyfw_config_section *section,
						       const char *key);

/* The key of 'section', the core's or a driver's; NULL when unknown. */
const struct hyfw_key *hyfw_config_key(const struct hyfw_config *config,
				       const struct hyfw_config_section *section, const char *key);

/* As hyfw_config_raw(), with where the text comes from. */
const struct hyfw_config_value *hyfw_config_raw_value(const struct hyfw_config *config,
						      const struct hyfw_config_section *section,
						      const char *key, size_t *cursor);

/* values.c: adds the elements of one line to 'section': ${VAR} replaced, words
 * split, as 'key' says (NULL: taken as it is, the key is not known yet). */
int hyfw_config_value_read(struct hyfw_config_section *section, const struct hyfw_key *key,
			   const char *name, const char *text, const struct hyfw_origin *origin,
			   bool continued, struct hyfw_error **err);

/* origin.c */
int hyfw_config_fail_value(struct hyfw_error **err, int errnum, const struct hyfw_config_section *section,
			   const struct hyfw_config_value *value, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
int hyfw_config_fail_section(struct hyfw_error **err, int errnum, const struct hyfw_config_section *section,
			     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* references.c: what sections say about each other; adds the sections that are
 * in use without having been written. */
void hyfw_config_add_implied(struct hyfw_config *config);
int hyfw_config_check_references(const struct hyfw_config *config, struct hyfw_error **err);

/* clashes.c: what one workload, or two, cannot have twice. */
int hyfw_config_check_twice(const struct hyfw_config_section *workload, struct hyfw_error **err);
int hyfw_config_check_ports(const struct hyfw_config *config, struct hyfw_error **err);

/* disk_clashes.c: a disk that somebody writes to has no second user. */
int hyfw_config_check_disks(const struct hyfw_config *config, struct hyfw_error **err);

/* fit.c: before the drivers are loaded, the defaults of a workload that its
 * isolation driver implies, and those of volumes that are disks ... */
struct hyfw_driver;
void hyfw_config_fit_workload(struct hyfw_config *config, struct hyfw_config_section *workload,
			      const struct hyfw_driver *isolation);
void hyfw_config_fit_volumes(struct hyfw_config *config);
/* ... and after validation: what the drivers of a workload give is what its
 * isolation driver takes. */
int hyfw_config_check_fit(const struct hyfw_config *config, struct hyfw_error **err);
/* Whether what a driver of another kind gives is something that it takes. */
bool hyfw_config_fits(const struct hyfw_plugin *isolation, const struct hyfw_plugin *other);
/* Why a key of the core's in [workload] is nothing to this isolation driver, as the
 * end of a sentence that begins with its name; NULL when it is not so. */
const char *hyfw_config_key_refusal(const struct hyfw_plugin *isolation, const char *key);
bool hyfw_plugin_lists(const char *const *words, const char *word);

/* honours.c: each key that was set is put into effect by somebody. */
int hyfw_config_check_honours(const struct hyfw_config *config, struct hyfw_error **err);

/* failover.c: after validation. */
int hyfw_config_check_failover(const struct hyfw_config *config, struct hyfw_error **err);

/* pools.c: before and after validation. */
void hyfw_config_expect_pools(struct hyfw_config *config);
int hyfw_config_hand_over_pools(struct hyfw_config *config, struct hyfw_error **err);

#endif
