package sqlstep

import (
	"context"
	"slices"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// statement is one statement of a step. Its text is fixed; values are passed as arguments only.
type statement struct {
	text   string
	query  bool // returns rows
	args   *flows.Template
	files  []string // columns whose values become files
	json   []string // columns whose text becomes the value that it is the JSON of
	writes bool
	each   *flows.Expr // of a transaction: the statement is executed for each of its results; nil: once
}

// maxStatement limits the text of a statement in bytes.
const maxStatement = 64 << 10

func newStatement(args *flows.Args) (*statement, error) {
	s := &statement{query: args.Has("query"), args: args.Template("args"), files: args.Strings("files"), json: args.Strings("json")}
	param := "exec"
	if s.query {
		param = "query"
	}
	if s.text = args.String(param); len(s.text) > maxStatement {
		return nil, args.Refuse(problem.TooLarge, param, "a statement has at most %d bytes", maxStatement)
	}
	for _, name := range []string{"files", "json"} {
		if args.Has(name) && !s.query {
			return nil, args.Errorf(name, "%s are columns of a query", name)
		}
	}
	if list, fixed := s.argsLiteral(); fixed {
		if _, ok := list.([]any); !ok {
			return nil, args.Refuse(problem.WrongType, "args", "args is a list, one value for each placeholder")
		}
	}
	words, several := sqlWords(s.text)
	switch {
	case len(words) == 0:
		return nil, args.Errorf(param, "expected a statement, found none")
	case several:
		return nil, args.Errorf(param, "one statement each: several go into transaction")
	case copies(words):
		return nil, args.Errorf(param, "COPY between the database and its client has no meaning here: INSERT the rows, or SELECT them")
	case controlsTransaction(words):
		return nil, args.Errorf(param, "a transaction does not outlive its step: write its statements into transaction, without BEGIN and COMMIT")
	}
	s.writes = !s.query || writesSQL(words)
	return s, nil
}

// argsLiteral returns args if it is a literal.
func (s *statement) argsLiteral() (any, bool) {
	if s.args == nil {
		return nil, false
	}
	return s.args.Literal()
}

// writesSQL reports whether the words of a query may write. In doubt it returns true.
func writesSQL(words []string) bool {
	reads := []string{"select", "with", "values", "table", "show", "explain", "describe", "desc"}
	changes := []string{
		"insert", "update", "delete", "merge", "replace", "into", "create", "alter", "drop", "truncate",
		"call", "exec", "execute", "do", "analyze", "nextval", "setval",
	}
	return !slices.Contains(reads, words[0]) || slices.ContainsFunc(words, func(w string) bool { return slices.Contains(changes, w) })
}

// maxEach is the maximum number of executions of a statement with each.
const maxEach = 10_000

// renderEach returns the executions of the statement for one item.
func (s *statement) renderEach(ctx context.Context, in *flows.Input, db *flows.Database) ([]*call, error) {
	if s.each == nil {
		c, err := s.render(ctx, in, db)
		return []*call{c}, err
	}
	values, err := s.each.All(ctx, in)
	if err != nil {
		return nil, err
	}
	if len(values) > maxEach {
		return nil, failure.Errorf("each has %d results; %d are allowed", len(values), maxEach)
	}
	calls := make([]*call, len(values))
	for i, v := range values {
		if calls[i], err = s.render(ctx, in.With(v), db); err != nil {
			return nil, err
		}
	}
	return calls, nil
}

// render binds the arguments for one item.
func (s *statement) render(ctx context.Context, in *flows.Input, db *flows.Database) (*call, error) {
	if db.Dialect == flows.SQLite {
		if err := checkSQLite(s.text); err != nil {
			return nil, err
		}
	}
	c := &call{statement: s, text: s.text, db: db}
	if s.args == nil {
		return c, nil
	}
	v, err := s.args.Render(ctx, in)
	if err != nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok {
		return nil, failure.Errorf("args is %s, not a list with one value for each placeholder", content.TypeName(v))
	}
	c.args = make([]any, len(list))
	left := int64(maxFiles)
	for i, value := range list {
		if object, isObject := value.(map[string]any); isObject {
			if _, isFile := flows.FileOf(object); isFile {
				bytes, _, err := content.ReadFile(ctx, in, value, left)
				if err != nil {
					return nil, err
				}
				c.args[i], left = bytes, left-int64(len(bytes))
				continue
			}
		}
		c.args[i] = bindSQL(db.Dialect, value)
	}
	return c, c.expandLists(list)
}

// maxFiles limits the files among the arguments of a statement in bytes.
const maxFiles = 50_000_000
