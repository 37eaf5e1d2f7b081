package content

import (
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/penstock/penstock/flows"
)

// TextValues returns the values of a query parameter, form field or header: one for a scalar, several for an array,
// none for null.
func TextValues(v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var all []string
	for _, element := range list {
		switch element.(type) {
		case nil:
		case []any, map[string]any:
			return nil, fmt.Errorf("holds %s, where text, a number or a list of them can be sent", TypeName(element))
		default:
			all = append(all, ScalarText(element))
		}
	}
	return all, nil
}

// ScalarText returns text as it is, and any other value as JSON.
func ScalarText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return string(flows.EncodeJSON(v))
}

// TypeName names the type of a value for messages.
func TypeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "true or false"
	case string:
		return "text"
	case int, float64, json.Number, *big.Int:
		return "a number"
	case []any:
		return "a list"
	}
	return "an object"
}

// IsNumber reports whether a text is a JSON number.
func IsNumber(text string) bool {
	return text != "" && (text[0] == '-' || text[0] >= '0' && text[0] <= '9') && json.Valid([]byte(text))
}
