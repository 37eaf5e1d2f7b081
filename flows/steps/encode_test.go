package steps_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/penstock/penstock/flows/reference"
	"github.com/penstock/penstock/flows/steps"
)

// Vectors of RFC 4231, section 4.3 (SHA-2), and RFC 2202, section 3 (SHA-1).
func TestEncodeHMAC(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.store.Secrets().Put(t.Context(), "partner", "Jefe"); err != nil {
		t.Fatal(err)
	}
	const data = `"what do ya want for nothing?"`
	for options, want := range map[string]string{
		"":                                  `["5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"]`,
		"algorithm: sha256, output: base64": `["W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="]`,
		"algorithm: sha1":                   `["effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"]`,
		"algorithm: md5":                    `["750c783e6ab0b503eaa86e310a5db738"]`,
		"as: signature":                     "",
	} {
		step := "encode: {hmac: '${ . }', secret: partner, " + options + "}"
		if want != "" {
			if got := w.must(step, event(t, data)); got != want {
				t.Errorf("%s: %s, want %s", options, got, want)
			}
			continue
		}
		if _, err := w.run(t.Context(), step, event(t, data)); err == nil || !strings.Contains(err.Error(), "as needs an object") {
			t.Errorf("%s: %v", options, err)
		}
	}
	_, err := w.run(t.Context(), "encode: {hmac: x, secret: none}", nil)
	if err == nil || !strings.Contains(err.Error(), `there is no secret "none"`) {
		t.Errorf("an unknown secret: %v", err)
	}
}

func TestEncodeJWT(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := strings.Repeat("k", 64)
	if err := w.store.Secrets().Put(t.Context(), "partner", key); err != nil {
		t.Fatal(err)
	}
	for name, algorithm := range map[string]jose.SignatureAlgorithm{"sha256": jose.HS256, "sha384": jose.HS384, "sha512": jose.HS512} {
		items, err := w.run(t.Context(), "encode: {jwt: {iss: crm, exp: '${ .exp }'}, secret: partner, algorithm: "+name+"}", map[string]any{"exp": float64(4e9)})
		if err != nil {
			t.Fatal(err)
		}
		token, err := jwt.ParseSigned(items[0].(string), []jose.SignatureAlgorithm{algorithm})
		if err != nil {
			t.Fatal(err)
		}
		var claims jwt.Claims
		if err := token.Claims([]byte(key), &claims); err != nil || claims.Issuer != "crm" || !claims.Expiry.Time().Equal(time.Unix(4e9, 0)) {
			t.Errorf("%s: %+v, %v", name, claims, err)
		}
	}
	if _, err := w.run(t.Context(), "encode: {jwt: [], secret: partner}", nil); err == nil || !strings.Contains(err.Error(), "the claims of a token are an object, not a list") {
		t.Errorf("claims that are none: %v", err)
	}
}

// The example of a template in the reference writes a line break.
func TestEncodeExampleOfATemplate(t *testing.T) {
	t.Parallel()
	var example []string
	for _, page := range reference.Pages(steps.Catalogue()) {
		if page.Name == "encode" {
			example = regexp.MustCompile(`(?m)^- (encode: \{template: .*)$`).FindStringSubmatch(page.Markdown)
		}
	}
	if example == nil {
		t.Fatal("there is no example of a template")
	}
	if got, want := newWorld(t).must(example[1], map[string]any{"name": "Ada"}), `[{"letter":"Dear Ada,\nthank you.","name":"Ada"}]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestEncodeMistakes(t *testing.T) {
	t.Parallel()
	for fields, want := range map[string]string{
		"as: x":                               "one of its fields is missing",
		"base64: x, hex: x":                   "exclude each other",
		"hash: x, secret: y":                  "secret has no meaning for hash",
		"hash: x, decode: true":               "decode has no meaning for hash",
		"hash: x, output: text":               "a hash is no text",
		"hmac: x":                             "secret is missing",
		"hmac: x, secret: '${ .key }'":        "name a stored secret: keys are never values",
		"jwt: {}, secret: s, algorithm: md5":  "a token is signed with",
		"base64: x, output: hex":              "output has no meaning for base64 unless it decodes",
		"base64: x, decode: true, input: hex": "input has no meaning for base64 when it decodes",
		"csv: x, decode: true, columns: [a]":  "columns name those of a file without a header",
		"csv: x, ragged: fill":                "ragged has no meaning for csv unless it decodes",
		"csv: x, decode: true, bom: true":     "bom has no meaning for csv when it decodes",
		"csv: x, delimiter: ab":               "delimiter: expected one ASCII character",
		"csv: x, delimiter: ';', quote: ';'":  "delimiter and quote are the same character",
		"csv: x, charset: utf-99":             `the charset "utf-99" is none of the WHATWG Encoding standard`,
		"csv: x, charset: utf-16le":           "output: base64 writes them",
		"csv: x, decode: true, charset: big5": "charset is that of bytes, with input: base64 or file",
		"hex: x, delimiter: ';'":              "delimiter has no meaning for hex",
		"template: x, algorithm: md5":         "algorithm has no meaning for template",
		"url: x, columns: [a]":                "columns has no meaning for url",
	} {
		if _, err := oneStep("encode: {" + fields + "}"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", fields, err, want)
		}
	}
}
