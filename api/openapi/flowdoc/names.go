package flowdoc

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/penstock/penstock/flows"
)

// numbered are slugs that look like the prefix of a flow without one.
var numbered = regexp.MustCompile(`^flow[0-9]+$`)

// prefixOf begins the operationIds of a flow: its slug in camel case, or its number. It differs for any two flows.
func prefixOf(f *flows.Flow) string {
	if f.Slug == "" || numbered.MatchString(f.Slug) {
		return "flow" + strconv.FormatInt(f.Number, 10)
	}
	var b strings.Builder
	up := false
	for i, c := range f.Slug {
		switch {
		case c == '-':
			up = true
			continue
		case i == 0 && isDigit(c):
			b.WriteString("flow_")
		case up && isDigit(c): // a-1 is not a1
			b.WriteByte('_')
		case up:
			c += 'A' - 'a'
		}
		up = false
		b.WriteRune(c)
	}
	return b.String()
}

func isDigit(c rune) bool { return '0' <= c && c <= '9' }

func identifier(name string) string { return strings.ReplaceAll(name, "-", "_") }

// tagOf is the tag of a flow's operations. It is none of the server's own.
func tagOf(f *flows.Flow) string {
	if f.Slug != "" {
		return "Flow " + f.Slug
	}
	return "Flow " + strconv.FormatInt(f.Number, 10)
}
