package listing

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Field is a property by which items can be filtered and ordered.
type Field[T any] struct {
	name  string
	kind  kind
	get   func(*T) value
	words []string // all texts that there are; none: any

	operators []string // that a filter may use; nil: all of its kind
}

// Name returns the name of the field in filters.
func (f Field[T]) Name() string { return f.name }

// Kind returns what the values of the field are: text, number, time, truth value or list.
func (f Field[T]) Kind() string { return string(f.kind) }

// Words returns all texts that the field may have; nil: any. They must not be modified.
func (f Field[T]) Words() []string { return f.words }

type kind string

const (
	text   kind = "text"
	number kind = "number"
	real   kind = "decimal number"
	moment kind = "time"
	day    kind = "date"
	truth  kind = "truth value"
	list   kind = "list"
)

// value is one value of any kind. An absent value matches only ne and "eq null", and sorts first.
type value struct {
	absent bool
	text   string // also of a real, moment or day in a filter: as it was written
	number int64  // of a truth value: 0 or 1
	real   float64
	moment time.Time
	list   []string
}

// Text returns a text field.
func Text[T any](name string, get func(*T) string) Field[T] {
	return Field[T]{name: name, kind: text, get: func(item *T) value { return value{text: get(item)} }}
}

// Word returns a text field with a fixed set of values. eq, ne and in accept no others.
func Word[T any, W ~string](name string, words []W, get func(*T) W) Field[T] {
	f := Text(name, func(item *T) string { return string(get(item)) })
	for _, w := range words {
		f.words = append(f.words, string(w))
	}
	return f
}

// Number returns a field with a whole number.
func Number[T any](name string, get func(*T) int64) Field[T] {
	return Field[T]{name: name, kind: number, get: func(item *T) value { return value{number: get(item)} }}
}

// Time returns a field with a time. The zero time is an absent value.
func Time[T any](name string, get func(*T) time.Time) Field[T] {
	return Field[T]{name: name, kind: moment, get: func(item *T) value {
		t := get(item)
		return value{moment: t, absent: t.IsZero()}
	}}
}

// Bool returns a field that is true or false.
func Bool[T any](name string, get func(*T) bool) Field[T] {
	return Field[T]{name: name, kind: truth, get: func(item *T) value {
		if get(item) {
			return value{number: 1}
		}
		return value{}
	}}
}

// List returns a field with a list of texts. Its only operator is contains.
func List[T any](name string, get func(*T) []string) Field[T] {
	return Field[T]{name: name, kind: list, get: func(item *T) value { return value{list: get(item)} }}
}

// compare orders two values of one kind.
func compare(a, b value, k kind) int {
	if a.absent || b.absent {
		return cmp.Compare(presence(a), presence(b))
	}
	switch k {
	case text:
		return strings.Compare(a.text, b.text)
	case real:
		return cmp.Compare(a.real, b.real)
	case moment, day:
		return a.moment.Compare(b.moment)
	}
	return cmp.Compare(a.number, b.number)
}

func presence(v value) int {
	if v.absent {
		return 0
	}
	return 1
}

func find[T any](fields []Field[T], name string) (Field[T], bool) {
	at := slices.IndexFunc(fields, func(f Field[T]) bool { return f.name == name })
	if at < 0 {
		return Field[T]{}, false
	}
	return fields[at], true
}

// unknown returns the message for an unknown field, with the names of the known ones.
func unknown[T any](fields []Field[T], name string) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	slices.Sort(names)
	return `there is no field "` + name + `"; the fields are ` + strings.Join(names, ", ")
}
