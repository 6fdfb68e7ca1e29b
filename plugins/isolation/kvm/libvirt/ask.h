/* SPDX-License-Identifier: BSD-3-Clause
 * Questions to libvirt that the monitor asks from its main thread. */
#ifndef KVM_LIBVIRT_ASK_H
#define KVM_LIBVIRT_ASK_H

#include "../run.h"

/* Lasts as long as the process: a thread may still have it. */
struct kvm_question {
	const char *what; /* for messages */
	/* 'data' is a copy of the caller's, who gets it back when 0 comes back. */
	int (*ask)(const struct hyfw_host *host, virDomainPtr domain, void *data, struct hyfw_error **err);
	int seconds; /* that a libvirtd gets */
	bool changes; /* something, also when it comes too late */
};

/* Asks about the machine of this process.  -ETIMEDOUT when its libvirtd does not answer; while one
 * question is without an answer, at once.  An embedded libvirt is called as it is. */
int kvm_ask(struct kvm_instance *kvm, const struct kvm_question *question, void *data, size_t size,
	    struct hyfw_error **err);

#endif
