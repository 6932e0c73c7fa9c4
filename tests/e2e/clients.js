// SPDX-License-Identifier: BSD-2-Clause
//
// clients.js undici|axios|agent PROXY URL: fetch URL with a library for Node through a proxy, print the body.
const [kind, proxy, url] = process.argv.slice(2)

// undici wants the login as the header that it becomes
async function undici () {
  const { ProxyAgent, fetch } = require('undici')
  const p = new URL(proxy)
  const token = p.username ? 'Basic ' + btoa(p.username + ':' + p.password) : undefined
  const answer = await fetch(url, { dispatcher: new ProxyAgent({ uri: p.origin, token }) })
  if (!answer.ok) throw new Error(answer.status)
  return answer.text()
}

// by the environment, as its users do
async function axios () {
  process.env.http_proxy = proxy
  return (await require('axios').get(url)).data
}

function agent () {
  const { HttpsProxyAgent } = require('https-proxy-agent')
  const Agent = HttpsProxyAgent || require('https-proxy-agent')
  const options = { agent: HttpsProxyAgent ? new Agent(proxy) : Agent(proxy) }
  return new Promise((resolve, reject) => {
    require('https').get(url, options, answer => {
      if (answer.statusCode !== 200) reject(new Error(answer.statusCode))
      let body = ''
      answer.on('data', block => { body += block })
      answer.on('end', () => resolve(body))
    }).on('error', reject)
  })
}

({ undici, axios, agent })[kind]().then(
  body => { process.stdout.write(body); process.exit(0) },
  error => { console.error(error.message); process.exit(1) })
