package importer

import (
	"regexp"
	"strings"
)

var (
	saysZero = regexp.MustCompile(`(?i)\b(zero|0)[- ]?(based|indexed)|\b(starts?|starting|begins?|beginning|counted|counting)( page)?( number| index)?( at| from| with)? (0|zero)\b|\bfirst page (is|has|=)( page)?( number)? ?(0|zero)\b|\b0 ?\.\.|\b0 (is|for|=) the first|\bdefaults? ?(value|page)?( to| is|:|=)? ?(0|zero)\b`)
	saysOne  = regexp.MustCompile(`(?i)\b(one|1)[- ]?(based|indexed)|\b(starts?|starting|begins?|beginning|counted|counting)( page)?( number| index)?( at| from| with)? (1|one)\b|\bfirst page (is|has|=)( page)?( number)? ?(1|one)\b|\b1 ?\.\.|\b1 (is|for|=) the first|\bdefaults? ?(value|page)?( to| is|:|=)? ?(1|one)\b`)
)

// firstPage returns the number of the first page, "0" or "1", by the default, the description, the minimum or an example of 0.
// It is not known when these say nothing, or when default or minimum and description contradict each other.
func firstPage(p *parameter) (first string, known bool) {
	said := saidFirst(p.description + " " + p.schema.str("description"))
	least, fallback := p.schema.str("minimum"), p.schema.str("default")
	switch {
	case said == "both" || fallback == "0" && said == "1" || fallback == "1" && said == "0" || least == "1" && (said == "0" || fallback == "0"):
		return "", false
	case fallback == "0" || fallback == "1":
		return fallback, true
	case said != "":
		return said, true
	case least == "0" || least == "1":
		return least, true
	}
	example, _ := exampleOf(p.node, p.schema)
	return "0", plainValue(example) == "0"
}

// saidFirst is what a description says of the first page: "0", "1", "both", or "" when it says nothing.
func saidFirst(text string) string {
	text = strings.NewReplacer("`", "", "*", "", "'", "", `"`, "").Replace(shorten(text, 1000))
	switch zero, one := saysZero.MatchString(text), saysOne.MatchString(text); {
	case zero && one:
		return "both"
	case zero:
		return "0"
	case one:
		return "1"
	}
	return ""
}
