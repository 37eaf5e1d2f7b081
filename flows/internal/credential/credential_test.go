package credential_test

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/flows/internal/credential"
)

func TestName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"password": true, "Password2": true, "new_password": true, "password_confirmation": true, "client_secret": true, "apiKey": true, "APIKey": true, "X-Api-Key": true, "api_key": true,
		"CB-ACCESS-PASSPHRASE": true, "passphrase": true, "x-functions-key": true, "DD-APPLICATION-KEY": true, "X-API-Secret-Key": true, "accessToken": true, "access_token": true, "Authorization": true, "key": false, "pin": true,
		"sessionId": true, "PHPSESSID": true, "X-Shopify-Access-Token": true, "Ocp-Apim-Subscription-Key": true, "token_value": true, "SECRET": true, "secret_base64": true,
		"max_tokens": false, "token_type": false, "name": false, "issue_key": false, "keyword": false, "monkey": false, "public_key": false, "sort_key": false, "spinner": false, "": false, "password_hint": false, "passenger": false, "design": false,
	} {
		if got := credential.Name(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
	for name, want := range map[string]bool{
		"key": true, "X-Custom-Key": true, "x-secret-thing": true, "X-Api-Key-Id": true, "sort-key": false, "Idempotency-Key": false, "X-Region": false, "page_token": true,
	} {
		if got := credential.Sent(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestValue(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		"sk_live_abcdefghijkl": true, "xoxb-1234-abcd-efgh": true, "AbC123dEf456GhI789": true, "7f3a9c1e5b2d8f4a6c0e9b1d3f5a7c2e4b6d8f0a": true, "Bearer abcdefgh": true, "aB3dE5fG7hI9jK1lM3nO5pQ7": true,
		"eyJhbGciOiJIUzI1NiJ9.e30.abc": true, "pat-na1-00000000-aaaa": true,
		"skateboarding club": false, "key signature of C": false, "Invoice2026Report": false, "2026-01-01T00:00:00Z": false, "550e8400-e29b-41d4-a716-446655440000": false, "application/vnd.api+json": false,
		"https://api.example.org/v1/people2": false, "hello": false, "de-de-20-long-words-for-all": false, "12345678901234567890": false,
	} {
		if got := credential.Value(value); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`<a><Password x="1">hunter2</Password><n>7</n></a>`:      `<a><Password x="1">[Password]</Password><n>7</n></a>`,
		`<ns:token>hunter2</ns:token>`:                           `<ns:token>[token]</ns:token>`,
		`<login user="joe" password="hunter2"/>`:                 `<login user="joe" password="[password]"/>`,
		`mutation { login(name: "joe", password: "hunter2") }`:   `mutation { login(name: "joe", password: "[password]") }`,
		`user=joe&password=hunter2`:                              `user=joe&password=[password]`,
		`call it with sk_live_abcdefghijkl, please`:              `call it with [], please`,
		`nothing to hide: 7`:                                     `nothing to hide: 7`,
		`password: sk_live_abcdefghijkl`:                         `password: [password]`,
		strings.Repeat("a ", 1000) + `key=AbC123dEf456GhI789jKl`: strings.Repeat("a ", 1000) + `key=[]`,
	} {
		got := credential.Text(text, func(name string) string { return "[" + name + "]" }, func(s string) string { return s })
		if got != want {
			t.Errorf("%.80s\nis  %.80s\nnot %.80s", text, got, want)
		}
	}
	if got := credential.Redact("use sk_live_abcdefghijkl."); got != "use ***" {
		t.Errorf("%s", got)
	}
}
