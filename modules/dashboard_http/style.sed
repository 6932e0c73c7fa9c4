# SPDX-License-Identifier: BSD-2-Clause
# The same for style.
s/ *\/\*.*\*\/$//
s/\([:;,{]\) /\1/g
s/ {/{/g
s/;* }/}/g
