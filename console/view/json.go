package view

import (
	"bytes"
	"context"
	"encoding/json"
	"html"
	"io"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/a-h/templ"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/internal/jsonpart"
)

// Limits of the part of a JSON text that is rendered at once.
const (
	maxValues  = 250  // values of a tree whose branches are loaded when they are opened
	maxInline  = 1500 // values of another tree
	pageValues = 100  // children of one container
	maxText    = 1200 // bytes of one string
	openDepth  = 2    // levels that are expanded initially
	smallText  = 1024 // bytes of a container that is rendered with the one around it
)

// JSONDoc is a JSON text on a page.
type JSONDoc struct {
	Title  string
	Text   []byte
	Raw    string // URL of the whole text, to be saved; empty: there is none
	Source string // URL with a query at which its branches are loaded; empty: it is rendered at once, as far as there is room
	None   string // what is said in place of an empty text
}

// searchSize is the size of a text in bytes from which on it can be searched.
const searchSize = 1024

// searched reports whether the text can be searched.
func (d JSONDoc) searched() bool { return d.Source != "" && len(d.Text) >= searchSize }

// sized is the size of a large text; empty: it is not large.
func (d JSONDoc) sized() string {
	switch n := len(d.Text); {
	case n >= 1<<20:
		return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64) + " MiB"
	case n >= 64<<10:
		return strconv.Itoa(n>>10) + " KiB"
	}
	return ""
}

// JSONSource names a JSON text of a run.
type JSONSource struct {
	Run   string // id
	Query string // with its part, and the step that it belongs to
}

// url is the address of the text, as of JSONDoc.
func (s JSONSource) url() string { return Root + "/runs/" + url.PathEscape(s.Run) + "/json?" + s.Query }

// JSONBranch is a part of a JSON text.
type JSONBranch struct {
	Source  JSONSource
	Pointer string // JSON Pointer (RFC 6901) of the value within the text
	Value   jsonpart.Value
	From    int // index of the first child
}

// jsonTree renders JSON as a collapsible tree. raw is the URL of the whole text.
func jsonTree(text []byte, raw string) templ.Component {
	return jsonTreeOf(JSONDoc{Text: text, Raw: raw})
}

// jsonTreeOf renders the text of a JSONDoc as a collapsible tree.
func jsonTreeOf(d JSONDoc) templ.Component {
	return treeOf(d.Source, func(t *tree) {
		t.begin("", d.Title)
		t.value(jsonpart.Whole(d.Text), "", 0)
		t.out.WriteString(`</div>`)
		if d.Raw != "" && t.cut {
			t.out.WriteString(`<p class="hint">` + t.say("This is not all of it.") + ` <a href="` + html.EscapeString(d.Raw) + `">` + t.say("Open the whole text") + `</a></p>`)
		}
	})
}

// JSONFragment renders the children of a branch, as the script puts them into its list.
func JSONFragment(b JSONBranch) templ.Component {
	return treeOf(b.Source.url(), func(t *tree) { t.children(b.Value, b.Pointer, openDepth, b.From) })
}

// JSONTree renders a branch as a tree of its own.
func JSONTree(b JSONBranch) templ.Component {
	return treeOf(b.Source.url(), func(t *tree) {
		t.begin(b.Pointer, language.T(t.ctx, "Value"))
		t.value(b.Value, b.Pointer, 0)
		t.out.WriteString(`</div>`)
	})
}

// isJSON reports whether a text is a JSON object or list.
func isJSON(text string) bool {
	text = strings.TrimSpace(text)
	return (strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[")) && json.Valid([]byte(text))
}

// tree renders one JSON text from its bytes, which preserves the order of members and the digits of numbers.
type tree struct {
	ctx    context.Context // of the component that is rendered, for the language
	source string
	out    bytes.Buffer
	left   int  // number of values that may still be rendered
	cut    bool // something is missing that cannot be loaded
}

// treeOf returns the component of a tree that write writes.
func treeOf(source string, write func(*tree)) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		t := &tree{ctx: ctx, source: source, left: maxValues}
		if source == "" {
			t.left = maxInline
		}
		write(t)
		_, err := w.Write(t.out.Bytes())
		return err
	})
}

// say returns a message as HTML.
func (t *tree) say(key string, args ...any) string {
	return html.EscapeString(language.T(t.ctx, key, args...))
}

// begin begins a tree whose root is the value at a pointer.
func (t *tree) begin(pointer, title string) {
	t.out.WriteString(`<div class="json" data-json="` + html.EscapeString(t.source) + `" data-at="` + html.EscapeString(pointer) + `"`)
	if title != "" {
		t.out.WriteString(` role="group" aria-label="` + html.EscapeString(title) + `"`)
	}
	t.out.WriteString(`>`)
}

// url is the address of a branch.
func (t *tree) url(pointer string, more string) string {
	return html.EscapeString(t.source + "&at=" + url.QueryEscape(pointer) + more)
}

func (t *tree) value(v jsonpart.Value, pointer string, depth int) {
	switch v.Kind() {
	case '{', '[':
		t.container(v, pointer, depth)
	case '"':
		var text string
		if json.Unmarshal(v.Text, &text) != nil {
			text = string(v.Text)
		}
		if t.text("s", text) && t.source != "" {
			t.out.WriteString(` <a class="whole" href="` + t.url(pointer, "&as=value") + `">` + t.say("all %d bytes", len(v.Text)) + `</a>`)
		}
	case 't', 'f', 'n':
		t.span("b", string(v.Text))
	case 0:
		t.span("x", language.T(t.ctx, "not JSON"))
		t.cut = true
	default:
		t.span("d", string(v.Text))
	}
}

func (t *tree) container(v jsonpart.Value, pointer string, depth int) {
	opening, closing := "{", "}"
	if v.Kind() == '[' {
		opening, closing = "[", "]"
	}
	summary := func(begins string) string {
		return `<summary><span class="p">` + opening + `</span><span class="more">` + html.EscapeString(begins) + `… ` + count(t.ctx, v.Count) + ` ` + closing + `</span></summary>`
	}
	switch lazily := t.source != "" && depth >= openDepth && len(v.Text) > smallText; {
	case v.Count == 0:
		t.span("p", opening+closing)
	case t.source != "" && (t.left <= 0 || lazily):
		t.out.WriteString(`<details data-branch="` + t.url(pointer, "") + `">` + summary(preview(v)) +
			`<ul><li><a href="` + t.url(pointer, "") + `">` + t.say("Open this branch") + `</a></li></ul><span class="p">` + closing + `</span></details>`)
	case t.left <= 0:
		t.cut = true
		t.span("p", opening+"…"+closing)
	default:
		t.out.WriteString(`<details`)
		if depth < openDepth {
			t.out.WriteString(` open`)
		}
		t.out.WriteString(`>` + summary("") + `<ul>`)
		t.children(v, pointer, depth+1, 0)
		t.out.WriteString(`</ul><span class="p">` + closing + `</span></details>`)
	}
}

// previewText is the length of the beginning of a closed container that is shown, in bytes.
const previewText = 48

// preview returns the beginning of what is in a container, on one line.
func preview(v jsonpart.Value) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(v.Text[1:min(len(v.Text), previewText)]), "")), " ")
	return strings.TrimRight(text, "]}")
}

// children renders the children of a container from an index on, as elements of its list.
func (t *tree) children(v jsonpart.Value, pointer string, depth, from int) {
	most := min(pageValues, max(1, t.left))
	if t.source == "" {
		most = max(1, t.left)
	}
	next := from
	for _, c := range jsonpart.Children(v, from, most) {
		if t.left <= 0 && t.source == "" {
			break
		}
		t.left--
		next = c.Index + 1
		if v.Kind() == '{' {
			name, _ := json.Marshal(c.Name) // texts always encode
			t.out.WriteString(`<li data-k="` + html.EscapeString(string(name)) + `">`)
			t.text("k", c.Name)
			t.out.WriteString(`<span class="p">: </span>`)
		} else {
			t.out.WriteString(`<li data-i="` + strconv.Itoa(c.Index) + `">`)
		}
		t.value(c.Value, jsonpart.Pointer(pointer, v.Kind(), c), depth)
		t.out.WriteString("</li>")
	}
	switch rest := v.Count - next; {
	case rest <= 0:
	case t.source != "":
		t.out.WriteString(`<li class="rest"><a data-rest href="` + t.url(pointer, "&from="+strconv.Itoa(next)) + `">` + t.say("%d more", rest) + `</a></li>`)
	default:
		t.cut = true
		t.out.WriteString(`<li class="rest">` + t.say("%d more", rest) + `</li>`)
	}
}

// text renders a string as in JSON. It reports whether it was shortened.
func (t *tree) text(class, v string) (shortened bool) {
	if len(v) > maxText {
		shortened = true
		t.cut = t.cut || t.source == ""
		end := maxText
		for end > 0 && !utf8.RuneStart(v[end]) {
			end--
		}
		v = v[:end] + "…"
	}
	var quoted bytes.Buffer
	e := json.NewEncoder(&quoted)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // a string always encodes
	t.span(class, string(bytes.TrimSuffix(quoted.Bytes(), []byte("\n"))))
	return shortened
}

func (t *tree) span(class, text string) {
	t.out.WriteString(`<span class="` + class + `">` + html.EscapeString(text) + `</span>`)
}
