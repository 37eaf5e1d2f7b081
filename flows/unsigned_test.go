package flows_test

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

func TestUnsigned(t *testing.T) {
	t.Parallel()
	for verify, want := range map[string]string{
		"none": "",
		"{scheme: none, limit: 1/s, max_body: 1, origins: 'http://h:8080', honeypot: h, honeypot_location: /thanks, id_header: X-Id}": "",
		"{scheme: token, secret: s, origins: ['https://h']}":                                                                          "",
		"github":                                                                      "secret is missing",
		"{scheme: none, secret: s}":                                                   "the scheme none has no secret",
		"{scheme: none, header: X}":                                                   "the scheme none does not take header",
		"{scheme: github, secret: s, limit: 1/s}":                                     "the scheme github does not take limit",
		"{scheme: github, secret: s, origins: ['https://h']}":                         "the scheme github does not take origins",
		"{scheme: none, limit: 0/s}":                                                  "is not a rate",
		"{scheme: none, limit: off}":                                                  "is not a rate",
		"{scheme: none, max_body: 0}":                                                 "at least 1 byte",
		"{scheme: none, origins: ['*']}":                                              "is no origin",
		"{scheme: none, origins: ['https://h/']}":                                     "is no origin",
		"{scheme: none, honeypot: ''}":                                                "name of a field",
		"{scheme: none, honeypot_location: /x}":                                       "needs honeypot",
		"{scheme: none, honeypot: h, honeypot_location: 'javascript:x'}":              "expected an http or https URL",
		"{scheme: none, honeypot: h, honeypot_location: \"/x\\r\\nSet-Cookie: a=b\"}": "expected an http or https URL",
		"nobody": "scheme",
	} {
		flow, err := flows.Parse("f", []byte("flow: 1\ntrigger: {webhook: {verify: "+verify+"}}\nsteps: [{transform: .}]\n"), steps.Catalogue())
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: error %v, want one with %q", verify, err, want)
		case verify == "none" && (flow.Webhook.Verify.Open.Limit != "10/m" || flow.Webhook.Verify.Open.MaxBody != 65536):
			t.Errorf("%s: %+v", verify, flow.Webhook.Verify.Open)
		case strings.Contains(verify, "token") && flow.Webhook.Verify.Open != nil:
			t.Errorf("%s is open", verify)
		}
	}
}

// A max_body that no delivery can reach is a mistake.
func TestMaxBodyOfDeliveries(t *testing.T) {
	t.Parallel()
	for webhook, want := range map[string]string{
		"max_body: 100MB": "",
		"max_body: 100MB, verify: {scheme: token, header: X-T, secret: s}": "",
		"max_body: 100MB, verify: {scheme: hmac, header: X-S, secret: s}":  "the scheme hmac signs the body",
		"max_body: 100MB, verify: {scheme: github, secret: s}":             "the scheme github signs the body",
		"max_body: 1MB, verify: {scheme: github, secret: s}":               "",
		"max_body: 100KB, verify: none":                                    "at most the 65536 bytes of max_body of verify",
		"max_body: 100KB, verify: {scheme: none, max_body: 200000}":        "",
	} {
		_, err := flows.Parse("f", []byte("flow: 1\ntrigger: {webhook: {"+webhook+"}}\nsteps: [{transform: .}]\n"), steps.Catalogue())
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: error %v, want one with %q", webhook, err, want)
		}
	}
}
