package mask

import (
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

const hostile = `pa&"s/W<o'r> é😀+x` + "\n"

func TestEscapedSecretsAreMasked(t *testing.T) {
	t.Parallel()
	ctx, s := With(t.Context())
	Add(ctx, hostile)
	component := strings.ReplaceAll(url.QueryEscape(hostile), "+", "%20")
	for name, text := range map[string]string{
		"as it is":             hostile,
		"lower case":           strings.ToLower(hostile),
		"query":                url.QueryEscape(hostile),
		"component":            component,
		"lower-case component": strings.ToLower(component),
		"JSON":                 `pa&\"s/W<o'r> é😀+x\n`,
		"JSON for HTML":        `pa\u0026\"s\/W\u003co\u0027r\u003E \u00e9\ud83d\ude00+x\u000A`,
		"HTML":                 html.EscapeString(hostile),
		"HTML by number":       `pa&#x26;&quot;s&#47;W&lt;o&apos;r&gt; é&#128512;+x&#10;`,
		"JSON in JSON":         `pa&\\\"s\\/W<o'r> é😀+x\\n`,
		"query in JSON":        strings.ReplaceAll(url.QueryEscape(hostile), "%26", `\u0026`),
		"thrice":               url.QueryEscape(url.QueryEscape(url.QueryEscape(hostile))),
	} {
		if got := s.Text("<" + text + ">"); got != "<***>" {
			t.Errorf("%s: %s is shown as %s", name, text, got)
		}
	}
	for _, other := range []string{`100% \u00 \x &amp &; &#x; %zz \ud83d`, "", "%", `\`, "&", `pa&amp;&quot;s`} {
		if got := s.Text(other); got != other {
			t.Errorf("%q is shown as %q", other, got)
		}
	}
}

func TestSecretsWithinBase64AreMasked(t *testing.T) {
	t.Parallel()
	for n := MinSecret; n < MinSecret+4; n++ {
		secret := "\xff\xfe?>~k5q8"[:n]
		ctx, s := With(t.Context())
		Add(ctx, secret)
		for _, before := range []string{"", "a", "ab", "abc"} {
			for _, after := range []string{"", "x", "xy", "xyz"} {
				for _, coding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
					text := coding.EncodeToString([]byte(before + secret + after))
					got := s.Text(text)
					head, tail, found := strings.Cut(got, Text)
					whole := len(strings.TrimRight(text, "="))
					first, last := 8*len(before)/6, (8*len(before+secret)+5)/6
					if !found || len(head) != first || len(strings.TrimRight(tail, "=")) != whole-last {
						t.Errorf("%q in base64 after %q and before %q: %s", secret, before, after, got)
					}
				}
			}
		}
	}
}

func TestSecretsAreMaskedInLongTexts(t *testing.T) {
	t.Parallel()
	ctx, s := With(t.Context())
	Add(ctx, "hunter22", "hunter22-and-more")
	for _, at := range []int{window - 20, window - 7, window, window + 3, 3*window - 100} {
		for _, secret := range []string{"hunter22", "hunter22-and-more", "%68unter22", "aHVudGVyMjI"} {
			text := strings.Repeat("x", at) + secret + strings.Repeat("y", 2*window)
			want := strings.Repeat("x", at) + Text + strings.Repeat("y", 2*window)
			if secret == "aHVudGVyMjI" { // the last character is of the secret and its successor
				want = s.Text(strings.Repeat("x", at)) + Text + strings.Repeat("y", 2*window)
			}
			if got := s.Text(text); got != want {
				t.Errorf("%s at %d: %d bytes, want %d", secret, at, len(got), len(want))
			}
			if got, err := io.ReadAll(s.Reader(strings.NewReader(text))); err != nil || string(got) != want {
				t.Errorf("%s at %d of a stream: %d bytes, want %d, %v", secret, at, len(got), len(want), err)
			}
		}
	}
}

func TestMaskedNamesStayApart(t *testing.T) {
	t.Parallel()
	ctx, s := With(t.Context())
	Add(ctx, "hunter22", "hunter33")
	got := s.Values([]any{map[string]any{"hunter22": 1, "hunter33": "a hunter22", "***": 3, "other": 4}})
	want := []any{map[string]any{"***": 3, "*** 2": 1, "*** 3": "a ***", "other": 4}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func BenchmarkText(b *testing.B) {
	ctx, s := With(b.Context())
	for i := range 5 {
		Add(ctx, fmt.Sprintf("the secret & number %d of 5", i))
	}
	for name, line := range map[string]string{
		"plain":   "Lorem ipsum dolor sit amet, consetetur sadipscing elitr, sed diam nonumy eirmod tempor\n",
		"escaped": `{"name":"a \"quoted\" text","url":"https:\/\/example.org\/?a=b%20c&amp;d=\u00e9"}` + "\n",
	} {
		text := strings.Repeat(line, (1<<20)/len(line)+1)[:1<<20]
		b.Run(name, func(b *testing.B) {
			b.SetBytes(1 << 20)
			b.ReportAllocs()
			for b.Loop() {
				if s.Text(text) != text {
					b.Fatal("something is masked")
				}
			}
		})
	}
}
