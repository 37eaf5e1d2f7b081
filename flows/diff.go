package flows

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/penstock/penstock/internal/linediff"
)

// indented returns a value as indented JSON.
func indented(v any) string {
	var b bytes.Buffer
	if err := json.Indent(&b, EncodeJSON(v), "", "  "); err != nil {
		return string(EncodeJSON(v))
	}
	return b.String()
}

// maxDiff is the maximum number of lines for a line-by-line diff.
const maxDiff = 1000

// diff returns a line diff: lines of want only are marked -, lines of got only +.
func diff(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	if len(a) > maxDiff || len(b) > maxDiff {
		return "- " + shorten(want, 500) + "\n+ " + shorten(got, 500)
	}
	common := linediff.Common(a, b)
	var out strings.Builder
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out.WriteString("  " + a[i] + "\n")
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			out.WriteString("- " + a[i] + "\n")
			i++
		default:
			out.WriteString("+ " + b[j] + "\n")
			j++
		}
	}
	return strings.TrimRight(out.String(), "\n")
}
