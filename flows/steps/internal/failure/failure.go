// Package failure makes the errors of step kinds.
package failure

import (
	"errors"
	"fmt"
	"strings"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/budget"
)

// Errorf is a failure that a retry does not change.
func Errorf(format string, args ...any) *flows.Error {
	return &flows.Error{Code: flows.CodeStepFailed, Message: fmt.Sprintf(format, args...)}
}

// Limit converts the rejection of the run's memory account to an *Error with CodeLimit. It returns any other
// error unchanged.
func Limit(err error) error {
	if limit := AsLimit(err); limit != nil {
		return limit
	}
	return err
}

// AsLimit returns the rejection of the run's memory account as an *Error; nil for any other error.
func AsLimit(err error) *flows.Error {
	for _, refusal := range []error{budget.ErrRunLimit, budget.ErrEvicted} {
		if errors.Is(err, refusal) {
			return &flows.Error{Code: flows.CodeLimit, Message: err.Error(), Err: err}
		}
	}
	return nil
}

// lineSize is the maximum length in bytes of ShortLine, without the ellipsis.
const lineSize = 200

// ShortLine returns the beginning of a text on one line, for messages.
func ShortLine(text string) string {
	line := strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	if len(line) > lineSize {
		line = line[:lineSize] + "…"
	}
	return strings.ToValidUTF8(line, "")
}
