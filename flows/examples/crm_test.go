package examples_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/examples"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/demo"
)

// against runs an example on a fresh demo CRM.
func against(t *testing.T, crm *httptest.Server, file, event string) string {
	t.Helper()
	source, err := examples.FS.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	flow, err := flows.Parse(file, source, steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	var payload any
	if event != "" {
		if payload, err = flows.DecodeJSON([]byte(event)); err != nil {
			t.Fatal(err)
		}
	}
	output, err := flow.Execute(t.Context(), flows.Run{ID: "r", Event: payload}, flows.Env{
		HTTP: http.DefaultTransport, Vars: map[string]any{"crm": crm.URL},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(flows.EncodeJSON(output))
}

func newCRM(t *testing.T) *httptest.Server {
	t.Helper()
	crm := httptest.NewServer(demo.New())
	t.Cleanup(crm.Close)
	return crm
}

// A lookup returns the document on SmartSYNC's page about its real-time API, member for member, also without a body.
func TestLookupReturnsTheDocumentedRecord(t *testing.T) {
	t.Parallel()
	documented, err := os.ReadFile(filepath.Join("testdata", "smartsync-output.json"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := flows.DecodeJSON(documented)
	if err != nil {
		t.Fatal(err)
	}
	crm, want := newCRM(t), string(flows.EncodeJSON(v))
	for _, event := range []string{"", "null", "{}", `{"id":280}`, `{"id":"280"}`, `{"email":"RobertCarlosHernandez@gmail.com"}`} {
		if diff := cmp.Diff(want, against(t, crm, "constituent-lookup.yaml", event)); diff != "" {
			t.Errorf("%q (-want +got)\n%s", event, diff)
		}
	}
	for _, event := range []string{`{"id":"../search"}`, `{"email":"nobody@example.org"}`} {
		if got := against(t, crm, "constituent-lookup.yaml", event); got != "[]" {
			t.Errorf("%s: %s", event, got)
		}
	}
}

func TestUpsertCreatesOnceThenUpdates(t *testing.T) {
	t.Parallel()
	crm := newCRM(t)
	for _, want := range []string{`[{"created":true,"id":"1000"}]`, `[{"created":false,"id":"1000"}]`} {
		if got := against(t, crm, "upsert.yaml", `{"email":"new@example.org","postcode":"EC1"}`); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestFanOutKeepsWhoIsThere(t *testing.T) {
	t.Parallel()
	got := against(t, newCRM(t), "fan-out.yaml", `{"ids":["280",1,"418",415],"over":40}`)
	if want := `[{"age":61,"id":"418","name":"Dr. Kenji Watanabe"},{"age":54,"id":"280","name":"Dr. Robert C. Hernandez"}]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
