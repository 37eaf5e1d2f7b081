package history

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Migrations are numbered and only go forward. A process refuses a schema that is newer than the newest one it knows.
//
//go:embed migrations
var migrations embed.FS

// migration is one change of the schema.
type migration struct {
	number int
	text   string
}

func readMigrations(directory string) ([]migration, error) {
	files, err := fs.Glob(migrations, "migrations/"+directory+"/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	all := make([]migration, len(files))
	for i, file := range files {
		text, err := migrations.ReadFile(file)
		if err != nil {
			return nil, err
		}
		name := file[strings.LastIndexByte(file, '/')+1:]
		number, err := strconv.Atoi(name[:strings.IndexByte(name, '_')])
		if err != nil || number != i+1 {
			return nil, fmt.Errorf("history: migration %s is not number %d", name, i+1)
		}
		all[i] = migration{number, string(text)}
	}
	return all, nil
}

// migrate brings the schema up to date. Several processes may do it at once.
func (h *DB) migrate(ctx context.Context) error {
	all, err := readMigrations(h.dialect.migrations())
	if err != nil {
		return err
	}
	return h.transaction(ctx, func(tx *sql.Tx) error {
		if err := h.dialect.lock(ctx, tx); err != nil {
			return unavailable(err)
		}
		if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS schema_version (number INTEGER NOT NULL)"); err != nil {
			return unavailable(err)
		}
		var has int
		if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(number), 0) FROM schema_version").Scan(&has); err != nil {
			return unavailable(err)
		}
		if has > len(all) {
			return fmt.Errorf("history: the database has the schema %d of a newer version of the program; this one knows %d", has, len(all))
		}
		if has > 0 && has < len(all) {
			begun := time.Now()
			h.log.Info("the schema of the history is changed: Redis keeps ended runs until it is done", "from", has, "to", len(all))
			defer func() {
				h.log.Info("the schema of the history was changed", "seconds", int(time.Since(begun).Seconds()))
			}()
		}
		for _, m := range all[has:] {
			if _, err := tx.ExecContext(ctx, m.text); err != nil {
				return fmt.Errorf("history: migrate to schema %d: %w", m.number, err)
			}
			if _, err := tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO schema_version (number) VALUES (%d)", m.number)); err != nil {
				return unavailable(err)
			}
		}
		return nil
	})
}
