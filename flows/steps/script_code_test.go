package steps

import "testing"

// Words of comments and texts are not code; what stands in the code keeps its place.
func TestScriptCode(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ script, want string }{
		{"a // b\nc", "a     \nc"},
		{"a /* b\n* c */ d", "a     \n       d"},
		{`a("b'c", 'd\'e') + f`, `a("   ", '    ') + f`},
		{"`a ${b + `c ${d}` + {e: 1}.e} f`", "`  ${b + `  ${d}` + {e: 1}.e}  `"},
		{`a.b(/c"[/]d/g) / e`, `a.b(/      /g) / e`},
		{`return /a'/.b / c`, `return /  /.b / c`},
		{"a\n/b/c", "a\n/b/c"},
		{`x.return / y + '/'`, `x.return / y + ' '`},
		{"a // ü\n'ü'+b", "a      \n'  '+b"},
		{`if (a) /"/.b + "c"`, `if (a) / /.b + " "`},
		{`(a) / "b" / c`, `(a) / " " / c`},
		{`'a' / b / 'c'`, `' ' / b / ' '`},
		{`a('b`, `a('b`},
		{"`${", "`${"},
		{"'a\\\nb'", "'  \n '"},
		{"", ""},
	} {
		if got := scriptCode(test.script); got != test.want {
			t.Errorf("%q: %q, want %q", test.script, got, test.want)
		}
	}
}

func FuzzScriptCode(f *testing.F) {
	f.Add("`${'a'}` / /b/.c // d")
	f.Fuzz(func(t *testing.T, script string) {
		code := scriptCode(script)
		if len(code) != len(script) {
			t.Fatalf("%q: %q", script, code)
		}
		for i := range len(code) {
			if code[i] != script[i] && (code[i] != ' ' || script[i] == '\n') {
				t.Fatalf("%q: %q", script, code)
			}
		}
	})
}
