package flow

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/atomicfile"
	"github.com/penstock/penstock/internal/phrase"
)

// checkOf returns the check of one file with another text.
func checkOf(kinds *flows.Catalogue, file flowSource) problem.Check {
	return func(src string) (problems problem.List) {
		file.text = []byte(src)
		var err error
		if file.connector {
			_, err = flows.ParseConnector(file.name, file.text, kinds)
		} else {
			_, err = file.parse(kinds)
		}
		if err != nil && !errors.As(err, &problems) {
			problems = problem.List{problem.NewMistake(problem.BadValue, file.name, 1, 1, "%v", err)}
		}
		return problems
	}
}

// withFixes adds the known corrections to the mistakes of files.
func withFixes(kinds *flows.Catalogue, problems problem.List, files []flowSource) problem.List {
	for _, file := range files {
		var own problem.List
		var at []int
		for i := range problems {
			if problems[i].File == file.name {
				own, at = append(own, problems[i]), append(at, i)
			}
		}
		for i, p := range problem.AddFixes(string(file.text), own, checkOf(kinds, file)) {
			problems[at[i]] = p
		}
	}
	return problems
}

// fixFiles makes the safe corrections in files, and says which. It returns the files with their texts afterwards.
func fixFiles(w io.Writer, kinds *flows.Catalogue, files []flowSource) ([]flowSource, error) {
	for i, file := range files {
		if file.name == stdinTitle {
			return nil, errors.New("fix: standard input is no file that can be written: name the file")
		}
		text, made := problem.FixAll(string(file.text), checkOf(kinds, file))
		if len(made) == 0 {
			continue
		}
		if err := rewrite(file.name, []byte(text)); err != nil {
			return nil, fmt.Errorf("fix: %w", err)
		}
		for _, f := range made {
			fmt.Fprintf(w, "%s:%d:%d: fixed %s: %s\n", file.name, f.Problem.Line, f.Problem.Column, f.Problem.Code, f.Title)
		}
		fmt.Fprintf(w, "%s: %s\n\n", file.name, phrase.Count(len(made), "correction"))
		files[i].text = []byte(text)
	}
	return files, nil
}

// rewrite gives a file another text, and leaves its mode and a link to it as they are.
func rewrite(name string, text []byte) error {
	name, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	return atomicfile.Replace(name, text, info.Mode().Perm())
}
