package cli

import "strings"

// secretNames are parts of field names whose values are masked. Read only.
var secretNames = []string{
	"password", "passwd", "secret", "token", "authorization", "cookie", "apikey", "privatekey", "signature", "credential",
	"cardnumber", "iban", "ssn",
}

// minSecretLength is the minimum length of a masked text that is also masked elsewhere; shorter texts may be ordinary
// words.
const minSecretLength = 4

// masker replaces secret values by "***".
type masker struct {
	names   []string
	secrets map[string]bool // values of masked fields, see collect
}

// newMasker returns a masker for names that sound like secrets and for these names.
func newMasker(names []string) *masker {
	m := &masker{secrets: map[string]bool{}}
	for _, name := range names {
		m.names = append(m.names, normalized(name))
	}
	return m
}

// normalized returns a name without case and separators, for comparison.
func normalized(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(name))
}

func (m *masker) masks(name string) bool {
	name = normalized(name)
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

// collect records the texts in masked fields, which are then masked everywhere.
func (m *masker) collect(v any, masked bool) {
	switch v := v.(type) {
	case string:
		if masked && len(v) >= minSecretLength {
			m.secrets[v] = true
		}
	case map[string]any:
		for name, member := range v {
			m.collect(member, masked || m.masks(name))
		}
	case []any:
		for _, element := range v {
			m.collect(element, masked)
		}
	}
}

// collectUnnamed records the texts that are not in a field, for a step whose own name is masked.
func (m *masker) collectUnnamed(v any) {
	switch v := v.(type) {
	case string:
		m.collect(v, true)
	case []any:
		for _, element := range v {
			m.collectUnnamed(element)
		}
	}
}

func (m *masker) collectTexts(all map[string]string) {
	for name, text := range all {
		m.collect(text, m.masks(name))
	}
}

// value returns v with secrets masked at any depth.
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
	case string:
		if m.secrets[v] {
			return "***"
		}
	}
	return v
}

func (m *masker) texts(all map[string]string) map[string]string {
	masked := make(map[string]string, len(all))
	for name, text := range all {
		if masked[name] = text; m.masks(name) || m.secrets[text] {
			masked[name] = "***"
		}
	}
	return masked
}
