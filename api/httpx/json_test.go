package httpx

import (
	"encoding/json"
	"testing"
)

// Error texts use the type names of JSON, not those of Go.
func TestMistyped(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"name": 1}`:                  "name must be a text, not a JSON number",
		`{"roles": "admin"}`:           "roles must be a list, not a JSON string",
		`{"roles": [true]}`:            "roles must be a text, not a JSON bool",
		`{"disabled": 1}`:              "disabled must be true or false, not a JSON number",
		`{"at": {"minutes": 1.5}}`:     "at.minutes must be a whole number, not a JSON number 1.5",
		`{"at": []}`:                   "at must be an object, not a JSON array",
		`[]`:                           "it must be an object, not a JSON array",
		`{"given": {"minutes": true}}`: "given must be a text, not a JSON object",
	} {
		var into struct {
			Name     string           `json:"name"`
			Roles    []string         `json:"roles"`
			Disabled bool             `json:"disabled"`
			Optional Optional[string] `json:"given"`
			At       struct {
				Minutes int `json:"minutes"`
			} `json:"at"`
		}
		err := json.Unmarshal([]byte(body), &into)
		if err == nil {
			t.Errorf("%s was taken", body)
		} else if got := typeErrorText(err); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}
