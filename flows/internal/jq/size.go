package jq

import (
	"errors"
	"fmt"

	"github.com/penstock/penstock/internal/strictjson"
)

// MaxValueSize is the maximum size of a value that leaves a program, with all its parts, in bytes.
const MaxValueSize = 64 << 20

// ErrTooLarge reports a value larger than MaxValueSize, or a part of it that is larger than a part may be.
var ErrTooLarge = errors.New("a value is too large")

// Check checks a value that leaves a program (as text, a request, a log line, or an item) against the limits, each
// part as often as it occurs. It rejects small values that refer to themselves many times.
func Check(v any) error {
	_, err := Size(v)
	return err
}

// Size returns the size in bytes of a value that leaves a program; the error says why it may not leave.
func Size(v any) (int64, error) {
	left := MaxValueSize
	err := measure(v, strictjson.MaxDepth, &left)
	return int64(MaxValueSize - left), err
}

// CheckElement is Check for one element of a list that leaves. left is what the list may still have in bytes, at
// first MaxValueSize.
func CheckElement(v any, left *int) error { return measureNested(v, strictjson.MaxDepth, left) }

func measure(v any, depth int, left *int) error {
	const each = 16 // minimum size of an element in bytes
	switch v := v.(type) {
	case string:
		*left -= len(v)
	case []any:
		*left -= len(v) * each
		for _, element := range v {
			if err := measureNested(element, depth, left); err != nil {
				return err
			}
		}
	case map[string]any:
		*left -= len(v) * each
		for name, member := range v {
			*left -= len(name)
			if err := measureNested(member, depth, left); err != nil {
				return err
			}
		}
	}
	if *left < 0 {
		return ErrTooLarge
	}
	return nil
}

func measureNested(v any, depth int, left *int) error {
	if depth == 0 {
		return fmt.Errorf("a value is nested deeper than %d", strictjson.MaxDepth)
	}
	if *left < 0 {
		return ErrTooLarge
	}
	return measure(v, depth-1, left)
}
