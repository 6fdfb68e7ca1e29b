/* SPDX-License-Identifier: BSD-3-Clause
 * What the reader of a plan sees. */
#include "selinux.h"

char *plan_summary(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
		   const struct labels *labels, bool pair, enum mode mode)
{
	return host->format(arena, "run %s as %s%s, with files of its own as %s%s", workload, labels->process,
			    pair ? " (with a pair of categories of its own)" : "", labels->files,
			    mode == MODE_PERMISSIVE ? "; SELinux is permissive: denials are only logged" : "");
}

char plan_volume(const struct hyfw_host *host, struct hyfw_arena *arena, const char *setting, const char **ret_source)
{
	char *rest = host->format(arena, "%s", setting);
	const char *word;
	char flag;

	*ret_source = strsep(&rest, "|");
	flag = (*ret_source)[0] == '/' ? 0 : 'z'; /* hyfw's own volumes are no host files that somebody labelled */
	strsep(&rest, "|");
	while ((word = strsep(&rest, "|")))
		if (strcmp(word, "z") == 0 || strcmp(word, "Z") == 0)
			flag = word[0];
	return flag;
}
