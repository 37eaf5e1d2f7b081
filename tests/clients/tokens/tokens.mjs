// Gets an access token with one published client, configured as its own
// documentation says, and prints what the client made of the answer as JSON.
//
//   node tokens.mjs CASE    settings come as JSON on standard input
import { createRequire } from 'node:module'
import * as openid from 'openid-client'
import * as oauth from 'oauth4webapi'
import { ClientCredentials, ResourceOwnerPassword } from 'simple-oauth2'

const require = createRequire(import.meta.url)
const bearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

const cases = {
  // npm integrify-access-token: a JWT signed with the key's secret.
  integrify: (s) =>
    new Promise((done, failed) =>
      require('integrify-access-token').getTokenFromJWT(
        { url: s.url, key: s.key, secret: s.keySecret, username: s.user, expiresIn: s.expiresIn },
        (err, body) => (err ? failed(new Error(`${err} ${body}`)) : done(JSON.parse(body))),
      ),
    ),

  // openid-client: discovery, then the client's own credentials.
  'openid-client': async (s) => {
    const config = await discover(s)
    const token = await openid.clientCredentialsGrant(config, { scope: s.scope })
    const live = await openid.tokenIntrospection(config, token.access_token)
    const spare = await openid.clientCredentialsGrant(config)
    await openid.tokenRevocation(config, spare.access_token)
    const dead = await openid.tokenIntrospection(config, spare.access_token)
    return { ...token, live: live.active, dead: dead.active, expiresIn: token.expiresIn() }
  },

  // openid-client at Ansira's endpoint: Basic and the downloaded assertion.
  'openid-client-assertion': async (s) => {
    const config = new openid.Configuration(
      { issuer: s.url, token_endpoint: `${s.url}/oauth/v2/oauth-token` }, s.client, undefined, openid.ClientSecretBasic(s.clientSecret),
    )
    openid.allowInsecureRequests(config)
    return openid.genericGrantRequest(config, bearer, { assertion: s.assertion, scope: s.scope })
  },

  // openid-client, told a wrong secret: it must understand the error.
  'openid-client-refused': async (s) => {
    try {
      await openid.clientCredentialsGrant(await discover({ ...s, clientSecret: 'wrong' }))
    } catch (err) {
      return { code: err.code, scheme: err.cause?.[0]?.scheme, status: err.status }
    }
  },

  oauth4webapi: async (s) => {
    const insecure = { [oauth.allowInsecureRequests]: true }
    const issuer = new URL(s.url)
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }))
    const client = { client_id: s.client }
    const answer = await oauth.clientCredentialsGrantRequest(as, client, oauth.ClientSecretPost(s.clientSecret), { scope: s.scope }, insecure)
    const token = await oauth.processClientCredentialsResponse(as, client, answer)
    const seen = await oauth.introspectionRequest(as, client, oauth.ClientSecretBasic(s.clientSecret), token.access_token, insecure)
    const { active, client_id } = await oauth.processIntrospectionResponse(as, client, seen)
    return { ...token, active, client_id }
  },

  'simple-oauth2': async (s) => {
    const client = new ClientCredentials({ client: { id: s.client, secret: s.clientSecret }, auth: { tokenHost: s.url, tokenPath: '/oauth2/token' } })
    const { token } = await client.getToken({ scope: s.scope })
    return token
  },

  // It insists on a client; syncAccess has none, and ignores it.
  'simple-oauth2-password': async (s) => {
    const client = new ResourceOwnerPassword({ client: { id: 'none', secret: 'none' }, auth: { tokenHost: s.url, tokenPath: '/appservices/token' } })
    const { token } = await client.getToken({ username: s.user, password: s.password })
    return token
  },
}

function discover(s) {
  return openid.discovery(new URL(s.url), s.client, undefined, openid.ClientSecretBasic(s.clientSecret), {
    algorithm: 'oauth2', execute: [openid.allowInsecureRequests],
  })
}

let input = ''
for await (const chunk of process.stdin) input += chunk
console.log(JSON.stringify(await cases[process.argv[2]](JSON.parse(input))))
