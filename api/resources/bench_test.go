package resources_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/penstock/penstock/api/apitest"
)

// BenchmarkOperation compares an operation of a flow with POST /v1/flows/{flow}/runs for the same steps, and an
// operation with a cache with one without. All requests run through a real front door, Redis and a worker, one after
// the other.
func BenchmarkOperation(b *testing.B) {
	const same = "steps: [{transform: '{body: .}'}]"
	p := apitest.NewProduct(b)
	p.Deploy(1, trigger("- post: /people\n- get: /people\n  name: list\n- get: /kept\n  name: kept\n  cache: 1m", same))
	p.Deploy(2, "trigger: manual\n"+same)
	for name, call := range map[string]struct{ method, path, body string }{
		"native":    {"POST", "/v1/flows/2/runs", `{"name":"Ada"}`},
		"operation": {"POST", "/people", `{"name":"Ada"}`},
		"get":       {"GET", "/people", ""},
		"cached":    {"GET", "/kept", ""},
	} {
		b.Run(name, func(b *testing.B) {
			request := p.Request(call.method, call.path, "ulf", call.body)
			body := bytes.NewReader([]byte(call.body))
			for b.Loop() {
				body.Reset([]byte(call.body))
				request.Body = io.NopCloser(body)
				w, err := p.HTTP.Do(request)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, w.Body)
				_ = w.Body.Close()
				if w.StatusCode != http.StatusOK {
					b.Fatal(w.Status)
				}
			}
		})
	}
}
