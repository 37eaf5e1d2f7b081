package mongodb

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/budget"
)

// toDocument returns an object as BSON. Its members are in the order of the flow, or by name.
func toDocument(what string, v any, order *flows.Order) (bson.D, error) {
	object, ok := v.(map[string]any)
	if !ok || isExtended(object) {
		return nil, flows.Failed("%s: expected an object", what)
	}
	names := slices.Sorted(maps.Keys(object))
	if order != nil && len(order.Names) == len(names) {
		names = order.Names
	}
	d := make(bson.D, 0, len(names))
	for _, name := range names {
		if strings.ContainsRune(name, 0) {
			return nil, flows.Failed("%s: a name has a zero byte", what)
		}
		value, err := toValue(what, object[name], order.Member(name))
		if err != nil {
			return nil, err
		}
		d = append(d, bson.E{Key: name, Value: value})
	}
	return d, nil
}

// toValue returns a value as the driver encodes it.
func toValue(what string, v any, order *flows.Order) (any, error) {
	switch v := v.(type) {
	case nil, bool, string:
		return v, nil
	case map[string]any:
		if isExtended(v) {
			return fromExtended(what, v)
		}
		return toDocument(what, v, order)
	case []any:
		list := make(bson.A, len(v))
		for i, element := range v {
			var err error
			if list[i], err = toValue(what, element, order.Element(i)); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	text := string(flows.EncodeJSON(v))
	if number, ok := v.(json.Number); ok {
		text = number.String()
	}
	return toNumber(what, text)
}

// toNumber returns the smallest type of an integer, or a double.
func toNumber(what, text string) (any, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n == int64(int32(n)) {
			return int32(n), nil
		}
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || !strings.ContainsAny(text, ".eE") {
		return nil, flows.Failed("%s: the number %.50s is too large: write {$numberDecimal: …}", what, text)
	}
	return f, nil
}

func fromExtended(what string, object map[string]any) (any, error) {
	var d bson.D
	if err := bson.UnmarshalExtJSON(flows.EncodeJSON(map[string]any{"v": object}), false, &d); err != nil || len(d) != 1 {
		return nil, flows.Failed("%s: %.200s is no value of Extended JSON", what, flows.EncodeJSON(object))
	}
	return d[0].Value, nil
}

// fromDocument returns a document as a value of JSON.
func fromDocument(charger *budget.Charger, raw bson.Raw) (any, error) {
	if err := charger.Charge(2 * int64(len(raw))); err != nil {
		return nil, &flows.Error{Code: flows.CodeLimit, Message: err.Error(), Err: err}
	}
	text, err := bson.MarshalExtJSON(raw, false, false)
	if err != nil {
		return nil, flows.Failed("a document cannot be read")
	}
	v, err := flows.DecodeJSONOn(charger, text)
	var known *flows.Error
	if err != nil && !errors.As(err, &known) {
		return nil, flows.Failed("a document is no JSON: %s", err.Error())
	}
	return v, err
}

// fromValue returns a value of the driver, such as an _id, as one of JSON.
func fromValue(v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	text, err := bson.MarshalExtJSON(bson.D{{Key: "v", Value: v}}, false, false)
	if err != nil {
		return nil, flows.Failed("an _id cannot be read")
	}
	decoded, err := flows.DecodeJSON(text)
	if err != nil {
		return nil, err
	}
	return decoded.(map[string]any)["v"], nil
}
