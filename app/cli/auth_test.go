package cli

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/auth"
)

func TestPrintExplanation(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		e    auth.Explanation
		want string
	}{
		{"wrong", auth.Explanation{Scheme: "check", Findings: []string{"the body was not signed"}}, "The check is not valid.\n  - the body was not signed\n"},
		{"right, but refused", auth.Explanation{Scheme: "jwt", Fits: true, Findings: []string{"exp has passed"}},
			"The jwt is valid, but the request is rejected:\n  - exp has passed\n"},
		{"right", auth.Explanation{Scheme: "jwt", Fits: true}, "The jwt is valid.\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := printExplanation(&out, &c.e); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
