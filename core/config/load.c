/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/load.h"

#include "config/private.h"

int hyfw_config_load(const struct hyfw_context *context, bool main_must_exist, const char *const *files,
		     struct hyfw_config **ret_config, struct hyfw_error **err)
{
	struct hyfw_config *config = hyfw_config_new();
	int result = 0;

	if (context->config_file)
		result = hyfw_config_read_main(config, context->config_file, main_must_exist, err);
	for (; result == 0 && files && *files; files++)
		result = hyfw_config_read_stack(config, *files, err);
	if (result < 0)
		hyfw_config_free(config);
	else
		*ret_config = config;
	return result;
}

void hyfw_config_keep_unused(struct hyfw_config *config)
{
	config->keep_unused = true;
}

int hyfw_config_load_drivers_and_validate(struct hyfw_config *config, struct hyfw_error **err)
{
	return hyfw_config_validate(config, err);
}
