/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HYFW_TESTS_OVERLAY_TAR_H
#define HYFW_TESTS_OVERLAY_TAR_H

/* Runs the tests of test_overlay_tar.c; how many failed. */
int overlay_tar_tests(void);

#endif
