package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// withoutIndexes calls fill while the runs of a PostgreSQL database have no indexes but the one that keeps ids unique, and builds them
// again. 10 million runs take a third of the time so.
func withoutIndexes(ctx context.Context, place string, fill func() error) error {
	db, err := sql.Open("pgx", place)
	if err != nil {
		return err
	}
	defer db.Close()
	definitions, err := indexes(ctx, db)
	if err != nil {
		return err
	}
	for name := range definitions {
		if _, err := db.ExecContext(ctx, "DROP INDEX "+name); err != nil {
			return err
		}
	}
	if err := fill(); err != nil {
		return err
	}
	for name, definition := range definitions {
		begun := time.Now()
		if _, err := db.ExecContext(ctx, definition); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%s built in %.0f s\n", name, time.Since(begun).Seconds())
	}
	_, err = db.ExecContext(ctx, "ANALYZE runs")
	return err
}

// indexes returns the statements that create the indexes of runs, by their names.
func indexes(ctx context.Context, db *sql.DB) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, "SELECT relname, pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indrelid = 'runs'::regclass AND NOT indisunique")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	definitions := map[string]string{}
	for rows.Next() {
		var name, definition string
		if err := rows.Scan(&name, &definition); err != nil {
			return nil, err
		}
		definitions[name] = strings.Replace(definition, " ON ONLY ", " ON ", 1) // of the partitions, too
	}
	return definitions, rows.Err()
}
