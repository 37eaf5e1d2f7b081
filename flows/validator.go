package flows

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Validator is a compiled JSON Schema. Safe for concurrent use.
type Validator struct{ compiled *jsonschema.Schema }

// NewValidator compiles a JSON Schema (2020-12 unless it says otherwise). It may
// refer to its own parts only: nothing is loaded from files or the network.
func NewValidator(v any) (*Validator, error) {
	if _, isBool := v.(bool); !isBool {
		if _, isObject := v.(map[string]any); !isObject {
			return nil, errors.New("expected a JSON Schema, which is a mapping")
		}
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	const here = "flow:schema"
	if err := c.AddResource(here, v); err != nil {
		return nil, schemaFault(err)
	}
	compiled, err := c.Compile(here)
	if err != nil {
		return nil, schemaFault(err)
	}
	return &Validator{compiled}, nil
}

// noLoader refuses to load schemas.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is outside the flow: a schema refers to its own parts only", url)
}

// schemaFault says in one line what is wrong with a schema.
func schemaFault(err error) error {
	var invalid *jsonschema.SchemaValidationError
	if errors.As(err, &invalid) {
		var inner *jsonschema.ValidationError
		if errors.As(invalid.Err, &inner) {
			return errors.New("is no JSON Schema: " + strings.Join(leaves(inner, nil), "; "))
		}
	}
	var outside *jsonschema.LoadURLError
	if errors.As(err, &outside) {
		return outside.Err
	}
	return errors.New(strings.ReplaceAll(err.Error(), "flow:schema", ""))
}

// maxViolations is how many violations an error tells.
const maxViolations = 5

// Check reports how v does not fit; nil when it does.
func (s *Validator) Check(v any) (err error) {
	defer func() {
		if trouble := recover(); trouble != nil { // on numbers with enormous exponents
			err = fmt.Errorf("cannot be checked: %v", trouble)
		}
	}()
	err = s.compiled.Validate(numbered(v))
	if err == nil {
		return nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	found := leaves(invalid, nil)
	if more := len(found) - maxViolations; more > 0 {
		found = append(found[:maxViolations], fmt.Sprintf("and %d more", more))
	}
	return errors.New(strings.Join(found, "; "))
}

// leaves are the violations themselves, each with where it is.
func leaves(e *jsonschema.ValidationError, found []string) []string {
	if len(e.Causes) == 0 {
		said := e.ErrorKind.LocalizedString(message.NewPrinter(language.English))
		if len(e.InstanceLocation) > 0 {
			said = strings.Join(e.InstanceLocation, ".") + ": " + said
		}
		return append(found, said)
	}
	for _, cause := range e.Causes {
		found = leaves(cause, found)
	}
	return found
}

// numbered is v with numbers that the validator knows.
func numbered(v any) any {
	switch v := v.(type) {
	case *big.Int:
		return json.Number(v.String())
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = numbered(element)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, member := range v {
			object[name] = numbered(member)
		}
		return object
	}
	return v
}
