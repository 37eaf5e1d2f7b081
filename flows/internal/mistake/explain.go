package mistake

import (
	_ "embed"
	"strings"
)

// Page explains each code, in Markdown: the text of docs/flow-problems.md.
//
//go:embed page.md
var Page string // read only

// Explain returns the section of the page about a code, of a mistake or a warning, with its heading; "" for an unknown one.
func Explain(code string) string {
	for section := range strings.SplitSeq(Page, "\n### ") {
		title, _, _ := strings.Cut(section, "\n")
		if title == code {
			text, _, _ := strings.Cut(section, "\n## ")
			return "### " + strings.TrimSpace(text) + "\n"
		}
	}
	return ""
}
