// An authorization server with one client, as strict as RFC 6749, section 4.1,
// and RFC 7636 want it.
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'

export const client = { id: 'penstock', secret: 'the-secret-of-the-client' }

// issue serves until it is closed. Whoever asks is sent back with a code.
export async function issue() {
  const codes = new Map() // code → what was asked
  const read = async request => new URLSearchParams((await request.toArray()).join(''))
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://issuer')
    if (url.pathname === '/authorize') {
      const code = randomUUID(), back = new URL(url.searchParams.get('redirect_uri'))
      codes.set(code, url.searchParams)
      back.searchParams.set('code', code)
      back.searchParams.set('state', url.searchParams.get('state'))
      response.writeHead(302, { Location: back.href }).end()
      return
    }
    const form = await read(request), asked = codes.get(form.get('code'))
    codes.delete(form.get('code'))
    const good = asked && form.get('grant_type') === 'authorization_code' &&
      request.headers.authorization === 'Basic ' + btoa(`${client.id}:${client.secret}`) &&
      asked.get('client_id') === client.id && asked.get('response_type') === 'code' &&
      asked.get('redirect_uri') === form.get('redirect_uri') && asked.get('code_challenge_method') === 'S256' &&
      asked.get('code_challenge') === createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url')
    response.writeHead(good ? 200 : 400, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify(good ? { access_token: 'a', token_type: 'bearer', expires_in: 60, refresh_token: 'r' } : { error: 'invalid_grant' }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() }
}
