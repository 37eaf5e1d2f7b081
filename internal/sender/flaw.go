package sender

import (
	"errors"
	"fmt"
)

// Finding is something that is wrong with a proof. It has neither a secret nor a right signature. It is for the log and for
// administrators, never for the sender.
type Finding struct {
	Word   string // of the description that it is about, such as tolerance
	Secret int    // index of the secret that it is about; -1: none
	Text   string
}

// flaw is the reason of a wrong proof, as far as it is known exactly.
type flaw struct {
	Finding
	kind error // ErrUnsigned or ErrWrong
}

func flawed(word string, kind error, format string, args ...any) error {
	return &flaw{Finding{word, -1, fmt.Sprintf(format, args...)}, kind}
}

func (f *flaw) Error() string { return f.Text + ": " + f.kind.Error() }

func (f *flaw) Unwrap() error { return f.kind }

// timeIsOff reports whether everything is right but the time.
func timeIsOff(err error) bool {
	var f *flaw
	return errors.As(err, &f) && f.Word == wordTolerance
}

const wordTolerance = "tolerance"
