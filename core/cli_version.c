/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli_version.c - `restunnel --version`: what this program is, and which optional parts are in.
 */
#include <config.h>

#include <restunnel/module.h>

#include "cli.h"
#include "cli_qr.h"
#include "modload.h"

int cli_help_version(const struct cli *cli)
{
#ifdef HAVE_LIBCRYPTO
	bool libcrypto = true;
#else
	bool libcrypto = false;
#endif
#ifdef HAVE_SECCOMP
	bool libseccomp = true;
#else
	bool libseccomp = false;
#endif
	bool png = cli_qr_has_png(), builtin = modload_static_modules[0] != NULL;
	const struct cli_out *o = &cli->out;
	json_t *d;
	int rc;

	if (!o->json) {
		fprintf(o->out, "restunnel %s\nmodule ABI %d.%d, modules %s\nlibcrypto %s, libpng %s, libseccomp %s\n", PACKAGE_VERSION, RTUN_ABI_MAJOR,
			RTUN_ABI_MINOR, builtin ? "built in" : "in " MODULEDIR, libcrypto ? "yes" : "no", png ? "yes" : "no",
			libseccomp ? "yes" : "no");
		return cli_out_flush(o);
	}
	d = json_pack("{s:i, s:s, s:s, s:b, s:{s:b, s:b, s:b}}", "schema", 1, "version", PACKAGE_VERSION, "abi",
		      RTUN_STRING(RTUN_ABI_MAJOR) "." RTUN_STRING(RTUN_ABI_MINOR), "modules_built_in", builtin, "features",
				"libcrypto", libcrypto, "libpng", png, "libseccomp", libseccomp);
	rc = cli_out_json(o, d);
	json_decref(d);
	return rc;
}
