package yaml

import "strings"

// Part is a sequence of whole lines of a file that is read by itself.
type Part struct {
	Text   string
	Before int // number of lines of the file before it
}

// Documents splits a file at its lines "---", as YAML does even inside of texts. Parts without a document, such as one of comments,
// belong to the part that follows, or to the last one.
func Documents(src string) []Part {
	var parts []Part
	begin, before, line, filled := 0, 0, 0, false
	for at := 0; at < len(src); line++ {
		end := lineEnd(src, at)
		text := strings.TrimRight(src[at:end], " \t\r\n")
		separates := text == "---" || strings.HasPrefix(text, "--- ")
		if separates && filled {
			parts = append(parts, Part{src[begin:at], before})
			begin, before, filled = at, line, false
		}
		content := strings.TrimSpace(strings.TrimPrefix(text, "---"))
		filled = filled || content != "" && content[0] != '#'
		at = end
	}
	if !filled && len(parts) > 0 {
		parts[len(parts)-1].Text += src[begin:]
		return parts
	}
	return append(parts, Part{src[begin:], before})
}

// Sections splits the lines below the key of a block mapping at the top of the part into a part for each of its members. rest is
// the part without these lines, which are empty there. false: the key is missing, or its value is written otherwise, and all is
// in rest.
func (p Part) Sections(key string) (rest Part, sections []Part, ok bool) {
	var kept strings.Builder
	inside, done := false, false
	line, indent, begin := 0, 0, 0
	closeSection := func(end int) {
		if n := len(sections); n > 0 {
			sections[n-1].Text = p.Text[begin:end]
		}
	}
	for at := 0; at < len(p.Text); line++ {
		end := lineEnd(p.Text, at)
		text := p.Text[at:end]
		bare := strings.TrimLeft(text, " ")
		column := len(text) - len(bare)
		bare = strings.TrimSpace(bare)
		blank := bare == "" || bare[0] == '#'
		value, opens := strings.CutPrefix(text, key+":")
		if value = strings.TrimSpace(value); !inside && !done && opens && (value == "" || value[0] == '#') {
			inside, text = true, "\n"
		} else if inside && !blank && column == 0 {
			inside, done = false, true
			closeSection(at)
		} else if inside {
			if !blank && (indent == 0 || column == indent) {
				closeSection(at)
				sections, indent, begin = append(sections, Part{Before: p.Before + line}), column, at
			}
			text = "\n"
		}
		kept.WriteString(text)
		at = end
	}
	if inside {
		closeSection(len(p.Text))
	}
	if len(sections) == 0 {
		return p, nil, false
	}
	return Part{kept.String(), p.Before}, sections, true
}

// lineEnd returns the position after the line that begins at a position.
func lineEnd(text string, at int) int {
	if i := strings.IndexByte(text[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(text)
}
