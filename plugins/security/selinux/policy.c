/* SPDX-License-Identifier: BSD-3-Clause
 * The kernel's side of SELinux.  Nothing here changes it. */
#include "selinux.h"

#include <fcntl.h>
#include <selinux/selinux.h>

enum mode policy_mode(void)
{
	if (is_selinux_enabled() != 1)
		return MODE_DISABLED;
	return security_getenforce() == 1 ? MODE_ENFORCING : MODE_PERMISSIVE;
}

const char *mode_name(enum mode mode)
{
	static const char *const names[] = { "disabled", "permissive", "enforcing" };

	return names[mode];
}

bool policy_has_levels(void)
{
	return is_selinux_mls_enabled() == 1;
}

bool policy_knows(const char *label)
{
	return security_check_context_raw(label) == 0;
}

bool policy_permits_transition(const char *from, const char *to)
{
	const security_class_t process = string_to_security_class("process");
	struct av_decision decision;

	if (!process || security_compute_av_raw(from, to, process, 0, &decision) < 0)
		return false;
	return decision.allowed & string_to_av_perm(process, "transition");
}

bool policy_permits_entry(const char *process, const char *file)
{
	const security_class_t class = string_to_security_class("file");
	struct av_decision decision;

	if (!class || security_compute_av_raw(process, file, class, 0, &decision) < 0)
		return false;
	return decision.allowed & string_to_av_perm(class, "entrypoint");
}

bool policy_permits_execmem(const char *process)
{
	const security_class_t class = string_to_security_class("process");
	const access_vector_t wanted = string_to_av_perm(class, "execmem");
	struct av_decision decision;

	return class && security_compute_av_raw(process, process, class, 0, &decision) == 0 &&
	       (decision.allowed & wanted) == wanted;
}

bool policy_permits_file(const char *process, const char *file, const char *const *permissions)
{
	const security_class_t class = string_to_security_class("file");
	struct av_decision decision;
	access_vector_t wanted = 0;

	for (; *permissions; permissions++)
		wanted |= string_to_av_perm(class, *permissions);
	return class && security_compute_av_raw(process, file, class, 0, &decision) == 0 &&
	       (decision.allowed & wanted) == wanted;
}

/* Where the policy does not know this permission, only types that are bounded by ours would
 * do, which it does not tell: security/selinux/hooks.c, check_nnp_nosuid(). */
bool policy_permits_nnp(const char *from, const char *to)
{
	const security_class_t process2 = string_to_security_class("process2");
	AUTO_CLOSE int fd = open("/sys/fs/selinux/policy_capabilities/nnp_nosuid_transition", O_RDONLY | O_CLOEXEC);
	struct av_decision decision;
	char known = '0';

	if (!process2 || fd < 0 || read(fd, &known, 1) != 1 || known != '1')
		return true;
	if (security_compute_av_raw(from, to, process2, 0, &decision) < 0)
		return false;
	return decision.allowed & string_to_av_perm(process2, "nnp_transition");
}

/* Users differ, and no rule of any policy here goes by them. */
static bool same_but_user(const char *one, const char *other)
{
	return strcmp(one + strcspn(one, ":"), other + strcspn(other, ":")) == 0;
}

bool policy_keeps_label(const char *process, const char *label)
{
	char *made = NULL;
	bool keeps;

	if (security_compute_create_raw(process, label, string_to_security_class("file"), &made) < 0)
		return true;
	keeps = same_but_user(made, label);
	freecon(made);
	return keeps;
}

const char *policy_own_label(const struct hyfw_host *host, struct hyfw_arena *arena)
{
	char *label = NULL;
	const char *copy;

	if (getcon_raw(&label) < 0 || !label)
		return NULL;
	copy = host->format(arena, "%s", label);
	freecon(label);
	return copy;
}
