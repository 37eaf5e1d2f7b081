package failure_test

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/failure"
)

func TestPattern(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		"the card was refused":                                            "the card was refused",
		"order 4711 of customer 12 is not paid":                           "order N of customer N is not paid",
		"status 503: try again in 30s":                                    "status 503: try again in N",
		"status 422: {\"id\": 12, \"why\": \"sold out\"}":                 "status 422: {\"…\": N, \"…\": \"…\"}",
		"POST https://u:p@crm.example:8443/v1/orders/12?x=1 failed":       "POST https://crm.example:8443/… failed",
		`Get "https://crm.example/v1/12": dial tcp 10.0.0.7:443: refused`: `Get "https://crm.example/…": dial tcp N.N.N.N:N: refused`,
		"see https://crm.example/ or https://crm.example":                 "see https://crm.example or https://crm.example",
		"run 019aa7b6-1111-7222-8333-444455556666 was lost":               "run … was lost",
		"expired at 2026-11-28T09:00:00Z, or on 2026-11-29":               "expired at …, or on …",
		"object 5f2b9c01 and invoice INV-2026-0042":                       "object … and invoice …",
		"the customer “Ada” can't pay and won't":                          "the customer “…” can't pay and won't",
		"x509: certificate of 'a b' has expired":                          "xN: certificate of '…' has expired",
		"no mailbox ada@example.org, bob.b+x@mail.example.org":            "no mailbox …, …",
		"Key (email)=(ada@example.org) already exists":                    "Key (email)=(…) already exists",
		"Authorization: Bearer abcdefSecret refused":                      "Authorization: Bearer … refused",
		"password=letmein wrong":                                          "password … wrong",
		"the key was abcdefghijKLMNOPQRSTuvwxyz here":                     "the key was … here",
		"name «ada» and „bob“":                                            "name «…» and „…“",
		"file /home/ada/x.csv is missing":                                 "file /… is missing",
		`cannot add: object ({"name":"Ada","ssn ...}) and string ("x y")`: `cannot add: object ({"…":"…","… and string ("…")`,
		"one\nline\r\nwith\x00a\x1b[31m and \u202e":                       "one line with a [N and",
		"": "",
	} {
		if got := failure.Pattern(message); got != want {
			t.Errorf("%q: %q, want %q", message, got, want)
		}
	}
	if got := failure.Pattern(strings.Repeat("é ", 5000)); len(got) > 404 {
		t.Errorf("a long message has a pattern of %d bytes", len(got))
	}
}

func FuzzPattern(f *testing.F) {
	for _, seed := range []string{"", `"'` + "`" + `“‘`, "a://", "http 5", "\xff://\xfe'", `"://"`, "12-34 x1y2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, message string) { failure.Pattern(message) })
}
