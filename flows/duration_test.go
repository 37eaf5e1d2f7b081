package flows_test

import (
	"encoding/json"
	"regexp"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/reference"
)

// Durations are read as Go reads them, with days; the schema for editors
// agrees.
func TestDurations(t *testing.T) {
	t.Parallel()
	var schema struct {
		Defs struct {
			Attributes struct {
				Properties struct {
					Timeout struct{ Pattern string }
				}
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(reference.Schema(catalogue()), &schema); err != nil {
		t.Fatal(err)
	}
	pattern := schema.Defs.Attributes.Properties.Timeout.Pattern
	if pattern == "" {
		t.Fatal("the schema has no form of a duration")
	}
	shape := regexp.MustCompile(pattern)
	for text, want := range map[string]time.Duration{
		"0": 0, "200ms": 200 * time.Millisecond, "1.5h": 90 * time.Minute, "1h30m": 90 * time.Minute,
		"2d": 48 * time.Hour, "1d12h": 36 * time.Hour, "1.5d": 36 * time.Hour, "0d": 0, "1d0.5h10ms": 24*time.Hour + 30*time.Minute + 10*time.Millisecond,
		"106751d": 106751 * 24 * time.Hour,
	} {
		if d, ok := flows.ParseDuration(text); !ok || d != want {
			t.Errorf("%q is %v, %v, want %v", text, d, ok, want)
		}
		if !shape.MatchString(text) {
			t.Errorf("the schema refuses %q", text)
		}
	}
	for _, text := range []string{"", "d", "1", "-1d", "1d-1h", "1d+1h", "1d2d", "1h1d", "1w", "2 d", "1dd", "soon", "106752d", "9999999999d", "106751d24h", "1d1"} {
		if d, ok := flows.ParseDuration(text); ok {
			t.Errorf("%q is %v", text, d)
		}
	}
}
