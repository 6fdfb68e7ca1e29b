/* SPDX-License-Identifier: BSD-3-Clause
 * libvirt's file of a saved machine, copied with another name and uuid in its head:
 * libvirt refuses to restore a machine under a name, or with a number of its generation,
 * that the file does not have.
 *
 * The file (libvirt, src/qemu/qemu_saveimage.h, version 2): the head below; 'data_len'
 * bytes of the domain's XML, which ends with a NUL, and from 'cookie' on of libvirt's
 * own notes; then QEMU's migration stream.  Numbers are in the host's order. */
#include "template.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <libxml/parser.h>
#include <libxml/tree.h>

#define MAGIC "LibvirtQemudSave"
#define VERSION 2
#define DATA_MOST (4u << 20)

struct head {
	char magic[sizeof(MAGIC) - 1];
	uint32_t version, data_len, was_running, compressed, cookie, unused[14];
};

/* ---- reading ---- */

static int damaged(const struct hyfw_host *host, const struct kvm_template *template, struct hyfw_error **err)
{
	return host->fail(err, EBADMSG, "template %s is damaged: its memory is no saved machine; remove it and make it again",
			  template->name);
}

static int read_head(const struct hyfw_host *host, const struct kvm_template *template, int fd, struct head *ret_head,
		     char **ret_data, struct hyfw_error **err)
{
	struct head *head = ret_head;
	char *data;

	if (pread(fd, head, sizeof(*head), 0) != sizeof(*head) || memcmp(head->magic, MAGIC, sizeof(head->magic)) != 0)
		return damaged(host, template, err);
	if (head->version != VERSION)
		return host->fail(err, EPROTO, "template %s was made with another libvirt, whose files have version %u; make "
				  "it again", template->name, head->version);
	if (head->data_len == 0 || head->data_len > DATA_MOST || head->cookie > head->data_len)
		return damaged(host, template, err);
	data = malloc((size_t)head->data_len + 1);
	if (!data || pread(fd, data, head->data_len, sizeof(*head)) != (ssize_t)head->data_len) {
		free(data);
		return damaged(host, template, err);
	}
	data[head->data_len] = '\0';
	*ret_data = data;
	return 0;
}

/* ---- the XML ---- */

static bool set_text(xmlNode *domain, const char *name, const char *text)
{
	xmlNode *node;

	for (node = domain ? domain->children : NULL; node; node = node->next)
		if (node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0) {
			xmlNodeSetContent(node, NULL);
			xmlNodeAddContent(node, BAD_CAST text);
			return true;
		}
	return false;
}

/* To be freed with xmlFree(); NULL when it is not to be read. */
static xmlChar *rename_domain(const char *xml, const char *name, const char *uuid, const char *genid)
{
	xmlDoc *document = xmlReadMemory(xml, (int)strlen(xml), "domain", NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);
	xmlNode *domain = document ? xmlDocGetRootElement(document) : NULL;
	xmlChar *text = NULL;
	int size;

	if (set_text(domain, "name", name) && set_text(domain, "uuid", uuid) &&
	    (!genid || set_text(domain, "genid", genid)))
		xmlDocDumpMemory(document, &text, &size);
	xmlFreeDoc(document);
	return text;
}

/* ---- writing ---- */

static int write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		ssize_t written = write(fd, at, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? -errno : -EIO;
		at += written;
		size -= (size_t)written;
	}
	return 0;
}

static int write_head(int fd, struct head head, const char *xml, const char *data)
{
	const char *notes = head.cookie ? data + head.cookie : NULL;
	const size_t length = strlen(xml) + 1, more = notes ? strlen(notes) + 1 : 0;
	int r;

	head.data_len = (uint32_t)(length + more);
	head.cookie = notes ? (uint32_t)length : 0;
	r = write_all(fd, &head, sizeof(head));
	if (r == 0)
		r = write_all(fd, xml, length);
	return r == 0 && more ? write_all(fd, notes, more) : r;
}

static int copy_rest(int from, off_t offset, int to)
{
	ssize_t copied;

	do
		copied = sendfile(to, from, &offset, 1u << 30);
	while (copied > 0 || (copied < 0 && errno == EINTR));
	return copied < 0 ? -errno : 0;
}

/* In the template's directory: memory belongs on a disk, not on a tmpfs.  What is
 * written there is gone before most of it gets to the disk. */
static int open_nameless(const struct hyfw_host *host, struct hyfw_arena *arena, const char *directory)
{
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char *path;

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd < 0 ? -errno : fd;
	path = host->format(arena, "%s/start.XXXXXX", directory);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd < 0 ? -errno : fd;
}

int kvm_template_image(const struct hyfw_host *host, struct hyfw_arena *arena, const struct kvm_template *template,
		       const char *domain, const char *uuid, const char *genid, int *ret_fd, struct hyfw_error **err)
{
	KVM_AUTO_CLOSE int from = open(template->memory, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	KVM_AUTO_CLOSE int to = -1;
	KVM_AUTO_FREE char *data = NULL;
	xmlChar *xml;
	struct head head;
	int r = from < 0 ? host->fail(err, errno, "%s: %s", template->memory, strerror(errno))
			 : read_head(host, template, from, &head, &data, err);

	if (r < 0)
		return r;
	xml = rename_domain(data, domain, uuid, genid);
	if (!xml)
		return damaged(host, template, err);
	r = to = open_nameless(host, arena, template->directory);
	if (r >= 0)
		r = write_head(to, head, (const char *)xml, data);
	xmlFree(xml);
	if (r == 0)
		r = copy_rest(from, (off_t)(sizeof(head) + head.data_len), to);
	if (r < 0)
		return host->fail(err, -r, "copy the memory of template %s: %s", template->name, strerror(-r));
	*ret_fd = to;
	to = -1;
	return 0;
}

const char *kvm_template_programs(const struct hyfw_host *host, struct hyfw_arena *arena, virConnectPtr connection)
{
	unsigned long qemu = 0, libvirt = 0;

	if (virConnectGetVersion(connection, &qemu) < 0 || virConnectGetLibVersion(connection, &libvirt) < 0)
		return "unknown";
	return host->format(arena, "QEMU %lu.%lu.%lu, libvirt %lu.%lu.%lu", qemu / 1000000, qemu / 1000 % 1000, qemu % 1000,
			    libvirt / 1000000, libvirt / 1000 % 1000, libvirt % 1000);
}
