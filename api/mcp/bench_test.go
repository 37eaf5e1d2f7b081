package mcp_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/penstock/penstock/api/apitest"
)

// BenchmarkCall compares the call of a tool with POST /v1/flows/{flow}/runs of the same flow: one after the other, through a real front
// door, Redis and a worker.
func BenchmarkCall(b *testing.B) {
	p := apitest.NewProduct(b)
	p.Deploy(2, "tool: A tool.\nsteps: [{transform: '{body: .}'}]")
	const message = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"flow_2","arguments":{"name":"Ada"},"_meta":{` +
		`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`
	for name, call := range map[string]struct {
		path, body string
		header     []string
	}{
		"native": {"/v1/flows/2/runs", `{"name":"Ada"}`, nil},
		"tool": {"/mcp", message, []string{
			"Accept", "application/json, text/event-stream", "Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", "flow_2",
		}},
	} {
		b.Run(name, func(b *testing.B) {
			request := p.Request("POST", call.path, "ulf", call.body, call.header...)
			body := bytes.NewReader(nil)
			for b.Loop() {
				body.Reset([]byte(call.body))
				request.Body = io.NopCloser(body)
				w, err := p.HTTP.Do(request)
				if err != nil {
					b.Fatal(err)
				}
				text, _ := io.ReadAll(w.Body)
				_ = w.Body.Close()
				if w.StatusCode != http.StatusOK || !bytes.Contains(text, []byte(`Ada`)) {
					b.Fatal(w.Status, string(text))
				}
			}
		})
	}
}
