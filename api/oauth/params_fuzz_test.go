package oauth

import (
	"testing"
	"unicode/utf8"

	"github.com/penstock/penstock/api/httpx"
)

// FuzzTokenParameters checks that the parameters of a request are accepted as a whole or rejected.
func FuzzTokenParameters(f *testing.F) {
	f.Add("grant_type=password&username=ann&password=x", false)
	f.Add("a=1&a=2&%zz=;", false)
	f.Add(`{"grant_type":"password","username":"ann"}`, true)
	f.Add(`{"a":{"b":1}}`, true)
	f.Fuzz(func(t *testing.T, body string, isJSON bool) {
		read := formParams
		if isJSON {
			read = func(s string) (map[string]string, error) { return jsonParams([]byte(s)) }
		}
		params, err := read(body)
		if err != nil {
			if f := httpx.FaultOf(err); f.Status != 400 || f.Code != "invalid_request" {
				t.Fatalf("%q: %d %s", body, f.Status, f.Code)
			}
			return
		}
		for name, value := range params {
			if !utf8.ValidString(value) {
				t.Fatalf("%q is not UTF-8", name)
			}
		}
	})
}
