package flows

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock/penstock/flows/internal/schema"
)

// Validator is a compiled JSON Schema. Safe for concurrent use.
type Validator struct{ compiled *schema.Schema }

// NewValidator compiles a JSON Schema, of draft 2020-12 unless it names another. References to other documents are
// errors: nothing is loaded from files or the network.
func NewValidator(v any) (*Validator, error) {
	if _, isBool := v.(bool); !isBool {
		if _, isObject := v.(map[string]any); !isObject {
			return nil, errors.New("expected a JSON Schema, which is a mapping")
		}
	}
	compiled, err := schema.Compile(v, noLoader{})
	if err != nil {
		return nil, err
	}
	return &Validator{compiled}, nil
}

// noLoader rejects references to other documents.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is outside the flow: a schema refers to its own parts only", url)
}

// Check returns an error that describes how v violates the schema; nil when v is valid. A check that exceeds its cost
// limit returns an *Error with CodeLimit; the end of ctx returns its error.
func (s *Validator) Check(ctx context.Context, v any) (err error) {
	defer func() {
		if trouble := recover(); trouble != nil {
			err = fmt.Errorf("cannot be checked: %v", trouble)
		}
	}()
	err = s.compiled.Check(ctx, v)
	var limit *schema.LimitError
	if errors.As(err, &limit) {
		return &Error{Code: CodeLimit, Message: "the schema cannot be checked: " + limit.Error(), Err: err}
	}
	return err
}

// SchemaError converts an error of Check to an *Error with CodeValidation and the status. It returns an error of the
// check itself unchanged.
func SchemaError(err error, prefix string, status int) error {
	var limit *Error
	if errors.As(err, &limit) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &Error{Code: CodeValidation, Message: prefix + err.Error(), Status: status, Err: err}
}
