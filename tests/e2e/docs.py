# SPDX-License-Identifier: BSD-2-Clause
"""docs.py DIR: see docs.sh. DIR has modules/ and data/, and is where files are made."""
import glob
import os
import re
import subprocess
import sys

SRC, BUILD, WORK = os.environ["RESTUNNEL_SRC"], os.environ["RESTUNNEL_BUILD"], sys.argv[1]
PROGRAM = [BUILD + "/restunnel", "--module-dir", WORK + "/modules", "--template-dir", SRC + "/conf"]
PAGES = [p for p in [SRC + "/README.md", SRC + "/SECURITY.md"] + sorted(glob.glob(SRC + "/doc/*.md"))
         + sorted(glob.glob(SRC + "/contrib/module-skeleton/README.md")) if os.path.exists(p)]
# Words that stand for something, where a verb would be
NO_VERBS = {"VERB", "WORD"}
# Verbs of modules that are not built here
FOREIGN = {"skeleton-count"} | set(os.environ.get("DOCS_FOREIGN", "").split())
EVERYWHERE = {"--config", "--json", "--on", "--color", "--module-dir", "--template-dir", "--help", "--version"}
wrong, tried = [], {}


def text_of(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def judge(page, good, complaint):
    kind = complaint.split(":")[0]
    tried[kind] = tried.get(kind, 0) + 1
    if not good:
        wrong.append("%s: %s" % (os.path.relpath(page, SRC), complaint))


def run(*args):
    r = subprocess.run(PROGRAM + list(args), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return r.returncode, r.stdout + r.stderr


def configuration(name, text):
    path = "%s/%s.yaml" % (WORK, name)
    text = re.sub(r"(?m)^data-dir:.*$", "data-dir: %s/data" % WORK, text)
    if "data-dir:" not in text:
        text = "data-dir: %s/data\n%s" % (WORK, text)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def blocks(text):
    """Code of a page: fenced, indented, and in backticks; fenced C and YAML aside."""
    text = re.sub(r"(?ms)^```(?:c|yaml)$.*?^```$", "", text)
    yield from re.findall(r"(?m)^ {4}(.*)$", text)
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"(?m)^ {4}.*$", "", text))


def commands(page, text, conf, helps):
    for line in blocks(text):
        found = re.match(r"(?:\w+[#$] )?(?:sudo )?restunnel((?: (?:-c|--module-dir|--template-dir) \S+)*) ([\w-]+)(.*)", line)
        if not found or found[2] in NO_VERBS | FOREIGN or found[2].startswith("-"):
            continue
        verb, rest = found[2], re.split(r"  +|[;&|]", found[3])[0]
        if verb not in helps:
            helps[verb] = run("help", verb, "-c", conf)
        status, told = helps[verb]
        judge(page, status == 0, "verb: there is no `restunnel %s`" % verb)
        for option in re.findall(r"(?<!\S)--[\w-]+", rest):
            judge(page, option in told or option in EVERYWHERE, "option: `restunnel %s` has no %s" % (verb, option))


def yaml(page, text):
    for i, block in enumerate(re.findall(r"(?ms)^```yaml$\n(.*?)^```$", text)):
        modules = re.findall(r"module: (\w+)", block)
        missing = [m for m in modules if not run("modules", m)[0] == 0]
        if missing and set(missing) <= {"skeleton", "echo"}:
            continue
        status, told = run("check", "-c", configuration("block%d" % i, block))
        judge(page, status == 0, "yaml: block %d: %s" % (i + 1, told.strip()))


def references(page, text):
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        if not link.startswith("http"):
            judge(page, os.path.exists(os.path.join(os.path.dirname(page), link)), "link: %s does not exist" % link)
    for path in re.findall(r"`((?:tests|core|modules|contrib|doc|conf|man)/[\w./-]+)`", text):
        judge(page, os.path.exists(SRC + "/" + path), "file: %s does not exist" % path)


def identifiers(page, text, headers):
    for name in set(re.findall(r"\b(?:RTUN|rtun)_\w+", text)):
        known = re.search(r"\b%s\b" % name, headers) or (name.endswith("_") and name in headers)
        judge(page, known, "identifier: %s is in no public header" % name)


def defines(path, prefix):
    return {n: int(v.rstrip("U"), 0) for n, v in re.findall(r"(?m)^#define %s(\w+) (0x\w+|\d+U?)\b" % prefix, text_of(path))}


def section(text, number):
    return re.search(r"(?ms)^## %d\. .*?(?=^## |\Z)" % number, text)[0]


def rows(text):
    return re.findall(r"(?m)^\| (0x\w+|\d+) \| (\w+) \|", text)


def protocol(page, text):
    wire = SRC + "/modules/transport_noise/wire.h"
    frames, tlvs, errors = defines(wire, "FRAME_"), defines(wire, "TLV_"), defines(SRC + "/core/include/restunnel/abi.h", "RTUN_E")
    frame_section = section(text, 9)
    told = {name: int(n, 0) for n, name in rows(frame_section) if n.startswith("0x")}
    for name, n in frames.items():
        if name != "IGNORED":
            judge(page, told.pop(name, None) == n, "frame: %s is 0x%02x in wire.h" % (name, n))
    judge(page, not told, "frame: %s is not in wire.h" % sorted(told))
    told = {name: int(n) for n, name in rows(section(text, 4)) + rows(section(text, 5))}
    tables = re.split(r"(?m)^TLVs of |^Reasons:", frame_section)
    for table in (tables[1], tables[3]):
        told.update({name: int(n) for n, name in rows(table)})
    for name, n in tlvs.items():
        judge(page, told.pop(name, None) == n, "tlv: %s is %d in wire.h" % (name, n))
    judge(page, not told, "tlv: %s is not in wire.h" % sorted(told))
    for n, name in rows(tables[2]):
        judge(page, errors.get(name) == int(n), "reason: %s is %s in abi.h" % (name, errors.get(name)))
    numbers = defines(wire, "WIRE_")
    for name, form in (("WINDOW", "absent: %d"), ("MESSAGE_1", "exactly %d bytes"), ("ATTEMPT", "attempt id is %d bytes"), ("KNOCK", "exactly\n%d bytes"), ("MAC1", "mac1 %d |")):
        judge(page, form % numbers[name] in text, "number: WIRE_%s is %d" % (name, numbers[name]))
    judge(page, frames["IGNORED"] == 0x80 and "| 0x80 and more |" in text, "number: FRAME_IGNORED")
    for word in re.findall(r'"(restunnel/1[^"]*)"', text):
        judge(page, any('"%s"' % word in text_of(f) for f in glob.glob(SRC + "/modules/transport_noise/*.[ch]")), "label: %s" % word)


def main():
    conf = configuration("hub", text_of(SRC + "/conf/hub.yaml"))
    headers = "".join(text_of(f) for f in glob.glob(SRC + "/core/include/restunnel/**/*.h", recursive=True))
    helps = {}
    for page in PAGES:
        text = text_of(page)
        commands(page, text, conf, helps)
        yaml(page, text)
        references(page, text)
        identifiers(page, text, headers)
    protocol(SRC + "/doc/protocol.md", text_of(SRC + "/doc/protocol.md"))
    for i, block in enumerate(re.findall(r"(?ms)^\.Bd -literal.*?$\n(.*?)^\.Ed$", text_of(SRC + "/man/restunnel.yaml.5"))):
        status, told = run("check", "-c", configuration("man%d" % i, block))
        judge(SRC + "/man/restunnel.yaml.5", status == 0, "yaml: example %d: %s" % (i + 1, told.strip()))
    print(", ".join("%s %d" % k for k in sorted(tried.items())), "looked at;", len(wrong), "wrong")
    sys.exit("\n".join(wrong) if wrong else 0)


main()
