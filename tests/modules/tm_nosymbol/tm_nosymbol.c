/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tm_nosymbol - a shared object that is no module.
 */
extern const int tm_nosymbol;
__attribute__((visibility("default"))) const int tm_nosymbol = 1;
