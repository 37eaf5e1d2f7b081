package schema

import "maps"

// evaluated tracks the evaluated members and elements of one value, for unevaluatedProperties and unevaluatedItems. A
// nil *evaluated tracks nothing.
type evaluated struct {
	allMembersDone bool // all members are evaluated
	members        map[string]bool
	prefix         int // number of leading elements that are evaluated
	elements       map[int]bool
}

func (m *evaluated) member(name string) {
	if m == nil {
		return
	}
	if m.members == nil {
		m.members = map[string]bool{}
	}
	m.members[name] = true
}

func (m *evaluated) allMembers() {
	if m != nil {
		m.allMembersDone = true
	}
}

func (m *evaluated) first(n int) {
	if m != nil {
		m.prefix = max(m.prefix, n)
	}
}

func (m *evaluated) element(i int) {
	if m == nil {
		return
	}
	if m.elements == nil {
		m.elements = map[int]bool{}
	}
	m.elements[i] = true
}

func (m *evaluated) hasMember(name string) bool { return m.allMembersDone || m.members[name] }
func (m *evaluated) hasElement(i int) bool      { return i < m.prefix || m.elements[i] }

func (m *evaluated) merge(other *evaluated) {
	if m == nil || other == nil {
		return
	}
	m.allMembersDone = m.allMembersDone || other.allMembersDone
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
