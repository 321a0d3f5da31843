// openid-client against the server, as a program on a person's device would use
// it. The first argument tells it where and who, as JSON. It prints a JSON line
// with each URL that the person has to open, and ends with status 0 if all is well.
import assert from 'node:assert/strict'
import http from 'node:http'
import * as jose from 'jose'
import * as oauth from 'openid-client'

const { issuer, web, app, resource, subject } = JSON.parse(process.argv[2])
const insecure = { execute: [oauth.allowInsecureRequests] } // http on loopback

// listen answers the redirects of the server.
async function listen() {
  const waiting = new Map()
  const server = http.createServer((request, response) => {
    const url = new URL(request.url, `http://${request.headers.host}`)
    response.end('You may close this window.')
    waiting.get(url.searchParams.get('state'))?.(url)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    redirectURI: `http://127.0.0.1:${server.address().port}/callback`,
    answer: (state) => new Promise((resolve) => waiting.set(state, resolve)),
    close: () => server.close(),
  }
}

// signIn runs the authorization code flow with PKCE and returns the tokens.
async function signIn(config, callback, extra = {}) {
  const verifier = oauth.randomPKCECodeVerifier()
  const state = oauth.randomState()
  const url = oauth.buildAuthorizationUrl(config, {
    redirect_uri: callback.redirectURI,
    scope: 'read offline_access',
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...extra,
  })
  const answer = callback.answer(state)
  console.log(JSON.stringify({ open: url.href }))
  return oauth.authorizationCodeGrant(
    config,
    await answer,
    { pkceCodeVerifier: verifier, expectedState: state },
    extra.resource ? { resource: extra.resource } : undefined,
  )
}

const callback = await listen()
const keys = jose.createRemoteJWKSet(new URL(`${issuer}/jwks`))

for (const algorithm of ['oauth2', 'oidc']) {
  const found = await oauth.discovery(new URL(issuer), app.client_id, undefined, oauth.None(), { ...insecure, algorithm })
  assert.equal(found.serverMetadata().issuer, issuer)
  assert.ok(found.serverMetadata().supportsPKCE())
}

for (const [name, client, authentication] of [
  ['public', app, oauth.None()],
  ['client_secret_basic', web, oauth.ClientSecretBasic(web.client_secret)],
  ['client_secret_post', web, oauth.ClientSecretPost(web.client_secret)],
]) {
  const config = await oauth.discovery(new URL(issuer), client.client_id, undefined, authentication, { ...insecure, algorithm: 'oauth2' })
  const tokens = await signIn(config, callback)
  assert.equal(tokens.token_type, 'bearer', name)
  assert.equal(tokens.scope, 'read offline_access', name)

  const { payload } = await jose.jwtVerify(tokens.access_token, keys, { issuer, audience: issuer, typ: 'at+jwt' })
  assert.equal(payload.sub, subject, name)
  assert.equal(payload.client_id, client.client_id, name)

  const refreshed = await oauth.refreshTokenGrant(config, tokens.refresh_token)
  assert.notEqual(refreshed.access_token, tokens.access_token, name)
  assert.notEqual(refreshed.refresh_token, tokens.refresh_token, name)

  if (client === web) {
    const live = await oauth.tokenIntrospection(config, refreshed.access_token)
    assert.equal(live.active, true, name)
    assert.equal(live.sub, subject, name)
    assert.equal((await oauth.tokenIntrospection(config, refreshed.refresh_token)).active, true, name)
  }
  await oauth.tokenRevocation(config, refreshed.refresh_token)
  await assert.rejects(oauth.refreshTokenGrant(config, refreshed.refresh_token), { error: 'invalid_grant' }, name)
  if (client === web) {
    assert.deepEqual(await oauth.tokenIntrospection(config, refreshed.access_token), { active: false }, name)
    assert.deepEqual(await oauth.tokenIntrospection(config, refreshed.refresh_token), { active: false }, name)
  } else {
    await assert.rejects(oauth.tokenIntrospection(config, tokens.access_token), undefined, 'a public client introspects')
  }
}

{
  const config = await oauth.discovery(new URL(issuer), web.client_id, undefined, oauth.ClientSecretBasic(web.client_secret), { ...insecure, algorithm: 'oauth2' })
  const tokens = await signIn(config, callback, { resource, scope: 'read write' })
  assert.equal(tokens.scope, 'read', 'write means nothing at the resource')
  await jose.jwtVerify(tokens.access_token, keys, { issuer, audience: resource, typ: 'at+jwt' })

  const own = await oauth.clientCredentialsGrant(config, { scope: 'read' })
  assert.equal((await oauth.tokenIntrospection(config, own.access_token)).sub, web.client_id)

  const wrong = await oauth.discovery(new URL(issuer), web.client_id, undefined, oauth.ClientSecretBasic('wrong'), { ...insecure, algorithm: 'oauth2' })
  await assert.rejects(oauth.clientCredentialsGrant(wrong, { scope: 'read' }), { code: 'OAUTH_WWW_AUTHENTICATE_CHALLENGE' })
}

callback.close()
console.log(JSON.stringify({ done: true }))
