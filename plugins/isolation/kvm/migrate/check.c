/* SPDX-License-Identifier: BSD-3-Clause
 * What would make a migration fail or lose data, found before anything is done.  All
 * reasons are told at once: who has to change the other host does it once. */
#include "../snapshot/overlay.h"
#include "migrate.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <libxml/parser.h>
#include <libxml/xpath.h>

/* statfs(2) has numbers for them that linux/magic.h has not. */
#define GFS2_MAGIC 0x01161970
#define LUSTRE_MAGIC 0x0bd00bd0
#define GPFS_MAGIC 0x47504653

struct check {
	struct kvm_move *move;
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	char *reasons; /* in the arena; NULL: none */
};

static void refuse(struct check *check, const char *reason)
{
	check->reasons = check->reasons ? check->host->format(check->arena, "%s; %s", check->reasons, reason)
					: check->host->format(check->arena, "%s", reason);
}

/* ---- hosts ---------------------------------------------------------------------------- */

/* Element 'uuid' of <host> in the capabilities; in the arena. */
static const char *host_uuid(struct check *check, virConnectPtr connection)
{
	KVM_AUTO_FREE char *text = virConnectGetCapabilities(connection);
	xmlDoc *doc = text ? xmlReadMemory(text, (int)strlen(text), "host.xml", NULL,
					   XML_PARSE_NONET | XML_PARSE_NOERROR) : NULL;
	xmlXPathContext *path = doc ? xmlXPathNewContext(doc) : NULL;
	xmlXPathObject *found = path ? xmlXPathEvalExpression((const xmlChar *)"string(/capabilities/host/uuid)",
							      path) : NULL;
	xmlChar *uuid = found ? xmlXPathCastToString(found) : NULL;
	const char *copy = check->host->format(check->arena, "%s", uuid ? (const char *)uuid : "");

	xmlFree(uuid);
	xmlXPathFreeObject(found);
	xmlXPathFreeContext(path);
	xmlFreeDoc(doc);
	return copy;
}

static void check_host(struct check *check)
{
	const char *here = check->move->run->kvm->uri, *uuid = host_uuid(check, check->move->there);

	if (here && strcmp(here, check->move->uri) == 0)
		refuse(check, "host: it is already there");
	else if (here && *uuid && check->move->domain &&
		 strcmp(uuid, host_uuid(check, check->move->run->connection)) == 0)
		refuse(check, "host: both libvirtd say that they are the same host (host_uuid in libvirtd.conf)");
}

static const char *version_text(struct check *check, unsigned long version)
{
	return check->host->format(check->arena, "%lu.%lu.%lu", version / 1000000, version / 1000 % 1000,
				   version % 1000);
}

static void check_version(struct check *check)
{
	unsigned long here = 0, there = 0;

	if (virConnectGetVersion(check->move->run->connection, &here) < 0 ||
	    virConnectGetVersion(check->move->there, &there) < 0) {
		refuse(check, "version: the version of QEMU there cannot be found out");
		return;
	}
	if (there < here)
		refuse(check, check->host->format(check->arena, "version: QEMU there is %s, older than %s here",
						  version_text(check, there), version_text(check, here)));
}

static void check_name(struct check *check)
{
	virDomainPtr other = virDomainLookupByName(check->move->there, check->move->name);
	const char *uuid = kvm_move_text(check->move, NULL, "string(/domain/uuid)");

	if (other) {
		refuse(check, check->host->format(check->arena, "name: there is a machine %s already",
						  check->move->name));
		virDomainFree(other);
		return;
	}
	other = virDomainLookupByUUIDString(check->move->there, uuid);
	if (other)
		refuse(check, check->host->format(check->arena, "name: the machine %s there has its uuid %s",
						  virDomainGetName(other), uuid));
	if (other)
		virDomainFree(other);
}

/* ---- what it runs on ---------------------------------------------------------------------- */

static void check_machine(struct check *check)
{
	const char *machine = kvm_move_text(check->move, NULL, "string(/domain/os/type/@machine)");
	const char *arch = kvm_move_text(check->move, NULL, "string(/domain/os/type/@arch)");
	const char *type = kvm_move_text(check->move, NULL, "string(/domain/@type)");
	KVM_AUTO_FREE char *facts = virConnectGetDomainCapabilities(check->move->there, NULL, arch, machine, type, 0);

	if (!facts)
		refuse(check, check->host->format(check->arena, "machine: %s with %s does not run there (%s)",
						  machine, strcmp(type, "kvm") == 0 ? "KVM" : "software emulation",
						  virGetLastErrorMessage()));
}

/* With KVM the guest uses the processor itself; software emulation has what it needs
 * anywhere. */
static int compare_cpu(struct kvm_move *move, xmlNode *cpu, void *data, struct hyfw_error **err)
{
	struct check *check = data;
	xmlBuffer *text = xmlBufferCreate();

	(void)err;
	if (text && xmlNodeDump(text, move->doc, cpu, 0, 0) > 0 &&
	    virConnectCompareHypervisorCPU(move->there, NULL, NULL, NULL, "kvm", (const char *)xmlBufferContent(text),
					   VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE) <= VIR_CPU_COMPARE_INCOMPATIBLE)
		refuse(check, check->host->format(check->arena, "cpu: %s", virGetLastErrorMessage()));
	xmlBufferFree(text);
	return 0;
}

static void check_cpu(struct check *check)
{
	if (strcmp(kvm_move_text(check->move, NULL, "string(/domain/@type)"), "kvm") == 0)
		kvm_move_each(check->move, "/domain/cpu", compare_cpu, check, NULL);
}

static void check_memory(struct check *check)
{
	virDomainInfo info;
	unsigned long long free_bytes = virNodeGetFreeMemory(check->move->there);

	if (free_bytes == 0 || virDomainGetInfo(check->move->domain, &info) < 0)
		return; /* it does not say */
	if (free_bytes / 1024 < info.memory)
		refuse(check, check->host->format(check->arena, "memory: it has %lu MiB, of which there are %llu free",
						  info.memory / 1024, free_bytes >> 20));
}

/* ---- networks ------------------------------------------------------------------------------ */

/* In the description as it will be there. */
static int look_at_interface(struct kvm_move *move, xmlNode *node, void *data, struct hyfw_error **err)
{
	struct check *check = data;
	const char *type = kvm_move_text(move, node, "string(@type)");
	const char *bridge = kvm_move_text(move, node, "string(source/@bridge)");
	const char *network = kvm_move_text(move, node, "string(source/@network)");
	virInterfacePtr interface;
	virNetworkPtr found;

	(void)err;
	if (strcmp(type, "network") == 0) {
		found = virNetworkLookupByName(move->there, network);
		if (!found || virNetworkIsActive(found) != 1)
			refuse(check, check->host->format(check->arena, "network: there is no active network %s",
							  network));
		if (found)
			virNetworkFree(found);
	} else if (strcmp(type, "bridge") == 0) {
		interface = virInterfaceLookupByName(move->there, bridge);
		if (!interface && virGetLastErrorCode() == VIR_ERR_NO_INTERFACE)
			refuse(check, check->host->format(check->arena, "network: there is no bridge %s", bridge));
		if (interface)
			virInterfaceFree(interface);
	}
	return 0;
}

/* ---- storage --------------------------------------------------------------------------------- */

bool kvm_move_shared(const char *path)
{
	struct statfs facts;

	if (statfs(path, &facts) < 0)
		return false;
	switch ((unsigned long)facts.f_type) {
	case NFS_SUPER_MAGIC:
	case CEPH_SUPER_MAGIC:
	case OCFS2_SUPER_MAGIC:
	case CIFS_SUPER_MAGIC:
	case SMB2_SUPER_MAGIC:
	case GFS2_MAGIC:
	case LUSTRE_MAGIC:
	case GPFS_MAGIC:
		return true;
	default:
		return false;
	}
}

/* libvirt copies what a running machine sees, and cold.c does so where a disk is based on
 * another: the states that are kept inside of the file stay behind. */
static void check_snapshots(struct check *check, const char *file, const char *format)
{
	KVM_AUTO_CLOSE int fd = strcmp(format, "qcow2") == 0 ? open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
	struct kvm_overlay header;

	if (fd < 0 || kvm_overlay_read(fd, &header) < 0 || header.snapshots == 0)
		return;
	if (check->move->domain || *header.backing)
		refuse(check, check->host->format(check->arena, "storage: %s has %u snapshot%s inside, and a copy would have none; "
						  "`hyfw snapshot delete` or `hyfw disk snapshot delete` them, or --unsafe to "
						  "leave them behind", file, header.snapshots,
						  header.snapshots == 1 ? "" : "s"));
}

static int look_at_disk(struct kvm_move *move, xmlNode *node, void *data, struct hyfw_error **err)
{
	struct check *check = data;
	const char *file = kvm_move_text(move, node, "string(source/@file | source/@dev)");
	const char *cache = kvm_move_text(move, node, "string(driver/@cache)");
	const bool read_only = *kvm_move_text(move, node, "name(readonly)");

	(void)err;
	if (!*file || move->unsafe)
		return 0;
	if (move->copy_storage && !read_only) {
		check_snapshots(check, file, kvm_move_text(move, node, "string(driver/@type)"));
		return 0;
	}
	if (!kvm_move_shared(file))
		refuse(check, check->host->format(check->arena, "storage: %s is on a file system of this host alone; "
						  "%s--unsafe if the other host has the same at this path", file,
						  read_only ? "eject it, or " : "--copy-storage copies it, "));
	else if (move->domain && strcmp(cache, "none") != 0 && strcmp(cache, "directsync") != 0)
		refuse(check, check->host->format(check->arena, "storage: %s is written through this host's page "
						  "cache, so the other one may read old data; start it with "
						  "cache=none, or --unsafe", file));
	return 0;
}

/* QEMU sends the variables of EFI with a machine that runs. */
static void check_variables(struct check *check)
{
	const char *path = kvm_move_text(check->move, NULL, "string(/domain/os/nvram)");

	if (*path && !check->move->domain && !check->move->unsafe && !check->move->copy_storage &&
	    access(path, F_OK) == 0 && !kvm_move_shared(path))
		refuse(check, check->host->format(check->arena, "storage: %s, its EFI variables, is on a file system of "
						  "this host alone; --copy-storage copies it", path));
}

/* Its swtpm runs here, and what it keeps is a directory here. */
static void check_tpm(struct check *check)
{
	if (*kvm_move_text(check->move, NULL, "string(/domain/devices/tpm/@model)"))
		refuse(check, "tpm: what it keeps stays on this host; a machine with tpm = yes cannot move");
}

/* ---- all of it ---------------------------------------------------------------------------------- */

static void run_checks(struct check *check)
{
	check_host(check);
	if (check->move->domain) {
		check_version(check);
		check_memory(check);
	}
	check_name(check);
	check_machine(check);
	check_cpu(check);
	kvm_move_each(check->move, "/domain/devices/interface", look_at_interface, check, NULL);
	kvm_move_each(check->move, "/domain/devices/disk", look_at_disk, check, NULL);
	check_variables(check);
	check_tpm(check);
}

int kvm_move_check(struct kvm_move *move, struct hyfw_error **err)
{
	const struct hyfw_host *host = move->run->kvm->host;
	struct check check = { .move = move, .host = host, .arena = move->operation->arena };

	run_checks(&check);
	return check.reasons ? host->fail(err, ENOTSUP, "it cannot move to %s: %s", move->uri, check.reasons) : 0;
}
