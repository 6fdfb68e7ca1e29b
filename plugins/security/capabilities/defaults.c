/* SPDX-License-Identifier: BSD-3-Clause
 * The default set: what daemons of ordinary images cannot start without, and
 * nothing else.  Compared with Podman's defaults only SETFCAP is missing. */
#include "capabilities.h"

#include <linux/capability.h>

#define BIT(name) (UINT64_C(1) << (name))

uint64_t capability_defaults(void)
{
	return
		/* Entry points prepare files for the user that the service runs as. */
		BIT(CAP_CHOWN) |
		/* Root inside reads and writes files of the image's other users. */
		BIT(CAP_DAC_OVERRIDE) |
		/* chmod, utime and the sticky bit on those files; package managers. */
		BIT(CAP_FOWNER) |
		/* chmod keeps set-group-id bits that tar and dpkg restore. */
		BIT(CAP_FSETID) |
		/* A supervisor stops its children after they changed user. */
		BIT(CAP_KILL) |
		/* Servers listen on 80 and 443. */
		BIT(CAP_NET_BIND_SERVICE) |
		/* Daemons become an unprivileged user after start. */
		BIT(CAP_SETGID) | BIT(CAP_SETUID) |
		/* Daemons drop capabilities from their own bounding set; gives nothing
		 * beyond the bounding set. */
		BIT(CAP_SETPCAP) |
		/* OpenSSH, Postfix and others lock their workers in a chroot. */
		BIT(CAP_SYS_CHROOT);
	/* Left out although others grant them:
	 *   SETFCAP      writes file capabilities that count for the host on shared
	 *                volumes when there is no user namespace; rpm needs it
	 *   NET_RAW      forged packets to the neighbours; ping works without it
	 *                through net.ipv4.ping_group_range
	 *   MKNOD        device nodes
	 *   AUDIT_WRITE  writes to the host's audit log */
}

uint64_t capability_dangers(void)
{
	return BIT(CAP_SYS_ADMIN) | BIT(CAP_SYS_MODULE) | BIT(CAP_SYS_RAWIO) | BIT(CAP_SYS_PTRACE) |
	       BIT(CAP_SYS_BOOT) | BIT(CAP_SYS_TIME) | BIT(CAP_SYSLOG) | BIT(CAP_DAC_READ_SEARCH) |
	       BIT(CAP_MKNOD) | BIT(CAP_MAC_ADMIN) | BIT(CAP_MAC_OVERRIDE) | BIT(CAP_AUDIT_CONTROL) |
	       BIT(CAP_LINUX_IMMUTABLE) | BIT(CAP_BPF) | BIT(CAP_PERFMON) | BIT(CAP_CHECKPOINT_RESTORE) |
	       BIT(CAP_NET_ADMIN) | BIT(CAP_SETFCAP);
}
