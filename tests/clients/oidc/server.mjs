// An OAuth server for the tests of connections: oidc-provider, with an API
// beside it that takes the tokens. It prints one line of JSON when it is
// ready and ends when its input does.
import { createServer } from "node:http";
import { createPublicKey } from "node:crypto";
import Provider, { errors } from "oidc-provider";
import { jwtVerify } from "jose";

const scope = "read write openid offline_access";
const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const publicKey = createPublicKey(process.env.PUBLIC_KEY);
const asked = {}; // requests at the token endpoint, by grant and outcome

const server = createServer();
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const issuer = `http://127.0.0.1:${server.address().port}`;

const client = (client_id, client_secret, token_endpoint_auth_method, ...grant_types) => ({
  client_id, client_secret, token_endpoint_auth_method, grant_types, scope,
  redirect_uris: grant_types.includes("authorization_code") ? ["http://127.0.0.1/back"] : [],
  response_types: grant_types.includes("authorization_code") ? ["code"] : [],
});

const provider = new Provider(issuer, {
  clients: [
    client("machine:1", "s3cret/+ %", "client_secret_basic", "client_credentials"),
    client("poster", "s3cret&=", "client_secret_post", "client_credentials"),
    client("refresher", "s3cret", "client_secret_basic", "authorization_code", "refresh_token"),
    client("password", "s3cret", "client_secret_basic", "password"),
    client("asserter", "s3cret", "client_secret_basic", jwtBearer),
  ],
  scopes: scope.split(" "),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
  },
  rotateRefreshToken: true,
  ttl: { ClientCredentials: 600, AccessToken: 600, RefreshToken: 86400, Grant: 86400 },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
});

// issue answers a grant that the library leaves to its users.
const issue = async (ctx, accountId) => {
  const token = new provider.ClientCredentials({ client: ctx.oidc.client, scope: ctx.oidc.params.scope });
  token.extra = { accountId };
  ctx.body = { access_token: await token.save(), token_type: "Bearer", expires_in: token.expiration };
};
provider.registerGrantType("password", async (ctx) => {
  const { username, password } = ctx.oidc.params;
  if (username !== "zoë" || password !== "pass&word") throw new errors.InvalidGrant("wrong password " + password);
  await issue(ctx, username);
}, ["username", "password", "scope"]);
provider.registerGrantType(jwtBearer, async (ctx) => {
  try {
    const { payload } = await jwtVerify(ctx.oidc.params.assertion, publicKey, {
      issuer: "penstock-test", audience: issuer + "/token", subject: "zoë", requiredClaims: ["exp", "iat", "jti"], maxTokenAge: "5m",
    });
    await issue(ctx, payload.sub);
  } catch (cause) {
    throw new errors.InvalidGrant(cause.message);
  }
}, ["assertion", "scope"]);

provider.on("grant.success", (ctx) => count(ctx, "ok"));
provider.on("grant.error", (ctx) => count(ctx, "error"));
provider.on("server_error", (_, err) => console.error(err));
function count(ctx, outcome) {
  const name = `${ctx.oidc.params?.grant_type} ${outcome}`;
  asked[name] = (asked[name] ?? 0) + 1;
}

// find is the access token that the text stands for.
async function find(text) {
  return (await provider.ClientCredentials.find(text)) ?? (await provider.AccessToken.find(text));
}

// expire ends an access token before its time. Its refresh token stays, which
// the library's own revocation would end, too.
async function expire(req, res) {
  let text = "";
  for await (const part of req) text += part;
  await (await find(text)).destroy();
  res.end();
}

// api answers 200 with the token's client to a token that is good.
async function api(req, res) {
  const text = req.headers.authorization?.match(/^Bearer (.+)$/)?.[1] ?? "";
  const token = await find(text);
  let body = "";
  for await (const part of req) body += part;
  res.writeHead(token ? 200 : 401, { "Content-Type": "application/json" });
  res.end(JSON.stringify(token ? { client: token.clientId, scope: token.scope, body, token: text } : { error: "invalid_token" }));
}

server.on("request", (req, res) => {
  if (req.url === "/api") return api(req, res);
  if (req.url === "/expire") return expire(req, res);
  if (req.url === "/asked") return res.end(JSON.stringify(asked));
  return provider.callback()(req, res);
});

// A refresh token, as a person's consent in a browser would have made it.
const refresher = await provider.Client.find("refresher");
const grant = new provider.Grant({ clientId: "refresher", accountId: "zoë" });
grant.addOIDCScope("openid offline_access read");
const grantId = await grant.save();
const refresh_token = await new provider.RefreshToken({
  client: refresher, accountId: "zoë", grantId, gty: "authorization_code", scope: "openid offline_access read",
}).save();

console.log(JSON.stringify({ issuer, refresh_token }));
process.stdin.resume().on("end", () => process.exit(0));
