package payload_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/payload"
)

// A byte order mark wins over the label, a label over a guess, and what is decoded is always UTF-8: a text that is not
// is an error, or read as windows-1252 where browsers do that.
func TestDecodeText(t *testing.T) {
	t.Parallel()
	const bad = "!" // ErrNotUTF8
	for _, tc := range []struct {
		label, text    string
		strict, legacy string
	}{
		{"", "Zoë", "Zoë", "Zoë"},
		{"", "\xef\xbb\xbfZoë", "Zoë", "Zoë"},
		{"", "\xff\xfeZ\x00", "Z", "Z"},
		{"", "\xfe\xff\x00Z", "Z", "Z"},
		{"", "Zo\xeb", bad, "Zoë"},
		{"", "\x80\x85", bad, "€…"}, // windows-1252, not ISO 8859-1
		{"", "", "", ""},
		{"utf-8", "Zo\xeb", bad, bad}, // a label is believed
		{"UTF8", "Zoë", "Zoë", "Zoë"},
		{"iso-8859-1", "\xef\xbb\xbfZoë", "Zoë", "Zoë"},
		{"iso-8859-1", "\xff\xfeZ\x00", "Z", "Z"},
		{"iso-8859-1", "Zo\xeb", "Zoë", "Zoë"},
		{"latin1", "\x80", "€", "€"},
		{"latin9", "\xa4", "€", "€"},
		{"koi8-r", "\xc1", "а", "а"},
		{"shift_jis", "\x83\x65", "テ", "テ"},
		{"utf-16", "Z\x00", "Z", "Z"},
		{"utf-16be", "\x00Z", "Z", "Z"},
		{"utf-16le", "\x00\xd8", "\uFFFD", "\uFFFD"}, // half of a pair
		{"utf-8", "\xed\xa0\x80", bad, bad},
		{"utf-8", "\xc0\xaf", bad, bad}, // "/" in two bytes
		{"klingon", "x", "!!", "!!"},
		{"iso-2022-kr", "x", "!!", "!!"}, // text in it can hide markup
		{"hz-gb-2312", "x", "!!", "!!"},
		{"utf-7", "+ADw-script+AD4-", "!!", "!!"},
		{"utf-32", "x", "!!", "!!"},
		{strings.Repeat("x", 10_000), "x", "!!", "!!"},
	} {
		for name, c := range map[string]struct {
			decode func() ([]byte, error)
			want   string
		}{
			"strict": {func() ([]byte, error) { return payload.DecodeText(nil, []byte(tc.text), tc.label) }, tc.strict},
			"legacy": {func() ([]byte, error) { return payload.DecodeLegacyText(nil, []byte(tc.text), tc.label) }, tc.legacy},
		} {
			got, err := c.decode()
			var unknown *payload.CharsetError
			switch {
			case c.want == "!!":
				if !errors.As(err, &unknown) || len(err.Error()) > 200 {
					t.Errorf("%s, %.40q as %.40q: %q, %v", name, tc.text, tc.label, got, err)
				}
			case c.want == bad:
				if !errors.Is(err, payload.ErrNotUTF8) {
					t.Errorf("%s, %q as %q: %q, %v", name, tc.text, tc.label, got, err)
				}
			case err != nil || string(got) != c.want:
				t.Errorf("%s, %q as %q: %q, %v, want %q", name, tc.text, tc.label, got, err, c.want)
			}
		}
	}
}

// The Content-Encoding is a list, in several headers too; more than two codings, or one that is unknown, is refused, so
// that a small body cannot be large in many layers.
func TestCodingsOfHeaders(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		lines []string
		want  string // separated by spaces; "!": refused
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{"gzip", "br"}, "gzip br"},
		{[]string{"gzip , br"}, "gzip br"},
		{[]string{"identity,GZIP,identity"}, "gzip"},
		{[]string{"x-gzip"}, "x-gzip"},
		{[]string{"gzip", "gzip", "gzip"}, "!"},
		{[]string{"gzip,br", "zstd"}, "!"},
		{[]string{"gzip", "exi"}, "!"},
		{[]string{"gzip;q=1"}, "!"},
		{[]string{"*"}, "!"},
		{[]string{"gzip br"}, "!"},
		{[]string{"compress"}, "!"},
		{[]string{strings.Repeat("x", 10_000)}, "!"},
	} {
		got, err := payload.Codings(map[string][]string{"Content-Encoding": tc.lines})
		var unknown *payload.CodingError
		if tc.want == "!" {
			if !errors.As(err, &unknown) || len(err.Error()) > 200 {
				t.Errorf("%.40q: %v, %v", tc.lines, got, err)
			}
		} else if err != nil || strings.Join(got, " ") != tc.want {
			t.Errorf("%q: %v, %v, want %q", tc.lines, got, err, tc.want)
		}
	}
}
