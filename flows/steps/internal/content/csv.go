package content

import (
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/payload"
)

// CSVParams are the parameters of a dialect of CSV.
func CSVParams() []flows.Param {
	return []flows.Param{
		{Name: "delimiter", Type: flows.TypeString, Default: "a comma", Summary: "Character between cells, such as `;` or `\"\\t\"`."},
		{Name: "quote", Type: flows.TypeString, Default: `"`, Summary: "Character around cells, or `none`."},
		{Name: "header", Type: flows.TypeBool, Default: "true", Summary: "Whether the first row names the columns. A file without one is read by `columns`, or as lists."},
		{Name: "columns", Type: flows.TypeStrings, Summary: "When writing, the members that become columns, in this order; by default all, by name. When reading with `header: false`, the names of the columns."},
		{Name: "ragged", Type: flows.TypeEnum, Enum: []string{"fail", "fill"}, Default: "fail", Summary: "What reading does with a row of another length than the first: with `fill` cells that are missing are null, and further ones are named by their number."},
		{Name: "duplicates", Type: flows.TypeEnum, Enum: []string{"fail", "number"}, Default: "fail", Summary: "What reading does with columns of one name: `number` makes them `a`, `a_2`."},
		{Name: "lenient", Type: flows.TypeBool, Default: "false", Summary: "Reads quotes that are not closed, or have text after them, as spreadsheets do."},
	}
}

// ReadingCSV are the parameters that have no meaning for writing. Read only.
var ReadingCSV = []string{"ragged", "duplicates", "lenient"}

// CSVDialect returns the dialect that the parameters describe.
func CSVDialect(args *flows.Args) (payload.CSVDialect, error) {
	d := payload.CSVDialect{
		NoHeader: args.Has("header") && !args.Bool("header"), Columns: args.Strings("columns"),
		Fill: args.String("ragged") == "fill", Number: args.String("duplicates") == "number", Lenient: args.Bool("lenient"),
		NoQuote: args.String("quote") == "none",
	}
	for name, to := range map[string]*byte{"delimiter": &d.Delimiter, "quote": &d.Quote} {
		text := args.String(name)
		switch {
		case !args.Has(name), name == "quote" && d.NoQuote:
			continue
		case len(text) != 1 || text[0] >= 0x80 || text == "\r" || text == "\n" || text == "\x00":
			return d, args.Errorf(name, "%s: expected one ASCII character", name)
		}
		*to = text[0]
	}
	if d.Delimiter != 0 && d.Delimiter == d.Quote || d.Delimiter == '"' && d.Quote == 0 && !d.NoQuote || d.Quote == ',' && d.Delimiter == 0 {
		return d, args.Errorf("delimiter", "delimiter and quote are the same character")
	}
	return d, nil
}
