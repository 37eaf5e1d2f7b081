package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/penstock/penstock/internal/testenv"
)

// openPostgres returns the pool of a connection with a pooler of that mode.
func openPostgres(t *testing.T, d *testenv.Database, pooler, connections string) *Pool {
	t.Helper()
	settings := settingsOf(d)
	settings["pooler"], settings["max_connections"] = pooler, connections
	return openPool(t, Postgres(), settings)
}

// The columns of a table change between two queries, outside and in transactions; the second one gives the new columns.
func TestStatementsAfterSchemaChange(t *testing.T) {
	t.Parallel()
	d := testenv.Postgres(t)
	for _, pooler := range []string{"none", "transaction"} {
		for _, inTransaction := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, in a transaction: %t", pooler, inTransaction), func(t *testing.T) {
				t.Parallel()
				db := openPostgres(t, d, pooler, "1").DB
				table := fmt.Sprintf("changing_%s_%t", pooler, inTransaction)
				for _, step := range []struct {
					change string
					want   []any
				}{
					{"create table " + table + " as select 1 as a", []any{int64(1)}},
					{"alter table " + table + " add b int default 2", []any{int64(1), int64(2)}},
					{"alter table " + table + " drop column a", []any{int64(2)}},
					{"alter table " + table + " alter b type bigint using 5000000000", []any{int64(5_000_000_000)}},
				} {
					if _, err := db.ExecContext(t.Context(), step.change); err != nil {
						t.Fatalf("%s: %v", step.change, err)
					}
					got, err := firstRow(t.Context(), db, inTransaction, "select * from "+table+" where 'x' = $1")
					if err != nil || !reflect.DeepEqual(got, step.want) {
						t.Errorf("%s: %v, %v, want %v", step.change, got, err, step.want)
					}
				}
			})
		}
	}
}

// firstRow returns the first row of a query with the argument x.
func firstRow(ctx context.Context, db *sql.DB, inTransaction bool, query string) ([]any, error) {
	ask := db.QueryContext
	if inTransaction {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return nil, err
		}
		defer tx.Rollback()
		ask = tx.QueryContext
	}
	found, err := ask(ctx, query, "x")
	if err != nil {
		return nil, err
	}
	defer found.Close()
	names, err := found.Columns()
	if err != nil {
		return nil, err
	}
	row, places := make([]any, len(names)), make([]any, len(names))
	for i := range row {
		places[i] = &row[i]
	}
	if !found.Next() {
		return nil, errors.Join(errors.New("no row"), found.Err())
	}
	return row, found.Scan(places...)
}

// With `pooler: transaction` no prepared statement is left on a connection.
func TestPoolerLeavesNoPreparedStatement(t *testing.T) {
	t.Parallel()
	d := testenv.Postgres(t)
	for pooler, want := range map[string]bool{"none": true, "session": true, "transaction": false} {
		db := openPostgres(t, d, pooler, "1").DB
		var left bool
		for range 2 {
			if err := db.QueryRowContext(t.Context(), "select count(*) > 0 from pg_prepared_statements where $1 = 'a'", "a").Scan(&left); err != nil {
				t.Fatal(err)
			}
		}
		if left != want {
			t.Errorf("%s: prepared statements: %t, want %t", pooler, left, want)
		}
	}
}

// A text is one statement, also without arguments.
func TestExecIsOneStatement(t *testing.T) {
	t.Parallel()
	d := testenv.Postgres(t)
	for _, pooler := range []string{"none", "transaction"} {
		db := openPostgres(t, d, pooler, "1").DB
		if _, err := db.ExecContext(t.Context(), "create table two (a int); create table three (a int)"); err == nil || !strings.Contains(err.Error(), "42601") {
			t.Errorf("%s: %v, want a syntax error", pooler, err)
		}
		result, err := db.ExecContext(t.Context(), "create table if not exists one as select generate_series(1, 3) as n")
		if err != nil {
			t.Fatal(err)
		}
		if _, err = result.RowsAffected(); err != nil {
			t.Fatal(err)
		}
		if result, err = db.ExecContext(t.Context(), "update one set n = n"); err != nil {
			t.Fatal(err)
		}
		if n, err := result.RowsAffected(); n != 3 || err != nil {
			t.Errorf("%s: %d rows affected, %v", pooler, n, err)
		}
	}
}

// Behind a PgBouncer that gives a server to each transaction, all statements succeed with `pooler: transaction`; without
// it, the error says so.
func TestPgBouncer(t *testing.T) {
	t.Parallel()
	d := testenv.PgBouncer(t, testenv.Postgres(t))
	run := func(pooler string) (failed int64, last error) {
		db := openPostgres(t, d, pooler, "6")
		if _, err := db.DB.ExecContext(t.Context(), "create table if not exists t (n int)"); err != nil {
			t.Fatal(err)
		}
		var failures atomic.Int64
		var mu sync.Mutex
		var all sync.WaitGroup
		for worker := range 6 {
			all.Go(func() {
				for i := range 10 {
					var n string
					err := db.DB.QueryRowContext(t.Context(), "select $1::text || pg_sleep(0.002)::text", "x").Scan(&n)
					if err == nil && worker%2 == 0 {
						err = insertInTransaction(t.Context(), db, i)
					}
					if err != nil {
						failures.Add(1)
						mu.Lock()
						last = err
						mu.Unlock()
					}
				}
			})
		}
		all.Wait()
		if last != nil {
			if hint := db.Describe(last).Hint; !strings.Contains(hint, "pooler: transaction") {
				t.Errorf("the hint is %q for %v", hint, last)
			}
		}
		return failures.Load(), last
	}
	if failed, err := run("transaction"); failed != 0 {
		t.Errorf("pooler: transaction: %d of 60 failed: %v", failed, err)
	}
	failed, err := run("none")
	t.Logf("pooler: none: %d of 60 failed: %v", failed, err)
	if failed == 0 {
		t.Error("pooler: none: no statement failed: this PgBouncer keeps prepared statements")
	}
}

func insertInTransaction(ctx context.Context, db *Pool, n int) error {
	tx, err := db.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "insert into t values ($1)", n)
	if err == nil {
		_, err = tx.ExecContext(ctx, "update t set n = n where false")
	}
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
