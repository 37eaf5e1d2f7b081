package flows

import "github.com/penstock/penstock/flows/internal/yaml"

// Order is the order in which the flow file has the members of a mapping. Values have none: their members are sorted by
// name wherever an order is needed. A nil Order is that of a value that is computed.
type Order struct {
	Names    []string
	members  map[string]*Order
	elements []*Order // of a sequence, which has no names
}

// Has reports whether the file has a member.
func (o *Order) Has(name string) bool {
	if o == nil {
		return false
	}
	_, ok := o.members[name]
	return ok
}

// Member returns the order of the value of a member; nil: it is not in the file.
func (o *Order) Member(name string) *Order {
	if o == nil {
		return nil
	}
	return o.members[name]
}

// Element returns the order of an element of a sequence; nil: it is not in the file.
func (o *Order) Element(i int) *Order {
	if o == nil || i >= len(o.elements) {
		return nil
	}
	return o.elements[i]
}

func orderOf(n *yaml.Node) *Order {
	switch n.Shape {
	case yaml.Mapping:
		o := &Order{Names: make([]string, len(n.Keys)), members: make(map[string]*Order, len(n.Keys))}
		for i, k := range n.Keys {
			o.Names[i], o.members[k.Name] = k.Name, orderOf(n.Items[i])
		}
		return o
	case yaml.Sequence:
		o := &Order{elements: make([]*Order, len(n.Items))}
		for i, element := range n.Items {
			o.elements[i] = orderOf(element)
		}
		return o
	}
	return nil
}
