package encode

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/xlsx"
)

func xlsxFormat(args *flows.Args) (form, error) {
	if args.Bool("decode") {
		return readXLSXFormat(args)
	}
	for _, name := range []string{"input", "sheet", "range"} {
		if args.Has(name) {
			return nil, args.Refuse(problem.MeaninglessKey, name, "%s has no meaning for xlsx unless it decodes", name)
		}
	}
	output, err := bytesOutput(args, "xlsx", xlsx.ContentType)
	if err != nil {
		return nil, err
	}
	columns, header, order := args.Strings("columns"), !args.Has("header") || args.Bool("header"), args.Template("xlsx").Order()
	return func(ctx context.Context, in *flows.Input, v any) (any, error) {
		sheets, err := sheetsOf(in.Charger(ctx), v, order, columns, header)
		if err != nil {
			return nil, err
		}
		book, err := xlsx.Write(in.Charger(ctx), sheets)
		if limit := failure.AsLimit(err); limit != nil || ctx.Err() != nil {
			return nil, err
		}
		if err != nil {
			return nil, failure.Errorf("the spreadsheet cannot be written: %v", err)
		}
		return output(ctx, in, book)
	}, nil
}

// sheetsOf returns the sheets of a list of rows, or of an object of such lists.
func sheetsOf(charger *budget.Charger, v any, order *flows.Order, columns []string, header bool) ([]xlsx.Sheet, error) {
	object, ok := v.(map[string]any)
	if !ok {
		object, order = map[string]any{"Sheet1": v}, nil
	}
	names := slices.Sorted(maps.Keys(object))
	if order != nil {
		names = ordered(object, order)
	}
	sheets := make([]xlsx.Sheet, len(names))
	for i, name := range names {
		list, ok := object[name].([]any)
		if !ok {
			return nil, failure.Errorf("the sheet %q is %s, not a list of objects or lists", failure.ShortLine(name), content.TypeName(object[name]))
		}
		rows, err := sheetRows(charger, list, columns, header)
		if err != nil {
			return nil, err
		}
		sheets[i] = xlsx.Sheet{Name: name, Rows: rows}
	}
	return sheets, nil
}

func sheetRows(charger *budget.Charger, list []any, columns []string, header bool) ([][]any, error) {
	columns, lists := tableColumns(list, columns)
	rows := make([][]any, 0, len(list)+1)
	if header && len(columns) > 0 {
		names := make([]any, len(columns))
		for i, name := range columns {
			names[i] = name
		}
		rows = append(rows, names)
	}
	for i, element := range list {
		values, err := tableRow(element, columns, lists)
		if err != nil {
			return nil, failure.Errorf("row %d %v", i+1, err)
		}
		if err := charger.Charge(int64(len(values)+1) * budget.Cell); err != nil {
			return nil, err
		}
		cells := make([]any, len(values))
		for j, v := range values {
			cells[j] = cellValue(v)
		}
		rows = append(rows, cells)
	}
	return rows, nil
}

// cellValue returns what is written into a cell; lists and objects are JSON.
func cellValue(v any) any {
	switch v := v.(type) {
	case nil, bool, string:
		return v
	case []any, map[string]any:
		return content.ScalarText(v)
	}
	return json.Number(content.ScalarText(v))
}

func readXLSXFormat(args *flows.Args) (form, error) {
	for _, name := range []string{"output", "name", "columns"} {
		if args.Has(name) {
			return nil, args.Refuse(problem.MeaninglessKey, name, "%s has no meaning for xlsx when it decodes", name)
		}
	}
	options, err := content.XLSXOptions(args)
	if err != nil {
		return nil, err
	}
	read, err := bytesInput(args, "a spreadsheet")
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *flows.Input, v any) (any, error) {
		book, err := read(ctx, in, v)
		if err != nil {
			return nil, err
		}
		return content.ReadXLSX(in.Charger(ctx), book, *options)
	}, nil
}

// bytesInput returns how the bytes of something that is no text are read, by the parameter input.
func bytesInput(args *flows.Args, what string) (func(ctx context.Context, in *flows.Input, v any) ([]byte, error), error) {
	switch input := args.String("input"); input {
	case inputFile:
		return func(ctx context.Context, in *flows.Input, v any) ([]byte, error) {
			bytes, _, err := content.ReadFile(ctx, in, v, maxFile)
			return bytes, err
		}, nil
	case "base64", "hex":
		return func(_ context.Context, _ *flows.Input, v any) ([]byte, error) { return readBytes(codecNamed(input), v) }, nil
	}
	return nil, args.Errorf("input", "%s is no text: input: file or input: base64 reads it", what)
}

const outputFile = "file" // the result is a file of the run

// bytesOutput returns how the bytes of something that is no text are written, by the parameters output and name.
func bytesOutput(args *flows.Args, format, contentType string) (func(ctx context.Context, in *flows.Input, result []byte) (any, error), error) {
	name := args.Template("name")
	switch output := args.String("output"); output {
	case "base64", "base64url", "hex":
		if name != nil {
			return nil, args.Refuse(problem.MeaninglessKey, "name", "name has a meaning with output: file only")
		}
		return func(ctx context.Context, in *flows.Input, result []byte) (any, error) {
			return codecNamed(output).encode(result), in.Charger(ctx).Charge(2 * int64(len(result)))
		}, nil
	case outputFile:
		return func(ctx context.Context, in *flows.Input, result []byte) (any, error) {
			file, err := saveFile(ctx, in, 0, name, contentType, bytes.NewReader(result))
			return file, transformError(ctx, format, err)
		}, nil
	}
	return nil, args.Errorf(format, "%s is no text: output: file or output: base64 writes it", format)
}
