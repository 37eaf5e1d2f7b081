package connect

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

func TestModelConnections(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(r.Header.Get("Authorization") + r.Header.Get("X-Api-Key")))
	}))
	t.Cleanup(server.Close)
	p := newTestFleet(t).newProcess()
	for kind, want := range map[string]string{"openai": "Bearer sk-the-key", "anthropic": "sk-the-key"} {
		p.put(store.Connection{Name: kind, Type: kind, Hosts: []string{server.URL}, Settings: map[string]string{
			"key": "sk-the-key", "base": server.URL + "/v1/", "input_price": "2.50", "output_price": "10",
		}})
		if status, got, err := p.call(t.Context(), kind, "GET", server.URL+"/v1/models", ""); err != nil || status != 200 || got != want {
			t.Errorf("%s: %d %q, %v", kind, status, got, err)
		}
		conn, err := p.HTTP(t.Context(), kind)
		if err != nil {
			t.Fatal(err)
		}
		api := conn.(flows.ModelConnection).Model()
		if api.Shape != kind || api.Base != server.URL+"/v1" || *api.InputPrice != 2.5 || *api.OutputPrice != 10 {
			t.Errorf("%+v", api)
		}
	}
}

func TestWrongModelConnections(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]map[string]string{
		"one price":       {"key": "k", "input_price": "1"},
		"no price":        {"key": "k", "input_price": "NaN", "output_price": "1"},
		"negative price":  {"key": "k", "input_price": "-1", "output_price": "1"},
		"base":            {"key": "k", "base": "ftp://a"},
		"base with query": {"key": "k", "base": "https://a.example.org/?x"},
		"base with user":  {"key": "k", "base": "https://u:secret-part@a.example.org"},
		"field":           {"key": "k", "limit_field": "other"},
	} {
		err := Check(nil, &store.Connection{Name: "m", Type: "openai", Hosts: []string{"a.example.org"}, Settings: settings})
		if err == nil || strings.Contains(err.Error(), "secret-part") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Check(nil, &store.Connection{Name: "m", Type: "openai", Settings: map[string]string{"key": "k"}}); err == nil {
		t.Error("a key without hosts")
	}
	if err := Check(nil, &store.Connection{Name: "m", Type: "openai", Hosts: []string{"127.0.0.1:11434"}, Settings: map[string]string{"base": "http://127.0.0.1:11434/v1"}}); err != nil {
		t.Error(err)
	}
}
