package jq

import (
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/third_party/gojq"
)

// Function describes a function that programs may call, for the reference.
type Function struct {
	Name  string
	Args  string // as they are written: "(zone)"; empty: none
	Group string
	Doc   string // one sentence
}

// function is a function of this package, beside those of jq.
type function struct {
	Function
	arity int
	f     func(in any, args []any) (any, error) // the element after args is the meter, see gojq.Meter
}

// define returns a function. signature is its call: "to_zone(zone)".
func define(signature, doc string, f func(in any, args []any) (any, error)) function {
	name, args, some := strings.Cut(signature, "(")
	d := function{Function: Function{Name: name, Doc: doc}, f: f}
	if some {
		d.Args, d.arity = "("+args, 1+strings.Count(args, ";")
	}
	return d
}

// libraryGroups are the functions of this package by their group in the reference.
var libraryGroups = []struct {
	name string
	all  []function
}{
	{"Time", timeFunctions()},
	{"Decimals and money", append(decimalFunctions(), moneyFunctions()...)},
	{"Text, hashes and identifiers", textFunctions()},
}

// library returns the options that add the functions of this package that a source names. Most programs name none, and
// each function costs a compilation.
func library(source string) []gojq.CompilerOption {
	var options []gojq.CompilerOption
	for _, group := range libraryGroups {
		for _, d := range group.all {
			if strings.Contains(source, d.Name) {
				options = append(options, gojq.WithFunction(d.Name, d.arity, d.arity, d.call))
			}
		}
	}
	return options
}

// call calls the function. Its errors begin with its name.
func (d function) call(in any, args []any) any {
	v, err := d.f(in, args)
	if err != nil {
		return fmt.Errorf("%s: %w", d.Name, err)
	}
	return v
}

// Functions returns all functions that programs may call: those of this package, and those of jq.
func Functions() []Function {
	var all []Function
	for _, group := range libraryGroups {
		for _, d := range group.all {
			d.Group = group.name
			all = append(all, d.Function)
		}
	}
	return append(all, jqFunctions()...)
}

// libraryNames are the names of the functions of this package.
func libraryNames() []string {
	var names []string
	for _, group := range libraryGroups {
		for _, d := range group.all {
			names = append(names, d.Name)
		}
	}
	return slices.Compact(names)
}

// textOf returns a value that has to be a text.
func textOf(v any, what string) (string, error) {
	text, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("%s is a text, not %s", what, gojq.Preview(v))
	}
	return text, nil
}

// wholeOf returns a value that has to be a whole number of at most a size.
func wholeOf(v any, most int) (int, error) {
	n, ok := gojq.ToFloat64(v)
	if !ok || n != float64(int(n)) || int(n) > most || int(n) < -most {
		return 0, fmt.Errorf("expected a whole number up to %d, not %s", most, gojq.Preview(v))
	}
	return int(n), nil
}
