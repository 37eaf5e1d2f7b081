package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// encode returns a value of a YAML file as JSON, with the members of its objects in the order of the file. A name that
// is there twice is an error: readers of JSON disagree on what that means, and generators refuse it.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	if err := write(&b, v, "#"); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func write(b *bytes.Buffer, v any, at string) error {
	switch v := v.(type) {
	case object:
		return writeObject(b, v, at)
	case []any:
		b.WriteByte('[')
		for i, element := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := write(b, element, fmt.Sprintf("%s/%d", at, i)); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	case json.RawMessage:
		b.Write(v)
		return nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	b.Write(text)
	return nil
}

func writeObject(b *bytes.Buffer, o object, at string) error {
	b.WriteByte('{')
	seen := make(map[string]bool, len(o))
	for i, m := range o {
		name := fmt.Sprint(m.Key)
		if seen[name] {
			return fmt.Errorf("%s: the member %s is there twice", at, name)
		}
		seen[name] = true
		if i > 0 {
			b.WriteByte(',')
		}
		if err := write(b, name, at); err != nil {
			return err
		}
		b.WriteByte(':')
		if err := write(b, m.Value, at+"/"+name); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}
