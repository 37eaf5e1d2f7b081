package view

import (
	"fmt"
	"time"

	"github.com/penstock/penstock/internal/totp"
)

// SecondFactor is that of the signed-in user.
type SecondFactor struct {
	On    bool
	Since time.Time
	Left  int      // recovery codes that were not used
	SetUp *SetUp   // an authenticator that is set up; nil: none
	New   []string // recovery codes that were made just now; empty: none
}

// SetUp is what an authenticator app takes.
type SetUp struct {
	Secret  string // in groups
	Picture totp.Picture
}

// SecondStep is the page that asks for the code after the password.
type SecondStep struct {
	Trouble string // why signing in failed; empty: not tried
	Over    bool   // the form is over a page, which stays open
	SetUp   *SetUp // an authenticator that has to be set up first; nil: the user has one

	Codes []string // recovery codes of a user who has set one up and is signed in; empty: not yet
	To    string   // page to go to then
}

func viewBox(size int) string { return fmt.Sprintf("0 0 %d %d", size, size) }
