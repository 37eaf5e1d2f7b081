// Package mask replaces secrets by "***": the values of fields whose names sound like secrets, and known secrets in texts.
package mask

import (
	"encoding/json"
	"strings"
	"unicode"
)

// Text replaces a secret.
const Text = "***"

// secretNames are parts of field names whose values are masked. Read only.
var secretNames = []string{
	"password", "passwd", "passphrase", "passcode", "secret", "token", "authorization", "cookie", "apikey", "accesskey", "privatekey",
	"signature", "credential", "cardnumber", "iban", "ssn", "onetime",
}

// secretWords are words of field names whose values are masked. They are too short to be looked for within words.
// Read only.
var secretWords = map[string]bool{
	"pwd": true, "pass": true, "pw": true, "pin": true, "otp": true, "totp": true, "mfa": true, "cvv": true, "cvv2": true, "cvc": true,
	"jwt": true, "bearer": true, "sig": true, "hmac": true,
}

// minSecretLength is the minimum length of a masked text that is also masked elsewhere; shorter texts may be ordinary
// words.
const minSecretLength = 4

// Masker masks values. It is used by one goroutine at a time.
type Masker struct {
	names   map[string]bool
	secrets map[string]bool // values of masked fields, see Collect
}

// New returns a Masker for names that sound like secrets and for these names.
func New(names ...string) *Masker {
	m := &Masker{names: map[string]bool{}, secrets: map[string]bool{}}
	for _, name := range names {
		m.names[normalized(name)] = true
	}
	return m
}

// normalized returns a name without case and separators, for comparison.
func normalized(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(name))
}

// words returns the words of a name, in lower case: "userPwd", "user_pwd" and "USER-PWD" have the same.
func words(name string) []string {
	var split strings.Builder
	lower := false // the character before is a lower-case letter or a digit
	for _, r := range name {
		if unicode.IsUpper(r) && lower {
			split.WriteByte(' ')
		}
		lower = unicode.IsLower(r) || unicode.IsDigit(r)
		split.WriteRune(unicode.ToLower(r))
	}
	return strings.FieldsFunc(split.String(), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// Masks reports whether the values of fields with a name are masked.
func (m *Masker) Masks(name string) bool {
	for _, word := range words(name) {
		if secretWords[word] {
			return true
		}
	}
	name = normalized(name)
	for _, part := range secretNames {
		if strings.Contains(name, part) {
			return true
		}
	}
	return m.names[name]
}

// Collect records the texts in masked fields, which are then masked everywhere. masked says that v is in such a field.
func (m *Masker) Collect(v any, masked bool) {
	switch v := v.(type) {
	case string:
		if masked && len(v) >= minSecretLength {
			m.secrets[v] = true
		} else if inner, ok := decode(v); ok {
			m.Collect(inner, false)
		}
	case map[string]any:
		for name, member := range v {
			m.Collect(member, masked || m.Masks(name))
		}
	case []any:
		for _, element := range v {
			m.Collect(element, masked)
		}
	}
}

// CollectUnnamed records the texts that are not in a field, for a step whose own name is masked.
func (m *Masker) CollectUnnamed(v any) {
	switch v := v.(type) {
	case string:
		m.Collect(v, true)
	case []any:
		for _, element := range v {
			m.CollectUnnamed(element)
		}
	}
}

// CollectTexts records the texts with masked names.
func (m *Masker) CollectTexts(all map[string]string) {
	for name, text := range all {
		m.Collect(text, m.Masks(name))
	}
}

// Value returns v with secrets masked at any depth, also in texts that are JSON.
func (m *Masker) Value(v any) any {
	switch v := v.(type) {
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, member := range v {
			if m.Masks(name) && member != nil {
				object[name] = Text
			} else {
				object[name] = m.Value(member)
			}
		}
		return object
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = m.Value(element)
		}
		return list
	case string:
		if m.secrets[v] {
			return Text
		}
		return m.JSON(v)
	}
	return v
}

// JSON returns a text that is a JSON object or array with secrets masked at any depth; any other text, and one without
// secrets, as it is.
func (m *Masker) JSON(text string) string {
	v, ok := decode(text)
	if !ok {
		return text
	}
	before, _ := json.Marshal(v) // what was decoded encodes
	if after, _ := json.Marshal(m.Value(v)); string(after) != string(before) {
		return string(after)
	}
	return text
}

// decode decodes a text that is a JSON object or array.
func decode(text string) (v any, ok bool) {
	text = strings.TrimSpace(text)
	if text == "" || text[0] != '{' && text[0] != '[' {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if d.Decode(&v) != nil || d.More() {
		return nil, false
	}
	return v, true
}

// Texts returns texts with secrets masked.
func (m *Masker) Texts(all map[string]string) map[string]string {
	masked := make(map[string]string, len(all))
	for name, text := range all {
		if masked[name] = text; m.Masks(name) || m.secrets[text] {
			masked[name] = Text
		}
	}
	return masked
}
