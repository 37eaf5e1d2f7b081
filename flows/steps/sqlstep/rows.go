package sqlstep

import (
	"bytes"
	"context"
	"database/sql"
	"slices"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/bulk"
)

// rowReader converts rows to items, within limits.
type rowReader struct {
	dialect flows.Dialect
	maxRows int // rows of one query
	size    int // bytes read so far
	charger *budget.Charger
	in      *flows.Input // has the files
}

// maxSQLSize limits the total size of the rows of a step in bytes.
const maxSQLSize = 100_000_000

// read returns the rows of a statement.
func (r *rowReader) read(ctx context.Context, rows *sql.Rows, s *statement) ([]any, error) {
	columns, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	if err := checkColumns(columns, s); err != nil {
		return nil, err
	}
	values := make([]any, len(columns))
	places := make([]any, len(columns))
	for i := range values {
		places[i] = &values[i]
	}
	items := []any{}
	for rows.Next() {
		if len(items) == r.maxRows {
			return nil, failure.Errorf("more than %d rows; raise max_rows or ask for fewer", r.maxRows)
		}
		if err := rows.Scan(places...); err != nil {
			return nil, err
		}
		item, err := r.item(ctx, columns, values, s)
		if err != nil {
			return nil, err
		}
		items = append(bulk.Grow(items), item)
	}
	return items, rows.Err()
}

func (r *rowReader) item(ctx context.Context, columns []*sql.ColumnType, values []any, s *statement) (map[string]any, error) {
	if err := r.charger.Charge(budget.Cell + budget.Object + budget.Members(len(columns))); err != nil {
		return nil, failure.Limit(err)
	}
	item := make(map[string]any, len(columns))
	for i, column := range columns {
		if slices.Contains(s.files, column.Name()) {
			var err error
			if item[column.Name()], err = r.file(ctx, values[i]); err != nil {
				return nil, err
			}
			continue
		}
		before := r.size
		switch v := values[i].(type) {
		case string:
			r.size += len(v)
		case []byte:
			r.size += len(v)
		default:
			r.size += 8
		}
		if err := r.charger.Charge(int64(2 * (r.size - before))); err != nil { // the driver's copy and ours
			return nil, failure.Limit(err)
		}
		if r.size > maxSQLSize {
			return nil, failure.Errorf("the rows are larger than %s together", flows.SizeText(maxSQLSize))
		}
		item[column.Name()] = sqlValue(r.dialect, column.DatabaseTypeName(), values[i])
		if text, ok := item[column.Name()].(string); ok && slices.Contains(s.json, column.Name()) {
			v, err := flows.DecodeJSON([]byte(text))
			if err != nil {
				return nil, failure.Errorf("json: a value of the column %q is no JSON: %v", column.Name(), err)
			}
			item[column.Name()] = v
		}
	}
	return item, nil
}

// file stores a value as a file of the run. Its memory, and what is counted of it, is given back.
func (r *rowReader) file(ctx context.Context, value any) (any, error) {
	var text []byte
	contentType := "application/octet-stream"
	switch value := value.(type) {
	case nil:
		return nil, nil
	case []byte:
		text = value
	case string:
		text, contentType = []byte(value), "text/plain; charset=utf-8"
	default:
		return nil, failure.Errorf("files: a column of numbers or times cannot become a file")
	}
	held := r.charger.Part()
	defer held.Drop()
	if err := held.Charge(2 * int64(len(text))); err != nil { // the driver's copy and ours
		return nil, failure.Limit(err)
	}
	file, err := r.in.SaveFile(ctx, 0, "", contentType, bytes.NewReader(text))
	if err != nil {
		return nil, content.FileError(ctx, "stored", err)
	}
	return file.Value(), nil
}

func checkColumns(columns []*sql.ColumnType, s *statement) error {
	seen := map[string]bool{}
	for i, column := range columns {
		name := column.Name()
		switch {
		case name == "":
			return failure.Errorf("column %d has no name: give it one with AS", i+1)
		case seen[name]:
			return failure.Errorf("two columns are named %q: give one another name with AS", name)
		}
		seen[name] = true
	}
	for _, name := range s.files {
		if !seen[name] {
			return failure.Errorf("files: the rows have no column %q", name)
		}
	}
	for _, name := range s.json {
		if !seen[name] {
			return failure.Errorf("json: the rows have no column %q", name)
		}
	}
	return nil
}
