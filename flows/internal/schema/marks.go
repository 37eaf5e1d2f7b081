package schema

import "maps"

// marks are the members and elements of one value that were evaluated, for
// unevaluatedProperties and unevaluatedItems. Nil takes no notes.
type marks struct {
	whole    bool // all members
	members  map[string]bool
	prefix   int // so many elements from the first
	elements map[int]bool
}

func (m *marks) member(name string) {
	if m == nil {
		return
	}
	if m.members == nil {
		m.members = map[string]bool{}
	}
	m.members[name] = true
}

func (m *marks) allMembers() {
	if m != nil {
		m.whole = true
	}
}

func (m *marks) first(n int) {
	if m != nil {
		m.prefix = max(m.prefix, n)
	}
}

func (m *marks) element(i int) {
	if m == nil {
		return
	}
	if m.elements == nil {
		m.elements = map[int]bool{}
	}
	m.elements[i] = true
}

func (m *marks) hasMember(name string) bool { return m.whole || m.members[name] }
func (m *marks) hasElement(i int) bool      { return i < m.prefix || m.elements[i] }

func (m *marks) merge(other *marks) {
	if m == nil || other == nil {
		return
	}
	m.whole = m.whole || other.whole
	m.prefix = max(m.prefix, other.prefix)
	if len(other.members) > 0 {
		if m.members == nil {
			m.members = map[string]bool{}
		}
		maps.Copy(m.members, other.members)
	}
	for i := range other.elements {
		m.element(i)
	}
}
