package payload

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/penstock/penstock/internal/budget"
)

// maxNesting is the maximum number of brackets in the name of a nested field.
const maxNesting = 32

var errNesting = fmt.Errorf("the name of a field has more than %d brackets", maxNesting)

// node is an object or a list of a nested form. Its members are strings and *node.
type node struct {
	members map[string]any
	next    int // index of the next element that is written as []
}

func newNode() *node { return &node{members: map[string]any{}} }

// put adds a field whose name PHP reads as a path: a[b][c] is the member c of the member b of a, a[] is the next element
// of a list, a[0] its first one. A later value replaces an earlier one. Brackets that are not closed are text.
func (n *node) put(charger *budget.Charger, name, value string) error {
	path, err := pathOf(name)
	if err != nil {
		return err
	}
	if err := charger.Charge(int64(len(path)) * (budget.Object + budget.Members(1))); err != nil {
		return err
	}
	for _, step := range path[:len(path)-1] {
		step = n.index(step)
		inner, ok := n.members[step].(*node)
		if !ok {
			inner = newNode()
			n.members[step] = inner
		}
		n = inner
	}
	n.members[n.index(path[len(path)-1])] = value
	return nil
}

// index returns the name of a member; for "" the next index.
func (n *node) index(name string) string {
	if name == "" {
		name = strconv.Itoa(n.next)
	}
	if i, err := strconv.Atoi(name); err == nil && i >= n.next && i < 1<<30 {
		n.next = i + 1
	}
	return name
}

// pathOf splits a name at its brackets.
func pathOf(name string) ([]string, error) {
	first, rest, ok := strings.Cut(name, "[")
	if !ok || first == "" {
		return []string{name}, nil
	}
	path := []string{first}
	for len(path) <= maxNesting {
		step, after, closed := strings.Cut(rest, "]")
		if !closed {
			return []string{name}, nil
		}
		path = append(path, step)
		if !strings.HasPrefix(after, "[") {
			return path, nil // PHP ignores what follows the last bracket
		}
		rest = after[1:]
	}
	return nil, errNesting
}

// object returns the members of a form.
func (n *node) object() map[string]any {
	object := make(map[string]any, len(n.members))
	for name, v := range n.members {
		object[name] = plain(v)
	}
	return object
}

// plain returns the value of a member: a list if its members are named 0, 1, 2 and so on.
func plain(v any) any {
	n, ok := v.(*node)
	if !ok {
		return v
	}
	list := make([]any, len(n.members))
	for i := range list {
		element, ok := n.members[strconv.Itoa(i)]
		if !ok {
			return n.object()
		}
		list[i] = plain(element)
	}
	return list
}
