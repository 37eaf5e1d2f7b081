package connect

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
)

// The check of connectors knows all types of connections and their secret settings.
func TestConnectorsKnowTheTypes(t *testing.T) {
	t.Parallel()
	want := map[string][]string{}
	for _, typ := range Types(nil) {
		want[typ.Name] = nil
		for _, f := range typ.Fields {
			if f.Secret {
				want[typ.Name] = append(want[typ.Name], f.Name)
			}
		}
	}
	if diff := cmp.Diff(want, flows.ConnectionTypes(nil)); diff != "" {
		t.Errorf("flows/connector_check.go differs (-want +got)\n%s", diff)
	}
}
