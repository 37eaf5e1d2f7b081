// Writes one delivery per sender, signed or accepted by the library that the sender publishes, as NAME.json into the
// directory that the first argument names. A library that only verifies must accept the delivery and refuse another body.
import { execFileSync } from "node:child_process";
import { createHash, createHmac, createSign, generateKeyPairSync, randomBytes, sign as signWith } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";

const require = createRequire(import.meta.url);
const nowMs = Date.now(), now = Math.floor(nowMs / 1000), iso = new Date(nowMs).toISOString();
const url = "https://penstock.example.org/hooks/flow?source=1";
const secret = "a secret of 27 characters..", whsec = "whsec_" + randomBytes(24).toString("base64");
const hmac = (key, text, encoding = "hex", hash = "sha256") => createHmac(hash, key).update(text).digest(encoding);
const json = (more) => JSON.stringify({ id: "evt_1", note: "é ☃", type: "test", ...more });
const versionOf = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;

// accepted calls verify with a body that is signed, and with another one.
async function accepted(body, verify) {
  const passes = async (text) => {
    try {
      return (await verify(text)) !== false;
    } catch (error) {
      passes.error = error;
      return false;
    }
  };
  if (!(await passes(body))) throw new Error(`the library refuses the delivery: ${passes.error}`);
  if (await passes(body.replace("☃", "x").replace('"1"', '"2"'))) throw new Error("the library accepts another body");
}

// certificate returns a key and a certificate of an hour.
function certificate() {
  const dir = mkdtempSync(join(tmpdir(), "vectors-"));
  try {
    execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=vectors", "-keyout", join(dir, "key"), "-out", join(dir, "cert")], { stdio: "ignore" });
    return { key: readFileSync(join(dir, "key"), "utf8"), cert: readFileSync(join(dir, "cert"), "utf8") };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const part = (v) => Buffer.from(typeof v === "string" ? v : JSON.stringify(v)).toString("base64url");
function jwtHS256(claims, key) {
  const text = part({ alg: "HS256", typ: "JWT" }) + "." + part(claims);
  return text + "." + createHmac("sha256", key).update(text).digest("base64url");
}

const senders = {
  async github() {
    const { sign } = await import("@octokit/webhooks-methods");
    const body = json();
    return { library: "@octokit/webhooks-methods", made: "signed", body, headers: { "X-Hub-Signature-256": await sign(secret, body), "X-GitHub-Delivery": "d-1" } };
  },
  async stripe() {
    const { default: Stripe } = await import("stripe");
    const body = json();
    return { library: "stripe", made: "signed", body, headers: { "Stripe-Signature": Stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp: now }) } };
  },
  async slack() {
    const { default: bolt } = await import("@slack/bolt");
    const body = json({ event_id: "Ev1" }), signature = "v0=" + hmac(secret, `v0:${now}:${body}`);
    await accepted(body, (b) => bolt.verifySlackRequest({ signingSecret: secret, body: b, headers: { "x-slack-signature": signature, "x-slack-request-timestamp": now } }));
    return { library: "@slack/bolt", body, headers: { "X-Slack-Signature": signature, "X-Slack-Request-Timestamp": `${now}` } };
  },
  async shopify() {
    await import("@shopify/shopify-api/adapters/node");
    const { createSHA256HMAC } = await import("@shopify/shopify-api/runtime");
    const body = json();
    return { library: "@shopify/shopify-api", made: "signed", body, headers: { "X-Shopify-Hmac-Sha256": await createSHA256HMAC(secret, body, "base64"), "X-Shopify-Webhook-Id": "w-1" } };
  },
  async twilio() {
    const { default: twilio } = await import("twilio");
    const body = "From=%2B14158675309&Body=Hi+%26+%C3%A9&Empty=";
    return {
      library: "twilio", made: "signed", body, sent_to: url,
      headers: { "X-Twilio-Signature": twilio.getExpectedTwilioSignature(secret, url, Object.fromEntries(new URLSearchParams(body))), "Content-Type": "application/x-www-form-urlencoded" },
    };
  },
  async "standard-webhooks"() {
    const { Webhook } = await import("standardwebhooks");
    const body = json();
    return { library: "standardwebhooks", made: "signed", secret: whsec, body, headers: { "webhook-id": "m_1", "webhook-timestamp": `${now}`, "webhook-signature": new Webhook(whsec).sign("m_1", new Date(now * 1000), body) } };
  },
  async svix() {
    const { Webhook } = await import("svix");
    const body = json();
    return { library: "svix", made: "signed", secret: whsec, body, headers: { "svix-id": "m_1", "svix-timestamp": `${now}`, "svix-signature": new Webhook(whsec).sign("m_1", new Date(now * 1000), body) } };
  },
  async resend() {
    const { Resend } = await import("resend");
    const { Webhook } = await import("svix");
    const body = json(), signature = new Webhook(whsec).sign("m_1", new Date(now * 1000), body), resend = new Resend("re_x");
    await accepted(body, (b) => !!resend.webhooks.verify({ payload: b, headers: { id: "m_1", timestamp: `${now}`, signature }, webhookSecret: whsec }));
    return { library: "resend", secret: whsec, body, headers: { "svix-id": "m_1", "svix-timestamp": `${now}`, "svix-signature": signature } };
  },
  async openai() {
    const { default: OpenAI } = await import("openai");
    const { Webhook } = await import("standardwebhooks");
    const body = json(), headers = { "webhook-id": "m_1", "webhook-timestamp": `${now}`, "webhook-signature": new Webhook(whsec).sign("m_1", new Date(now * 1000), body) };
    const client = new OpenAI({ apiKey: "x", webhookSecret: whsec });
    await accepted(body, async (b) => void (await client.webhooks.verifySignature(b, headers, whsec)));
    return { library: "openai", secret: whsec, body, headers };
  },
  async zoom() {
    const { AwsLambdaReceiver, UsersS2SAuthClient } = await import("@zoom/rivet/users");
    const client = new UsersS2SAuthClient({ clientId: "a", clientSecret: "b", accountId: "c", webhooksSecretToken: secret, receiver: new AwsLambdaReceiver({ webhooksSecretToken: secret }) });
    const handler = await client.start();
    const body = JSON.stringify({ event: "user.created", event_ts: nowMs, payload: { account_id: "1", note: "☃" } });
    const headers = { "x-zm-signature": "v0=" + hmac(secret, `v0:${now}:${body}`), "x-zm-request-timestamp": `${now}` };
    await accepted(body, async (b) => (await handler({ body: b, headers, isBase64Encoded: false }, {}, () => {})).statusCode === 200);
    return { library: "@zoom/rivet", body, headers };
  },
  async "zoom-challenge"() {
    const { AwsLambdaReceiver, UsersS2SAuthClient } = await import("@zoom/rivet/users");
    const client = new UsersS2SAuthClient({ clientId: "a", clientSecret: "b", accountId: "c", webhooksSecretToken: secret, receiver: new AwsLambdaReceiver({ webhooksSecretToken: secret }) });
    const handler = await client.start();
    const body = JSON.stringify({ event: "endpoint.url_validation", event_ts: nowMs, payload: { plainToken: "qgg8vlvZRS6UYooatFL8Aw" } });
    const headers = { "x-zm-signature": "v0=" + hmac(secret, `v0:${now}:${body}`), "x-zm-request-timestamp": `${now}` };
    const answer = await handler({ body, headers, isBase64Encoded: false }, {}, () => {});
    return { sender: "zoom", library: "@zoom/rivet", made: "answered", body, headers, answer: JSON.parse(answer.body) };
  },
  async paddle() {
    const { Paddle } = await import("@paddle/paddle-node-sdk");
    const paddle = new Paddle("x"), body = JSON.stringify({ event_id: "evt_1", event_type: "address.created", occurred_at: iso, notification_id: "n", data: { id: "a", note: "☃" } });
    const ts = Math.floor(Date.now() / 1000), header = `ts=${ts};h1=${hmac(secret, `${ts}:${body}`)}`; // the library allows 5 s
    await accepted(body, async (b) => !!(await paddle.webhooks.unmarshal(b, secret, header)));
    return { library: "@paddle/paddle-node-sdk", body, headers: { "Paddle-Signature": header } };
  },
  async hubspot() {
    const { Signature } = require("@hubspot/api-client");
    const body = json(), signature = Signature.getSignature("POST", "v3", { clientSecret: secret, requestBody: body, url, timestamp: nowMs });
    return { library: "@hubspot/api-client", made: "signed", body, sent_to: url, headers: { "X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": `${nowMs}` } };
  },
  async square() {
    const { WebhooksHelper } = await import("square");
    const body = json({ event_id: "e-1" }), signature = hmac(secret, url + body, "base64");
    await accepted(body, (b) => WebhooksHelper.verifySignature({ requestBody: b, signatureHeader: signature, signatureKey: secret, notificationUrl: url }));
    return { library: "square", body, sent_to: url, headers: { "X-Square-HmacSha256-Signature": signature } };
  },
  async discord() {
    const { verifyKey } = await import("discord-interactions");
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const key = Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url").toString("hex");
    const body = json({ type: 2 }), signature = signWith(null, Buffer.from(`${now}${body}`), privateKey).toString("hex");
    await accepted(body, (b) => verifyKey(b, signature, `${now}`, key));
    return { library: "discord-interactions", secret: key, body, headers: { "X-Signature-Ed25519": signature, "X-Signature-Timestamp": `${now}` } };
  },
  async sns() {
    return snsVector("1", "RSA-SHA1");
  },
  async "sns-version-2"() {
    return snsVector("2", "RSA-SHA256");
  },
  async linear() {
    const { LinearWebhookClient } = require("@linear/sdk/webhooks");
    const body = json({ webhookTimestamp: nowMs }), signature = hmac(secret, body), client = new LinearWebhookClient(secret);
    await accepted(body, (b) => client.verify(Buffer.from(b), signature, nowMs));
    return { library: "@linear/sdk", body, headers: { "Linear-Signature": signature, "Linear-Delivery": "d-1", "Linear-Event": "Issue" } };
  },
  async sendgrid() {
    const { EventWebhook } = require("@sendgrid/eventwebhook");
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    const key = publicKey.export({ format: "der", type: "spki" }).toString("base64");
    const body = `[${json()}]`, signature = createSign("sha256").update(now + body).sign(privateKey, "base64"), library = new EventWebhook();
    await accepted(body, (b) => library.verifySignature(library.convertPublicKeyToECDSA(key), b, signature, `${now}`));
    return { library: "@sendgrid/eventwebhook", secret: key, body, headers: { "X-Twilio-Email-Event-Webhook-Signature": signature, "X-Twilio-Email-Event-Webhook-Timestamp": `${now}` } };
  },
  async box() {
    const { WebhooksManager } = await import("box-node-sdk/managers/webhooks");
    const body = json(), time = iso.replace(/\.\d+Z/, "-00:00");
    const headers = {
      "box-signature-version": "1", "box-signature-algorithm": "HmacSHA256", "box-delivery-timestamp": time, "box-delivery-id": "d-1",
      "box-signature-primary": hmac("other", body + time, "base64"), "box-signature-secondary": hmac(secret, body + time, "base64"),
    };
    await accepted(body, (b) => WebhooksManager.validateMessage(b, headers, "wrong", { secondaryKey: secret }));
    return { library: "box-node-sdk", body, headers };
  },
  async line() {
    const { validateSignature } = await import("@line/bot-sdk");
    const body = json(), signature = hmac(secret, body, "base64");
    await accepted(body, (b) => validateSignature(b, secret, signature));
    return { library: "@line/bot-sdk", body, headers: { "X-Line-Signature": signature } };
  },
  async "google-pubsub"() {
    const { OAuth2Client } = require("google-auth-library");
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const claims = { iss: "https://accounts.google.com", aud: "penstock", email: "push@project.iam.gserviceaccount.com", email_verified: true, iat: now, exp: now + 3600 };
    const text = part({ alg: "RS256", kid: "k1", typ: "JWT" }) + "." + part(claims), token = text + "." + createSign("sha256").update(text).sign(privateKey, "base64url");
    const certs = { k1: publicKey.export({ format: "pem", type: "spki" }) };
    await accepted('"1"', async (b) => !!(await new OAuth2Client().verifySignedJwtWithCertsAsync(b === '"1"' ? token : token.slice(0, -8) + "AAAAAAAA", certs, "penstock", ["https://accounts.google.com"])));
    return {
      library: "google-auth-library", no_body: true, no_secret: true, body: JSON.stringify({ message: { messageId: "m-1", data: "aGk=" }, subscription: "s" }), headers: { Authorization: `Bearer ${token}` },
      flow: { audience: "penstock", expect: { "claim:email": [claims.email] } },
      documents: { "https://www.googleapis.com/oauth2/v3/certs": JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k1", alg: "RS256", use: "sig" }] }) },
    };
  },
  async cloudevents() {
    const { CloudEvent, HTTP } = require("cloudevents");
    const message = HTTP.binary(new CloudEvent({ id: "e-1", source: "/tests", type: "test", data: { note: "☃" } }));
    return { library: "cloudevents", made: "written", no_body: true, body: message.body, headers: { ...message.headers, Authorization: `Bearer ${secret}` } };
  },
  async contentful() {
    const { signRequest } = await import("@contentful/node-apps-toolkit");
    const key = randomBytes(32).toString("hex"), body = json(), headers = { "X-Contentful-Topic": "ContentManagement.Entry.publish" };
    const made = signRequest(key, { method: "POST", path: "/hooks/flow", headers, body }, nowMs);
    return { library: "@contentful/node-apps-toolkit", made: "signed", secret: key, sent_to: "https://penstock.example.org/hooks/flow", body, headers: { ...headers, ...made } };
  },
  async notion() {
    const { signWebhookPayload } = await import("@notionhq/client");
    const body = json();
    return { library: "@notionhq/client", made: "signed", body, headers: { "X-Notion-Signature": await signWebhookPayload({ body, verificationToken: secret }) } };
  },
  async razorpay() {
    const Razorpay = require("razorpay");
    const body = json(), signature = hmac(secret, body);
    await accepted(body, (b) => Razorpay.validateWebhookSignature(b, signature, secret));
    return { library: "razorpay", body, headers: { "X-Razorpay-Signature": signature, "X-Razorpay-Event-Id": "e-1" } };
  },
  async gocardless() {
    const { verifySignature } = require("gocardless-nodejs");
    const body = JSON.stringify({ events: [{ id: "EV1", note: "☃" }], meta: { webhook_id: "WB1" } }), signature = hmac(secret, body);
    await accepted(body, (b) => void verifySignature(b, secret, signature));
    return { library: "gocardless-nodejs", body, headers: { "Webhook-Signature": signature } };
  },
  async "coinbase-commerce"() {
    const { Webhook } = require("coinbase-commerce-node");
    const body = json({ event: { id: "e-1" } });
    return { library: "coinbase-commerce-node", made: "signed", body, headers: { "X-CC-Webhook-Signature": Webhook.computeSignature(body, secret) } };
  },
  async telnyx() {
    const { TelnyxWebhook } = require("telnyx/lib/webhooks");
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const key = Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url").toString("base64");
    const body = json({ data: { id: "d-1" } }), signature = signWith(null, Buffer.from(`${now}|${body}`), privateKey).toString("base64");
    const headers = { "telnyx-signature-ed25519": signature, "telnyx-timestamp": `${now}` };
    await accepted(body, async (b) => void (await new TelnyxWebhook(key).verify(b, headers)));
    return { library: "telnyx", secret: key, body, headers };
  },
  async vonage() {
    const { verifySignature } = require("@vonage/jwt");
    const body = json(), token = jwtHS256({ iss: "Vonage", iat: now, jti: "j", payload_hash: createHash("sha256").update(body).digest("hex") }, secret);
    await accepted('"1"', (b) => verifySignature(b === '"1"' ? token : token.slice(0, -8) + "AAAAAAAA", secret));
    return { library: "@vonage/jwt", body, headers: { Authorization: `Bearer ${token}` } };
  },
  async livekit() {
    const { AccessToken, WebhookReceiver } = await import("livekit-server-sdk");
    const body = json({ event: "room_started" }), token = new AccessToken("key", secret);
    token.sha256 = createHash("sha256").update(body).digest("base64");
    const made = await token.toJwt();
    await accepted(body, async (b) => !!(await new WebhookReceiver("key", secret).receive(b, made)));
    return { library: "livekit-server-sdk", made: "signed", body, headers: { Authorization: made } };
  },
  async workos() {
    const { WorkOS } = await import("@workos-inc/node");
    const body = JSON.stringify({ id: "e-1", event: "dsync.deleted", data: { note: "☃" }, created_at: iso });
    const header = `t=${nowMs}, v1=${hmac(secret, `${nowMs}.${body}`)}`, workos = new WorkOS("sk_x");
    await accepted(body, (b) => workos.webhooks.verifyHeader({ payload: JSON.parse(b), sigHeader: header, secret }));
    return { library: "@workos-inc/node", body, headers: { "WorkOS-Signature": header } };
  },
  async mux() {
    const { default: Mux } = await import("@mux/mux-node");
    const mux = new Mux({ tokenId: "x", tokenSecret: "y" }), body = json(), headers = { "mux-signature": `t=${now},v1=${hmac(secret, `${now}.${body}`)}` };
    await accepted(body, async (b) => void (await mux.webhooks.verifySignature(b, headers, secret)));
    return { library: "@mux/mux-node", body, headers };
  },
  async webflow() {
    const { WebflowClient } = require("webflow-api");
    const body = json(), headers = { "x-webflow-timestamp": `${nowMs}`, "x-webflow-signature": hmac(secret, `${nowMs}:${body}`) };
    const client = new WebflowClient({ accessToken: "x" });
    await accepted(body, (b) => client.webhooks.verifySignature({ headers, body: b, secret }));
    return { library: "webflow-api", body, headers };
  },
  async sanity() {
    const { encodeSignatureHeader } = require("@sanity/webhook");
    const body = json();
    return { library: "@sanity/webhook", made: "signed", body, headers: { "sanity-webhook-signature": await encodeSignatureHeader(body, nowMs, secret), "idempotency-key": "i-1" } };
  },
  async pusher() {
    const Pusher = require("pusher");
    const body = json(), headers = { "x-pusher-key": "key", "x-pusher-signature": hmac(secret, body), "content-type": "application/json" };
    const pusher = new Pusher({ appId: "1", key: "key", secret });
    await accepted(body, (b) => pusher.webhook({ headers, rawBody: b }).isValid());
    return { library: "pusher", body, headers };
  },
  async onfido() {
    const { WebhookEventVerifier } = require("@onfido/api");
    const body = JSON.stringify({ payload: { action: "check.completed", resource_type: "check", object: { id: "☃", status: "complete" } } }), signature = hmac(secret, body);
    await accepted(body, (b) => !!new WebhookEventVerifier(secret).readPayload(b, signature));
    return { library: "@onfido/api", body, headers: { "X-SHA2-Signature": signature } };
  },
  async easypost() {
    const EasyPost = require("@easypost/api");
    const body = json(), headers = { "X-Hmac-Signature": "hmac-sha256-hex=" + hmac(secret, body) };
    const utils = new (EasyPost.default ?? EasyPost)("x").Utils;
    await accepted(body, (b) => !!utils.validateWebhook(Buffer.from(b), headers, secret));
    return { library: "@easypost/api", body, headers };
  },
  async "adyen-platform"() {
    const { hmacValidator } = require("@adyen/api-library");
    const key = randomBytes(32).toString("hex"), body = json(), signature = hmac(Buffer.from(key, "hex"), body, "base64");
    await accepted(body, (b) => new hmacValidator().validateHMACSignature(key, signature, b));
    return { library: "@adyen/api-library", secret: key, body, headers: { HmacSignature: signature } };
  },
};

// snsVector has sns-validator verify a message whose certificate it would fetch.
async function snsVector(version, algorithm) {
  const Validator = require("sns-validator");
  const { key, cert } = certificate();
  const message = {
    Type: "Notification", MessageId: "m-1", TopicArn: "arn:aws:sns:eu-west-1:123456789012:topic", Subject: "a subject", Message: '{"note":"é ☃"}', Timestamp: iso,
    SignatureVersion: version, SigningCertURL: `https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-${version}.pem`,
  };
  const signed = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"].map((name) => `${name}\n${message[name]}\n`).join("");
  message.Signature = createSign(algorithm).update(signed).sign(key, "base64");
  const body = JSON.stringify(message), real = https.get;
  https.get = (_, done) => {
    const response = new PassThrough();
    response.statusCode = 200;
    done(response);
    response.end(cert);
    return { on() { return this; } };
  };
  try {
    await accepted(body, (b) => new Promise((resolve, reject) => new Validator().validate(JSON.parse(b), (error) => (error ? reject(error) : resolve()))));
  } finally {
    https.get = real;
  }
  return {
    sender: "sns", library: "sns-validator", now: nowMs + 60_000 /* the certificate is new */, no_secret: true, body, headers: { "Content-Type": "text/plain; charset=UTF-8" },
    flow: { expect: { "member:TopicArn": [message.TopicArn] } }, documents: { [message.SigningCertURL]: cert },
  };
}

const [directory, ...only] = process.argv.slice(2);
let failed = 0;
for (const [name, make] of Object.entries(senders)) {
  if (only.length > 0 && !only.includes(name)) continue;
  try {
    const v = await make();
    const vector = {
      sender: v.sender ?? name, library: `npm ${v.library} ${versionOf(v.library)}`, made: v.made ?? "accepted", now: v.now ?? nowMs, method: "POST", url: v.sent_to ?? url,
      headers: v.headers, body: v.body, secrets: v.no_secret ? [] : [v.secret ?? secret], flow: v.flow, documents: v.documents, body_unsigned: v.no_body, answer: v.answer,
    };
    writeFileSync(join(directory, `${name}.json`), JSON.stringify(vector, null, 1) + "\n");
  } catch (error) {
    failed++;
    console.error(`${name}: ${error.stack}`);
  }
}
process.exit(failed > 0 ? 1 : 0);
