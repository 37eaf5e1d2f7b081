package flows

import (
	"fmt"
	"slices"
)

// Catalogue is the set of step kinds that flows may use. It is immutable; With returns a larger one.
type Catalogue struct {
	kinds  []Kind
	byName map[string]*Kind
}

// NewCatalogue returns a catalogue with the kinds in the given order, which is that of the reference. It panics on a
// duplicate name, or on the name of a common attribute: the list is source code, so that the mistake shows at the
// first start.
func NewCatalogue(kinds ...Kind) *Catalogue {
	c := &Catalogue{kinds: kinds, byName: make(map[string]*Kind, len(kinds))}
	for i, k := range kinds {
		if c.byName[k.Name] != nil || slices.ContainsFunc(attributes, func(p Param) bool { return p.Name == k.Name }) {
			panic(fmt.Sprintf("flows: the name of the kind %q is taken", k.Name))
		}
		c.byName[k.Name] = &kinds[i]
	}
	return c
}

// With returns a catalogue with further kinds.
func (c *Catalogue) With(kinds ...Kind) *Catalogue {
	return NewCatalogue(append(slices.Clone(c.kinds), kinds...)...)
}

// Kinds returns the kinds in the order of the list.
func (c *Catalogue) Kinds() []Kind { return slices.Clone(c.kinds) }

// Kind returns the kind of that name.
func (c *Catalogue) Kind(name string) (Kind, bool) {
	k, ok := c.byName[name]
	if !ok {
		return Kind{}, false
	}
	return *k, true
}

func (c *Catalogue) names() []string {
	names := make([]string, len(c.kinds))
	for i, k := range c.kinds {
		names[i] = k.Name
	}
	return names
}
