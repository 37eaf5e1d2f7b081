package app

import "strings"

// secretNames are parts of the names of fields whose values are not shown.
// Read only.
var secretNames = []string{
	"password", "passwd", "secret", "token", "authorization", "cookie", "apikey", "privatekey", "signature", "credential",
	"cardnumber", "iban", "ssn",
}

// masker takes values out of what is written down.
type masker struct{ names []string }

// newMasker masks what sounds like a secret, and fields of these names.
func newMasker(names []string) *masker {
	m := &masker{}
	for _, name := range names {
		m.names = append(m.names, plain(name))
	}
	return m
}

// plain is a name as it is compared.
func plain(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(name))
}

func (m *masker) masks(name string) bool {
	name = plain(name)
	for _, part := range secretNames {
		if strings.Contains(name, part) {
			return true
		}
	}
	for _, exact := range m.names {
		if name == exact {
			return true
		}
	}
	return false
}

// value is v with what must not be seen replaced, at any depth.
func (m *masker) value(v any) any {
	switch v := v.(type) {
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, member := range v {
			if m.masks(name) && member != nil {
				object[name] = "***"
			} else {
				object[name] = m.value(member)
			}
		}
		return object
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = m.value(element)
		}
		return list
	}
	return v
}

func (m *masker) texts(all map[string]string) map[string]string {
	masked := make(map[string]string, len(all))
	for name, text := range all {
		if masked[name] = text; m.masks(name) {
			masked[name] = "***"
		}
	}
	return masked
}
