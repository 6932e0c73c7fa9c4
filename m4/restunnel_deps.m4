# SPDX-License-Identifier: BSD-2-Clause
#
# What is missing is collected, and told at once at the end, with the packages' names.

# RESTUNNEL_MISSING(WHAT, DEBIAN-PACKAGE)
AC_DEFUN([RESTUNNEL_MISSING], [
	AS_VAR_APPEND([restunnel_missing], ["
    $1"])
	AS_VAR_APPEND([restunnel_missing_packages], [" $2"])])

# RESTUNNEL_PKG(VARIABLE, PKG-CONFIG-MODULES, DEBIAN-PACKAGE): a library that is needed
AC_DEFUN([RESTUNNEL_PKG], [PKG_CHECK_MODULES([$1], [$2], [], [RESTUNNEL_MISSING([$2], [$3])])])

# RESTUNNEL_OPTIONAL_PKG(VARIABLE, PKG-CONFIG-MODULES, DEBIAN-PACKAGE, WISH): sets have_VARIABLE; WISH is yes, no, auto
AC_DEFUN([RESTUNNEL_OPTIONAL_PKG], [
	have_$1=no
	AS_IF([test "x$4" != xno], [
		PKG_CHECK_MODULES([$1], [$2], [have_$1=yes], [
			AS_IF([test "x$4" = xyes], [RESTUNNEL_MISSING([$2], [$3])])])])])

AC_DEFUN([RESTUNNEL_MISSING_IS_FATAL], [
	AS_IF([test -n "$restunnel_missing"], [
		AC_MSG_ERROR([these libraries are missing:$restunnel_missing
On Debian or Ubuntu: apt install$restunnel_missing_packages])])])
