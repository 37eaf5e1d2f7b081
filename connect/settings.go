package connect

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// maxSetting is the maximum size of one setting in bytes: a chain of certificates fits.
const maxSetting = 64 << 10

// Texts converts JSON settings to text: numbers as written, true and false by name. Null means absent. Errors name
// the setting and contain no value.
func Texts(settings map[string]json.RawMessage) (map[string]string, error) {
	texts := make(map[string]string, len(settings))
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		raw := bytes.TrimSpace(settings[name])
		var text string
		switch {
		case len(raw) == 0 || string(raw) == "null":
			continue
		case raw[0] == '{' || raw[0] == '[':
			return nil, fmt.Errorf("settings.%s must be a text, a number, true or false; JSON that it is to hold is written as a text", name)
		case raw[0] != '"':
			text = string(raw)
		default:
			if err := json.Unmarshal(raw, &text); err != nil {
				return nil, fmt.Errorf("settings.%s is no JSON text", name)
			}
		}
		texts[name] = text
	}
	return texts, nil
}

// settings are those of one connection, checked against its type.
type settings struct {
	flows.ConnectionSettings
	conn *store.Connection
}

func read(c *store.Connection, t Type) (settings, error) {
	s := settings{flows.ConnectionSettings{Connection: c.Name, Text: map[string]string{}}, c}
	for name := range c.Settings {
		if !slices.ContainsFunc(t.Fields, func(f Field) bool { return f.Name == name }) {
			return s, fmt.Errorf("unknown setting %q of a %s connection", name, t.Name)
		}
	}
	for _, f := range t.Fields {
		v := cmp.Or(c.Settings[f.Name], f.Default)
		if err := checkField(&f, v); err != nil {
			return s, err
		}
		s.Text[f.Name] = v
	}
	return s, nil
}

// checkField validates a value. Its errors never show it, because fields may be mixed up.
func checkField(f *Field, v string) error {
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	switch {
	case v == "" && f.Required:
		return fmt.Errorf("%s is missing", f.Name)
	case v == "":
		return nil
	case len(v) > maxSetting:
		return fmt.Errorf("%s is larger than %d bytes", f.Name, maxSetting)
	case f.Kind == FieldChoice && !slices.Contains(f.Choices, v):
		return fmt.Errorf("%s is not one of %s", f.Name, strings.Join(f.Choices, ", "))
	case f.Kind != FieldLines && f.Kind != FieldPairs && strings.ContainsFunc(v, control):
		return fmt.Errorf("%s has a line break or another control character in it", f.Name)
	}
	if f.Kind == FieldNumber {
		if n, err := strconv.Atoi(v); err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("%s is not a whole number from 1 to 65535", f.Name)
		}
	}
	return nil
}
