package flows

import (
	"bytes"
	"encoding/json"
	"strings"
)

// indented is a value as JSON on several lines.
func indented(v any) string {
	var b bytes.Buffer
	if err := json.Indent(&b, EncodeJSON(v), "", "  "); err != nil {
		return string(EncodeJSON(v))
	}
	return b.String()
}

// maxDiff is how many lines are compared line by line.
const maxDiff = 1000

// diff shows two texts as one, lines that only one has marked - or +.
func diff(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	if len(a) > maxDiff || len(b) > maxDiff {
		return "- " + shorten(want, 500) + "\n+ " + shorten(got, 500)
	}
	common := commonLines(a, b)
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

// commonLines holds, for every pair of positions, how many lines the rests of
// both texts have in common, in order.
func commonLines(a, b []string) [][]int {
	common := make([][]int, len(a)+1)
	common[len(a)] = make([]int, len(b)+1)
	for i := len(a) - 1; i >= 0; i-- {
		common[i] = make([]int, len(b)+1)
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	return common
}
