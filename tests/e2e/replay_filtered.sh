#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# replay.sh with `conceal: filtered`.
replay_mode=filtered
. "$(dirname "$0")/replay.sh"
