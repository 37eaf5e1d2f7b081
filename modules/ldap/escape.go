package ldap

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/penstock/penstock/flows"
)

// maxName is the maximum length of a distinguished name in bytes.
const maxName = 8192

// renderName renders a distinguished name. Values within it are escaped (RFC 4514, section 2.4).
func renderName(ctx context.Context, in *flows.Input, what string, t *flows.Template) (string, error) {
	v, err := t.RenderComputed(ctx, in, func(v any, at flows.Position) (any, error) {
		text, err := scalar(what, v)
		if err != nil || at.Alone {
			return text, err
		}
		if text == "" {
			return nil, flows.Failed("%s: a value in the name is empty", what)
		}
		return ldap.EscapeDN(text), nil
	})
	if err != nil {
		return "", err
	}
	name, _ := v.(string)
	switch {
	case len(name) > maxName:
		return "", flows.Failed("%s: the name has %d bytes; %d are allowed", what, len(name), maxName)
	case strings.TrimSpace(name) == "" && what != "search":
		return "", flows.Failed("%s: the name is empty", what)
	}
	if _, err := ldap.ParseDN(name); err != nil && what != "verify" {
		return "", flows.Failed("%s: %.200q is no distinguished name", what, name)
	}
	return name, nil
}

// renderFilter renders a filter. Values in it are escaped (RFC 4515, section 3).
func renderFilter(ctx context.Context, in *flows.Input, t *flows.Template) (string, error) {
	v, err := t.RenderComputed(ctx, in, func(v any, _ flows.Position) (any, error) {
		if object, ok := v.(map[string]any); ok {
			return escapeBytes(object)
		}
		text, err := scalar("filter", v)
		return ldap.EscapeFilter(text), err
	})
	if err != nil {
		return "", err
	}
	filter, _ := v.(string)
	if _, err := ldap.CompileFilter(filter); err != nil {
		return "", flows.Failed("filter: %.200q is no filter such as (mail=a@example.org)", filter)
	}
	return filter, nil
}

// escapeBytes returns each byte of {base64: …} as a filter has it.
func escapeBytes(object map[string]any) (string, error) {
	value, ok, err := fromBase64(object)
	if err != nil || !ok {
		return "", flows.Failed("filter: a value is an object that is not {base64: …}")
	}
	var b strings.Builder
	for i := range len(value) {
		b.WriteByte('\\')
		b.WriteString(hex.EncodeToString([]byte{value[i]}))
	}
	return b.String(), nil
}

// scalar returns a value as text. null is a mistake: a filter without its value finds other entries.
func scalar(what string, v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strings.ToUpper(fmt.Sprint(v)), nil // RFC 4517, section 3.3.3
	case json.Number:
		return v.String(), nil
	case nil:
		return "", flows.Failed("%s: a value is null", what)
	case []any, map[string]any:
		return "", flows.Failed("%s: a value is a list or an object", what)
	}
	return string(flows.EncodeJSON(v)), nil // another type of number
}

// fromBase64 returns the bytes of {base64: …}; false: the object is none.
func fromBase64(object map[string]any) (value string, ok bool, err error) {
	text, ok := object["base64"].(string)
	if !ok || len(object) != 1 {
		return "", false, nil
	}
	decoded, err := base64.StdEncoding.DecodeString(text)
	return string(decoded), true, err
}
