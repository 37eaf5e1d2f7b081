package encode

import (
	"bytes"
	"context"
	"net/url"
	"slices"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/payload"
)

func csvFormat(args *flows.Args) (form, error) {
	if args.Bool("decode") {
		for _, name := range []string{"columns", "header"} {
			if args.Has(name) {
				return nil, args.Errorf(name, "%s has no meaning for csv when it decodes", name)
			}
		}
		return decodeFormat(func(charger *budget.Charger, text string) (any, error) {
			return payload.ParseCSV(charger, payload.TrimBOM([]byte(text)))
		}), nil
	}
	columns, header := args.Strings("columns"), !args.Has("header") || args.Bool("header")
	return func(ctx context.Context, in *flows.Input, v any) (any, error) {
		return writeCSV(in.Charger(ctx), v, columns, header)
	}, nil
}

// decodeFormat is the form of a text decoder.
func decodeFormat(read func(charger *budget.Charger, text string) (any, error)) form {
	return func(ctx context.Context, in *flows.Input, v any) (any, error) {
		text, ok := v.(string)
		if !ok {
			return nil, failure.Errorf("expected text, found %s", content.TypeName(v))
		}
		result, err := read(in.Charger(ctx), text)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if limit := failure.AsLimit(err); limit != nil {
			return nil, limit
		}
		if err != nil {
			return nil, failure.Errorf("%v", err)
		}
		return result, nil
	}
}

// writeCSV encodes a list of objects, by columns, or a list of lists.
func writeCSV(charger *budget.Charger, v any, columns []string, header bool) (any, error) {
	rows, ok := v.([]any)
	if !ok {
		return nil, failure.Errorf("expected a list of objects or lists, found %s", content.TypeName(v))
	}
	lists := len(rows) > 0 && isList(rows[0])
	if len(columns) == 0 && !lists {
		columns = memberNames(rows)
	}
	var b bytes.Buffer
	if header && len(columns) > 0 {
		payload.WriteCSVRow(&b, columns)
	}
	for i, row := range rows {
		cells, err := csvCells(row, columns, lists)
		if err != nil {
			return nil, failure.Errorf("row %d %v", i+1, err)
		}
		if err := charger.Charge(payload.RowSize(cells) + 2*budget.Text*int64(len(cells))); err != nil {
			return nil, err
		}
		payload.WriteCSVRow(&b, cells)
	}
	if err := charger.Charge(int64(b.Len())); err != nil {
		return nil, err
	}
	return b.String(), nil
}

func isList(v any) bool { _, ok := v.([]any); return ok }

// memberNames returns the sorted names of the members of all objects.
func memberNames(rows []any) []string {
	var names []string
	seen := map[string]bool{}
	for _, row := range rows {
		object, _ := row.(map[string]any)
		for name := range object {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

func csvCells(row any, columns []string, lists bool) ([]string, error) {
	var values []any
	switch row := row.(type) {
	case []any:
		values = row
	case map[string]any:
		values = make([]any, len(columns))
		for i, name := range columns {
			values[i] = row[name]
		}
	}
	if values == nil || isList(row) != lists {
		return nil, failure.Errorf("is %s; all rows are objects or all are lists", content.TypeName(row))
	}
	cells := make([]string, len(values))
	for i, v := range values {
		if v != nil {
			cells[i] = content.ScalarText(v)
		}
	}
	return cells, nil
}

func formFormat(args *flows.Args) (form, error) {
	if args.Bool("decode") {
		return decodeFormat(readForm), nil
	}
	return func(_ context.Context, _ *flows.Input, v any) (any, error) {
		object, ok := v.(map[string]any)
		if !ok {
			return nil, failure.Errorf("expected an object, found %s", content.TypeName(v))
		}
		pairs := url.Values{}
		for name, member := range object {
			values, err := content.TextValues(member)
			if err != nil {
				return nil, failure.Errorf("%s %v", name, err)
			}
			if values != nil {
				pairs[name] = values
			}
		}
		return pairs.Encode(), nil
	}, nil
}

// readForm decodes a form, as the front door does.
func readForm(charger *budget.Charger, text string) (any, error) {
	return payload.ParseForm(charger, []byte(text), "", false)
}
