/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_version.c - `restunnel --version`: what this program is, and which optional parts are in.
 */
#include <config.h>

#include <restunnel/module.h>

#include "cli.h"
#include "cli_qr.h"
#include "modload.h"

#ifdef HAVE_LIBCRYPTO
#define HAS_LIBCRYPTO true
#else
#define HAS_LIBCRYPTO false
#endif
#ifdef HAVE_SECCOMP
#define HAS_LIBSECCOMP true
#else
#define HAS_LIBSECCOMP false
#endif

#ifdef HAVE_MICROHTTPD
#define HAS_LIBMICROHTTPD true
#else
#define HAS_LIBMICROHTTPD false
#endif

void cli_version_print(FILE *to)
{
	bool builtin = modload_static_modules[0] != NULL;

	fprintf(to, "restunnel %s\nmodule ABI %d.%d, modules %s\nlibcrypto %s, libpng %s, libseccomp %s, libmicrohttpd %s\n", PACKAGE_VERSION, RTUN_ABI_MAJOR,
		RTUN_ABI_MINOR, builtin ? "built in" : "in " MODULEDIR, HAS_LIBCRYPTO ? "yes" : "no", cli_qr_has_png() ? "yes" : "no",
		HAS_LIBSECCOMP ? "yes" : "no", HAS_LIBMICROHTTPD ? "yes" : "no");
}

int cli_help_version(const struct cli *cli)
{
	bool png = cli_qr_has_png(), builtin = modload_static_modules[0] != NULL;
	const struct cli_out *o = &cli->out;
	json_t *d;
	int rc;

	if (!o->json) {
		cli_version_print(o->out);
		return cli_out_flush(o);
	}
	d = json_pack("{s:i, s:s, s:s, s:b, s:{s:b, s:b, s:b, s:b}}", "schema", 1, "version", PACKAGE_VERSION, "abi",
		      RTUN_STRING(RTUN_ABI_MAJOR) "." RTUN_STRING(RTUN_ABI_MINOR), "modules_built_in", builtin, "features",
				"libcrypto", HAS_LIBCRYPTO, "libpng", png, "libseccomp", HAS_LIBSECCOMP, "libmicrohttpd",
		      HAS_LIBMICROHTTPD);
	rc = cli_out_json(o, d);
	json_decref(d);
	return rc;
}
