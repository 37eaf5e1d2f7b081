package presets

import (
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows/steps"
)

// All connectors that ship have a preset, with types that exist and values that belong to them.
func TestPresetsOfTheShippedConnectors(t *testing.T) {
	t.Parallel()
	catalogue := steps.Catalogue()
	all, err := List(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	names, err := catalogue.Connectors().Names()
	if err != nil || len(all) != len(names) || len(all) < 10 {
		t.Errorf("%d presets of %d connectors, %v", len(all), len(names), err)
	}
	if !slices.IsSortedFunc(all, func(a, b Preset) int { return strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title)) }) {
		t.Error("they are not in the order of their titles")
	}
	types := connect.Types(catalogue)
	for _, p := range all {
		if strings.TrimSpace(p.Doc) == "" {
			t.Errorf("%s does not say what to enter", p.Name)
		}
		for _, name := range p.Types {
			at := slices.IndexFunc(types, func(kind connect.Type) bool { return kind.Name == name })
			if at < 0 {
				t.Errorf("%s: there is no type %s", p.Name, name)
				continue
			}
			c := p.Connection(types[at])
			for _, f := range types[at].Fields {
				if f.Secret && c.Settings[f.Name] != "" {
					t.Errorf("%s of type %s: the secret setting %s is filled in", p.Name, name, f.Name)
				}
			}
			if c.Type != name || len(c.Hosts) == 0 {
				t.Errorf("%s of type %s: %+v", p.Name, name, c)
			}
		}
	}
}

func TestWhatAPresetFillsIn(t *testing.T) {
	t.Parallel()
	catalogue := steps.Catalogue()
	all, err := List(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[[2]string]map[string]string{
		{"stripe", "bearer"}:            {"test": "https://api.stripe.com/v1/customers?limit=1"},
		{"hubspot", "bearer"}:           {"test": "https://api.hubapi.com/crm/objects/2026-03/contacts?limit=1"}, // without the settings of oauth2_refresh
		{"zoom", "oauth2_client"}:       {"grant_type": "account_credentials", "token_url": "https://zoom.us/oauth/token", "test": "https://api.zoom.us/v2/users?page_size=1"},
		{"salesforce", "oauth2_client"}: {"base": "{instance_url}/services/data/v63.0", "token_url": "https://MyDomainName.my.salesforce.com/services/oauth2/token", "test": ""},
	} {
		at := slices.IndexFunc(all, func(p Preset) bool { return p.Name == name[0] })
		kind := slices.IndexFunc(connect.Types(catalogue), func(kind connect.Type) bool { return kind.Name == name[1] })
		got := all[at].Connection(connect.Types(catalogue)[kind])
		for setting, value := range want {
			if got.Settings[setting] != value {
				t.Errorf("%v: %s is %q, want %q", name, setting, got.Settings[setting], value)
			}
		}
		if len(got.Settings) != len(want) {
			t.Errorf("%v: %v", name, got.Settings)
		}
	}
}

func BenchmarkList(b *testing.B) {
	catalogue := steps.Catalogue()
	for b.Loop() {
		if _, err := List(catalogue); err != nil {
			b.Fatal(err)
		}
	}
}
