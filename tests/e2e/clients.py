#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""clients.py requests|urllib|pysocks PROXY URL: fetch URL with a Python library through a proxy, print the body. `requests`
and `urllib` are given the proxy's address; `pysocks` is urllib with the handler of PySocks."""
import sys
import urllib.parse
import urllib.request

sys.path.pop(0)  # there is another socks.py beside this one



def by_requests(proxy, url):
    import requests
    answer = requests.get(url, proxies={"http": proxy, "https": proxy}, timeout=20)
    answer.raise_for_status()
    return answer.text


def by_urllib(proxy, url):
    return urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy, "https": proxy})).open(url, timeout=20).read().decode()


def by_pysocks(proxy, url):
    import socks
    import sockshandler
    p = urllib.parse.urlsplit(proxy)
    handler = sockshandler.SocksiPyHandler(socks.SOCKS5, p.hostname, p.port, True, p.username, p.password)
    return urllib.request.build_opener(handler).open(url, timeout=20).read().decode()


print({"requests": by_requests, "urllib": by_urllib, "pysocks": by_pysocks}[sys.argv[1]](*sys.argv[2:]), end="")
