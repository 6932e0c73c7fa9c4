# SPDX-License-Identifier: BSD-2-Clause
#
# Does the compiler take a flag? Each flag is tried alone and with -Werror, since clang only warns of one that it
# doesn't know, and may refuse one half of a pair that gcc takes.

# RESTUNNEL_TRY_CFLAG(VARIABLE, FLAG, [IF-NOT]) appends FLAG to VARIABLE
AC_DEFUN([RESTUNNEL_TRY_CFLAG], [
	AS_VAR_PUSHDEF([cache], [restunnel_cv_cflag_$2])
	AC_CACHE_CHECK([whether $CC takes $2], [cache], [
		restunnel_saved_CFLAGS=$CFLAGS
		CFLAGS="$CFLAGS -Werror $2"
		AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <string.h>]], [[char b[64]; memset(b, 0, sizeof b); return b[0];]])],
			[AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
		CFLAGS=$restunnel_saved_CFLAGS])
	AS_VAR_IF([cache], [yes], [AS_VAR_APPEND([$1], [" $2"])], [$3])
	AS_VAR_POPDEF([cache])])

# RESTUNNEL_TRY_LDFLAG(VARIABLE, FLAG, [IF-NOT]) appends FLAG to VARIABLE
AC_DEFUN([RESTUNNEL_TRY_LDFLAG], [
	AS_VAR_PUSHDEF([cache], [restunnel_cv_ldflag_$2])
	AC_CACHE_CHECK([whether the linker takes $2], [cache], [
		restunnel_saved_LDFLAGS=$LDFLAGS
		LDFLAGS="$LDFLAGS -Werror $2"
		AC_LINK_IFELSE([AC_LANG_PROGRAM()], [AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
		LDFLAGS=$restunnel_saved_LDFLAGS])
	AS_VAR_IF([cache], [yes], [AS_VAR_APPEND([$1], [" $2"])], [$3])
	AS_VAR_POPDEF([cache])])

# RESTUNNEL_TRY_FORTIFY(VARIABLE) appends the highest _FORTIFY_SOURCE that works: it needs optimisation, and glibc
# warns (hence -Werror) where it can only do less than asked.
AC_DEFUN([RESTUNNEL_TRY_FORTIFY], [
	AC_CACHE_CHECK([for the level of _FORTIFY_SOURCE], [restunnel_cv_fortify], [
		restunnel_cv_fortify=no
		restunnel_saved_CFLAGS=$CFLAGS
		for restunnel_level in 3 2; do
			CFLAGS="$restunnel_saved_CFLAGS -Werror -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$restunnel_level"
			AC_LINK_IFELSE([AC_LANG_PROGRAM([[
				#include <string.h>
				#ifndef __OPTIMIZE__
				#error not optimising
				#endif]], [[char b[64]; memset(b, 0, sizeof b); return b[0];]])],
				[restunnel_cv_fortify=$restunnel_level; break])
		done
		CFLAGS=$restunnel_saved_CFLAGS])
	AS_CASE([$restunnel_cv_fortify], [no], [],
		[AS_VAR_APPEND([$1], [" -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$restunnel_cv_fortify"])])])
