// Signs one delivery with the library that its sender publishes. Standard
// input: {"scheme", "secret", "body", "url"}; standard output: the headers to
// send.
import { createHmac } from "node:crypto";
import { text } from "node:stream/consumers";

const now = Math.floor(Date.now() / 1000);

const schemes = {
  async "standard-webhooks"({ secret, body }) {
    const { Webhook } = await import("standardwebhooks");
    const signature = new Webhook(secret).sign("msg_1", new Date(now * 1000), body);
    return { "webhook-id": "msg_1", "webhook-timestamp": `${now}`, "webhook-signature": signature };
  },
  async github({ secret, body }) {
    const { sign } = await import("@octokit/webhooks-methods");
    return { "X-Hub-Signature-256": await sign(secret, body), "X-GitHub-Delivery": "1" };
  },
  async stripe({ secret, body }) {
    const { default: Stripe } = await import("stripe");
    const header = Stripe.webhooks.generateTestHeaderString({ payload: body, secret });
    return { "Stripe-Signature": header };
  },
  // Slack's library verifies only: it has to accept what is sent.
  async slack({ secret, body }) {
    const { default: bolt } = await import("@slack/bolt");
    const signature = "v0=" + createHmac("sha256", secret).update(`v0:${now}:${body}`).digest("hex");
    const headers = { "x-slack-signature": signature, "x-slack-request-timestamp": now };
    bolt.verifySlackRequest({ signingSecret: secret, body, headers });
    return { "X-Slack-Signature": signature, "X-Slack-Request-Timestamp": `${now}` };
  },
  async shopify({ secret, body }) {
    await import("@shopify/shopify-api/adapters/node");
    const { createSHA256HMAC } = await import("@shopify/shopify-api/runtime");
    return { "X-Shopify-Hmac-Sha256": await createSHA256HMAC(secret, body, "base64"), "X-Shopify-Webhook-Id": "1" };
  },
  // What the library makes for GitHub is an HMAC like many others'.
  async hmac({ secret, body }) {
    const { sign } = await import("@octokit/webhooks-methods");
    return { "X-Sent-By": await sign(secret, body) };
  },
  async twilio({ secret, body, url }) {
    const { default: twilio } = await import("twilio");
    const params = Object.fromEntries(new URLSearchParams(body));
    return {
      "X-Twilio-Signature": twilio.getExpectedTwilioSignature(secret, url, params),
      "Content-Type": "application/x-www-form-urlencoded",
    };
  },
};

const input = JSON.parse(await text(process.stdin));
console.log(JSON.stringify(await schemes[input.scheme](input)));
