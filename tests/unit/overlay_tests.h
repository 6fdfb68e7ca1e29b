/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HYFW_TESTS_OVERLAY_TESTS_H
#define HYFW_TESTS_OVERLAY_TESTS_H

/* Each runs the tests of the file of its name; how many failed. */
int overlay_layer_tests(void);
int overlay_tar_tests(void);

#endif
