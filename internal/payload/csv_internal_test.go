package payload

import "testing"

// The memory of a row is charged by its cells, whatever quotes are in it.
func TestLongestRow(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"":                      1,
		"a,b\n1\n":              2,
		"a\n\"1,2,3\",4\n":      2,
		"a\n\"1\"\",2\",3,4\n":  3,
		"a\nx\"y,1,2,3\n":       4,
		"a\n x\",1,\"2,3\",4\r": 4,
		"\"a\"x\",1,2":          3,
	} {
		if got := (CSVDialect{}).longestRow([]byte(text)); got != want {
			t.Errorf("%q: %d cells, want %d", text, got, want)
		}
	}
}
