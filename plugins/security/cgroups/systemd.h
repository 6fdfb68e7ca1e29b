/* SPDX-License-Identifier: BSD-3-Clause
 * The groups of a bundle as a transient scope of systemd (`hyfw oci --systemd-cgroup`):
 * systemd makes it, with the limits that it knows, and leaves the rest of it to us
 * (Delegate=).  Everything that can be tested without a bus is data.
 *
 *   systemd_scope.c   from cgroupsPath and resources to names and properties
 *   systemd_annotations.c   properties that the bundle itself asks for
 *   systemd_bus.c     what is said to systemd over D-Bus; libsystemd is loaded then
 *   systemd_holder.c  a process that keeps the scope until the container is in it
 */
#ifndef HYFW_CGROUPS_SYSTEMD_H
#define HYFW_CGROUPS_SYSTEMD_H

#include "oci.h"

struct scope {
	const char *unit;  /* "libpod-ID.scope" */
	const char *slice; /* "machine.slice" */
	const char *path;  /* "/machine.slice/libpod-ID.scope", below every mount */
};

/* cgroupsPath as "SLICE:PREFIX:NAME"; NULL or "" is a scope of the ID. */
int scope_parse(const struct hyfw_host *host, struct hyfw_arena *arena, const char *cgroups_path, const char *id,
		struct scope *ret_scope, struct hyfw_error **err);

/* Properties, each as "TYPE NAME VALUE"; TYPE is that of sd_bus_message_append():
 *     s b     text, true or false
 *     y n q i u x t d   a number
 *     as      one word, several in properties of one name after another
 *     ay      bytes, in hexadecimal
 *     a(ss)   "PATH ACCESS", several likewise; alone and empty it is the empty list */
struct scope_properties {
	size_t count, room;
	const char **items;
};
void scope_put(const struct hyfw_host *host, struct hyfw_arena *arena, struct scope_properties *properties,
	       const char *text);
int scope_properties(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hierarchy *hierarchy,
		     const struct scope *scope, const struct hyfw_oci_config *config,
		     struct scope_properties *ret_properties, struct hyfw_error **err);
/* "org.systemd.property.NAME"; -EINVAL for what cannot be one. */
int scope_annotations(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_map *annotations,
		      struct scope_properties *properties, struct hyfw_error **err);
/* Only devices, or what limits: for an update. */
void scope_devices(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_oci_resources *resources,
		   struct scope_properties *properties);
void scope_limits(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hierarchy *hierarchy,
		  const struct hyfw_oci_resources *resources, struct scope_properties *properties);

struct sd_bus;

/* The bus on which systemd is, for root or for the user. -ENOTSUP without it or without
 * libsystemd. */
int systemd_open(const struct hyfw_host *host, struct sd_bus **ret_bus, struct hyfw_error **err);
void systemd_close(struct sd_bus *bus); /* accepts NULL */

/* Starts the unit with these properties and the process 'pid' in it, and waits for it. */
int systemd_start(const struct hyfw_host *host, struct sd_bus *bus, const char *unit,
		  const struct scope_properties *properties, int pid, struct hyfw_error **err);
int systemd_change(const struct hyfw_host *host, struct sd_bus *bus, const char *unit,
		   const struct scope_properties *properties, struct hyfw_error **err);
/* Ends the unit; gone is success. */
int systemd_stop(const struct hyfw_host *host, struct sd_bus *bus, const char *unit, struct hyfw_error **err);

/* A process of no parent with no descriptor but its own, that ends as soon as another one
 * is in the control group 'path', and in a minute at the latest. */
int holder_start(const struct hyfw_host *host, int *ret_pid, int *ret_channel, struct hyfw_error **err);
/* Tells it where to look; without that it ends when the channel is closed. */
void holder_watch(int channel, const char *path);

#endif
