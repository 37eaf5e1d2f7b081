// Package schema validates values against JSON Schemas within limits of time and memory. The library
// santhosh-tekuri/jsonschema compiles schemas of all its drafts; this package evaluates them. It evaluates a schema
// with several references to it once for each value, so that the work grows with the size of the schema times the
// size of the value instead of exponentially, and it formats only the violations that are shown.
package schema

import (
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Schema is a compiled JSON Schema. Safe for concurrent use.
type Schema struct {
	root    *node
	dynamic bool // some reference depends on the path to it
}

// Loader loads the documents that schemas refer to by URL.
type Loader = jsonschema.URLLoader

// Limits of a schema.
const (
	maxValues   = 20_000 // number of values in it, nested ones included
	maxExponent = 4_000  // exponent of a number in it
	maxPattern  = 10_000 // instructions of a regular expression
)

// Compile compiles a JSON Schema, of draft 2020-12 unless it names another. loader loads the documents that it refers
// to.
func Compile(v any, loader Loader) (*Schema, error) {
	if err := checkSize(v); err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(loader)
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	registerFormats(c)
	c.UseRegexpEngine(compilePattern)
	const here = "flow:schema"
	if err := c.AddResource(here, v); err != nil {
		return nil, compileError(err)
	}
	compiled, err := c.Compile(here)
	if err != nil {
		return nil, compileError(err)
	}
	t := tree{nodes: map[*jsonschema.Schema]*node{}}
	root := t.node(compiled)
	return &Schema{root, t.dynamic}, nil
}

// checkSize checks the limits of a schema before it is compiled.
func checkSize(v any) error {
	left := maxValues
	return walk(v, &left)
}

func walk(v any, left *int) error {
	if *left--; *left < 0 {
		return fmt.Errorf("is no JSON Schema: it has more than %d values", maxValues)
	}
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			if err := walk(element, left); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, member := range v {
			if err := walk(member, left); err != nil {
				return err
			}
		}
	default:
		if d, ok := decimalOf(v); ok && !d.computable() {
			return fmt.Errorf("is no JSON Schema: a number has an exponent beyond %d", maxExponent)
		}
	}
	return nil
}

// compileError describes the error of a schema in one line.
func compileError(err error) error {
	var invalid *jsonschema.SchemaValidationError
	if errors.As(err, &invalid) {
		var inner *jsonschema.ValidationError
		if errors.As(invalid.Err, &inner) {
			return errors.New("is no JSON Schema: " + strings.Join(violations(inner, nil), "; "))
		}
	}
	var outside *jsonschema.LoadURLError
	if errors.As(err, &outside) {
		return outside.Err
	}
	return errors.New(strings.ReplaceAll(err.Error(), "flow:schema", ""))
}

// violations collects the violations found by the library, each with its path.
func violations(e *jsonschema.ValidationError, found []string) []string {
	if len(e.Causes) == 0 {
		said := e.ErrorKind.LocalizedString(message.NewPrinter(language.English))
		if len(e.InstanceLocation) > 0 {
			said = strings.Join(e.InstanceLocation, ".") + ": " + said
		}
		return append(found, said)
	}
	for _, cause := range e.Causes {
		found = violations(cause, found)
	}
	return found
}
