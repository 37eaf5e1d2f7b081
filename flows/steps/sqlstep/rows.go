package sqlstep

import (
	"database/sql"

	"github.com/penstock/penstock/flows"
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
}

// maxSQLSize limits the total size of the rows of a step in bytes.
const maxSQLSize = 100_000_000

func (r *rowReader) read(rows *sql.Rows) ([]any, error) {
	columns, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	if err := checkColumns(columns); err != nil {
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
		item, err := r.item(columns, values)
		if err != nil {
			return nil, err
		}
		items = append(bulk.Grow(items), item)
	}
	return items, rows.Err()
}

func (r *rowReader) item(columns []*sql.ColumnType, values []any) (map[string]any, error) {
	if err := r.charger.Charge(budget.Cell + budget.Object + budget.Members(len(columns))); err != nil {
		return nil, failure.Limit(err)
	}
	item := make(map[string]any, len(columns))
	for i, column := range columns {
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
	}
	return item, nil
}

func checkColumns(columns []*sql.ColumnType) error {
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
	return nil
}
