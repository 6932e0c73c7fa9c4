#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# knock.sh with `conceal: filtered`, behind a firewall that drops everything but the tunnel's port.
knock_mode=filtered
. "$(dirname "$0")/knock.sh"
