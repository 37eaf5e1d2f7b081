package flows

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
)

// readLiteral parses a value that is fixed at deployment.
func readLiteral(p Param, n *yaml.Node) (any, error) {
	if s, ok := n.Value.(string); ok && strings.Contains(s, "${") && !p.Verbatim {
		return nil, mistake.Errorf(mistake.FixedValue, "is fixed when the flow is deployed, ${ } has no meaning here")
	}
	switch p.Type {
	case TypeInt:
		return readInt(n)
	case TypeBool:
		if b, ok := n.Value.(bool); ok {
			return b, nil
		}
		return nil, expected("true or false", n)
	case TypeDuration:
		return readDuration(n)
	case TypeEnum:
		if word, _ := n.Value.(string); slices.Contains(p.Enum, word) {
			return word, nil
		}
		return nil, mistake.Errorf(mistake.UnknownValue, "%s is not among its values", quoted(n))
	case TypeStrings:
		return readStrings(n)
	case TypeStatuses:
		return readStatuses(n)
	}
	return readString(n)
}

func expected(what string, n *yaml.Node) error {
	return mistake.Errorf(mistake.WrongType, "expected %s, found %s", what, quoted(n))
}

// quoted returns a short scalar in quotes, else the name of the node's shape.
func quoted(n *yaml.Node) string {
	if n.Shape == yaml.Scalar && n.Value != nil {
		if s := stringify(n.Value); len(s) <= 40 {
			return strconv.Quote(s)
		}
	}
	return n.ShapeName()
}

func readString(n *yaml.Node) (any, error) {
	switch v := n.Value.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	}
	return nil, expected("text", n)
}

func readInt(n *yaml.Node) (any, error) {
	number, ok := n.Value.(json.Number)
	if !ok {
		return nil, expected("a whole number", n)
	}
	i, err := strconv.Atoi(number.String())
	if err != nil {
		return nil, expected("a whole number", n)
	}
	return i, nil
}

func readDuration(n *yaml.Node) (any, error) {
	if s, ok := n.Value.(string); ok {
		if d, ok := parseDuration(s); ok {
			return d, nil
		}
	}
	return nil, mistake.Errorf(mistake.BadDuration, "expected a duration such as 200ms, 8s, 1h or 2d, found %s", quoted(n))
}

// parseDuration parses Go durations, with optional days of 24 hours in front: "1d12h".
func parseDuration(s string) (time.Duration, bool) {
	days, rest, found := strings.Cut(s, "d")
	if !found {
		d, err := time.ParseDuration(s)
		return d, err == nil && d >= 0
	}
	// Days are parsed as hours, for the same number syntax and limits.
	hours, err := time.ParseDuration(days + "h")
	if err != nil || days == "" || strings.ContainsAny(days, "hmsuµn") || hours < 0 || hours > math.MaxInt64/24 {
		return 0, false
	}
	d := 24 * hours
	if rest == "" {
		return d, true
	}
	more, ok := parseDuration(rest)
	if !ok || strings.Contains(rest, "d") || rest[0] == '-' || rest[0] == '+' || d > math.MaxInt64-more {
		return 0, false
	}
	return d + more, true
}

func readStrings(n *yaml.Node) (any, error) {
	nodes := n.Items
	if n.Shape == yaml.Scalar {
		nodes = []*yaml.Node{n}
	} else if n.Shape == yaml.Mapping {
		return nil, expected("a list of words", n)
	}
	words := make([]string, 0, len(nodes))
	for _, element := range nodes {
		word, err := readString(element)
		if err != nil {
			return nil, err
		}
		words = append(words, word.(string))
	}
	return words, nil
}

func readStatuses(n *yaml.Node) (any, error) {
	words, err := readStrings(n)
	if err != nil {
		return nil, err
	}
	var set Statuses
	for _, word := range words.([]string) {
		if err := set.add(word); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// Statuses is a set of HTTP statuses and classes: 200, 404, 2xx.
type Statuses struct {
	exact   map[int]bool
	classes [6]bool // index 5: 5xx
}

// Has reports whether the status is in the set.
func (s Statuses) Has(status int) bool {
	return s.exact[status] || status >= 100 && status < 600 && s.classes[status/100]
}

// String returns the statuses and classes of the set, in their order.
func (s Statuses) String() string {
	var words []string
	for _, status := range slices.Sorted(maps.Keys(s.exact)) {
		words = append(words, strconv.Itoa(status))
	}
	for class, has := range s.classes {
		if has {
			words = append(words, strconv.Itoa(class)+"xx")
		}
	}
	return strings.Join(words, " ")
}

// add adds "404" or "4xx" to the set.
func (s *Statuses) add(word string) error {
	if len(word) == 3 && word[1:] == "xx" && word[0] >= '1' && word[0] <= '5' {
		s.classes[word[0]-'0'] = true
		return nil
	}
	status, err := strconv.Atoi(word)
	if err != nil || status < 100 || status > 599 {
		return mistake.Errorf(mistake.BadStatus, "%q is no HTTP status (100 to 599) or class (2xx)", word)
	}
	if s.exact == nil {
		s.exact = map[int]bool{}
	}
	s.exact[status] = true
	return nil
}
