package encode

import (
	"bytes"
	"context"
	"net/url"
	"slices"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/payload"
)

func csvFormat(args *flows.Args) (form, error) {
	dialect, err := content.CSVDialect(args)
	if err != nil {
		return nil, err
	}
	label := args.String("charset")
	if _, err := payload.Charset(label); err != nil {
		return nil, args.Errorf("charset", "charset: %v", err)
	}
	if args.Bool("decode") {
		return readCSVFormat(args, dialect, label)
	}
	for _, name := range append(content.ReadingCSV, "input") {
		if args.Has(name) {
			return nil, args.Refuse(problem.MeaninglessKey, name, "%s has no meaning for csv unless it decodes", name)
		}
	}
	base64 := args.String("output") == "base64"
	switch output := args.String("output"); {
	case output != "" && output != "text" && !base64:
		return nil, args.Errorf("output", "csv is written as text or base64")
	case label != "" && !base64:
		return nil, args.Errorf("charset", "bytes in a charset are no text here: output: base64 writes them")
	}
	bom := args.Bool("bom")
	return func(ctx context.Context, in *flows.Input, v any) (any, error) {
		text, err := writeCSV(in.Charger(ctx), v, dialect, bom)
		if err != nil || !base64 {
			return text, err
		}
		return base64Text(in.Charger(ctx), text, label)
	}, nil
}

// readCSVFormat reads text, or bytes in a charset.
func readCSVFormat(args *flows.Args, dialect payload.CSVDialect, label string) (form, error) {
	for _, name := range []string{"bom", "output"} {
		if args.Has(name) {
			return nil, args.Refuse(problem.MeaninglessKey, name, "%s has no meaning for csv when it decodes", name)
		}
	}
	if len(dialect.Columns) > 0 && !dialect.NoHeader {
		return nil, args.Errorf("columns", "columns name those of a file without a header: add header: false")
	}
	input := args.String("input")
	if input == "" || input == "text" {
		if label != "" {
			return nil, args.Errorf("charset", "a text has none: charset is that of bytes, with input: base64 or file")
		}
		return decodeFormat(func(charger *budget.Charger, text string) (any, error) {
			return dialect.Parse(charger, payload.TrimBOM([]byte(text)))
		}), nil
	}
	return func(ctx context.Context, in *flows.Input, v any) (any, error) {
		var bytes []byte
		var err error
		if input == inputFile {
			bytes, _, err = content.ReadFile(ctx, in, v, maxFile)
		} else {
			bytes, err = readBytes(codecNamed(input), v)
		}
		if err != nil {
			return nil, err
		}
		text, err := payload.DecodeText(in.Charger(ctx), bytes, label)
		if err != nil {
			return nil, failure.Errorf("the CSV cannot be read: %v", err)
		}
		return decodeFormat(func(charger *budget.Charger, _ string) (any, error) { return dialect.Parse(charger, text) })(ctx, in, "")
	}, nil
}

// base64Text returns the bytes of a text in a charset. Characters that it does not have are a failure.
func base64Text(charger *budget.Charger, text, label string) (any, error) {
	coding, err := payload.Charset(label)
	if err != nil {
		return nil, err
	}
	bytes := []byte(text)
	if coding != nil {
		if err := charger.Charge(2 * int64(len(text))); err != nil {
			return nil, err
		}
		if bytes, err = coding.NewEncoder().Bytes(bytes); err != nil {
			return nil, failure.Errorf("the charset %s does not have a character of the text", label)
		}
	}
	return base64Codec().encode(bytes), charger.Charge(2 * int64(len(bytes)))
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
func writeCSV(charger *budget.Charger, v any, dialect payload.CSVDialect, bom bool) (string, error) {
	rows, ok := v.([]any)
	if !ok {
		return "", failure.Errorf("expected a list of objects or lists, found %s", content.TypeName(v))
	}
	columns, lists := tableColumns(rows, dialect.Columns)
	var b bytes.Buffer
	if bom {
		b.WriteString("\ufeff")
	}
	if !dialect.NoHeader && len(columns) > 0 {
		if err := dialect.WriteRow(&b, columns); err != nil {
			return "", failure.Errorf("the header %v", err)
		}
	}
	for i, row := range rows {
		values, err := tableRow(row, columns, lists)
		if err != nil {
			return "", failure.Errorf("row %d %v", i+1, err)
		}
		cells := make([]string, len(values))
		for j, v := range values {
			if v != nil {
				cells[j] = content.ScalarText(v)
			}
		}
		if err := charger.Charge(payload.RowSize(cells) + 2*budget.Text*int64(len(cells))); err != nil {
			return "", err
		}
		if err := dialect.WriteRow(&b, cells); err != nil {
			return "", failure.Errorf("row %d %v", i+1, err)
		}
	}
	if err := charger.Charge(int64(b.Len())); err != nil {
		return "", err
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

// tableColumns returns the columns of a table, and whether its rows are lists.
func tableColumns(rows []any, columns []string) ([]string, bool) {
	lists := len(rows) > 0 && isList(rows[0])
	if len(columns) == 0 && !lists {
		columns = memberNames(rows)
	}
	return columns, lists
}

// tableRow returns the values of a row by columns, or those of a list.
func tableRow(row any, columns []string, lists bool) ([]any, error) {
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
	return values, nil
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
