package connect

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/penstock/penstock/store"
)

// Settings are texts: numbers keep their digits, and null is absent. What is no text is rejected without its value.
func TestTexts(t *testing.T) {
	t.Parallel()
	var sent map[string]json.RawMessage
	if err := json.Unmarshal([]byte(`{"a":"x\u00e9","b":12345678901234567890.10,"c":true,"d":null,"e":""," f ": -0 }`), &sent); err != nil {
		t.Fatal(err)
	}
	got, err := Texts(sent)
	if want := map[string]string{"a": "xé", "b": "12345678901234567890.10", "c": "true", "e": "", " f ": "-0"}; err != nil || !maps.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	for _, raw := range []string{`{"token":"hunter2"}`, `["hunter2"]`, ` ["hunter2"]`, `"hunter2`} {
		got, err := Texts(map[string]json.RawMessage{"password": json.RawMessage(raw)})
		if err == nil || !strings.Contains(err.Error(), "settings.password") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %q, %v", raw, got, err)
		}
	}
}

// A setting that is unknown, missing or too long, and a secret that is malformed, are errors that name it and show no value.
func TestRejectedSettings(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		c    store.Connection
		says string
	}{
		{store.Connection{Type: "basic", Settings: map[string]string{"username": "u", "password": "hunter2", "port": "1"}}, `unknown setting "port"`},
		{store.Connection{Type: "basic", Settings: map[string]string{"password": "hunter2"}}, "username"},
		{store.Connection{Type: "basic", Settings: map[string]string{"username": "u", "password": strings.Repeat("hunter2", maxSetting)}}, "password"},
		{store.Connection{Type: "bearer", Settings: map[string]string{}}, "token"},
		{store.Connection{Type: "mtls", Settings: map[string]string{"certificate": "hunter2", "key": "hunter2"}}, "certificate"},
		{store.Connection{Type: "no such type", Settings: map[string]string{"token": "hunter2"}}, "type"},
	} {
		tc.c.Name, tc.c.Hosts = "crm", []string{"crm.example.org"}
		if err := Check(nil, &tc.c); err == nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s %s: %.200v", tc.c.Type, tc.says, err)
		}
	}
}
