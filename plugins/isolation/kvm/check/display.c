/* SPDX-License-Identifier: BSD-3-Clause
 * Displays: one that listens beyond this host has a password, unless somebody says
 * that it shall not. */
#include <arpa/inet.h>

#include "check.h"

#define VNC_PASSWORD_MAX 8 /* RFC 6143, 7.2.2: the rest would be cut off */

static const char *const displays[] = { "vnc", "spice" };

static const char *get(const struct kvm_checked *checked, struct hyfw_arena *arena, const char *display,
		       const char *key)
{
	return kvm_checked_get(checked, checked->host->format(arena, "%s_%s", display, key));
}

/* Keys of a display that the machine does not have. */
static int check_unused(const struct kvm_checked *checked, struct hyfw_arena *arena)
{
	static const char *const keys[] = { "port", "listen", "password", "password_file", "websocket" };
	size_t i, j;

	for (i = 0; i < KVM_COUNT(displays); i++)
		for (j = 0; j < KVM_COUNT(keys) && !kvm_checked_is(checked, "display", displays[i]); j++)
			if (get(checked, arena, displays[i], keys[j]))
				return checked->host->fail(checked->err, EINVAL, "%s_%s: the machine has no such display; give display = %s",
							   displays[i], keys[j], displays[i]);
	return 0;
}

/* 1 for an address of this host alone, 0 for another, -1 for no address. */
static int loopback(const char *address)
{
	struct in_addr four;
	struct in6_addr six;

	if (inet_pton(AF_INET, address, &four) == 1)
		return (ntohl(four.s_addr) >> 24) == 127;
	if (inet_pton(AF_INET6, address, &six) == 1)
		return IN6_IS_ADDR_LOOPBACK(&six);
	return -1;
}

static int check_password(const struct kvm_checked *checked, struct hyfw_arena *arena, const char *display,
			  const char **ret_password)
{
	const struct hyfw_host *host = checked->host;

	if (get(checked, arena, display, "password") && get(checked, arena, display, "password_file"))
		return host->fail(checked->err, EINVAL, "%s_password and %s_password_file are both given; keep the file", display,
				  display);
	if (kvm_password(host, arena, checked->settings, ret_password, checked->err) < 0)
		return host->wrap(checked->err, "%s_password_file", display);
	if (*ret_password && strcmp(display, "vnc") == 0 && strlen(*ret_password) > VNC_PASSWORD_MAX)
		return host->fail(checked->err, EINVAL, "vnc_password: VNC looks at 8 characters only; take a shorter one, and an address "
				  "that only friends reach");
	return 0;
}

static int check_listen(const struct kvm_checked *checked, struct hyfw_arena *arena, const char *display,
			bool password)
{
	const struct hyfw_host *host = checked->host;
	const char *address = kvm_display_listen(checked->settings);
	const char *socket_only[] = { "port", "websocket" };
	size_t i;

	for (i = 0; i < KVM_COUNT(socket_only) && !address; i++)
		if (get(checked, arena, display, socket_only[i]))
			return host->fail(checked->err, EINVAL, "%s_%s: needs an address; leave out %s_listen = socket", display,
					  socket_only[i], display);
	if (!address)
		return 0;
	if (loopback(address) < 0)
		return host->fail(checked->err, EINVAL, "%s_listen = %s: must be an address such as 127.0.0.1 or ::1, or socket", display,
				  address);
	if (loopback(address) == 0 && !password &&
	    !hyfw_map_bool(checked->settings, host->format(arena, "%s_insecure", display), false))
		return host->fail(checked->err, EPERM, "%s_listen = %s: everybody who reaches this host would have the machine's screen; "
				  "give %s_password_file, or %s_insecure = yes", display, address, display, display);
	return 0;
}

static int check_websocket(const struct kvm_checked *checked)
{
	const char *text = kvm_checked_get(checked, "vnc_websocket");
	char *end;
	unsigned long port;

	if (!text || strcmp(text, "auto") == 0)
		return 0;
	port = strtoul(text, &end, 10);
	if (*text < '1' || *text > '9' || *end || port > 65535)
		return checked->host->fail(checked->err, EINVAL, "vnc_websocket = %s: must be a port or auto", text);
	return 0;
}

int kvm_check_display(const struct kvm_checked *checked)
{
	struct hyfw_arena *arena = checked->host->arena_new();
	const char *display = kvm_checked_get(checked, "display"), *password = NULL;
	int result = check_unused(checked, arena);

	if (result == 0 && display && strcmp(display, "none") != 0) {
		result = check_password(checked, arena, display, &password);
		if (result == 0)
			result = check_listen(checked, arena, display, password != NULL);
		if (result == 0)
			result = check_websocket(checked);
	}
	checked->host->arena_free(arena);
	return result;
}
