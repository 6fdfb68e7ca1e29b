/* SPDX-License-Identifier: BSD-3-Clause
 * The domain as libvirt has it now: with the ports, paths and devices that it chose. */
#ifndef KVM_LIVE_H
#define KVM_LIVE_H

#include "../run.h"

#include <libxml/tree.h>

/* To be freed with xmlFreeDoc(). */
int kvm_live_open(struct kvm_instance *kvm, virDomainPtr domain, xmlDoc **ret_document, struct hyfw_error **err);

/* The first node of an XPath, and its text in 'arena'; NULL when there is none. */
xmlNode *kvm_live_node(xmlDoc *document, const char *path);
const char *kvm_live_text(const struct hyfw_host *host, struct hyfw_arena *arena, xmlDoc *document,
			  const char *path);

/* Where the display is: type, address, port, socket, password_set; nothing without
 * one. */
void kvm_live_display(const struct hyfw_host *host, struct hyfw_arena *arena, xmlDoc *document, bool password,
		      struct hyfw_map *ret_display);

/* Whether its display asks for a password, which is in nothing that kvm_live_open()
 * gives. */
bool kvm_live_has_password(struct kvm_instance *kvm, virDomainPtr domain);

#endif
