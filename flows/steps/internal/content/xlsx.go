package content

import (
	"errors"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/failure"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/xlsx"
)

// SheetParam is the parameter sheet of steps that read spreadsheets.
func SheetParam() flows.Param {
	return flows.Param{Name: "sheet", Type: flows.TypeString, Default: "the first", Summary: "Sheet of a spreadsheet that is read, by its name or number."}
}

// RangeParam is the parameter range of steps that read spreadsheets.
func RangeParam() flows.Param {
	return flows.Param{Name: "range", Type: flows.TypeString, Default: "the whole sheet", Summary: "Range of the sheet that is read: `A3:F20`, `A3:F` to the last row, `A3` to the end."}
}

// HeaderParam is the parameter header of steps that read spreadsheets.
func HeaderParam() flows.Param {
	return flows.Param{Name: "header", Type: flows.TypeBool, Default: "true", Summary: "Whether the first row of the range names the columns of a spreadsheet; without, its rows are lists."}
}

// XLSXOptions reads sheet, range and header.
func XLSXOptions(args *flows.Args) (*xlsx.Options, error) {
	area, err := xlsx.ParseRange(args.String("range"))
	if err != nil {
		return nil, args.Errorf("range", "range: %v", err)
	}
	return &xlsx.Options{Sheet: args.String("sheet"), Range: area, NoHeader: args.Has("header") && !args.Bool("header")}, nil
}

// ReadXLSX reads a spreadsheet.
func ReadXLSX(charger *budget.Charger, content []byte, o xlsx.Options) (any, error) {
	rows, err := xlsx.Read(charger, content, o)
	if errors.Is(err, xlsx.ErrForm) {
		return nil, failure.Errorf("the spreadsheet cannot be read: %v", err)
	}
	return rows, failure.Limit(err)
}
