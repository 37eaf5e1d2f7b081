package view

import (
	"bytes"
	"context"
	"encoding/json"
	"html"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/a-h/templ"
)

// Limits of the rendered part of one JSON text. A link leads to the whole text.
const (
	maxValues = 1500
	maxText   = 1200 // bytes of one string
	openDepth = 2    // levels that are expanded initially
)

// jsonTree renders JSON as a collapsible tree. raw is the URL of the whole text.
func jsonTree(text []byte, raw string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		t := &tree{decoder: d, left: maxValues}
		t.out.WriteString(`<div class="json">`)
		t.value(0)
		t.out.WriteString(`</div>`)
		if raw != "" && (t.left <= 0 || t.cut) {
			t.out.WriteString(`<p class="hint">This is not all of it. <a href="` + html.EscapeString(raw) + `">Open the whole text</a></p>`)
		}
		_, err := w.Write(t.out.Bytes())
		return err
	})
}

// isJSON reports whether a text is a JSON object or list.
func isJSON(text string) bool {
	text = strings.TrimSpace(text)
	return (strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[")) && json.Valid([]byte(text))
}

// tree renders one JSON text token by token, which preserves the order of members and the digits of numbers.
type tree struct {
	decoder *json.Decoder
	out     bytes.Buffer
	left    int  // number of values that may still be rendered
	cut     bool // a string was shortened
}

func (t *tree) value(depth int) {
	token, err := t.decoder.Token()
	if err != nil {
		t.span("x", "not JSON")
		t.left = 0
		return
	}
	switch v := token.(type) {
	case json.Delim:
		t.container(v, depth)
	case string:
		t.text("s", v)
	case json.Number:
		t.span("d", v.String())
	case bool:
		t.span("b", strconv.FormatBool(v))
	default:
		t.span("b", "null")
	}
}

func (t *tree) container(opening json.Delim, depth int) {
	closing := "}"
	if opening == '[' {
		closing = "]"
	}
	if !t.decoder.More() {
		_, _ = t.decoder.Token() // the end of it
		t.span("p", opening.String()+closing)
		return
	}
	t.out.WriteString(`<details`)
	if depth < openDepth {
		t.out.WriteString(` open`)
	}
	t.out.WriteString(`><summary><span class="p">` + opening.String() + `</span><span class="more">…` + closing + `</span></summary><ul>`)
	for t.decoder.More() && t.left > 0 {
		t.left--
		t.out.WriteString("<li>")
		if opening == '{' {
			name, _ := t.decoder.Token()
			text, _ := name.(string)
			t.text("k", text)
			t.out.WriteString(`<span class="p">: </span>`)
		}
		t.value(depth + 1)
		t.out.WriteString("</li>")
	}
	if t.left > 0 {
		_, _ = t.decoder.Token() // the end of it
	}
	t.out.WriteString(`</ul><span class="p">` + closing + `</span></details>`)
}

// text renders a string as in JSON.
func (t *tree) text(class, v string) {
	if len(v) > maxText {
		t.cut = true
		end := maxText
		for !utf8.RuneStart(v[end]) {
			end--
		}
		v = v[:end] + "…"
	}
	var quoted bytes.Buffer
	e := json.NewEncoder(&quoted)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // a string always encodes
	t.span(class, string(bytes.TrimSuffix(quoted.Bytes(), []byte("\n"))))
}

func (t *tree) span(class, text string) {
	t.out.WriteString(`<span class="` + class + `">` + html.EscapeString(text) + `</span>`)
}
