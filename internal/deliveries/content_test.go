package deliveries_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/deliveries"
)

// Secrets are masked by name and by value; what is no secret is unchanged.
func TestContentIsRedacted(t *testing.T) {
	t.Parallel()
	secrets := &deliveries.Secrets{Headers: []string{"x-hook"}, Signatures: []string{"X-Proof"}, Names: []string{"pin"}, Values: []string{`to"p/é`, "", "  "}}
	for name, c := range map[string]struct{ kind, query, body, wantQuery, want string }{
		"nothing":       {"application/json", "a=1&b", `{ "a" : 1.50 }`, "a=1&b", `{ "a" : 1.50 }`},
		"by name":       {"application/json", "pin=1&x_api_key=2&pin[]=3", `{"pin":7,"a":[{"clientSecret":"abcd","b":"abcd","n":1.50}]}`, "pin=***&x_api_key=***&pin[]=***", `{"a":[{"b":"***","clientSecret":"***","n":1.50}],"pin":"***"}`},
		"by value":      {"application/json", "a=to%22p%2F%C3%A9&b=to%22p%2f%c3%a9", `{"a":"is to\"p\/\u00e9."}`, "a=***&b=***", `{"a":"is ***."}`},
		"text":          {"text/plain", "", `is to"p/é.`, "", "is ***."},
		"JSON as text":  {"text/plain", "", `{"token":"x"}`, "", `{"token":"***"}`},
		"XML":           {"text/xml", "", "<a>to&quot;p/é</a><b>to&#34;p/é</b>", "", "<a>***</a><b>***</b>"},
		"form":          {"application/x-www-form-urlencoded", "", "a=1&pass_word=&password=x&c=to%22p%2F%C3%A9", "", "a=1&pass_word=&password=***&c=***"},
		"JSON in form":  {"application/x-www-form-urlencoded", "", "payload=%7B%22token%22%3A1%7D", "", "payload=%7B%22token%22%3A%22***%22%7D"},
		"JSON for form": {"application/x-www-form-urlencoded", "", `{"token":1}`, "", `{"token":"***"}`},
		"two JSON":      {"application/json", "", `{"token":1}{"token":2}`, "", `{"token":1}{"token":2}`}, // no JSON
		"short names":   {"application/json", "", `{"user_pwd":"a","smsOtp":1,"CVV":"b","opinion":"c","shipping":"d"}`, "", `{"CVV":"***","opinion":"c","shipping":"d","smsOtp":"***","user_pwd":"***"}`},
		"JSON in text":  {"application/json", "", `{"data":"{\"token\":\"x\",\"n\":1.50}"}`, "", `{"data":"{\"n\":1.50,\"token\":\"***\"}"}`},
		"plain in text": {"application/json", "", `{"data":"{ \"n\" : 1.50 }"}`, "", `{"data":"{ \"n\" : 1.50 }"}`},
		"NDJSON":        {"application/x-ndjson", "", "{\"token\":1}\n{\"a\":2}\n", "", "{\"token\":\"***\"}\n{\"a\":2}\n"},
		"bad escape":    {"text/plain", "%zz=1&a=%zz", "", "%zz=***&a=%zz", ""},
	} {
		got := deliveries.NewContent(http.Header{"Content-Type": {c.kind}}, c.query, []byte(c.body), "", secrets)
		if got.Query != c.wantQuery || got.Body != c.want || got.Omitted != "" {
			t.Errorf("%s: %q %q %q, want %q %q", name, got.Query, got.Body, got.Omitted, c.wantQuery, c.want)
		}
		if changed := c.query != c.wantQuery || c.body != c.want; got.Masked != changed {
			t.Errorf("%s: masked is %v", name, got.Masked)
		}
	}
	for given, want := range map[[2]string]string{
		{"X-Hook", "abc"}:                                            "*** (3 bytes)",
		{"X-Api-Token", "abc"}:                                       "*** (3 bytes)",
		{"Cookie", "a=b"}:                                            "*** (3 bytes)",
		{"Authorization", "Bearer abc"}:                              "Bearer *** (3 bytes)",
		{"Authorization", "abc"}:                                     "*** (3 bytes)",
		{"Stripe-Signature", "t=1795953600,v1=5f2b,v0=aa"}:           "t=1795953600,v1=*** (4 bytes),v0=*** (2 bytes)",
		{"X-Hub-Signature-256", "sha256=" + strings.Repeat("a", 64)}: "sha256=*** (64 bytes)",
		{"Webhook-Signature", "v1,YWJjZA== v1,YWI="}:                 "v1,*** (8 bytes) v1,*** (4 bytes)",
		{"X-Proof", "YWI="}:                                          "*** (4 bytes)",
		{"X-Event", `to"p/é`}:                                        "***",
		{"X-Event", "opened"}:                                        "opened",
	} {
		got := deliveries.NewContent(http.Header{given[0]: {given[1]}}, "", nil, "", secrets).Header.Get(given[0])
		if got != want {
			t.Errorf("%s: %s is shown as %q, want %q", given[0], given[1], got, want)
		}
	}
}

// A body that JSON makes much larger is not kept.
func TestContentIsBoundedAsStored(t *testing.T) {
	t.Parallel()
	log, client, run := start(t)
	if _, err := log.Record(t.Context(), 7, time.Hour, 0); err != nil {
		t.Fatal(err)
	}
	log.Add(deliveries.Delivery{Flow: 7, Verdict: deliveries.Accepted, Content: func(context.Context) (*deliveries.Content, error) {
		return deliveries.NewContent(http.Header{}, "", bytes.Repeat([]byte{1}, deliveries.MaxBody), "", &deliveries.Secrets{}), nil
	}})
	run()
	list(t, log, 7, func(all []deliveries.Delivery) bool { return len(all) == 1 })
	_, content, err := log.Find(t.Context(), 7, 1)
	if err != nil || content.Body != "" || content.Omitted != deliveries.TooLarge || client.HStrLen(t.Context(), "penstock:{hooks}:7:content", "1").Val() > 1000 {
		t.Errorf("%+v: %v", content, err)
	}
}

// Bodies are kept without their coding, up to a size, if they are text. Headers are bounded.
func TestContentIsBounded(t *testing.T) {
	t.Parallel()
	packed := func(text string) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(text)) // a bytes.Buffer
		_ = z.Close()
		return b.Bytes()
	}
	coded := http.Header{"Content-Encoding": {"gzip"}}
	long := strings.Repeat("x", deliveries.MaxBody)
	for name, c := range map[string]struct {
		header        http.Header
		body          []byte
		want, omitted string
	}{
		"the largest": {nil, []byte(long), long, ""},
		"too large":   {nil, []byte(long + "x"), "", deliveries.TooLarge},
		"packed":      {coded, packed(`{"token":1}`), `{"token":"***"}`, ""},
		"a bomb":      {coded, packed(long + "x"), "", deliveries.TooLarge},
		"not packed":  {coded, []byte("{}"), "", "its Content-Encoding cannot be read"},
		"unknown":     {http.Header{"Content-Encoding": {"x"}}, []byte("{}"), "", "its Content-Encoding cannot be read"},
		"bytes":       {nil, []byte{0xff, 0xfe}, "", "it is no text in UTF-8"},
	} {
		got := deliveries.NewContent(c.header, "", c.body, "", &deliveries.Secrets{})
		if got.Body != c.want || got.Omitted != c.omitted {
			t.Errorf("%s: %.40q %q, want %.40q %q", name, got.Body, got.Omitted, c.want, c.omitted)
		}
	}
	if got := deliveries.NewContent(nil, "", []byte("x"), "a reason", &deliveries.Secrets{}); got.Body != "" || got.Omitted != "a reason" {
		t.Errorf("omitted: %+v", got)
	}
	many := http.Header{}
	for n := range 100 {
		many[strings.Repeat("A", n+1)] = []string{strings.Repeat("x", 5000)}
	}
	size := 0
	for name, values := range deliveries.NewContent(many, "", nil, "", &deliveries.Secrets{}).Header {
		size += len(name) + len(values[0])
	}
	if size > 16<<10 || size < 8<<10 {
		t.Errorf("%d bytes of headers are kept", size)
	}
}
