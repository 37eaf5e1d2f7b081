package view

import (
	"strings"
	"testing"
)

func drawn(t *testing.T, text string) string {
	t.Helper()
	var b strings.Builder
	if err := jsonTree([]byte(text), "/raw").Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestJSONTree(t *testing.T) {
	t.Parallel()
	html := drawn(t, `{"b":9007199254740993123,"a":["<script>",null,true,{}]}`)
	for _, part := range []string{"9007199254740993123", "&#34;&lt;script&gt;&#34;", `<span class="b">null</span>`, `<span class="p">{}</span>`} {
		if !strings.Contains(html, part) {
			t.Errorf("it lacks %s: %s", part, html)
		}
	}
	if strings.Index(html, "&#34;b&#34;") > strings.Index(html, "&#34;a&#34;") {
		t.Error("the order of members is not kept")
	}
	if strings.Count(html, "<details") != strings.Count(html, "</details>") || strings.Contains(html, "not all of it") {
		t.Errorf("drawn %s", html)
	}
}

func TestJSONTreeIsBounded(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"many":   "[" + strings.Repeat("1,", 100_000) + "1]",
		"long":   `"` + strings.Repeat("é", 100_000) + `"`,
		"deep":   strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		"broken": `{"a": [1, `,
	} {
		html := drawn(t, text)
		if len(html) > 400_000 || !strings.Contains(html, `href="/raw"`) {
			t.Errorf("%s: %d bytes", name, len(html))
		}
		if strings.Count(html, "<details") != strings.Count(html, "</details>") {
			t.Errorf("%s: not all that is opened is closed", name)
		}
	}
}
