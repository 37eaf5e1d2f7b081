package cli

import "strings"

// secretNames are parts of the names of fields whose values are not shown.
// Read only.
var secretNames = []string{
	"password", "passwd", "secret", "token", "authorization", "cookie", "apikey", "privatekey", "signature", "credential",
	"cardnumber", "iban", "ssn",
}

// shortestSecret is the least length of a masked text that is masked
// wherever else it stands: shorter ones are any word.
const shortestSecret = 4

// masker takes values out of what is written down.
type masker struct {
	names []string
	known map[string]bool // texts that a masked field held, see learn
}

// newMasker masks what sounds like a secret, and fields of these names.
func newMasker(names []string) *masker {
	m := &masker{known: map[string]bool{}}
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

// learn remembers the texts that masked fields hold: they are masked where
// they stand without a name, too.
func (m *masker) learn(v any, masked bool) {
	switch v := v.(type) {
	case string:
		if masked && len(v) >= shortestSecret {
			m.known[v] = true
		}
	case map[string]any:
		for name, member := range v {
			m.learn(member, masked || m.masks(name))
		}
	case []any:
		for _, element := range v {
			m.learn(element, masked)
		}
	}
}

// learnNameless remembers the texts that no field names: of a step whose own
// name says that they are secret.
func (m *masker) learnNameless(v any) {
	switch v := v.(type) {
	case string:
		m.learn(v, true)
	case []any:
		for _, element := range v {
			m.learnNameless(element)
		}
	}
}

func (m *masker) learnTexts(all map[string]string) {
	for name, text := range all {
		m.learn(text, m.masks(name))
	}
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
	case string:
		if m.known[v] {
			return "***"
		}
	}
	return v
}

func (m *masker) texts(all map[string]string) map[string]string {
	masked := make(map[string]string, len(all))
	for name, text := range all {
		if masked[name] = text; m.masks(name) || m.known[text] {
			masked[name] = "***"
		}
	}
	return masked
}
