package flows

import (
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/jsonvalue"
)

// DecodeJSON decodes one JSON value. Numbers are json.Number, exactly as written. It is stricter than encoding/json:
// trailing data, duplicate members, invalid UTF-8, unpaired surrogates, nesting beyond 512 and numbers of more than
// 1,000 characters are errors. The value shares no memory with src.
func DecodeJSON(src []byte) (any, error) { return jsonvalue.Decode(nil, src) }

// DecodeJSONOn decodes like DecodeJSON and charges its memory to charger. It fails when the charger's context ends.
func DecodeJSONOn(charger *budget.Charger, src []byte) (any, error) {
	v, err := jsonvalue.Decode(charger, src)
	return v, memoryError(err)
}

// EncodeJSON encodes a value canonically: exact numbers, members sorted by name, no HTML escaping, no white space.
// NaN becomes null, as in jq. Other Go types are encoded by encoding/json, or as null.
func EncodeJSON(v any) []byte { return jsonvalue.Encode(v) }

// EncodeJSONOn is EncodeJSON that charges for the text before it allocates it.
func EncodeJSONOn(charger *budget.Charger, v any) ([]byte, error) {
	text, err := jsonvalue.EncodeOn(charger, v)
	return text, memoryError(err)
}
