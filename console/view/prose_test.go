package view

import (
	"strings"
	"testing"
)

// Descriptions are Markdown, of which nothing becomes markup of its own.
func TestProse(t *testing.T) {
	t.Parallel()
	const text = "# Orders\nAll **open** ones, *newest* first,\nas `a * b * c` in [the guide](https://example.org/g?a=1&b=2).\n\n- one\n- **two**\n2) three\n\n" +
		"2 * 3 * 4 and snake_case, [x](javascript:alert(1)) <b>no</b> **open"
	var b strings.Builder
	if err := prose(text).Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	const want = `<p><strong>Orders</strong></p><p>All <strong>open</strong> ones, <em>newest</em> first, as <code>a * b * c</code> in ` +
		`<a href="https://example.org/g?a=1&amp;b=2" rel="noopener noreferrer nofollow">the guide</a>.</p><p>• one</p><p>• <strong>two</strong></p><p>• three</p>` +
		`<p>2 * 3 * 4 and snake_case, [x](javascript:alert(1)) &lt;b&gt;no&lt;/b&gt; **open</p>`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
}
