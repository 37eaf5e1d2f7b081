// Package lua has the scripts of the queue, one in each file, and the parts that they
// share in lib. A script documents its ARGV and its reply, and lists in its first line
// the parts of lib that precede it.
package lua

import (
	"embed"
	"slices"
	"strings"
	"unicode"
)

//go:embed *.lua lib/*.lua
var files embed.FS

// Text returns an embedded file, named without ".lua". It panics when there is none,
// which is a programming error.
func Text(file string) string {
	text, err := files.ReadFile(file + ".lua")
	if err != nil {
		panic(err)
	}
	return string(text)
}

// usesMark begins the first line of a script; the parts of lib that precede it follow.
const usesMark = "-- uses: "

// Library joins scripts with the declarations of lib that they use. Unused
// declarations and comments are left out: Redis executes the whole text at each
// call, and creating unused functions would take longer than the work of the script.
type Library struct {
	read  func(file string) string
	parts map[string][]declaration // parts of lib, split once: every process does this when it starts
}

// declaration is one of a part of lib.
type declaration struct {
	code  string
	names []string // that it declares
	words []string // in its code, each once
}

// NewLibrary returns a library of the files that read returns, named as for Text.
func NewLibrary(read func(file string) string) *Library {
	return &Library{read: read, parts: map[string][]declaration{}}
}

// Source returns the text of a script that is sent to Redis. It panics if the script
// does not say which parts it uses, which is a programming error.
func (l *Library) Source(name string) string {
	text := l.read(name)
	first, _, _ := strings.Cut(text, "\n")
	uses, found := strings.CutPrefix(first, usesMark)
	if !found {
		panic("lua: " + name + ".lua does not say which parts it uses")
	}
	var lib []declaration
	for part := range strings.FieldsSeq(uses) {
		lib = append(lib, l.part(part)...)
	}
	parts := []string{withoutComments(text)}
	used := map[string]bool{}
	for _, w := range words(parts[0]) {
		used[w] = true
	}
	// A declaration can be used only behind itself, so one walk from the end finds all that are used.
	for _, d := range slices.Backward(lib) {
		if slices.ContainsFunc(d.names, func(name string) bool { return used[name] }) {
			parts = append(parts, d.code)
			for _, w := range d.words {
				used[w] = true
			}
		}
	}
	slices.Reverse(parts)
	return strings.Join(parts, "")
}

// part returns the declarations of a part of lib: each begins with a line that is not
// indented and says "local".
func (l *Library) part(name string) []declaration {
	all, known := l.parts[name]
	if known {
		return all
	}
	for line := range strings.Lines(withoutComments(l.read("lib/" + name))) {
		if strings.HasPrefix(line, "local ") {
			all = append(all, declaration{names: declaredNames(line)})
		}
		all[len(all)-1].code += line
	}
	for i := range all {
		all[i].words = words(all[i].code)
	}
	l.parts[name] = all
	return all
}

// declaredNames returns the names before "=" or the parameters of a declaration.
func declaredNames(line string) []string {
	line = strings.TrimPrefix(strings.TrimPrefix(line, "local "), "function ")
	if end := strings.IndexAny(line, "=("); end >= 0 {
		line = line[:end]
	}
	return words(line)
}

// withoutComments returns the code of a file, which has no "--" but in comments.
func withoutComments(text string) string {
	var code strings.Builder
	for line := range strings.Lines(text) {
		before, _, _ := strings.Cut(line, "--")
		if before = strings.TrimRight(before, " \t\n"); before != "" {
			code.WriteString(before + "\n")
		}
	}
	return code.String()
}

// words returns the words of a text, each once, in no order that matters.
func words(text string) []string {
	all := strings.FieldsFunc(text, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	slices.Sort(all)
	return slices.Compact(all)
}
