package flows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
)

func TestTags(t *testing.T) {
	t.Parallel()
	flow, err := flows.Parse("f.yaml", []byte("flow: 1\ntags: [crm, nightly, 2fa, a_b-c]\nsteps: [{set: {a: 1}}]\n"), catalogue())
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"crm", "nightly", "2fa", "a_b-c"}; !slices.Equal(flow.Tags, want) {
		t.Errorf("tags %q, want %q", flow.Tags, want)
	}
}

func TestMistakesOfTags(t *testing.T) {
	t.Parallel()
	many := make([]string, 11)
	for i := range many {
		many[i] = fmt.Sprintf("t%d", i)
	}
	for text, want := range map[string]string{
		"[CRM]":                              `"CRM" is no tag`,
		"[-a]":                               "is no tag",
		`["a b"]`:                            "is no tag",
		"[" + strings.Repeat("a", 33) + "]":  "is no tag",
		"[a, b, a]":                          `"a" is there twice`,
		"[" + strings.Join(many, ", ") + "]": "at most 10",
		"{a: b}":                             "tags",
	} {
		_, err := flows.Parse("f.yaml", []byte("flow: 1\ntags: "+text+"\nsteps: [{set: {a: 1}}]\n"), catalogue())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
