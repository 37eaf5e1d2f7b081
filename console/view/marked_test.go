package view

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/penstock/penstock/console/language"
)

// sameInAll are texts of pages that are the same in all languages, with the reason. Read only.
var sameInAll = []struct {
	text *regexp.Regexp
	why  string
}{
	{regexp.MustCompile(`^(p(50|95|99) )?\d+(\.\d+)? ?(ns|µs|ms|s|KiB|MiB|MB|%)( ·.*)?$`), "numbers with units"},
	{regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{3})? UTC(: , ,)?$|^\d\d:\d\d:\d\d UTC$`), "times: their layout is a message"},
	{regexp.MustCompile(`^p(50|95|99)$`), "percentiles"},
	{regexp.MustCompile(`^(· )?Penstock$|^API$|^URL$`), "the product, and names of the field"},
	{regexp.MustCompile(`^English$|^Deutsch$`), "languages, in themselves"},
	{regexp.MustCompile(`^(admin|operator|author|viewer|developer|api_user)$|^[a-z]+:[a-z]+$`), "roles and scopes: words of the API"},
	{regexp.MustCompile(`^(sync|async|webhook|schedule|on_failure|replay|resume|trigger|flow|filter)$`), "words of the flow language and of searches"},
	{regexp.MustCompile(`^orders, GET /orders, orders:read$|^ann, key:shop$|^deployed, changeUser$|^vault://kv/crm#password$|^https://…/apis/execute\.php`), "examples of what is typed"},
}

// data are parts of the fixture that a page shortens or writes in its own way: its beginning or end, and its place among other data. Read only.
var data = regexp.MustCompile(`(?i)x\\?"'>?<?x-evil.*|\{?"?x\\*"'\\u003e.*|….*ript>\{\{7\*7}}$|login\.example\.org`)

// untranslated are the elements whose text is no message: programs, data and keys.
var untranslated = map[string]bool{"script": true, "style": true, "code": true, "pre": true, "kbd": true, "textarea": true} // read only

// said are the attributes that people read or hear.
var said = []string{"title", "aria-label", "placeholder", "alt", "data-label", "data-confirm"} // read only

// Every text that a page shows or says is a message, the data of the fixture, or of sameInAll: in a language that marks its messages
// nothing else has letters.
func TestEveryTextIsAMessage(t *testing.T) {
	t.Parallel()
	ctx := language.With(t.Context(), language.Marked())
	missing := map[string]string{}
	for _, yes := range []bool{true, false} {
		for name, c := range components(yes) {
			var b strings.Builder
			if err := c.Render(ctx, &b); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			tree, err := html.ParseWithOptions(strings.NewReader(b.String()), html.ParseOptionEnableScripting(false)) // also the text of noscript
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range unmarked(tree, new(int), nil) {
				missing[text] = name
			}
		}
	}
	for _, text := range slices.Sorted(maps.Keys(missing)) {
		t.Errorf("%s: %q is no message", missing[text], text)
	}
}

// unmarked returns the texts of a tree that are no messages. depth is the number of messages that are open: some have elements in them.
func unmarked(n *html.Node, depth *int, all []string) []string {
	if n.Type == html.ElementNode {
		if untranslated[n.Data] {
			return all
		}
		for _, a := range n.Attr {
			if slices.Contains(said, a.Key) {
				all = appendUnmarked(all, new(int), a.Val)
			}
		}
	}
	if n.Type == html.TextNode {
		all = appendUnmarked(all, depth, n.Data)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		all = unmarked(c, depth, all)
	}
	return all
}

var letters = regexp.MustCompile(`\pL`)

func appendUnmarked(all []string, depth *int, text string) []string {
	rest := strings.TrimSpace(data.ReplaceAllString(strings.ReplaceAll(outsideMarks(text, depth), hostile, ""), ""))
	for _, s := range sameInAll {
		if s.text.MatchString(rest) {
			return all
		}
	}
	if letters.MatchString(rest) {
		return append(all, rest)
	}
	return all
}

// outsideMarks returns what is not between ⟦ and ⟧, which may be nested.
func outsideMarks(text string, depth *int) string {
	var b strings.Builder
	for _, r := range text {
		switch r {
		case '⟦':
			*depth++
		case '⟧':
			*depth--
		default:
			if *depth == 0 {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}
