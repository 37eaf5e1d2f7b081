package flows

import "testing"

// ReadYAML returns the values of a file.
func ReadYAML(t testing.TB, src []byte) any {
	t.Helper()
	c := &compiler{report: newReport("test.yaml", src)}
	root := c.readYAML(src)
	if err := c.err(); err != nil {
		t.Fatal(err)
	}
	return c.literal(root)
}

// Scan splits a text at its ${ }, into alternating literals and programs.
func Scan(s string) (literals, programs []string, open int) {
	pieces, open := scan(s)
	for _, p := range pieces {
		if p.program {
			programs = append(programs, p.text)
		} else {
			literals = append(literals, p.text)
		}
	}
	return literals, programs, open
}
