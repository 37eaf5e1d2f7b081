// Package sqlstep is the step kind sql. Its name is that of the kind and "step", so that it does not hide database/sql.
package sqlstep

import (
	"context"
	"database/sql"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// Kind queries and changes a database.
func Kind() flows.Kind {
	return flows.Kind{
		Name:       "sql",
		Summary:    "Runs statements on a database; each returned row is an item.",
		Doc:        doc,
		Params:     params(),
		Example:    example,
		Effect:     flows.Once,
		ThroughEnv: true,
		New:        func(args *flows.Args) (flows.Runner, error) { return newStep(args) },
	}
}

// Limits of max_rows.
const (
	defaultRows  = 1000
	maxRowsLimit = 100_000
)

// step is one sql step of a flow.
type step struct {
	connection  string
	statements  []*statement
	transaction bool
	maxRows     int
}

func newStep(args *flows.Args) (*step, error) {
	s := &step{connection: args.String("connection"), transaction: args.Has("transaction"), maxRows: defaultRows}
	if args.Has("max_rows") {
		if s.maxRows = args.Int("max_rows"); s.maxRows < 1 || s.maxRows > maxRowsLimit {
			return nil, args.Refuse(problem.OutOfRange, "max_rows", "max_rows is from 1 to %d", maxRowsLimit)
		}
	}
	parts := []*flows.Args{args}
	if s.transaction {
		parts = args.List("transaction")
		for _, name := range []string{"args", "files", "json"} {
			if args.Has(name) {
				return nil, args.Errorf(name, "each statement of a transaction has its own %s", name)
			}
		}
		if len(parts) == 0 {
			return nil, args.Refuse(problem.OutOfRange, "transaction", "expected at least one statement")
		}
	}
	for _, part := range parts {
		statement, err := newStatement(part)
		if err != nil {
			return nil, err
		}
		if s.transaction {
			statement.each = part.Expr("each")
		}
		s.statements = append(s.statements, statement)
	}
	return s, nil
}

// Effect is Read only if the text of no statement writes. A function called by a SELECT may write without showing it;
// for that the flow sets `effect`.
func (s *step) Effect() flows.Effect {
	for _, statement := range s.statements {
		if statement.writes {
			return flows.Once
		}
	}
	return flows.Read
}

// Run executes the statements for one item.
func (s *step) Run(ctx context.Context, in *flows.Input) ([]any, error) {
	connections := in.Env().Connections
	if connections == nil {
		return nil, failure.Errorf("there is no connection %q: no connections are configured here", s.connection)
	}
	db, err := connections.SQL(ctx, s.connection)
	if err != nil {
		return nil, err
	}
	defer db.Release()
	calls := make([][]*call, len(s.statements))
	for i, statement := range s.statements {
		if calls[i], err = statement.renderEach(ctx, in, db); err != nil {
			return nil, err
		}
	}
	leave, err := db.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if s.transaction {
		return s.runTransaction(ctx, db, calls, in)
	}
	rows := rowReader{dialect: db.Dialect, maxRows: s.maxRows, charger: in.Charger(ctx), in: in}
	items, err := calls[0][0].run(ctx, db.DB, &rows)
	return items, sqlError(ctx, db, err)
}

// runTransaction executes all statements or none. It puts out one item, the list of the statements' results.
func (s *step) runTransaction(ctx context.Context, db *flows.Database, calls [][]*call, in *flows.Input) ([]any, error) {
	tx, err := db.DB.BeginTx(ctx, nil)
	if err != nil {
		return nil, sqlError(ctx, db, err)
	}
	defer tx.Rollback() // no effect after a commit
	rows := rowReader{dialect: db.Dialect, maxRows: s.maxRows, charger: in.Charger(ctx), in: in}
	given := make([]any, len(calls))
	for i, statement := range s.statements {
		results := make([]any, len(calls[i]))
		for j, call := range calls[i] {
			items, err := call.run(ctx, tx, &rows)
			if err != nil {
				return nil, sqlError(ctx, db, err)
			}
			if results[j] = items; !statement.query {
				results[j] = items[0]
			}
		}
		if given[i] = results; statement.each == nil {
			given[i] = results[0]
		}
	}
	if err := tx.Commit(); err != nil {
		return nil, sqlError(ctx, db, err)
	}
	return []any{given}, nil
}

// runner is a pool or a transaction.
type runner interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}
