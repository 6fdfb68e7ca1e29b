/* SPDX-License-Identifier: BSD-3-Clause
 * Where a libvirtd is, by its URI alone (libvirt.org/uri.html):
 * DRIVER[+TRANSPORT]://[USER@][HOST][:PORT]/PATH[?...]. */
#include "../kvm.h"

bool kvm_uri_is_remote(const char *uri)
{
	const char *end = strstr(uri, "://"), *plus = strchr(uri, '+');

	if (!end)
		return false;
	if (plus && plus < end)
		return strncmp(plus, "+unix:", 6) != 0;
	return end[3] != '/' && end[3] != '\0';
}
