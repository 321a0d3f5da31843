// A person at Chromium, who uses the application in spa/. The first argument tells
// where everything is, as JSON. It ends with status 0 if all is well.
import assert from 'node:assert/strict'
import { chromium } from 'playwright-core'

const { chromiumPath, issuer, origin, strange, username, password, subject } = JSON.parse(process.argv[2])

const browser = await chromium.launch({
  executablePath: chromiumPath,
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
  ],
})

// visit opens a fresh browser window and runs what the person does there. What the
// browser complains about is a failure.
async function visit(options, act) {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  page.setDefaultTimeout(45_000)
  const complaints = []
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(String(error)))
  await act(page, complaints)
  assert.deepEqual(complaints, [])
  await context.close()
}

// fits checks that nobody has to scroll sideways.
async function fits(page) {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
  assert.ok(content <= window, `${page.url()} is ${content} wide in a window of ${window}`)
}

// signIn fills in the sign-in page, the first time wrong.
async function signIn(page) {
  await page.waitForSelector('input[name=username]')
  await fits(page)
  await page.fill('input[name=username]', username)
  await page.fill('input[name=password]', 'a mistake')
  await page.click('button')
  await page.waitForSelector('[role=alert]')
  await fits(page)
  assert.equal(await page.inputValue('input[name=username]'), username)
  await page.fill('input[name=password]', password)
  await page.press('input[name=password]', 'Enter')
}

async function decide(page, action) {
  await page.waitForSelector('button[value=approve]')
  await fits(page)
  await page.click(`button[value=${action}]`)
}

async function result(page) {
  await page.waitForFunction(() => document.querySelector('#result')?.textContent)
  return JSON.parse(await page.textContent('#result'))
}

for (const options of [
  { viewport: { width: 390, height: 844 }, colorScheme: 'dark' },
  { viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
]) {
  await visit(options, async (page, complaints) => {
    await page.goto(origin)
    await page.click('#signin')
    await signIn(page)
    await decide(page, 'approve')
    assert.deepEqual(await result(page), {
      scope: 'read offline_access', rotated: true, subject, before: true, after: false, refusal: 'invalid_grant',
    })
    // The refused refresh at the end is a 400, which the browser reports.
    assert.ok(complaints.length === 1 && complaints[0].includes('400'), String(complaints))
    complaints.length = 0

    // The second time nobody has to sign in, but a public client asks again.
    await page.goto(origin)
    await page.click('#signin')
    await decide(page, 'deny')
    assert.match((await result(page)).failed, /AuthorizationResponseError/)

    // The front page signs out.
    await page.goto(`${issuer}/`)
    await fits(page)
    await page.click('button[value=approve]')
    await page.waitForURL('**/?signed_out')
    await page.goto(origin)
    await page.click('#signin')
    await page.waitForSelector('input[name=password]')
  })
}

// The page that posts the answer submits itself, in spite of its strict policy.
await visit({}, async (page) => {
  const url = new URL(`${issuer}/authorize`)
  url.search = new URLSearchParams({
    response_type: 'code', response_mode: 'form_post', client_id: 'spa', redirect_uri: `${origin}/form_post`, scope: 'read',
    state: '"><script>alert(1)</script>', code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256',
  })
  await page.goto(url.href)
  await signIn(page)
  await decide(page, 'approve')
  await page.waitForURL(`${origin}/form_post`)
  const posted = new URLSearchParams(await page.textContent('body'))
  assert.ok(posted.get('code'))
  assert.equal(posted.get('state'), '"><script>alert(1)</script>')
  assert.equal(posted.get('iss'), issuer)
})

// A page of another origin reads the metadata and nothing else.
await visit({}, async (page, complaints) => {
  await page.goto(strange)
  const read = (url, options) => page.evaluate(
    async ([url, options]) => fetch(url, options).then((r) => r.status, (error) => error.name), [url, options])
  assert.equal(await read(`${issuer}/.well-known/oauth-authorization-server`), 200)
  assert.equal(await read(`${issuer}/jwks`), 200)
  const body = { method: 'POST', headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: 'grant_type=refresh_token&client_id=spa&refresh_token=x' }
  assert.equal(await read(`${issuer}/token`, body), 'TypeError')
  assert.equal(await read(`${issuer}/authorize`), 'TypeError')
  assert.equal(await read(`${issuer}/signin`), 'TypeError')
  assert.ok(complaints.length > 0 && complaints.every((c) => /CORS|Failed to load resource/.test(c)), String(complaints))
  complaints.length = 0
})

await browser.close()
