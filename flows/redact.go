package flows

import (
	"strings"

	"github.com/penstock/penstock/internal/mask"
)

// Redacts reports whether a step of the flow has redact.
func (f *Flow) Redacts() bool { return len(f.redacts) > 0 }

// maskFields returns the fields with redacted ones masked, at any depth.
func (s *step) maskFields(fields map[string]any) map[string]any {
	if len(s.redact) == 0 || fields == nil {
		return fields
	}
	return s.redacted(fields).(map[string]any)
}

// redacted returns a value with redacted fields masked.
func (s *step) redacted(v any) any {
	switch v := v.(type) {
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, member := range v {
			if s.redacts(name) {
				object[name] = mask.Text
			} else {
				object[name] = s.redacted(member)
			}
		}
		return object
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = s.redacted(element)
		}
		return list
	}
	return v
}

func (s *step) redacts(name string) bool {
	for _, secret := range s.redact {
		if strings.EqualFold(name, secret) {
			return true
		}
	}
	return false
}

// redactedUnnamed also masks texts and numbers outside of any field: a bare secret has no name that redact could
// list.
func (s *step) redactedUnnamed(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return s.redacted(v)
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = s.redactedUnnamed(element)
		}
		return list
	case nil, bool:
		return v
	}
	return mask.Text
}

// recordable returns a function that gives the first items as they may be recorded.
func (s *step) recordable(items []item) func(most int) []any {
	return func(most int) []any {
		values := make([]any, min(most, len(items)))
		for i := range values {
			if values[i] = items[i].value; len(s.redact) > 0 {
				values[i] = s.redactedUnnamed(values[i])
			}
		}
		return values
	}
}
