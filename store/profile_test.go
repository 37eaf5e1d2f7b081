package store

import (
	"errors"
	"strings"
	"testing"
)

func TestProfile(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		profile Profile
		wrong   string // member; empty: none
	}{
		{"nothing", Profile{}, ""},
		{"everything", Profile{Email: "ann@example.org", FirstName: "Ann Zoë", LastName: "O'Neill-Žižek"}, ""},
		{"no address", Profile{Email: "ann"}, "email"},
		{"with a display name", Profile{Email: "Ann <ann@example.org>"}, "email"},
		{"two addresses", Profile{Email: "a@example.org, b@example.org"}, "email"},
		{"a header", Profile{Email: "a@example.org\r\nBcc: b@example.org"}, "email"},
		{"a long address", Profile{Email: "a@" + strings.Repeat("x", 260) + ".org"}, "email"},
		{"a long first name", Profile{FirstName: strings.Repeat("é", maxProfileName+1)}, "first_name"},
		{"the longest", Profile{FirstName: strings.Repeat("é", maxProfileName)}, ""},
		{"two lines", Profile{LastName: "a\nb"}, "last_name"},
		{"a control character", Profile{LastName: "a\u0085b"}, "last_name"},
	} {
		u := User{Name: "ann", Hash: "x", Profile: tc.profile}
		err := u.validate()
		var invalid *InvalidError
		if tc.wrong == "" && err != nil || tc.wrong != "" && (!errors.As(err, &invalid) || invalid.Member != tc.wrong) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.wrong)
		}
	}
	if name := (&Profile{LastName: "Lee"}).FullName(); name != "Lee" {
		t.Errorf("full name %q", name)
	}
}

// A change of the profile revokes no token.
func TestAProfileKeepsTokens(t *testing.T) {
	t.Parallel()
	old := User{Name: "ann", Hash: "x"}
	u := old
	u.Email = "ann@example.org"
	if !u.keepsTokens(&old) {
		t.Error("a new address revokes tokens")
	}
}
