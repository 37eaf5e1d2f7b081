package openapi

import (
	"html"
	"strings"
)

func escape(s string) string { return html.EscapeString(s) }

// anchor returns the HTML id of a name.
func anchor(name string) string { return strings.ReplaceAll(strings.ToLower(name), " ", "-") }

// prose writes the paragraphs of a text.
func (p *page) prose(s string) {
	for _, paragraph := range strings.Split(strings.TrimSpace(s), "\n\n") {
		if paragraph != "" {
			p.printf("<p>%s</p>", inline(paragraph))
		}
	}
}

// inline converts the marks of a text to HTML: `code` and **bold**.
func inline(s string) string {
	var b strings.Builder
	for i, part := range strings.Split(escape(s), "`") {
		switch {
		case i%2 == 1:
			b.WriteString("<code>" + part + "</code>")
		default:
			for j, bold := range strings.Split(part, "**") {
				if j%2 == 1 {
					bold = "<strong>" + bold + "</strong>"
				}
				b.WriteString(bold)
			}
		}
	}
	return b.String()
}
