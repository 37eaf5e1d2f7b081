package steps

import (
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/penstock/penstock/flows"
)

// textValues returns the values of a query parameter, form field or header: one for a scalar, several for an array,
// none for null.
func textValues(v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var all []string
	for _, element := range list {
		switch element.(type) {
		case nil:
		case []any, map[string]any:
			return nil, fmt.Errorf("holds %s, where text, a number or a list of them can be sent", typeName(element))
		default:
			all = append(all, scalarText(element))
		}
	}
	return all, nil
}

func scalarText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return string(flows.EncodeJSON(v))
}

// typeName names the type of a value for messages.
func typeName(v any) string {
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
