// An application that lives in the browser and uses oauth4webapi across origins.
// It signs in at the click of its button, and writes what it found into #result.
import * as oauth from '/oauth4webapi.js'

const config = await (await fetch('/config.json')).json()
const insecure = { [oauth.allowInsecureRequests]: true } // http on loopback
const client = { client_id: config.client_id }
const redirectURI = `${location.origin}/callback`

async function discover() {
  const issuer = new URL(config.issuer)
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' }))
}

async function signIn() {
  const as = await discover()
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  sessionStorage.setItem('request', JSON.stringify({ verifier, state }))
  const url = new URL(as.authorization_endpoint)
  url.search = new URLSearchParams({
    response_type: 'code', client_id: client.client_id, redirect_uri: redirectURI, scope: 'read offline_access', state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  })
  location.assign(url)
}

// finish redeems the code, and then does with the tokens all there is to do.
async function finish() {
  const as = await discover()
  const { verifier, state } = JSON.parse(sessionStorage.getItem('request'))
  const answer = oauth.validateAuthResponse(as, client, new URL(location.href), state)
  const tokens = await oauth.processAuthorizationCodeResponse(
    as, client, await oauth.authorizationCodeGrantRequest(as, client, oauth.None(), answer, redirectURI, verifier, insecure))
  const refreshed = await oauth.processRefreshTokenResponse(
    as, client, await oauth.refreshTokenGrantRequest(as, client, oauth.None(), tokens.refresh_token, insecure))

  // The console of an operator, who has typed in a client's secret.
  const operator = { client_id: config.operator.client_id }
  const secret = oauth.ClientSecretBasic(config.operator.client_secret)
  const introspect = async () => oauth.processIntrospectionResponse(
    as, operator, await oauth.introspectionRequest(as, operator, secret, refreshed.access_token, insecure))
  const before = await introspect()
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, oauth.None(), refreshed.refresh_token, insecure))
  const after = await introspect()

  return {
    scope: tokens.scope,
    rotated: tokens.refresh_token !== refreshed.refresh_token && tokens.access_token !== refreshed.access_token,
    subject: before.sub, before: before.active, after: after.active,
    refusal: await oauth.refreshTokenGrantRequest(as, client, oauth.None(), refreshed.refresh_token, insecure)
      .then((response) => oauth.processRefreshTokenResponse(as, client, response))
      .then(() => 'none', (error) => error.error),
  }
}

document.querySelector('#signin').addEventListener('click', signIn)
if (location.pathname === '/callback') {
  const result = await finish().catch((error) => ({ failed: `${error.name}: ${error.message} ${error.cause ?? ''}` }))
  document.querySelector('#result').textContent = JSON.stringify(result)
}
