/* SPDX-License-Identifier: BSD-3-Clause
 * The serial console of a machine on another host: a stream of libvirt, joined to a
 * socket that the core reads and writes as it does any console.  It ends with the
 * machine; where the connection was lost, it goes on with the next one. */
#ifndef KVM_CONSOLE_H
#define KVM_CONSOLE_H

#include "run.h"

/* Opens the stream; 'ret_fd' is the core's side. */
int kvm_console_open(struct kvm_run *run, int *ret_fd, struct hyfw_error **err);

/* After run->connection and run->domain were made again. */
void kvm_console_again(struct kvm_run *run);

/* Ends it; NULL is accepted. */
void kvm_console_close(struct kvm_console *console);

#endif
