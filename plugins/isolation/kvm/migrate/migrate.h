/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Moving a machine to the libvirtd of another host.
 *
 *     migrate/migrate.c         the operation: flags, connection, progress, figures
 *     migrate/check.c   what would fail, found before anything is done
 *     migrate/xml.c     the domain as the other host takes it
 *     migrate/disks.c   places for copied disks there
 *     migrate/cold.c    a machine that does not run: defined there, its disks sent
 *     migrate/sent.c    what is there of one that was cut off
 *     migrate/adopt.c   the other side: machines that have come to this host's libvirtd
 *     migrate/adopted.c and their first run here, when they ran already
 *
 * An embedded libvirt can send a machine and not receive one, so the other side is
 * always a libvirtd.  Memory, disks that are not shared, and devices go through
 * libvirt's own migration (migration.html); what is special here is that this host's
 * files and taps, which hyfw made, are replaced by what the other side makes itself.
 */
#ifndef KVM_MIGRATE_H
#define KVM_MIGRATE_H

#include "../operate.h"

#include <libxml/tree.h>
#include <libxml/xpath.h>

#define KVM_MOVE_DEFINITION "definition" /* in our metadata: what create() was told, as text */

struct kvm_move {
	struct kvm_run *run;
	const struct hyfw_operation *operation;
	virDomainPtr domain;      /* here; NULL when it does not run */
	virConnectPtr there;
	const char *uri;          /* of the libvirtd there */
	const char *name;         /* of the domain there */
	bool live, peer_to_peer, tunnelled, copy_storage, unsafe, check;
	xmlDoc *doc;              /* the domain, as it will be there once it is written */
	xmlXPathContext *xpath;   /* of 'doc' */
	virStoragePoolPtr *places; /* pools that were made there */
	size_t place_count;
	virStorageVolPtr *files;   /* likewise */
	size_t file_count;
};

/* Takes the description of the domain that libvirt gives, without what cannot be moved. */
int kvm_move_read(struct kvm_move *move, const char *xml, struct hyfw_error **err);

/* The text that an XPath leads to from 'from' (NULL: the root), in the operation's arena;
 * "" for none. */
const char *kvm_move_text(const struct kvm_move *move, xmlNode *from, const char *expression);

/* Calls 'look' for each node that an XPath leads to, until one fails. */
int kvm_move_each(struct kvm_move *move, const char *expression,
		  int (*look)(struct kvm_move *move, xmlNode *node, void *data, struct hyfw_error **err), void *data,
		  struct hyfw_error **err);

/* Refuses with every reason at once, each beginning with what it is about (version,
 * name, cpu, machine, memory, network, storage). */
int kvm_move_check(struct kvm_move *move, struct hyfw_error **err);

/* Changes 'doc' into what the other host takes. */
int kvm_move_write(struct kvm_move *move, struct hyfw_error **err);

/* 'doc' as text, in the operation's arena. */
const char *kvm_move_target(const struct kvm_move *move);

/* Makes the files there that disks are copied into, and for as long as the migration
 * takes the pools that they are in.  The files stay only when the machine has moved. */
int kvm_move_make_places(struct kvm_move *move, struct hyfw_error **err);
void kvm_move_drop_places(struct kvm_move *move, bool moved);

/* Removes a file there that is noted as ours; 0 too when it is gone, or -1 with libvirt's error. */
int kvm_move_remove_file(struct kvm_move *move, const char *path);

/* What is there of the last file that was made: for who fills it. */
virStorageVolPtr kvm_move_last_file(const struct kvm_move *move);

/* Makes the directory of 'path' a place there and in it a file: 'format' of 'bytes',
 * which belongs to QEMU's user. */
int kvm_move_make_file(struct kvm_move *move, const char *path, const char *format, unsigned long long bytes,
		       struct hyfw_error **err);

/* ---- migrate/cold.c ---- */

/* Describes a machine that does not run, as kvm_move_read() takes it. */
int kvm_move_describe(struct kvm_move *move, const char **ret_xml, struct hyfw_error **err);

/* Sends its disks, where they are to be copied, and defines it there. */
int kvm_move_cold(struct kvm_move *move, struct hyfw_error **err);

/* ---- migrate/sent.c ---- */

/* Notes, so that it outlives a crash, that 'path' is about to be made there. */
int kvm_sent_note(struct kvm_move *move, const char *path, struct hyfw_error **err);

/* It was not made, or is gone; NULL: all that was made there belongs to the machine that has arrived. */
void kvm_sent_forget(struct kvm_move *move, const char *path);

/* Removes what a migration there that was killed has left.  What cannot be removed now is logged and
 * stays noted: a failure is one of the record itself. */
int kvm_sent_clean(struct kvm_move *move, struct hyfw_error **err);

/* The workload is being removed, and the record with it: logs what is still there. */
void kvm_sent_tell(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload);

/* Whether the file is on a file system that other hosts may have mounted too. */
bool kvm_move_shared(const char *path);

/* The verb "migrate" of isolation.h. */
int kvm_migrate(struct kvm_operation *operation, struct hyfw_error **err);

#endif
