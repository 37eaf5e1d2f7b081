package client_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/penstock/penstock/client"
)

func TestMessage(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/mcp" || r.Header.Get("Authorization") != "Bearer t" || r.Header.Get("Accept") != "application/json, text/event-stream" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		switch r.Header.Get("Case") {
		case "stream":
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Mcp-Session-Id", "s")
			_, _ = w.Write([]byte("event: message\ndata: {\"a\":1}\n\n: still here\n\nevent: message\nid: 2\ndata: {\"a\":2}\n\n"))
		case "error":
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":1,"error":{"code":-32020,"message":"differs"}}`))
		case "refused":
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"code":"unauthorized","detail":"no"}`))
		default:
			w.WriteHeader(http.StatusAccepted)
		}
	}))
	t.Cleanup(web.Close)
	c, err := client.New(client.Config{URL: web.URL, Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		want    []string
		refused bool
	}{
		{"stream", []string{`{"a":1}`, `{"a":2}`}, false},
		{"error", []string{`{"jsonrpc":"2.0","id":1,"error":{"code":-32020,"message":"differs"}}`}, false},
		{"notification", nil, false},
		{"refused", nil, true},
	} {
		var got []string
		h, err := c.Message(t.Context(), []byte(`{}`), http.Header{"Case": {tc.name}}, func(m json.RawMessage) { got = append(got, string(m)) })
		var refused *client.Error
		if !slices.Equal(got, tc.want) || errors.As(err, &refused) != tc.refused || !tc.refused && err != nil {
			t.Errorf("%s: %q, %v", tc.name, got, err)
		}
		if tc.name == "stream" && h.Get("Mcp-Session-Id") != "s" {
			t.Errorf("header %v", h)
		}
	}
}
